//! Containers: elementary streams in, segment bytes out, and back.

pub mod fmp4;
pub mod ts;
