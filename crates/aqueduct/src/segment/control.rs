//! What a caller can do to work that is under way: watch it and stop it.

#[cfg(feature = "av")]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[cfg(feature = "av")]
use super::profile::{Part, Profile};
use crate::error::{Error, ErrorKind, Result};

/// Shared between the thread that makes segments and whoever watches it. Decides no byte.
#[derive(Debug, Default)]
pub struct Control {
    cancelled: AtomicBool,
    frames: AtomicU64,
    #[cfg(feature = "av")]
    profile: Option<Arc<Profile>>,
}

impl Control {
    /// Not cancelled, nothing made.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records in `profile` what each step costs. Default: nothing is measured.
    #[cfg(feature = "av")]
    #[must_use]
    pub fn with_profile(mut self, profile: Arc<Profile>) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Asks to stop; the work in progress returns [`ErrorKind::Cancelled`] within a few frames.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether [`Control::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Frames encoded so far, each counted once for every rung that it was encoded for; audio access units for
    /// a presentation without video.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    pub(crate) fn add_frames(&self, count: u64) {
        self.frames.fetch_add(count, Ordering::Relaxed);
    }

    /// Does `work` for a part of a segment, and records what it costs where that is wanted.
    #[cfg(feature = "av")]
    pub(crate) fn time<T>(&self, segment: u32, part: Part, work: impl FnOnce() -> T) -> T {
        match &self.profile {
            Some(profile) => profile.time(segment, part, work),
            None => work(),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::new(ErrorKind::Cancelled, "stopped as asked")) } else { Ok(()) }
    }
}
