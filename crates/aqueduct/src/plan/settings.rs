//! What a person may ask for. One grammar for command-line flags and for a TOML or JSON job file: each value has
//! one written form, read by [`FromStr`] and by serde alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::codecs::VideoCodecs;
use super::ladder::Ladder;
use super::{AudioLayout, Container, CopySource};
use crate::error::{Error, Result};
use crate::media::{Crf, Preset};

/// Everything that can be asked of a plan. [`Settings::default`] is a good ladder for most sources.
///
/// In a job file the names have hyphens, and every field may be left out:
///
/// ```toml
/// ladder = "720p:2500k:crf21,360p"
/// segment = "6s"
/// audio-bitrate = "128k"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// Which renditions; by default `auto`.
    pub ladder: Ladder,
    /// What the pictures are encoded to; by default `h264`. Each coding gets the whole ladder, in one presentation: a
    /// player takes the one it shows best. Any other than H.264 makes the presentation fMP4 with the sound beside.
    pub video_codec: VideoCodecs,
    /// Target length of a segment, 500 ms to 60 s; by default 6 s. Shorter starts and switches faster, longer
    /// compresses better and makes fewer objects.
    pub segment: Length,
    /// Target distance of key frames, 100 ms to 60 s; by default 2 s. Shorter seeks finer and costs bits. It is
    /// never longer than a segment.
    pub gop: Length,
    /// The encoders' trade of speed for size, by the names of x264 and x265; by default `veryfast`.
    pub preset: Preset,
    /// Quality of every rung that names none itself, 1 to 51, lower is better; by default 23. The scale is x264's; other
    /// encoders are told the number of theirs that looks alike. Below 1 H.264 turns lossless, which High profile cannot
    /// hold.
    #[serde(with = "text")]
    pub crf: Crf,
    /// AAC over both channels, 16k to 512k; by default 128k.
    pub audio_bitrate: BitRate,
    /// How segments are packed; by default MPEG-TS for H.264 alone, and fMP4 for every other choice of codings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// Where the sound goes; by default into the segments of MPEG-TS, and beside those of fMP4. Beside the pictures it
    /// is stored once for all rungs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_layout: Option<AudioLayout>,
    /// Whether the source's own video becomes a rung where it fits; by default `auto`. That rung costs nothing to encode
    /// and loses nothing; all rungs are then cut where it has key frames.
    pub copy_source: CopySource,
    /// What a source may ask of us.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ladder: Ladder::Auto,
            video_codec: VideoCodecs::default(),
            segment: Length::from_millis(6000),
            gop: Length::from_millis(2000),
            preset: Preset::default(),
            crf: Crf::default(),
            audio_bitrate: BitRate::from_bits(128_000),
            container: None,
            audio_layout: None,
            copy_source: CopySource::default(),
            limits: Limits::default(),
        }
    }
}

/// Bounds on a source, so that a hostile or broken one cannot ask for unbounded work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Longest side of the source's picture in pixels, at most 16384; by default 8192.
    pub side: u32,
    /// Longest presentation, at most 30 days; by default 24 h.
    pub duration: Length,
    /// Most frames per second of the output, 5 to 240; by default 60. A faster source is divided by the smallest
    /// whole number that brings it down to this.
    pub frame_rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { side: 8192, duration: Length::from_millis(24 * 3_600_000), frame_rate: 60 }
    }
}

impl Settings {
    /// How segments are packed, where nothing is asked too.
    pub(super) fn container(&self) -> Container {
        let usual = if self.video_codec.fit_ts() { Container::Ts } else { Container::Fmp4 };
        self.container.unwrap_or(usual)
    }

    /// H.265 and AV1 go into fMP4 with the sound beside, and nowhere else: players take them from nothing else.
    fn check_codecs(&self) -> Result<()> {
        if self.video_codec.fit_ts() {
            return Ok(());
        }
        let codecs = &self.video_codec;
        if self.container() != Container::Fmp4 {
            return Err(Error::settings(format!(
                "{codecs} does not go into MPEG-TS; ask for fmp4 or for no container, or for h264 alone"
            )));
        }
        if self.audio_layout == Some(AudioLayout::Muxed) {
            return Err(Error::settings(format!(
                "the sound stands beside {codecs}, never in it; ask for the layout separate or for none, or for h264 alone"
            )));
        }
        Ok(())
    }

