//! Segments: a pure function of source, plan, rendition and index.

mod control;
mod copy;
#[cfg(feature = "av")]
mod draw;
#[cfg(feature = "av")]
mod encode;
#[cfg(feature = "av")]
mod pack;
#[cfg(feature = "av")]
mod pictures;
mod presentation;
mod scan;
#[cfg(feature = "av")]
mod sets;
#[cfg(feature = "av")]
mod sound;
#[cfg(feature = "av")]
mod works;

pub use control::Control;
pub use presentation::{ColumnRequest, Made, Maker, Presentation};
pub use scan::KeyFrameScan;
