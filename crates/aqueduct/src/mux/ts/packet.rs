//! The transport packet (ISO/IEC 13818-1 §2.4.3.2) and its adaptation field (§2.4.3.4).

/// Bytes of a transport packet.
pub const PACKET: usize = 188;
/// Bytes of its header.
pub(super) const HEADER: usize = 4;
/// Bytes of a packet that its header leaves to adaptation field and payload.
pub(super) const ROOM: usize = PACKET - HEADER;
/// The first byte of every packet.
pub(super) const SYNC: u8 = 0x47;
/// Bytes of an adaptation field that holds flags and nothing else.
pub(super) const FLAGS: usize = 2;
/// Bytes of an adaptation field that holds flags and a PCR.
pub(super) const FLAGS_AND_PCR: usize = 8;

/// The PID of null packets (Table 2-3).
pub(super) const PID_NULL: u16 = 0x1fff;
/// The PID of the program association table.
pub(super) const PID_PAT: u16 = 0;
/// The PID of the program map table: the first that is free for it in DVB and ATSC alike.
pub(super) const PID_PMT: u16 = 0x1000;
/// The PID of the video stream.
pub(super) const PID_VIDEO: u16 = 0x100;
/// The PID of the audio stream.
pub(super) const PID_AUDIO: u16 = 0x101;

/// Times and clocks count 90 kHz modulo this (§2.4.3.7).
pub(super) const WRAP: i64 = 1 << 33;

/// What stands before the payload of a packet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) pid: u16,
    /// `payload_unit_start_indicator`.
    pub(super) start: bool,
    pub(super) continuity: u8,
    /// `random_access_indicator`.
    pub(super) random_access: bool,
    /// The clock in ticks of 90 kHz, not wrapped.
    pub(super) pcr: Option<i64>,
}

impl Head {
    /// Bytes of adaptation field that the flags and the PCR need.
    pub(super) fn adaptation(&self) -> usize {
        match (self.pcr, self.random_access) {
            (Some(_), _) => FLAGS_AND_PCR,
            (None, true) => FLAGS,
            (None, false) => 0,
        }
    }

    /// A packet with room for `payload` bytes at its end, stuffed so that it comes out full. A `payload` of 0 makes a
    /// packet that is adaptation field only; its counter must be that of the packet before.
    pub(super) fn packet(&self, payload: usize) -> [u8; PACKET] {
        let mut packet = [0xff; PACKET];
        let adaptation = ROOM.saturating_sub(payload);
        let control = u8::from(adaptation > 0) << 5 | u8::from(payload > 0) << 4;
        let [high, low] = self.pid.to_be_bytes();
        let start = u8::from(self.start) << 6;
        packet[..4].copy_from_slice(&[SYNC, start | high & 0x1f, low, control | self.continuity & 0x0f]);
        if adaptation > 0 {
            packet[4] = (adaptation - 1) as u8;
        }
        if adaptation > 1 {
            packet[5] = u8::from(self.random_access) << 6 | u8::from(self.pcr.is_some()) << 4;
        }
        if let Some(pcr) = self.pcr {
            // 33 bits of 90 kHz, 6 reserved bits, 9 bits of 27 MHz that are 0 here (§2.4.3.5).
            let base = pcr.rem_euclid(WRAP) as u64;
            let field = base << 15 | 0x3f << 9;
            packet[6..12].copy_from_slice(&field.to_be_bytes()[2..]);
        }
        packet
    }
}
