//! The name of a coding as playlists and browsers have it: RFC 6381 and the bindings of each codec.

use super::esds::ElementaryStream;
use super::{Codec, aac, av1, avc, hevc};
use crate::error::{Error, ErrorKind, Result};

/// The name for CODECS (RFC 8216bis §4.4.6.2) of what is made of a track: `avc1.640028` (of `avc3` too, since its
/// parameter sets move into the configuration), `hvc1.2.4.L123.B0` (of `hev1` likewise), `av01.0.08M.10`,
/// `mp4a.40.2`, `mp4a.40.34` for MP3, `ac-3`, `ec-3`, `Opus`, `fLaC`.
///
/// `sample_entry` and `configuration` are those of [`crate::index::Track`]. Fails with [`ErrorKind::Corrupt`] where
/// the configuration is damaged or missing, and with [`ErrorKind::Unsupported`] where HLS has no name for the coding.
pub fn codec_string(codec: &Codec, sample_entry: &str, configuration: &[u8]) -> Result<String> {
    let missing = |name: &str| {
        Error::corrupt(format!("{codec} in `{sample_entry}` has no `{name}` box, which says how it is coded"))
    };
    let named = |name: &str| Ok(name.to_owned());
    match codec {
        Codec::H264 if configuration.is_empty() => Err(missing("avcC")),
        Codec::H264 => Ok(avc::DecoderConfiguration::parse(configuration)?.codec_string()),
        Codec::H265 if configuration.is_empty() => Err(missing("hvcC")),
        Codec::H265 => Ok(hevc::DecoderConfiguration::parse(configuration)?.codec_string()),
        Codec::Av1 if configuration.is_empty() => Err(missing("av1C")),
        Codec::Av1 => Ok(av1::Configuration::parse(configuration)?.codec_string()),
        Codec::Aac => Ok(audio_specific_config(sample_entry, configuration)?.1.codec_string()),
        Codec::Mp3 => named("mp4a.40.34"),
        Codec::Ac3 => named("ac-3"),
        Codec::Eac3 => named("ec-3"),
        Codec::Opus => named("Opus"),
        Codec::Flac => named("fLaC"),
        Codec::Vp9 | Codec::Other(_) => {
            Err(Error::new(ErrorKind::Unsupported, format!("HLS has no name for {codec}")))
        }
    }
}

/// The AudioSpecificConfig of an AAC track, as bytes and as read.
pub(crate) fn audio_specific_config<'a>(
    sample_entry: &str,
    configuration: &'a [u8],
) -> Result<(&'a [u8], aac::AudioSpecificConfig)> {
    let missing = || {
        let message = format!("AAC in `{sample_entry}` has no AudioSpecificConfig (box `esds`)");
        Error::corrupt(message)
    };
    if configuration.is_empty() {
        return Err(missing());
    }
    let config = ElementaryStream::parse(configuration)?.config;
    if config.is_empty() {
        return Err(missing());
    }
    Ok((config, aac::AudioSpecificConfig::parse(config)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An `esds` of MPEG-4 audio with this AudioSpecificConfig.
    fn esds(config: &[u8]) -> Vec<u8> {
        let length = config.len() as u8;
        let head = [0, 0, 0, 0, 3, 20 + length, 0, 1, 0, 4, 15 + length, 0x40, 0x15];
        [&head[..], &[0; 11], &[5, length], config].concat()
    }

    fn name(codec: Codec, entry: &str, configuration: &[u8]) -> String {
        codec_string(&codec, entry, configuration).unwrap()
    }

    #[test]
    fn every_codec_has_its_name() {
        assert_eq!(name(Codec::Aac, "mp4a", &esds(&[0x11, 0x90])), "mp4a.40.2");
        assert_eq!(name(Codec::Aac, "mp4a", &esds(&[0x13, 0x10, 0x56, 0xe5, 0x98])), "mp4a.40.5");
        assert_eq!(name(Codec::Aac, "mp4a", &esds(&[0xeb, 0x8a, 0x08, 0x00])), "mp4a.40.29");
        for entry in ["mp4a", ".mp3"] {
            assert_eq!(name(Codec::Mp3, entry, &[]), "mp4a.40.34");
        }
        let fixed =
            [(Codec::Ac3, "ac-3"), (Codec::Eac3, "ec-3"), (Codec::Opus, "Opus"), (Codec::Flac, "fLaC")];
        for (codec, expected) in fixed {
            assert_eq!(name(codec, expected, &[]), expected);
        }
        // An avc3 whose record has no parameter sets is named by the record's own bytes, and as avc1.
        assert_eq!(name(Codec::H264, "avc3", &[1, 0x64, 0, 0x28, 0xff, 0xe0, 0]), "avc1.640028");
    }

    #[test]
    fn what_has_no_name_says_why() {
        let error = |codec: Codec, entry: &str| codec_string(&codec, entry, &[]).unwrap_err();
        assert_eq!(error(Codec::Vp9, "vp09").kind(), ErrorKind::Unsupported);
        assert_eq!(error(Codec::Other("dts".to_owned()), "dtsc").to_string(), "HLS has no name for dts");
        for (codec, entry, missing) in [
            (Codec::H264, "avc1", "avcC"),
            (Codec::H265, "hev1", "hvcC"),
            (Codec::Av1, "av01", "av1C"),
            (Codec::Aac, "mp4a", "esds"),
        ] {
            let error = error(codec, entry);
            assert!(error.kind() == ErrorKind::Corrupt && error.message().contains(missing), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(data in prop::collection::vec(any::<u8>(), 0..60)) {
            for codec in [Codec::H264, Codec::H265, Codec::Av1, Codec::Aac, Codec::Mp3, Codec::Opus, Codec::Vp9] {
                let _ = codec_string(&codec, "mp4a", &data);
            }
        }
    }
}
