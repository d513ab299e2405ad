//! From access units to PES packets: what goes into each, not yet how it is cut into transport packets.

use super::layout::Pes;
use super::packet::ROOM;
use super::pes::PesHeader;
use super::{AccessUnit, AudioFormat, AudioStream};
use crate::error::{Error, Result};
use crate::media::avc::{Nal, NalType, UnitFacts, nal_units};

/// An access unit delimiter with its start code: any slice types may follow (ISO/IEC 14496-10 §7.4.2.4).
const DELIMITER: [u8; 6] = [0, 0, 0, 1, 9, 0xf0];
/// An audio PES packet is closed before it covers more than this, in ticks of 90 kHz: 200 ms, for bytes should not
/// wait longer than a second in all (ISO/IEC 13818-1 §2.4.2).
const AUDIO_SPAN: i64 = 18_000;
/// An audio PES packet is closed before it holds more bytes than this, as long as a unit is in it: header and all
/// fill 16 packets, which the buffer of 3584 bytes for AAC (§2.4.2.7) still takes.
const AUDIO_BYTES: usize = 16 * ROOM - 14;

/// A run of bytes of an elementary stream: a few that the writer adds, then some of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    added: [u8; 7],
    added_length: u8,
    pub(super) input: &'a [u8],
}

impl<'a> Piece<'a> {
    fn new(added: &[u8], input: &'a [u8]) -> Self {
        let mut bytes = [0; 7];
        let length = added.len().min(bytes.len());
        bytes[..length].copy_from_slice(&added[..length]);
        Self { added: bytes, added_length: length as u8, input }
    }

    /// The bytes that the writer adds before [`Piece::input`].
    pub(super) fn added(&self) -> &[u8] {
        &self.added[..usize::from(self.added_length)]
    }

    fn len(&self) -> usize {
        usize::from(self.added_length) + self.input.len()
    }
}

/// The PES packets of one elementary stream and the bytes in them.
#[derive(Debug, Default)]
pub(super) struct Packets<'a> {
    pub(super) pes: Vec<Pes>,
    pub(super) pieces: Vec<Piece<'a>>,
}

impl<'a> Packets<'a> {
    /// One PES packet for each access unit of an H.264 stream.
    pub(super) fn video(units: &'a [AccessUnit]) -> Result<Self> {
        let mut packets =
            Self { pes: Vec::with_capacity(units.len()), pieces: Vec::with_capacity(units.len() + 4) };
        for (position, unit) in units.iter().enumerate() {
            check_times(units, position)?;
            packets.add_picture(unit, position == 0).map_err(|error| locate(error, unit))?;
        }
        Ok(packets)
    }

    /// PES packets of whole audio frames.
    pub(super) fn audio(stream: AudioStream<'a>) -> Result<Self> {
        let AudioFormat::Aac(config) = stream.format;
        let mut packets = Self { pes: Vec::new(), pieces: Vec::with_capacity(stream.units.len()) };
        for (position, unit) in stream.units.iter().enumerate() {
            check_times(stream.units, position)?;
            if unit.pts != unit.dts || unit.data.is_empty() {
                let message = "an audio unit must have bytes, and the same decoding and presentation time";
                return Err(locate(Error::corrupt(message), unit));
            }
            let header = config.adts_header(unit.data.len()).map_err(|error| locate(error, unit))?;
            let piece = Piece::new(&header, &unit.data);
            // The unit's end is that of a unit of the same length as the step before it: units are equally long.
            let end = match position.checked_sub(1).and_then(|before| stream.units.get(before)) {
                Some(before) => unit.dts.saturating_add(unit.dts.saturating_sub(before.dts)),
                None => unit.dts,
            };
            let open = packets.pes.last_mut().filter(|pes| {
                end.saturating_sub(pes.dts) <= AUDIO_SPAN && pes.payload + piece.len() <= AUDIO_BYTES
            });
            packets.pieces.push(piece);
            match open {
                Some(pes) => {
                    pes.payload += piece.len();
                    pes.pieces.end += 1;
                }
                None => packets.close(unit, packets.pieces.len() - 1),
            }
        }
        Ok(packets)
    }

