//! One demuxing scan of a source: its tracks and the times, sizes and places of all packets.

use std::sync::Arc;

use ffmpeg_next::{Packet as AvPacket, codec, ffi, format, media};

use super::demuxer::{Demuxer, timebase};
use super::facts;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{AudioTrack, Oddity, Packet, SourceIndex, Track, TrackKind};
use crate::media::{Codec, opus};
use crate::source::Source;
use crate::time::Timebase;

/// Tracks beyond this are not a video file.
const MAX_TRACKS: usize = 256;
/// Packets of all tracks: a day of 60 frames/s and 100 audio packets/s, twice.
const MAX_PACKETS: usize = 30_000_000;
/// Audio packets that are decoded to learn what the decoder really gives out.
const SOUNDED: usize = 12;

/// Scans `source` once with libav and returns its index.
///
/// Fails with [`ErrorKind::Corrupt`] and the place when the bytes are no media, end too early or break off;
/// [`ErrorKind::Limit`] when there are more tracks or packets than any video has; [`ErrorKind::Source`] when
/// reading fails.
pub(crate) fn probe(source: &Arc<dyn Source>) -> Result<SourceIndex> {
    let mut demuxer = Demuxer::open(source)?;
    let mut scans = streams(&demuxer)?;
    let mut oddities = Vec::new();
    let mut count = 0;
    while let Some(packet) = demuxer.read()? {
        count += 1;
        if count > MAX_PACKETS {
            return Err(Error::new(ErrorKind::Limit, format!("more than {MAX_PACKETS} packets")));
        }
        // Streams that appear after the header (in a transport stream) are not part of the presentation.
        if let Some(scan) = scans.get_mut(packet.stream()) {
            scan.take(&packet);
        }
    }
    if demuxer.has_tables() {
        whole(&scans, &demuxer, source.len())?;
    }
    let mut index = SourceIndex::new(source.identity()?, demuxer.container());
    for scan in scans {
        index.tracks.push(scan.finish(&mut oddities)?);
    }
    index.scan_oddities = oddities;
    Ok(index)
}

fn streams(demuxer: &Demuxer) -> Result<Vec<Scan>> {
    let count = demuxer.streams().count();
    if count > MAX_TRACKS {
        return Err(Error::new(ErrorKind::Limit, format!("{count} tracks; at most {MAX_TRACKS} are read")));
    }
    demuxer.streams().map(|stream| Scan::new(&stream)).collect()
}

/// Whether all packets that the container's tables list could be read.
fn whole(scans: &[Scan], demuxer: &Demuxer, source_bytes: u64) -> Result<()> {
    let cut_off = || Error::corrupt("the source is cut off or damaged: it lists packets that cannot be read");
    let broken = scans.iter().find_map(|scan| scan.broken(source_bytes).map(|packet| (&scan.track, packet)));
    if let Some((track, packet)) = broken {
        let error = cut_off().in_track(track.id).at_time(micros(track.timebase, packet.dts));
        return Err(error.at_offset(packet.offset.unwrap_or(source_bytes)));
    }
    if demuxer.skipped() > 0 {
        // What follows the last packet that was read is missing.
        let ends = scans.iter().filter_map(|scan| Some((&scan.track, scan.track.packets.iter().last()?)));
        let last = ends.max_by_key(|(track, packet)| micros(track.timebase, packet.dts));
        let error = last.map_or_else(cut_off, |(track, packet)| {
            cut_off().in_track(track.id).at_time(micros(track.timebase, packet.dts))
        });
        return Err(error.at_offset(source_bytes));
    }
    Ok(())
}

/// What is gathered of one track during the scan.
struct Scan {
    track: Track,
    sounding: Option<Sounding>,
    untimed: u64,
}

