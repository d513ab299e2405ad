//! EXT-X-STREAM-INF, RFC 8216bis §4.4.6.2, and EXT-X-I-FRAME-STREAM-INF, §4.4.6.3.

use std::fmt;

use super::ext_media::Group;
use crate::media::VideoCodec;
use crate::plan::{Picture, Rates, Rendition};
use crate::time::Timebase;

/// One variant: its attributes and the line of its playlist's URI.
pub(super) struct StreamInf {
    pub(super) rates: Rates,
    /// The ladder that it is a rung of. What is copied beside encoded rungs is H.264; copied alone it is one ladder.
    pub(super) ladder: VideoCodec,
    /// Comma-separated RFC 6381 names of all that the variant holds.
    codecs: String,
    picture: Option<Picture>,
    /// GROUP-ID of its sounds, where they are renditions of their own.
    audio: Option<String>,
    uri: String,
}

impl StreamInf {
    pub(super) fn new(
        rendition: Rendition<'_>,
        rates: Rates,
        group: Option<&Group<'_>>,
        uri: String,
    ) -> Self {
        let mut codecs = rendition.codecs();
        let sounds = group.iter().flat_map(|group| &group.codecs).copied();
        codecs.extend(sounds.filter(|codec| !rendition.codecs().contains(codec)));
        let audio = group.map(|group| group.id.clone());
        let ladder = rendition.rung.map_or(VideoCodec::H264, |rung| rung.encoding.coding.codec());
        Self { rates, ladder, codecs: codecs.join(","), picture: rendition.picture(), audio, uri }
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
        if let Some(Picture { width, height, frame_duration, colour, .. }) = self.picture {
            let millis = frames_per_1000_s(frame_duration);
            write!(f, ",RESOLUTION={width}x{height},FRAME-RATE={}.{:03}", millis / 1000, millis % 1000)?;
            write!(f, ",VIDEO-RANGE={}", colour.video_range())?;
        }
        if let Some(audio) = &self.audio {
            write!(f, ",AUDIO=\"{audio}\"")?;
        }
        write!(f, "\n{}", self.uri)
    }
}

/// The I-frame playlist of a rendition.
pub(super) struct IFrameStreamInf<'a> {
    rates: Rates,
    codec: &'a str,
    picture: Option<Picture>,
    uri: String,
}

impl<'a> IFrameStreamInf<'a> {
    pub(super) fn new(rendition: Rendition<'a>, rates: Rates, uri: String) -> Self {
        // Pictures come first; there is no sound in it.
        let codec = rendition.codecs().first().copied().unwrap_or_default();
        Self { rates, codec, picture: rendition.picture(), uri }
    }
}

impl fmt::Display for IFrameStreamInf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rates { peak, average } = self.rates;
        write!(
            f,
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}\"",
            self.codec
        )?;
        if let Some(Picture { width, height, colour, .. }) = self.picture {
            write!(f, ",RESOLUTION={width}x{height},VIDEO-RANGE={}", colour.video_range())?;
        }
        write!(f, ",URI=\"{}\"", self.uri)
    }
}

/// The frame rate in thousandths, rounded.
fn frames_per_1000_s(frame: Timebase) -> u64 {
    let (num, den) = (u64::from(frame.num()), u64::from(frame.den()));
    (den * 1000 + num / 2) / num
}
