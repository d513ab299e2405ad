//! AV1 levels in Main tier (AV1 Bitstream & Decoding Process Specification, Annex A.3).

use crate::media::VideoEncoding;
use crate::plan::rate::frames_per_second_at_most;

/// One row of the table.
struct Level {
    /// `seq_level_idx`: 4 * (major - 2) + minor.
    number: u8,
    /// Luma samples of a picture (MaxPicSize).
    picture_size: u64,
    /// MaxHSize and MaxVSize.
    sides: (u32, u32),
    /// Luma samples that are shown per second (MaxDisplayRate). Every picture that is decoded is shown: SVT-AV1 is told
    /// to make no overlays.
    display_rate: u64,
    /// Bit rate in 100 000 bit/s (MainMbps).
    bit_rate: u64,
}

#[rustfmt::skip]
const TABLE: [Level; 14] = [
    level( 0,    147_456, ( 2048, 1152),     4_423_680,    15),
    level( 1,    278_784, ( 2816, 1584),     8_363_520,    30),
    level( 4,    665_856, ( 4352, 2448),    19_975_680,    60),
    level( 5,  1_065_024, ( 5504, 3096),    31_950_720,   100),
    level( 8,  2_359_296, ( 6144, 3456),    70_778_880,   120),
    level( 9,  2_359_296, ( 6144, 3456),   141_557_760,   200),
    level(12,  8_912_896, ( 8192, 4352),   267_386_880,   300),
    level(13,  8_912_896, ( 8192, 4352),   534_773_760,   400),
    level(14,  8_912_896, ( 8192, 4352), 1_069_547_520,   600),
    level(15,  8_912_896, ( 8192, 4352), 1_069_547_520,   600),
    level(16, 35_651_584, (16384, 8704), 1_069_547_520,   600),
    level(17, 35_651_584, (16384, 8704), 2_139_095_040, 1_000),
    level(18, 35_651_584, (16384, 8704), 4_278_190_080, 1_600),
    level(19, 35_651_584, (16384, 8704), 4_278_190_080, 1_600),
];

const fn level(number: u8, picture_size: u64, sides: (u32, u32), display_rate: u64, bit_rate: u64) -> Level {
    Level { number, picture_size, sides, display_rate, bit_rate }
}

/// `seq_level_idx` of the lowest level that holds `encoding`; `None` where no level does.
pub(crate) fn lowest(encoding: &VideoEncoding) -> Option<u8> {
    TABLE.iter().find(|level| holds(level, encoding)).map(|level| level.number)
}

/// Whether this level exists and holds `encoding`.
pub(crate) fn suffices(number: u8, encoding: &VideoEncoding) -> bool {
    TABLE.iter().any(|level| level.number == number && holds(level, encoding))
}

fn holds(level: &Level, encoding: &VideoEncoding) -> bool {
    let picture = u64::from(encoding.width) * u64::from(encoding.height);
    picture <= level.picture_size
        && encoding.width <= level.sides.0
        && encoding.height <= level.sides.1
        && frames_per_second_at_most(encoding.frame_duration, level.display_rate, picture)
        && u64::from(encoding.max_rate) <= level.bit_rate * 100_000
}
