//! One column of a packet table. Most columns of most tracks are a straight line: a constant duration, times that rise
//! by it, no samples at all; such a column takes no memory, however long it is.

use std::fmt::Debug;

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

/// Numbers in order: a line while they are one, then each by itself.
#[derive(Debug, Clone)]
pub(super) struct Column<T> {
    len: usize,
    /// The line: its ends, and what every number is more than the one before. No number on the way overflows.
    first: i64,
    last: i64,
    step: i64,
    /// Every number; empty while they are a line.
    each: Vec<T>,
    /// Numbers that were announced.
    room: usize,
}

// Not derived: it would ask it of T.
impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { len: 0, first: 0, last: 0, step: 0, each: Vec::new(), room: 0 }
    }
}

/// Equal numbers, whichever way they are kept.
impl<T: Number> PartialEq for Column<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && match (self.line(), other.line()) {
                (Some(one), Some(other)) => one == other,
                (None, None) => self.each == other.each,
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

    /// All of these numbers.
    pub(super) fn of_each(each: Vec<T>) -> Self {
        Self { len: each.len(), each, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first number and the step, where the numbers are a line, whichever way they are kept.
    pub(super) fn as_line(&self) -> Option<(i64, i64)> {
        let Some(second) = self.each.get(1) else {
            return Some(self.each.first().map_or((self.first, self.step), |only| ((*only).into(), 0)));
        };
        let first: i64 = self.get(0)?.into();
        let step = (*second).into().checked_sub(first)?;
        let rises = |pair: &[T]| match pair {
            [one, next] => (*one).into().checked_add(step) == Some((*next).into()),
            _ => true,
        };
        self.each.windows(2).all(rises).then_some((first, step))
    }

    /// Every number, where they are no line.
    pub(super) fn each(&self) -> &[T] {
        &self.each
    }

    /// The first number and the step, where the numbers are kept as a line.
    pub(super) fn line(&self) -> Option<(i64, i64)> {
        self.each.is_empty().then_some((self.first, self.step))
    }

    pub(super) fn get(&self, position: usize) -> Option<T> {
        if self.each.is_empty() {
            // No overflow: the ends of the line are within range.
            (position < self.len)
                .then(|| T::cut(self.first.wrapping_add(self.step.wrapping_mul(position as i64))))
        } else {
            self.each.get(position).copied()
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = T> + Clone + '_ {
        (0..self.len).map(|position| self.get(position).unwrap_or(T::cut(0)))
    }

    pub(super) fn push(&mut self, number: T) {
        let value = number.into();
        if self.each.is_empty() {
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
            self.spread(1);
        }
        self.each.push(number);
        self.len += 1;
    }

    /// Writes over one number; does nothing where there is none.
    pub(super) fn set(&mut self, position: usize, number: T) {
        if self.get(position).is_some_and(|there| there != number) {
            self.spread(0);
            if let Some(there) = self.each.get_mut(position) {
                *there = number;
            }
        }
    }

    /// Writes over all numbers.
    pub(super) fn change(&mut self, change: impl Fn(T) -> T) {
        if self.each.is_empty() && self.step == 0 {
            self.first = change(T::cut(self.first)).into();
            self.last = self.first;
            return;
        }
        self.spread(0);
        self.each.iter_mut().for_each(|number| *number = change(*number));
    }

    /// Makes room for `count` more numbers.
    pub(super) fn reserve(&mut self, count: usize) {
        if self.each.is_empty() {
            self.room = self.len.saturating_add(count);
        } else {
            self.each.reserve(count);
        }
    }

    /// Gives back memory that no number is in.
    pub(super) fn shrink(&mut self) {
        self.each.shrink_to_fit();
    }

    /// Keeps each number by itself from now on.
    fn spread(&mut self, more: usize) {
        if self.each.is_empty() {
            let mut each = Vec::with_capacity(self.room.max(self.len + more));
            each.extend(self.iter());
            self.each = each;
        }
    }
}

impl Column<i64> {
    /// Adds `by` to all numbers; `None` when one leaves the range of 64 bits.
    pub(super) fn shift(&mut self, by: i64) -> Option<()> {
        if self.each.is_empty() {
            if self.len > 0 {
                (self.first, self.last) = (self.first.checked_add(by)?, self.last.checked_add(by)?);
            }
            return Some(());
        }
        self.each.iter_mut().try_for_each(|number| number.checked_add(by).map(|moved| *number = moved))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers that are lines for a while.
    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let run = (any::<i64>(), prop_oneof![Just(0i64), -3i64..3, any::<i64>()], 0usize..6);
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
            prop_assert_eq!(kept == column(&other), numbers == other);
            let moved: Option<Vec<i64>> = numbers.iter().map(|number| number.checked_add(by)).collect();
            let mut shifted = kept.clone();
            prop_assert_eq!(shifted.shift(by).map(|()| shifted.iter().collect::<Vec<_>>()), moved);
            let narrow: Vec<u8> = numbers.iter().map(|number| *number as u8).collect();
            prop_assert_eq!(column(&narrow).iter().collect::<Vec<_>>(), narrow);
        }

        #[test]
        fn numbers_are_written_over(numbers in numbers(), at: prop::sample::Index, value: i64, room in 0usize..9) {
            let (mut kept, mut expected) = (column(&numbers), numbers.clone());
            kept.reserve(room);
            if !numbers.is_empty() {
                let at = at.index(numbers.len());
                kept.set(at, value);
                expected[at] = value;
            }
            kept.set(numbers.len(), 1);
            kept.change(|number| number ^ 1);
            expected.iter_mut().for_each(|number| *number ^= 1);
            kept.push(value);
            expected.push(value);
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), expected);
        }

        #[test]
        fn a_line_is_one_or_none(first: i64, step: i64, len in 0usize..5) {
            if let Some(line) = Column::<i64>::of_line(first, step, len) {
                let numbers = (0..len as i64).map(|at| first.wrapping_add(step.wrapping_mul(at)));
                prop_assert_eq!(line, column(&numbers.collect::<Vec<_>>()));
            }
            prop_assert_eq!(Column::<u8>::of_line(250, 5, len).is_some(), len <= 2);
        }
    }
}
