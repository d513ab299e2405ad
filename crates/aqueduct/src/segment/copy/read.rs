//! The byte ranges of a segment, read in as few calls as are worth it.

use std::sync::Arc;

use bytes::Bytes;

use super::pool::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Packet;
use crate::source::{Source, SourceExt};

/// A gap up to this is read along: another read costs more.
const SMALL_GAP: u64 = 64 << 10;
/// So many ranges are few enough, even where each is a request over a network.
const FEW: usize = 8;
/// To get down to few ranges no more is read in vain than what is needed, and this.
const WASTE: u64 = 8 << 20;
/// A segment of more bytes than this is not made: memory is in proportion to it.
const LARGEST: u64 = 1 << 30;

/// Which bytes of an input are wanted.
#[derive(Debug, Default)]
pub(super) struct Extents {
    wanted: Vec<(u64, u64)>,
}

/// Bytes of an input, some of it.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Offset and bytes of each range, rising.
    ranges: Vec<(u64, Bytes)>,
}

impl Extents {
    /// Wants the bytes of a packet.
    pub(super) fn add(&mut self, unit: &Packet) -> Result<()> {
        let start = unit.offset.ok_or_else(|| Error::internal("a packet has no place in its source"))?;
        let end = start.checked_add(unit.bytes.into());
        let end = end.ok_or_else(|| Error::corrupt("a packet lies beyond any source").at_offset(start))?;
        match self.wanted.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => self.wanted.push((start, end)),
        }
        Ok(())
    }

    /// Reads them all.
    pub(super) fn read(self, source: &dyn Source, pool: &Arc<Pool>) -> Result<Read> {
        let ranges = self.ranges();
        let bytes: u64 = ranges.iter().map(|(start, end)| end - start).sum();
        if bytes > LARGEST {
            let message = format!(
                "a segment would have {bytes} bytes, and at most {LARGEST} are taken: its key frames lie too far apart"
            );
            return Err(Error::new(ErrorKind::Limit, message));
        }
        // Asked for before memory is taken: an index may lie.
        if let Some((_, end)) = ranges.iter().find(|(_, end)| *end > source.len()) {
            let message = format!("the source ends {} bytes too early", end - source.len());
            return Err(Error::corrupt(message).at_offset(source.len()));
        }
        // One buffer for all ranges: a small one would keep a large buffer from another thread. Bounded above, so it fits.
        let count = bytes as usize;
        let mut buffer = pool.take(count);
        let mut rest = buffer.as_mut();
        for (start, end) in &ranges {
            let (range, others) = rest
                .split_at_mut_checked((end - start) as usize)
                .ok_or_else(|| Error::internal("a buffer is too small"))?;
            source.read_exact_at(*start, range)?;
            rest = others;
        }
        let mut all = buffer.freeze(count);
        let mut read = Read::default();
        for (start, end) in ranges {
            read.ranges.push((start, all.split_to((end - start) as usize)));
        }
        Ok(read)
    }

    /// The ranges to read: merged over small gaps, then over the smallest of the others until they are few.
    fn ranges(mut self) -> Vec<(u64, u64)> {
        self.wanted.sort_unstable();
        let needed: u64 = self.wanted.iter().map(|(start, end)| end - start).sum();
        let merged = merge(self.wanted, SMALL_GAP);
        if merged.len() <= FEW {
            return merged;
        }
        let gap = |at: &usize| merged[*at].0 - merged[*at - 1].1;
        let mut smallest: Vec<usize> = (1..merged.len()).collect();
        smallest.sort_unstable_by_key(|at| (gap(at), *at));
        smallest.truncate(merged.len() - FEW);
        let mut left = needed.saturating_add(WASTE);
        let worth = smallest.iter().take_while(|at| match left.checked_sub(gap(at)) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        });
        let mut joined: Vec<usize> = worth.copied().collect();
        joined.sort_unstable();
        let mut few: Vec<(u64, u64)> = Vec::with_capacity(merged.len() - joined.len());
        for (at, &(start, end)) in merged.iter().enumerate() {
            match few.last_mut() {
                Some(last) if joined.binary_search(&at).is_ok() => last.1 = end,
                _ => few.push((start, end)),
            }
        }
        few
    }
}

