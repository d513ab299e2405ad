//! EXT-X-STREAM-INF, RFC 8216bis §4.4.6.2.

use std::fmt;

use crate::media::VideoRange;
use crate::plan::{Rates, Rendition};
use crate::time::Timebase;

/// One variant: its attributes and the line of its playlist's URI.
pub(super) struct StreamInf {
    pub(super) rates: Rates,
    /// Comma-separated RFC 6381 names of all that the variant holds.
    codecs: String,
    picture: Option<Picture>,
    pub(super) uri: String,
}

struct Picture {
    width: u32,
    height: u32,
    frame: Timebase,
    range: VideoRange,
}

impl StreamInf {
    pub(super) fn new(rendition: Rendition<'_>, rates: Rates, uri: String) -> Self {
        let video = rendition.rung.map(|rung| rung.codec.as_str());
        let audio = rendition.audio.map(|audio| audio.codec.as_str());
        let codecs: Vec<&str> = video.into_iter().chain(audio).collect();
        let picture = rendition.rung.map(|rung| Picture {
            width: rung.encoding.width,
            height: rung.encoding.height,
            frame: rung.encoding.frame_duration,
            range: rung.encoding.colour.video_range(),
        });
        Self { rates, codecs: codecs.join(","), picture, uri }
    }
}

impl fmt::Display for StreamInf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rates { peak, average } = self.rates;
        write!(
            f,
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}\"",
            self.codecs
        )?;
        if let Some(Picture { width, height, frame, range }) = &self.picture {
            let millis = frames_per_1000_s(*frame);
            write!(f, ",RESOLUTION={width}x{height},FRAME-RATE={}.{:03}", millis / 1000, millis % 1000)?;
            write!(f, ",VIDEO-RANGE={range}")?;
        }
        write!(f, "\n{}", self.uri)
    }
}

/// The frame rate in thousandths, rounded.
fn frames_per_1000_s(frame: Timebase) -> u64 {
    let (num, den) = (u64::from(frame.num()), u64::from(frame.den()));
    (den * 1000 + num / 2) / num
}
