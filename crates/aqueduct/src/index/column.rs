//! One column of a packet table. Most columns of most tracks are a straight line: a constant duration, times that rise
//! by it, no samples at all; such a column takes no memory, however long it is. Other columns are packed: blocks of 64
//! numbers, each of which says only how far its numbers stand from a line of its own, in as many bits as that needs.

mod block;

use std::fmt::Debug;
use std::ops::Range;

pub(super) use block::BLOCK;
use block::{Block, Words};

/// A number of a column.
pub(super) trait Number: Copy + Eq + Debug + Into<i64> {
    /// The number, cut to the width of this type.
    fn cut(value: i64) -> Self;
}

impl Number for i64 {
    fn cut(value: i64) -> Self {
        value
    }
}

impl Number for u32 {
    fn cut(value: i64) -> Self {
        value as Self
    }
}

impl Number for u8 {
    fn cut(value: i64) -> Self {
        value as Self
    }
}

/// Numbers in order: a line while they are one, then blocks.
#[derive(Debug, Clone)]
pub(super) struct Column<T> {
    len: usize,
    /// The line: its ends, and what every number is more than the one before. No number on the way overflows.
    first: i64,
    last: i64,
    step: i64,
    /// Whether the numbers are in the fields below rather than a line.
    packed: bool,
    /// Each stands for [`BLOCK`] numbers.
    blocks: Vec<Block>,
    /// What the blocks keep, one after the other.
    words: Words,
    /// The numbers after the last block; fewer than one holds.
    tail: Vec<T>,
}

// Not derived: it would ask it of T.
impl<T> Default for Column<T> {
    fn default() -> Self {
        let (blocks, words, tail) = (Vec::new(), Words::default(), Vec::new());
        Self { len: 0, first: 0, last: 0, step: 0, packed: false, blocks, words, tail }
    }
}

/// Equal numbers, whichever way they are kept.
impl<T: Number> PartialEq for Column<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && match (self.line(), other.line()) {
                (Some(one), Some(other)) => one == other,
                _ => self.iter().eq(other.iter()),
            }
    }
}

impl<T: Number> Eq for Column<T> {}

impl<T: Number> Column<T> {
    /// The line of `len` numbers from `first` on; `None` where one of them overflows.
    pub(super) fn of_line(first: i64, step: i64, len: usize) -> Option<Self> {
        if len == 0 {
            return Some(Self::default());
        }
        // The product alone may leave 64 bits where the sum does not.
        let rise = i128::from(step).checked_mul(i128::try_from(len - 1).ok()?)?;
        let last = i64::try_from(i128::from(first).checked_add(rise)?).ok()?;
        let fits = |value: i64| T::cut(value).into() == value;
        let step = if len > 1 { step } else { 0 };
        (fits(first) && fits(last)).then(|| Self { len, first, last, step, ..Self::default() })
    }

    /// All of these numbers, packed even where they are a line.
    pub(super) fn of_each(numbers: impl IntoIterator<Item = T>) -> Self {
        let mut column = Self { packed: true, ..Self::default() };
        numbers.into_iter().for_each(|number| column.append(number));
        column.packed = column.len > 0;
        column
    }

    /// `len` numbers, packed even where they are a line. `fill` is asked for 64 of them at a time, in order; the last
    /// time only the first of them count.
    pub(super) fn of_blocks(len: usize, mut fill: impl FnMut(usize, &mut [i64; BLOCK])) -> Self {
        let mut column = Self { len, packed: len > 0, ..Self::default() };
        let mut numbers = [0; BLOCK];
        for block in 0..len / BLOCK {
            fill(block, &mut numbers);
            column.blocks.push(Block::pack(&numbers, &mut column.words));
        }
        let rest = len % BLOCK;
        if rest > 0 {
            fill(len / BLOCK, &mut numbers);
            column.tail.extend(numbers.iter().take(rest).map(|number| T::cut(*number)));
        }
        column
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first number and the step, where the numbers are a line, whichever way they are kept.
    pub(super) fn as_line(&self) -> Option<(i64, i64)> {
        if let Some(line) = self.line() {
            return Some(line);
        }
        let first: i64 = self.get(0)?.into();
        let Some(second) = self.get(1) else { return Some((first, 0)) };
        let step = second.into().checked_sub(first)?;
        let mut before = first;
        let rises = |number: T| {
            let next = before.checked_add(step) == Some(number.into());
            before = number.into();
            next
        };
        self.range(1..self.len).all(rises).then_some((first, step))
    }

    /// The first number and the step, where the numbers are kept as a line.
    pub(super) fn line(&self) -> Option<(i64, i64)> {
        (!self.packed).then_some((self.first, self.step))
    }

    pub(super) fn get(&self, position: usize) -> Option<T> {
        if position >= self.len {
            return None;
        }
        if !self.packed {
            // No overflow: the ends of the line are within range.
            return Some(T::cut(self.first.wrapping_add(self.step.wrapping_mul(position as i64))));
        }
        match self.block(position / BLOCK) {
            Some((block, words)) => Some(T::cut(block.get(words, position % BLOCK))),
            None => self.tail.get(position % BLOCK).copied(),
        }
    }

    /// A block and its words.
    fn block(&self, block: usize) -> Option<(&Block, &[u64])> {
        let found = self.blocks.get(block)?;
        Some((found, self.words.between(found.at, self.blocks.get(block + 1).map(|next| next.at))))
    }

    pub(super) fn iter(&self) -> Iter<'_, T> {
        self.range(0..self.len)
    }

