//! Segments: a pure function of source, plan, rendition and index.

mod control;
mod copy;
#[cfg(feature = "av")]
mod draw;
#[cfg(feature = "av")]
mod encode;
#[cfg(feature = "av")]
mod memory;
#[cfg(feature = "av")]
mod pack;
#[cfg(feature = "av")]
mod pictures;
mod presentation;
#[cfg(feature = "av")]
mod profile;
mod scan;
#[cfg(feature = "av")]
mod sets;
#[cfg(feature = "av")]
mod sound;
#[cfg(feature = "av")]
mod works;

pub use control::Control;
#[cfg(feature = "av")]
pub use memory::MemoryNeed;
pub use presentation::{ColumnRequest, Made, Maker, Presentation};
#[cfg(feature = "av")]
pub use profile::{Part, Profile};
pub use scan::KeyFrameScan;
