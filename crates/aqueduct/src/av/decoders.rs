//! Decoders that tell whether units decode. What they show is reduced to a digest at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;

use ffmpeg_next::{Packet, codec, ffi, frame, media, threading};

use super::{failed, init, log};
use crate::error::{Error, ErrorKind, Result};
use crate::media::opus::OpusConfiguration;
use crate::media::{Codec, CodedStream, CodedUnit, Decode, Decoded, Decoder};

/// Larger pictures are not decoded, so that nobody's header decides how much memory is taken: 8192 by 4320.
const MOST_PIXELS: i64 = 8192 * 4320;
/// `dfLa`: version and flags, and the header of STREAMINFO; then STREAMINFO (RFC 9639 §8.2).
const STREAMINFO: std::ops::Range<usize> = 8..42;

/// The decoders of libav, each on the thread that drives it, for
/// [`check::Options::decode`](crate::check::Options::decode).
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Decoders;

impl Decode for Decoders {
    fn open(&self, stream: &CodedStream) -> Result<Box<dyn Decoder>> {
        init();
        let none = || Error::unsupported(format!("FFmpeg has no decoder for {}", stream.codec));
        let (id, medium) = coding(&stream.codec).ok_or_else(none)?;
        let found = codec::decoder::find(id).ok_or_else(none)?;
        let cannot = |cause| failed(ErrorKind::Corrupt, "the decoder does not take the configuration", cause);
        let mut parameters = codec::Parameters::new();
        parameters.set_medium(medium);
        parameters.set_id(id);
        configure(&mut parameters, stream)?;
        let mut context = codec::Context::from_parameters(parameters).map_err(cannot)?;
        context.set_threading(threading::Config::count(1));
        // SAFETY: the context is not open yet and owned here.
        let raw = unsafe { &mut *context.as_mut_ptr() };
        // Damaged pictures come out with their mark, instead of staying away.
        raw.flags |= ffi::AV_CODEC_FLAG_OUTPUT_CORRUPT as c_int;
        // Encoder delay is the container's; the samples of each unit are counted.
        raw.flags2 |= ffi::AV_CODEC_FLAG2_SKIP_MANUAL as c_int;
        // So that pictures of H.264 wait as long as their level allows, and none comes too early to be put in order.
        raw.strict_std_compliance = ffi::FF_COMPLIANCE_STRICT;
        raw.max_pixels = MOST_PIXELS;
        if matches!(stream.codec, Codec::H265 | Codec::Flac | Codec::Ac3 | Codec::Eac3) {
            raw.err_recognition |= ffi::AV_EF_CRCCHECK;
        }
        let opened = log::listen(|| context.decoder().open_as(found)).0.map_err(cannot)?;
        Ok(Box::new(Units {
            opened,
            frame: frame::Video::empty(),
            marks: stream.codec == Codec::H264,
            asked: BTreeSet::new(),
            said: BTreeMap::new(),
        }))
    }
}

fn coding(codec: &Codec) -> Option<(codec::Id, media::Type)> {
    Some(match codec {
        Codec::H264 => (codec::Id::H264, media::Type::Video),
        Codec::H265 => (codec::Id::HEVC, media::Type::Video),
        Codec::Av1 => (codec::Id::AV1, media::Type::Video),
        Codec::Vp9 => (codec::Id::VP9, media::Type::Video),
        Codec::Aac => (codec::Id::AAC, media::Type::Audio),
        Codec::Mp3 => (codec::Id::MP3, media::Type::Audio),
        Codec::Ac3 => (codec::Id::AC3, media::Type::Audio),
        Codec::Eac3 => (codec::Id::EAC3, media::Type::Audio),
        Codec::Opus => (codec::Id::OPUS, media::Type::Audio),
        Codec::Flac => (codec::Id::FLAC, media::Type::Audio),
        Codec::Other(_) => return None,
    })
}

