//! Writing a segment.

use bytes::Bytes;

use super::layout::{self, Pes};
use super::packet::{Head, PACKET, PID_AUDIO, PID_VIDEO, ROOM};
use super::pes::{ID_AUDIO, ID_VIDEO, PesHeader};
use super::psi::{StreamType, write_pat, write_pmt};
use super::units::{Packets, Piece};
use super::{AudioFormat, CLOCK_LEAD, Segment};
use crate::error::{Error, Result};

impl Segment<'_> {
    /// The bytes of the segment. Equal segments make equal bytes.
    ///
    /// Video units get one access unit delimiter first; those that they hold already are dropped. Parameter sets come
    /// next; everything else stays as it is. Fails with [`crate::error::ErrorKind::Corrupt`], located in time, when a unit breaks a rule
    /// that [`Segment`] states, and when there is no unit at all.
    pub fn to_bytes(&self) -> Result<Bytes> {
        let mut streams = self.streams()?;
        let marks = clock(&mut streams, self.next_dts)?;
        for stream in &mut streams {
            layout::pad(&mut stream.packets.pes);
        }
        let packets: usize =
            streams.iter().flat_map(|stream| &stream.packets.pes).map(|pes| pes.packets as usize).sum();
        let mut out = Vec::with_capacity((2 + marks.len() + packets) * PACKET);
        let continuity = (self.index % 16) as u8;
        let program: Vec<_> = streams.iter().map(|stream| (stream.kind, stream.pid)).collect();
        write_pat(&mut out, continuity);
        write_pmt(&mut out, continuity, streams.first().map_or(0, |stream| stream.pid), &program);
        interleave(&mut out, &mut streams, &marks);
        Ok(out.into())
    }

    /// The streams of the program, the one with the clock first.
    fn streams(&self) -> Result<Vec<Stream<'_>>> {
        let mut streams = Vec::with_capacity(2);
        if let Some(units) = self.video {
            let mut packets = Packets::video(units)?;
            packets.mark_random_access(units);
            streams.push(Stream::new(StreamType::H264, PID_VIDEO, ID_VIDEO, packets));
        }
        if let Some(audio) = self.audio {
            let kind = match audio.format {
                AudioFormat::Aac(_) => StreamType::AacAdts,
            };
            streams.push(Stream::new(kind, PID_AUDIO, ID_AUDIO, Packets::audio(audio)?));
        }
        if streams.iter().all(|stream| stream.packets.pes.is_empty()) {
            return Err(Error::corrupt("a segment needs at least one access unit"));
        }
        Ok(streams)
    }
}

/// One elementary stream on its way out.
struct Stream<'a> {
    kind: StreamType,
    pid: u16,
    stream_id: u8,
    packets: Packets<'a>,
    /// PES packets written.
    written: usize,
    /// The continuity counter of the next packet with payload.
    continuity: u8,
}

impl<'a> Stream<'a> {
    fn new(kind: StreamType, pid: u16, stream_id: u8, packets: Packets<'a>) -> Self {
        Self { kind, pid, stream_id, packets, written: 0, continuity: 0 }
    }

    fn next(&self) -> Option<&Pes> {
        self.packets.pes.get(self.written)
    }

    /// Appends the next PES packet.
    fn write(&mut self, out: &mut Vec<u8>) {
        let Some(pes) = self.packets.pes.get(self.written) else { return };
        let header = PesHeader::new(self.stream_id, pes.pts, pes.dts, pes.stuffing, pes.payload);
        let mut bytes =
            Run::new(header.as_bytes(), self.packets.pieces.get(pes.pieces.clone()).unwrap_or_default());
        let mut left = pes.total();
        let mut mark = 0;
        for packet in 0..pes.packets {
            let mut head = Head {
                pid: self.pid,
                start: packet == 0,
                continuity: self.continuity,
                random_access: packet == 0 && pes.random_access,
                pcr: None,
            };
            if mark < pes.clocks && pes.clock_packet(mark) == packet {
                head.pcr = Some(pes.clock_time(mark).saturating_sub(CLOCK_LEAD));
                mark += 1;
            }
            // Every packet after this one needs a byte of its own.
            let later = (pes.packets - packet - 1) as usize;
            let payload = left.saturating_sub(later).min(ROOM - head.adaptation());
            head.write(out, payload);
            bytes.copy(out, payload);
            left -= payload;
            self.continuity = (self.continuity + 1) % 16;
        }
        self.written += 1;
    }

