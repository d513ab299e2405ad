//! A decoded or scaled picture that several encoders may read at once.

use std::sync::{Arc, Mutex, PoisonError};

use ffmpeg_next::{ffi, format, frame};

use super::resampler::Plane;

/// A picture that is not changed any more; clones share it.
#[derive(Clone)]
pub(crate) struct Picture(Arc<Frame>);

struct Frame {
    frame: frame::Video,
    sampling: Sampling,
    home: Option<PicturePool>,
}

/// How a picture's samples lie, and how they came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampling {
    pub(super) siting: Siting,
    /// Whether it was made from a picture of another size.
    pub(super) is_scaled: bool,
}

impl From<Siting> for Sampling {
    fn from(siting: Siting) -> Self {
        Self { siting, is_scaled: false }
    }
}

/// Where the first chroma sample of a 4:2:0 picture lies, from the centre of the first luma sample, in 256ths of the
/// distance of two luma samples (ITU-T H.273 §8.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Siting {
    pub(super) x: i32,
    pub(super) y: i32,
}

impl Siting {
    /// On the left luma sample, between two lines: what H.264, H.265 and MPEG-2 mean when they say nothing.
    pub(super) const LEFT: Self = Self { x: 0, y: 128 };

    fn of(frame: &frame::Video) -> Self {
        use ffi::AVChromaLocation::{
            AVCHROMA_LOC_BOTTOM, AVCHROMA_LOC_BOTTOMLEFT, AVCHROMA_LOC_CENTER, AVCHROMA_LOC_TOP,
            AVCHROMA_LOC_TOPLEFT,
        };
        // SAFETY: the frame is alive, and its header is only read.
        match unsafe { (*frame.as_ptr()).chroma_location } {
            AVCHROMA_LOC_CENTER => Self { x: 128, y: 128 },
            AVCHROMA_LOC_TOPLEFT => Self { x: 0, y: 0 },
            AVCHROMA_LOC_TOP => Self { x: 128, y: 0 },
            AVCHROMA_LOC_BOTTOMLEFT => Self { x: 0, y: 256 },
            AVCHROMA_LOC_BOTTOM => Self { x: 128, y: 256 },
            _ => Self::LEFT,
        }
    }
}

// SAFETY: a frame behind a `Picture` is only read; libav's buffers may be read from several threads, and their
// reference counts are atomic.
unsafe impl Sync for Frame {}

impl Picture {
    /// Wraps a frame that nothing else writes to.
    pub(super) fn new(frame: frame::Video) -> Self {
        let sampling = Siting::of(&frame).into();
        Self(Arc::new(Frame { frame, sampling, home: None }))
    }

    pub(super) fn sampling(&self) -> Sampling {
        self.0.sampling
    }

    pub(super) fn siting(&self) -> Siting {
        self.0.sampling.siting
    }

    pub(super) fn frame(&self) -> &frame::Video {
        &self.0.frame
    }
}

/// A plane of 8-bit samples; None where its rows run upwards or there is none.
pub(super) fn plane(frame: &frame::Video, index: usize) -> Option<Plane<'_>> {
    if index >= frame.planes() {
        return None;
    }
    let (width, height) = (frame.plane_width(index) as usize, frame.plane_height(index) as usize);
    // SAFETY: the frame is alive, and its header is only read.
    let (data, stride) =
        unsafe { ((*frame.as_ptr()).data.get(index)?, (*frame.as_ptr()).linesize.get(index)?) };
    let stride = usize::try_from(*stride).ok().filter(|stride| *stride >= width)?;
    if data.is_null() || width == 0 {
        return None;
    }
    // SAFETY: libav keeps `height` rows of `width` samples there, `stride` apart, for as long as the frame lives. What lies
    // behind the last row belongs to nobody where a decoder has cropped the picture.
    let samples = unsafe { std::slice::from_raw_parts(*data, stride * height.checked_sub(1)? + width) };
    Some(Plane { samples, stride })
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.put(std::mem::replace(&mut self.frame, frame::Video::empty()));
        }
    }
}

/// Buffers for pictures of one size, used again and again.
#[derive(Clone)]
pub(crate) struct PicturePool(Arc<Pool>);

struct Pool {
    width: u32,
    height: u32,
    free: Mutex<Vec<frame::Video>>,
}

impl PicturePool {
    /// A pool of 8-bit 4:2:0 pictures of `width` by `height` pixels.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self(Arc::new(Pool { width, height, free: Mutex::new(Vec::new()) }))
    }

    /// Lets `draw` fill a picture.
    pub(super) fn draw<E>(
        &self,
        sampling: impl Into<Sampling>,
        draw: impl FnOnce(&mut frame::Video) -> Result<(), E>,
    ) -> Result<Picture, E> {
        let free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut frame =
            free.unwrap_or_else(|| frame::Video::new(format::Pixel::YUV420P, self.0.width, self.0.height));
        draw(&mut frame)?;
        Ok(Picture(Arc::new(Frame { frame, sampling: sampling.into(), home: Some(self.clone()) })))
    }

    fn put(&self, mut frame: frame::Video) {
        // SAFETY: the frame is owned here; libav says whether an encoder still holds a reference to its buffer.
        if unsafe { ffi::av_frame_is_writable(frame.as_mut_ptr()) } > 0 {
            self.0.free.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
        }
    }
}
