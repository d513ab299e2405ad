//! A writer of MP4 files for tests: sample tables as they stand in a model, without media data.

#![allow(dead_code, reason = "each test binary uses its part")]

use aqueduct::{Result, Source};

/// A sample as the tests mean it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) duration: u32,
    pub(crate) composition_offset: i32,
    pub(crate) bytes: u32,
    pub(crate) key: bool,
}

/// Duration, composition offset, bytes, key flag.
impl From<(u32, i32, u32, bool)> for Sample {
    fn from((duration, composition_offset, bytes, key): (u32, i32, u32, bool)) -> Self {
        Self { duration, composition_offset, bytes, key }
    }
}

/// A track: `samples_per_chunk` is repeated as often as needed.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(crate) timescale: u32,
    pub(crate) samples: Vec<Sample>,
    pub(crate) samples_per_chunk: Vec<u32>,
    /// Empty edit and media edit in ticks of the movie (1/1000) and of the track.
    pub(crate) edit: Option<(u32, u32, u32)>,
    pub(crate) entry: Vec<u8>,
    pub(crate) handler: [u8; 4],
}

#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) tracks: Vec<Track>,
    /// Bytes between the header and the media: more than 2^32 needs `co64`.
    pub(crate) gap: u64,
    pub(crate) moov_last: bool,
    /// Samples of a fragment; `None` for a file with tables.
    pub(crate) fragments: Option<usize>,
}

/// Bytes at a few places of a long source; zeros elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Sparse {
    pub(crate) parts: Vec<(u64, Vec<u8>)>,
    pub(crate) len: u64,
}

impl Source for Sparse {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let count = (self.len - offset.min(self.len)).min(buffer.len() as u64);
        let buffer = &mut buffer[..count as usize];
        buffer.fill(0);
        for (start, bytes) in &self.parts {
            let from = offset.max(*start);
            let to = (offset + count).min(start + bytes.len() as u64);
            if from < to {
                let part = &bytes[(from - start) as usize..(to - start) as usize];
                buffer[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
            }
        }
        Ok(count as usize)
    }

    fn name(&self) -> &str {
        "sparse.mp4"
    }
}