    /// The settings that are out of their range, as an error that names range and value.
    pub(super) fn check(&self) -> Result<()> {
        let length = |name: &str, value: Length, least: u64, most: u64| {
            let (least, most) = (Length::from_millis(least), Length::from_millis(most));
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(Error::settings(format!(
                "{name} of {value} is out of range; it lies between {least} and {most}"
            )))
        };
        length("a segment", self.segment, 500, 60_000)?;
        length("a key-frame distance", self.gop, 100, 60_000)?;
        length("a duration limit", self.limits.duration, 1, 30 * 24 * 3_600_000)?;
        check_crf(self.crf)?;
        self.check_codecs()?;
        let audio = self.audio_bitrate;
        if !(16_000..=512_000).contains(&audio.bits()) {
            return Err(Error::settings(format!(
                "audio at {audio} is out of range; it lies between 16k and 512k"
            )));
        }
        if !(16..=16_384).contains(&self.limits.side) {
            return Err(Error::settings("the limit on a picture's side lies between 16 and 16384 pixels"));
        }
        if !(5..=240).contains(&self.limits.frame_rate) {
            return Err(Error::settings("the limit on the frame rate lies between 5 and 240 frames/s"));
        }
        Ok(())
    }
}

/// x264 turns lossless below CRF 1, and High profile cannot hold that (H.264 §A.2.4).
pub(super) fn check_crf(crf: Crf) -> Result<()> {
    match crf.hundredths() {
        0..100 => Err(Error::settings(format!(
            "CRF {crf} is lossless, which H.264 High profile cannot hold; give 1 to 51"
        ))),
        100..=Crf::WORST => Ok(()),
        _ => Err(Error::settings(format!("CRF {crf} is out of range; give 1 to 51"))),
    }
}

/// A length of time in whole milliseconds: `6s`, `6`, `2.5s`, `2500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Length(u64);

impl Length {
    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// In milliseconds.
    pub const fn millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{}s", self.0 / 1000) } else { write!(f, "{}ms", self.0) }
    }
}

impl FromStr for Length {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let millis = match text.strip_suffix("ms") {
            Some(whole) => decimal(whole, 0),
            None => decimal(text.strip_suffix('s').unwrap_or(text), 3),
        };
        millis.map(Self).ok_or_else(|| {
            Error::settings(format!(
                "`{text}` is not a length of time; give seconds or milliseconds, such as 6s, 2.5s or 2500ms"
            ))
        })
    }
}

/// A bit rate in whole bits per second: `2500k`, `6M`, `2.5M`, `128000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(u32);

impl BitRate {
    /// From bits per second.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// In bits per second.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            bits if bits.is_multiple_of(1_000_000) => write!(f, "{}M", bits / 1_000_000),
            bits if bits.is_multiple_of(1000) => write!(f, "{}k", bits / 1000),
            bits => write!(f, "{bits}"),
        }
    }
}

impl FromStr for BitRate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bits = match text.strip_suffix(['k', 'K']) {
            Some(kilo) => decimal(kilo, 3),
            None => match text.strip_suffix(['m', 'M']) {
                Some(mega) => decimal(mega, 6),
                None => decimal(text, 0),
            },
        };
        bits.and_then(|bits| u32::try_from(bits).ok()).map(Self).ok_or_else(|| {
            Error::settings(format!(
                "`{text}` is not a bit rate; give bits per second, such as 2500k, 6M or 128000"
            ))
        })
    }
}

/// `text` as a decimal number times 10^`places`; digits beyond that are refused rather than rounded away.
fn decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = match text.split_once('.') {
        Some((whole, part)) if !part.is_empty() => (whole, part),
        Some(_) => return None,
        None => (text, ""),
    };
    let digits = format!("{whole}{part:0<places$}");
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() && part.len() <= places && only_digits).then(|| digits.parse().ok()).flatten()
}

/// Values in a job file: the written form as a string, or a bare number where that is the whole form.
pub(super) mod text {
    use std::fmt;
    use std::marker::PhantomData;
    use std::str::FromStr;

    use serde::de::{self, Deserializer, Visitor};
    use serde::ser::Serializer;

    use crate::error::Error;

    pub(crate) fn serialize<T: fmt::Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err = Error>,
        D: Deserializer<'de>,
    {
        deserializer.deserialize_any(Text(PhantomData))
    }

    struct Text<T>(PhantomData<T>);

    impl<T: FromStr<Err = Error>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value as it is written on the command line")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
            self.visit_str(&value.to_string())
        }

        fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
            self.visit_str(&value.to_string())
        }

        fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
            // The shortest decimal that reads back as this number is what was written.
            self.visit_str(&value.to_string())
        }
    }
}

