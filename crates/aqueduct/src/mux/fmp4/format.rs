//! What a track of CMAF is, from the facts of a source's track.

use bytes::Bytes;

use super::{Audio, AudioCodec, Format, Video, VideoCodec};
use crate::error::{Error, Result};
use crate::media::dolby::{Ac3Configuration, Eac3Configuration};
use crate::media::flac::StreamInfo;
use crate::media::opus::OpusConfiguration;
use crate::media::{Codec, Colour, audio_specific_config, av1, avc, hevc};

/// Pictures as CMAF has them. `configuration` is the contents of the source's configuration box, with all parameter
/// sets: `avcC`, `hvcC`, `av1C`. Sample entries of sets in band (`avc3`, `hev1`) become those of sets in the
/// configuration. Unspecified `colour` leaves its box out.
///
/// Fails with [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) where the configuration is damaged, and with
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where it lacks parameter sets, or HLS has no such coding
/// in fMP4.
pub fn video_format(
    codec: &Codec,
    configuration: &[u8],
    width: u16,
    height: u16,
    pixel_aspect: Option<(u32, u32)>,
    colour: Option<Colour>,
) -> Result<Format> {
    let bytes = || Bytes::copy_from_slice(configuration);
    let lacking = |name: &str| {
        Error::unsupported(format!("{codec} has no parameter sets in its configuration (`{name}`)"))
    };
    let codec = match codec {
        Codec::H264 => {
            let complete = avc::DecoderConfiguration::parse(configuration)?.is_complete();
            if !complete {
                return Err(lacking("avcC"));
            }
            VideoCodec::Avc(bytes())
        }
        Codec::H265 => {
            let complete = hevc::DecoderConfiguration::parse(configuration)?.is_complete();
            if !complete {
                return Err(lacking("hvcC"));
            }
            VideoCodec::Hevc(bytes())
        }
        Codec::Av1 => {
            av1::Configuration::parse(configuration)?;
            VideoCodec::Av1(bytes())
        }
        other => {
            let message = format!("{other} goes into no container of HLS: encode it with `aqueduct publish`");
            return Err(Error::unsupported(message));
        }
    };
    let colour = colour.filter(|colour| *colour != Colour::UNSPECIFIED);
    Ok(Format::Video(Video { width, height, pixel_aspect, colour, codec, more: Vec::new() }))
}

/// Sound as CMAF has it. `configuration` is the contents of the source's configuration box: `esds` with version and
/// flags, `dac3`, `dec3`, `dOps`, `dfLa`. `channels` and `sample_rate` are those of the decoded sound.
///
/// Fails with [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) where the configuration is damaged or missing, and with
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where HLS has no such coding in fMP4; the error names the
/// container that can hold it.
pub fn audio_format(
    codec: &Codec,
    sample_entry: &str,
    configuration: &[u8],
    channels: u16,
    sample_rate: u32,
) -> Result<Format> {
    let bytes = || Bytes::copy_from_slice(configuration);
    let missing = |name: &str| Error::corrupt(format!("{codec} in `{sample_entry}` has no `{name}` box"));
    let mut rate = sample_rate;
    let codec = match codec {
        Codec::Aac => {
            let (config, _) = audio_specific_config(sample_entry, configuration)?;
            AudioCodec::Aac(Bytes::copy_from_slice(config))
        }
        Codec::Ac3 if configuration.is_empty() => return Err(missing("dac3")),
        Codec::Ac3 => {
            Ac3Configuration::parse(configuration)?;
            AudioCodec::Ac3(bytes())
        }
        Codec::Eac3 if configuration.is_empty() => return Err(missing("dec3")),
        Codec::Eac3 => {
            Eac3Configuration::parse(configuration)?;
            AudioCodec::Eac3(bytes())
        }
        Codec::Opus if configuration.is_empty() => return Err(missing("dOps")),
        Codec::Opus => {
            OpusConfiguration::parse(configuration)?;
            rate = OpusConfiguration::SAMPLE_RATE;
            AudioCodec::Opus(bytes())
        }
        Codec::Flac if configuration.is_empty() => return Err(missing("dfLa")),
        Codec::Flac => {
            StreamInfo::parse(configuration)?;
            AudioCodec::Flac(bytes())
        }
        Codec::Mp3 => {
            return Err(Error::unsupported("MP3 goes into MPEG-TS only: use --container ts"));
        }
        other => {
            let message = format!("{other} goes into no container of HLS: encode it with `aqueduct publish`");
            return Err(Error::unsupported(message));
        }
    };
    Ok(Format::Audio(Audio { channels, sample_rate: rate, codec }))
}

