//! Pictures of any format into 8-bit 4:2:0, video range, by libswscale.

use ffmpeg_next::{ffi, frame};

use super::picture::Siting;
use crate::error::{Error, Result};
use crate::media::Colour;

/// Bicubic as ffmpeg's own default; the bit-exact paths, so that bytes do not depend on the CPU.
#[allow(clippy::unnecessary_cast, reason = "the constants' type differs between FFmpeg's versions")]
const FLAGS: i32 = (ffi::SWS_BICUBIC | ffi::SWS_ACCURATE_RND | ffi::SWS_BITEXACT) as i32;

/// Scales and converts pictures of one size and format.
pub(super) struct Swscale {
    context: *mut ffi::SwsContext,
    height: i32,
}

// SAFETY: the context is owned here alone and has no ties to a thread.
unsafe impl Send for Swscale {}

impl Swscale {
    /// From pictures of a size and a pixel format of libav, whose chroma lies at `siting`, to pictures of another size, whose
    /// chroma lies on the left. `colour` says how the input's samples are to be understood.
    #[allow(clippy::unnecessary_cast, reason = "the constants' type differs between FFmpeg's versions")]
    pub(super) fn new(
        from: (i32, i32),
        format: i32,
        siting: Siting,
        to: (i32, i32),
        colour: Colour,
    ) -> Result<Self> {
        let unsupported = || {
            Error::unsupported(format!(
                "swscale cannot turn {}x{} pictures of format {format} into 4:2:0",
                from.0, from.1
            ))
        };
        // SAFETY: the context is new and nothing else knows it; its options are numbers. It is freed when it is dropped, also
        // where it could not be opened.
        unsafe {
            let made = Self { context: ffi::sws_alloc_context(), height: to.1 };
            if made.context.is_null() {
                return Err(unsupported());
            }
            for (name, value) in [
                (c"srcw", from.0),
                (c"srch", from.1),
                (c"src_format", format),
                (c"dstw", to.0),
                (c"dsth", to.1),
                (c"dst_format", ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32),
                (c"sws_flags", FLAGS),
                (c"src_h_chr_pos", siting.x),
                (c"src_v_chr_pos", siting.y),
                (c"dst_h_chr_pos", Siting::LEFT.x),
                (c"dst_v_chr_pos", Siting::LEFT.y),
                // Told before it is opened: where neither size nor format change, it would only copy.
                (c"src_range", colour.full_range.into()),
            ] {
                if ffi::av_opt_set_int(made.context.cast(), name.as_ptr(), value.into(), 0) < 0 {
                    return Err(unsupported());
                }
            }
            if ffi::sws_init_context(made.context, std::ptr::null_mut(), std::ptr::null_mut()) < 0 {
                return Err(unsupported());
            }
            // The matrix stays what it is; only the range may change, and RGB needs to know the matrix.
            let table = ffi::sws_getCoefficients(match colour.matrix {
                1 => ffi::SWS_CS_ITU709,
                9 | 10 => ffi::SWS_CS_BT2020,
                _ => ffi::SWS_CS_DEFAULT,
            } as i32);
            let full = i32::from(colour.full_range);
            ffi::sws_setColorspaceDetails(made.context, table, full, table, 0, 0, 1 << 16, 1 << 16);
            Ok(made)
        }
    }

    /// Fills `output` from `input`; they have the sizes and formats that this was opened for.
    pub(super) fn run(&mut self, input: &frame::Video, output: &mut frame::Video) -> Result<()> {
        // SAFETY: both frames have the sizes and formats that the context was opened for; input is only read.
        let rows = unsafe {
            let (input, output) = (&*input.as_ptr(), &mut *output.as_mut_ptr());
            ffi::sws_scale(
                self.context,
                input.data.as_ptr().cast(),
                input.linesize.as_ptr(),
                0,
                input.height,
                output.data.as_mut_ptr(),
                output.linesize.as_ptr(),
            )
        };
        if rows == self.height {
            Ok(())
        } else {
            Err(Error::internal(format!("swscale made {rows} of {} rows", self.height)))
        }
    }
}

impl Drop for Swscale {
    fn drop(&mut self) {
        // SAFETY: the context is owned here and freed once; null is allowed.
        unsafe { ffi::sws_freeContext(self.context) };
    }
}
