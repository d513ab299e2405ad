//! What playlists say, as rules look at it.

mod contents;
mod media;
mod multivariant;
mod presentation;
mod segment;

pub(super) use contents::{Container, Contents, Cue, Medium, Text, Track, family, key_times};
pub(super) use media::{Media, Mutability, Tagged, build as media};
pub(super) use multivariant::{Multivariant, Rendition, Variant, build as multivariant};
pub(super) use presentation::{Presentation, Role};
pub(super) use segment::{ByteRange, Facts, Key, Map, Part, Segment};