    fn add_picture(&mut self, unit: &'a AccessUnit, first: bool) -> Result<()> {
        let stream: &[u8] = &unit.data;
        if nal_units(stream).next().is_some_and(|nal| nal.start != 0) {
            return Err(Error::corrupt(
                "an H.264 access unit is no byte stream: it must begin with a start code",
            ));
        }
        let begin = self.pieces.len();
        let mut facts = UnitFacts::default();
        let mut added = &DELIMITER[..];
        self.add_nals(stream, &mut added, |nal| {
            facts.add(nal);
            true
        });
        if facts.late_sets {
            // A message must not refer to a parameter set that is yet to come (§7.4.1.2.1): those go first.
            self.pieces.truncate(begin);
            added = &DELIMITER;
            for sets in [true, false] {
                let mut picture = false;
                self.add_nals(stream, &mut added, |nal| {
                    picture |= nal.kind().is_picture();
                    sets == (nal.kind().is_parameter_set() && !picture)
                });
            }
        }
        check_picture(unit, &facts, first)?;
        self.close(unit, begin);
        Ok(())
    }

    /// Adds the NAL units that are `wanted`, except delimiters, in runs as long as they can be. `added` goes before
    /// the first of them and is used up.
    fn add_nals(
        &mut self,
        stream: &'a [u8],
        added: &mut &'static [u8],
        mut wanted: impl FnMut(&Nal<'a>) -> bool,
    ) {
        // Where the open run starts.
        let mut from = None;
        let mut end = 0;
        for nal in nal_units(stream) {
            let kind = nal.kind();
            let kept = wanted(&nal) && kind != NalType::AccessUnitDelimiter;
            // Annex B §B.1.2: a start code of 4 bytes before parameter sets.
            let widened = kept && matches!(kind, NalType::Sps | NalType::Pps) && nal.start_code() == 3;
            if (!kept || widened)
                && let Some(start) = from.take()
            {
                self.pieces.push(Piece::new(added, &stream[start..nal.start]));
                *added = &[];
            }
            if widened {
                if !added.is_empty() {
                    self.pieces.push(Piece::new(added, &[]));
                }
                *added = &[0];
            }
            if kept {
                from.get_or_insert(nal.start);
            }
            end = nal.offset + nal.bytes.len();
        }
        if let Some(start) = from {
            self.pieces.push(Piece::new(added, &stream[start..end]));
            *added = &[];
        }
    }

    /// Makes a PES packet of `unit`'s times and the pieces from `begin` on.
    fn close(&mut self, unit: &AccessUnit, begin: usize) {
        let payload = self.pieces[begin..].iter().map(Piece::len).sum();
        self.pes.push(Pes {
            pts: unit.pts,
            dts: unit.dts,
            random_access: false,
            header: PesHeader::length(unit.pts, unit.dts),
            stuffing: 0,
            payload,
            pieces: begin..self.pieces.len(),
            clocks: 0,
            step: 0,
            packets: 0,
        });
    }

    /// Marks the PES packets of IDR pictures (§2.4.3.5, `random_access_indicator`).
    pub(super) fn mark_random_access(&mut self, units: &[AccessUnit]) {
        for (pes, unit) in self.pes.iter_mut().zip(units) {
            pes.random_access = unit.key;
        }
    }
}

fn check_times(units: &[AccessUnit], position: usize) -> Result<()> {
    let Some(unit) = units.get(position) else {
        return Ok(());
    };
    let before = position.checked_sub(1).and_then(|before| units.get(before));
    if unit.pts < unit.dts {
        return Err(locate(Error::corrupt("a unit is presented before it is decoded"), unit));
    }
    if before.is_some_and(|before| before.dts >= unit.dts) {
        return Err(locate(Error::corrupt("decoding times do not rise"), unit));
    }
    Ok(())
}

fn check_picture(unit: &AccessUnit, facts: &UnitFacts<'_>, first: bool) -> Result<()> {
    let message = match () {
        () if !facts.picture => "an H.264 access unit holds no slice, or is no byte stream with start codes",
        () if facts.idr && !unit.key => "an access unit holds an IDR picture but is not marked as a key",
        () if unit.key && !facts.idr => "an access unit is marked as a key but holds no IDR picture",
        () if unit.key && (facts.sps.is_none() || facts.pps.is_none()) => {
            "an IDR picture has no parameter sets before its first slice; put SPS and PPS in band"
        }
        () if first && !unit.key => "the first picture of a segment is no IDR picture",
        () => return Ok(()),
    };
    Err(Error::corrupt(message))
}

/// Adds the unit's presentation time.
fn locate(error: Error, unit: &AccessUnit) -> Error {
    error.at_time((i128::from(unit.pts) * 100 / 9) as i64)
}