    /// Appends a packet with nothing but a clock mark; its counter is that of the packet before (§2.4.3.3).
    fn write_mark(&self, out: &mut Vec<u8>, time: i64) {
        let continuity = self.continuity.wrapping_sub(1) % 16;
        let pcr = Some(time.saturating_sub(CLOCK_LEAD));
        Head { pid: self.pid, continuity, pcr, ..Head::default() }.write(out, 0);
    }
}

/// Sets clock marks and packet counts; returns the times of marks that need packets of their own.
fn clock(streams: &mut [Stream<'_>], next_dts: Option<i64>) -> Result<Vec<i64>> {
    let Some((clock, others)) = streams.split_first_mut() else {
        return Ok(Vec::new());
    };
    for other in others.iter_mut() {
        layout::count(&mut other.packets.pes);
    }
    let first = others.iter().filter_map(|other| other.packets.pes.first()).map(|pes| pes.dts).min();
    let last = others.iter().filter_map(|other| other.packets.pes.last()).map(|pes| pes.dts).max();
    if let (Some(first), Some(start)) = (first, clock.next().map(|pes| pes.dts))
        && first < start.saturating_sub(CLOCK_LEAD)
    {
        return Err(Error::corrupt("the audio of a segment begins more than half a second before its video"));
    }
    layout::clock(&mut clock.packets.pes, next_dts, first.zip(last))
}

/// Appends PES packets and clock marks by decoding time; at equal times the stream with the clock goes first.
fn interleave(out: &mut Vec<u8>, streams: &mut [Stream<'_>], marks: &[i64]) {
    let mut marks = marks.iter().copied().peekable();
    // §2.4.4.9: a clock must be there before the first unit that needs it.
    if let Some(clock) = streams.first_mut().filter(|stream| stream.next().is_some()) {
        clock.write(out);
    }
    loop {
        let due = streams
            .iter_mut()
            .filter_map(|stream| stream.next().map(|pes| pes.dts).map(|dts| (dts, stream)))
            .min_by_key(|(dts, _)| *dts);
        let mark = marks.peek().copied();
        match (due, mark) {
            (Some((dts, stream)), mark) if mark.is_none_or(|mark| dts < mark) => stream.write(out),
            (_, Some(mark)) => {
                marks.next();
                if let Some(clock) = streams.first() {
                    clock.write_mark(out, mark);
                }
            }
            _ => return,
        }
    }
}

/// The bytes of a PES packet, copied out bit by bit.
struct Run<'a> {
    now: &'a [u8],
    then: Option<&'a [u8]>,
    pieces: std::slice::Iter<'a, Piece<'a>>,
}

impl<'a> Run<'a> {
    fn new(header: &'a [u8], pieces: &'a [Piece<'a>]) -> Self {
        Self { now: header, then: None, pieces: pieces.iter() }
    }

    fn copy(&mut self, out: &mut Vec<u8>, mut count: usize) {
        while count > 0 {
            let (bytes, rest) = self.now.split_at(count.min(self.now.len()));
            out.extend_from_slice(bytes);
            count -= bytes.len();
            self.now = rest;
            if rest.is_empty() {
                if let Some(then) = self.then.take() {
                    self.now = then;
                } else if let Some(piece) = self.pieces.next() {
                    self.now = piece.added();
                    self.then = Some(piece.input);
                } else {
                    return;
                }
            }
        }
    }
}
