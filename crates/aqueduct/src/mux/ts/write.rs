//! Writing a segment.

use std::ops::Range;

use bytes::Bytes;

use super::layout::{self, Pes};
use super::packet::{Head, PACKET, PID_AUDIO, PID_VIDEO, ROOM, SYNC};
use super::pes::{ID_VIDEO, PesHeader};
use super::psi::{Listed, StreamType, TABLES, write_pat, write_pmt};
use super::units::{Packets, Piece};
use super::{CLOCK_LEAD, Counters, KeyFrame, Segment};
use crate::error::Result;

impl Segment<'_> {
    /// The bytes of the segment, as [`Segment::write`] appends them.
    pub fn to_bytes(&self) -> Result<Bytes> {
        let mut out = Vec::new();
        self.write(&mut out)?;
        Ok(out.into())
    }

    /// Appends the segment to `out`, which the caller may use again from segment to segment, and says where key
    /// pictures lie. Equal segments make equal bytes.
    ///
    /// Video units get one access unit delimiter first; those that they hold already are dropped. Parameter sets come
    /// next: their own, or the stream's where they are keys and lack them. Everything else stays as it is, with start
    /// codes in place of lengths. Fails with [`crate::error::ErrorKind::Corrupt`], located in time, when a unit breaks
    /// a rule that [`Segment`] states, and when there is no unit at all; then `out` is as it was.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<Vec<KeyFrame>> {
        let mut video = self.video.map(Packets::video).transpose()?;
        let mut audio = self.audio.map(|audio| Packets::audio(audio, self.video.is_none())).transpose()?;
        let mut marks = {
            let video = video.as_mut().map(|packets| &mut packets.pes[..]);
            let audio = audio.as_mut().map(|packets| &mut packets.pes[..]);
            layout::schedule(video, audio, self.next_dts)?
        };
        // The one with the clock goes first.
        let mut streams = Vec::with_capacity(2);
        if let Some(packets) = video {
            let counters = self.continuity.video;
            streams.push(Stream::new(StreamType::H264, PID_VIDEO, ID_VIDEO, packets, counters, &mut marks)?);
        }
        if let (Some(packets), Some(audio)) = (audio, self.audio) {
            let (kind, stream_id) = (audio.format.stream_type(), audio.format.stream_id());
            let counters = self.continuity.audio;
            // Those of the video are not the sound's to carry.
            let marks = if self.video.is_none() { &mut marks } else { &mut Vec::new() };
            streams.push(Stream::new(kind, PID_AUDIO, stream_id, packets, counters, marks)?);
        }
        let packets: u64 = streams.iter().map(|stream| layout::packets(&stream.packets.pes)).sum();
        let begin = out.len();
        out.reserve((TABLES as usize + marks.len() + packets as usize) * PACKET);
        let continuity = (self.index % 16) as u8;
        let spoken = self.audio.map(|audio| audio.language).filter(|language| language != b"und");
        let listed = |stream: &Stream<'_>| Listed {
            kind: stream.kind,
            pid: stream.pid,
            language: spoken.filter(|_| stream.pid == PID_AUDIO),
        };
        let program: Vec<_> = streams.iter().map(listed).collect();
        write_pat(out, continuity);
        write_pmt(out, continuity, streams.first().map_or(0, |stream| stream.pid), &program);
        let mut keys = Vec::new();
        interleave(out, &mut streams, &marks, |kind, unit, pes, bytes| {
            if kind == StreamType::H264 && pes.random_access {
                let bytes = (bytes.start - begin) as u64..(bytes.end - begin) as u64;
                keys.push(KeyFrame { bytes, unit, pts: pes.pts });
            }
        });
        Ok(keys)
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
    fn new(
        kind: StreamType,
        pid: u16,
        stream_id: u8,
        mut packets: Packets<'a>,
        counters: Counters,
        marks: &mut Vec<i64>,
    ) -> Result<Self> {
        layout::pad(&mut packets.pes, marks, counters.first, counters.next)?;
        Ok(Self { kind, pid, stream_id, packets, written: 0, continuity: counters.first % 16 })
    }

    fn next(&self) -> Option<&Pes> {
        self.packets.pes.get(self.written)
    }

    /// Appends the next PES packet.
    fn write(&mut self, out: &mut Vec<u8>) {
        let Some(pes) = self.packets.pes.get(self.written) else { return };
        let header = PesHeader::new(self.stream_id, pes.pts, pes.dts, pes.stuffing, pes.payload);
        let pieces = self.packets.pieces.get(pes.pieces.clone()).unwrap_or_default();
        let mut bytes = Run::new(header.as_bytes(), pieces);
        let mut left = pes.total();
        let mut mark = 0;
        let mut packet = 0;
        while packet < pes.packets {
            // Every packet after this one needs a byte of its own.
            let later = (pes.packets - packet - 1) as usize;
            let marked = mark < pes.clocks && pes.clock_packet(mark) == packet;
            if packet > 0 && !marked {
                let next_mark = if mark < pes.clocks { pes.clock_packet(mark) } else { pes.packets };
                // A full packet takes 184 bytes and leaves one packet less to think of: 183 of what may be used up.
                let spare = left.saturating_sub(later + 1) / (ROOM - 1);
                let most = ((next_mark - packet) as usize).min(spare);
                let written = bytes.write_full(out, self.pid, &mut self.continuity, most);
                if written > 0 {
                    packet += written as u32;
                    left -= written * ROOM;
                    continue;
                }
            }
            let mut head = Head {
                pid: self.pid,
                start: packet == 0,
                continuity: self.continuity,
                random_access: packet == 0 && pes.random_access,
                pcr: None,
            };
            if marked {
                head.pcr = Some(pes.clock_time(mark).saturating_sub(CLOCK_LEAD));
                mark += 1;
            }
            let payload = left.saturating_sub(later).min(ROOM - head.adaptation());
            let mut full = head.packet(payload);
            bytes.fill(&mut full[PACKET - payload..]);
            out.extend_from_slice(&full);
            left -= payload;
            packet += 1;
            self.continuity = (self.continuity + 1) % 16;
        }
        self.written += 1;
    }
}

