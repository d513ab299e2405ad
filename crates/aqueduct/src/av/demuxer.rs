//! Packets out of a source, of one track or of all.

use std::sync::Arc;

use ffmpeg_next::{Dictionary, Packet, Rational, codec, ffi, format};

use super::io::{Failure, SourceStream};
use super::{failed, init};
use crate::error::{Error, ErrorKind, Result};
use crate::source::{Source, SourceExt};
use crate::time::Timebase;

/// Larger than libav's own buffer: sources may be remote, and a picture rarely fits 32 KiB.
const BUFFER: usize = 128 << 10;

/// No protocol of libav has this name, and a list cannot be empty.
const NO_PROTOCOL: &str = "none";

/// How many broken packets in a row are skipped before the source is called corrupt.
const MAX_BROKEN: u32 = 1000;

/// An open container.
pub(super) struct Demuxer {
    input: format::context::Input,
    failure: Failure,
    source: Arc<dyn Source>,
    skipped: u64,
}

impl Demuxer {
    /// Opens the container and lets libav find out about its streams.
    pub(super) fn open(source: &Arc<dyn Source>) -> Result<Self> {
        init();
        if source.is_empty() {
            return Err(Error::corrupt(format!("{} is empty", source.name())));
        }
        let failure = Failure::default();
        let stream = SourceStream::new(Arc::clone(source), failure.clone());
        let mut options = Dictionary::new();
        // Some formats only name other files, addresses or ports (concat, HLS, SDP): whoever sent the source must not
        // choose what this machine opens.
        options.set("protocol_whitelist", NO_PROTOCOL);
        let opened = format::context::StreamIo::from_read_seek_with_capacity(stream, BUFFER)
            // The name is not passed on: a wrong extension must not mislead the probe.
            .and_then(|io| format::input_from_stream(io, None, Some(options)));
        match opened {
            Ok(input) => Ok(Self { input, failure, source: Arc::clone(source), skipped: 0 }),
            Err(cause) => Err(failure.take().unwrap_or_else(|| not_media(&**source, cause))),
        }
    }

    /// The container by libav's short name.
    pub(super) fn container(&self) -> String {
        self.input.format().name().to_owned()
    }

    /// Whether the container has tables that list every packet, so that a missing one is a fault.
    pub(super) fn has_tables(&self) -> bool {
        self.container().starts_with("mov,")
    }

    /// Damaged packets that were skipped so far.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    pub(super) fn streams(&self) -> format::context::common::StreamIter<'_> {
        self.input.streams()
    }

    /// The decoder's parameters of a stream.
    pub(super) fn parameters(&self, track: u32) -> Result<codec::Parameters> {
        self.input.stream(track as usize).map(|stream| stream.parameters()).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("{} has no such track", self.source.name()))
                .in_track(track)
        })
    }

    /// Ticks of a stream.
    pub(super) fn timebase(&self, track: u32) -> Result<Rational> {
        self.input
            .stream(track as usize)
            .map(|stream| stream.time_base())
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such track").in_track(track))
    }

    /// Lets the demuxer skip all packets but those of `track`.
    pub(super) fn only(&mut self, track: u32) {
        for mut stream in self.input.streams_mut() {
            let wanted = stream.index() == track as usize;
            // SAFETY: the stream belongs to the open input and nothing else touches it during this call.
            unsafe {
                (*stream.as_mut_ptr()).discard =
                    if wanted { ffi::AVDiscard::AVDISCARD_DEFAULT } else { ffi::AVDiscard::AVDISCARD_ALL };
            }
        }
    }

    /// The next packet, or `None` at the end.
    pub(super) fn read(&mut self) -> Result<Option<Packet>> {
        let mut packet = Packet::empty();
        for _ in 0..MAX_BROKEN {
            match packet.read(&mut self.input) {
                // Where the source fails within a packet libav gives what it has of it, and the failure with the next one:
                // that may never be asked for, and what was made without the rest would stay.
                Ok(()) => return self.failure.take().map_or(Ok(Some(packet)), Err),
                Err(ffmpeg_next::Error::Eof) => return self.failure.take().map_or(Ok(None), Err),
                // A demuxer finds its way past damaged bytes; asking again makes progress.
                Err(ffmpeg_next::Error::InvalidData) => self.skipped += 1,
                Err(cause) => {
                    let broken = || failed(ErrorKind::Corrupt, "the container cannot be read further", cause);
                    return Err(self.failure.take().unwrap_or_else(broken));
                }
            }
        }
        Err(Error::corrupt("the container holds nothing but damaged packets from here on"))
    }

    /// Goes to the last place at or before `dts` of `track` from which decoding can start, as the container
    /// knows it; whether it got there is for the caller to see from the packets that follow.
    pub(super) fn seek(&mut self, track: u32, dts: i64) -> bool {
        // SAFETY: the context is open; the stream's number was checked when its parameters were taken.
        unsafe {
            ffi::av_seek_frame(self.input.as_mut_ptr(), track as i32, dts, ffi::AVSEEK_FLAG_BACKWARD) >= 0
        }
    }

    /// Goes to a byte offset, for containers that can start anywhere.
    pub(super) fn seek_bytes(&mut self, offset: u64) -> bool {
        let Ok(offset) = i64::try_from(offset) else { return false };
        // SAFETY: the context is open; -1 names no stream, as the byte flag asks for.
        unsafe { ffi::av_seek_frame(self.input.as_mut_ptr(), -1, offset, ffi::AVSEEK_FLAG_BYTE) >= 0 }
    }
}

fn not_media(source: &dyn Source, cause: ffmpeg_next::Error) -> Error {
    let name = source.name();
    let mut start = [0; 8];
    let is_mp4 = source.read_exact_at(0, &mut start).is_ok() && start.ends_with(b"ftyp");
    if is_mp4 {
        let message = format!(
            "{name} is an MP4 without its index (no `moov` box): it is cut off, or was never finished"
        );
        return Error::corrupt(message).at_offset(source.len());
    }
    failed(ErrorKind::Corrupt, &format!("{name} is no video or audio file that FFmpeg can read"), cause)
        .at_offset(0)
}

/// libav's fraction as a timebase; `None` for the zeros that mean unknown.
pub(super) fn timebase(rational: Rational) -> Option<Timebase> {
    Timebase::new(u32::try_from(rational.numerator()).ok()?, u32::try_from(rational.denominator()).ok()?)
}
