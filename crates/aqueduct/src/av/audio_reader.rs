//! Decoded sound of one track, packet by packet, always from a fresh decoder.

use std::sync::Arc;

use ffmpeg_next::{codec, ffi, threading};

use super::demuxer::Demuxer;
use super::mixer::Mixer;
use super::probe::micros;
use super::{failed, init};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{SourceIndex, Track, TrackKind};
use crate::source::Source;

/// Packets decoded before the first one that is wanted: windows overlap by one packet, the bit reservoir of MP3
/// reaches up to 9 frames back, Opus converges within 80 ms (RFC 7845 §4.6).
const RUN_UP: usize = 12;

/// Decodes an audio track. Every read starts a fresh decoder at a place that only the index decides, so that the
/// samples never depend on what was read before.
pub(crate) struct AudioReader {
    source: Arc<dyn Source>,
    index: Arc<SourceIndex>,
    track: u32,
    demuxer: Option<Demuxer>,
}

/// Sound of one packet.
pub(crate) struct Decoded {
    /// The packet's position in the index.
    pub(crate) packet: usize,
    /// Samples, one plane per channel of the track.
    pub(crate) planes: Vec<Vec<f32>>,
}

impl AudioReader {
    /// A reader of `track`; nothing is opened before the first read.
    pub(crate) fn new(source: Arc<dyn Source>, index: Arc<SourceIndex>, track: u32) -> Self {
        init();
        Self { source, index, track, demuxer: None }
    }

    /// Decodes the packets `first..end` and gives each to `take`. Damaged ones are left out: they stay silent.
    pub(crate) fn read(&mut self, first: usize, end: usize, mut take: impl FnMut(Decoded)) -> Result<()> {
        let index = Arc::clone(&self.index);
        let missing = || Error::new(ErrorKind::NotFound, "there is no such audio track").in_track(self.track);
        let track = index.track(self.track).ok_or_else(missing)?;
        let TrackKind::Audio(facts) = &track.kind else { return Err(missing()) };
        let entry = first.saturating_sub(RUN_UP);
        self.go_to(track, entry)?;
        let mut position = entry;
        let Some(demuxer) = &mut self.demuxer else { return Err(Error::internal("the demuxer went away")) };
        let mut decoder = open_decoder(demuxer, track)?;
        let mut unpack: Option<((i32, i32, u8), Mixer)> = None;
        let mut frame = ffmpeg_next::frame::Audio::empty();
        while position < end {
            let Some(packet) = demuxer.read()? else { break };
            if packet.stream() != self.track as usize {
                continue;
            }
            let Some(time) = packet.pts().or(packet.dts()) else { continue };
            // The demuxer may have gone to an earlier place than asked.
            while track.packets.get(position).is_some_and(|expected| expected.pts < time) {
                position += 1;
            }
            if track.packets.get(position).is_none_or(|expected| expected.pts != time) {
                continue;
            }
            let here = position;
            position += 1;
            match decoder.send_packet(&packet) {
                Ok(()) => {}
                // This says nothing about the packet.
                Err(cause @ ffmpeg_next::Error::Other { errno: ffmpeg_next::error::ENOMEM }) => {
                    return Err(failed(ErrorKind::Limit, "the audio decoder has no memory left", cause)
                        .in_track(self.track)
                        .at_time(micros(track.timebase, time)));
                }
                // Decoders have many codes for damage.
                Err(_) => continue,
            }
            let mut planes = vec![Vec::new(); facts.channels.into()];
            while decoder.receive_frame(&mut frame).is_ok() {
                // SAFETY: the frame was just filled by the decoder.
                let raw = unsafe { &*frame.as_ptr() };
                // Of HE-AAC with one channel two are made, in case parametric stereo follows: they are alike where it does
                // not, and where it does their mean is what one channel can hold.
                let is_doubled = facts.channels == 1 && raw.ch_layout.nb_channels == 2;
                let channels = if is_doubled { 2 } else { facts.channels };
                if raw.ch_layout.nb_channels != i32::from(channels) {
                    // A change of channels half-way is not followed.
                    continue;
                }
                let form = (raw.format, raw.sample_rate, channels);
                if unpack.as_ref().is_none_or(|(known, _)| *known != form) {
                    unpack = Some((form, Mixer::unpack(raw, channels)?));
                }
                if let Some((_, mixer)) = &mut unpack {
                    let mut made = mixer.frame(raw)?;
                    if is_doubled && let [left, right] = &mut made[..] {
                        for (left, right) in left.iter_mut().zip(right) {
                            *left = 0.5 * (*left + *right);
                        }
                    }
                    for (plane, more) in planes.iter_mut().zip(made) {
                        plane.extend(more);
                    }
                }
            }
            if here >= first && planes.first().is_some_and(|plane| !plane.is_empty()) {
                take(Decoded { packet: here, planes });
            }
        }
        Ok(())
    }

    /// Leaves the demuxer at or before packet `entry`.
    fn go_to(&mut self, track: &Track, entry: usize) -> Result<()> {
        let wanted =
            track.packets.get(entry).ok_or_else(|| Error::internal("an audio packet past the end"))?;
        let open = self.demuxer.as_mut().filter(|demuxer| demuxer.has_tables());
        if open.is_some_and(|demuxer| demuxer.seek(track.id, wanted.dts)) {
            return Ok(());
        }
        let mut demuxer = self.reopen(track)?;
        if entry > 0 && !demuxer.has_tables() {
            // Other containers seek by guessing: look where it led, then go there again or start over.
            if demuxer.seek(track.id, wanted.dts) && lands_before(&mut demuxer, track, wanted.pts)? {
                demuxer.seek(track.id, wanted.dts);
            } else {
                demuxer = self.reopen(track)?;
            }
        } else if entry > 0 && !demuxer.seek(track.id, wanted.dts) {
            demuxer = self.reopen(track)?;
        }
        self.demuxer = Some(demuxer);
        Ok(())
    }

    fn reopen(&self, track: &Track) -> Result<Demuxer> {
        let mut demuxer = Demuxer::open(&self.source)?;
        demuxer.only(track.id);
        Ok(demuxer)
    }
}

/// Whether the first packet of the track from here on is not after `pts`.
fn lands_before(demuxer: &mut Demuxer, track: &Track, pts: i64) -> Result<bool> {
    while let Some(packet) = demuxer.read()? {
        if packet.stream() == track.id as usize {
            return Ok(packet.pts().or(packet.dts()).is_some_and(|time| time <= pts));
        }
    }
    Ok(false)
}

fn open_decoder(demuxer: &Demuxer, track: &Track) -> Result<codec::decoder::Audio> {
    let cannot = |cause| {
        let what = format!("FFmpeg has no decoder for {}", track.codec);
        failed(ErrorKind::Unsupported, &what, cause).in_track(track.id)
    };
    let mut context = codec::Context::from_parameters(demuxer.parameters(track.id)?).map_err(cannot)?;
    context.set_threading(threading::Config::count(1));
    // SAFETY: the context is not open yet and owned here. Encoder delay is cut by the index, not by the decoder,
    // which would do so only at the start of the source.
    unsafe { (*context.as_mut_ptr()).flags2 |= ffi::AV_CODEC_FLAG2_SKIP_MANUAL };
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(demuxer.timebase(track.id)?);
    decoder.audio().map_err(cannot)
}
