//! Decoded pictures of one track, found by their presentation time.

use std::collections::VecDeque;
use std::sync::Arc;

use ffmpeg_next::{Packet as AvPacket, codec, ffi, threading};

use super::demuxer::Demuxer;
use super::picture::Picture;
use super::probe::micros;
use super::{failed, init};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Packets, SourceIndex, Track};
use crate::source::Source;

/// How far ahead, in packets, going on beats seeking: about the longest usual distance of key frames.
const GO_ON: usize = 300;

/// Decodes a video track from any random-access point on.
///
/// Which pictures come out depends only on the times that are asked for: after a seek as after a long run.
pub(crate) struct VideoReader {
    source: Arc<dyn Source>,
    index: Arc<SourceIndex>,
    track: u32,
    open: Option<Open>,
    /// Pictures before it are left over from before the random-access point of the run and must not matter.
    floor: i64,
}

/// A demuxer and a decoder under way.
struct Open {
    demuxer: Demuxer,
    decoder: codec::decoder::Video,
    /// Pictures that came out and were not asked for yet, in presentation order.
    ready: VecDeque<(i64, Picture)>,
    /// The last picture that was asked for, or passed over.
    last: Option<(i64, Picture)>,
    /// Decoding time of the last packet that was sent.
    sent: i64,
    at_end: bool,
}

impl VideoReader {
    /// A reader of `track`; nothing is opened before the first picture is asked for.
    pub(crate) fn new(source: Arc<dyn Source>, index: Arc<SourceIndex>, track: u32) -> Self {
        init();
        Self { source, index, track, open: None, floor: i64::MIN }
    }

    /// Starts a run of pictures whose first is presented at `pts` (ticks of the track).
    pub(crate) fn start(&mut self, pts: i64) -> Result<()> {
        let index = Arc::clone(&self.index);
        let track = index
            .track(self.track)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such track").in_track(self.track))?;
        let entry = random_access_point(&track.packets, pts)
            .ok_or_else(|| Error::corrupt("no key frame before this time").in_track(self.track))?;
        self.floor = track.packets.get(entry).map_or(i64::MIN, |packet| packet.pts);
        if !self.open.as_ref().is_some_and(|open| open.can_go_on(&track.packets, entry, pts)) {
            self.open = None;
            self.open = Some(Open::at(&self.source, track, entry)?);
        }
        Ok(())
    }

    /// The picture presented at `pts`, or, where the decoder had to leave that one out, the nearest before it
    /// since the random-access point (else the first after it). `pts` must not go back within a run.
    pub(crate) fn picture(&mut self, pts: i64) -> Result<Picture> {
        let Self { index, track, floor, open, .. } = self;
        let lost = |pts| {
            let timebase = index.track(*track).map_or(crate::time::MPEG, |track| track.timebase);
            Error::corrupt("no picture can be decoded").in_track(*track).at_time(micros(timebase, pts))
        };
        let Some(open) = open else { return Err(Error::internal("pictures were asked for before a start")) };
        loop {
            match open.ready.front() {
                Some((time, _)) if *time <= pts => open.last = open.ready.pop_front(),
                // Nothing was decoded in time: the first picture that was has to stand in.
                Some((_, picture)) if open.shown(*floor).is_none() => return Ok(picture.clone()),
                None if !open.at_end && open.last.as_ref().is_none_or(|(time, _)| *time < pts) => {
                    open.advance(index, *track)?;
                }
                _ => return open.shown(*floor).ok_or_else(|| lost(pts)),
            }
        }
    }
}

/// Position of the last key packet that is presented at or before `pts`: decoding from there gives every picture
/// from its own time on.
fn random_access_point(packets: &Packets, pts: i64) -> Option<usize> {
    let keys = || packets.iter().enumerate().filter(|(_, packet)| packet.key);
    let best = keys().filter(|(_, packet)| packet.pts <= pts).max_by_key(|(_, packet)| packet.pts);
    best.or_else(|| keys().next()).or_else(|| packets.iter().enumerate().next()).map(|(position, _)| position)
}

impl Open {
    /// Opens the source and goes to the packet at `entry`.
    fn at(source: &Arc<dyn Source>, track: &Track, entry: usize) -> Result<Self> {
        let wanted =
            track.packets.get(entry).ok_or_else(|| Error::internal("a random-access point past the end"))?;
        let mut open = Self::new(source, track)?;
        if entry == 0 {
            return Ok(open);
        }
        // Each way is tried and judged by the first packet that it leads to; the last one always works.
        if open.demuxer.seek(track.id, wanted.dts) && open.skip_to(track, wanted.dts)? {
            return Ok(open);
        }
        if let Some(offset) = wanted.offset.filter(|_| !open.demuxer.has_tables()) {
            open = Self::new(source, track)?;
            if open.demuxer.seek_bytes(offset) && open.skip_to(track, wanted.dts)? {
                return Ok(open);
            }
        }
        open = Self::new(source, track)?;
        if open.skip_to(track, wanted.dts)? {
            return Ok(open);
        }
        Err(Error::corrupt("the key frame that the index names cannot be found again")
            .in_track(track.id)
            .at_time(micros(track.timebase, wanted.pts)))
    }

