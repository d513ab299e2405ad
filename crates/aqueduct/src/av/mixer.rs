//! Sample formats, channels and rates of sound, through libswresample.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use crate::error::{Error, ErrorKind, Result};

/// Turns sound of one shape into 32-bit float planes of another.
pub(crate) struct Mixer {
    context: *mut ffi::SwrContext,
    inputs: usize,
    channels: usize,
}

// SAFETY: the context is owned here alone and has no ties to a thread.
unsafe impl Send for Mixer {}

impl Mixer {
    /// From float planes of `from` channels and rate to float planes of `to` channels and rate. Surround is mixed
    /// down with the coefficients of ITU-R BS.775 that libswresample has as its default.
    pub(crate) fn new(from: (&str, u32), to: (u8, u32)) -> Result<Self> {
        let mut input = empty_layout();
        let mut output = empty_layout();
        let name =
            std::ffi::CString::new(from.0).map_err(|_| Error::internal("a layout's name holds a zero"))?;
        // SAFETY: both layouts are initialised values owned here; the name is a terminated string.
        unsafe {
            if ffi::av_channel_layout_from_string(&mut input, name.as_ptr()) < 0 {
                return Err(Error::unsupported(format!("nobody knows the channel layout `{}`", from.0)));
            }
            ffi::av_channel_layout_default(&mut output, to.0.into());
        }
        let planar = ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP;
        Self::open((&input, planar, from.1), (&output, planar, to.1))
    }

    /// From a decoder's frame to float planes of the same channels and rate.
    pub(super) fn unpack(frame: &ffi::AVFrame, channels: u8) -> Result<Self> {
        let mut layout = empty_layout();
        // SAFETY: the layout is an initialised value owned here; a frame's format is one of this build's formats.
        let format = unsafe {
            ffi::av_channel_layout_default(&mut layout, channels.into());
            std::mem::transmute::<c_int, ffi::AVSampleFormat>(frame.format)
        };
        let rate = u32::try_from(frame.sample_rate).unwrap_or(0);
        Self::open((&layout, format, rate), (&layout, ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP, rate))
    }

    fn open(
        from: (&ffi::AVChannelLayout, ffi::AVSampleFormat, u32),
        to: (&ffi::AVChannelLayout, ffi::AVSampleFormat, u32),
    ) -> Result<Self> {
        let inputs = usize::try_from(from.0.nb_channels).unwrap_or(0);
        let channels = usize::try_from(to.0.nb_channels).unwrap_or(0);
        let mut context = std::ptr::null_mut();
        // SAFETY: libswresample allocates the context and copies the layouts.
        let opened = unsafe {
            let result = ffi::swr_alloc_set_opts2(
                &mut context,
                // Not written to; older FFmpeg lacks the const.
                std::ptr::from_ref(to.0).cast_mut(),
                to.1,
                to.2 as c_int,
                std::ptr::from_ref(from.0).cast_mut(),
                from.1,
                from.2 as c_int,
                0,
                std::ptr::null_mut(),
            );
            if result < 0 { result } else { ffi::swr_init(context) }
        };
        let mixer = Self { context, inputs, channels };
        if opened < 0 {
            let message =
                format!("libswresample cannot turn {} Hz into {} Hz with these channels", from.2, to.2);
            return Err(super::failed(ErrorKind::Unsupported, &message, opened.into()));
        }
        Ok(mixer)
    }

    /// Converts a whole window of planes at once and returns at most `samples` per channel, filled up with silence.
    /// Fails with [`ErrorKind::Corrupt`] when there are not as many planes as the layout has channels.
    pub(crate) fn mix(mut self, planes: &[Vec<f32>], samples: usize) -> Result<Vec<Vec<f32>>> {
        if planes.len() != self.inputs {
            // The name of a layout and the count of channels come from an index, which may lie.
            let message = format!("the index says {} channels and a layout of {}", planes.len(), self.inputs);
            return Err(Error::corrupt(message));
        }
        let pointers: Vec<*const u8> = planes.iter().map(|plane| plane.as_ptr().cast()).collect();
        let count = planes.iter().map(Vec::len).min().unwrap_or(0);
        let mut mixed = vec![vec![0.0; samples]; self.channels];
        // SAFETY: every plane holds `count` floats at least, and there are as many as the context was opened for.
        let mut done = unsafe { self.convert(pointers.as_ptr(), count, &mut mixed, 0)? };
        while done < samples {
            // SAFETY: no input: the rest of the resampler's delay comes out.
            let more = unsafe { self.convert(std::ptr::null(), 0, &mut mixed, done)? };
            if more == 0 {
                break;
            }
            done += more;
        }
        Ok(mixed)
    }

    /// Converts a decoder's frame.
    pub(super) fn frame(&mut self, frame: &ffi::AVFrame) -> Result<Vec<Vec<f32>>> {
        let samples = usize::try_from(frame.nb_samples).unwrap_or(0);
        let mut planes = vec![vec![0.0; samples]; self.channels];
        // SAFETY: the frame's data has the format and channels that the context was opened for.
        let done = unsafe { self.convert(frame.extended_data.cast_const().cast(), samples, &mut planes, 0)? };
        if done == samples { Ok(planes) } else { Err(Error::internal("libswresample kept samples back")) }
    }

    /// # Safety
    ///
    /// `input` is null or points to as many plane pointers as the context has input planes, each with `count`
    /// samples.
    unsafe fn convert(
        &mut self,
        input: *const *const u8,
        count: usize,
        output: &mut [Vec<f32>],
        from: usize,
    ) -> Result<usize> {
        let room = output.iter().map(|plane| plane.len().saturating_sub(from)).min().unwrap_or(0);
        let mut pointers: Vec<*mut u8> = output
            .iter_mut()
            .map(|plane| plane.get_mut(from..).map_or(std::ptr::null_mut(), <[f32]>::as_mut_ptr).cast())
            .collect();
        // SAFETY: every output plane has room for `room` samples; the input is as the caller promises.
        let made = unsafe {
            ffi::swr_convert(
                self.context,
                pointers.as_mut_ptr().cast(),
                c_int::try_from(room).unwrap_or(c_int::MAX),
                input.cast_mut().cast(),
                c_int::try_from(count).unwrap_or(c_int::MAX),
            )
        };
        usize::try_from(made)
            .map_err(|_| super::failed(ErrorKind::Internal, "libswresample failed", made.into()))
    }
}

impl Drop for Mixer {
    fn drop(&mut self) {
        // SAFETY: the context is owned here and freed once.
        unsafe { ffi::swr_free(&mut self.context) };
    }
}

fn empty_layout() -> ffi::AVChannelLayout {
    // SAFETY: all zeros is the documented initial state of this plain C structure.
    unsafe { std::mem::zeroed() }
}
