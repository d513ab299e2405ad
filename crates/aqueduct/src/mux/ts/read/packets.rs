//! Packets out of bytes, and their continuity counters.

use super::super::packet::{HEADER, PACKET, ROOM, SYNC};
use super::{Finding, Findings, Kind};

/// One transport packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) offset: u64,
    pub(super) pid: u16,
    /// `transport_error_indicator`.
    pub(super) damaged: bool,
    pub(super) scrambled: bool,
    /// `payload_unit_start_indicator`.
    pub(super) start: bool,
    pub(super) continuity: u8,
    /// `discontinuity_indicator`.
    pub(super) discontinuity: bool,
    pub(super) random_access: bool,
    /// 27 MHz.
    pub(super) pcr: Option<u64>,
    pub(super) payload: Option<&'a [u8]>,
}

/// The packets of a stream; where synchronisation is lost, one finding and then the next packet.
pub(super) struct Packets<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Packets<'a> {
    pub(super) fn new(stream: &'a [u8]) -> Self {
        Self { stream, at: 0 }
    }

    /// The payloads, at most so many, of the packets that follow one of `pid` with nothing but payload and with the counter
    /// that is due.
    pub(super) fn plain<'b>(
        &'b mut self,
        counter: &'b mut Counter<'a>,
        pid: u16,
        most: usize,
    ) -> impl Iterator<Item = &'a [u8; ROOM]> {
        let [high, low] = pid.to_be_bytes();
        let next = move || {
            let due = (counter.last? + 1) % 16;
            let (packet, _) = self.stream.get(self.at..)?.split_first_chunk::<PACKET>()?;
            let (header, payload) = packet.split_first_chunk::<HEADER>()?;
            if *header != [SYNC, high, low, 0x10 | due] {
                return None;
            }
            *counter = Counter { last: Some(due), payload: Some(payload), repeated: false };
            self.at += PACKET;
            payload.first_chunk()
        };
        std::iter::from_fn(next).take(most)
    }

    fn in_sync(&self, at: usize) -> bool {
        self.stream.get(at) == Some(&SYNC) && self.stream.get(at + PACKET).is_none_or(|byte| *byte == SYNC)
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, Finding>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at as u64;
        let rest = self.stream.get(self.at..).filter(|rest| !rest.is_empty())?;
        let finding = |message: String| Finding { offset, pid: None, kind: Kind::Sync, message };
        // A single wrong sync byte with right ones around it is damage, not a loss; it is reported all the same.
        if rest.first() != Some(&SYNC) {
            let next = (self.at + 1..self.stream.len()).find(|at| self.in_sync(*at));
            self.at = next.unwrap_or(self.stream.len());
            let lost = self.at as u64 - offset;
            return Some(Err(finding(format!("no packet starts here: {lost} bytes are passed over"))));
        }
        let Some((packet, _)) = rest.split_first_chunk::<PACKET>() else {
            self.at = self.stream.len();
            return Some(Err(finding(format!("the last packet has {} bytes instead of 188", rest.len()))));
        };
        self.at += PACKET;
        Some(parse(packet, offset))
    }
}

/// §2.4.3.2 and §2.4.3.4.
pub(super) fn parse(packet: &[u8; PACKET], offset: u64) -> Result<Packet<'_>, Finding> {
    let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
    let broken =
        |message: &str| Finding { offset, pid: Some(pid), kind: Kind::Packet, message: message.into() };
    let body = &packet[4..];
    let (adaptation, payload) = match packet[3] >> 4 & 3 {
        0 => return Err(broken("the packet has neither adaptation field nor payload")),
        1 => (&[][..], Some(body)),
        control => {
            let length = usize::from(body[0]);
            // An adaptation field alone fills the packet; with a payload it leaves at least a byte (§2.4.3.5).
            let fits = if control == 2 { length == ROOM - 1 } else { length < ROOM - 1 };
            if !fits {
                return Err(broken(&format!(
                    "an adaptation field of {length} bytes does not fit the packet"
                )));
            }
            let (field, payload) = body[1..].split_at(length);
            (field, (control == 3).then_some(payload))
        }
    };
    let flags = adaptation.first().copied().unwrap_or_default();
    let pcr = match adaptation.get(1..7) {
        _ if flags & 0x10 == 0 => None,
        Some([a, b, c, d, e, f]) => {
            let base = u64::from(u32::from_be_bytes([*a, *b, *c, *d])) << 1 | u64::from(e >> 7);
            Some(base * 300 + u64::from(u16::from_be_bytes([e & 1, *f])))
        }
        _ => return Err(broken("an adaptation field is too short for its PCR")),
    };
    Ok(Packet {
        offset,
        pid,
        damaged: packet[1] & 0x80 != 0,
        scrambled: packet[3] & 0xc0 != 0,
        start: packet[1] & 0x40 != 0,
        continuity: packet[3] & 0x0f,
        discontinuity: flags & 0x80 != 0,
        random_access: flags & 0x40 != 0,
        pcr,
        payload,
    })
}

/// The continuity counter of one PID.
#[derive(Debug, Default)]
pub(super) struct Counter<'a> {
    last: Option<u8>,
    /// The payload before, to know a repeated packet.
    payload: Option<&'a [u8]>,
    repeated: bool,
}

impl<'a> Counter<'a> {
    /// Whether the packet's payload is new; a second copy of a packet is not.
    pub(super) fn check(&mut self, packet: &Packet<'a>, findings: &mut Findings) -> bool {
        let Some(last) = self.last else {
            self.last = Some(packet.continuity);
            self.payload = packet.payload;
            return true;
        };
        let has_payload = packet.payload.is_some();
        // §2.4.3.3: a packet with payload may be sent twice, and only twice.
        if has_payload && packet.continuity == last && packet.payload == self.payload && !self.repeated {
            self.repeated = true;
            return false;
        }
        let expected = if has_payload { (last + 1) % 16 } else { last };
        if packet.continuity != expected && !packet.discontinuity {
            let message = format!("the continuity counter is {} instead of {expected}", packet.continuity);
            findings.add(Kind::Continuity, packet.offset, packet.pid, message);
        }
        self.last = Some(packet.continuity);
        if has_payload {
            self.payload = packet.payload;
            self.repeated = false;
        }
        true
    }
}
