//! AAC-LC through libav's own encoder: fresh for every segment, fed with a run-up and a run-out.

use bytes::Bytes;
use ffmpeg_next::{ChannelLayout, Packet as AvPacket, Rational, codec, encoder, format, frame};

use super::{failed, init};
use crate::error::{Error, ErrorKind, Result};
use crate::media::AacEncoding;

/// An encoder of one run of access units.
pub(crate) struct AacEncoder {
    encoder: encoder::audio::Encoder,
    encoding: AacEncoding,
    sent: i64,
    units: Vec<Bytes>,
}

impl AacEncoder {
    /// Opens libav's encoder with exactly what `encoding` says.
    pub(crate) fn new(encoding: &AacEncoding) -> Result<Self> {
        init();
        let codec = encoder::find_by_name("aac")
            .ok_or_else(|| Error::unsupported("this FFmpeg has no AAC encoder"))?;
        let mut audio = codec::Context::new_with_codec(codec)
            .encoder()
            .audio()
            .map_err(|cause| failed(ErrorKind::Unsupported, "aac is no audio encoder here", cause))?;
        audio.set_rate(encoding.sample_rate as i32);
        audio.set_format(format::Sample::F32(format::sample::Type::Planar));
        audio.set_channel_layout(ChannelLayout::default(encoding.channels.into()));
        audio.set_bit_rate(encoding.bit_rate as usize);
        audio.set_time_base(Rational::new(1, encoding.sample_rate as i32));
        // SAFETY: the context is not open yet and owned here; one thread, so that nothing depends on their number.
        unsafe { (*audio.as_mut_ptr()).thread_count = 1 };
        let encoder = audio.open_as(codec).map_err(|cause| {
            failed(ErrorKind::Unsupported, "the AAC encoder refuses these settings", cause)
        })?;
        Ok(Self { encoder, encoding: encoding.clone(), sent: 0, units: Vec::new() })
    }

    /// Encodes whole access units of `planes` (one slice of samples per channel, a multiple of 1024 each).
    ///
    /// The first unit that comes out is the priming unit, which belongs before the first samples.
    pub(crate) fn encode(mut self, planes: &[Vec<f32>]) -> Result<Vec<Bytes>> {
        let unit = AacEncoding::UNIT as usize;
        let samples = planes.first().map_or(0, Vec::len);
        for start in (0..samples).step_by(unit) {
            let layout = ChannelLayout::default(self.encoding.channels.into());
            let mut frame =
                frame::Audio::new(format::Sample::F32(format::sample::Type::Planar), unit, layout);
            frame.set_rate(self.encoding.sample_rate);
            frame.set_pts(Some(self.sent));
            for (channel, plane) in planes.iter().enumerate() {
                let chunk =
                    plane.get(start..start + unit).ok_or_else(|| Error::internal("a plane is too short"))?;
                frame.plane_mut::<f32>(channel).copy_from_slice(chunk);
            }
            self.sent += unit as i64;
            let refused = |cause| failed(ErrorKind::Internal, "the AAC encoder refuses samples", cause);
            self.encoder.send_frame(&frame).map_err(refused)?;
            self.receive()?;
        }
        self.encoder
            .send_eof()
            .map_err(|cause| failed(ErrorKind::Internal, "the AAC encoder cannot end", cause))?;
        self.receive()?;
        Ok(self.units)
    }

    fn receive(&mut self) -> Result<()> {
        let mut packet = AvPacket::empty();
        loop {
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => self.units.push(Bytes::copy_from_slice(packet.data().unwrap_or_default())),
                Err(ffmpeg_next::Error::Eof) => return Ok(()),
                Err(ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => return Ok(()),
                Err(cause) => return Err(failed(ErrorKind::Internal, "the AAC encoder failed", cause)),
            }
        }
    }
}
