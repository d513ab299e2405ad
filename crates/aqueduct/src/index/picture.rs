//! The picture as a viewer sees it.

use super::VideoTrack;
use crate::media::{Colour, Orientation};

/// Pixels more than this much wider than high, or higher than wide, are a damaged header, not a picture.
const ODDEST_PIXEL: u64 = 8;

impl VideoTrack {
    /// An upright progressive picture of square pixels in 8-bit 4:2:0, of which nothing more is known.
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            pixel_aspect: (1, 1),
            orientation: Orientation::default(),
            pixel_format: "yuv420p".to_owned(),
            bit_depth: 8,
            colour: Colour::UNSPECIFIED,
            interlaced: false,
            nominal_frame_duration: None,
        }
    }

    /// Width and height of the upright picture with square pixels.
    ///
    /// Anamorphic pixels are squared by widening or narrowing the stored width and keeping the stored height, so
    /// that no line is invented; then the picture is turned. A pixel aspect that nobody makes (a zero, or beyond
    /// 8:1) counts as square. A side is 0 only where the stored one is.
    pub fn display_size(&self) -> (u32, u32) {
        let width = match self.sane_pixel_aspect() {
            Some((num, den)) => {
                let wide = u64::from(self.width) * u64::from(num);
                let width = (wide + u64::from(den) / 2) / u64::from(den);
                u32::try_from(width).unwrap_or(u32::MAX).max(self.width.min(1))
            }
            None => self.width,
        };
        if self.orientation.swaps_sides() { (self.height, width) } else { (width, self.height) }
    }

    /// Whether the stored pixels are not square.
    pub fn is_anamorphic(&self) -> bool {
        self.sane_pixel_aspect().is_some_and(|(num, den)| num != den)
    }

    /// Whether samples are red, green and blue, by libav's name of the pixel format.
    pub(crate) fn is_rgb(&self) -> bool {
        ["rgb", "bgr", "gbr", "pal8"].iter().any(|name| self.pixel_format.contains(name))
    }

    fn sane_pixel_aspect(&self) -> Option<(u32, u32)> {
        let (num, den) = self.pixel_aspect;
        let within = |a: u32, b: u32| u64::from(a) <= ODDEST_PIXEL * u64::from(b);
        (num > 0 && den > 0 && within(num, den) && within(den, num)).then_some((num, den))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(width: u32, height: u32, aspect: (u32, u32), quarter_turns: u8) -> (u32, u32) {
        let mut picture = VideoTrack::new(width, height);
        picture.pixel_aspect = aspect;
        picture.orientation.quarter_turns = quarter_turns;
        picture.display_size()
    }

    #[test]
    fn pixels_are_squared_in_width_and_then_turned() {
        assert_eq!(display(1440, 1080, (4, 3), 0), (1920, 1080));
        assert_eq!(display(720, 576, (16, 15), 0), (768, 576));
        assert_eq!(display(720, 480, (8, 9), 0), (640, 480), "narrowed: no line is invented");
        assert_eq!(display(1440, 1080, (4, 3), 1), (1080, 1920));
        assert_eq!(display(1920, 1080, (1, 1), 3), (1080, 1920));
        assert_eq!(display(1920, 1080, (1, 1), 2), (1920, 1080));
    }

    #[test]
    fn damaged_aspects_count_as_square() {
        for aspect in [(0, 1), (1, 0), (0, 0), (9, 1), (1, 9), (u32::MAX, 1)] {
            assert_eq!(display(640, 360, aspect, 0), (640, 360));
        }
        assert_eq!(display(u32::MAX, u32::MAX, (8, 1), 0), (u32::MAX, u32::MAX));
        assert_eq!(display(1, 1, (1, 8), 0), (1, 1));
        assert_eq!(display(0, 0, (1, 8), 0), (0, 0));
    }
}
