//! What probing found out about a source: its tracks and the times, sizes and places of their packets.
//!
//! An index is made once per source, by reading sample tables or by one demuxing scan. After that, making a
//! segment needs the index and byte ranges only. It can be kept beside the source with
//! [`SourceIndex::to_bytes`] and opened again in an instant.

pub(crate) mod cadence;
mod column;
pub mod mp4;
mod oddity;
mod packets;
mod picture;
mod sidecar;
pub(crate) mod sound;

use serde::{Deserialize, Serialize};

pub use oddity::Oddity;
pub use packets::{Packet, Packets};

use crate::error::Result;
use crate::media::{Codec, Colour, Orientation};
use crate::source::Identity;
use crate::time::Timebase;

/// Everything that is known of a source before a plan is made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceIndex {
    /// Which bytes this is the index of.
    pub identity: Identity,
    /// The container by libav's short name, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// The tracks in the container's order.
    pub tracks: Vec<Track>,
    /// What the scan itself noticed; see [`SourceIndex::oddities`] for all of them.
    pub(crate) scan_oddities: Vec<Oddity>,
}

/// One elementary stream of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Track {
    /// The stream's number in the container, counted from 0.
    pub id: u32,
    /// How it is coded.
    pub codec: Codec,
    /// The coding for people: profile and level where known, such as `High, level 4`.
    pub profile: String,
    /// Language as the container says it (ISO 639-2, or a tag of RFC 5646), empty where it says nothing.
    pub language: String,
    /// Whether the container marks it as the default of its kind.
    pub default: bool,
    /// Length of the ticks in which its packets are timed.
    pub timebase: Timebase,
    /// What kind of stream, with the facts of that kind.
    pub kind: TrackKind,
    /// The four-character code of its sample entry, such as `avc1`; empty where the container has none.
    pub sample_entry: String,
    /// The contents of its configuration box as they are, without the box header: `avcC`, `hvcC`, `av1C`, `vpcC`,
    /// `esds` (with version and flags), `dOps`, `dfLa`, `dac3`, `dec3`, `alac`. What stands only in the samples
    /// (parameter sets of `avc3` and `hev1`, AV1's sequence header, AC-3 in `mp4a`) is put in from the first key
    /// sample. Empty where the reader keeps none.
    pub configuration: Vec<u8>,
    /// Its packets in decoding order.
    pub packets: Packets,
}

/// The kind of a track and the facts that only this kind has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TrackKind {
    /// Pictures.
    Video(VideoTrack),
    /// Sound.
    Audio(AudioTrack),
    /// Anything else; it is listed and otherwise left alone.
    Other,
}

/// Facts of a video track, as stored: before turning, before squaring pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VideoTrack {
    /// Stored width in pixels.
    pub width: u32,
    /// Stored height in pixels.
    pub height: u32,
    /// Width to height of one pixel; (1, 1) is square.
    pub pixel_aspect: (u32, u32),
    /// How the picture must be turned to stand upright.
    pub orientation: Orientation,
    /// libav's name of the pixel format, such as `yuv420p`.
    pub pixel_format: String,
    /// Bits per sample.
    pub bit_depth: u8,
    /// Colour code points.
    pub colour: Colour,
    /// Whether fields instead of frames are coded.
    pub interlaced: bool,
    /// The frame duration that the container or the bitstream promises, where it does.
    pub nominal_frame_duration: Option<Timebase>,
}

/// Facts of an audio track, as its decoder gives it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AudioTrack {
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u8,
    /// libav's name of the channel layout, such as `stereo` or `5.1`.
    pub layout: String,
    /// Samples at the start that are not to be heard (encoder delay).
    pub start_skip: u32,
}

impl AudioTrack {
    /// Sound of which nothing more is known, without encoder delay.
    pub fn new(sample_rate: u32, channels: u8, layout: impl Into<String>) -> Self {
        Self { sample_rate, channels, layout: layout.into(), start_skip: 0 }
    }
}

impl Track {
    /// A track without packets, language or profile, in ticks of 90 kHz.
    pub fn new(id: u32, codec: Codec, kind: TrackKind) -> Self {
        Self {
            id,
            codec,
            profile: String::new(),
            language: String::new(),
            default: false,
            timebase: crate::time::MPEG,
            kind,
            sample_entry: String::new(),
            configuration: Vec::new(),
            packets: Packets::default(),
        }
    }

    /// Whether its sample entry says that it is encrypted (`encv`, `enca` and the like; ISO/IEC 14496-12 §8.12): it is
    /// listed, and cannot be read.
    pub fn is_encrypted(&self) -> bool {
        ["encv", "enca", "enct", "encs"].contains(&self.sample_entry.as_str())
    }
}

impl SourceIndex {
    /// An index without tracks.
    pub fn new(identity: Identity, container: String) -> Self {
        Self { identity, container, tracks: Vec::new(), scan_oddities: Vec::new() }
    }

    /// The track with this number.
    pub fn track(&self, id: u32) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == id)
    }

    /// The video track that is presented: the default one, else the first that has packets. Cover pictures
    /// (a single packet beside audio) are not video.
    pub fn main_video(&self) -> Option<(&Track, &VideoTrack)> {
        let videos = || {
            self.tracks.iter().filter_map(|track| match &track.kind {
                TrackKind::Video(video) if !track.packets.is_empty() => Some((track, video)),
                _ => None,
            })
        };
        videos().find(|(track, _)| track.default).or_else(|| videos().next())
    }

    /// The audio track that is presented: the default one, else the first that has packets.
    pub fn main_audio(&self) -> Option<(&Track, &AudioTrack)> {
        let audios = || {
            self.tracks.iter().filter_map(|track| match &track.kind {
                TrackKind::Audio(audio) if !track.packets.is_empty() => Some((track, audio)),
                _ => None,
            })
        };
        audios().find(|(track, _)| track.default).or_else(|| audios().next())
    }

    /// Whether the coding of every track is one whose facts are read without libav. Of others (VP9, ProRes, ALAC) the sample
    /// tables of an MP4 tell less than encoding needs.
    pub fn is_known(&self) -> bool {
        self.tracks.iter().all(|track| {
            matches!(track.kind, TrackKind::Other) || !matches!(track.codec, Codec::Other(_) | Codec::Vp9)
        })
    }

    /// Everything about this source that a careful person would want to be told.
    pub fn oddities(&self) -> Vec<Oddity> {
        oddity::find(self)
    }

    /// The index as a sidecar: a versioned binary form. The same index always gives the same bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        sidecar::encode(self)
    }

    /// A SHA-256 over everything that [`SourceIndex::to_bytes`] says, in lower-case hexadecimal: a plan names the index that
    /// it was made from. The packets of a track are digested once, so asking again costs little.
    pub fn sha256(&self) -> Result<String> {
        sidecar::digest(self)
    }

    /// Reads what [`SourceIndex::to_bytes`] wrote. Hostile bytes give an error, never a panic or a large
    /// allocation.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        sidecar::decode(bytes)
    }
}