#[cfg(test)]
mod tests {
    use super::super::{Init, Track};
    use super::*;
    use crate::error::ErrorKind;

    /// A `dfLa` of STREAMINFO alone, stereo.
    fn streaminfo(rate: u32, bits: u8) -> Vec<u8> {
        let mut dfla = vec![0; 42];
        (dfla[4], dfla[7]) = (0x80, 34);
        let word = rate << 12 | 1 << 9 | u32::from(bits - 1) << 4;
        dfla[18..22].copy_from_slice(&word.to_be_bytes());
        dfla
    }

    /// Channels, bits and rate as the sample entry says them.
    fn entry(kind: &[u8; 4], format: Format) -> (u16, u16, u32) {
        let track = Track::new(1, std::num::NonZeroU32::MIN, format);
        let init = Init { tracks: &[track] }.to_bytes().unwrap();
        let at = init.windows(4).position(|window| window == kind).unwrap() + 4;
        let word = |at: usize| u16::from_be_bytes([init[at], init[at + 1]]);
        (word(at + 16), word(at + 18), u32::from(word(at + 24)) << 16 | u32::from(word(at + 26)))
    }

    #[test]
    fn flac_says_its_bits_and_a_rate_that_fits() {
        for (rate, field) in
            [(48_000, 48_000), (96_000, 48_000), (192_000, 48_000), (352_800, 44_100), (65_537, 65_535)]
        {
            let format = audio_format(&Codec::Flac, "fLaC", &streaminfo(rate, 24), 2, rate).unwrap();
            assert_eq!(entry(b"fLaC", format), (2, 24, field << 16), "{rate}");
        }
    }

    #[test]
    fn sound_entries_say_channels_and_rate() {
        let opus = [0, 6, 1, 0x38, 0, 0, 0xac, 0x44, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5];
        let format = audio_format(&Codec::Opus, "Opus", &opus, 6, 44_100).unwrap();
        assert_eq!(entry(b"Opus", format), (6, 16, 48_000 << 16), "Opus decodes at 48 kHz");
        // 96 kHz mono of AAC-LC: the rate does not fit, the configuration says it.
        let esds = [
            0, 0, 0, 0, 3, 22, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x10, 0x08,
        ];
        let format = audio_format(&Codec::Aac, "mp4a", &esds, 1, 96_000).unwrap();
        assert_eq!(entry(b"mp4a", format), (1, 16, 0));
        let format = audio_format(&Codec::Ac3, "ac-3", &[0x10, 0x3d, 0xe0], 6, 48_000).unwrap();
        assert_eq!(entry(b"ac-3", format), (6, 16, 48_000 << 16));
    }

    #[test]
    fn what_fmp4_does_not_hold_names_what_does() {
        let sound = |codec: Codec, entry: &str, config: &[u8]| {
            audio_format(&codec, entry, config, 2, 48_000).unwrap_err()
        };
        let mp3 = sound(Codec::Mp3, ".mp3", &[]);
        assert_eq!(mp3.to_string(), "MP3 goes into MPEG-TS only: use --container ts");
        assert_eq!(mp3.kind(), ErrorKind::Unsupported);
        assert_eq!(sound(Codec::Other("alac".to_owned()), "alac", &[]).kind(), ErrorKind::Unsupported);
        for (codec, entry) in [(Codec::Aac, "mp4a"), (Codec::Ac3, "mp4a"), (Codec::Opus, "Opus")] {
            assert_eq!(sound(codec, entry, &[]).kind(), ErrorKind::Corrupt);
        }
        let video = |codec: Codec, config: &[u8]| {
            video_format(&codec, config, 320, 180, None, None).unwrap_err().kind()
        };
        assert_eq!(video(Codec::Vp9, &[]), ErrorKind::Unsupported);
        let no_sets = [1, 0x64, 0, 0x28, 0xff, 0xe0, 0];
        assert_eq!(video(Codec::H264, &no_sets), ErrorKind::Unsupported);
        assert_eq!(video(Codec::H264, &[]), ErrorKind::Corrupt);
    }
}
