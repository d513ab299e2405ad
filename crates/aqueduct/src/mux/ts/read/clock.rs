//! The program clock (ISO/IEC 13818-1 §2.4.2 and §2.7.2).

use super::super::packet::WRAP;
use super::packets::Packet;
use super::{Findings, Kind, Pcr};

/// The clock counts 27 MHz modulo this.
const CLOCK_WRAP: u64 = WRAP as u64 * 300;
/// §2.7.2: marks at most 100 ms apart.
const MAX_STEP: u64 = 2_700_000;
/// §2.4.2: bytes wait at most a second.
const MAX_LEAD: u64 = 27_000_000;

#[derive(Debug, Default)]
pub(super) struct Clock {
    pub(super) marks: Vec<Pcr>,
}

impl Clock {
    /// Takes the mark of a packet on the PCR PID, where it has one.
    pub(super) fn packet(&mut self, packet: &Packet<'_>, findings: &mut Findings) {
        let Some(ticks) = packet.pcr else { return };
        if let Some(last) = self.marks.last()
            && !packet.discontinuity
        {
            let step = forward(last.ticks, ticks);
            let message = match step {
                0 => Some("the clock stands still".into()),
                1..=MAX_STEP => None,
                step if step < CLOCK_WRAP / 2 => Some(format!("clock marks are {} ms apart", step / 27_000)),
                step => Some(format!("the clock goes back by {} ms", (CLOCK_WRAP - step) / 27_000)),
            };
            if let Some(message) = message {
                findings.add(Kind::Clock, packet.offset, packet.pid, message);
            }
        }
        self.marks.push(Pcr { offset: packet.offset, ticks });
    }

    /// By how many milliseconds what comes now is too late to be decoded at `dts`, in 33 bits of 90 kHz.
    pub(super) fn lateness(&self, dts: u64) -> Option<u64> {
        let lead = forward(self.marks.last()?.ticks, dts % WRAP as u64 * 300);
        (lead > CLOCK_WRAP / 2).then(|| (CLOCK_WRAP - lead) / 27_000)
    }

    /// Checks a unit that starts now and is decoded at `dts`, in 33 bits of 90 kHz.
    pub(super) fn check_lead(&self, dts: u64, offset: u64, pid: u16, findings: &mut Findings) {
        let Some(mark) = self.marks.last() else {
            findings.add(Kind::Clock, offset, pid, "a unit comes before the first clock mark (PCR)");
            return;
        };
        let lead = forward(mark.ticks, dts % WRAP as u64 * 300);
        if let Some(late) = self.lateness(dts) {
            findings.add(
                Kind::ClockLead,
                offset,
                pid,
                format!("a unit comes {late} ms after it should be decoded"),
            );
        } else if lead > MAX_LEAD {
            let early = lead / 27_000;
            findings.add(
                Kind::ClockLead,
                offset,
                pid,
                format!("a unit comes {early} ms before it is decoded"),
            );
        }
    }
}

/// Ticks from `from` forward to `to` on the circle.
fn forward(from: u64, to: u64) -> u64 {
    (to % CLOCK_WRAP + CLOCK_WRAP - from % CLOCK_WRAP) % CLOCK_WRAP
}