    /// The numbers at these positions, as far as there are any: many times faster than one by one.
    pub(super) fn range(&self, positions: Range<usize>) -> Iter<'_, T> {
        let end = positions.end.min(self.len);
        let mut iter = Iter { column: self, position: positions.start.min(end), end, block: [0; BLOCK] };
        iter.unpack();
        iter
    }

    /// The numbers of a block, counted from 0, and whatever after the last.
    pub(super) fn unpack(&self, block: usize, into: &mut [i64; BLOCK]) {
        if !self.packed {
            let first = self.first.wrapping_add(self.step.wrapping_mul((block * BLOCK) as i64));
            block::line(first, self.step, into);
        } else if let Some((block, words)) = self.block(block) {
            block.unpack(words, into);
        } else {
            into.iter_mut().zip(&self.tail).for_each(|(into, number)| *into = (*number).into());
        }
    }

    /// The numbers at these positions in runs, in order and as far as there are any.
    fn runs(&self, positions: Range<usize>, mut each: impl FnMut(Run<'_>)) {
        if !self.packed {
            let end = positions.end.min(self.len);
            if let (Some(first), true) = (self.get(positions.start), positions.start < end) {
                each(Run::Line(first.into(), self.step, end - positions.start));
            }
            return;
        }
        let mut numbers = [0; BLOCK];
        for (block, rows) in blocks(positions, self.len) {
            let line = self.block(block).and_then(|(block, words)| block.as_line(words));
            if let Some((first, step)) = line {
                each(Run::Line(first + step * rows.start as i64, step, rows.len()));
            } else {
                self.unpack(block, &mut numbers);
                each(Run::Numbers(numbers.get(rows).unwrap_or_default()));
            }
        }
    }

    /// Whether no number at these positions is less than the one before.
    pub(super) fn is_rising(&self, positions: Range<usize>) -> bool {
        let (mut rising, mut before) = (true, i64::MIN);
        self.runs(positions, |run| match run {
            Run::Line(first, step, count) => {
                rising &= before <= first && (step >= 0 || count == 1);
                before = first + step * (count as i64 - 1);
            }
            Run::Numbers(numbers) => {
                for number in numbers {
                    rising &= before <= *number;
                    before = *number;
                }
            }
        });
        rising
    }

    /// The greatest number at these positions.
    pub(super) fn most(&self, positions: Range<usize>) -> Option<i64> {
        let mut most = None;
        self.runs(positions, |run| {
            let of_run = match run {
                Run::Line(first, step, count) => Some(first.max(first + step * (count as i64 - 1))),
                Run::Numbers(numbers) => numbers.iter().copied().max(),
            };
            most = most.max(of_run);
        });
        most
    }

    /// How much each number at these positions is more than the one before, and how often in a row; wraps.
    pub(super) fn steps(&self, positions: Range<usize>, mut each: impl FnMut(i64, u64)) {
        let mut before: Option<i64> = None;
        self.runs(positions, |run| match run {
            Run::Line(first, step, count) => {
                before.into_iter().for_each(|before| each(first.wrapping_sub(before), 1));
                if count > 1 {
                    each(step, count as u64 - 1);
                }
                before = Some(first + step * (count as i64 - 1));
            }
            Run::Numbers(numbers) => {
                for number in numbers {
                    let step = before.replace(*number).map(|before| number.wrapping_sub(before));
                    step.into_iter().for_each(|step| each(step, 1));
                }
            }
        });
    }

    /// Numbers that none of these rows of a block is below, or above, where that is known without a look at them.
    pub(super) fn bounds(&self, block: usize, rows: &Range<usize>) -> Option<(i64, i64)> {
        if self.packed {
            return self.block(block).and_then(|(block, words)| block.bounds(words));
        }
        let at = |row: usize| self.get(block * BLOCK + row).map(Into::into);
        let (first, last): (i64, i64) = (at(rows.start)?, at(rows.end.checked_sub(1)?)?);
        Some((first.min(last), first.max(last)))
    }

    /// The first of these positions whose number is at least, or with `below` less than, `value`; their end, as far as
    /// there are any, where there is none. Blocks that cannot have it are not looked into.
    fn first_where(&self, positions: Range<usize>, value: i64, below: bool) -> usize {
        let end = positions.end.min(self.len);
        if let Some((_, 0)) = self.line().filter(|_| positions.start < end) {
            return if (self.first < value) == below { positions.start } else { end };
        }
        let mut numbers = [0; BLOCK];
        let is_it = |number: &i64| (*number < value) == below;
        for (block, rows) in blocks(positions, end) {
            let bounds = self.bounds(block, &rows);
            if bounds.is_some_and(|(least, most)| if below { least >= value } else { most < value }) {
                continue;
            }
            self.unpack(block, &mut numbers);
            let of_rows = numbers.get(rows.clone()).unwrap_or_default();
            if let Some(row) = of_rows.iter().position(is_it) {
                return block * BLOCK + rows.start + row;
            }
        }
        end
    }

    /// The first of these positions whose number is `value` or more; their end, as far as there are any, where there is
    /// none.
    pub(super) fn first_at_least(&self, positions: Range<usize>, value: i64) -> usize {
        self.first_where(positions, value, false)
    }

    /// Whether a number at these positions is less than `value`.
    pub(super) fn has_below(&self, positions: Range<usize>, value: i64) -> bool {
        let end = positions.end.min(self.len);
        self.first_where(positions, value, true) < end
    }

    pub(super) fn push(&mut self, number: T) {
        if !self.packed {
            let value = number.into();
            let step = match self.len {
                0 => Some(0),
                1 => value.checked_sub(self.first),
                _ => self.last.checked_add(self.step).filter(|next| *next == value).map(|_| self.step),
            };
            if let Some(step) = step {
                self.first = if self.len == 0 { value } else { self.first };
                (self.last, self.step) = (value, step);
                self.len += 1;
                return;
            }
            self.spread();
        }
        self.append(number);
    }

    /// Adds a number to a packed column.
    fn append(&mut self, number: T) {
        self.tail.push(number);
        self.len += 1;
        if self.tail.len() == BLOCK {
            let mut numbers = [0; BLOCK];
            numbers.iter_mut().zip(&self.tail).for_each(|(into, number)| *into = (*number).into());
            self.blocks.push(Block::pack(&numbers, &mut self.words));
            self.tail.clear();
        }
    }

    /// Writes over one number; does nothing where there is none. It may move all numbers behind it.
    pub(super) fn set(&mut self, position: usize, number: T) {
        if self.get(position).is_none_or(|there| there == number) {
            return;
        }
        self.spread();
        if position / BLOCK >= self.blocks.len() {
            if let Some(there) = self.tail.get_mut(position % BLOCK) {
                *there = number;
            }
            return;
        }
        let mut at = 0;
        *self = Self::of_each(self.iter().map(|there| {
            at += 1;
            if at == position + 1 { number } else { there }
        }));
    }

    /// Writes over all numbers, in order.
    pub(super) fn change(&mut self, mut change: impl FnMut(T) -> T) {
        let mut changed = Self::default();
        self.iter().for_each(|number| changed.push(change(number)));
        *self = changed;
    }

    /// Gives back memory that no number is in.
    pub(super) fn shrink(&mut self) {
        self.blocks.shrink_to_fit();
        self.words.shrink();
        self.tail.shrink_to_fit();
    }

    /// Packs a line.
    fn spread(&mut self) {
        if !self.packed {
            *self = Self::of_each(self.iter());
        }
    }
}

