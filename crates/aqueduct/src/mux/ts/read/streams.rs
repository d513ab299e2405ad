//! PES packets put together, and access units out of them.

use bytes::{Bytes, BytesMut};

use super::super::packet::{ROOM, WRAP};
use super::super::pes::{self, PesFacts};
use super::super::psi::StreamType;
use super::clock::Clock;
use super::packets::Packet;
use super::{Elementary, Findings, Kind, ReadUnit};
use crate::error::{ErrorKind, Result};
use crate::media::aac::{AdtsHeader, AudioSpecificConfig};
use crate::media::avc::{NalType, Sps, facts, nal_units};
use crate::media::{ac3, mp3};

/// Bytes of a stream that are asked for at a time, from the first to the most.
const ASKED: [usize; 2] = [4 << 10, 256 << 10];
/// Bytes of a picture that are kept before parts of it are left out.
const THINNED: usize = 512;

/// One elementary stream while it is read.
pub(super) struct Assembly {
    out: Elementary,
    /// Whether units keep their bytes.
    keeps: bool,
    open: Option<Open>,
    /// The bytes of the PES packet that is open. Where they are kept, those before it lie in the same memory: it is asked for
    /// rarely, and nothing moves when a packet grows. Else all packets use it, one after the other.
    bytes: BytesMut,
    /// Bytes of all PES packets so far.
    taken: usize,
    last_dts: Option<u64>,
    /// The bytes of an audio frame that the PES packet before began, and when they are presented.
    carried: (Vec<u8>, Option<u64>),
    /// The coding of the first audio frame.
    coding: Option<(u32, Option<AudioSpecificConfig>)>,
}

/// A PES packet that has begun.
struct Open {
    offset: u64,
    random_access: bool,
    facts: Option<PesFacts>,
    /// Whether everything that it announced is there.
    complete: bool,
    /// Bytes of it so far, its header included.
    length: usize,
    thinning: Thinning,
    /// Whether some of it came after it should be decoded, which is told.
    is_late: bool,
}

/// What is left out of a picture whose bytes nobody wants.
#[derive(Clone, Copy)]
enum Thinning {
    /// Nothing, as long as it has no more bytes than this: what is before its first slice counts, all of it.
    From(usize),
    /// What has no start code: of the NAL units that follow a slice only the types count. The payload before this one may
    /// have begun one.
    After { code: bool },
}

impl Open {
    /// Whether a payload can be left out of a picture of which `bytes` are kept.
    fn passes_over(&mut self, bytes: &[u8], payload: &[u8; ROOM]) -> bool {
        match self.thinning {
            Thinning::From(length) if bytes.len() <= length => false,
            Thinning::From(_) => {
                let header = self.facts.map_or(0, |facts| facts.length);
                let has_slice = facts(bytes.get(header..).unwrap_or_default()).picture;
                let next = Thinning::From(2 * bytes.len());
                self.thinning = if has_slice { Thinning::After { code: true } } else { next };
                false
            }
            Thinning::After { code } => {
                let code_may_begin = may_begin_code(payload);
                self.thinning = Thinning::After { code: code_may_begin };
                !code && !code_may_begin
            }
        }
    }
}

/// Whether a start code begins in the payload, or may begin in it: two zeros in a row, or one at its end.
fn may_begin_code(payload: &[u8; ROOM]) -> bool {
    // All of it, whether something is found or not, eight pairs at a time: a byte of zero is the first that borrows from
    // its highest bit.
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let pairs = |first: &[u8], second: &[u8]| {
        let pairs = first.as_chunks().0.iter().zip(second.as_chunks().0);
        pairs.fold(0, |found, (first, second)| {
            let either = u64::from_ne_bytes(*first) | u64::from_ne_bytes(*second);
            found | either.wrapping_sub(ONES) & !either
        })
    };
    let last = ROOM - 1 - 8;
    let found = pairs(payload, &payload[1..]) | pairs(&payload[last..], &payload[last + 1..]);
    found & ONES << 7 != 0 || payload.last() == Some(&0)
}

