//! H.265 levels in Main tier (ISO/IEC 23008-2 Tables A.8 and A.9).

use crate::media::VideoEncoding;
use crate::plan::rate::frames_per_second_at_most;

/// One row of both tables.
struct Level {
    /// Thirty times the level (`general_level_idc`).
    number: u8,
    /// Luma samples of a picture (MaxLumaPs).
    picture_size: u64,
    /// Luma samples per second (MaxLumaSr).
    sample_rate: u64,
    /// Coded picture buffer in 1000 bits (MaxCPB in Main tier; CpbVclFactor of Main profile is 1000).
    coded_buffer: u64,
    /// Bit rate in 1000 bit/s (MaxBR in Main tier).
    bit_rate: u64,
}

#[rustfmt::skip]
const TABLE: [Level; 13] = [
    level( 30,     36_864,       552_960,     350,     128),
    level( 60,    122_880,     3_686_400,   1_500,   1_500),
    level( 63,    245_760,     7_372_800,   3_000,   3_000),
    level( 90,    552_960,    16_588_800,   6_000,   6_000),
    level( 93,    983_040,    33_177_600,  10_000,  10_000),
    level(120,  2_228_224,    66_846_720,  12_000,  12_000),
    level(123,  2_228_224,   133_693_440,  20_000,  20_000),
    level(150,  8_912_896,   267_386_880,  25_000,  25_000),
    level(153,  8_912_896,   534_773_760,  40_000,  40_000),
    level(156,  8_912_896, 1_069_547_520,  60_000,  60_000),
    level(180, 35_651_584, 1_069_547_520,  60_000,  60_000),
    level(183, 35_651_584, 2_139_095_040, 120_000, 120_000),
    level(186, 35_651_584, 4_278_190_080, 240_000, 240_000),
];

const fn level(number: u8, picture_size: u64, sample_rate: u64, coded_buffer: u64, bit_rate: u64) -> Level {
    Level { number, picture_size, sample_rate, coded_buffer, bit_rate }
}

/// `general_level_idc` of the lowest level that holds `encoding`; `None` where no level does.
pub(crate) fn lowest(encoding: &VideoEncoding) -> Option<u8> {
    TABLE.iter().find(|level| holds(level, encoding)).map(|level| level.number)
}

/// Whether this level exists and holds `encoding`.
pub(crate) fn suffices(number: u8, encoding: &VideoEncoding) -> bool {
    TABLE.iter().any(|level| level.number == number && holds(level, encoding))
}

fn holds(level: &Level, encoding: &VideoEncoding) -> bool {
    // A picture is coded in whole units of MinCbSizeY, which is 16 at most (x265's ultrafast).
    let coded = |side: u32| u64::from(side.next_multiple_of(16));
    let (width, height) = (coded(encoding.width), coded(encoding.height));
    let picture = width * height;
    // §A.4.1: neither side may be longer than sqrt(8 * MaxLumaPs).
    let side = |side: u64| side * side <= 8 * level.picture_size;
    picture <= level.picture_size
        && side(width)
        && side(height)
        && frames_per_second_at_most(encoding.frame_duration, level.sample_rate, picture)
        && u64::from(encoding.max_rate) <= level.bit_rate * 1000
        && u64::from(encoding.buffer) <= level.coded_buffer * 1000
}