/// Numbers of a column that follow one another.
enum Run<'a> {
    /// The first, what every number is more than the one before, and how many there are, at least one; none on the way
    /// overflows.
    Line(i64, i64, usize),
    Numbers(&'a [i64]),
}

/// The blocks that hold these positions of `len`, and which of their rows.
pub(super) fn blocks(
    positions: Range<usize>,
    len: usize,
) -> impl DoubleEndedIterator<Item = (usize, Range<usize>)> {
    let (start, end) = (positions.start, positions.end.min(len));
    let touched = if start < end { start / BLOCK..end.div_ceil(BLOCK) } else { 0..0 };
    touched.map(move |block| {
        let first = block * BLOCK;
        (block, start.saturating_sub(first)..(end - first).min(BLOCK))
    })
}

impl Column<i64> {
    /// Adds `by` to all numbers; `None` when one leaves the range of 64 bits.
    pub(super) fn shift(&mut self, by: i64) -> Option<()> {
        if !self.packed {
            if self.len > 0 {
                (self.first, self.last) = (self.first.checked_add(by)?, self.last.checked_add(by)?);
            }
            return Some(());
        }
        let stays = |all: bool, number: i64| all & number.checked_add(by).is_some();
        self.iter().fold(true, stays).then_some(())?;
        self.blocks.iter_mut().for_each(|block| block.shift(by));
        self.tail.iter_mut().for_each(|number| *number = number.wrapping_add(by));
        Some(())
    }
}