/// Serde by the written form.
macro_rules! written {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                text::serialize(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                text::deserialize(deserializer)
            }
        }
    )*};
}

written!(Length, BitRate);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_lengths() {
        for (text, millis) in [("6s", 6000), ("6", 6000), ("2500ms", 2500), ("2.5s", 2500), ("0.04", 40)] {
            assert_eq!(text.parse::<Length>().unwrap().millis(), millis, "{text}");
        }
        for text in [
            "",
            "s",
            "ms",
            "-1",
            "6 s",
            "1e3",
            "6m",
            ".5",
            "6.",
            "1.2345",
            "1.5ms",
            "99999999999999999999",
            "٣",
        ] {
            assert!(text.parse::<Length>().is_err(), "{text}");
        }
    }

    #[test]
    fn reads_bit_rates() {
        for (text, bits) in [
            ("2500k", 2_500_000),
            ("6M", 6_000_000),
            ("2.5M", 2_500_000),
            ("128000", 128_000),
            ("1.5k", 1500),
        ] {
            assert_eq!(text.parse::<BitRate>().unwrap().bits(), bits, "{text}");
        }
        for text in ["", "k", "-1k", "6G", "5000M", "1.2345k", "2,5M", "0x10", "6.M"] {
            assert!(text.parse::<BitRate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_job_file_says_what_the_flags_say() {
        let json = r#"{"ladder": "720p:2500k:crf21,360p", "segment": 4, "gop": "1500ms", "crf": 21.5,
                       "preset": "medium", "audio-bitrate": "96k", "container": "fmp4",
                       "audio-layout": "muxed", "copy-source": "never", "limits": {"duration": "3600s"}}"#;
        let settings: Settings = serde_json::from_str(json).unwrap();
        assert_eq!(settings.ladder, "720p:2500k:crf21,360p".parse().unwrap());
        assert_eq!(settings.segment, "4s".parse().unwrap());
        assert_eq!(settings.gop, "1.5".parse().unwrap());
        assert_eq!(settings.crf, "21.5".parse().unwrap());
        assert_eq!(settings.audio_bitrate, "96k".parse().unwrap());
        assert_eq!(settings.container, Some(Container::Fmp4));
        assert_eq!(settings.audio_layout, Some(AudioLayout::Muxed));
        assert_eq!(settings.copy_source, CopySource::Never);
        assert_eq!(settings.limits.duration.millis(), 3_600_000);
        assert_eq!(settings.limits.side, 8192);
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
        let error = serde_json::from_str::<Settings>(r#"{"segments": "6s"}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `segments`"), "{error}");
        let error = serde_json::from_str::<Settings>(r#"{"segment": "6x"}"#).unwrap_err().to_string();
        assert!(error.contains("`6x` is not a length of time"), "{error}");
    }

    #[test]
    fn ranges_are_named() {
        let wrong = Settings { segment: Length::from_millis(90_000), ..Settings::default() };
        let message = wrong.check().unwrap_err().to_string();
        assert_eq!(message, "a segment of 90s is out of range; it lies between 500ms and 60s");
        let wrong = Settings { crf: "0.5".parse().unwrap(), ..Settings::default() };
        assert!(wrong.check().unwrap_err().to_string().contains("lossless"));
        assert!(Settings::default().check().is_ok());
    }

    #[test]
    fn other_codings_ask_for_fmp4_with_the_sound_beside() {
        let hevc = Settings { video_codec: "h264,hevc".parse().unwrap(), ..Settings::default() };
        assert_eq!((hevc.container(), Settings::default().container()), (Container::Fmp4, Container::Ts));
        assert!(hevc.check().is_ok());
        let ts = Settings { container: Some(Container::Ts), ..hevc.clone() }.check().unwrap_err().to_string();
        assert!(ts.contains("h264,hevc does not go into MPEG-TS"), "{ts}");
        let muxed = Settings { audio_layout: Some(AudioLayout::Muxed), ..hevc }.check().unwrap_err();
        assert!(muxed.to_string().contains("never in it"), "{muxed}");
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(millis: u32, bits: u32) {
            let length = Length::from_millis(millis.into());
            prop_assert_eq!(length.to_string().parse::<Length>().unwrap(), length);
            let rate = BitRate::from_bits(bits);
            prop_assert_eq!(rate.to_string().parse::<BitRate>().unwrap(), rate);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = (text.parse::<Length>(), text.parse::<BitRate>(), text.parse::<Ladder>());
        }
    }
}
