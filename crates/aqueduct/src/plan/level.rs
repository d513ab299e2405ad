//! Levels: what a decoder must be able to do. Here H.264's (ISO/IEC 14496-10 Table A-1).

pub(super) mod av1;
pub(super) mod hevc;

use super::rate::frames_per_second_at_most;
use crate::time::Timebase;

/// One row of Table A-1.
struct Level {
    /// Ten times the level.
    number: u8,
    /// Macroblocks per second (MaxMBPS).
    macroblock_rate: u32,
    /// Macroblocks per frame (MaxFS).
    frame_size: u32,
    /// Macroblocks in the decoded picture buffer (MaxDpbMbs).
    picture_buffer: u32,
    /// Bit rate in units of the profile's factor (MaxBR).
    bit_rate: u32,
    /// Coded picture buffer in the same unit (MaxCPB).
    coded_buffer: u32,
}

/// cpbBrVclFactor of High profile (Table A-2): MaxBR and MaxCPB count 1250 bits. The VBV covers whole NAL units,
/// whose factor is 1500; the smaller one holds both limits, and x264 checks by it.
const HIGH_FACTOR: u64 = 1250;

/// Most reference frames of any level (§A.3.1).
const MOST_FRAMES: u32 = 16;

#[rustfmt::skip]
const TABLE: [Level; 19] = [
    level(10,      1_485,      99,     396,      64,     175),
    level(11,      3_000,     396,     900,     192,     500),
    level(12,      6_000,     396,   2_376,     384,   1_000),
    level(13,     11_880,     396,   2_376,     768,   2_000),
    level(20,     11_880,     396,   2_376,   2_000,   2_000),
    level(21,     19_800,     792,   4_752,   4_000,   4_000),
    level(22,     20_250,   1_620,   8_100,   4_000,   4_000),
    level(30,     40_500,   1_620,   8_100,  10_000,  10_000),
    level(31,    108_000,   3_600,  18_000,  14_000,  14_000),
    level(32,    216_000,   5_120,  20_480,  20_000,  20_000),
    level(40,    245_760,   8_192,  32_768,  20_000,  25_000),
    level(41,    245_760,   8_192,  32_768,  50_000,  62_500),
    level(42,    522_240,   8_704,  34_816,  50_000,  62_500),
    level(50,    589_824,  22_080, 110_400, 135_000, 135_000),
    level(51,    983_040,  36_864, 184_320, 240_000, 240_000),
    level(52,  2_073_600,  36_864, 184_320, 240_000, 240_000),
    level(60,  4_177_920, 139_264, 696_320, 240_000, 240_000),
    level(61,  8_355_840, 139_264, 696_320, 480_000, 480_000),
    level(62, 16_711_680, 139_264, 696_320, 800_000, 800_000),
];

const fn level(
    number: u8,
    macroblock_rate: u32,
    frame_size: u32,
    picture_buffer: u32,
    bit_rate: u32,
    coded_buffer: u32,
) -> Level {
    Level { number, macroblock_rate, frame_size, picture_buffer, bit_rate, coded_buffer }
}

/// What a stream asks of its decoder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) frame_duration: Timebase,
    /// Bit/s.
    pub(super) max_rate: u32,
    /// Bits.
    pub(super) buffer: u32,
    /// Frames that the decoder must keep (MaxDpbFrames).
    pub(super) kept_frames: u32,
}

/// Ten times the lowest level that holds `demand` in High profile; `None` where no level does. Level 1b is left
/// out: High profile signals it by its own number, and nothing that small is made.
pub(super) fn lowest(demand: &Demand) -> Option<u8> {
    TABLE.iter().find(|level| holds(level, demand)).map(|level| level.number)
}

/// Whether this level (ten times its number) exists and holds `demand`.
pub(super) fn suffices(number: u8, demand: &Demand) -> bool {
    TABLE.iter().any(|level| level.number == number && holds(level, demand))
}

