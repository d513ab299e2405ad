//! Taking a transport stream apart: packets, tables, PES packets, access units, and what breaks the rules.
//!
//! The bytes are untrusted. Reading takes time and memory in proportion to their number, follows no length field
//! beyond them, and goes on after a fault: each becomes a [`Finding`] with its offset.

mod clock;
mod keys;
mod packets;
mod streams;
mod tables;

use std::fmt;

use bytes::Bytes;

use super::StreamType;
use super::packet::{PACKET, PID_NULL, PID_PAT, ROOM, SYNC};
use crate::error::{Error, Result};
use crate::media::aac::AudioSpecificConfig;
use crate::media::avc::Sps;
use clock::Clock;
use packets::{Counter, Packet, Packets};
use streams::Assembly;
use tables::{Program, Sections};

pub use keys::{FoundKey, KeyScan, Scanned};

/// Findings beyond this number are only counted.
const MAX_FINDINGS: usize = 1_000;

/// A transport stream taken apart.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Reading {
    /// Packets, null packets and broken ones included.
    pub packets: u64,
    /// Where the packets that complete a valid PAT start, in bytes.
    pub pat: Vec<u64>,
    /// Where the packets that complete a valid PMT start, in bytes.
    pub pmt: Vec<u64>,
    /// The elementary streams in the order of the first PMT.
    pub streams: Vec<Elementary>,
    /// The clock's marks on the PCR PID.
    pub pcrs: Vec<Pcr>,
    /// What breaks the rules, by offset.
    pub findings: Vec<Finding>,
    /// Findings that were too many to be kept.
    pub more_findings: u64,
}

/// One elementary stream of a [`Reading`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Elementary {
    /// Its packet identifier.
    pub pid: u16,
    /// What the PMT says that it holds.
    pub kind: StreamType,
    /// Packets with payload, duplicates not counted.
    pub packets: u64,
    /// Its access units in order; of codecs that are not taken apart, its PES packets.
    pub units: Vec<ReadUnit>,
    /// AAC: the config that the first ADTS header says.
    pub aac: Option<AudioSpecificConfig>,
    /// H.264: the first sequence parameter set that could be read.
    pub sps: Option<Sps>,
}

/// One access unit as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadUnit {
    /// Where the packet that starts its PES packet stands, in bytes.
    pub offset: u64,
    /// Presentation time: 33 bits of 90 kHz.
    pub pts: Option<u64>,
    /// Decoding time: 33 bits of 90 kHz.
    pub dts: Option<u64>,
    /// Whether its times stand in a PES header; else they are counted from the unit before.
    pub stamped: bool,
    /// Whether decoding can start here: an IDR picture, one that is marked so, or audio.
    pub key: bool,
    /// Whether it is an IDR picture; only H.264 is looked into.
    pub idr: bool,
    /// H.264: whether it begins with a start code.
    pub(crate) begins: bool,
    /// Whether the packet that starts it carries `random_access_indicator`.
    pub random_access: bool,
    /// H.264: a byte stream with its access unit delimiter. AAC: a raw data block without ADTS header. MP3 and AC-3:
    /// a frame. E-AC-3: a frame and those that depend on it. Other codings: a PES packet. Empty after [`survey`].
    pub data: Bytes,
}

/// One mark of the program clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pcr {
    /// Where its packet stands, in bytes.
    pub offset: u64,
    /// 27 MHz, modulo 2^33 * 300.
    pub ticks: u64,
}

/// What breaks a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Byte offset of the packet concerned.
    pub offset: u64,
    /// The packet identifier concerned.
    pub pid: Option<u16>,
    /// Which rule.
    pub kind: Kind,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {}", self.message, self.offset)?;
        match self.pid {
            Some(pid) => write!(f, ", PID {pid:#x})"),
            None => f.write_str(")"),
        }
    }
}

/// The rule that a [`Finding`] breaks. Sections are those of ISO/IEC 13818-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// Packets of 188 bytes that start with 0x47 (§2.4.3.2).
    Sync,
    /// Header and adaptation field are well formed, nothing is scrambled or marked as damaged (§2.4.3.3).
    Packet,
    /// The continuity counter counts (§2.4.3.3).
    Continuity,
    /// Tables are well formed and their CRC is right (§2.4.4).
    Table,
    /// A PAT, then a PMT, before all else (RFC 8216bis §3.1.1).
    TablesFirst,
    /// One program whose streams stay the same (RFC 8216bis §3.1.1, §4.4.4.3).
    Program,
    /// The clock is there, runs forward and has a mark every 100 ms (§2.7.2).
    Clock,
    /// A unit is decoded at most a second after its bytes came, and not before (§2.4.2).
    ClockLead,
    /// PES packets are well formed and whole (§2.4.3.6).
    Pes,
    /// Times are there, decoding times rise, nothing is presented before it is decoded (§2.4.3.7).
    Times,
    /// A PES packet holds one picture, or whole audio frames, from its first byte on.
    Alignment,
    /// Exactly one access unit delimiter, first in the access unit (§2.14.1).
    Delimiter,
    /// An IDR picture has its parameter sets before it.
    ParameterSets,
    /// `random_access_indicator` marks each IDR picture, and no picture without parameter sets (§2.4.3.5).
    RandomAccess,
    /// Every stream of the PMT has units.
    Empty,
}

