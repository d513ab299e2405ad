//! Playlists (RFC 8216bis §4), written from the plan alone.
//!
//! They exist before the first segment does. Once all segments are made, [`Measured`] replaces the planned bit
//! rates of the multivariant playlist by what the segments really have.

mod extinf;
mod measured;
mod media;
mod multivariant;
mod stream_inf;

pub use measured::Measured;
pub use media::media;
pub use multivariant::multivariant;

/// What the playlists of either kind start with: the tag and the lowest version that has decimal durations
/// (RFC 8216bis §4.4.1, §8). Nothing else that we write needs a higher one.
const HEADER: &str = "#EXTM3U\n#EXT-X-VERSION:3\n";
