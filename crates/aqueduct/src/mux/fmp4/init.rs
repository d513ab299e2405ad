//! Writing an init section (ISO/IEC 14496-12 §8, ISO/IEC 23000-19 §7.3.1 and §7.5).

use bytes::Bytes;

use super::boxes::{full, nest, put16, put32, zeros};
use super::entry::Entry;
use super::{Composition, Format, Init, SampleFlags, Track, Video, VideoCodec};
use crate::error::{Error, Result};

/// No rotation, no scaling (§8.2.2).
const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

impl Init<'_> {
    /// The bytes of the init section. Equal tracks make equal bytes.
    ///
    /// Fails with [`crate::error::ErrorKind::Corrupt`] when a configuration breaks its format, with
    /// [`crate::error::ErrorKind::Settings`] when there is no track, an id is 0 or used twice, or a language is no
    /// code of three letters; errors name the track.
    pub fn to_bytes(&self) -> Result<Bytes> {
        if self.tracks.is_empty() {
            return Err(Error::settings("an init section needs a track"));
        }
        let mut entries = Vec::with_capacity(self.tracks.len());
        for (at, track) in self.tracks.iter().enumerate() {
            let others = self.tracks.iter().take(at);
            if track.id == 0 || others.clone().any(|other| other.id == track.id) {
                return Err(Error::settings("the id of a track must be its own and not 0").in_track(track.id));
            }
            if !track.language.iter().all(u8::is_ascii_lowercase) {
                let message =
                    "the language of a track must be three small letters (ISO 639-2/T), `und` if unknown";
                return Err(Error::settings(message).in_track(track.id));
            }
            entries.push(Entry::new(track).map_err(|error| error.in_track(track.id))?);
        }
        let mut out = Vec::with_capacity(1024);
        self.write_ftyp(&mut out);
        nest(&mut out, b"moov", |out| {
            self.write_mvhd(out);
            for (track, entry) in self.tracks.iter().zip(&entries) {
                write_trak(out, track, entry);
            }
            nest(out, b"mvex", |out| self.tracks.iter().for_each(|track| write_trex(out, track)));
        });
        Ok(out.into())
    }

    /// §4.3; brands of ISO/IEC 23000-19 §7.2.
    fn write_ftyp(&self, out: &mut Vec<u8>) {
        nest(out, b"ftyp", |out| {
            out.extend_from_slice(b"iso6");
            put32(out, 0);
            out.extend_from_slice(b"iso6");
            // AV1-ISOBMFF §2.1: the brand must be there.
            if self.tracks.iter().any(is_av1) {
                out.extend_from_slice(b"av01");
            }
            if let [track] = self.tracks {
                out.extend_from_slice(b"cmfc");
                if track.composition == Composition::Signed && matches!(track.format, Format::Video(_)) {
                    out.extend_from_slice(b"cmf2");
                }
            }
        });
    }

    /// §8.2.2. Durations are 0: they are not known here (RFC 8216bis §3.1.2).
    fn write_mvhd(&self, out: &mut Vec<u8>) {
        full(out, b"mvhd", 0, 0, |out| {
            zeros(out, 8); // creation and modification time
            put32(out, self.tracks.first().map_or(1, |track| track.timescale.get()));
            put32(out, 0); // duration
            put32(out, 0x1_0000); // rate 1
            put16(out, 0x100); // volume 1
            zeros(out, 10);
            UNITY.iter().for_each(|value| put32(out, *value));
            zeros(out, 24);
            let last = self.tracks.iter().map(|track| track.id).max().unwrap_or_default();
            put32(out, last.saturating_add(1)); // next_track_ID; all ones means "search for one"
        });
    }
}

fn is_av1(track: &Track) -> bool {
    matches!(&track.format, Format::Video(Video { codec: VideoCodec::Av1(_), .. }))
}

