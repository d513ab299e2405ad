//! From access units to PES packets: what goes into each, not yet how it is cut into transport packets.

use super::layout::{self, Facts, Pes, locate};
use super::pes::{ID_AUDIO, ID_PRIVATE};
use super::psi::StreamType;
use super::{AccessUnit, AudioFormat, AudioStream, VideoForm, VideoStream};
use crate::error::{Error, ErrorKind, Result};
use crate::media::aac::AdtsHeader;
use crate::media::avc::{Nal, NalType, UnitFacts, facts, length_prefixed, nal_units};
use crate::media::{ac3, mp3};
use crate::time::Timebase;

/// An access unit delimiter with its start code: any slice types may follow (ISO/IEC 14496-10 §7.4.2.4).
pub(super) const DELIMITER: [u8; 6] = [0, 0, 0, 1, 9, 0xf0];
/// What stands in place of the length of a NAL unit; of four bytes, as the length mostly is.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The longest audio unit: a PES packet of audio must say its length in 16 bits (ISO/IEC 13818-1 §2.4.3.7), its header
/// included.
const MAX_AUDIO: usize = 65_000;

/// A run of bytes of an elementary stream: a few that the writer adds, then some of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    added: [u8; DELIMITER.len() + START_CODE.len()],
    added_length: u8,
    pub(super) input: &'a [u8],
}

impl<'a> Piece<'a> {
    fn new(added: &[u8], then: &[u8], input: &'a [u8]) -> Self {
        let mut piece = Self { added: [0; 10], added_length: 0, input };
        for (place, byte) in piece.added.iter_mut().zip(added.iter().chain(then)) {
            *place = *byte;
            piece.added_length += 1;
        }
        piece
    }