/// Reads a whole stream or segment. Fails only with what is no transport stream at all; everything else that is
/// wrong is among the findings.
pub fn read(stream: &[u8]) -> Result<Reading> {
    take_apart(stream, true)
}

/// [`read`] without the bytes of units ([`ReadUnit::data`]): the same findings and facts, in less memory and time.
pub fn survey(stream: &[u8]) -> Result<Reading> {
    take_apart(stream, false)
}

fn take_apart(stream: &[u8], keeps: bool) -> Result<Reading> {
    let in_sync =
        |from: usize| stream.get(from) == Some(&SYNC) && stream.get(from + PACKET).is_none_or(|b| *b == SYNC);
    if stream.len() < PACKET || !(0..PACKET.min(stream.len() - PACKET + 1)).any(in_sync) {
        let message =
            "this is no MPEG transport stream: no packet of 188 bytes starts with 0x47; name a .ts file";
        return Err(Error::corrupt(message).at_offset(0));
    }
    let mut reader = Reader { keeps, ..Reader::default() };
    let mut packets = Packets::new(stream);
    while let Some(packet) = packets.next() {
        if let Some(pid) = reader.packet(packet) {
            reader.go_on(pid, &mut packets);
        }
    }
    Ok(reader.finish(stream.len() as u64))
}

/// Where findings go.
#[derive(Debug, Default)]
struct Findings {
    kept: Vec<Finding>,
    more: u64,
}

impl Findings {
    fn add(&mut self, kind: Kind, offset: u64, pid: impl Into<Option<u16>>, message: impl Into<String>) {
        if self.kept.len() < MAX_FINDINGS {
            self.kept.push(Finding { offset, pid: pid.into(), kind, message: message.into() });
        } else {
            self.more += 1;
        }
    }
}

/// What is known of a PID.
#[derive(Default)]
struct Pid<'a> {
    counter: Counter<'a>,
    /// Its position among the streams of the program.
    stream: Option<usize>,
}

/// What is known of all PIDs, found in one step: there are 56 million packets in two hours of five rungs.
struct Pids<'a> {
    /// For each of the 8192 PIDs its position in `known` and 1, or 0.
    positions: Vec<u16>,
    known: Vec<Pid<'a>>,
}

impl Default for Pids<'_> {
    fn default() -> Self {
        Self { positions: vec![0; 1 << 13], known: Vec::new() }
    }
}

impl<'a> Pids<'a> {
    fn get(&mut self, pid: u16) -> Option<&mut Pid<'a>> {
        let position = self.positions.get_mut(usize::from(pid))?;
        if *position == 0 {
            self.known.push(Pid::default());
            *position = self.known.len() as u16;
        }
        self.known.get_mut(usize::from(*position - 1))
    }
}

#[derive(Default)]
struct Reader<'a> {
    /// Whether units keep their bytes.
    keeps: bool,
    reading: Reading,
    findings: Findings,
    pids: Pids<'a>,
    pat: Sections,
    pmt: Sections,
    pmt_pid: Option<u16>,
    program: Option<Program>,
    streams: Vec<Assembly>,
    clock: Clock,
}

