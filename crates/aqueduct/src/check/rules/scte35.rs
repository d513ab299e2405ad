//! SCTE 35 in EXT-X-DATERANGE (RFC 8216bis §4.4.5.1.1).

use crate::check::findings::Findings;
use crate::check::model::{Media, Tagged};
use crate::check::read::attributes::Attributes;
use crate::check::read::decimal::hex_digits;
use crate::check::table::metadata::DR_SCTE35;

/// table_id of a splice_info_section (SCTE 35 §9.6).
const TABLE_ID: u8 = 0xfc;

pub(super) fn check(media: &Media, tag: &Tagged<Attributes>, findings: &mut Findings<'_>) {
    for name in ["SCTE35-CMD", "SCTE35-OUT", "SCTE35-IN"] {
        // What is not hexadecimal is told by PL-ATTR-SYNTAX.
        let Some(digits) = tag.value.get(name).and_then(hex_digits) else { continue };
        if let Some(fault) = fault(digits) {
            findings.add(&DR_SCTE35, media.at(tag.line), format!("{name} {fault}"));
        }
    }
}

fn fault(digits: &str) -> Option<String> {
    let section: Vec<u8> = digits
        .as_bytes()
        .chunks_exact(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    if section.len() * 2 != digits.len() {
        return Some("has an odd number of digits".to_owned());
    }
    let &[table, high, low, ..] = section.as_slice() else { return Some("is no section".to_owned()) };
    if table != TABLE_ID {
        return Some(format!("has the table id 0x{table:02X}, not 0x{TABLE_ID:02X}"));
    }
    let length = 3 + (usize::from(high & 0x0f) << 8 | usize::from(low));
    if length != section.len() {
        return Some(format!("has {} bytes, its length says {length}", section.len()));
    }
    // The checksum of a section and itself is 0 (ISO 13818-1 §2.4.4).
    (crc(&section) != 0).then(|| "has a wrong checksum".to_owned())
}

/// CRC-32/MPEG-2 (ISO 13818-1 Annex A).
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xffff_ffff, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc: u32, _| {
            if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_of_the_standard() {
        // SCTE 35 2019 §14.2: splice_insert.
        let section = "FC302F000000000000FFFFF014054800008F7FEFFE7369C02EFE0052CCF500000000000A0008435545490000013562DBA30A";
        assert_eq!(fault(section), None);
        assert!(fault(&section.replace("7369", "7368")).unwrap().contains("checksum"));
        assert!(fault(&section[..40]).unwrap().contains("length"));
        assert!(fault("FD3000").unwrap().contains("table id"));
        assert!(fault("FC3").unwrap().contains("odd"));
        assert!(fault("FC").unwrap().contains("no section"));
    }
}