/// The configuration as libav keeps it.
fn configure(parameters: &mut codec::Parameters, stream: &CodedStream) -> Result<()> {
    let config = match stream.codec {
        Codec::Opus if !stream.config.is_empty() => opus_head(&stream.config)?,
        Codec::Flac => stream.config.get(STREAMINFO).unwrap_or_default().to_vec(),
        // Their boxes hold nothing that the frames do not.
        Codec::Ac3 | Codec::Eac3 | Codec::Mp3 => Vec::new(),
        _ => stream.config.to_vec(),
    };
    let padding = ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
    // SAFETY: the parameters are owned here. The buffer is allocated by libav, as the field asks for, has room for the
    // configuration and its zeroed padding, and belongs to the parameters from then on.
    unsafe {
        let raw = &mut *parameters.as_mut_ptr();
        if !config.is_empty() {
            let size = c_int::try_from(config.len())
                .map_err(|_| Error::new(ErrorKind::Limit, "the configuration is too long"))?;
            let buffer = ffi::av_mallocz(config.len() + padding).cast::<u8>();
            if buffer.is_null() {
                return Err(Error::new(ErrorKind::Limit, "there is no memory for the configuration"));
            }
            std::ptr::copy_nonoverlapping(config.as_ptr(), buffer, config.len());
            raw.extradata = buffer;
            raw.extradata_size = size;
        }
        raw.sample_rate = c_int::try_from(stream.sample_rate).unwrap_or(0);
        if stream.channels > 0 {
            ffi::av_channel_layout_default(&mut raw.ch_layout, stream.channels.into());
        }
    }
    Ok(())
}

/// `dOps` as the header of Opus in Ogg (RFC 7845 §5.1), which libav reads.
fn opus_head(dops: &[u8]) -> Result<Vec<u8>> {
    let config = OpusConfiguration::parse(dops)?;
    let mut head = b"OpusHead\x01".to_vec();
    head.push(config.channels);
    head.extend(config.pre_skip.to_le_bytes());
    head.extend(config.input_sample_rate.to_le_bytes());
    head.extend(config.output_gain.to_le_bytes());
    head.push(config.mapping_family);
    // Streams, coupled streams and the mapping have one form in both.
    head.extend_from_slice(dops.get(11..).unwrap_or_default());
    Ok(head)
}

/// So many units wait for their pictures at most; what is older stayed away.
const MOST_KEPT: usize = 1024;

/// A decoder under way.
struct Units {
    opened: codec::decoder::Opened,
    /// Of pictures as of sound.
    frame: frame::Video,
    /// Whether pictures that are damaged are marked.
    marks: bool,
    /// Units of whose pictures the digest is asked for.
    asked: BTreeSet<u64>,
    /// What was complained of units whose pictures did not come out yet.
    said: BTreeMap<u64, String>,
}

impl Decoder for Units {
    fn decode(&mut self, unit: &CodedUnit<'_>, take: &mut dyn FnMut(Decoded)) {
        let number = unit.number;
        if unit.wants_digest {
            self.asked.insert(number);
        }
        if unit.bytes.is_empty() {
            // For libav that would be the end.
            return take(Decoded::Damaged { number, reason: "it has no bytes".to_owned() });
        }
        let mut packet = Packet::copy(unit.bytes);
        packet.set_pts(i64::try_from(number).ok());
        let (failure, said) = log::listen(|| {
            let mut failure = None;
            // All that came out is taken each time, so the decoder always takes more.
            if let Err(cause) = self.opened.send_packet(&packet) {
                failure = Some(cause);
            }
            failure.or(self.receive(take))
        });
        // H.264 marks what is damaged, but for references; the others say so in the log alone.
        let hurts = |said: &String| !self.marks || said.contains("eference picture");
        let is_damaged = failure.is_some() || said.as_ref().is_some_and(hurts);
        let reason = said.or(failure.map(|cause| cause.to_string()));
        match reason {
            Some(reason) if is_damaged => take(Decoded::Damaged { number, reason }),
            Some(reason) => drop(self.said.insert(number, reason)),
            None => {}
        }
        if self.said.len() > MOST_KEPT {
            self.said.pop_first();
        }
    }

