//! 64 numbers in as few bits as they need.

/// Numbers of a block: as many as a word has bits, so that numbers of `n` bits fill `n` words.
pub(in crate::index) const BLOCK: usize = 64;

/// A line that runs just below 64 numbers; words, kept elsewhere, say how far above it each is. All arithmetic wraps:
/// there are no numbers that cannot be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    first: i64,
    step: i32,
    /// Where its words start. They end where those of the next block start.
    pub(super) at: Place,
}

/// A place among [`Words`]; 2^32 of them are 32 GiB.
pub(super) type Place = u32;

/// Words of a page. Growing page by page moves nothing and leaves no holes.
const PAGE: usize = 4096;

/// What the blocks of a column keep. The words of a block lie in one page.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    pages: Vec<Vec<u64>>,
}

impl Words {
    /// A page with room for a block, and the place of what is added to it.
    fn page(&mut self) -> (Place, &mut Vec<u64>) {
        if self.pages.last().is_none_or(|page| page.len() + BLOCK > PAGE) {
            // The first grows with its column: most are short.
            let room = if self.pages.is_empty() { 0 } else { PAGE };
            self.pages.push(Vec::with_capacity(room));
        }
        let number = self.pages.len() - 1;
        let page = &mut self.pages[number];
        (Place::try_from(number * PAGE + page.len()).unwrap_or(Place::MAX), page)
    }

    /// The words from `from` on to before `to`, which may lie in the next page; `None` where nothing follows.
    pub(super) fn between(&self, from: Place, to: Option<Place>) -> &[u64] {
        let (from, to) = (from as usize, to.map(|to| to as usize));
        let page = self.pages.get(from / PAGE).map(Vec::as_slice).unwrap_or_default();
        let end = to.filter(|to| to / PAGE == from / PAGE).map_or(page.len(), |to| to % PAGE);
        page.get(from % PAGE..end).unwrap_or_default()
    }

    pub(super) fn shrink(&mut self) {
        self.pages.last_mut().into_iter().for_each(Vec::shrink_to_fit);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pages.iter().map(Vec::len).sum()
    }
}

/// 64 numbers that rise by `step`.
pub(super) fn line(first: i64, step: i64, into: &mut [i64; BLOCK]) {
    let mut next = first;
    for number in into {
        *number = next;
        next = next.wrapping_add(step);
    }
}

/// The least of what `numbers` are above a line, and how much more the most is.
fn above(numbers: &[i64; BLOCK], step: i64) -> (i64, u64) {
    let (mut least, mut most, mut line) = (i64::MAX, i64::MIN, 0i64);
    for number in numbers {
        let above = number.wrapping_sub(line);
        line = line.wrapping_add(step);
        (least, most) = (least.min(above), most.max(above));
    }
    (least, most.wrapping_sub(least).cast_unsigned())
}

/// The numbers of as many bits as there are words.
fn unpack(words: &[u64], into: &mut [i64; BLOCK]) {
    /// With the bits known beforehand all shifts are: several times faster. Few columns of a film have more.
    macro_rules! known {
        ($($bits:literal)*) => {
            match words.len() {
                $($bits => unpack_known::<$bits>(words, into),)*
                _ => unpack_any(words, into),
            }
        };
    }
    known!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28)
}

fn unpack_any(words: &[u64], into: &mut [i64; BLOCK]) {
    // One word more, so that each number lies in two: no step of the loop asks where it is.
    let mut padded = [0; BLOCK + 1];
    padded.iter_mut().zip(words).for_each(|(to, word)| *to = *word);
    let bits = words.len().min(BLOCK);
    let mask = u64::MAX >> (BLOCK - bits);
    for (number, bit) in into.iter_mut().zip((0..).step_by(bits)) {
        let (word, shift) = (bit / BLOCK % BLOCK, bit % BLOCK);
        let above = padded[word] >> shift | padded[word + 1] << 1 << (BLOCK - 1 - shift);
        *number = (above & mask).cast_signed();
    }
}

fn unpack_known<const BITS: usize>(words: &[u64], into: &mut [i64; BLOCK]) {
    let mut bytes = [0; 29 * 8];
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    // Eight numbers begin at a byte, and each of them lies in the eight bytes from the one that it begins in.
    for (start, into) in (0..).step_by(BITS).zip(into.chunks_exact_mut(8)) {
        let bytes = bytes.get(start..start + BITS + 8).unwrap_or_default();
        for (at, number) in into.iter_mut().enumerate() {
            let (byte, shift) = (at * BITS / 8, at * BITS % 8);
            let word = bytes.get(byte..byte + 8).and_then(<[u8]>::first_chunk).copied();
            *number = (word.map_or(0, u64::from_le_bytes) >> shift & ((1 << BITS) - 1)).cast_signed();
        }
    }
}