impl Scan {
    fn new(stream: &format::stream::Stream<'_>) -> Result<Self> {
        let id = u32::try_from(stream.index()).map_err(|_| Error::corrupt("too many tracks"))?;
        let parameters = stream.parameters();
        let decoder = codec::Context::from_parameters(parameters.clone()).map(codec::Context::decoder);
        let mut sounding = None;
        let kind = match (parameters.medium(), decoder) {
            (media::Type::Video, decoder) => {
                let pixel =
                    decoder.and_then(codec::decoder::Decoder::video).ok().map(|decoder| decoder.format());
                TrackKind::Video(facts::video(stream, &parameters, pixel))
            }
            (media::Type::Audio, decoder) => {
                sounding = decoder.and_then(codec::decoder::Decoder::audio).ok().map(Sounding::new);
                TrackKind::Audio(facts::audio(&parameters))
            }
            _ => TrackKind::Other,
        };
        // A cover picture beside the sound is not the video of the presentation.
        let is_cover = stream.disposition().contains(format::stream::Disposition::ATTACHED_PIC);
        let kind = if is_cover { TrackKind::Other } else { kind };
        let mut track = Track::new(id, facts::codec(&parameters), kind);
        track.profile = facts::profile(&parameters);
        track.language = stream.metadata().get("language").unwrap_or_default().to_owned();
        track.default = stream.disposition().contains(format::stream::Disposition::DEFAULT);
        track.timebase = timebase(stream.time_base())
            .ok_or_else(|| Error::corrupt("the track has no timescale").in_track(id))?;
        Ok(Self { track, sounding, untimed: 0 })
    }

    fn take(&mut self, packet: &AvPacket) {
        let Some(pts) = packet.pts().or(packet.dts()) else {
            self.untimed += 1;
            return;
        };
        match &mut self.track.kind {
            TrackKind::Audio(audio) if self.track.packets.is_empty() => audio.start_skip = start_skip(packet),
            _ => {}
        }
        let duration = u32::try_from(packet.duration()).unwrap_or(0);
        let samples = match &mut self.sounding {
            Some(sounding) => sounding.samples(&self.track, packet, duration),
            None => 0,
        };
        // SAFETY: reads a number of the packet that is borrowed.
        let flags = unsafe { (*packet_pointer(packet)).flags };
        self.track.packets.push(Packet {
            pts,
            dts: packet.dts().unwrap_or(pts),
            duration,
            bytes: u32::try_from(packet.size()).unwrap_or(u32::MAX),
            offset: u64::try_from(packet.position()).ok(),
            samples,
            key: packet.is_key(),
            discard: flags & ffi::AV_PKT_FLAG_DISCARD != 0,
            corrupt: packet.is_corrupt(),
        });
    }

    /// The first packet that is damaged or reaches past the end of the source.
    fn broken(&self, source_bytes: u64) -> Option<Packet> {
        self.track.packets.iter().find(|packet| {
            packet.corrupt
                || packet.offset.is_some_and(|at| at.saturating_add(packet.bytes.into()) > source_bytes)
        })
    }

    fn finish(mut self, oddities: &mut Vec<Oddity>) -> Result<Track> {
        let mut note = |name: &str, message: String| {
            oddities.push(Oddity { name: name.to_owned(), track: Some(self.track.id), message });
        };
        if self.untimed > 0 && self.track.kind != TrackKind::Other {
            let message = format!("{} packets have no time and are left out", self.untimed);
            note("untimed-packets", message);
        }
        if let (Some(sounding), TrackKind::Audio(audio)) = (self.sounding.take(), &mut self.track.kind) {
            sounding.correct(audio, &mut self.track.packets);
        } else if matches!(self.track.kind, TrackKind::Audio(_)) {
            note("no-decoder", format!("FFmpeg has no decoder for {}", self.track.codec));
            self.track.kind = TrackKind::Other;
        }
        Ok(self.track)
    }
}

