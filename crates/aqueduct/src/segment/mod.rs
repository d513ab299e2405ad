//! Segments: a pure function of source, plan, rendition and index.

mod control;
mod presentation;
mod sound;
mod transcode;

pub use control::Control;
pub use presentation::{Maker, Presentation};
