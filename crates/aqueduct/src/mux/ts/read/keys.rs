//! The pictures of a segment, found as its bytes come by.

use std::ops::Range;

use super::super::packet::{PACKET, PID_AUDIO, PID_VIDEO};
use super::super::pes;
use super::packets;
use crate::error::{Error, Result};

/// A key picture as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundKey {
    /// Its bytes in the segment, as [`super::super::KeyFrame::bytes`].
    pub bytes: Range<u64>,
    /// Presentation time: 33 bits of 90 kHz.
    pub pts: u64,
}

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scanned {
    /// The key pictures, in order.
    pub keys: Vec<FoundKey>,
    /// All pictures.
    pub pictures: u64,
    /// Whether the counters of its streams end where those of [`super::super::Counters::default`] do.
    pub ends_cycles: bool,
}

/// Finds again what [`super::super::Segment::write`] said of key pictures, in a segment that it wrote. Holds one packet
/// at a time, however large the segment is.
#[derive(Debug, Default)]
pub struct KeyScan {
    /// The beginning of a packet that has not come as a whole.
    rest: Vec<u8>,
    offset: u64,
    open: bool,
    found: Vec<FoundKey>,
    pictures: u64,
    /// The last counters of pictures and sound.
    counters: [Option<u8>; 2],
}

impl KeyScan {
    /// Takes the next bytes of the segment. Fails with [`crate::ErrorKind::Corrupt`] and the offset where they are no
    /// transport packets, or a key picture has no time.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let (begun, bytes) = match self.rest.len() {
            0 => (&[][..], bytes),
            held => bytes.split_at(bytes.len().min(PACKET - held)),
        };
        self.rest.extend_from_slice(begun);
        if let Some(packet) = self.rest.first_chunk::<PACKET>().copied() {
            self.rest.clear();
            self.packet(&packet)?;
        }
        let (packets, rest) = bytes.as_chunks::<PACKET>();
        packets.iter().try_for_each(|packet| self.packet(packet))?;
        self.rest.extend_from_slice(rest);
        Ok(())
    }

    /// What came by. Fails with [`crate::ErrorKind::Corrupt`] where the segment ends inside a packet.
    pub fn finish(self) -> Result<Scanned> {
        if !self.rest.is_empty() {
            return Err(Error::corrupt("the segment ends inside a packet").at_offset(self.offset));
        }
        let ends_cycles = self.counters.iter().flatten().all(|counter| *counter == 15);
        Ok(Scanned { keys: self.found, pictures: self.pictures, ends_cycles })
    }

    fn packet(&mut self, packet: &[u8; PACKET]) -> Result<()> {
        let offset = self.offset;
        self.offset += PACKET as u64;
        if packet[0] != super::SYNC {
            return Err(Error::corrupt("no transport packet starts here").at_offset(offset));
        }
        let packet = packets::parse(packet, offset)
            .map_err(|finding| Error::corrupt(finding.message).at_offset(offset))?;
        // A picture's packets stand one after the other: a mark of the clock alone, or another stream, ends it.
        let [video, audio] = &mut self.counters;
        match packet.pid {
            _ if packet.payload.is_none() => {}
            PID_VIDEO => *video = Some(packet.continuity),
            PID_AUDIO => *audio = Some(packet.continuity),
            _ => {}
        }
        let payload = packet.payload.filter(|_| packet.pid == PID_VIDEO);
        match payload {
            Some(payload) if packet.start => {
                self.pictures += 1;
                self.open = packet.random_access;
                if self.open {
                    let pts = pes::parse(payload).ok().and_then(|facts| facts.pts);
                    let pts =
                        pts.ok_or_else(|| Error::corrupt("a key picture has no time").at_offset(offset))?;
                    self.found.push(FoundKey { bytes: offset..self.offset, pts });
                }
            }
            Some(_) if self.open => {
                if let Some(last) = self.found.last_mut() {
                    last.bytes.end = self.offset;
                }
            }
            _ => self.open = false,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_answered(
            mut bytes in prop::collection::vec(any::<u8>(), 0..2000),
            in_step: bool,
            piece in 1usize..500,
        ) {
            if in_step {
                for packet in bytes.chunks_mut(PACKET) {
                    packet[0] = super::super::SYNC;
                    if let [_, high, low, ..] = packet {
                        (*high, *low) = (*high & 0x40 | 1, 0);
                    }
                }
            }
            let mut scan = KeyScan::default();
            if bytes.chunks(piece).all(|piece| scan.push(piece).is_ok()) {
                let found = scan.finish().map(|found| found.keys).unwrap_or_default();
                let ends = found.iter().map(|key| key.bytes.end);
                prop_assert!(ends.clone().is_sorted() && ends.max().unwrap_or(0) <= bytes.len() as u64);
            }
        }
    }
}