impl Stream<'_> {
    /// Appends a packet with nothing but a clock mark; its counter is that of the packet before (§2.4.3.3).
    fn write_mark(&self, out: &mut Vec<u8>, time: i64) {
        let continuity = self.continuity.wrapping_sub(1) % 16;
        let pcr = Some(time.saturating_sub(CLOCK_LEAD));
        out.extend_from_slice(&Head { pid: self.pid, continuity, pcr, ..Head::default() }.packet(0));
    }
}

/// Appends PES packets and clock marks by decoding time; at equal times the stream with the clock goes first. `each` is
/// told of every PES packet: its stream, its number in it, itself, and its bytes in `out`.
fn interleave(
    out: &mut Vec<u8>,
    streams: &mut [Stream<'_>],
    marks: &[i64],
    mut each: impl FnMut(StreamType, usize, &Pes, Range<usize>),
) {
    let mut write = |stream: &mut Stream<'_>, out: &mut Vec<u8>| {
        let (start, position) = (out.len(), stream.written);
        stream.write(out);
        if let Some(pes) = stream.packets.pes.get(position) {
            each(stream.kind, position, pes, start..out.len());
        }
    };
    let mut marks = marks.iter().copied().peekable();
    // §2.4.4.9: a clock must be there before the first unit that needs it.
    if let Some(clock) = streams.first_mut().filter(|stream| stream.next().is_some()) {
        write(clock, out);
    }
    loop {
        let due = streams
            .iter_mut()
            .filter_map(|stream| stream.next().map(|pes| pes.dts).map(|dts| (dts, stream)))
            .min_by_key(|(dts, _)| *dts);
        let mark = marks.peek().copied();
        match (due, mark) {
            (Some((dts, stream)), mark) if mark.is_none_or(|mark| dts < mark) => write(stream, out),
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

/// The bytes of a PES packet, on their way out.
struct Run<'a> {
    now: &'a [u8],
    then: Option<&'a [u8]>,
    pieces: std::slice::Iter<'a, Piece<'a>>,
}

impl<'a> Run<'a> {
    fn new(header: &'a [u8], pieces: &'a [Piece<'a>]) -> Self {
        Self { now: header, then: None, pieces: pieces.iter() }
    }

    /// Fills `place` with the next bytes.
    fn fill(&mut self, mut place: &mut [u8]) {
        while !place.is_empty() {
            let count = place.len().min(self.now.len());
            let (bytes, rest) = self.now.split_at(count);
            let (filled, left) = place.split_at_mut(count);
            filled.copy_from_slice(bytes);
            place = left;
            self.now = rest;
            if self.now.is_empty() && !self.advance() {
                return;
            }
        }
    }

    /// Goes on to the next slice; there may be none.
    fn advance(&mut self) -> bool {
        if let Some(then) = self.then.take() {
            self.now = then;
        } else if let Some(piece) = self.pieces.next() {
            self.now = piece.added();
            self.then = Some(piece.input);
        } else {
            return false;
        }
        true
    }

    /// Appends packets that hold nothing but bytes of one slice, at most `most` of them, and says how many.
    fn write_full(&mut self, out: &mut Vec<u8>, pid: u16, continuity: &mut u8, most: usize) -> usize {
        let (full, _) = self.now.as_chunks::<ROOM>();
        let full = full.get(..most).unwrap_or(full);
        let [high, low] = pid.to_be_bytes();
        for payload in full {
            out.extend_from_slice(&[SYNC, high & 0x1f, low, 0x10 | *continuity]);
            out.extend_from_slice(payload);
            *continuity = (*continuity + 1) % 16;
        }
        self.now = self.now.get(full.len() * ROOM..).unwrap_or_default();
        full.len()
    }
}
