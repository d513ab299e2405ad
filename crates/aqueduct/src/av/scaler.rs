//! Pictures of one size into pictures of another, 8-bit 4:2:0, video range.

use ffmpeg_next::ffi;

use super::picture::{Picture, PicturePool, Siting};
use crate::error::{Error, Result};
use crate::media::Colour;

/// Bicubic as ffmpeg's own default; the bit-exact paths, so that bytes do not depend on the CPU.
#[allow(clippy::unnecessary_cast, reason = "the constants' type differs between FFmpeg's versions")]
const FLAGS: i32 = (ffi::SWS_BICUBIC | ffi::SWS_ACCURATE_RND | ffi::SWS_BITEXACT) as i32;

/// Scales and converts pictures to one size, chroma at its place ([`Siting`]); made pictures have it on the left. Opened
/// for the first picture, and again should the source change its size or format half-way.
pub(crate) struct Scaler {
    context: *mut ffi::SwsContext,
    input: Option<(i32, i32, i32, Siting)>,
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
        let siting = picture.siting();
        self.open(input, siting)?;
        // Where the size stays, swscale leaves chroma where it was.
        let made = if (input.width, input.height) == size { siting } else { Siting::LEFT };
        self.pool.draw(made, |output| {
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
    fn open(&mut self, input: &ffi::AVFrame, siting: Siting) -> Result<()> {
        let key = (input.width, input.height, input.format, siting);
        if self.input == Some(key) {
            return Ok(());
        }
        let unsupported = || {
            Error::unsupported(format!(
                "swscale cannot turn {}x{} pictures of format {} into 4:2:0",
                key.0, key.1, key.2
            ))
        };
        // SAFETY: the old context is owned here and replaced by one that nothing else knows; its options are numbers. It is
        // freed when it is dropped, also where it could not be opened.
        unsafe {
            ffi::sws_freeContext(self.context);
            self.input = None;
            self.context = ffi::sws_alloc_context();
            if self.context.is_null() {
                return Err(unsupported());
            }
            for (name, value) in [
                (c"srcw", input.width),
                (c"srch", input.height),
                (c"src_format", input.format),
                (c"dstw", self.width as i32),
                (c"dsth", self.height as i32),
                (c"dst_format", ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32),
                (c"sws_flags", FLAGS),
                (c"src_h_chr_pos", siting.x),
                (c"src_v_chr_pos", siting.y),
                (c"dst_h_chr_pos", Siting::LEFT.x),
                (c"dst_v_chr_pos", Siting::LEFT.y),
            ] {
                if ffi::av_opt_set_int(self.context.cast(), name.as_ptr(), value.into(), 0) < 0 {
                    return Err(unsupported());
                }
            }
            if ffi::sws_init_context(self.context, std::ptr::null_mut(), std::ptr::null_mut()) < 0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose chroma rises evenly from left to right and from top to bottom: at `siting` of each four luma samples
    /// it is the sum of both coordinates.
    fn ramp(size: u32, siting: Siting) -> Picture {
        let value = |at: usize, offset: i32| 1.5 * (2.0 * at as f64 + 0.5 + f64::from(offset) / 256.0);
        let made = PicturePool::new(size, size).draw(siting, |frame| {
            for plane in 1..3 {
                let (stride, side) = (frame.stride(plane), size as usize / 2);
                for y in 0..side {
                    for x in 0..side {
                        let sum = value(x, siting.x) + value(y, siting.y);
                        frame.data_mut(plane)[y * stride + x] = sum.round() as u8;
                    }
                }
            }
            Ok::<_, Error>(())
        });
        made.unwrap()
    }

    #[test]
    fn chroma_stays_where_it_belongs() {
        let top_left = Siting { x: 0, y: 0 };
        let turned = Siting { x: 256, y: 128 };
        for siting in [Siting::LEFT, top_left, turned] {
            for (from, to) in [(80, 40), (80, 20), (72, 54)] {
                let made = Scaler::new(to, to, Colour::BT709).scale(&ramp(from, siting)).unwrap();
                assert_eq!(made.siting(), Siting::LEFT);
                let frame = made.frame();
                // Away from the edges, which repeat.
                let side = to as usize / 2;
                for (x, y) in (3..side - 3).flat_map(|x| (3..side - 3).map(move |y| (x, y))) {
                    let place =
                        |at: usize, offset: f64| (2.0 * at as f64 + offset) * f64::from(from) / f64::from(to);
                    let wanted = 1.5 * (place(x, 0.5) + place(y, 1.0));
                    let found = f64::from(frame.data(1)[y * frame.stride(1) + x]);
                    assert!(
                        (found - wanted).abs() <= 1.0,
                        "{siting:?}, {from} to {to}, at {x}, {y}: {found}, not {wanted}"
                    );
                }
            }
        }
    }
}