    fn new(source: &Arc<dyn Source>, track: &Track) -> Result<Self> {
        let mut demuxer = Demuxer::open(source)?;
        let cannot = |cause| {
            let what = format!("FFmpeg has no decoder for {}", track.codec);
            failed(ErrorKind::Unsupported, &what, cause).in_track(track.id)
        };
        let mut context = codec::Context::from_parameters(demuxer.parameters(track.id)?).map_err(cannot)?;
        // One thread: segments run in parallel, not slices of one picture.
        context.set_threading(threading::Config::count(1));
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(demuxer.timebase(track.id)?);
        let decoder = decoder.video().map_err(cannot)?;
        demuxer.only(track.id);
        Ok(Self { demuxer, decoder, ready: VecDeque::new(), last: None, sent: i64::MIN, at_end: false })
    }

    /// Drops packets up to the one decoded at `dts` and sends that one; `false` when it was not met.
    fn skip_to(&mut self, track: &Track, dts: i64) -> Result<bool> {
        while let Some(packet) = self.demuxer.read()? {
            if packet.stream() != track.id as usize {
                continue;
            }
            match packet.dts().or(packet.pts()) {
                Some(time) if time < dts => {}
                Some(time) if time == dts => {
                    self.send(&packet, track)?;
                    return Ok(true);
                }
                Some(_) => return Ok(false),
                None => {}
            }
        }
        Ok(false)
    }

    /// Whether decoding on from here reaches `pts` sooner than a seek would, and nothing needed has passed.
    fn can_go_on(&self, packets: &Packets, entry: usize, pts: i64) -> bool {
        let passed = self.last.as_ref().is_some_and(|(time, _)| *time > pts)
            || self.ready.front().is_some_and(|(time, _)| *time > pts);
        let Some(entry) = packets.get(entry) else { return false };
        if passed || self.at_end {
            return false;
        }
        let ahead = packets.iter().filter(|packet| packet.dts > self.sent && packet.dts < entry.dts).count();
        ahead <= GO_ON
    }

    /// The last picture of this run that was asked for, or passed over.
    fn shown(&self, floor: i64) -> Option<Picture> {
        self.last.as_ref().filter(|(time, _)| *time >= floor).map(|(_, picture)| picture.clone())
    }

    /// Sends one packet, or the end, and takes what comes out.
    fn advance(&mut self, index: &SourceIndex, track: u32) -> Result<()> {
        let track = index.track(track).ok_or_else(|| Error::internal("the track went away"))?;
        loop {
            match self.demuxer.read()? {
                Some(packet) if packet.stream() == track.id as usize => return self.send(&packet, track),
                Some(_) => {}
                None => {
                    self.at_end = true;
                    // A decoder that refuses the end has nothing left to give.
                    let _ = self.decoder.send_eof();
                    return self.receive(track);
                }
            }
        }
    }

    fn send(&mut self, packet: &AvPacket, track: &Track) -> Result<()> {
        self.sent = packet.dts().or(packet.pts()).unwrap_or(self.sent);
        match self.decoder.send_packet(packet) {
            // A damaged packet costs its picture, which `VideoReader::picture` bridges; the rest of the source is fine.
            Ok(()) | Err(ffmpeg_next::Error::InvalidData) => self.receive(track),
            Err(cause) => {
                let error = failed(ErrorKind::Corrupt, "the decoder gives up", cause).in_track(track.id);
                let error = error.at_time(micros(track.timebase, self.sent));
                Err(match u64::try_from(packet.position()) {
                    Ok(offset) => error.at_offset(offset),
                    Err(_) => error,
                })
            }
        }
    }

    fn receive(&mut self, track: &Track) -> Result<()> {
        loop {
            let mut frame = ffmpeg_next::frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    // SAFETY: the frame was just filled by the decoder.
                    let discarded = unsafe { (*frame.as_ptr()).flags } & ffi::AV_FRAME_FLAG_DISCARD != 0;
                    if let (Some(time), false) = (frame.timestamp().or(frame.pts()), discarded) {
                        let position = self.ready.partition_point(|(other, _)| *other <= time);
                        self.ready.insert(position, (time, Picture::new(frame)));
                    }
                }
                Err(ffmpeg_next::Error::Eof) => return Ok(()),
                Err(ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => return Ok(()),
                Err(ffmpeg_next::Error::InvalidData) => {}
                Err(cause) => {
                    return Err(failed(ErrorKind::Corrupt, "a picture cannot be decoded", cause)
                        .in_track(track.id)
                        .at_time(micros(track.timebase, self.sent)));
                }
            }
        }
    }
}
