//! Turns and mirrors pictures so that they stand upright.

use super::picture::{Picture, PicturePool, Sampling, Siting};
use super::scaler::Scaler;
use crate::error::{Error, Result};
use crate::media::{Colour, Orientation};

/// Turns pictures of one stored size.
pub(crate) struct Orienter {
    orientation: Orientation,
    /// Brings the stored picture to plain 4:2:0 of even size first.
    plain: Scaler,
    pool: PicturePool,
}

impl Orienter {
    /// An orienter for pictures of `width` by `height` (both even) as stored; `None` when they stand upright.
    pub(crate) fn new(orientation: Orientation, width: u32, height: u32, colour: Colour) -> Option<Self> {
        let (turned_width, turned_height) =
            if orientation.swaps_sides() { (height, width) } else { (width, height) };
        (!orientation.is_upright()).then(|| Self {
            orientation,
            plain: Scaler::new(width, height, colour),
            pool: PicturePool::new(turned_width, turned_height),
        })
    }

    /// The picture as it is meant to be seen.
    pub(crate) fn upright(&mut self, picture: &Picture) -> Result<Picture> {
        let plain = self.plain.scale(picture)?;
        let input = plain.frame();
        let siting = turned_siting(self.orientation, plain.siting());
        self.pool.draw(Sampling { siting, ..plain.sampling() }, |output| {
            for plane in 0..3 {
                let from = Plane {
                    samples: input.data(plane),
                    stride: input.stride(plane),
                    width: input.plane_width(plane) as usize,
                    height: input.plane_height(plane) as usize,
                };
                let stride = output.stride(plane);
                turn(self.orientation, &from, output.data_mut(plane), stride)
                    .ok_or_else(|| Error::internal("a plane is smaller than its picture"))?;
            }
            Ok(())
        })
    }
}

/// Where chroma lies once a picture is mirrored and then turned clockwise.
fn turned_siting(orientation: Orientation, Siting { x, y }: Siting) -> Siting {
    let x = if orientation.mirrored { 256 - x } else { x };
    match orientation.quarter_turns % 4 {
        0 => Siting { x, y },
        1 => Siting { x: 256 - y, y: x },
        2 => Siting { x: 256 - x, y: 256 - y },
        _ => Siting { x: y, y: 256 - x },
    }
}

struct Plane<'a> {
    samples: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
}

/// Rows of the source that become columns at a time: a cache line of the target is then written once.
const STRIP: usize = 16;

/// Writes `from`, mirrored and then turned clockwise, into `to`; `None` when a plane is too small.
fn turn(orientation: Orientation, from: &Plane<'_>, to: &mut [u8], stride: usize) -> Option<()> {
    let turns = orientation.quarter_turns % 4;
    // Which way the source is read: its rows from the bottom up, each of them from right to left.
    let upwards = matches!(turns, 1 | 2);
    let leftwards = orientation.mirrored != matches!(turns, 2 | 3);
    let row = |position: usize| {
        let y = if upwards { from.height.checked_sub(position + 1)? } else { position };
        from.samples.get(y * from.stride..)?.get(..from.width)
    };
    if !orientation.swaps_sides() {
        for y in 0..from.height {
            let to = to.get_mut(y * stride..)?.get_mut(..from.width)?;
            to.copy_from_slice(row(y)?);
            if leftwards {
                to.reverse();
            }
        }
        return Some(());
    }
    for first in (0..from.height).step_by(STRIP) {
        let count = STRIP.min(from.height - first);
        let mut rows: [&[u8]; STRIP] = [&[]; STRIP];
        for (position, row_of_strip) in rows.iter_mut().take(count).enumerate() {
            *row_of_strip = row(first + position)?;
        }
        for y in 0..from.width {
            let x = if leftwards { from.width - 1 - y } else { y };
            let to = to.get_mut(y * stride + first..)?.get_mut(..count)?;
            // Of a known length, the loop is unrolled.
            if let Some(to) = to.first_chunk_mut::<STRIP>() {
                for (to, row) in to.iter_mut().zip(&rows) {
                    *to = *row.get(x)?;
                }
            } else {
                for (to, row) in to.iter_mut().zip(&rows) {
                    *to = *row.get(x)?;
                }
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chroma_turns_with_the_picture() {
        let turned = |quarter_turns, mirrored| {
            let Siting { x, y } = turned_siting(Orientation { quarter_turns, mirrored }, Siting::LEFT);
            (x, y)
        };
        assert_eq!(
            [0, 1, 2, 3].map(|turns| turned(turns, false)),
            [(0, 128), (128, 0), (256, 128), (128, 256)]
        );
        assert_eq!((turned(0, true), turned(1, true)), ((256, 128), (128, 256)));
    }

    #[test]
    fn turns_clockwise_after_mirroring() {
        // 1 2 3
        // 4 5 6
        let from = Plane { samples: &[1, 2, 3, 4, 5, 6], stride: 3, width: 3, height: 2 };
        let turned = |quarter_turns, mirrored| {
            let mut to = [0; 6];
            let stride = if quarter_turns % 2 == 1 { 2 } else { 3 };
            turn(Orientation { quarter_turns, mirrored }, &from, &mut to, stride).unwrap();
            to
        };
        assert_eq!(turned(0, false), [1, 2, 3, 4, 5, 6]);
        assert_eq!(turned(1, false), [4, 1, 5, 2, 6, 3]);
        assert_eq!(turned(2, false), [6, 5, 4, 3, 2, 1]);
        assert_eq!(turned(3, false), [3, 6, 2, 5, 1, 4]);
        assert_eq!(turned(0, true), [3, 2, 1, 6, 5, 4]);
        assert_eq!(turned(1, true), [6, 3, 5, 2, 4, 1]);
    }

    /// The same, sample by sample.
    #[test]
    fn turns_planes_of_any_size() {
        for (width, height) in [(1, 1), (16, 16), (5, 40), (37, 21), (48, 33)] {
            let stride = width + 3;
            let samples: Vec<u8> =
                (0..stride * height).map(|position| (position * 7 + position / 251) as u8).collect();
            let from = Plane { samples: &samples, stride, width, height };
            for (quarter_turns, mirrored) in (0..4).flat_map(|turns| [(turns, false), (turns, true)]) {
                let orientation = Orientation { quarter_turns, mirrored };
                let (to_width, to_height) =
                    if orientation.swaps_sides() { (height, width) } else { (width, height) };
                let mut made = vec![0; to_width * to_height];
                turn(orientation, &from, &mut made, to_width).unwrap();
                for (x, y) in (0..to_width).flat_map(|x| (0..to_height).map(move |y| (x, y))) {
                    let (source_x, source_y) = match quarter_turns {
                        0 => (x, y),
                        1 => (y, height - 1 - x),
                        2 => (width - 1 - x, height - 1 - y),
                        _ => (width - 1 - y, x),
                    };
                    let source_x = if mirrored { width - 1 - source_x } else { source_x };
                    assert_eq!(
                        made[y * to_width + x],
                        samples[source_y * stride + source_x],
                        "{orientation:?}"
                    );
                }
                assert!(turn(orientation, &from, &mut made[1..], to_width).is_none());
            }
        }
    }
}
