//! Damaged films: clips of testdata of which bytes are changed and ends cut off, the same on every machine.

use std::path::Path;

/// An endless row of damaged films.
pub(crate) struct Damaged {
    clips: Vec<Vec<u8>>,
    number: usize,
    state: u64,
}

impl Damaged {
    pub(crate) fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
        let clips = ["flash-beep.mp4", "fragmented.mp4", "audio-only.m4a"]
            .map(|name| std::fs::read(folder.join(name)).unwrap());
        Self { clips: clips.into(), number: 0, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// A number below `below`.
    fn random(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % below as u64) as usize
    }
}

impl Iterator for Damaged {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.clips[self.number % self.clips.len()].clone();
        self.number += 1;
        if self.random(10) == 0 {
            bytes.truncate(self.random(bytes.len()));
        }
        for _ in 0..=self.random(6) {
            // Half of the damage goes where the tables are.
            let header = bytes.windows(4).position(|kind| kind == b"moov").unwrap_or(0);
            let last = bytes.len().max(1);
            let at = match self.random(2) {
                0 => header + self.random(last - header.min(last - 1)),
                _ => self.random(last),
            };
            let value = [0, 1, 0x7f, 0x80, 0xff, self.random(256) as u8][self.random(6)];
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        Some(bytes)
    }
}
