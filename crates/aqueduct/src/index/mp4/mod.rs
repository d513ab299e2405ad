//! The index of an MP4 or QuickTime file (ISO/IEC 14496-12), from its sample tables and fragments, without libav.
//!
//! Times are those that libav's demuxer gives, so that either reader serves the same plan: edit lists are applied,
//! decoding times stand early enough for negative composition offsets. Unlike libav this reader keeps every
//! sample: what an edit list hides is marked as not presented.
//!
//! Every number of the file is untrusted. Counts are checked against the bytes that are there before anything is
//! allocated; errors name the box, such as `moov/trak[1]/mdia/minf/stbl/stsz` (tracks count from 0), and the byte.
//! The small boxes of fixed fields are read by `mp4-atom`; the tables are walked a piece at a time, since its types
//! would hold them whole: what indexing needs beside the index itself does not grow with the film.

mod abridged;
mod audio;
mod boxes;
mod complete;
mod edits;
mod entry;
mod fragment;
mod tables;
mod track;
mod video;

use boxes::{Node, TopLevel};

use super::SourceIndex;
use crate::error::{Error, Result};
use crate::source::Source;

/// The name under which libav knows this family of containers.
const CONTAINER: &str = "mov,mp4,m4a,3gp,3g2,mj2";

/// What an index may cost at most.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of `moov` and all `moof` boxes together; 256 MiB. Fragments are held in memory one at a time, and `moov` but
    /// for its large tables.
    pub index_bytes: u64,
    /// Tracks; 256.
    pub tracks: usize,
    /// Samples of all tracks together; 30 million: a day of 60 frames/s and 100 audio packets/s, twice. Each takes
    /// 39 bytes of memory at most, 4 to 8 as a rule.
    pub samples: u64,
    /// Boxes at the top of the file; a million. A fragment has two or three.
    pub boxes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { index_bytes: 256 << 20, tracks: 256, samples: 30_000_000, boxes: 1_000_000 }
    }
}

/// Whether `source` starts like an MP4 or QuickTime file. Reads at most 16 bytes.
pub fn sniff(source: &dyn Source) -> Result<bool> {
    let mut start = [0; 8];
    if source.len() < start.len() as u64 {
        return Ok(false);
    }
    crate::source::SourceExt::read_exact_at(source, 0, &mut start)?;
    let size = u32::from_be_bytes([start[0], start[1], start[2], start[3]]);
    let known = [b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"sidx"];
    Ok(known.iter().any(|kind| start.ends_with(*kind)) && !(2..8).contains(&size))
}

/// Reads the index of `source`.
///
/// Fails with [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt), the box and the byte where the file breaks its
/// rules or is cut off; [`ErrorKind::Limit`](crate::ErrorKind::Limit) where `limits` are passed;
/// [`ErrorKind::Source`](crate::ErrorKind::Source) where reading fails.
pub fn read(source: &dyn Source, limits: &Limits) -> Result<SourceIndex> {
    let mut boxes = TopLevel::new(source, limits.boxes);
    let mut bytes_left = limits.index_bytes;
    let mut movie: Option<track::Movie> = None;
    let mut early_fragment = None;
    while let Some(found) = boxes.next()? {
        match (&found.kind, &mut movie) {
            (b"moov", None) => {
                let body = boxes.abridged(&found, &mut bytes_left)?;
                let node = Node::abridged(found.kind, found.body, &body);
                let read = track::Movie::read(node, limits, source.len())?;
                let fragmented = read.fragmented;
                movie = Some(read);
                // Without `mvex` no fragments follow (§8.8.1).
                if !fragmented {
                    break;
                }
            }
            (b"moof", Some(movie)) => {
                let body = boxes.body(&found, &mut bytes_left)?;
                fragment::read(movie, Node::whole(found.kind, found.body, &body), found.start)?;
            }
            (b"moof", None) => early_fragment = early_fragment.or(Some(found.start)),
            _ => {}
        }
    }
    let movie = movie.ok_or_else(|| missing(source, early_fragment))?;
    let mut index = SourceIndex::new(source.identity()?, CONTAINER.to_owned());
    movie.finish(source, &mut index)?;
    Ok(index)
}

fn missing(source: &dyn Source, early_fragment: Option<u64>) -> Error {
    let name = source.name();
    match early_fragment {
        Some(at) => {
            let message = format!("{name} is a fragment of an MP4 without its header (no `moov` box)");
            Error::corrupt(message).at_offset(at)
        }
        None if source.is_empty() => Error::corrupt(format!("{name} is empty")),
        None => {
            let message = format!(
                "{name} is an MP4 without its index (no `moov` box): it is cut off, or was never finished"
            );
            Error::corrupt(message).at_offset(source.len())
        }
    }
}
