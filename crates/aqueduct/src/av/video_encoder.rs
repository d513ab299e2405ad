//! Pictures into a coded stream: one fresh, single-threaded encoder per rung and segment.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ffmpeg_next::{Dictionary, Packet as AvPacket, Rational, codec, encoder, ffi, format, frame};

use super::picture::{Picture, PicturePool, Siting};
use super::{failed, init, svt_av1, x264, x265};
use crate::error::{Error, ErrorKind, Result};
use crate::media::{HevcCoding, VideoCoding, VideoEncoding};

/// An encoder of one segment of one rung.
pub(crate) struct VideoEncoder {
    /// libav's name of it.
    name: &'static str,
    encoder: ManuallyDrop<encoder::video::Encoder>,
    sent: i64,
    /// Whether it was told that no more pictures come.
    ended: bool,
    units: Vec<CodedPicture>,
}

/// x265 and SVT-AV1 fill process-wide tables when they are opened. SVT-AV1 (1.4.1) crashed where several were opened and closed
/// side by side, by the addresses in its list of processors, which an encoder that is closed frees under one that is opened.
static TABLES: Mutex<()> = Mutex::new(());

/// One coded picture in decoding order.
pub(crate) struct CodedPicture {
    /// Position in the segment in presentation order.
    pub(crate) frame: i64,
    /// Whether decoding can start with it.
    pub(crate) key: bool,
    /// As the encoder gives it: a byte stream of NAL units (H.264 Annex B), or a temporal unit of AV1.
    pub(crate) data: Bytes,
}

/// What libav is told for one coding.
pub(super) struct Told {
    /// libav's name of the encoder.
    pub(super) name: &'static str,
    /// Where there is one.
    pub(super) source: &'static str,
    pub(super) options: Dictionary<'static>,
    /// Bit/s.
    pub(super) max_rate: u32,
    /// Reference frames and B-frames, where libav passes them on.
    pub(super) reference_frames: i32,
    pub(super) b_frames: usize,
}

impl VideoEncoder {
    /// Opens an encoder with exactly what `encoding` says.
    pub(crate) fn new(encoding: &VideoEncoding) -> Result<Self> {
        // What encoders are told depends on the CPU features that are allowed.
        init();
        let told = match &encoding.coding {
            VideoCoding::H264(coding) => x264::told(encoding, coding),
            VideoCoding::Hevc(coding) => x265::told(encoding, coding),
            VideoCoding::Av1(coding) => svt_av1::told(encoding, coding),
        };
        Self::open(encoding, told)
    }

    fn open(encoding: &VideoEncoding, told: Told) -> Result<Self> {
        let name = told.name;
        let codec = encoder::find_by_name(name).ok_or_else(|| {
            Error::unsupported(format!("this FFmpeg has no {name}; install one that has ({})", told.source))
        })?;
        let mut video = codec::Context::new_with_codec(codec).encoder().video().map_err(|cause| {
            failed(ErrorKind::Unsupported, &format!("{name} is no video encoder here"), cause)
        })?;
        video.set_width(encoding.width);
        video.set_height(encoding.height);
        video.set_format(format::Pixel::YUV420P);
        let duration = encoding.frame_duration;
        video.set_time_base(Rational::new(duration.num() as i32, duration.den() as i32));
        video.set_frame_rate(Some(Rational::new(duration.den() as i32, duration.num() as i32)));
        video.set_gop(encoding.gop);
        video.set_max_b_frames(told.b_frames);
        video.set_aspect_ratio(Rational::new(1, 1));
        // SAFETY: the context is not open yet and owned here; these are plain numbers without a setter.
        unsafe {
            let raw = video.as_mut_ptr();
            (*raw).rc_max_rate = told.max_rate.into();
            (*raw).rc_buffer_size = i32::try_from(encoding.buffer).unwrap_or(i32::MAX);
            (*raw).thread_count = 1;
            (*raw).keyint_min = i32::try_from(encoding.gop).unwrap_or(i32::MAX);
            (*raw).refs = told.reference_frames;
            (*raw).color_primaries =
                std::mem::transmute::<u32, ffi::AVColorPrimaries>(known(encoding.colour.primaries, 22));
            (*raw).color_trc = std::mem::transmute::<u32, ffi::AVColorTransferCharacteristic>(known(
                encoding.colour.transfer,
                18,
            ));
            (*raw).colorspace =
                std::mem::transmute::<u32, ffi::AVColorSpace>(known(encoding.colour.matrix, 14));
            (*raw).color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
        }
        let one_at_a_time = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        let encoder = video.open_as_with(codec, told.options).map_err(|cause| {
            failed(ErrorKind::Unsupported, &format!("{name} refuses these settings"), cause)
        })?;
        drop(one_at_a_time);
        Ok(Self { name, encoder: ManuallyDrop::new(encoder), sent: 0, ended: false, units: Vec::new() })
    }

