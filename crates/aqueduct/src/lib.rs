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
//! What needs no encoding is copied: [`Plan::copying`] plans segments of the source's own access units, and the same
//! [`Presentation`] makes them.
//!
//! Feature `av` (on by default) links FFmpeg for probing anything but MP4, for decoding and encoding. Without it
//! everything else, copying included, is pure Rust without a line of `unsafe`.

#![cfg_attr(not(feature = "av"), forbid(unsafe_code))]

#[cfg(feature = "av")]
mod av;
pub mod check;
pub mod error;
pub mod index;
pub mod media;
pub mod mux;
pub mod plan;
pub mod playlist;
mod segment;
pub mod source;
pub mod time;

#[cfg(feature = "av")]
pub use av::{Decoders, engine, quiet_encoders, reader_versions, return_memory_early, use_small_pages};
pub use error::{Error, ErrorKind, Result};
pub use index::SourceIndex;
pub use plan::{Ladder, Plan, PlanBuilder, RenditionId, Settings};
pub use segment::{ColumnRequest, Control, KeyFrameScan, Made, Maker, Presentation};
#[cfg(feature = "av")]
pub use segment::{MemoryNeed, Part, Profile};
pub use source::{FileSource, MemorySource, Source};

/// Finds out what `source` is: its tracks and the times, sizes and places of all their packets.
///
/// MP4 and MOV are read from their sample tables, in milliseconds; anything else is scanned once with libav, where the
/// build has it.
///
/// Fails with [`ErrorKind::Corrupt`] and the place when the bytes are no media or break off, with
/// [`ErrorKind::Unsupported`] when this build cannot read that container, with [`ErrorKind::Limit`] when there is
/// more than any video has, and with [`ErrorKind::Source`] when reading fails.
pub fn probe(source: &std::sync::Arc<dyn Source>) -> Result<SourceIndex> {
    if !index::mp4::sniff(&**source)? {
        return scan(source);
    }
    let read = index::mp4::read(&**source, &index::mp4::Limits::default());
    #[cfg(feature = "av")]
    return match read {
        Ok(index) if index.is_known() => Ok(index),
        // A coding of which only libav knows the facts.
        Ok(index) => match av::probe(source) {
            Err(error) if error.kind() == ErrorKind::Source => Err(error),
            found => Ok(found.unwrap_or(index)),
        },
        Err(error) if error.kind() == ErrorKind::Source => Err(error),
        // What breaks the rules may still be readable to those who bend them; if not, our words say where it breaks.
        Err(error) => {
            av::probe(source).map_err(|other| if other.kind() == ErrorKind::Source { other } else { error })
        }
    };
    #[cfg(not(feature = "av"))]
    read
}

#[cfg(feature = "av")]
fn scan(source: &std::sync::Arc<dyn Source>) -> Result<SourceIndex> {
    av::probe(source)
}

#[cfg(not(feature = "av"))]
fn scan(source: &std::sync::Arc<dyn Source>) -> Result<SourceIndex> {
    let message = format!(
        "{} is neither MP4 nor MOV, and this build reads nothing else: it has no libav",
        source.name()
    );
    Err(Error::unsupported(message))
}