    /// The bytes that the writer adds before [`Piece::input`].
    pub(super) fn added(&self) -> &[u8] {
        self.added.get(..usize::from(self.added_length)).unwrap_or_default()
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
    pub(super) fn video(stream: VideoStream<'a>) -> Result<Self> {
        let count = stream.units.len();
        let mut packets =
            Self { pes: Vec::with_capacity(count), pieces: Vec::with_capacity(count + count / 2) };
        for unit in stream.units {
            packets.add_picture(&stream, unit).map_err(|error| locate(error, unit.pts))?;
        }
        Ok(packets)
    }

    /// PES packets of whole audio units; `clock` says that they carry the clock.
    pub(super) fn audio(stream: AudioStream<'a>, clock: bool) -> Result<Self> {
        let mut pieces = Vec::with_capacity(stream.units.len());
        for unit in stream.units {
            let piece = stream.format.piece(&unit.data).map_err(|error| locate(error, unit.pts))?;
            pieces.push(piece);
        }
        let facts = |(unit, piece): (&AccessUnit, &Piece<'_>)| Facts {
            pts: unit.pts,
            dts: unit.dts,
            key: true,
            payload: piece.len(),
        };
        let facts: Vec<_> = stream.units.iter().zip(&pieces).map(facts).collect();
        Ok(Self { pes: layout::audio(&facts, clock, stream.format.unit())?, pieces })
    }

    fn add_picture(&mut self, stream: &VideoStream<'a>, unit: &'a AccessUnit) -> Result<()> {
        let begin = self.pieces.len();
        let mut found = UnitFacts::default();
        let mut lead: &[u8] = &DELIMITER;
        if unit.key {
            // Parameter sets may have to go in here, once it is known that the unit has none.
            self.pieces.push(Piece::new(lead, &[], &[]));
            lead = &[];
        }
        let after_lead = self.pieces.len();
        let mut added = lead;
        self.add_nals(stream.form, unit, &mut added, |nal| {
            found.add(nal);
            true
        })?;
        if found.late_sets {
            // A message must not refer to a parameter set that is yet to come (§7.4.1.2.1): those go first.
            self.pieces.truncate(after_lead);
            added = lead;
            for sets in [true, false] {
                let mut picture = false;
                self.add_nals(stream.form, unit, &mut added, |nal| {
                    picture |= nal.kind().is_picture();
                    sets == (nal.kind().is_parameter_set() && !picture)
                })?;
            }
        }
        let own_sets = found.sps.is_some() && found.pps.is_some();
        // A table may forget to mark an IDR picture; decoding can start there all the same.
        let key = unit.key || found.idr;
        if key
            && !own_sets
            && let Some(piece) = self.pieces.get_mut(begin)
        {
            piece.input = stream.parameter_sets;
        }
        check_picture(unit, key, &found, stream.parameter_sets, self.pes.is_empty())?;
        let payload = self.pieces.iter().skip(begin).map(Piece::len).sum();
        let facts = Facts { pts: unit.pts, dts: unit.dts, key, payload };
        layout::add_picture(&mut self.pes, facts)?;
        if let Some(pes) = self.pes.last_mut() {
            pes.pieces = begin..self.pieces.len();
        }
        Ok(())
    }

    /// Adds the NAL units that are `wanted`, except delimiters. `added` goes before the first of them and is used up.
    fn add_nals(
        &mut self,
        form: VideoForm,
        unit: &'a AccessUnit,
        added: &mut &'static [u8],
        mut wanted: impl FnMut(&Nal<'a>) -> bool,
    ) -> Result<()> {
        let VideoForm::LengthPrefixed(size) = form else {
            return self.add_runs(&unit.data, added, wanted);
        };
        for bytes in length_prefixed(&unit.data, size) {
            let bytes = bytes.map_err(in_sample)?;
            let nal = Nal { start: 0, offset: 0, bytes };
            if wanted(&nal) && nal.kind() != NalType::AccessUnitDelimiter {
                self.pieces.push(Piece::new(added, &START_CODE, bytes));
                *added = &[];
            }
        }
        Ok(())
    }

    /// [`Packets::add_nals`] of a byte stream, in runs as long as they can be.
    fn add_runs(
        &mut self,
        stream: &'a [u8],
        added: &mut &'static [u8],
        mut wanted: impl FnMut(&Nal<'a>) -> bool,
    ) -> Result<()> {
        // Where the open run starts.
        let mut from = None;
        let mut end = 0;
        for nal in nal_units(stream) {
            if end == 0 && nal.start != 0 {
                break;
            }
            let kind = nal.kind();
            let kept = wanted(&nal) && kind != NalType::AccessUnitDelimiter;
            // Annex B §B.1.2: a start code of 4 bytes before parameter sets.
            let widened = kept && matches!(kind, NalType::Sps | NalType::Pps) && nal.start_code() == 3;
            if (!kept || widened)
                && let Some(start) = from.take()
            {
                self.pieces.push(Piece::new(added, &[], &stream[start..nal.start]));
                *added = &[];
            }
            if widened {
                if !added.is_empty() {
                    self.pieces.push(Piece::new(added, &[], &[]));
                }
                *added = &[0];
            }
            if kept {
                from.get_or_insert(nal.start);
            }
            end = nal.offset + nal.bytes.len();
        }
        if end == 0 && !stream.is_empty() {
            return Err(Error::corrupt(
                "an H.264 access unit is no byte stream: it must begin with a start code",
            ));
        }
        if let Some(start) = from {
            self.pieces.push(Piece::new(added, &[], &stream[start..end]));
            *added = &[];
        }
        Ok(())
    }
}

impl AudioFormat {
    pub(super) const fn stream_type(&self) -> StreamType {
        match self {
            Self::Aac(_) => StreamType::AacAdts,
            Self::Mp3 { sample_rate: 32_000.. } => StreamType::Mpeg1Audio,
            Self::Mp3 { .. } => StreamType::Mpeg2Audio,
            Self::Ac3 { .. } => StreamType::Ac3,
            Self::Eac3 { .. } => StreamType::Eac3,
        }
    }

    pub(super) const fn stream_id(&self) -> u8 {
        match self {
            Self::Aac(_) | Self::Mp3 { .. } => ID_AUDIO,
            Self::Ac3 { .. } | Self::Eac3 { .. } => ID_PRIVATE,
        }
    }

    /// Bytes that the writer puts before each unit.
    pub(super) const fn header_length(&self) -> usize {
        match self {
            Self::Aac(_) => AdtsHeader::SHORT,
            Self::Mp3 { .. } | Self::Ac3 { .. } | Self::Eac3 { .. } => 0,
        }
    }

    /// The length of a unit in seconds; `None` where the sample rate is none.
    pub(super) fn unit(&self) -> Option<Timebase> {
        match self {
            Self::Aac(config) => Timebase::new(config.unit_samples(), config.sample_rate),
            // ISO/IEC 13818-3 §2.4.2.1: half as many samples at the low rates.
            Self::Mp3 { sample_rate } if *sample_rate < 32_000 => Timebase::new(576, *sample_rate),
            Self::Mp3 { sample_rate } => Timebase::new(1152, *sample_rate),
            // ETSI TS 102 366 §4.4.1.3 and §F.3.
            Self::Ac3 { sample_rate } | Self::Eac3 { sample_rate } => Timebase::new(1536, *sample_rate),
        }
    }

    fn piece<'a>(&self, unit: &'a [u8]) -> Result<Piece<'a>> {
        if unit.is_empty() {
            return Err(Error::corrupt("an audio unit has no bytes"));
        }
        if unit.len() > MAX_AUDIO {
            let message =
                format!("an audio unit of {} bytes is too long for MPEG-TS; fMP4 takes it", unit.len());
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let (starts, name) = match self {
            Self::Aac(config) => return Ok(Piece::new(&config.adts_header(unit.len())?, &[], unit)),
            Self::Mp3 { .. } => (mp3::starts(unit), "MP3"),
            Self::Ac3 { .. } | Self::Eac3 { .. } => (ac3::starts(unit), "AC-3"),
        };
        if !starts {
            return Err(Error::corrupt(format!(
                "an audio unit does not start with the header of an {name} frame"
            )));
        }
        Ok(Piece::new(&[], &[], unit))
    }
}

fn check_picture(
    unit: &AccessUnit,
    key: bool,
    found: &UnitFacts<'_>,
    sets: &[u8],
    first: bool,
) -> Result<()> {
    let has_sets = || {
        (found.sps.is_some() && found.pps.is_some()) || {
            let sets = facts(sets);
            sets.sps.is_some() && sets.pps.is_some() && !sets.picture
        }
    };
    let message = match () {
        () if unit.data.is_empty() => "an H.264 access unit has no bytes",
        () if !found.picture => {
            "an H.264 access unit holds no slice, or its NAL units are delimited otherwise"
        }
        () if first && !key => "the first picture of a segment is no key picture",
        () if key && !has_sets() => {
            "a key picture has no parameter sets before its first slice; put SPS and PPS in band, or give them"
        }
        () => return Ok(()),
    };
    Err(Error::corrupt(message))
}

/// An offset in a sample is none in the source: it goes into the message.
fn in_sample(error: Error) -> Error {
    let at = error.place().offset.unwrap_or_default();
    Error::new(error.kind(), format!("{} (byte {at} of the sample)", error.message()))
}
