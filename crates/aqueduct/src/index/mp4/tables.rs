//! The sample tables of a track (ISO/IEC 14496-12 §8.6, §8.7), walked in step.

use super::abridged::Entries;
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
        None => Runs::none(),
    };
    let mut chunks = Chunks::read(stbl, path)?;
    let mut walk = Walk { durations, offsets, sizes, position: 0, dts: 0, stretched: false };
    match walk.uncompressed(draft)? {
        Some(frame) => return walk.pcm(&mut chunks, frame, draft, budget),
        None => walk.samples(&mut chunks, draft, budget)?,
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
    fn samples(&mut self, chunks: &mut Chunks<'_>, draft: &mut Draft, budget: &mut Budget) -> Result<()> {
        let mut last = 0;
        while let Some((offset, count)) = chunks.next()? {
            let mut offset = offset;
            for _ in 0..count {
                if self.position == self.sizes.count {
                    return Ok(());
                }
                let duration = self.durations.next()?.unwrap_or_else(|| {
                    self.stretched = true;
                    last
                });
                last = duration;
                let bytes = self.sizes.next()?;
                let sample = Sample {
                    dts: self.dts,
                    // §8.6.1.3: unsigned in version 0, but QuickTime always meant it signed, and so do its readers.
                    composition_offset: self.offsets.next()?.unwrap_or(0).cast_signed().into(),
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
    fn uncompressed(&self, draft: &Draft) -> Result<Option<u32>> {
        let Some(frame) = draft.pcm_frame else { return Ok(None) };
        let single = self.durations.only()? == Some(1);
        Ok(single.then(|| match self.sizes.fixed {
            // QuickTime writes sizes of 1 and means whole frames.
            Some(fixed) => fixed.max(frame),
            None => frame,
        }))
    }

    fn pcm(
        &mut self,
        chunks: &mut Chunks<'_>,
        frame: u32,
        draft: &mut Draft,
        budget: &mut Budget,
    ) -> Result<()> {
        while let Some((offset, count)) = chunks.next()? {
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
        let mut numbers = fields.counted(4)?;
        let any = !numbers.is_empty();
        while let Some(number) = numbers.next()? {
            // Numbers count from 1; those beyond the last sample mean nothing.
            keys.mark((u32::from_be_bytes(number) as usize).wrapping_sub(1));
        }
        Ok(any)
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
        let mut runs = fields.counted(8)?;
        while let Some((count, group)) = runs.next()?.map(pair) {
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
struct Runs<'a> {
    rest: Entries<'a>,
    left: u32,
    value: u32,
}

impl<'a> Runs<'a> {
    fn read(mut fields: Fields<'a>) -> Result<Self> {
        fields.full()?;
        Ok(Self { rest: fields.counted(8)?, left: 0, value: 0 })
    }

    fn none() -> Self {
        Self { rest: Entries::of(&[]), left: 0, value: 0 }
    }

    /// The value of all samples, where there is one run; before the first is taken.
    fn only(&self) -> Result<Option<u32>> {
        let (mut rest, mut only) = (self.rest.clone(), None);
        while let Some((count, value)) = rest.next()?.map(pair) {
            if count > 0 && only.replace(value).is_some() {
                return Ok(None);
            }
        }
        Ok(only)
    }

    fn next(&mut self) -> Result<Option<u32>> {
        while self.left == 0 {
            let Some(run) = self.rest.next()? else { return Ok(None) };
            (self.left, self.value) = pair(run);
        }
        self.left -= 1;
        Ok(Some(self.value))
    }
}

/// Sizes of samples: `stsz` or `stz2` (§8.7.3).
struct Sizes<'a> {
    count: u32,
    fixed: Option<u32>,
    table: Entries<'a>,
    /// Bits of an entry: 4, 8, 16 or 32.
    bits: u8,
    /// The second size of a byte of which the first was taken.
    half: Option<u32>,
}

impl<'a> Sizes<'a> {
    fn read(stbl: Node<'a>, path: &'a str) -> Result<Option<Self>> {
        if let Some(node) = stbl.child(b"stsz", path)? {
            let mut fields = node.fields(path);
            fields.full()?;
            let (fixed, count) = (fields.u32()?, fields.u32()?);
            let table = if fixed == 0 { fields.entries(count, 4)? } else { Entries::of(&[]) };
            return Ok(Some(Self {
                count,
                fixed: (fixed > 0).then_some(fixed),
                table,
                bits: 32,
                half: None,
            }));
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
        Ok(Some(Self { count, fixed: None, table, bits, half: None }))
    }

    /// The size of the next sample.
    fn next(&mut self) -> Result<u32> {
        let table = &mut self.table;
        Ok(match (self.fixed, self.bits) {
            (Some(fixed), _) => fixed,
            (None, 4) => match self.half.take() {
                Some(second) => second,
                None => {
                    let [both] = table.next::<1>()?.unwrap_or_default();
                    self.half = Some(u32::from(both & 0xf));
                    u32::from(both >> 4)
                }
            },
            (None, 8) => table.next()?.map_or(0, u8::from_be_bytes).into(),
            (None, 16) => table.next()?.map_or(0, u16::from_be_bytes).into(),
            _ => table.next()?.map_or(0, u32::from_be_bytes),
        })
    }
}

/// Where chunks lie (`stco`, `co64`, §8.7.5) and how many samples each holds (`stsc`, §8.7.4).
struct Chunks<'a> {
    table: Entries<'a>,
    width: usize,
    stsc: Entries<'a>,
    runs: Fields<'a>,
    /// The first chunk of the next run, and how many samples each chunk of it holds.
    following: Option<(u32, u32)>,
    /// The number of the last chunk that was taken, and how many samples it holds.
    number: u32,
    count: u32,
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
        let mut stsc = runs.counted(12)?;
        let (mut all, mut before) = (stsc.clone(), 0);
        while let Some((first, _)) = run(&mut all)? {
            if first <= before || (before == 0 && first != 1) {
                return Err(start.corrupt("its chunk numbers do not rise from 1"));
            }
            before = first;
        }
        let following = run(&mut stsc)?;
        Ok(Self { table, width, stsc, runs: start, following, number: 0, count: 0 })
    }

    /// Offset and number of samples of the next chunk.
    fn next(&mut self) -> Result<Option<(u64, u32)>> {
        let offset = match self.width {
            4 => self.table.next()?.map(|offset| u32::from_be_bytes(offset).into()),
            _ => self.table.next()?.map(u64::from_be_bytes),
        };
        let Some(offset) = offset else { return Ok(None) };
        self.number = self.number.saturating_add(1);
        if let Some((_, samples)) = self.following.filter(|(first, _)| *first == self.number) {
            self.count = samples;
            self.following = run(&mut self.stsc)?;
        }
        Ok(Some((offset, self.count)))
    }
}

/// A run of chunks: its first, and how many samples each holds.
fn run(stsc: &mut Entries<'_>) -> Result<Option<(u32, u32)>> {
    let run = stsc.next()?;
    Ok(run.map(|[a, b, c, d, e, f, g, h, _, _, _, _]| pair([a, b, c, d, e, f, g, h])))
}

/// Two big-endian words of 32 bits.
fn pair(bytes: [u8; 8]) -> (u32, u32) {
    let both = u64::from_be_bytes(bytes);
    ((both >> 32) as u32, both as u32)
}

/// The error of a sample that lies past the end of the source; `number` counts from 1.
pub(super) fn cut_off(number: u64, track: u32, micros: i64, offset: u64, end: u64, len: u64) -> Error {
    let time = format!("{}.{:03} s", micros / 1_000_000, micros.unsigned_abs() / 1000 % 1000);
    let message = format!(
        "the source is cut off: sample {number} of track {track} (at {time}) needs bytes up to {end}, the source has {len}"
    );
    Error::corrupt(message).at_offset(offset)
}