impl Assembly {
    pub(super) fn new(kind: StreamType, pid: u16, keeps: bool) -> Self {
        let out = Elementary { pid, kind, packets: 0, units: Vec::new(), aac: None, sps: None };
        let (bytes, carried) = (BytesMut::new(), (Vec::new(), None));
        Self { out, keeps, open: None, bytes, taken: 0, last_dts: None, carried, coding: None }
    }

    pub(super) fn into_elementary(self) -> Elementary {
        self.out
    }

    /// Takes the payload of one packet.
    pub(super) fn packet(
        &mut self,
        packet: &Packet<'_>,
        payload: &[u8],
        clock: &Clock,
        findings: &mut Findings,
    ) {
        self.out.packets += 1;
        if packet.start {
            self.finish(findings);
            let (offset, random_access) = (packet.offset, packet.random_access);
            let (length, thinning) = (0, Thinning::From(THINNED));
            self.open = Some(Open {
                offset,
                random_access,
                facts: None,
                complete: false,
                length,
                thinning,
                is_late: false,
            });
            self.bytes.clear();
        } else if packet.random_access {
            let message = "random_access_indicator stands on a packet that starts no unit";
            findings.add(Kind::RandomAccess, packet.offset, packet.pid, message);
        }
        let Some(open) = &mut self.open else {
            let message = "the stream begins in the middle of a PES packet";
            findings.add(Kind::Pes, packet.offset, packet.pid, message);
            return;
        };
        if open.complete {
            let message = "bytes follow the end of a PES packet";
            findings.add(Kind::Pes, packet.offset, packet.pid, message);
            return;
        }
        reserve(&mut self.bytes, &mut self.taken, payload.len());
        let bytes = &mut self.bytes;
        bytes.extend_from_slice(payload);
        open.length += payload.len();
        if let Thinning::After { code } = &mut open.thinning {
            *code = true;
        }
        // The header is complete when its own length says so; it is parsed once.
        let header_end = bytes.get(8).map(|length| 9 + usize::from(*length));
        if open.facts.is_none() && header_end.is_some_and(|end| bytes.len() >= end) {
            open.facts = pes::parse(bytes)
                .map_err(|error| findings.add(Kind::Pes, open.offset, packet.pid, error.message()))
                .ok();
            if let Some(dts) = open.facts.and_then(|facts| facts.dts) {
                clock.check_lead(dts, open.offset, packet.pid, findings);
                open.is_late = clock.lateness(dts).is_some();
            }
            if open.facts.is_none() {
                open.complete = true;
            }
        }
        // All of a picture must be there when it is decoded (§2.4.2). Of sound a PES packet holds later frames, too.
        if !open.is_late
            && matches!(self.out.kind, StreamType::H264 | StreamType::H265)
            && let Some(late) = open.facts.and_then(|facts| facts.dts).and_then(|dts| clock.lateness(dts))
        {
            open.is_late = true;
            let message = format!("bytes of a picture come {late} ms after it should be decoded");
            findings.add(Kind::ClockLead, packet.offset, packet.pid, message);
        }
        if let Some(facts) = open.facts
            && let Some(announced) = facts.announced
        {
            let got = open.length - facts.length;
            open.complete = got >= announced;
            if got > announced {
                let message = format!("a PES packet has {} bytes more than it announced", got - announced);
                findings.add(Kind::Pes, packet.offset, packet.pid, message);
                bytes.truncate(bytes.len() - (got - announced));
            }
        }
    }

