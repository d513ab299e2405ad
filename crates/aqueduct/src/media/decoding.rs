//! What a decoder is given and what it tells, for those who want to know whether something decodes and not what it shows.

use std::fmt;

use bytes::Bytes;

use super::Codec;
use crate::error::Result;

/// Opens decoders. With the feature `av` there is one, [`Decoders`](crate::Decoders).
pub trait Decode: fmt::Debug + Send + Sync {
    /// A fresh decoder of a stream, which knows nothing of what others decoded.
    ///
    /// Fails with [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where there is none for the coding, and with
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) where its configuration cannot be read.
    fn open(&self, stream: &CodedStream) -> Result<Box<dyn Decoder>>;
}

/// Decodes one stream, unit after unit, and tells of each what became of it. It keeps no picture and no sound.
pub trait Decoder {
    /// Decodes the next unit in decoding order. `take` is told what came out, of this unit or of earlier ones.
    fn decode(&mut self, unit: &CodedUnit<'_>, take: &mut dyn FnMut(Decoded));

    /// Takes out what is left; nothing is decoded afterwards.
    fn finish(&mut self, take: &mut dyn FnMut(Decoded));
}

/// A stream as its container describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodedStream {
    /// Its coding.
    pub codec: Codec,
    /// The contents of its configuration box: `avcC`, `hvcC`, `av1C`, AudioSpecificConfig, `dOps`, or `dfLa` from its version
    /// on. Empty where units carry all: a byte stream of H.264 or H.265 (Annex B), ADTS, MP3, AC-3, E-AC-3.
    pub config: Bytes,
    /// Sound: samples of a channel in a second; 0 where it is not known.
    pub sample_rate: u32,
    /// Sound: channels; 0 where they are not known.
    pub channels: u16,
}

impl CodedStream {
    /// A stream of which the units carry all that is to be known.
    pub fn new(codec: Codec) -> Self {
        Self { codec, config: Bytes::new(), sample_rate: 0, channels: 0 }
    }
}

/// An access unit.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CodedUnit<'a> {
    /// By which it is told of; each unit of a decoder has a larger one than the unit before, and less than 2^62.
    pub number: u64,
    /// Its bytes, as the container has them.
    pub bytes: &'a [u8],
    /// Whether the digest of its picture is asked for.
    pub wants_digest: bool,
}

impl<'a> CodedUnit<'a> {
    /// A unit of whose picture no digest is asked for.
    pub fn new(number: u64, bytes: &'a [u8]) -> Self {
        Self { number, bytes, wants_digest: false }
    }

    /// The same, with the question for the digest of its picture.
    #[must_use]
    pub fn digested(mut self) -> Self {
        self.wants_digest = true;
        self
    }
}

/// What a decoder tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decoded {
    /// The picture of a unit came out. Pictures come in the order in which they are shown.
    Picture {
        /// The unit that it came with; of two fields the first one.
        number: u64,
        /// A digest of its samples, where it was asked for. Equal pictures have equal ones, in one process.
        digest: Option<u64>,
    },
    /// Sound of the unit that was just decoded.
    Sound {
        /// Samples of a channel.
        samples: u32,
        /// Samples in a second, at least 1.
        rate: u32,
    },
    /// A unit does not decode, or not without damage.
    Damaged {
        /// The unit.
        number: u64,
        /// In which way, in a few words of the decoder.
        reason: String,
    },
}
