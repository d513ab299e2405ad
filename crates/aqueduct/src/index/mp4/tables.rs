//! The sample tables of a track (ISO/IEC 14496-12 §8.6, §8.7), walked in place and in step.

use super::boxes::{Fields, Kind, Node};
use super::track::{Budget, Draft, Sample};
use crate::error::{Error, Result};
use crate::index::packets::Marks;

/// Samples of uncompressed sound that make one packet, as libav groups them.
const PCM_PACKET: u32 = 1024;

/// Adds the samples that `stbl` lists to `draft`. Lists nothing where the file is fragmented.
pub(super) fn read(stbl: Node<'_>, path: &str, draft: &mut Draft, budget: &mut Budget) -> Result<()> {
    let Some(sizes) = Sizes::read(stbl, path)? else { return Ok(()) };
    if sizes.count == 0 {
        return Ok(());
    }
    let stts = stbl.must(b"stts", path)?.fields(path);
    let durations = Runs::read(stts)?;
    if durations.rest.is_empty() {
        return Err(stts.corrupt("it lists no duration"));
    }
    let offsets = match stbl.child(b"ctts", path)? {
        Some(ctts) => Runs::read(ctts.fields(path))?,
        None => Runs::default(),
    };
    let chunks = Chunks::read(stbl, path)?;
    let mut walk = Walk { durations, offsets, sizes, position: 0, dts: 0, stretched: false };
    match walk.uncompressed(draft) {
        Some(frame) => return walk.pcm(&chunks, frame, draft, budget),
        None => walk.samples(&chunks, draft, budget)?,
    }
    if walk.stretched {
        draft.note(
            "short-time-table",
            "its last samples have no duration of their own; the last one is repeated",
        );
    }
    sync_samples(stbl, path, draft)
}

/// Positions in all tables, moving together.
struct Walk<'a> {
    durations: Runs<'a>,
    offsets: Runs<'a>,
    sizes: Sizes<'a>,
    position: u32,
    dts: i64,
    stretched: bool,
}

impl Walk<'_> {
    fn samples(&mut self, chunks: &Chunks<'_>, draft: &mut Draft, budget: &mut Budget) -> Result<()> {
        let mut last = 0;
        for (offset, count) in chunks.iter() {
            let mut offset = offset;
            for _ in 0..count {
                if self.position == self.sizes.count {
                    return Ok(());
                }
                let duration = self.durations.next().unwrap_or_else(|| {
                    self.stretched = true;
                    last
                });
                last = duration;
                let bytes = self.sizes.get(self.position);
                let sample = Sample {
                    dts: self.dts,
                    // §8.6.1.3: unsigned in version 0, but QuickTime always meant it signed, and so do its readers.
                    composition_offset: self.offsets.next().unwrap_or(0).cast_signed().into(),
                    duration,
                    bytes,
                    offset,
                    key: true,
                };
                draft.push(sample, budget)?;
                offset = offset.saturating_add(bytes.into());
                self.position += 1;
                // 2^32 durations of 2^32 ticks stay within 64 bits.
                self.dts = self.dts.saturating_add(duration.into());
            }
        }
        self.all_placed(chunks)
    }

    /// Bytes of one sample over all channels, for sound whose samples are single and uncompressed.
    fn uncompressed(&self, draft: &Draft) -> Option<u32> {
        let single = self.durations.only() == Some(1);
        draft.pcm_frame.filter(|_| single).map(|frame| match self.sizes.fixed {
            // QuickTime writes sizes of 1 and means whole frames.
            Some(fixed) => fixed.max(frame),
            None => frame,
        })
    }

    fn pcm(&mut self, chunks: &Chunks<'_>, frame: u32, draft: &mut Draft, budget: &mut Budget) -> Result<()> {
        for (offset, count) in chunks.iter() {
            let (mut offset, mut left) = (offset, count.min(self.sizes.count - self.position));
            while left > 0 {
                let duration = left.min(PCM_PACKET);
                let bytes = duration.saturating_mul(frame);
                let sample =
                    Sample { dts: self.dts, composition_offset: 0, duration, bytes, offset, key: true };
                draft.push(sample, budget)?;
                offset = offset.saturating_add(bytes.into());
                self.dts = self.dts.saturating_add(duration.into());
                self.position += duration;
                left -= duration;
            }
        }
        self.all_placed(chunks)
    }

    fn all_placed(&self, chunks: &Chunks<'_>) -> Result<()> {
        if self.position == self.sizes.count {
            return Ok(());
        }
        let message =
            format!("its chunks hold {} samples, but `stsz` lists {}", self.position, self.sizes.count);
        Err(chunks.runs.corrupt(message))
    }
}