impl<'a> Reader<'a> {
    /// Takes a packet; says its PID where its payload is that of an elementary stream.
    fn packet(&mut self, packet: std::result::Result<Packet<'a>, Finding>) -> Option<u16> {
        let packet = match packet {
            Ok(packet) => packet,
            Err(finding) => {
                self.findings.add(finding.kind, finding.offset, finding.pid, finding.message);
                return None;
            }
        };
        self.reading.packets += 1;
        if packet.pid == PID_NULL {
            return None;
        }
        if packet.damaged || packet.scrambled {
            let message =
                if packet.damaged { "the packet is marked as damaged" } else { "the packet is scrambled" };
            self.findings.add(Kind::Packet, packet.offset, packet.pid, message);
            return None;
        }
        // A PID has 13 bits, so there is a place for it.
        let pid = self.pids.get(packet.pid)?;
        let fresh = pid.counter.check(&packet, &mut self.findings);
        let stream = pid.stream;
        if self.program.as_ref().is_some_and(|program| program.pcr_pid == packet.pid) {
            self.clock.packet(&packet, &mut self.findings);
        }
        let payload = packet.payload.filter(|_| fresh)?;
        if packet.pid == PID_PAT {
            self.program_association(&packet, payload);
        } else if self.pmt_pid == Some(packet.pid) {
            self.program_map(&packet, payload);
        } else if let Some(stream) = stream.and_then(|stream| self.streams.get_mut(stream)) {
            stream.packet(&packet, payload, &self.clock, &mut self.findings);
            return Some(packet.pid);
        } else if self.program.is_none() && self.reading.packets <= 2 {
            self.findings.add(
                Kind::TablesFirst,
                packet.offset,
                packet.pid,
                "a PAT and a PMT must come first",
            );
        }
        None
    }

    /// Takes the packets that follow one of `pid` and only go on with its PES packet. Nearly all packets of video do, and
    /// of these there is no more to know than that their header is the one expected.
    fn go_on(&mut self, pid: u16, packets: &mut Packets<'a>) {
        let Some(known) = self.pids.get(pid) else { return };
        let Some(stream) = known.stream.and_then(|stream| self.streams.get_mut(stream)) else { return };
        let run = packets.plain(&mut known.counter, pid, stream.room() / ROOM);
        self.reading.packets += stream.append(run);
    }

    fn program_association(&mut self, packet: &Packet<'_>, payload: &[u8]) {
        for section in self.pat.push(packet, payload, &mut self.findings) {
            match tables::program_association(&section) {
                Ok(programs) => {
                    self.reading.pat.push(packet.offset);
                    if programs.len() != 1 {
                        let message = format!("the PAT lists {} programs instead of one", programs.len());
                        self.findings.add(Kind::Program, packet.offset, packet.pid, message);
                    }
                    let first = programs.first().copied();
                    if self.pmt_pid.is_some() && self.pmt_pid != first {
                        let message = "the PAT names another PMT than before";
                        self.findings.add(Kind::Program, packet.offset, packet.pid, message);
                    }
                    self.pmt_pid = self.pmt_pid.or(first);
                }
                Err(error) => self.findings.add(Kind::Table, packet.offset, packet.pid, error.message()),
            }
        }
    }

    fn program_map(&mut self, packet: &Packet<'_>, payload: &[u8]) {
        for section in self.pmt.push(packet, payload, &mut self.findings) {
            match tables::program_map(&section) {
                Ok(program) => {
                    self.reading.pmt.push(packet.offset);
                    match &self.program {
                        Some(known) if *known != program => {
                            let message = "the streams of the PMT are not those of the first PMT";
                            self.findings.add(Kind::Program, packet.offset, packet.pid, message);
                        }
                        Some(_) => {}
                        None => {
                            self.streams = program
                                .streams
                                .iter()
                                .map(|(kind, pid)| Assembly::new(*kind, *pid, self.keeps))
                                .collect();
                            for (position, (_, pid)) in program.streams.iter().enumerate() {
                                if let Some(pid) = self.pids.get(*pid) {
                                    pid.stream = pid.stream.or(Some(position));
                                }
                            }
                            self.program = Some(program);
                        }
                    }
                }
                Err(error) => self.findings.add(Kind::Table, packet.offset, packet.pid, error.message()),
            }
        }
    }

    fn finish(mut self, length: u64) -> Reading {
        if self.program.is_none() {
            let missing = if self.pmt_pid.is_some() { "PMT" } else { "PAT" };
            self.findings.add(Kind::TablesFirst, 0, None, format!("there is no valid {missing}"));
        }
        for mut stream in self.streams {
            stream.close(length, &mut self.findings);
            let stream = stream.into_elementary();
            if stream.units.is_empty() {
                let message = "a stream of the PMT has no access unit";
                self.findings.add(Kind::Empty, length, stream.pid, message);
            }
            self.reading.streams.push(stream);
        }
        if self.program.is_some() && self.clock.marks.is_empty() {
            self.findings.add(
                Kind::Clock,
                length,
                None,
                "there is no clock (PCR) on the PID that the PMT names",
            );
        }
        self.reading.pcrs = self.clock.marks;
        self.findings.kept.sort_by_key(|finding| finding.offset);
        self.reading.findings = self.findings.kept;
        self.reading.more_findings = self.findings.more;
        self.reading
    }
}
