//! H.264 / AVC (ISO/IEC 14496-10): NAL units, parameter sets, and the facts of an access unit.
//!
//! Two forms of the same NAL units exist. The *byte stream* (Annex B) puts a start code before each; MPEG-TS and
//! encoders use it. The *length-prefixed* form (ISO/IEC 14496-15) puts a length of 1, 2 or 4 bytes before each;
//! MP4 uses it. Everything here takes untrusted bytes: it never panics, allocates no more than it is given, and
//! its errors say at which byte they happened.

mod nal;
mod pps;
mod record;
mod sps;
mod unit;

pub use nal::{
    LengthSize, Nal, NalType, from_length_prefixed, length_prefixed, nal_units, to_length_prefixed,
};
pub use pps::Pps;
pub use record::DecoderConfiguration;
pub(in crate::media) use sps::ASPECT_RATIOS;
pub use sps::{FrameTiming, Hrd, Sps};
pub use unit::{UnitFacts, X264_NOTE, facts, is_start, without_encoder_note};
