//! The decoder configuration record of MP4, box `avcC` (ISO/IEC 14496-15 §5.3.3.1).

use super::{LengthSize, NalType, Pps, Sps, length_prefixed};
use crate::error::{Error, Result};
use crate::media::cursor::Cursor;

/// More parameter sets of a kind than a sample needs; it bounds the search for equal ones.
const MAX_SETS: usize = 256;

/// The parameter sets of a track and how long its NAL length prefixes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfiguration {
    /// `AVCProfileIndication`.
    pub profile: u8,
    /// `profile_compatibility`: the byte of constraint flags.
    pub constraints: u8,
    /// `AVCLevelIndication`: ten times the level.
    pub level: u8,
    /// Bytes of the length before each NAL unit of a sample.
    pub length_size: LengthSize,
    /// Sequence parameter sets, each with its header byte; at most 31.
    pub sps: Vec<Vec<u8>>,
    /// Picture parameter sets, each with its header byte; at most 255.
    pub pps: Vec<Vec<u8>>,
}

impl DecoderConfiguration {
    /// Reads the contents of an `avcC` box, without the box header. Every parameter set is parsed, so that a
    /// broken one is found here. What follows the parameter sets is left alone.
    pub fn parse(record: &[u8]) -> Result<Self> {
        let cursor = &mut Cursor::new(record, "avcC");
        let version = cursor.u8()?;
        if version != 1 {
            return Err(Error::unsupported(format!("version {version} of avcC is not known")).at_offset(0));
        }
        let (profile, constraints, level) = (cursor.u8()?, cursor.u8()?, cursor.u8()?);
        let size = (cursor.u8()? & 3) + 1;
        let length_size = LengthSize::from_bytes(size)
            .ok_or_else(|| Error::corrupt("lengths of 3 bytes are not allowed in avcC").at_offset(4))?;
        let sps_count = cursor.u8()? & 0x1f;
        let sps = sets(cursor, sps_count, |nal| Sps::parse(nal).map(drop))?;
        let pps_count = cursor.u8()?;
        let pps = sets(cursor, pps_count, |nal| Pps::parse(nal).map(drop))?;
        Ok(Self { profile, constraints, level, length_size, sps, pps })
    }

    /// The record of a track with these parameter sets, each with its header byte, and lengths of four bytes. Fails
    /// with what [`Sps::parse`] and [`Pps::parse`] say, and when there is no set of a kind or more than the record can
    /// count.
    pub fn from_sets(sps: Vec<Vec<u8>>, pps: Vec<Vec<u8>>) -> Result<Self> {
        if !(1..=31).contains(&sps.len()) || !(1..=255).contains(&pps.len()) {
            let message = format!("avcC cannot hold {} SPS and {} PPS", sps.len(), pps.len());
            return Err(Error::unsupported(message));
        }
        sps.iter().try_for_each(|nal| Sps::parse(nal).map(drop))?;
        pps.iter().try_for_each(|nal| Pps::parse(nal).map(drop))?;
        if sps.iter().chain(&pps).any(|nal| nal.len() > usize::from(u16::MAX)) {
            return Err(Error::unsupported("a parameter set has more bytes than avcC can say"));
        }
        // A parameter set that was parsed has its header byte and these three.
        let bytes = sps.first().and_then(|nal| nal.get(1..4));
        let Some([profile, constraints, level]) = bytes else {
            return Err(Error::corrupt("the SPS ends too early"));
        };
        let (profile, constraints, level) = (*profile, *constraints, *level);
        Ok(Self { profile, constraints, level, length_size: LengthSize::Four, sps, pps })
    }

