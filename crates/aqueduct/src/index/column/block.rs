//! 64 numbers in as few bits as they need.

/// Numbers of a block: as many as a word has bits, so that numbers of `n` bits fill `n` words.
pub(super) const BLOCK: usize = 64;

/// A line that runs just below 64 numbers; words, kept elsewhere, say how far above it each is. All arithmetic wraps:
/// there are no numbers that cannot be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    first: i64,
    step: i32,
    /// Where its words start; 2^32 of them are 32 GiB. They end where those of the next block start.
    pub(super) at: u32,
}

/// 64 numbers that rise by `step`.
pub(super) fn line(first: i64, step: i64, into: &mut [i64; BLOCK]) {
    for (number, at) in into.iter_mut().zip(0i64..) {
        *number = first.wrapping_add(step.wrapping_mul(at));
    }
}

/// The least of what `numbers` are above a line, and how much more the most is.
fn above(numbers: &[i64; BLOCK], step: i64) -> (i64, u64) {
    let (mut least, mut most) = (i64::MAX, i64::MIN);
    for (number, at) in numbers.iter().zip(0i64..) {
        let above = number.wrapping_sub(step.wrapping_mul(at));
        (least, most) = (least.min(above), most.max(above));
    }
    (least, most.wrapping_sub(least).cast_unsigned())
}

impl Block {
    /// Appends what `numbers` need to `words`.
    pub(super) fn pack(numbers: &[i64; BLOCK], words: &mut Vec<u64>) -> Self {
        let at = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let (mut step, (mut first, mut spread)) = (0, above(numbers, 0));
        if spread > 0 {
            let [start, .., end] = numbers;
            // Rounded to the nearest: between 63 steps half of one adds up.
            let steps = BLOCK as i64 - 1;
            let slope = end.wrapping_sub(*start).wrapping_add(steps / 2).div_euclid(steps);
            let (least, other) = above(numbers, slope);
            if let (Ok(slope), true) = (i32::try_from(slope), other < spread) {
                (step, first, spread) = (slope, least, other);
            }
        }
        let bits = u64::BITS - spread.leading_zeros();
        if bits == 0 {
            return Self { first, step, at };
        }
        let (mut word, mut used) = (0, 0);
        for (number, at) in numbers.iter().zip(0i64..) {
            let line = first.wrapping_add(i64::from(step).wrapping_mul(at));
            let above = number.wrapping_sub(line).cast_unsigned();
            word |= above << used;
            used += bits;
            if used >= u64::BITS {
                words.push(word);
                used -= u64::BITS;
                word = if used > 0 { above >> (bits - used) } else { 0 };
            }
        }
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
        let Some((&first, mut rest)) = words.split_first() else {
            return line(self.first, step, into);
        };
        let bits = words.len().min(BLOCK) as u32;
        let mask = u64::MAX >> (u64::BITS - bits);
        let (mut word, mut left) = (first, u64::BITS);
        for (number, at) in into.iter_mut().zip(0i64..) {
            let mut above = if left > 0 { word } else { 0 };
            if left < bits {
                let Some((&next, after)) = rest.split_first() else { return };
                rest = after;
                above |= next << left;
                // All of it is taken where a number has 64 bits.
                word = next.checked_shr(bits - left).unwrap_or(0);
                left += u64::BITS - bits;
            } else {
                word = word.checked_shr(bits).unwrap_or(0);
                left -= bits;
            }
            let line = self.first.wrapping_add(step.wrapping_mul(at));
            *number = line.wrapping_add((above & mask).cast_signed());
        }
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
            let mut words = vec![7];
            let mut block = Block::pack(&numbers, &mut words);
            prop_assert_eq!(block.at, 1);
            let words = &words[1..];
            prop_assert!(words.len() <= BLOCK);
            // Two bits more at most, since the slope between the ends is a whole number near that of the line.
            let near = (-2000..2000).contains(&step) && bits < 30;
            prop_assert!(!near || words.len() <= bits.max(6) as usize + 2, "{} for {bits}", words.len());
            let mut unpacked = [1; BLOCK];
            block.unpack(words, &mut unpacked);
            prop_assert_eq!(unpacked, numbers);
            block.shift(by);
            for (position, number) in numbers.into_iter().enumerate() {
                prop_assert_eq!(block.get(words, position), number.wrapping_add(by));
            }
        }
    }
}
