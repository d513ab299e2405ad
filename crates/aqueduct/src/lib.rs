//! Aqueduct turns video into HLS: it plans, transcodes, segments and writes playlists.
//!
//! What it is not: a player, a server, or a store. Serving and storing live in `aqueduct-service`.
//!
//! # The one contract
//!
//! A segment is a pure function of source, plan, rendition and index. No clock, no host, no earlier segment and no
//! number of threads decides a byte. So segments can be made in any order, anywhere, again, and on demand.
//!
//! # The canonical loop
//!
//! [`probe`] a [`Source`] into a [`SourceIndex`]; make a [`Plan`] of it; write the playlists of the plan; make
//! each [`Presentation::segment`], or a whole [`Presentation::column`] at once.
//!
//! Feature `av` (on by default) links FFmpeg for probing, decoding and encoding. Without it everything else is
//! pure Rust without a line of `unsafe`.

#![cfg_attr(not(feature = "av"), forbid(unsafe_code))]

#[cfg(feature = "av")]
mod av;
pub mod error;
pub mod index;
pub mod media;
pub mod mux;
pub mod plan;
pub mod playlist;
#[cfg(feature = "av")]
mod segment;
pub mod source;
pub mod time;

#[cfg(feature = "av")]
pub use av::{engine, probe};
pub use error::{Error, ErrorKind, Result};
pub use index::SourceIndex;
pub use plan::{Ladder, Plan, PlanBuilder, RenditionId, Settings};
#[cfg(feature = "av")]
pub use segment::{Control, Maker, Presentation};
pub use source::{FileSource, MemorySource, Source};