    /// The contents of an `avcC` box that says this record. Profiles above Extended get the fields of chroma format and
    /// bit depth, from the first sequence parameter set; SPS extensions are not kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let sets = |out: &mut Vec<u8>, sets: &[Vec<u8>]| {
            for nal in sets {
                out.extend_from_slice(&(nal.len() as u16).to_be_bytes());
                out.extend_from_slice(nal);
            }
        };
        let size = self.length_size.bytes() as u8 - 1;
        let mut out = vec![1, self.profile, self.constraints, self.level, 0xfc | size];
        out.push(0xe0 | (self.sps.len() & 31) as u8);
        sets(&mut out, &self.sps);
        out.push(self.pps.len() as u8);
        sets(&mut out, &self.pps);
        let sps = self.sps.first().and_then(|nal| Sps::parse(nal).ok());
        // §5.3.3.1.2: the profiles that have these fields.
        if let Some(sps) = sps.filter(|_| matches!(self.profile, 100 | 110 | 122 | 144)) {
            let depth = |bits: u8| 0xf8 | bits.saturating_sub(8) & 7;
            out.extend_from_slice(&[
                0xfc | sps.chroma_format & 3,
                depth(sps.luma_bits),
                depth(sps.chroma_bits),
                0,
            ]);
        }
        out
    }

    /// The parameter sets as a byte stream, sequence before picture parameter sets: what goes before an IDR
    /// picture in a stream without out-of-band parameter sets.
    pub fn to_byte_stream(&self) -> Vec<u8> {
        let mut stream = Vec::new();
        for nal in self.sps.iter().chain(&self.pps) {
            stream.extend_from_slice(&[0, 0, 0, 1]);
            stream.extend_from_slice(nal);
        }
        stream
    }

    /// Whether both kinds of parameter sets are in it; those of `avc3` may stand in the samples instead.
    pub fn is_complete(&self) -> bool {
        !self.sps.is_empty() && !self.pps.is_empty()
    }

    /// This record with the parameter sets of a length-prefixed `sample`, the first key sample of the track; profile
    /// and level become those of the sample's first sequence parameter set, the length size stays. Fails with what
    /// [`DecoderConfiguration::from_sets`] says.
    pub fn completed(&self, sample: &[u8]) -> Result<Self> {
        let (mut sps, mut pps) = (Vec::new(), Vec::new());
        for nal in length_prefixed(sample, self.length_size) {
            // What follows a damaged length is no unit; the sets stand before the picture.
            let Ok(nal) = nal else { break };
            let sets: &mut Vec<Vec<u8>> = match nal.first().map(|header| NalType::from_header(*header)) {
                Some(NalType::Sps) => &mut sps,
                Some(NalType::Pps) => &mut pps,
                _ => continue,
            };
            if sets.len() < MAX_SETS && !sets.iter().any(|known| known == nal) {
                sets.push(nal.to_vec());
            }
        }
        let found = Self::from_sets(sps, pps)?;
        Ok(Self { length_size: self.length_size, ..found })
    }

    /// The RFC 6381 §3.3 name, such as `avc1.640028`.
    pub fn codec_string(&self) -> String {
        format!("avc1.{:02x}{:02x}{:02x}", self.profile, self.constraints, self.level)
    }
}

fn sets(cursor: &mut Cursor<'_>, count: u8, check: impl Fn(&[u8]) -> Result<()>) -> Result<Vec<Vec<u8>>> {
    (0..count).map(|_| cursor.nal(&check).map(<[u8]>::to_vec)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The record of a 320x180 clip that x264 made.
    const RECORD: &[u8] = &[
        0x01, 0x64, 0x00, 0x0c, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f,
        0x9f, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x18, 0x07, 0x8a, 0x14, 0xcb, 0x01,
        0x00, 0x06, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0, 0xfd, 0xf8, 0xf8, 0x00,
    ];

    #[test]
    fn reads_a_record() {
        let record = DecoderConfiguration::parse(RECORD).unwrap();
        assert_eq!(record.codec_string(), "avc1.64000c");
        assert_eq!((record.sps.len(), record.pps.len(), record.length_size), (1, 1, LengthSize::Four));
        assert_eq!(Sps::parse(&record.sps[0]).unwrap().codec_string(), "avc1.64000c");
        assert_eq!(record.to_byte_stream().len(), 4 + 25 + 4 + 6);
    }

    #[test]
    fn writes_what_it_read() {
        let record = DecoderConfiguration::parse(RECORD).unwrap();
        assert_eq!(record.to_bytes(), RECORD);
        assert_eq!(DecoderConfiguration::from_sets(record.sps.clone(), record.pps.clone()).unwrap(), record);
        assert!(DecoderConfiguration::from_sets(vec![], record.pps.clone()).is_err());
        assert!(DecoderConfiguration::from_sets(vec![vec![0x67, 0x64]], record.pps).is_err());
    }

    #[test]
    fn is_completed_from_a_key_sample() {
        let whole = DecoderConfiguration::parse(RECORD).unwrap();
        // An avc3 record: no sets, lengths of two bytes.
        let empty = DecoderConfiguration::parse(&[1, 0x64, 0, 0x0c, 0xfd, 0xe0, 0]).unwrap();
        assert!(!empty.is_complete() && whole.is_complete());
        let units = [&whole.sps[0], &whole.pps[0], &whole.sps[0], &vec![0x65, 1, 2, 3]];
        let sample: Vec<u8> =
            units.iter().flat_map(|nal| [&(nal.len() as u16).to_be_bytes()[..], nal].concat()).collect();
        let found = empty.completed(&sample).unwrap();
        assert_eq!(found, DecoderConfiguration { length_size: LengthSize::Two, ..whole });
        assert_eq!(
            empty.completed(&sample[..sample.len() - 1]).unwrap(),
            found,
            "a cut picture does not matter"
        );
        assert!(empty.completed(&sample[29..]).is_err() && empty.completed(&[]).is_err());
    }

    #[test]
    fn says_where_it_is_broken() {
        for end in 0..42 {
            let error = DecoderConfiguration::parse(&RECORD[..end]).unwrap_err();
            assert!(error.place().offset.is_some_and(|offset| offset <= end as u64), "{error}");
        }
        let mut broken = RECORD.to_vec();
        broken[8] = 0x68;
        assert_eq!(DecoderConfiguration::parse(&broken).unwrap_err().place().offset, Some(8));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(change in prop::collection::vec((0usize..RECORD.len(), any::<u8>()), 1..5)) {
            let mut record = RECORD.to_vec();
            for (at, byte) in change {
                record[at] = byte;
            }
            let _ = DecoderConfiguration::parse(&record);
        }
    }
}
