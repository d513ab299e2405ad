//! The picture as a viewer sees it.

use super::VideoTrack;

/// Pixels more than this much wider than high, or higher than wide, are a damaged header, not a picture.
const ODDEST_PIXEL: u64 = 8;

impl VideoTrack {
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

    fn sane_pixel_aspect(&self) -> Option<(u32, u32)> {
        let (num, den) = self.pixel_aspect;
        let within = |a: u32, b: u32| u64::from(a) <= ODDEST_PIXEL * u64::from(b);
        (num > 0 && den > 0 && within(num, den) && within(den, num)).then_some((num, den))
    }
}
