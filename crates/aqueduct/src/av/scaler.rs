//! Pictures of one size into pictures of another, 8-bit 4:2:0, video range.

use ffmpeg_next::{ffi, frame};

use super::picture::{Picture, PicturePool, Sampling, Siting, plane};
use super::resampler::{Axis, Kernel, PlaneMut, Resampler};
use super::swscale::Swscale;
use crate::error::{Error, Result};
use crate::media::Colour;

/// Scales and converts pictures to one size, chroma at its place ([`Siting`]); made pictures have it on the left. Opened
/// for the first picture, and again should the source change its size or format half-way.
pub(crate) struct Scaler {
    open: Option<(Input, Way)>,
    pool: PicturePool,
    width: u32,
    height: u32,
    colour: Colour,
}

/// What pictures come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Input {
    width: i32,
    height: i32,
    format: i32,
    sampling: Sampling,
    /// From the top to the bottom, as all decoders but those of bitmaps give them.
    top_down: bool,
}

/// What scales them.
enum Way {
    /// What is 4:2:0 of eight bits and in video range already.
    Resample(Box<Planes>),
    /// Everything else.
    Convert(Swscale),
}

struct Planes {
    luma: Resampler,
    chroma: Resampler,
}

impl Scaler {
    /// A scaler to `width` by `height`. `colour` says how the input's samples are to be understood.
    pub(crate) fn new(width: u32, height: u32, colour: Colour) -> Self {
        Self { open: None, pool: PicturePool::new(width, height), width, height, colour }
    }

    /// The picture at the size of this scaler; the very same picture when nothing has to change.
    pub(crate) fn scale(&mut self, picture: &Picture) -> Result<Picture> {
        let input = Input::of(picture);
        let size = (self.width as i32, self.height as i32);
        let same_size = (input.width, input.height) == size;
        let plain = input.format == PLAIN && !self.colour.full_range;
        if same_size && plain {
            return Ok(picture.clone());
        }
        if self.open.as_ref().is_none_or(|(known, _)| *known != input) {
            self.open = None;
        }
        let way = match &mut self.open {
            Some((_, way)) => way,
            open => {
                let way = match input.planes(self.width, self.height).filter(|_| plain) {
                    Some(planes) => Way::Resample(Box::new(planes)),
                    None => {
                        let from = (input.width, input.height);
                        let siting = input.sampling.siting;
                        Way::Convert(Swscale::new(from, input.format, siting, size, self.colour)?)
                    }
                };
                &mut open.insert((input, way)).1
            }
        };
        // Where the size stays, swscale leaves chroma where it was.
        let made =
            if same_size { input.sampling } else { Sampling { siting: Siting::LEFT, is_scaled: true } };
        self.pool.draw(made, |output| match way {
            Way::Resample(planes) => planes.run(picture.frame(), output),
            Way::Convert(swscale) => swscale.run(picture.frame(), output),
        })
    }
}

/// 8-bit 4:2:0 in libav's words.
const PLAIN: i32 = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32;

impl Input {
    fn of(picture: &Picture) -> Self {
        // SAFETY: the frame is a decoded picture and stays borrowed.
        let frame = unsafe { &*picture.frame().as_ptr() };
        let top_down = frame.linesize.iter().all(|stride| *stride >= 0);
        let (width, height, format) = (frame.width, frame.height, frame.format);
        Self { width, height, format, sampling: picture.sampling(), top_down }
    }

    /// What makes plain pictures like this into those of another size; None where it does not know how.
    fn planes(self, width: u32, height: u32) -> Option<Planes> {
        let sides = [(u32::try_from(self.width).ok()?, width), (u32::try_from(self.height).ok()?, height)];
        let known = 1..=Axis::LONGEST;
        if !self.top_down || !sides.iter().all(|(from, to)| known.contains(from) && known.contains(to)) {
            return None;
        }
        let Sampling { siting, is_scaled } = self.sampling;
        let kernel = if is_scaled { Kernel::Second } else { Kernel::First };
        let luma = sides.map(|(source, target)| Axis { kernel, ..Axis::luma(source, target) });
        let chroma =
            |axis: Axis, source_offset, target_offset| Axis { step: 2, source_offset, target_offset, ..axis };
        let [across, down] = luma;
        Some(Planes {
            luma: Resampler::new(across, down),
            chroma: Resampler::new(
                chroma(across, siting.x, Siting::LEFT.x),
                chroma(down, siting.y, Siting::LEFT.y),
            ),
        })
    }
}