fn write_trak(out: &mut Vec<u8>, track: &Track, entry: &Entry<'_>) {
    nest(out, b"trak", |out| {
        write_tkhd(out, track);
        nest(out, b"mdia", |out| {
            write_mdhd(out, track);
            let (handler, name) = match track.format {
                Format::Video(_) => (b"vide", b"Video\0"),
                Format::Audio(_) => (b"soun", b"Sound\0"),
            };
            full(out, b"hdlr", 0, 0, |out| {
                put32(out, 0);
                out.extend_from_slice(handler);
                zeros(out, 12);
                out.extend_from_slice(name);
            });
            nest(out, b"minf", |out| {
                match track.format {
                    Format::Video(_) => full(out, b"vmhd", 0, 1, |out| zeros(out, 8)),
                    Format::Audio(_) => full(out, b"smhd", 0, 0, |out| zeros(out, 4)),
                }
                // §8.7.2: flag 1 says that the data is in the same file.
                nest(out, b"dinf", |out| {
                    full(out, b"dref", 0, 0, |out| {
                        put32(out, 1);
                        full(out, b"url ", 0, 1, |_| {});
                    });
                });
                write_stbl(out, entry);
            });
        });
    });
}

/// §8.3.2; flags: enabled, in movie, in preview.
fn write_tkhd(out: &mut Vec<u8>, track: &Track) {
    full(out, b"tkhd", 0, 7, |out| {
        zeros(out, 8); // creation and modification time
        put32(out, track.id);
        zeros(out, 4 + 4 + 8 + 2 + 2); // duration, layer, alternate group
        put16(out, if matches!(track.format, Format::Audio(_)) { 0x100 } else { 0 });
        zeros(out, 2);
        UNITY.iter().for_each(|value| put32(out, *value));
        let (width, height) = match &track.format {
            Format::Video(video) => shown_size(video),
            Format::Audio(_) => (0, 0),
        };
        put32(out, width);
        put32(out, height);
    });
}

/// Size of the picture with square pixels, 16.16 (ISO/IEC 23000-19 §9.2.3): the width carries the pixels' shape.
fn shown_size(video: &Video) -> (u32, u32) {
    let width = u64::from(video.width) << 16;
    let width = match video.pixel_aspect {
        Some((horizontal, vertical)) if vertical > 0 => width * u64::from(horizontal) / u64::from(vertical),
        _ => width,
    };
    (u32::try_from(width).unwrap_or(u32::MAX), u32::from(video.height) << 16)
}

/// §8.4.2.
fn write_mdhd(out: &mut Vec<u8>, track: &Track) {
    full(out, b"mdhd", 0, 0, |out| {
        zeros(out, 8);
        put32(out, track.timescale.get());
        put32(out, 0);
        let letters = track.language.iter();
        put16(out, letters.fold(0, |packed, letter| packed << 5 | u16::from(letter & 0x1f)));
        put16(out, 0);
    });
}

/// The sample entry and empty tables (RFC 8216bis §3.1.2).
fn write_stbl(out: &mut Vec<u8>, entry: &Entry<'_>) {
    nest(out, b"stbl", |out| {
        full(out, b"stsd", 0, 0, |out| {
            put32(out, 1);
            entry.write(out);
        });
        full(out, b"stts", 0, 0, |out| put32(out, 0));
        full(out, b"stsc", 0, 0, |out| put32(out, 0));
        full(out, b"stsz", 0, 0, |out| zeros(out, 8));
        full(out, b"stco", 0, 0, |out| put32(out, 0));
    });
}

/// §8.8.3. Segments say all defaults themselves; the flags here are what most samples have.
fn write_trex(out: &mut Vec<u8>, track: &Track) {
    full(out, b"trex", 0, 0, |out| {
        put32(out, track.id);
        put32(out, 1); // sample description
        zeros(out, 8); // duration and size
        put32(out, default_flags(&track.format).0);
    });
}

fn default_flags(format: &Format) -> SampleFlags {
    match format {
        Format::Video(_) => SampleFlags::NON_SYNC,
        Format::Audio(_) => SampleFlags::SYNC,
    }
}
