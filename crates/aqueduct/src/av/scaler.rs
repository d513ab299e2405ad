//! Pictures of one size into pictures of another, 8-bit 4:2:0, video range.

use std::ptr::null;

use ffmpeg_next::ffi;

use super::picture::{Picture, PicturePool};
use crate::error::{Error, Result};
use crate::media::Colour;

/// Bicubic as ffmpeg's own default; the bit-exact paths, so that bytes do not depend on the CPU.
#[allow(clippy::unnecessary_cast, reason = "the constants' type differs between FFmpeg's versions")]
const FLAGS: i32 = (ffi::SWS_BICUBIC | ffi::SWS_ACCURATE_RND | ffi::SWS_BITEXACT) as i32;

/// Scales and converts pictures to one size. Opened for the first picture, and again should the source change
/// its size or format half-way.
pub(crate) struct Scaler {
    context: *mut ffi::SwsContext,
    input: Option<(i32, i32, i32)>,
    pool: PicturePool,
    width: u32,
    height: u32,
    colour: Colour,
}

// SAFETY: the context is owned here alone and has no ties to a thread.
unsafe impl Send for Scaler {}

impl Scaler {
    /// A scaler to `width` by `height`. `colour` says how the input's samples are to be understood.
    pub(crate) fn new(width: u32, height: u32, colour: Colour) -> Self {
        Self {
            context: std::ptr::null_mut(),
            input: None,
            pool: PicturePool::new(width, height),
            width,
            height,
            colour,
        }
    }

    /// The picture at the size of this scaler; the very same picture when nothing has to change.
    pub(crate) fn scale(&mut self, picture: &Picture) -> Result<Picture> {
        let frame = picture.frame();
        // SAFETY: the frame is a decoded picture and stays borrowed.
        let input = unsafe { &*frame.as_ptr() };
        let size = (self.width as i32, self.height as i32);
        let plain = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32;
        if (input.width, input.height) == size && input.format == plain && !self.colour.full_range {
            return Ok(picture.clone());
        }
        self.open(input)?;
        self.pool.draw(|output| {
            // SAFETY: both frames have the sizes and formats that the context was opened for; input is only read.
            let rows = unsafe {
                ffi::sws_scale(
                    self.context,
                    input.data.as_ptr().cast(),
                    input.linesize.as_ptr(),
                    0,
                    input.height,
                    (*output.as_mut_ptr()).data.as_mut_ptr(),
                    (*output.as_mut_ptr()).linesize.as_ptr(),
                )
            };
            if rows == size.1 {
                Ok(())
            } else {
                Err(Error::internal(format!("swscale made {rows} of {} rows", size.1)))
            }
        })
    }

    #[allow(clippy::unnecessary_cast, reason = "the constants' type differs between FFmpeg's versions")]
    fn open(&mut self, input: &ffi::AVFrame) -> Result<()> {
        let key = (input.width, input.height, input.format);
        if self.input == Some(key) {
            return Ok(());
        }
        let unsupported = || {
            Error::unsupported(format!(
                "swscale cannot turn {}x{} pictures of format {} into 4:2:0",
                key.0, key.1, key.2
            ))
        };
        // SAFETY: the old context is owned here; a frame's format is always one of this build's formats.
        unsafe {
            ffi::sws_freeContext(self.context);
            self.context = ffi::sws_getContext(
                input.width,
                input.height,
                std::mem::transmute::<i32, ffi::AVPixelFormat>(input.format),
                self.width as i32,
                self.height as i32,
                ffi::AVPixelFormat::AV_PIX_FMT_YUV420P,
                FLAGS,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                null(),
            );
            if self.context.is_null() {
                self.input = None;
                return Err(unsupported());
            }
            // The matrix stays what it is; only the range may change, and RGB needs to know the matrix.
            let table = ffi::sws_getCoefficients(match self.colour.matrix {
                1 => ffi::SWS_CS_ITU709,
                9 | 10 => ffi::SWS_CS_BT2020,
                _ => ffi::SWS_CS_DEFAULT,
            } as i32);
            let full = i32::from(self.colour.full_range);
            ffi::sws_setColorspaceDetails(self.context, table, full, table, 0, 0, 1 << 16, 1 << 16);
        }
        self.input = Some(key);
        Ok(())
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: the context is owned here and freed once; null is allowed.
        unsafe { ffi::sws_freeContext(self.context) };
    }
}
