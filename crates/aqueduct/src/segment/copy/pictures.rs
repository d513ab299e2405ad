//! Whether pictures are what the tables of their source say: a file that was written over while it was read, or that
//! marks its key frames wrongly, must not become a presentation.

use super::Part;
use super::read::Read;
use crate::error::{Error, Result};
use crate::index::Track;
use crate::media::avc::{self, LengthSize, length_prefixed};
use crate::media::{Codec, hevc};
use crate::source::{Source, SourceExt};

/// What stands before the first slice of a picture is hardly ever longer.
const BEGINNING: usize = 4096;

/// How the pictures of a track are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pictures {
    Avc(LengthSize),
    Hevc(LengthSize),
}

impl Pictures {
    /// `None` for a track whose units are no NAL units.
    pub(super) fn new(track: &Track) -> Result<Option<Self>> {
        Ok(match &track.codec {
            Codec::H264 => {
                Some(Self::Avc(avc::DecoderConfiguration::parse(&track.configuration)?.length_size))
            }
            Codec::H265 => {
                Some(Self::Hevc(hevc::DecoderConfiguration::parse(&track.configuration)?.length_size()))
            }
            _ => None,
        })
    }

    /// Fails with [`crate::ErrorKind::Corrupt`] where a unit is no whole number of NAL units, and where one that is
    /// marked as a key frame cannot be decoded by itself.
    pub(super) fn check(self, part: &Part<'_>, segment: u32, read: &Read) -> Result<()> {
        for packet in part.units(segment) {
            let unit = read.unit(&packet).map_err(|error| part.locate(error, &packet))?;
            let starts = self.starts(&unit).map_err(|error| {
                let at = error.place().offset.unwrap_or_default();
                let message = format!("{} (byte {at} of the sample)", error.message());
                part.locate(Error::corrupt(message), &packet)
            })?;
            if packet.key && !starts {
                let message = "a picture is marked as a key frame, but is decoded from others: players could not \
                               start there. `publish --copy-source never` encodes it anew";
                return Err(part.locate(Error::corrupt(message), &packet));
            }
        }
        Ok(())
    }

    /// Fails with [`crate::ErrorKind::Unsupported`] where a key picture is no IDR picture, or brings another sequence
    /// parameter set than its track: what a playlist says of the track would not hold. Reads the beginnings of key
    /// pictures of H.264; of others nothing.
    pub(super) fn look(self, part: &Part<'_>, segment: u32, source: &dyn Source) -> Result<()> {
        let Self::Avc(size) = self else { return Ok(()) };
        let known = avc::DecoderConfiguration::parse(&part.track.configuration)?.sps;
        let mut buffer = Vec::new();
        for packet in part.units(segment).filter(|packet| packet.key) {
            let Some(offset) = packet.offset else { continue };
            buffer.resize((packet.bytes as usize).min(BEGINNING), 0);
            source.read_exact_at(offset, &mut buffer)?;
            let refuse = |why: &str| Err(part.locate(Error::unsupported(why), &packet));
            let mut rest = &buffer[..];
            while let Some((length, after)) = rest.split_at_checked(size.bytes()) {
                let length = length.iter().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
                let nal = after.get(..length).unwrap_or(after);
                match nal.first().map(|first| first & 0x1f) {
                    Some(7) if !known.iter().any(|sps| sps == nal) => {
                        return refuse("the sequence parameter set changes within the video");
                    }
                    Some(5) => break,
                    Some(1) => return refuse("a picture is marked as a key frame, but is no IDR picture"),
                    _ => {}
                }
                rest = after.get(length..).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// Whether decoding can start with this unit; all of its NAL units are walked over.
    fn starts(self, unit: &[u8]) -> Result<bool> {
        let (Self::Avc(size) | Self::Hevc(size)) = self;
        let mut first = None;
        for nal in length_prefixed(unit, size) {
            let nal = nal?;
            if first.is_none() {
                first = match self {
                    Self::Avc(_) => avc::is_start(nal),
                    Self::Hevc(_) => hevc::is_start(nal),
                };
            }
        }
        // What has no slice that is known is not judged here.
        Ok(first.unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_walked_over() {
        let unit = Pictures::Avc(LengthSize::Four);
        assert!(unit.starts(&[0, 0, 0, 2, 9, 16, 0, 0, 0, 2, 0x65, 0x88]).unwrap());
        assert!(unit.starts(&[0, 0, 0, 2, 9, 16, 0, 0, 0, 3, 0x65, 0x88]).is_err());
    }
}