/// Numbers of a column in order; a block is unpacked at a time.
#[derive(Debug, Clone)]
pub(super) struct Iter<'a, T> {
    column: &'a Column<T>,
    position: usize,
    end: usize,
    /// The block that the position is in.
    block: [i64; BLOCK],
}

impl<T: Number> Iter<'_, T> {
    fn unpack(&mut self) {
        if self.position < self.end {
            self.column.unpack(self.position / BLOCK, &mut self.block);
        }
    }
}

impl<T: Number> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.position >= self.end {
            return None;
        }
        let number = self.block.get(self.position % BLOCK).copied()?;
        self.position += 1;
        if self.position.is_multiple_of(BLOCK) {
            self.unpack();
        }
        Some(T::cut(number))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.position, Some(self.end - self.position))
    }

    fn fold<A, F: FnMut(A, T) -> A>(mut self, first: A, mut fold: F) -> A {
        let mut all = first;
        while self.position < self.end {
            let start = self.position % BLOCK;
            let count = (BLOCK - start).min(self.end - self.position);
            let numbers = self.block.iter().skip(start).take(count);
            all = numbers.fold(all, |all, number| fold(all, T::cut(*number)));
            self.position += count;
            self.unpack();
        }
        all
    }

    fn nth(&mut self, skip: usize) -> Option<T> {
        let before = self.position / BLOCK;
        self.position = self.position.saturating_add(skip).min(self.end);
        if self.position / BLOCK != before {
            self.unpack();
        }
        self.next()
    }
}