/// Finds out how many samples each audio packet decodes to.
///
/// Codecs of a fixed frame length are decoded for a moment, to see the real rate and length (implicit SBR
/// doubles both); Opus says it in its first byte; packets timed in samples say it by their duration; the rest is
/// decoded throughout.
struct Sounding {
    decoder: codec::decoder::Audio,
    /// Sample counts of the first packets, for codecs of a fixed frame length.
    heard: Vec<u32>,
    rate: u32,
    channels: u8,
    layout: String,
}

impl Sounding {
    fn new(decoder: codec::decoder::Audio) -> Self {
        Self { decoder, heard: Vec::new(), rate: 0, channels: 0, layout: String::new() }
    }

    fn samples(&mut self, track: &Track, packet: &AvPacket, duration: u32) -> u32 {
        let timed_in_samples = matches!(&track.kind, TrackKind::Audio(audio)
            if Timebase::new(1, audio.sample_rate) == Some(track.timebase));
        // Packets that an edit list hides give nothing to hear.
        let listens = self.heard.len() < SOUNDED;
        let decoded = if listens || how(&track.codec, timed_in_samples) == How::Decode {
            self.decode(packet)
        } else {
            0
        };
        if listens && decoded > 0 {
            self.heard.push(decoded);
        }
        match how(&track.codec, timed_in_samples) {
            How::Fixed => 0,
            How::Toc => packet.data().and_then(opus::packet_samples).unwrap_or(decoded),
            How::Duration => duration,
            How::Decode => decoded,
        }
    }

    fn decode(&mut self, packet: &AvPacket) -> u32 {
        // A packet that does not decode gives no samples here and silence later.
        if self.decoder.send_packet(packet).is_err() {
            return 0;
        }
        let mut frame = ffmpeg_next::frame::Audio::empty();
        let mut samples = 0u32;
        while self.decoder.receive_frame(&mut frame).is_ok() {
            samples = samples.saturating_add(u32::try_from(frame.samples()).unwrap_or(0));
            self.rate = frame.rate();
            // SAFETY: the frame was just filled by the decoder.
            let layout = unsafe { &(*frame.as_ptr()).ch_layout };
            self.channels = u8::try_from(layout.nb_channels).unwrap_or(0);
            self.layout = facts::layout_name(layout);
        }
        samples
    }

    /// Puts right what the container said, by what the decoder gave.
    fn correct(self, audio: &mut AudioTrack, packets: &mut crate::index::Packets) {
        if self.rate > 0 {
            // Encoder delay is counted at the container's rate.
            let skip =
                u64::from(audio.start_skip) * u64::from(self.rate) / u64::from(audio.sample_rate.max(1));
            audio.start_skip = u32::try_from(skip).unwrap_or(0);
            (audio.sample_rate, audio.channels, audio.layout) = (self.rate, self.channels, self.layout);
        }
        // The last packet heard is the steady state: the first may be shorter.
        if let Some(&length) = self.heard.last() {
            packets.fill_missing_samples(length);
        }
    }
}

#[derive(PartialEq, Eq)]
enum How {
    Fixed,
    Toc,
    Duration,
    Decode,
}

fn how(codec: &Codec, timed_in_samples: bool) -> How {
    match codec {
        Codec::Aac | Codec::Mp3 | Codec::Ac3 | Codec::Eac3 => How::Fixed,
        Codec::Opus => How::Toc,
        _ if timed_in_samples => How::Duration,
        _ => How::Decode,
    }
}

/// Samples at the start of the track that are not to be heard, from the first packet's side data.
fn start_skip(packet: &AvPacket) -> u32 {
    let kind = codec::packet::side_data::Type::SkipSamples;
    packet
        .side_data()
        .find(|data| data.kind() == kind)
        .and_then(|data| data.data().first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)))
        .unwrap_or(0)
}

fn packet_pointer(packet: &AvPacket) -> *const ffi::AVPacket {
    use codec::packet::Ref;
    packet.as_ptr()
}

pub(super) fn micros(timebase: Timebase, ticks: i64) -> i64 {
    (timebase.seconds(ticks) * 1e6) as i64
}