    /// Bytes that the PES packet that is open takes and there is nothing else to know of it: it has its header, and is not
    /// complete with them.
    pub(super) fn room(&self) -> usize {
        let open = self.open.as_ref().filter(|open| !open.complete);
        let Some((open, facts)) = open.and_then(|open| open.facts.map(|facts| (open, facts))) else {
            return 0;
        };
        let whole = facts.announced.map_or(usize::MAX, |announced| facts.length + announced);
        whole.saturating_sub(open.length + 1)
    }

    /// Adds payloads to the PES packet that is open, which has [`Assembly::room`] for them; says how many.
    pub(super) fn append<'a>(&mut self, payloads: impl Iterator<Item = &'a [u8; ROOM]>) -> u64 {
        let Some(open) = &mut self.open else { return 0 };
        let is_thinned = !self.keeps && self.out.kind == StreamType::H264;
        let mut count = 0;
        for payload in payloads {
            count += 1;
            if is_thinned && open.passes_over(&self.bytes, payload) {
                continue;
            }
            reserve(&mut self.bytes, &mut self.taken, ROOM);
            // In halves, which are short enough to be moved without a call.
            let (first, second) = payload.as_slice().split_at(ROOM / 2);
            self.bytes.extend_from_slice(first);
            self.bytes.extend_from_slice(second);
        }
        open.length += count * ROOM;
        self.out.packets += count as u64;
        count as u64
    }

    /// Closes the PES packet that is open.
    fn finish(&mut self, findings: &mut Findings) {
        let Some(open) = self.open.take() else { return };
        let pid = self.out.pid;
        let Some(facts) = open.facts else {
            if !open.complete {
                findings.add(Kind::Pes, open.offset, pid, "a PES packet ends inside its header");
            }
            return;
        };
        if facts.announced.is_some() && !open.complete {
            findings.add(Kind::Pes, open.offset, pid, "a PES packet ends before all announced bytes came");
        }
        if facts.pts.is_none() {
            findings.add(Kind::Times, open.offset, pid, "a PES packet has no presentation time");
        }
        self.check_times(&open, &facts, findings);
        let whole =
            if self.keeps { self.bytes.split().freeze() } else { std::mem::take(&mut self.bytes).freeze() };
        let unit = ReadUnit {
            offset: open.offset,
            pts: facts.pts,
            dts: facts.dts,
            stamped: facts.pts.is_some(),
            key: true,
            idr: false,
            begins: false,
            random_access: open.random_access,
            data: whole.slice(facts.length..),
        };
        match self.out.kind {
            StreamType::H264 => self.picture(unit, facts.aligned, findings),
            StreamType::AacAdts => self.frames(unit, findings, adts),
            StreamType::Mpeg1Audio | StreamType::Mpeg2Audio => self.frames(unit, findings, mpeg),
            StreamType::Ac3 | StreamType::Eac3 => self.frames(unit, findings, dolby),
            _ => self.push(unit),
        }
        // Where no unit has kept them, nobody else knows the bytes, and their memory can be used again.
        if !self.keeps
            && let Ok(mut bytes) = whole.try_into_mut()
        {
            bytes.clear();
            self.bytes = bytes;
        }
    }

    fn push(&mut self, unit: ReadUnit) {
        let data = if self.keeps { unit.data } else { Bytes::new() };
        self.out.units.push(ReadUnit { data, ..unit });
    }

    fn check_times(&mut self, open: &Open, facts: &PesFacts, findings: &mut Findings) {
        let (Some(pts), Some(dts)) = (facts.pts, facts.dts) else { return };
        if forward(dts, pts) > WRAP as u64 / 2 {
            findings.add(Kind::Times, open.offset, self.out.pid, "a unit is presented before it is decoded");
        }
        if self.last_dts.is_some_and(|last| !(1..WRAP as u64 / 2).contains(&forward(last, dts))) {
            findings.add(Kind::Times, open.offset, self.out.pid, "decoding times do not rise");
        }
        self.last_dts = Some(dts);
    }

    fn picture(&mut self, mut unit: ReadUnit, aligned: bool, findings: &mut Findings) {
        let pid = self.out.pid;
        let mut add = |kind, message: &str| findings.add(kind, unit.offset, pid, message);
        let facts = facts(&unit.data);
        let first = nal_units(&unit.data).next();
        let begins = first.is_some_and(|nal| nal.start == 0);
        if !aligned || !begins {
            add(Kind::Alignment, "a video PES packet does not start with an access unit, or does not say so");
        }
        if first.is_none_or(|nal| nal.kind() != NalType::AccessUnitDelimiter) {
            add(Kind::Delimiter, "an access unit does not start with its delimiter");
        } else if facts.delimiters != 1 {
            add(Kind::Delimiter, "an access unit has more than one delimiter");
        }
        if !facts.picture {
            add(Kind::Alignment, "a video PES packet holds no picture");
        }
        if facts.idr && (facts.sps.is_none() || facts.pps.is_none()) {
            add(Kind::ParameterSets, "an IDR picture has no SPS and PPS before it");
        }
        if facts.late_sets {
            add(Kind::ParameterSets, "a parameter set comes after a message that may refer to it");
        }
        if facts.idr && !unit.random_access {
            add(Kind::RandomAccess, "random_access_indicator is missing on an IDR picture");
        }
        // §2.4.3.5: decoding can start at other pictures too, such as those of open GOPs, but not without sets.
        if unit.random_access && !facts.idr && (facts.sps.is_none() || facts.pps.is_none()) {
            let message = "random_access_indicator stands on a picture without SPS and PPS before it";
            add(Kind::RandomAccess, message);
        }
        if self.out.sps.is_none()
            && let Some(nal) = facts.sps
        {
            match Sps::parse(nal) {
                Ok(sps) => self.out.sps = Some(sps),
                Err(error) => {
                    add(Kind::ParameterSets, &format!("the SPS cannot be read: {}", error.message()))
                }
            }
        }
        (unit.idr, unit.begins) = (facts.idr, begins);
        unit.key = unit.idr || unit.random_access;
        self.push(unit);
    }

    /// Takes a PES packet of audio apart; `parse` reads the header of a frame.
    fn frames(&mut self, pes: ReadUnit, findings: &mut Findings, parse: fn(&[u8]) -> Result<Frame>) {
        let pid = self.out.pid;
        if pes.random_access {
            let message = "random_access_indicator stands on audio";
            findings.add(Kind::RandomAccess, pes.offset, pid, message);
        }
        let (mut bytes, carried_time) = std::mem::take(&mut self.carried);
        let carried = bytes.len();
        let data = if carried == 0 {
            pes.data.clone()
        } else {
            findings.add(Kind::Alignment, pes.offset, pid, "an audio frame is split over two PES packets");
            bytes.extend_from_slice(&pes.data);
            bytes.into()
        };
        let (mut at, mut time, mut stamped) =
            (0, if carried > 0 { carried_time } else { pes.pts }, carried == 0);
        let mut since = Since::default();
        let has_dependents = matches!(self.out.kind, StreamType::Ac3 | StreamType::Eac3);
        while at < data.len() {
            // §2.4.3.7: the PTS is that of the first frame that begins in the packet.
            if carried > 0 && at >= carried && !stamped {
                (time, stamped, since) = (pes.pts, true, Since::default());
            }
            let frame = match parse(&data[at..]) {
                Ok(frame) => frame,
                // Too few bytes for a header may be the start of one.
                Err(_) if data.len() - at < AdtsHeader::LONG && matches!(data[at], 0xff | 0x0b) => break,
                Err(error) if error.kind() == ErrorKind::Unsupported && at == 0 => {
                    self.push(pes);
                    return;
                }
                Err(error) => {
                    findings.add(Kind::Alignment, pes.offset, pid, error.message());
                    return;
                }
            };
            let mut end = at + frame.length;
            if end > data.len() {
                break;
            }
            while has_dependents
                && let Some(Ok(next)) = data.get(end..).map(parse)
                && next.dependent
                && next.length <= data.len() - end
            {
                end += next.length;
            }
            let bytes = data.slice(at + frame.header..end);
            at = end;
            let coding = *self.coding.get_or_insert(frame.coding());
            self.out.aac = self.out.aac.or(frame.config);
            if coding != frame.coding() {
                findings.add(Kind::Program, pes.offset, pid, "the audio's config changes inside the stream");
            }
            let pts = time.map(|time| (time + since.ticks()) % WRAP as u64);
            self.push(ReadUnit {
                pts,
                dts: pts,
                stamped: stamped && since.samples == 0 && pes.pts.is_some(),
                random_access: false,
                data: bytes,
                ..pes
            });
            since.add(&frame);
        }
        let left = data.slice(at.min(data.len())..);
        if !left.is_empty() {
            self.carried = (left.to_vec(), time.map(|time| (time + since.ticks()) % WRAP as u64));
        }
    }

    /// Reports what was begun and never ended.
    pub(super) fn close(&mut self, length: u64, findings: &mut Findings) {
        self.finish(findings);
        if !self.carried.0.is_empty() {
            findings.add(Kind::Alignment, length, self.out.pid, "the last audio frame is not complete");
        }
    }
}

