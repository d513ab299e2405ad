//! usage: he-aac RATE CHANNELS BITRATE PROFILE SIGNALLING FILE.mp4 < SAMPLES
//!
//! Encodes interleaved 16-bit samples as HE-AAC into an MP4 of sound alone: PROFILE v1 or v2; SIGNALLING implicit (the
//! config is that of the core), compatible (at its end) or hierarchical (by its object type). `scripts/make-testdata.sh`
//! builds and runs this; the project itself has no part in it, and nothing of the encoder stays in what it makes.

use std::io::Read;

use fdk_aac_sys as fdk;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [rate, channels, bitrate, profile, signalling, file] = &words[..] else {
        panic!(
            "usage: he-aac RATE CHANNELS BITRATE v1|v2 implicit|compatible|hierarchical FILE.mp4 < SAMPLES"
        )
    };
    let [rate, channels, bitrate] = [rate, channels, bitrate].map(|word| word.parse::<u32>().unwrap());
    let object_type = if profile == "v2" { 29 } else { 5 };
    let mode = ["implicit", "compatible", "hierarchical"].iter().position(|name| name == signalling).unwrap();
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).unwrap();
    let samples: Vec<i16> = bytes.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    let settings = [
        (fdk::AACENC_PARAM_AACENC_AOT, object_type),
        (fdk::AACENC_PARAM_AACENC_SAMPLERATE, rate),
        (fdk::AACENC_PARAM_AACENC_CHANNELMODE, channels),
        (fdk::AACENC_PARAM_AACENC_BITRATE, bitrate),
        (fdk::AACENC_PARAM_AACENC_TRANSMUX, 0),
        (fdk::AACENC_PARAM_AACENC_SIGNALING_MODE, mode as u32),
        (fdk::AACENC_PARAM_AACENC_AFTERBURNER, 1),
    ];
    let encoded = encode(&settings, &samples, channels);
    std::fs::write(file, movie(&encoded, rate, channels, samples.len() as u32 / channels)).unwrap();
}

struct Encoded {
    /// The AudioSpecificConfig.
    config: Vec<u8>,
    units: Vec<Vec<u8>>,
    /// Samples per channel in a unit.
    length: u32,
    /// Samples that a decoder gives before the first one that was put in.
    delay: u32,
}

fn encode(settings: &[(fdk::AACENC_PARAM, u32)], samples: &[i16], channels: u32) -> Encoded {
    let good = |code| assert_eq!(code, fdk::AACENC_ERROR_AACENC_OK, "fdk-aac fails");
    // SAFETY: the handle comes from `aacEncOpen`, every buffer outlives the call that it is given to, and its size is said.
    unsafe {
        let mut encoder = std::ptr::null_mut();
        good(fdk::aacEncOpen(&mut encoder, 0, channels));
        for (name, value) in settings {
            good(fdk::aacEncoder_SetParam(encoder, *name, *value));
        }
        good(fdk::aacEncEncode(
            encoder,
            std::ptr::null(),
            std::ptr::null(),
            std::ptr::null(),
            std::ptr::null_mut(),
        ));
        let mut info: fdk::AACENC_InfoStruct = std::mem::zeroed();
        good(fdk::aacEncInfo(encoder, &mut info));
        let (mut units, mut position) = (Vec::new(), 0);
        loop {
            let rest = &samples[position..];
            let count = rest.len().min((info.frameLength * channels) as usize);
            let mut unit = vec![0; info.maxOutBufBytes as usize];
            let mut input = rest.as_ptr().cast_mut().cast();
            let mut output = unit.as_mut_ptr().cast();
            let buffer = |place, kind: &mut i32, size: &mut i32, each: &mut i32| fdk::AACENC_BufDesc {
                numBufs: 1,
                bufs: place,
                bufferIdentifiers: kind,
                bufSizes: size,
                bufElSizes: each,
            };
            let (mut kind, mut size, mut each) =
                (fdk::AACENC_BufferIdentifier_IN_AUDIO_DATA as i32, 2 * count as i32, 2);
            let from = buffer(&mut input, &mut kind, &mut size, &mut each);
            let (mut kind, mut size, mut each) =
                (fdk::AACENC_BufferIdentifier_OUT_BITSTREAM_DATA as i32, unit.len() as i32, 1);
            let to = buffer(&mut output, &mut kind, &mut size, &mut each);
            // -1 sample: no more will come.
            let counts = if count == 0 { -1 } else { count as i32 };
            let arguments = fdk::AACENC_InArgs { numInSamples: counts, numAncBytes: 0 };
            let mut done: fdk::AACENC_OutArgs = std::mem::zeroed();
            let code = fdk::aacEncEncode(encoder, &from, &to, &arguments, &mut done);
            if code == fdk::AACENC_ERROR_AACENC_ENCODE_EOF {
                break;
            }
            good(code);
            position += done.numInSamples as usize;
            if done.numOutBytes > 0 {
                unit.truncate(done.numOutBytes as usize);
                units.push(unit);
            }
        }
        good(fdk::aacEncClose(&mut encoder));
        let config = info.confBuf[..info.confSize as usize].to_vec();
        Encoded { config, units, length: info.frameLength, delay: info.nDelay }
    }
}

