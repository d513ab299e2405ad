//! libav*: the only place that knows FFmpeg. Everything that leaves it is safe and in our own types.
//!
//! Reading: [`probe`] scans a source once into a [`SourceIndex`](crate::index::SourceIndex);
//! [`VideoReader`] and [`AudioReader`] decode what a segment needs; [`Decoders`] tell whether units decode. Making:
//! [`Scaler`], [`VideoEncoder`] and [`AacEncoder`], each fresh per segment and single-threaded, so that bytes never depend
//! on the machine.

mod aac_encoder;
mod allocator;
mod audio_reader;
mod decoders;
mod demuxer;
mod engine;
mod facts;
mod io;
mod log;
mod mixer;
mod orient;
mod picture;
mod probe;
mod resampler;
mod scaler;
mod svt_av1;
mod swscale;
mod symbol;
mod video_encoder;
mod video_reader;
mod x264;
mod x265;

pub(crate) use aac_encoder::AacEncoder;
pub use allocator::{return_memory_early, use_small_pages};
pub(crate) use audio_reader::AudioReader;
pub use decoders::Decoders;
pub use engine::{engine, reader_versions};
pub(crate) use mixer::Mixer;
pub(crate) use orient::Orienter;
pub(crate) use picture::Picture;
pub(crate) use probe::probe;
pub(crate) use scaler::Scaler;
pub use svt_av1::quiet_encoders;
pub(crate) use video_encoder::{CodedPicture, VideoEncoder};
pub(crate) use video_reader::VideoReader;

use std::sync::Once;

use crate::error::{Error, ErrorKind};

/// Prepares libav once per process: its log, and the CPU features it may use.
fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Gives errors their texts; it fails on no platform.
        let _ = ffmpeg_next::init();
        log::install();
        engine::pin_cpu();
    });
}

/// libav's reason as an error of ours.
fn failed(kind: ErrorKind, what: &str, cause: ffmpeg_next::Error) -> Error {
    Error::new(kind, what).with_cause(cause.to_string())
}