pub(crate) fn atom(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let len = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = (len as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(kind);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

pub(crate) fn words(words: impl IntoIterator<Item = u32>) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// A visual sample entry without a configuration box.
pub(crate) fn video_entry(kind: &[u8; 4], inside: &[&[u8]]) -> Vec<u8> {
    let mut head = vec![0; 78];
    head[7] = 1;
    head[24..28].copy_from_slice(&[2, 128, 1, 104]);
    let mut parts: Vec<&[u8]> = vec![&head];
    parts.extend(inside);
    atom(kind, &parts)
}

/// A sound sample entry of two channels at 48 kHz.
pub(crate) fn audio_entry(kind: &[u8; 4], bits: u8, inside: &[&[u8]]) -> Vec<u8> {
    let mut head = vec![0; 28];
    head[7] = 1;
    head[17] = 2;
    head[19] = bits;
    head[24..26].copy_from_slice(&48_000u16.to_be_bytes());
    let mut parts: Vec<&[u8]> = vec![&head];
    parts.extend(inside);
    atom(kind, &parts)
}

impl File {
    pub(crate) fn write(&self) -> Sparse {
        match self.fragments {
            None => self.progressive(),
            Some(count) => self.fragmented(count.max(1)),
        }
    }

    /// Offsets of all chunks, tracks one after the other, from `start` on; and where they end.
    fn place(&self, start: u64) -> (Vec<Vec<u64>>, u64) {
        let mut at = start;
        let tracks = self.tracks.iter().map(|track| {
            let chunks = track.chunks().into_iter().map(|chunk| {
                let offset = at;
                at += chunk.iter().map(|sample| u64::from(sample.bytes)).sum::<u64>();
                offset
            });
            chunks.collect()
        });
        (tracks.collect(), at)
    }

    fn progressive(&self) -> Sparse {
        let ftyp = atom(b"ftyp", &[b"isom", &[0, 0, 2, 0], b"isom"]);
        let size = self.moov(&self.place(0).0).len() as u64;
        let before = ftyp.len() as u64 + if self.moov_last { 0 } else { size };
        let data = before + 16 + self.gap;
        let (offsets, end) = self.place(data);
        let moov = self.moov(&offsets);
        assert_eq!(moov.len() as u64, size);
        let mut mdat = 1u32.to_be_bytes().to_vec();
        mdat.extend_from_slice(b"mdat");
        mdat.extend_from_slice(&(end - before).to_be_bytes());
        let mut start = ftyp;
        if self.moov_last {
            start.extend_from_slice(&mdat);
            return Sparse { parts: vec![(0, start), (end, moov)], len: end + size };
        }
        start.extend_from_slice(&moov);
        start.extend_from_slice(&mdat);
        Sparse { parts: vec![(0, start)], len: end }
    }

    fn moov(&self, offsets: &[Vec<u64>]) -> Vec<u8> {
        let mut mvhd = words([0, 0, 0, 1000, 0, 0x0001_0000, 0, 0, 0]);
        mvhd.extend(MATRIX.iter().flat_map(|word| word.to_be_bytes()));
        mvhd.extend_from_slice(&[0; 28]);
        let mut body = atom(b"mvhd", &[&mvhd]);
        for ((track, offsets), id) in self.tracks.iter().zip(offsets).zip(1..) {
            body.extend(track.trak(id, Some(offsets), self.gap > 0));
        }
        atom(b"moov", &[&body])
    }

    fn fragmented(&self, count: usize) -> Sparse {
        let mut mvhd = words([0, 0, 0, 1000, 0, 0x0001_0000, 0, 0, 0]);
        mvhd.extend(MATRIX.iter().flat_map(|word| word.to_be_bytes()));
        mvhd.extend_from_slice(&[0; 28]);
        let mut body = atom(b"mvhd", &[&mvhd]);
        let mut mvex = Vec::new();
        for (track, id) in self.tracks.iter().zip(1..) {
            body.extend(track.trak(id, None, false));
            mvex.extend(atom(b"trex", &[&words([0, id, 1, 0, 0, 0])]));
        }
        body.extend(atom(b"mvex", &[&mvex]));
        let mut parts = vec![(0, atom(b"moov", &[&body]))];
        let mut at = parts[0].1.len() as u64;
        for (track, id) in self.tracks.iter().zip(1u32..) {
            let mut time = 0u64;
            for run in track.samples.chunks(count) {
                let bytes: u64 = run.iter().map(|sample| u64::from(sample.bytes)).sum();
                let make = |offset: u32| {
                    let tfhd = atom(b"tfhd", &[&words([0x0002_0000, id])]);
                    let tfdt = atom(b"tfdt", &[&words([0x0100_0000, (time >> 32) as u32, time as u32])]);
                    let samples = run.iter().flat_map(|sample| {
                        let flags = if sample.key { 0 } else { 0x0001_0000 };
                        [sample.duration, sample.bytes, flags, sample.composition_offset.cast_unsigned()]
                    });
                    let head = words([0x0100_0f01, run.len() as u32, offset]);
                    let trun = atom(b"trun", &[&head, &words(samples)]);
                    let mfhd = atom(b"mfhd", &[&words([0, 1])]);
                    atom(b"moof", &[&mfhd, &atom(b"traf", &[&tfhd, &tfdt, &trun])])
                };
                let len = make(0).len() as u32;
                let mut moof = make(len + 16);
                moof.extend_from_slice(&[0, 0, 0, 1]);
                moof.extend_from_slice(b"mdat");
                moof.extend_from_slice(&(bytes + 16).to_be_bytes());
                parts.push((at, moof));
                at += u64::from(len) + 16 + bytes;
                time += run.iter().map(|sample| u64::from(sample.duration)).sum::<u64>();
            }
        }
        Sparse { parts, len: at }
    }
}

const MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

impl Track {
    pub(crate) fn video(samples: Vec<Sample>) -> Self {
        Self {
            timescale: 90_000,
            samples,
            samples_per_chunk: vec![3, 1],
            edit: None,
            entry: video_entry(b"vp08", &[]),
            handler: *b"vide",
        }
    }

    fn chunks(&self) -> Vec<&[Sample]> {
        let mut rest = &self.samples[..];
        let mut chunks = Vec::new();
        for count in self.samples_per_chunk.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, after) = rest.split_at((*count as usize).min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        chunks
    }

    fn trak(&self, id: u32, offsets: Option<&Vec<u64>>, wide: bool) -> Vec<u8> {
        let mut tkhd = words([3, 0, 0, id, 0, 0, 0, 0, 0, 0]);
        tkhd.extend(MATRIX.iter().flat_map(|word| word.to_be_bytes()));
        tkhd.extend_from_slice(&[0; 8]);
        let mdhd = [words([0, 0, 0, self.timescale, 0]), vec![0x15, 0xc7, 0, 0]].concat();
        let hdlr = [&[0; 8][..], &self.handler, &[0; 13]].concat();
        let stbl = atom(b"stbl", &[&self.tables(offsets, wide)]);
        let mdia =
            atom(b"mdia", &[&atom(b"mdhd", &[&mdhd]), &atom(b"hdlr", &[&hdlr]), &atom(b"minf", &[&stbl])]);
        let edts = self.edit.map_or_else(Vec::new, |(empty, media_time, duration)| {
            let mut entries = Vec::new();
            if empty > 0 {
                entries.extend([empty, u32::MAX, 0x0001_0000]);
            }
            entries.extend([duration, media_time, 0x0001_0000]);
            let elst = [words([0, entries.len() as u32 / 3]), words(entries)].concat();
            atom(b"edts", &[&atom(b"elst", &[&elst])])
        });
        atom(b"trak", &[&atom(b"tkhd", &[&tkhd]), &edts, &mdia])
    }

    fn tables(&self, offsets: Option<&Vec<u64>>, wide: bool) -> Vec<u8> {
        let stsd = atom(b"stsd", &[&words([0, 1]), &self.entry]);
        let Some(offsets) = offsets else {
            let empty = |kind| atom(kind, &[&words([0, 0])]);
            let stsz = atom(b"stsz", &[&words([0, 0, 0])]);
            return [stsd, empty(b"stts"), empty(b"stsc"), stsz, empty(b"stco")].concat();
        };
        let table = |kind: &[u8; 4], flags: u32, rows: Vec<Vec<u32>>| {
            atom(kind, &[&words([flags, rows.len() as u32]), &words(rows.into_iter().flatten())])
        };
        let stts = table(b"stts", 0, runs(self.samples.iter().map(|sample| sample.duration)));
        let offset = |sample: &Sample| sample.composition_offset.cast_unsigned();
        let ctts = table(b"ctts", 0x0100_0000, runs(self.samples.iter().map(offset)));
        let counts: Vec<u32> = self.chunks().iter().map(|chunk| chunk.len() as u32).collect();
        let mut stsc: Vec<Vec<u32>> = Vec::new();
        for (count, number) in counts.iter().zip(1..) {
            if stsc.last().is_none_or(|run| run[1] != *count) {
                stsc.push(vec![number, *count, 1]);
            }
        }
        let sizes = words(self.samples.iter().map(|sample| sample.bytes));
        let stsz = atom(b"stsz", &[&words([0, 0, self.samples.len() as u32]), &sizes]);
        let chunks = match wide {
            true => {
                let rows = offsets.iter().map(|at| vec![(at >> 32) as u32, *at as u32]).collect();
                table(b"co64", 0, rows)
            }
            false => table(b"stco", 0, offsets.iter().map(|at| vec![*at as u32]).collect()),
        };
        let keys = self.samples.iter().zip(1u32..).filter(|(sample, _)| sample.key);
        let stss = match self.samples.iter().all(|sample| sample.key) {
            true => Vec::new(),
            false => table(b"stss", 0, keys.map(|(_, number)| vec![number]).collect()),
        };
        [stsd, stts, ctts, table(b"stsc", 0, stsc), stsz, chunks, stss].concat()
    }
}

fn runs(values: impl Iterator<Item = u32>) -> Vec<Vec<u32>> {
    let mut runs: Vec<Vec<u32>> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some(run) if run[1] == value => run[0] += 1,
            _ => runs.push(vec![1, value]),
        }
    }
    runs
}
