//! Playlists (RFC 8216bis §4), written from the plan alone.
//!
//! They exist before the first segment does. Once all segments are made, [`Measured`] replaces the planned bit
//! rates of the multivariant playlist by what the segments really have, and adds what only finished segments can
//! tell: byte ranges of segments in one file, and of key pictures.

mod ext_media;
mod extinf;
mod iframes;
mod measured;
mod media;
mod multivariant;
mod stream_inf;
mod text;

pub use iframes::iframes;
pub use measured::Measured;
pub use media::media;
pub use multivariant::multivariant;

use crate::error::{Error, ErrorKind};
use crate::plan::RenditionId;

fn no_rendition(id: RenditionId) -> Error {
    Error::new(ErrorKind::NotFound, format!("the plan has no rendition number {}", id.0))
}
