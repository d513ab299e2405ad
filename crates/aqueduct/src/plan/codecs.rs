//! Which codings the rungs are made in.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::media::VideoCodec;

/// Codings, each once, in the order of [`VideoCodec`]: one ladder is made for each. Written `h264,hevc,av1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoCodecs(Vec<VideoCodec>);

impl VideoCodecs {
    /// These, in any order. Fails with [`ErrorKind::Settings`](crate::error::ErrorKind::Settings) when there is none, or
    /// one twice.
    pub fn new(codecs: impl Into<Vec<VideoCodec>>) -> Result<Self> {
        let mut codecs = codecs.into();
        codecs.sort();
        let twice = codecs.iter().zip(codecs.iter().skip(1)).find(|(one, next)| one == next);
        if let Some((twice, _)) = twice {
            return Err(Error::settings(format!("the codings of the ladder name {twice} twice")));
        }
        if codecs.is_empty() {
            return Err(Error::settings("a ladder has at least one coding"));
        }
        Ok(Self(codecs))
    }

    /// The codings in the order of their ladders.
    pub fn get(&self) -> &[VideoCodec] {
        &self.0
    }

    /// Whether all of them go into MPEG-TS, that is: there is H.264 alone.
    pub(super) fn fit_ts(&self) -> bool {
        self.0 == [VideoCodec::H264]
    }
}

impl Default for VideoCodecs {
    fn default() -> Self {
        Self(vec![VideoCodec::H264])
    }
}

impl fmt::Display for VideoCodecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, codec) in self.0.iter().enumerate() {
            write!(f, "{}{codec}", if position == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for VideoCodecs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text.split(',').map(|name| name.trim().parse()).collect::<Result<Vec<_>>>()?)
    }
}

impl Serialize for VideoCodecs {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VideoCodecs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(CodecsVisitor)
    }
}

/// A job file may write them as on the command line, or as a list.
struct CodecsVisitor;

impl<'de> Visitor<'de> for CodecsVisitor {
    type Value = VideoCodecs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("codings such as `h264,hevc`, in one string or as a list")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<VideoCodecs, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<VideoCodecs, A::Error> {
        let mut codecs = Vec::new();
        while let Some(name) = seq.next_element::<String>()? {
            codecs.push(name.parse().map_err(de::Error::custom)?);
        }
        VideoCodecs::new(codecs).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn have_one_order_and_one_form() {
        for (text, written) in [
            ("h264", "h264"),
            ("hevc, h264", "h264,hevc"),
            ("h265", "hevc"),
            ("av1,h264,hevc", "h264,hevc,av1"),
        ] {
            let codecs: VideoCodecs = text.parse().unwrap();
            assert_eq!(codecs.to_string(), written, "{text}");
            assert_eq!(written.parse::<VideoCodecs>().unwrap(), codecs);
            assert_eq!(serde_json::from_str::<VideoCodecs>(&format!("\"{text}\"")).unwrap(), codecs);
        }
        let list: VideoCodecs = serde_json::from_str(r#"["hevc", "h264"]"#).unwrap();
        assert_eq!(list.to_string(), "h264,hevc");
        for text in ["", "h264,", "vp9", "H264", "h264,h264", "hevc,h265"] {
            assert!(text.parse::<VideoCodecs>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<VideoCodecs>("[]").is_err());
        let message = "vp9".parse::<VideoCodecs>().unwrap_err().to_string();
        assert!(message.contains("`vp9`") && message.contains("h264, hevc, av1"), "{message}");
    }
}