/// Frames of this size that a decoder of this level keeps (MaxDpbFrames, §A.3.1); 0 for an unknown level.
pub(super) fn kept_frames(number: u8, width: u32, height: u32) -> u32 {
    let frame = macroblocks(width, height).2.max(1);
    TABLE
        .iter()
        .find(|level| level.number == number)
        .map_or(0, |level| (u64::from(level.picture_buffer) / frame).min(MOST_FRAMES.into()) as u32)
}

fn holds(level: &Level, demand: &Demand) -> bool {
    let (columns, rows, frame) = macroblocks(demand.width, demand.height);
    // §A.3.1: neither side may be longer than sqrt(8 * MaxFS).
    let side = |macroblocks: u64| macroblocks * macroblocks <= 8 * u64::from(level.frame_size);
    frame <= level.frame_size.into()
        && side(columns)
        && side(rows)
        && frames_per_second_at_most(demand.frame_duration, level.macroblock_rate.into(), frame)
        && frame * u64::from(demand.kept_frames) <= level.picture_buffer.into()
        && demand.kept_frames <= MOST_FRAMES
        && u64::from(demand.max_rate) <= u64::from(level.bit_rate) * HIGH_FACTOR
        && u64::from(demand.buffer) <= u64::from(level.coded_buffer) * HIGH_FACTOR
}

/// Columns, rows and their product.
fn macroblocks(width: u32, height: u32) -> (u64, u64, u64) {
    let (columns, rows) = (u64::from(width.div_ceil(16)), u64::from(height.div_ceil(16)));
    (columns, rows, columns * rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lowest_for(width: u32, height: u32, frame: (u32, u32), max_rate: u32, kept_frames: u32) -> Option<u8> {
        let frame_duration = Timebase::new(frame.0, frame.1).unwrap();
        lowest(&Demand { width, height, frame_duration, max_rate, buffer: max_rate / 2 * 3, kept_frames })
    }

    #[test]
    fn the_usual_rungs_have_the_usual_levels() {
        assert_eq!(lowest_for(1920, 1080, (1, 30), 6_000_000, 4), Some(40));
        assert_eq!(lowest_for(1920, 1080, (1001, 30_000), 6_000_000, 4), Some(40));
        assert_eq!(lowest_for(1920, 1080, (1, 60), 9_000_000, 4), Some(42));
        assert_eq!(
            lowest_for(1920, 1080, (1, 30), 6_000_000, 5),
            Some(50),
            "MaxDpbMbs of 4 holds four frames"
        );
        assert_eq!(lowest_for(1280, 720, (1, 30), 3_500_000, 4), Some(31));
        assert_eq!(lowest_for(1280, 720, (1, 60), 5_250_000, 4), Some(32));
        assert_eq!(lowest_for(960, 540, (1, 24), 2_000_000, 4), Some(31));
        assert_eq!(lowest_for(640, 360, (1, 30), 1_000_000, 4), Some(30));
        assert_eq!(lowest_for(480, 270, (1, 30), 500_000, 4), Some(21));
        assert_eq!(lowest_for(3840, 2160, (1, 60), 24_000_000, 4), Some(52));
        assert_eq!(
            lowest_for(1920, 1080, (1, 30), 62_500_000, 4),
            Some(50),
            "the buffer is too large for 4.1"
        );
    }

    #[test]
    fn long_thin_and_fast_pictures_are_refused_or_raised() {
        assert_eq!(lowest_for(8192, 16, (1, 25), 500_000, 4), Some(51), "sqrt(8 * MaxFS) bounds the width");
        assert_eq!(lowest_for(16_384, 16_384, (1, 25), 500_000, 1), None);
        assert_eq!(lowest_for(64, 64, (1, 25), 2_000_000_000, 1), None);
    }

    #[test]
    fn levels_rise() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].number < pair[1].number);
            assert!(
                pair[0].macroblock_rate <= pair[1].macroblock_rate && pair[0].bit_rate <= pair[1].bit_rate
            );
        }
        assert_eq!(kept_frames(40, 1920, 1080), 4);
        assert_eq!(kept_frames(40, 320, 180), 16);
        assert_eq!(kept_frames(99, 320, 180), 0);
    }
}
