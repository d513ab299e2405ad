//! Containers: elementary streams in, segment bytes out, and back.

pub mod ts;