/// Marks the samples from which decoding can start: `stss` (§8.6.2), QuickTime's `stps`, and the groups of §8.9 of
/// type `rap `, which name open random-access points. Without any of them every sample is one.
fn sync_samples(stbl: Node<'_>, path: &str, draft: &mut Draft) -> Result<()> {
    let Some(stss) = stbl.child(b"stss", path)? else { return Ok(()) };
    let mut keys = Marks::none(draft.track.packets.len());
    let mut mark = |node: Node<'_>| -> Result<bool> {
        let mut fields = node.fields(path);
        fields.full()?;
        let numbers = fields.counted(4)?;
        // Numbers count from 1; those beyond the last sample mean nothing.
        words(numbers).for_each(|number| keys.mark((number as usize).wrapping_sub(1)));
        Ok(!numbers.is_empty())
    };
    let any = mark(stss)?;
    if let Some(stps) = stbl.child(b"stps", path)? {
        mark(stps)?;
    }
    if !random_access_groups(stbl, path, &mut keys)? && !any {
        // An empty table says that no sample can be reached; the first one can.
        keys.mark(0);
    }
    draft.track.packets.set_keys(&keys);
    Ok(())
}

fn random_access_groups(stbl: Node<'_>, path: &str, keys: &mut Marks) -> Result<bool> {
    let mut any = false;
    for child in stbl.children(0) {
        let child = child?;
        if child.kind != *b"sbgp" {
            continue;
        }
        let mut fields = child.fields(path);
        let (version, _) = fields.full()?;
        if fields.u32()?.to_be_bytes() != *b"rap " {
            continue;
        }
        if version == 1 {
            fields.u32()?;
        }
        let mut position = 0usize;
        for (count, group) in pairs(fields.counted(8)?) {
            let end = position.saturating_add(count as usize).min(keys.len());
            if group > 0 {
                (position..end).for_each(|position| keys.mark(position));
                any = true;
            }
            position = end;
        }
    }
    Ok(any)
}

/// A table of runs: so many samples with the same value (`stts`, `ctts`).
#[derive(Default)]
struct Runs<'a> {
    rest: &'a [u8],
    left: u32,
    value: u32,
}

impl<'a> Runs<'a> {
    fn read(mut fields: Fields<'a>) -> Result<Self> {
        fields.full()?;
        Ok(Self { rest: fields.counted(8)?, left: 0, value: 0 })
    }

    /// The value of all samples, where there is one run.
    fn only(&self) -> Option<u32> {
        let mut runs = pairs(self.rest).filter(|(count, _)| *count > 0);
        runs.next().filter(|_| runs.next().is_none()).map(|(_, value)| value)
    }

    fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            let (run, rest) = self.rest.split_first_chunk::<8>()?;
            self.rest = rest;
            let [a, b, c, d, e, f, g, h] = *run;
            self.left = u32::from_be_bytes([a, b, c, d]);
            self.value = u32::from_be_bytes([e, f, g, h]);
        }
        self.left -= 1;
        Some(self.value)
    }
}

/// Sizes of samples: `stsz` or `stz2` (§8.7.3).
struct Sizes<'a> {
    count: u32,
    fixed: Option<u32>,
    table: &'a [u8],
    /// Bits of an entry: 4, 8, 16 or 32.
    bits: u8,
}

