//! PAT and PMT, put together from packets and taken apart.

use super::super::psi::{StreamType, TABLE_PAT, TABLE_PMT, crc32};
use super::packets::Packet;
use super::{Findings, Kind};
use crate::error::{Error, Result};

/// §2.4.4.4: `section_length` is at most 1021, so a section of a PAT or PMT has at most 1024 bytes.
const MAX_SECTION: usize = 1024;

/// What a PMT says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) pcr_pid: u16,
    pub(super) streams: Vec<(StreamType, u16)>,
}

/// Puts the sections of one PID together.
#[derive(Debug, Default)]
pub(super) struct Sections {
    /// The bytes of a section that has begun, at most [`MAX_SECTION`] and what one packet adds.
    begun: Vec<u8>,
}

impl Sections {
    /// The sections that `payload` completes.
    pub(super) fn push(
        &mut self,
        packet: &Packet<'_>,
        payload: &[u8],
        findings: &mut Findings,
    ) -> Vec<Vec<u8>> {
        let mut complete = Vec::new();
        if !packet.start {
            if !self.begun.is_empty() {
                self.begun.extend_from_slice(payload);
                self.take(packet, &mut complete, findings);
            }
            return complete;
        }
        let (pointer, body) =
            payload.split_first().map_or((0, payload), |(pointer, body)| (usize::from(*pointer), body));
        let Some((tail, next)) = body.split_at_checked(pointer) else {
            self.begun.clear();
            findings.add(Kind::Table, packet.offset, packet.pid, "a pointer_field points outside its packet");
            return complete;
        };
        if !self.begun.is_empty() {
            self.begun.extend_from_slice(tail);
            self.take(packet, &mut complete, findings);
            if !self.begun.is_empty() {
                findings.add(Kind::Table, packet.offset, packet.pid, "a table ends too early");
            }
        }
        self.begun = next.to_vec();
        self.take(packet, &mut complete, findings);
        complete
    }

    fn take(&mut self, packet: &Packet<'_>, complete: &mut Vec<Vec<u8>>, findings: &mut Findings) {
        loop {
            // 0xff where a table_id should be is stuffing up to the end of the packet (§2.4.4.1).
            if self.begun.first() == Some(&0xff) {
                self.begun.clear();
            }
            let Some([_, high, low]) = self.begun.first_chunk::<3>() else { return };
            let length = 3 + (usize::from(high & 0x0f) << 8 | usize::from(*low));
            if length > MAX_SECTION {
                findings.add(
                    Kind::Table,
                    packet.offset,
                    packet.pid,
                    format!("a table says it has {length} bytes"),
                );
                self.begun.clear();
                return;
            }
            if self.begun.len() < length {
                return;
            }
            let rest = self.begun.split_off(length);
            complete.push(std::mem::replace(&mut self.begun, rest));
        }
    }
}

/// The PIDs of the PMTs that a PAT lists (§2.4.4.3).
pub(super) fn program_association(section: &[u8]) -> Result<Vec<u16>> {
    let body = body(section, TABLE_PAT)?;
    let entries = body.chunks_exact(4);
    if !entries.remainder().is_empty() {
        return Err(Error::corrupt("a PAT ends inside an entry"));
    }
    // Program 0 is the network information table.
    Ok(entries.filter(|entry| entry[..2] != [0, 0]).map(|entry| pid(entry[2], entry[3])).collect())
}

/// The streams that a PMT lists (§2.4.4.8).
pub(super) fn program_map(section: &[u8]) -> Result<Program> {
    let short = || Error::corrupt("a PMT ends inside an entry");
    let body = body(section, TABLE_PMT)?;
    let ([pcr_high, pcr_low, info_high, info_low], rest) = body.split_first_chunk::<4>().ok_or_else(short)?;
    let mut rest = rest.get(length(*info_high, *info_low)..).ok_or_else(short)?;
    let mut streams = Vec::new();
    while !rest.is_empty() {
        let ([kind, high, low, info_high, info_low], after) =
            rest.split_first_chunk::<5>().ok_or_else(short)?;
        streams.push((StreamType::from_byte(*kind), pid(*high, *low)));
        rest = after.get(length(*info_high, *info_low)..).ok_or_else(short)?;
    }
    Ok(Program { pcr_pid: pid(*pcr_high, *pcr_low), streams })
}

/// The part of a section between its fixed header and its CRC.
fn body(section: &[u8], table: u8) -> Result<&[u8]> {
    if section.first() != Some(&table) {
        return Err(Error::corrupt("a table on this PID has a wrong table_id"));
    }
    if crc32(section) != 0 {
        return Err(Error::corrupt("the CRC of a table is wrong"));
    }
    let end = section.len().saturating_sub(4);
    section.get(8..end).ok_or_else(|| Error::corrupt("a table is too short"))
}

fn pid(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high & 0x1f, low])
}

fn length(high: u8, low: u8) -> usize {
    usize::from(high & 0x0f) << 8 | usize::from(low)
}