    /// Encodes the next picture of the segment.
    pub(crate) fn encode(&mut self, picture: &Picture) -> Result<()> {
        let mut frame = frame::Video::empty();
        // SAFETY: a new reference to the same buffers, which stay read-only; only this frame's header is changed.
        let referenced = unsafe { ffi::av_frame_ref(frame.as_mut_ptr(), picture.frame().as_ptr()) };
        if referenced < 0 {
            return Err(failed(ErrorKind::Limit, "no memory for a picture", referenced.into()));
        }
        frame.set_pts(Some(self.sent));
        // What the source's decoder thought of this picture must not steer the encoder.
        frame.set_kind(ffmpeg_next::picture::Type::None);
        // SAFETY: the side data belongs to this frame's header; captions and the like are not copied into rungs.
        unsafe {
            while (*frame.as_ptr()).nb_side_data > 0 {
                let kind = (**(*frame.as_ptr()).side_data).type_;
                ffi::av_frame_remove_side_data(frame.as_mut_ptr(), kind);
            }
        }
        self.sent += 1;
        self.encoder.send_frame(&frame).map_err(|cause| self.broken("refuses a picture", cause))?;
        self.receive()
    }

    /// Ends the segment and returns its pictures in decoding order.
    pub(crate) fn finish(mut self) -> Result<Vec<CodedPicture>> {
        self.end()?;
        if self.units.len() as i64 != self.sent {
            let made = self.units.len();
            return Err(Error::internal(format!("{} made {made} pictures out of {}", self.name, self.sent)));
        }
        Ok(std::mem::take(&mut self.units))
    }

    fn end(&mut self) -> Result<()> {
        self.ended = true;
        self.encoder.send_eof().map_err(|cause| self.broken("cannot end the segment", cause))?;
        self.receive()
    }

    /// The first access unit that an encoder with these settings makes, of a black picture.
    pub(crate) fn first_unit(encoding: &VideoEncoding) -> Result<Bytes> {
        Self::new(encoding)?.unit_of_black(encoding)
    }

    /// [`VideoEncoder::first_unit`] of x265, with its note of which build made it.
    pub(super) fn signed_unit(encoding: &VideoEncoding, coding: &HevcCoding) -> Result<Bytes> {
        Self::open(encoding, x265::signed(encoding, coding))?.unit_of_black(encoding)
    }

    fn unit_of_black(self, encoding: &VideoEncoding) -> Result<Bytes> {
        let mut encoder = self;
        let black = PicturePool::new(encoding.width, encoding.height).draw(Siting::LEFT, |frame| {
            for plane in 0..3 {
                frame.data_mut(plane).fill(if plane == 0 { 16 } else { 128 });
            }
            Ok::<_, Error>(())
        })?;
        encoder.encode(&black)?;
        let units = encoder.finish()?;
        let made = units.into_iter().next().map(|unit| unit.data);
        made.ok_or_else(|| Error::internal("an encoder made nothing of a picture"))
    }

    fn receive(&mut self) -> Result<()> {
        let mut packet = AvPacket::empty();
        loop {
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => self.units.push(CodedPicture {
                    frame: packet.pts().ok_or_else(|| {
                        Error::internal(format!("{} gave a picture without a time", self.name))
                    })?,
                    key: packet.is_key(),
                    data: Bytes::copy_from_slice(packet.data().unwrap_or_default()),
                }),
                Err(ffmpeg_next::Error::Eof) => return Ok(()),
                Err(ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => return Ok(()),
                Err(cause) => return Err(self.broken("failed", cause)),
            }
        }
    }

    fn broken(&self, what: &str, cause: ffmpeg_next::Error) -> Error {
        failed(ErrorKind::Internal, &format!("{} {what}", self.name), cause)
    }
}

impl Drop for VideoEncoder {
    /// SVT-AV1 works on threads of its own, and says itself that it must not be taken down before they are through (a run
    /// that was stopped while it was crashed once). Pictures that are under way are coded, and thrown away. Nor may another
    /// one be opened meanwhile ([`TABLES`]).
    fn drop(&mut self) {
        let is_svt = self.name == svt_av1::NAME;
        if is_svt && self.sent > 0 && !self.ended {
            // What fails now fails for nobody.
            let _ = self.end();
        }
        let _one_at_a_time = is_svt.then(|| TABLES.lock().unwrap_or_else(PoisonError::into_inner));
        // SAFETY: it is dropped here and nowhere else, and nothing touches it after.
        unsafe { ManuallyDrop::drop(&mut self.encoder) };
    }
}

/// A code point that libav knows, else 2 (unspecified).
fn known(code_point: u8, last: u8) -> u32 {
    if code_point == 0 || code_point > last { 2 } else { code_point.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Av1Coding, Colour, Crf};
    use crate::time::Timebase;

    #[test]
    fn encoders_of_av1_open_and_close_side_by_side() {
        let encoding = VideoEncoding {
            width: 64,
            height: 64,
            frame_duration: Timebase::new(1, 25).unwrap(),
            crf: Crf::default(),
            max_rate: 64_000,
            buffer: 64_000,
            gop: 2,
            reorder: 0,
            colour: Colour::UNSPECIFIED,
            coding: VideoCoding::Av1(Av1Coding { preset: 12, level: 0 }),
        };
        // Where closing frees what opening fills the process may crash.
        let first = VideoEncoder::first_unit(&encoding).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert_eq!(VideoEncoder::first_unit(&encoding).unwrap(), first);
                    }
                });
            }
        });
    }
}