impl Block {
    /// Appends what `numbers` need to `words`.
    pub(super) fn pack(numbers: &[i64; BLOCK], words: &mut Words) -> Self {
        let (at, words) = words.page();
        let (mut step, (mut first, mut spread)) = (0, above(numbers, 0));
        let [start, .., end] = numbers;
        let rise = end.wrapping_sub(*start);
        // Numbers that go up and down gain nothing from a slope.
        if spread > 0 && rise.unsigned_abs() >= spread / 2 {
            // Rounded to the nearest: between 63 steps half of one adds up.
            let steps = BLOCK as i64 - 1;
            let slope = rise.wrapping_add(steps / 2).div_euclid(steps);
            let (least, other) = above(numbers, slope);
            if let (Ok(slope), true) = (i32::try_from(slope), other < spread) {
                (step, first, spread) = (slope, least, other);
            }
        }
        let bits = u64::BITS - spread.leading_zeros();
        if bits == 0 {
            return Self { first, step, at };
        }
        let mut packed = [0; BLOCK];
        let mut full = packed.iter_mut();
        let (mut word, mut used, mut line) = (0, 0, first);
        for number in numbers {
            let above = number.wrapping_sub(line).cast_unsigned();
            line = line.wrapping_add(step.into());
            word |= above << used;
            used += bits;
            if used >= u64::BITS {
                full.by_ref().take(1).for_each(|full| *full = word);
                used -= u64::BITS;
                word = if used > 0 { above >> (bits - used) } else { 0 };
            }
        }
        words.extend_from_slice(packed.get(..bits as usize).unwrap_or_default());
        Self { first, step, at }
    }

    /// The number at `position`, below 64; `words` are those of this block.
    pub(super) fn get(&self, words: &[u64], position: usize) -> i64 {
        let line = self.first.wrapping_add(i64::from(self.step).wrapping_mul(position as i64));
        let bits = words.len();
        if bits == 0 {
            return line;
        }
        let (word, shift) = (position * bits / BLOCK, position * bits % BLOCK);
        let at = |word: usize| words.get(word).copied().unwrap_or(0);
        let both = u128::from(at(word)) | u128::from(at(word + 1)) << u64::BITS;
        let above = (both >> shift) as u64 & u64::MAX >> (BLOCK - bits.min(BLOCK));
        line.wrapping_add(above.cast_signed())
    }

    /// All numbers; `words` are those of this block.
    pub(super) fn unpack(&self, words: &[u64], into: &mut [i64; BLOCK]) {
        let step = i64::from(self.step);
        let bits = words.len().min(BLOCK);
        if bits == 0 {
            return line(self.first, step, into);
        }
        unpack(words, into);
        let mut line = self.first;
        if step == 0 {
            into.iter_mut().for_each(|number| *number = number.wrapping_add(line));
            return;
        }
        for number in into {
            *number = number.wrapping_add(line);
            line = line.wrapping_add(step);
        }
    }

    /// Numbers that none of this block is below, or above; `words` are those of this block. `None` where 64 bits do not
    /// hold them.
    pub(super) fn bounds(&self, words: &[u64]) -> Option<(i64, i64)> {
        let rise = i64::from(self.step) * (BLOCK as i64 - 1);
        let above = i64::try_from(u64::MAX.checked_shr(u64::BITS - words.len() as u32).unwrap_or(0)).ok()?;
        let least = self.first.checked_add(rise.min(0))?;
        let most = self.first.checked_add(rise.max(0))?.checked_add(above)?;
        Some((least, most))
    }

    /// The first number and the step, where the numbers are a line within 64 bits.
    pub(super) fn as_line(&self, words: &[u64]) -> Option<(i64, i64)> {
        let step = i64::from(self.step);
        let is_line = words.is_empty() && self.first.checked_add(step * (BLOCK as i64 - 1)).is_some();
        is_line.then_some((self.first, step))
    }

    /// Adds `by` to all numbers.
    pub(super) fn shift(&mut self, by: i64) {
        self.first = self.first.wrapping_add(by);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Numbers of any width, on a line of any slope.
        #[test]
        fn a_block_is_its_numbers(
            first: i64,
            step in prop_oneof![Just(0i64), -2000i64..2000, any::<i64>()],
            bits in 0u32..=64,
            seed in prop::collection::vec(any::<u64>(), BLOCK),
            by: i64,
        ) {
            let mask = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
            let mut numbers = [0; BLOCK];
            line(first, step, &mut numbers);
            for (number, seed) in numbers.iter_mut().zip(&seed) {
                *number = number.wrapping_add((seed & mask).cast_signed());
            }
            let mut all = Words::default();
            Block::pack(&std::array::from_fn(|at| at as i64 % 2), &mut all);
            let mut block = Block::pack(&numbers, &mut all);
            prop_assert_eq!(block.at, 1);
            let words = all.between(block.at, None);
            prop_assert!(words.len() <= BLOCK);
            // Two bits more at most, since the slope between the ends is a whole number near that of the line.
            let near = (-2000..2000).contains(&step) && bits < 30;
            prop_assert!(!near || words.len() <= bits.max(6) as usize + 2, "{} for {bits}", words.len());
            let mut unpacked = [1; BLOCK];
            block.unpack(words, &mut unpacked);
            prop_assert_eq!(unpacked, numbers);
            if let Some((least, most)) = block.bounds(words) {
                prop_assert!(numbers.iter().all(|number| (least..=most).contains(number)));
            }
            block.shift(by);
            for (position, number) in numbers.into_iter().enumerate() {
                prop_assert_eq!(block.get(words, position), number.wrapping_add(by));
            }
        }
    }
}
