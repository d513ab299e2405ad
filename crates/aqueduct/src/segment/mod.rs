//! Segments: a pure function of source, plan, rendition and index.

mod control;
mod copy;
#[cfg(feature = "av")]
mod encode;
#[cfg(feature = "av")]
mod pack;
mod presentation;
mod scan;
#[cfg(feature = "av")]
mod sound;
#[cfg(feature = "av")]
mod transcode;

pub use control::Control;
pub use presentation::{Made, Maker, Presentation};
pub use scan::KeyFrameScan;