impl<T: Number> ExactSizeIterator for Iter<'_, T> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers that are lines for a while.
    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let run = (
            any::<i64>(),
            prop_oneof![Just(0i64), -3i64..3, any::<i64>()],
            prop_oneof![0usize..6, 50usize..140],
        );
        prop::collection::vec(run, 0..4).prop_map(|runs| {
            let run = |(first, step, count): (i64, i64, usize)| {
                (0..count).map(move |at| first.wrapping_add(step.wrapping_mul(at as i64)))
            };
            runs.into_iter().flat_map(run).collect()
        })
    }

    fn column<T: Number>(numbers: &[T]) -> Column<T> {
        let mut column = Column::default();
        numbers.iter().for_each(|number| column.push(*number));
        column
    }

    proptest! {
        #[test]
        fn a_column_is_its_numbers(numbers in numbers(), other in numbers(), by in any::<i64>()) {
            let kept = column(&numbers);
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), numbers.clone());
            prop_assert_eq!(kept.get(numbers.len()), None);
            prop_assert_eq!(&kept, &Column::of_each(numbers.clone()));
            prop_assert_eq!(kept.as_line(), Column::of_each(numbers.clone()).as_line());
            let blocks = Column::<i64>::of_blocks(numbers.len(), |block, into| kept.unpack(block, into));
            prop_assert_eq!(&blocks, &kept);
            prop_assert_eq!(kept == column(&other), numbers == other);
            let moved: Option<Vec<i64>> = numbers.iter().map(|number| number.checked_add(by)).collect();
            let mut shifted = kept.clone();
            prop_assert_eq!(shifted.shift(by).map(|()| shifted.iter().collect::<Vec<_>>()), moved);
            let narrow: Vec<u8> = numbers.iter().map(|number| *number as u8).collect();
            prop_assert_eq!(column(&narrow).iter().collect::<Vec<_>>(), narrow);
            let middle: Vec<u32> = numbers.iter().map(|number| *number as u32).collect();
            prop_assert_eq!(column(&middle).iter().collect::<Vec<_>>(), middle);
        }

        /// Any part of it, one by one or in a run.
        #[test]
        fn parts_are_found(numbers in numbers(), from in 0usize..300, count in 0usize..300, skip in 0usize..150) {
            for kept in [column(&numbers), Column::of_each(numbers.clone())] {
                let expected: Vec<i64> = numbers.iter().copied().skip(from).take(count).collect();
                let range = kept.range(from..from + count);
                prop_assert_eq!(range.len(), expected.len());
                prop_assert_eq!(range.clone().next(), expected.first().copied());
                let mut folded = Vec::new();
                range.clone().for_each(|number| folded.push(number));
                prop_assert_eq!(&folded, &expected);
                let positions = from..from + count;
                prop_assert_eq!(kept.is_rising(positions.clone()), expected.is_sorted());
                prop_assert_eq!(kept.most(positions.clone()), expected.iter().copied().max());
                let mut steps = Vec::new();
                kept.steps(positions.clone(), |step, times| steps.extend((0..times).map(|_| step)));
                let pairs = expected.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
                prop_assert_eq!(steps, pairs.collect::<Vec<_>>());
                for value in expected.iter().copied().step_by(9).chain([i64::MIN, 0, i64::MAX]) {
                    let at = expected.iter().position(|number| *number >= value);
                    let end = positions.end.min(numbers.len()).max(from.min(numbers.len()));
                    let at = at.map_or(end, |at| from + at);
                    prop_assert_eq!(kept.first_at_least(positions.clone(), value).min(end), at);
                    let below = expected.iter().any(|number| *number < value);
                    prop_assert_eq!(kept.has_below(positions.clone(), value), below);
                }
                let mut skipped = range.clone().skip(skip);
                prop_assert_eq!(skipped.next(), expected.get(skip).copied());
                prop_assert!(range.zip(&expected).all(|(one, other)| one == *other));
                for (position, number) in numbers.iter().enumerate() {
                    prop_assert_eq!(kept.get(position), Some(*number));
                }
            }
        }

        #[test]
        fn numbers_are_written_over(
            numbers in numbers(),
            writes in prop::collection::vec((any::<prop::sample::Index>(), any::<i64>(), 0usize..70), 1..5),
        ) {
            let (mut kept, mut expected) = (column(&numbers), numbers.clone());
            for (at, value, more) in writes {
                if !expected.is_empty() {
                    let at = at.index(expected.len());
                    kept.set(at, value);
                    expected[at] = value;
                }
                kept.set(expected.len(), 1);
                kept.change(|number| number ^ 1);
                expected.iter_mut().for_each(|number| *number ^= 1);
                for more in 0..more as i64 {
                    kept.push(value.wrapping_mul(more));
                    expected.push(value.wrapping_mul(more));
                }
                kept.shrink();
                prop_assert_eq!(kept.len(), expected.len());
                prop_assert_eq!(kept.iter().collect::<Vec<_>>(), expected.clone());
            }
        }

        #[test]
        fn a_line_is_one_or_none(first: i64, step: i64, len in prop_oneof![0usize..5, 60usize..70]) {
            if let Some(line) = Column::<i64>::of_line(first, step, len) {
                let numbers = (0..len as i64).map(|at| first.wrapping_add(step.wrapping_mul(at)));
                prop_assert_eq!(&line, &column(&numbers.clone().collect::<Vec<_>>()));
                prop_assert_eq!(line, Column::of_each(numbers));
            }
            prop_assert_eq!(Column::<u8>::of_line(250, 5, len).is_some(), len <= 2);
        }
    }

    /// Columns as films have them take the bits of what they say, and a quarter of a byte beside.
    #[test]
    fn a_number_takes_few_bits() {
        let bytes = |numbers: &[i64]| {
            let mut column = column(numbers);
            column.shrink();
            column.blocks.capacity() * size_of::<Block>() + column.words.len() * 8
        };
        let count = 64 * 1000;
        let numbers = |number: fn(i64) -> i64| (0..count).map(number).collect::<Vec<_>>();
        let sizes = numbers(|n| 300 + n * 31 % 90);
        assert_eq!(bytes(&sizes), 1000 * 16 + 64_000 * 7 / 8);
        let keys = numbers(|n| i64::from(n % 250 == 0));
        assert_eq!(bytes(&keys), 1000 * 16 + 256 * 8, "a bit each where there is a key at all");
        let times = numbers(|n| n * 1001 + [2002, 4004, 0][n as usize % 3]);
        assert_eq!(bytes(&times), 1000 * 16 + 64_000 * 12 / 8);
        assert_eq!(bytes(&numbers(|n| n / 6400 * 5000 + n)), 1000 * 16, "steps between lines");
    }
}