impl<'a> Sizes<'a> {
    fn read(stbl: Node<'a>, path: &'a str) -> Result<Option<Self>> {
        if let Some(node) = stbl.child(b"stsz", path)? {
            let mut fields = node.fields(path);
            fields.full()?;
            let (fixed, count) = (fields.u32()?, fields.u32()?);
            let table = if fixed == 0 { fields.entries(count, 4)? } else { &[] };
            return Ok(Some(Self { count, fixed: (fixed > 0).then_some(fixed), table, bits: 32 }));
        }
        let Some(node) = stbl.child(b"stz2", path)? else { return Ok(None) };
        let mut fields = node.fields(path);
        fields.full()?;
        let bits = (fields.u32()? & 0xff) as u8;
        let count = fields.u32()?;
        let table = match bits {
            4 => fields.entries(count.div_ceil(2), 1)?,
            8 => fields.entries(count, 1)?,
            16 => fields.entries(count, 2)?,
            _ => return Err(fields.corrupt(format!("sizes of {bits} bits are not allowed"))),
        };
        Ok(Some(Self { count, fixed: None, table, bits }))
    }

    fn get(&self, position: u32) -> u32 {
        let at = position as usize;
        let byte = |at: usize| self.table.get(at).copied().map_or(0, u32::from);
        match (self.fixed, self.bits) {
            (Some(fixed), _) => fixed,
            (None, 4) => byte(at / 2) >> (4 * (1 - at % 2)) & 0xf,
            (None, 8) => byte(at),
            (None, 16) => byte(2 * at) << 8 | byte(2 * at + 1),
            _ => self
                .table
                .get(4 * at..)
                .and_then(|rest| rest.first_chunk())
                .copied()
                .map_or(0, u32::from_be_bytes),
        }
    }
}

/// Where chunks lie (`stco`, `co64`, §8.7.5) and how many samples each holds (`stsc`, §8.7.4).
struct Chunks<'a> {
    table: &'a [u8],
    width: usize,
    stsc: &'a [u8],
    runs: Fields<'a>,
}

impl<'a> Chunks<'a> {
    fn read(stbl: Node<'a>, path: &'a str) -> Result<Self> {
        let (kind, width): (Kind, usize) = match stbl.child(b"stco", path)? {
            Some(_) => (*b"stco", 4),
            None => (*b"co64", 8),
        };
        let mut fields = stbl.must(&kind, path)?.fields(path);
        fields.full()?;
        let table = fields.counted(width)?;
        let mut runs = stbl.must(b"stsc", path)?.fields(path);
        let start = runs;
        runs.full()?;
        let stsc = runs.counted(12)?;
        let firsts = || stsc.chunks_exact(12).filter_map(|run| words(run).next());
        if firsts().next().is_some_and(|first| first != 1)
            || firsts().zip(firsts().skip(1)).any(|(a, b)| a >= b)
        {
            return Err(start.corrupt("its chunk numbers do not rise from 1"));
        }
        Ok(Self { table, width, stsc, runs: start })
    }

    /// Offset and number of samples of each chunk.
    fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let mut runs = self.stsc.chunks_exact(12).map(|run| {
            let mut words = words(run);
            (words.next().unwrap_or(0), words.next().unwrap_or(0))
        });
        let (mut count, mut following) = (0, runs.next());
        self.table.chunks_exact(self.width).zip(1u32..).map(move |(offset, number)| {
            if let Some((_, samples)) = following.filter(|(first, _)| *first == number) {
                count = samples;
                following = runs.next();
            }
            let offset = offset.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
            (offset, count)
        })
    }
}

/// Big-endian words of 32 bits.
fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).filter_map(|word| word.first_chunk().copied().map(u32::from_be_bytes))
}

/// Pairs of big-endian words of 32 bits.
fn pairs(bytes: &[u8]) -> impl Iterator<Item = (u32, u32)> + '_ {
    bytes.chunks_exact(8).map(|pair| {
        let mut words = words(pair);
        (words.next().unwrap_or(0), words.next().unwrap_or(0))
    })
}

/// The error of a sample that lies past the end of the source; `number` counts from 1.
pub(super) fn cut_off(number: u64, track: u32, micros: i64, offset: u64, end: u64, len: u64) -> Error {
    let time = format!("{}.{:03} s", micros / 1_000_000, micros.unsigned_abs() / 1000 % 1000);
    let message = format!(
        "the source is cut off: sample {number} of track {track} (at {time}) needs bytes up to {end}, the source has {len}"
    );
    Error::corrupt(message).at_offset(offset)
}
