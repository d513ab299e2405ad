//! Access units in which nothing is heard.

mod replication;

use super::{AOT_LC, AudioSpecificConfig};
use crate::media::bits::BitWriter;

/// Syntactic elements (ISO/IEC 14496-3 Table 4.85).
const SCE: u32 = 0;
const CPE: u32 = 1;
const LFE: u32 = 3;
const END: u32 = 7;

impl AudioSpecificConfig {
    /// A `raw_data_block` (ISO/IEC 14496-3 §4.4.2.1) that decodes to silence: each element of the channel configuration
    /// (Table 1.19) with one long window and no scale factor band. Of HE-AAC each has band replication with it, header and
    /// all: decoders to which nothing announces it look for it in the first unit alone, and some complain where it pauses.
    /// `None` for other object types than AAC-LC, and where a program config element describes the channels.
    pub fn silence(&self) -> Option<Vec<u8>> {
        let elements: &[u32] = match self.channel_configuration {
            1 => &[SCE],
            2 => &[CPE],
            3 => &[SCE, CPE],
            4 => &[SCE, CPE, SCE],
            5 => &[SCE, CPE, CPE],
            6 => &[SCE, CPE, CPE, LFE],
            7 => &[SCE, CPE, CPE, CPE, LFE],
            _ => return None,
        };
        if self.object_type != AOT_LC {
            return None;
        }
        let mut writer = BitWriter::default();
        // Elements of one kind are told apart by their tags, counted from 0 (§4.5.2.1.1).
        let mut tags = [0; 4];
        for &kind in elements {
            writer.bits(3, kind); // id_syn_ele
            if let Some(tag) = tags.get_mut(kind as usize) {
                writer.bits(4, *tag); // element_instance_tag
                *tag += 1;
            }
            if kind == CPE {
                writer.bits(1, 1); // common_window
                ics_info(&mut writer);
                writer.bits(2, 0); // ms_mask_present
                writer.bits(8, 0); // global_gain
                no_tools(&mut writer);
                writer.bits(8, 0); // global_gain
                no_tools(&mut writer);
            } else {
                writer.bits(8, 0); // global_gain
                ics_info(&mut writer);
                no_tools(&mut writer);
            }
            if self.extension.is_some() && kind != LFE {
                replication::silence(&mut writer, self.sample_rate.saturating_mul(2), kind == CPE);
            }
        }
        writer.bits(3, END);
        // byte_alignment() is what the writer ends with.
        Some(writer.into_bytes())
    }
}

/// `ics_info` (Table 4.6) of a long window without any scale factor band.
fn ics_info(writer: &mut BitWriter) {
    writer.bits(1, 0); // ics_reserved_bit
    writer.bits(2, 0); // window_sequence: ONLY_LONG_SEQUENCE
    writer.bits(1, 0); // window_shape: sine
    writer.bits(6, 0); // max_sfb
    writer.bits(1, 0); // predictor_data_present
}

/// What follows in an `individual_channel_stream` (Table 4.50): without bands there are no sections, scale factors and
/// spectral data.
fn no_tools(writer: &mut BitWriter) {
    writer.bits(1, 0); // pulse_data_present
    writer.bits(1, 0); // tns_data_present
    writer.bits(1, 0); // gain_control_data_present
}

#[cfg(test)]
mod tests {
    use crate::media::aac::{AudioSpecificConfig, Extension, Signalling};

    #[test]
    fn silence_is_short_and_for_known_layouts_only() {
        let bytes = |channels: u8| AudioSpecificConfig::lc(48_000, channels).unwrap().silence().unwrap();
        assert_eq!(bytes(1), [0, 0, 0, 0b0000_0111]);
        assert_eq!(bytes(2), [0b0010_0001, 0, 0, 0, 0, 0b0001_1100]);
        let lengths = [1, 2, 3, 4, 5, 6, 8].map(|channels| bytes(channels).len());
        assert_eq!(lengths, [4, 6, 10, 13, 15, 19, 24]);
        let lc = AudioSpecificConfig::lc(48_000, 2).unwrap();
        let extension =
            Extension { sample_rate: 48_000, parametric_stereo: false, signalling: Signalling::Hierarchical };
        let he = |channels| AudioSpecificConfig {
            extension: Some(extension),
            ..AudioSpecificConfig::lc(24_000, channels).unwrap()
        };
        assert_eq!([1, 2, 6].map(|channels| he(channels).silence().unwrap().len()), [12, 18, 50]);
        assert_eq!(AudioSpecificConfig { channel_configuration: 0, ..lc }.silence(), None);
        assert_eq!(AudioSpecificConfig { object_type: 1, ..lc }.silence(), None);
    }
}