/// Joins what overlaps or lies at most `gap` apart.
fn merge(wanted: Vec<(u64, u64)>, gap: u64) -> Vec<(u64, u64)> {
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (start, end) in wanted {
        match merged.last_mut() {
            Some(last) if start <= last.1.saturating_add(gap) => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

impl Read {
    /// The bytes of a packet that was wanted.
    pub(super) fn unit(&self, unit: &Packet) -> Result<Bytes> {
        let offset = unit.offset.unwrap_or(u64::MAX);
        self.range(offset, offset.saturating_add(unit.bytes.into()))
    }

    /// The bytes from `start` to before `end`, of packets that were wanted and follow one another.
    pub(super) fn range(&self, start: u64, end: u64) -> Result<Bytes> {
        let after = self.ranges.partition_point(|(from, _)| *from <= start);
        let found =
            after.checked_sub(1).and_then(|range| self.ranges.get(range)).and_then(|(from, bytes)| {
                let (from, to) =
                    (usize::try_from(start - from).ok()?, usize::try_from(end.checked_sub(*from)?).ok()?);
                (from <= to && to <= bytes.len()).then(|| bytes.slice(from..to))
            });
        found.ok_or_else(|| Error::internal("a packet was not read").at_offset(start))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::{Counting, MemorySource};

    fn packet(offset: u64, bytes: u32) -> Packet {
        let (samples, duration) = (0, 0);
        Packet {
            pts: 0,
            dts: 0,
            duration,
            bytes,
            offset: Some(offset),
            samples,
            key: false,
            discard: false,
            corrupt: false,
        }
    }

    proptest! {
        #[test]
        fn all_that_is_wanted_comes_in_few_reads(
            wanted in prop::collection::vec((0u64..400_000, 1u32..3000), 1..200),
        ) {
            let bytes: Vec<u8> = (0..410_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let source = Counting::new(MemorySource::new(bytes.clone(), "memory"));
            let mut extents = Extents::default();
            for &(offset, count) in &wanted {
                extents.add(&packet(offset, count)).unwrap();
            }
            let read = extents.read(&source, &Pool::new()).unwrap();
            prop_assert!(source.calls() <= FEW as u64);
            prop_assert!(source.bytes() <= source.len());
            for &(offset, count) in &wanted {
                let unit = read.unit(&packet(offset, count)).unwrap();
                prop_assert_eq!(&unit[..], &bytes[offset as usize..][..count as usize]);
            }
        }
    }

    #[test]
    fn far_apart_ranges_stay_apart() {
        let extents = |count: u64, step: u64| {
            let mut extents = Extents::default();
            (0..count).for_each(|n| extents.add(&packet(n * step, 1000)).unwrap());
            extents.ranges()
        };
        assert_eq!(extents(100, 10_000).len(), 1);
        assert_eq!(extents(8, 1 << 20).len(), 8);
        assert_eq!(extents(12, 1 << 20).len(), 8, "four gaps of a megabyte are worth it");
        let far = extents(100, 1 << 30);
        assert_eq!(far.len(), 100, "a gigabyte is not");
    }

    #[test]
    fn a_source_that_is_shorter_than_its_index_is_corrupt() {
        let mut extents = Extents::default();
        extents.add(&packet(50, 100)).unwrap();
        let error = extents.read(&MemorySource::new(vec![0; 100], "short"), &Pool::new()).unwrap_err();
        assert_eq!((error.kind(), error.place().offset), (ErrorKind::Corrupt, Some(100)));
        let mut extents = Extents::default();
        extents.add(&packet(0, u32::MAX)).unwrap();
        let error = extents.read(&MemorySource::new(vec![0; 100], "short"), &Pool::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
}