/// An MP4 with one track: ISO/IEC 14496-12, and the `esds` of 14496-14 §5.6. Media first, so that its place is known.
fn movie(encoded: &Encoded, rate: u32, channels: u32, samples: u32) -> Vec<u8> {
    let units = &encoded.units;
    let (count, total) = (units.len() as u32, units.len() as u32 * encoded.length);
    let start = boxed(b"ftyp", &[b"isom\0\0\x02\0isomiso2mp41"]);
    let data = boxed(b"mdat", &units.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let matrix = numbers(&[0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]);
    let rate_high = (rate << 16).to_be_bytes();
    let config = &encoded.config;
    let specific = [&[5, config.len() as u8], &config[..]].concat();
    // ISO/IEC 14496-1 §7.2.6: MPEG-4 audio, an audio stream, no sizes or rates said.
    let decoder = [&[4, 13 + specific.len() as u8, 0x40, 0x15][..], &[0; 11], &specific].concat();
    let stream = [&[3, 6 + decoder.len() as u8, 0, 1, 0][..], &decoder, &[6, 1, 2]].concat();
    let esds = boxed(b"esds", &[&[0; 4], &stream]);
    let entry = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, channels as u8, 0, 16, 0, 0, 0, 0];
    let entry = boxed(b"mp4a", &[&entry, &rate_high, &esds]);
    let sizes: Vec<u32> = units.iter().map(|unit| unit.len() as u32).collect();
    let table = boxed(
        b"stbl",
        &[
            &boxed(b"stsd", &[&numbers(&[0, 1]), &entry]),
            &boxed(b"stts", &[&numbers(&[0, 1, count, encoded.length])]),
            &boxed(b"stsc", &[&numbers(&[0, 1, 1, count, 1])]),
            &boxed(b"stsz", &[&numbers(&[0, 0, count]), &numbers(&sizes)]),
            &boxed(b"stco", &[&numbers(&[0, 1, start.len() as u32 + 8])]),
        ],
    );
    let reference = boxed(b"dref", &[&numbers(&[0, 1]), &boxed(b"url ", &[&numbers(&[1])])]);
    let media =
        boxed(b"minf", &[&boxed(b"smhd", &[&numbers(&[0, 0])]), &boxed(b"dinf", &[&reference]), &table]);
    let media = boxed(
        b"mdia",
        &[
            &boxed(b"mdhd", &[&numbers(&[0, 0, 0, rate, total, 0x55c4_0000])]),
            &boxed(b"hdlr", &[&numbers(&[0, 0]), b"soun", &[0; 13]]),
            &media,
        ],
    );
    let header =
        [&numbers(&[3, 0, 0, 1, 0, samples, 0, 0, 0, 0x0100_0000])[..], &matrix, &numbers(&[0, 0])].concat();
    let track = boxed(
        b"trak",
        &[
            &boxed(b"tkhd", &[&header]),
            &boxed(b"edts", &[&boxed(b"elst", &[&numbers(&[0, 1, samples, encoded.delay, 0x1_0000])])]),
            &media,
        ],
    );
    let header = [
        &numbers(&[0, 0, 0, rate, samples, 0x1_0000, 0x0100_0000, 0, 0])[..],
        &matrix,
        &[0; 24],
        &numbers(&[2]),
    ]
    .concat();
    let moov = boxed(b"moov", &[&boxed(b"mvhd", &[&header]), &track]);
    [start, data, moov].concat()
}

fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
}

fn numbers(list: &[u32]) -> Vec<u8> {
    list.iter().flat_map(|number| number.to_be_bytes()).collect()
}