    fn finish(&mut self, take: &mut dyn FnMut(Decoded)) {
        log::listen(|| {
            // A decoder that refuses the end has nothing left to give.
            let _ = self.opened.send_eof();
            self.receive(take);
        });
    }
}

impl Units {
    /// Takes all that came out, and returns the first failure.
    fn receive(&mut self, take: &mut dyn FnMut(Decoded)) -> Option<ffmpeg_next::Error> {
        let mut failure = None;
        loop {
            match self.opened.receive_frame(&mut self.frame) {
                Ok(()) => self.tell(take),
                Err(ffmpeg_next::Error::Eof)
                | Err(ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => return failure,
                // The next answer is another one: the packet that failed is spent.
                Err(cause @ ffmpeg_next::Error::InvalidData) if failure.is_none() => failure = Some(cause),
                Err(cause) => return failure.or(Some(cause)),
            }
        }
    }

    fn tell(&mut self, take: &mut dyn FnMut(Decoded)) {
        // SAFETY: the frame was just filled by the decoder, and its header is only read.
        let raw = unsafe { &*self.frame.as_ptr() };
        if raw.nb_samples > 0 {
            let count = |number: c_int| u32::try_from(number).unwrap_or(0);
            return take(Decoded::Sound {
                samples: count(raw.nb_samples),
                rate: count(raw.sample_rate).max(1),
            });
        }
        let Ok(number) = u64::try_from(raw.pts) else { return };
        let is_marked = raw.flags & ffi::AV_FRAME_FLAG_CORRUPT as c_int != 0;
        let said = self.said.remove(&number);
        if raw.decode_error_flags != 0 || is_marked {
            let reason = said.unwrap_or_else(|| match raw.decode_error_flags {
                0 => "it refers to pictures that are not there".to_owned(),
                _ => "parts of it are missing and were made up".to_owned(),
            });
            take(Decoded::Damaged { number, reason });
        }
        let digest = self.asked.remove(&number).then(|| digest(raw));
        take(Decoded::Picture { number, digest });
        // What was asked for and stayed away is not waited for.
        if self.asked.len() > MOST_KEPT {
            self.asked.pop_first();
        }
    }
}

/// A digest of the samples that are shown.
fn digest(raw: &ffi::AVFrame) -> u64 {
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    digest.word(raw.width as u64);
    digest.word(raw.height as u64);
    // SAFETY: the frame is filled by the library that these constants are of, so the number is one of them.
    let format = unsafe { std::mem::transmute::<c_int, ffi::AVPixelFormat>(raw.format) };
    // SAFETY: the lookup answers null for formats without a description.
    let shift = unsafe { ffi::av_pix_fmt_desc_get(format).as_ref() };
    let shift = shift.map_or(0, |format| u32::from(format.log2_chroma_h));
    for (plane, (data, stride)) in raw.data.iter().zip(&raw.linesize).take(4).enumerate() {
        // SAFETY: the call only computes.
        let bytes = unsafe { ffi::av_image_get_linesize(format, raw.width, plane as c_int) };
        let (Ok(bytes), Ok(stride)) = (usize::try_from(bytes), isize::try_from(*stride)) else { continue };
        if data.is_null() || bytes == 0 || stride.unsigned_abs() < bytes {
            continue;
        }
        let height = u32::try_from(raw.height).unwrap_or(0);
        let rows = if plane == 1 || plane == 2 { height.div_ceil(1 << shift.min(8)) } else { height };
        for row in 0..rows {
            // SAFETY: libav keeps that many rows of at least `bytes` bytes there, `stride` apart, while the frame lives.
            digest.bytes(unsafe { std::slice::from_raw_parts(data.offset(stride * row as isize), bytes) });
        }
    }
    digest.0
}

/// Mixes eight bytes at a time: it tells pictures apart, and withstands nobody.
struct Digest(u64);

impl Digest {
    fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.word(u64::from(*byte)));
    }
}
