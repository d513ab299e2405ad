//! The descriptor of an elementary stream in MP4, box `esds` (ISO/IEC 14496-14 §5.6, ISO/IEC 14496-1 §7.2.6).

use super::cursor::Cursor;
use crate::error::Result;

const ES_DESCRIPTOR: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC_INFO: u8 = 5;

/// What an `esds` box says of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementaryStream<'a> {
    /// `objectTypeIndication`, as registered at mp4ra.org: 0x40 is MPEG-4 audio, 0x6b MP3; 0 where nothing is said.
    pub object_type: u8,
    /// `DecoderSpecificInfo`: of MPEG-4 audio the AudioSpecificConfig; empty where there is none.
    pub config: &'a [u8],
}

impl<'a> ElementaryStream<'a> {
    /// Reads the contents of an `esds` box from its version and flags on.
    pub fn parse(esds: &'a [u8]) -> Result<Self> {
        let cursor = &mut Cursor::new(esds, "esds");
        cursor.u32()?; // version and flags
        let mut stream = Self { object_type: 0, config: &[] };
        while !cursor.rest().is_empty() {
            let tag = cursor.u8()?;
            let mut length = 0usize;
            for _ in 0..4 {
                let byte = cursor.u8()?;
                length = length << 7 | usize::from(byte & 0x7f);
                if byte & 0x80 == 0 {
                    break;
                }
            }
            match tag {
                // These two hold others: only their own fields are passed.
                ES_DESCRIPTOR => {
                    cursor.u16()?;
                    let flags = cursor.u8()?;
                    if flags & 0x80 != 0 {
                        cursor.u16()?;
                    }
                    if flags & 0x40 != 0 {
                        let url = cursor.u8()?;
                        cursor.take(url.into())?;
                    }
                    if flags & 0x20 != 0 {
                        cursor.u16()?;
                    }
                }
                DECODER_CONFIG => {
                    stream.object_type = cursor.u8()?;
                    cursor.take(12)?;
                }
                DECODER_SPECIFIC_INFO => {
                    stream.config = cursor.take(length)?;
                    break;
                }
                _ => {
                    cursor.take(length)?;
                }
            }
        }
        Ok(stream)
    }
}

/// The contents of an `esds` box of MPEG-4 audio with this AudioSpecificConfig, and with nothing else that is known; `None`
/// for one of more than 100 bytes, which there is not.
pub(crate) fn of_aac(config: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(config.len()).ok().filter(|length| *length <= 100)?;
    // ISO/IEC 14496-1 §7.2.6: each descriptor's length is that of all that it holds; streamType 5 is audio.
    let head = [0, 0, 0, 0, ES_DESCRIPTOR, length + 20, 0, 0, 0, DECODER_CONFIG, length + 15, 0x40, 0x15];
    Some([&head[..], &[0; 11], &[DECODER_SPECIFIC_INFO, length], config].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AAC: [u8; 28] =
        [0, 0, 0, 0, 3, 22, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90];

    #[test]
    fn finds_what_the_stream_is() {
        let stream = ElementaryStream::parse(&AAC).unwrap();
        assert_eq!(stream, ElementaryStream { object_type: 0x40, config: &[0x11, 0x90] });
        // Lengths of four bytes, as many writers have them; MP3 has no configuration.
        let long =
            [&[0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 21, 0, 1, 0, 4, 0x80, 0x80, 0x80, 13, 0x6b][..], &[0; 12]];
        let stream = [&long.concat()[..], &[6, 0x80, 0x80, 0x80, 1, 2]].concat();
        let stream = ElementaryStream::parse(&stream).unwrap();
        assert_eq!(stream, ElementaryStream { object_type: 0x6b, config: &[] });
        let made = of_aac(&[0x11, 0x90]).unwrap();
        assert_eq!(
            ElementaryStream::parse(&made).unwrap(),
            ElementaryStream { object_type: 0x40, config: &[0x11, 0x90] }
        );
        assert_eq!((usize::from(made[5]), usize::from(made[10])), (made.len() - 6, made.len() - 11));
        assert_eq!(ElementaryStream::parse(&AAC[..27]).unwrap_err().place().offset, Some(26));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(data in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..28, value: u8) {
            let _ = ElementaryStream::parse(&data);
            let mut esds = AAC;
            esds[at] = value;
            let _ = ElementaryStream::parse(&esds);
        }
    }
}