impl Planes {
    fn run(&mut self, input: &frame::Video, output: &mut frame::Video) -> Result<()> {
        for index in 0..3 {
            let resampler = if index == 0 { &mut self.luma } else { &mut self.chroma };
            let stride = output.stride(index);
            let target = PlaneMut { samples: output.data_mut(index), stride };
            plane(input, index)
                .and_then(|source| resampler.resample(source, target))
                .ok_or_else(|| Error::internal("a plane is smaller than its picture"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::av::resampler::Plane;

    /// A picture whose chroma rises evenly from left to right and from top to bottom: at `siting` of each four luma samples
    /// it is the sum of both coordinates.
    fn ramp(size: u32, siting: Siting) -> Picture {
        let value = |at: usize, offset: i32| 1.5 * (2.0 * at as f64 + 0.5 + f64::from(offset) / 256.0);
        let made = PicturePool::new(size, size).draw(siting, |frame| {
            frame.data_mut(0).fill(128);
            for plane in 1..3 {
                let (stride, side) = (frame.stride(plane), size as usize / 2);
                for y in 0..side {
                    for x in 0..side {
                        let sum = value(x, siting.x) + value(y, siting.y);
                        frame.data_mut(plane)[y * stride + x] = sum.round() as u8;
                    }
                }
            }
            Ok::<_, Error>(())
        });
        made.unwrap()
    }

    #[test]
    fn chroma_stays_where_it_belongs() {
        let top_left = Siting { x: 0, y: 0 };
        let turned = Siting { x: 256, y: 128 };
        for siting in [Siting::LEFT, top_left, turned] {
            for (from, to) in [(80, 40), (80, 20), (72, 54)] {
                let made = Scaler::new(to, to, Colour::BT709).scale(&ramp(from, siting)).unwrap();
                assert_eq!(made.siting(), Siting::LEFT);
                let frame = made.frame();
                // Away from the edges, which repeat.
                let side = to as usize / 2;
                for (x, y) in (3..side - 3).flat_map(|x| (3..side - 3).map(move |y| (x, y))) {
                    let place =
                        |at: usize, offset: f64| (2.0 * at as f64 + offset) * f64::from(from) / f64::from(to);
                    let wanted = 1.5 * (place(x, 0.5) + place(y, 1.0));
                    let found = f64::from(frame.data(1)[y * frame.stride(1) + x]);
                    assert!(
                        (found - wanted).abs() <= 1.0,
                        "{siting:?}, {from} to {to}, at {x}, {y}: {found}, not {wanted}"
                    );
                }
            }
        }
    }

    /// Coarse and fine grain, the finer the weaker, as in pictures of the world.
    fn grain(width: usize, height: usize, siting: Siting) -> Picture {
        let random = |seed: usize| {
            let mixed = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        let value = |plane: usize, x: usize, y: usize| {
            let octave = |cell: usize| {
                let corner =
                    |dx, dy| random(((plane * 8 + cell) * 4096 + y / cell + dy) * 4096 + x / cell + dx);
                let (right, below) = ((x % cell) as f64 / cell as f64, (y % cell) as f64 / cell as f64);
                let row = |dy| corner(0, dy) * (1.0 - right) + corner(1, dy) * right;
                cell as f64 * (row(0) * (1.0 - below) + row(1) * below)
            };
            128.0 + 3.0 * [1, 2, 4, 8, 16, 32].map(octave).iter().sum::<f64>()
        };
        let made = PicturePool::new(width as u32, height as u32).draw(siting, |frame| {
            for plane in 0..3 {
                let (stride, step) = (frame.stride(plane), if plane == 0 { 1 } else { 2 });
                for (y, row) in frame.data_mut(plane).chunks_mut(stride).enumerate().take(height / step) {
                    for (x, sample) in row.iter_mut().enumerate().take(width / step) {
                        *sample = value(plane, x, y).round() as u8;
                    }
                }
            }
            Ok::<_, Error>(())
        });
        made.unwrap()
    }

    /// dB, of each plane.
    fn peak_signal_to_noise(a: &frame::Video, b: &frame::Video) -> [f64; 3] {
        [0, 1, 2].map(|index| {
            let width = a.plane_width(index) as usize;
            let samples = |frame| {
                let Plane { samples, stride } = plane(frame, index).unwrap();
                samples.chunks(stride).flat_map(move |row| &row[..width])
            };
            let squares = samples(a).zip(samples(b)).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
            let (sum, count) = squares.fold((0.0, 0.0), |(sum, count), square| (sum + square, count + 1.0));
            10.0 * (255.0 * 255.0 * count / f64::max(sum, 1.0)).log10()
        })
    }

    #[test]
    fn makes_what_swscale_makes() {
        let (width, height) = (384, 216);
        for siting in [Siting::LEFT, Siting { x: 0, y: 0 }, Siting { x: 128, y: 128 }] {
            let picture = grain(width, height, siting);
            for (to, lines) in [(256, 144), (192, 108), (288, 162), (128, 72), (96, 54), (480, 270)] {
                let made = Scaler::new(to, lines, Colour::BT709).scale(&picture).unwrap();
                let (from, size) = ((width as i32, height as i32), (to as i32, lines as i32));
                let mut swscale = Swscale::new(from, PLAIN, siting, size, Colour::BT709).unwrap();
                let theirs = PicturePool::new(to, lines)
                    .draw(Siting::LEFT, |output| swscale.run(picture.frame(), output))
                    .unwrap();
                let equal = peak_signal_to_noise(made.frame(), theirs.frame());
                assert!(equal.iter().all(|plane| *plane > 55.0), "{siting:?} to {to}x{lines}: {equal:?} dB");
            }
        }
    }

    /// How much neighbours differ: the mean square between rows and columns of luma.
    fn sharpness(picture: &Picture) -> f64 {
        let (width, samples) = (picture.frame().width() as usize, plane(picture.frame(), 0).unwrap());
        let rows: Vec<_> =
            samples.samples.chunks(samples.stride).map(|row| &row[..width.min(row.len())]).collect();
        let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
        let across = rows.iter().flat_map(|row| row.iter().zip(&row[1..]).map(square));
        let down = rows.iter().zip(&rows[1..]).flat_map(|(a, b)| a.iter().zip(*b).map(square));
        across.chain(down).sum::<f64>() / (rows.len() * width) as f64
    }

    #[test]
    fn two_steps_are_nearly_as_sharp_as_one() {
        let scale = |picture: &Picture, (width, height)| {
            Scaler::new(width, height, Colour::BT709).scale(picture).unwrap()
        };
        // Hard edges everywhere: what is blurred shows.
        let picture = PicturePool::new(384, 216).draw(Siting::LEFT, |frame| {
            for plane in 0..3 {
                let stride = frame.stride(plane);
                for (at, sample) in frame.data_mut(plane).iter_mut().enumerate() {
                    let (x, y) = (at % stride / 7, at / stride / 5);
                    *sample = 40 + 23 * ((3 * x + 5 * y + x * y) % 9) as u8;
                }
            }
            Ok::<_, Error>(())
        });
        let picture = picture.unwrap();
        for (middle, to) in [((256, 144), (128, 72)), ((192, 108), (96, 54))] {
            let whole = scale(&picture, to);
            let between = scale(&picture, middle);
            assert!(between.sampling().is_scaled && scale(&between, middle).sampling().is_scaled);
            // The same samples, of which nobody knows that they were scaled.
            let forgotten = PicturePool::new(middle.0, middle.1).draw(Siting::LEFT, |frame| {
                for plane in 0..3 {
                    frame.data_mut(plane).copy_from_slice(between.frame().data(plane));
                }
                Ok::<_, Error>(())
            });
            let (once, told) = (sharpness(&whole), sharpness(&scale(&between, to)));
            let untold = sharpness(&scale(&forgotten.unwrap(), to));
            assert!(untold < told && told < once * 1.02, "{untold}, {told}, {once}");
        }
    }

    #[test]
    fn what_is_no_plain_picture_goes_through_swscale() {
        let full = Colour { full_range: true, ..Colour::BT709 };
        let picture = grain(96, 54, Siting::LEFT);
        let mut scaler = Scaler::new(96, 54, full);
        let made = scaler.scale(&picture).unwrap();
        assert!(matches!(scaler.open, Some((_, Way::Convert(_)))));
        let row = |picture: &Picture| plane(picture.frame(), 0).unwrap().samples[..96].to_vec();
        for (from, made) in row(&picture).into_iter().zip(row(&made)) {
            let wanted = 16.0 + f64::from(from) * 219.0 / 255.0;
            assert!((f64::from(made) - wanted).abs() <= 1.0, "{from} to {made}, not {wanted}");
        }
        let mut scaler = Scaler::new(48, 28, Colour::BT709);
        scaler.scale(&picture).unwrap();
        assert!(matches!(scaler.open, Some((_, Way::Resample(_)))));
    }
}
