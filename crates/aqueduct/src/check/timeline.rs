//! The segments of a playlist over time, few enough to draw.

use super::model::{Media, Medium, Segment};
use super::rates;
use super::read::decimal::seconds;
use super::report::Moment;

/// Moments of one playlist; what is longer is drawn together.
const MOST: usize = 1200;
/// Key pictures of one moment.
const MOST_KEYS: usize = 64;

/// The timeline of a playlist.
pub(super) fn of(media: &Media) -> Vec<Moment> {
    let mut moments: Vec<Moment> =
        media.segments.iter().enumerate().map(|(at, segment)| one(segment, media.sequence(at))).collect();
    thin(&mut moments);
    moments
}

/// One segment.
pub(super) fn one(segment: &Segment, sequence: u64) -> Moment {
    let start = seconds(segment.start);
    let video = segment.facts.contents.as_deref().and_then(|contents| contents.of(Medium::Video));
    let keys = video.map_or(&[] as &[u32], |video| &video.keys);
    let bytes = segment.facts.bytes.filter(|_| !segment.is_gap);
    Moment {
        sequence,
        segments: 1,
        start,
        duration: seconds(segment.duration),
        bytes,
        peak: bytes.and_then(|bytes| rates::rate(bytes, segment.duration)),
        keys: keys.iter().map(|millis| start + f64::from(*millis) / 1000.0).collect(),
        is_seam: segment.is_discontinuous,
        is_gap: segment.is_gap,
    }
}

/// Draws neighbours together until there are few enough.
pub(super) fn thin(moments: &mut Vec<Moment>) {
    let each = moments.len().div_ceil(MOST);
    if each > 1 {
        *moments = moments.chunks(each).map(together).collect();
    }
}

impl Moment {
    /// The same so many seconds later.
    pub(super) fn later(&self, by: f64) -> Self {
        let keys = self.keys.iter().map(|key| key + by).collect();
        Self { start: self.start + by, keys, ..self.clone() }
    }
}

fn together(moments: &[Moment]) -> Moment {
    let mut whole = moments.first().cloned().unwrap_or_default();
    for moment in moments.iter().skip(1) {
        whole.segments += moment.segments;
        whole.duration += moment.duration;
        whole.bytes = whole.bytes.zip(moment.bytes).map(|(one, other)| one.saturating_add(other));
        whole.peak = whole.peak.max(moment.peak);
        let room = MOST_KEYS.saturating_sub(whole.keys.len());
        whole.keys.extend(moment.keys.iter().take(room));
        whole.is_seam |= moment.is_seam;
        whole.is_gap |= moment.is_gap;
    }
    whole
}
