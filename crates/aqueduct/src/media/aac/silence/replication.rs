//! Band replication that adds nothing (ISO/IEC 14496-3 §4.6.18), for the silent units of HE-AAC.

use crate::media::bits::BitWriter;

/// Syntactic element and type of a fill element with band replication (Tables 4.85 and 4.121).
const FILL: u32 = 6;
const SBR_DATA: u32 = 13;
/// `bs_stop_freq` that ends at twice the frequency where replication starts (§4.6.18.3.2).
const ONE_OCTAVE: u32 = 14;
/// The noise floor that is furthest below its envelope (§4.6.18.3.5).
const NO_NOISE: u32 = 30;

/// A fill element for the channel element before it, of one channel or a pair, at a sample rate after replication. It has a
/// header of its own, one envelope of the lowest energy, and no noise: what it replicates is silent anyway. Nothing at a rate
/// that has no replication.
pub(super) fn silence(writer: &mut BitWriter, sample_rate: u32, is_pair: bool) {
    let channels = if is_pair { 2 } else { 1 };
    let Some((start, bands)) = bands(sample_rate) else { return };
    let envelope = 7 + 2 * (bands - 1);
    let shared = 4 + 1 + 21 + 1 + u32::from(is_pair) + 1;
    let bits = shared + channels * (5 + 2 + 2 + envelope + 5 + 1);
    let bytes = bits.div_ceil(8);
    writer.bits(3, FILL); // id_syn_ele
    writer.bits(4, bytes); // count, of which 15 would be an escape
    writer.bits(4, SBR_DATA); // extension_type
    writer.bits(1, 1); // bs_header_flag
    writer.bits(1, 0); // bs_amp_res
    writer.bits(4, start); // bs_start_freq
    writer.bits(4, ONE_OCTAVE); // bs_stop_freq
    writer.bits(3, 0); // bs_xover_band
    writer.bits(2, 0); // bs_reserved
    writer.bits(1, 1); // bs_header_extra_1
    writer.bits(1, 0); // bs_header_extra_2
    writer.bits(2, 0); // bs_freq_scale: bands of equal width
    writer.bits(1, 1); // bs_alter_scale: of two channels of the filter bank
    writer.bits(2, 0); // bs_noise_bands: one
    writer.bits(1, 0); // bs_data_extra
    if is_pair {
        writer.bits(1, 0); // bs_coupling
    }
    for part in [grid, directions, filtering] {
        (0..channels).for_each(|_| part(writer));
    }
    for _ in 0..channels {
        writer.bits(7, 0); // bs_env_start_value, then no difference from band to band
        writer.bits(2 * (bands - 1), 0);
    }
    for _ in 0..channels {
        writer.bits(5, NO_NOISE); // bs_noise_start_value
    }
    writer.bits(channels, 0); // bs_add_harmonic_flag
    writer.bits(1, 0); // bs_extended_data
    writer.bits(8 * bytes - bits, 0); // bs_fill_bits
}

/// One envelope as long as the frame, in the lower of two resolutions (`sbr_grid`, Table 4.69).
fn grid(writer: &mut BitWriter) {
    writer.bits(2, 0); // bs_frame_class: FIXFIX
    writer.bits(2, 0); // its envelopes: 2^0
    writer.bits(1, 0); // bs_freq_res
}

/// Envelope and noise are told from band to band, not from frame to frame (`sbr_dtdf`, Table 4.70).
fn directions(writer: &mut BitWriter) {
    writer.bits(2, 0);
}

/// No inverse filtering of the one noise band (`sbr_invf`, Table 4.71).
fn filtering(writer: &mut BitWriter) {
    writer.bits(2, 0);
}

/// `bs_start_freq` of the frequency that each rate has without an offset, and how many bands of the lower resolution an octave
/// from there has (§4.6.18.3.2, Table 4.82).
fn bands(sample_rate: u32) -> Option<(u32, u32)> {
    let (start, lowest) = match sample_rate {
        16_000 => (8, 3000),
        22_050 => (5, 3000),
        24_000 => (4, 3000),
        32_000 => (4, 4000),
        44_100 | 48_000 => (3, 4000),
        64_000 => (3, 5000),
        88_200 | 96_000 => (2, 5000),
        _ => return None,
    };
    // The filter bank has 64 channels; bands are of two.
    let first = (lowest * 128 + sample_rate / 2) / sample_rate;
    let high = (first + 2) / 4 * 2;
    Some((start, high.div_ceil(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_octave_has_few_bands() {
        let of = |rates: &[u32]| rates.iter().map(|rate| bands(*rate).unwrap().1).collect::<Vec<_>>();
        assert_eq!(of(&[16_000, 22_050, 24_000, 32_000, 44_100, 48_000]), [6, 4, 4, 4, 3, 3]);
        assert_eq!(of(&[64_000, 88_200, 96_000]), [3, 2, 2]);
        assert_eq!(bands(14_700), None);
    }
}