/// Makes room for `count` bytes more of a stream that had `taken` before them.
fn reserve(bytes: &mut BytesMut, taken: &mut usize, count: usize) {
    if bytes.capacity() - bytes.len() < count {
        let [first, most] = ASKED;
        bytes.reserve((*taken).clamp(first, most).max(bytes.len()).max(count));
    }
    *taken += count;
}

/// One audio frame, as its header describes it.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Bytes that are no part of the unit.
    header: usize,
    /// Bytes, those included; at least as many, and at least 1.
    length: usize,
    samples: u64,
    sample_rate: u32,
    /// Whether it belongs to the frame before.
    dependent: bool,
    config: Option<AudioSpecificConfig>,
}

impl Frame {
    /// What must not change inside a stream.
    fn coding(&self) -> (u32, Option<AudioSpecificConfig>) {
        (self.sample_rate, self.config)
    }
}

fn adts(data: &[u8]) -> Result<Frame> {
    let header = AdtsHeader::parse(data)?;
    let samples = u64::from(header.config.unit_samples()) * u64::from(header.blocks);
    let (length, sample_rate) = (header.frame_length, header.config.sample_rate);
    let (header, config) = (header.header_length, Some(header.config));
    Ok(Frame { header, length, samples, sample_rate, dependent: false, config })
}

fn mpeg(data: &[u8]) -> Result<Frame> {
    let mp3::FrameHeader { length, sample_rate, samples, .. } = mp3::FrameHeader::parse(data)?;
    Ok(Frame { header: 0, length, samples: samples.into(), sample_rate, dependent: false, config: None })
}

fn dolby(data: &[u8]) -> Result<Frame> {
    let ac3::FrameHeader { length, sample_rate, samples, dependent, .. } = ac3::FrameHeader::parse(data)?;
    Ok(Frame { header: 0, length, samples: samples.into(), sample_rate, dependent, config: None })
}

/// The length of the frames since the last time that was given.
#[derive(Default)]
struct Since {
    samples: u64,
    rate: u64,
}

impl Since {
    fn add(&mut self, frame: &Frame) {
        self.samples += frame.samples;
        self.rate = frame.sample_rate.into();
    }

    /// In ticks of 90 kHz, rounded to nearest.
    fn ticks(&self) -> u64 {
        let rate = self.rate.max(1);
        (self.samples * 90_000 + rate / 2) / rate
    }
}

/// Ticks from `from` forward to `to`, both 33 bits.
fn forward(from: u64, to: u64) -> u64 {
    (to + WRAP as u64 - from) % WRAP as u64
}
