//! The binary form of an index: magic, version, everything but the packets as postcard, then the packets of each track
//! column by column.
//!
//! A column is written as what its numbers are above the least of them, in 0, 1, 2, 4 or 8 bytes each. Times are
//! written as differences and places as the gaps between chunks, so that a packet takes 3 to 8 bytes and reading it back
//! is little more than copying. What takes no byte to say takes no memory when read: a damaged form cannot ask for more
//! than a small multiple of its own length.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::column::{BLOCK, Column, Number};
use super::{Oddity, Packets, SourceIndex, Track, TrackKind};
use crate::error::{Error, ErrorKind, Result};
use crate::media::Codec;
use crate::source::Identity;
use crate::time::Timebase;

const MAGIC: &[u8; 8] = b"AQIDX\r\n\x01";
/// Raised with every change of the form; another version is refused, and the index made anew.
const VERSION: u16 = 3;
/// Packets of all tracks that may be said without a byte for each: a day of uncompressed sound. Beyond it the flags are
/// written one by one, so that neither memory nor time of whoever walks the packets is asked for with nothing.
const UNBACKED: usize = 1 << 22;

/// Bytes after which a part of the form is handed over.
const PART: usize = 64 << 10;

/// A [`SourceIndex`] without packets.
#[derive(Serialize, Deserialize)]
struct Head<'a> {
    identity: Cow<'a, Identity>,
    container: Cow<'a, str>,
    tracks: Vec<TrackHead<'a>>,
    scan_oddities: Cow<'a, [Oddity]>,
}

/// A [`Track`] with the number of its packets.
#[derive(Serialize, Deserialize)]
struct TrackHead<'a> {
    id: u32,
    codec: Cow<'a, Codec>,
    profile: Cow<'a, str>,
    language: Cow<'a, str>,
    default: bool,
    timebase: Timebase,
    kind: Cow<'a, TrackKind>,
    sample_entry: Cow<'a, str>,
    configuration: Cow<'a, [u8]>,
    packets: u64,
}

pub(super) fn encode(index: &SourceIndex) -> Result<Vec<u8>> {
    let mut bytes = head(index)?;
    let mut free = UNBACKED;
    index.tracks.iter().for_each(|track| write_packets(&mut bytes, &track.packets, &mut free, &mut |_| ()));
    Ok(bytes)
}

/// SHA-256 of all before the packets, and of the digest of each track's packets.
pub(super) fn digest(index: &SourceIndex) -> Result<String> {
    let mut hasher = Sha256::new_with_prefix(head(index)?);
    index.tracks.iter().for_each(|track| hasher.update(track.packets.digest()));
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// SHA-256 of the packets as they are written, of which only a part at a time is held. Whatever may take no byte takes
/// none: the tracks before have no say.
pub(super) fn packets_digest(packets: &Packets) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut update = |bytes: &mut Vec<u8>| {
        hasher.update(&*bytes);
        bytes.clear();
    };
    write_packets(&mut Vec::new(), packets, &mut { usize::MAX }, &mut update);
    hasher.finalize().into()
}

/// All of the form before the packets.
fn head(index: &SourceIndex) -> Result<Vec<u8>> {
    let head = Head {
        identity: Cow::Borrowed(&index.identity),
        container: Cow::Borrowed(&index.container),
        tracks: index.tracks.iter().map(TrackHead::of).collect(),
        scan_oddities: Cow::Borrowed(&index.scan_oddities),
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    postcard::to_extend(&head, bytes)
        .map_err(|cause| Error::internal("the index cannot be serialised").with_cause(cause.to_string()))
}

pub(super) fn decode(bytes: &[u8]) -> Result<SourceIndex> {
    let rest =
        bytes.strip_prefix(MAGIC).ok_or_else(|| Error::corrupt("this is not an index").at_offset(0))?;
    let (version, body) = rest
        .split_first_chunk::<2>()
        .ok_or_else(|| Error::corrupt("the index ends within its header").at_offset(MAGIC.len() as u64))?;
    let version = u16::from_be_bytes(*version);
    if version != VERSION {
        let message = format!("the index has version {version}, this library reads {VERSION}; make it anew");
        return Err(Error::new(ErrorKind::Mismatch, message));
    }
    let (head, mut rest): (Head<'_>, &[u8]) = postcard::take_from_bytes(body)
        .map_err(|cause| Error::corrupt("the index is damaged").with_cause(cause.to_string()))?;
    let mut index = SourceIndex::new(head.identity.into_owned(), head.container.into_owned());
    index.scan_oddities = head.scan_oddities.into_owned();
    let mut free = UNBACKED;
    for track in head.tracks {
        let at = (bytes.len() - rest.len()) as u64;
        let (number, count) = (track.id, track.packets);
        let mut track = track.into_track();
        track.packets = usize::try_from(count)
            .ok()
            .and_then(|count| read_packets(&mut rest, count, &mut free))
            .ok_or_else(|| Error::corrupt("the packets are damaged").in_track(number).at_offset(at))?;
        index.tracks.push(track);
    }
    if rest.is_empty() {
        return Ok(index);
    }
    Err(Error::corrupt("the index goes on after its end").at_offset((bytes.len() - rest.len()) as u64))
}

impl<'a> TrackHead<'a> {
    fn of(track: &'a Track) -> Self {
        Self {
            id: track.id,
            codec: Cow::Borrowed(&track.codec),
            profile: Cow::Borrowed(&track.profile),
            language: Cow::Borrowed(&track.language),
            default: track.default,
            timebase: track.timebase,
            kind: Cow::Borrowed(&track.kind),
            sample_entry: Cow::Borrowed(&track.sample_entry),
            configuration: Cow::Borrowed(&track.configuration),
            packets: track.packets.len() as u64,
        }
    }

    fn into_track(self) -> Track {
        Track {
            id: self.id,
            codec: self.codec.into_owned(),
            profile: self.profile.into_owned(),
            language: self.language.into_owned(),
            default: self.default,
            timebase: self.timebase,
            kind: self.kind.into_owned(),
            sample_entry: self.sample_entry.into_owned(),
            configuration: self.configuration.into_owned(),
            packets: Packets::default(),
        }
    }
}

/// `part` may take away what is there now and then, and has all of it in the end. What takes no byte to say must be lines in
/// memory too; see [`read_packets`].
fn write_packets(
    out: &mut Vec<u8>,
    packets: &Packets,
    free: &mut usize,
    part: &mut impl FnMut(&mut Vec<u8>),
) {
    let (dts, pts) = (&packets.dts, &packets.pts);
    match dts.as_line() {
        Some((first, step)) => {
            put64(out, first);
            pack_line(out, step, 0);
        }
        None => {
            put64(out, dts.get(0).unwrap_or(0));
            let steps = |block: usize, into: &mut Numbers| {
                dts.unpack(block, into);
                let mut next = dts.get((block + 1) * BLOCK).unwrap_or(0);
                for time in into.iter_mut().rev() {
                    let step = next.wrapping_sub(*time);
                    next = std::mem::replace(time, step);
                }
            };
            pack(out, dts.len().saturating_sub(1), steps, part);
        }
    }
    match (pts.as_line(), dts.as_line()) {
        (Some((pts, pts_step)), Some((dts, dts_step))) => {
            pack_line(out, pts.wrapping_sub(dts), pts_step.wrapping_sub(dts_step));
        }
        (_, from) => {
            let mut ahead = pts.iter().zip(dts.iter()).map(|(pts, dts)| pts.wrapping_sub(dts));
            match ahead.next() {
                Some(first) if from.is_none() && ahead.all(|other| other == first) => {
                    pack_line(out, first, 0);
                }
                _ => {
                    let ahead = |block: usize, into: &mut Numbers| {
                        let mut from = [0; BLOCK];
                        pts.unpack(block, into);
                        dts.unpack(block, &mut from);
                        into.iter_mut().zip(&from).for_each(|(pts, dts)| *pts = pts.wrapping_sub(*dts));
                    };
                    pack(out, pts.len(), ahead, part);
                }
            }
        }
    }
    pack_column(out, &packets.duration, part);
    pack_column(out, &packets.bytes, part);
    pack_column(out, &packets.samples, part);
    let left = if packets.is_all_lines() { free.checked_sub(packets.len()) } else { Some(*free) };
    match left {
        Some(left) => {
            *free = left;
            pack_column(out, &packets.flags, part);
        }
        None => pack(out, packets.len(), |block, into| packets.flags.unpack(block, into), part),
    }
    write_places(out, packets, part);
    part(out);
}

/// `None` where the form is damaged.
fn read_packets(rest: &mut &[u8], count: usize, free: &mut usize) -> Option<Packets> {
    let first = get64(rest)?;
    let dts = match Packed::read(rest, count.saturating_sub(1))? {
        Packed::Line { first: step, step: 0 } => Column::of_line(first, step, count)?,
        Packed::Line { .. } => return None,
        steps => {
            let mut time = first;
            Column::of_blocks(count, |block, into| {
                // The first is said, and before each other stands the step to it.
                steps.fill(block * BLOCK, into);
                for number in into {
                    let step = std::mem::replace(number, time);
                    time = time.wrapping_add(step);
                }
            })
        }
    };
    let pts = match (Packed::read(rest, count)?, dts.line()) {
        (Packed::Line { first: ahead, step: more }, Some((first, step))) => {
            Column::of_line(first.wrapping_add(ahead), step.wrapping_add(more), count)?
        }
        (packed, _) => {
            let ahead = if let Packed::Line { first, .. } = packed { first } else { 0 };
            Column::of_blocks(count, |block, into| {
                let mut aheads = [ahead; BLOCK];
                packed.fill(block * BLOCK, &mut aheads);
                dts.unpack(block, into);
                into.iter_mut().zip(&aheads).for_each(|(time, ahead)| *time = time.wrapping_add(*ahead));
            })
        }
    };
    let duration = Packed::read(rest, count)?.column(count)?;
    let bytes = Packed::read(rest, count)?.column(count)?;
    let samples = Packed::read(rest, count)?.column(count)?;
    let flags = Packed::read(rest, count)?.column(count)?;
    let offset = read_places(rest, count, &bytes)?;
    let packets = Packets::of_columns(pts, dts, duration, bytes, offset, samples, flags);
    if packets.is_kept_as_lines() {
        *free = free.checked_sub(count)?;
    }
    Some(packets)
}

/// Places as such.
const PLACES: u8 = 0;
/// The first place, then those that are not the end of the packet before: where chunks start.
const CHUNKS: u8 = 1;
/// Bytes that a chunk takes.
const CHUNK: usize = 12;

fn write_places(out: &mut Vec<u8>, packets: &Packets, part: &mut impl FnMut(&mut Vec<u8>)) {
    let (offset, bytes) = (&packets.offset, &packets.bytes);
    if offset.as_line().is_none() && bytes.as_line().is_none() {
        // More of them would take longer to say than places.
        let (most, mut count) = (offset.len() * 4 / CHUNK, 0);
        each_chunk(packets, |_, _| {
            count += 1;
            count <= most
        });
        if count <= most {
            out.push(CHUNKS);
            put32(out, count as u32);
            each_chunk(packets, |position, place| {
                put32(out, position as u32);
                put64(out, place);
                if out.len() >= PART {
                    part(out);
                }
                true
            });
            return;
        }
    }
    out.push(PLACES);
    pack_column(out, offset, part);
}

/// Hands over position and place of each chunk's first packet, as long as `to` wants more.
fn each_chunk(packets: &Packets, mut to: impl FnMut(usize, i64) -> bool) {
    let (mut places, mut sizes, mut end) = ([0; BLOCK], [0; BLOCK], 0i64);
    for start in (0..packets.len()).step_by(BLOCK) {
        packets.offset.unpack(start / BLOCK, &mut places);
        packets.bytes.unpack(start / BLOCK, &mut sizes);
        for (position, (place, bytes)) in (start..packets.len()).zip(places.iter().zip(&sizes)) {
            if *place != end && !to(position, *place) {
                return;
            }
            end = place.wrapping_add(*bytes);
        }
    }
}

fn read_places(rest: &mut &[u8], count: usize, bytes: &Column<u32>) -> Option<Column<i64>> {
    let [kind] = take(rest)?;
    if kind == PLACES {
        return Packed::read(rest, count)?.column(count);
    }
    // Sizes that take no byte to say back no list of places.
    if kind != CHUNKS || bytes.line().is_some() {
        return None;
    }
    let chunks = u32::from_le_bytes(take(rest)?) as usize;
    let (list, after) = rest.split_at_checked(chunks.checked_mul(CHUNK)?)?;
    *rest = after;
    let mut list = list.chunks_exact(CHUNK).map(|mut chunk| {
        let position = take(&mut chunk).map(u32::from_le_bytes)? as usize;
        Some((position, get64(&mut chunk)?))
    });
    let mut next = list.next().flatten();
    let mut end = 0i64;
    let places = Column::of_blocks(count, |block, into| {
        bytes.unpack(block, into);
        for (position, number) in (block * BLOCK..count).zip(into) {
            if let Some((_, start)) = next.filter(|(start, _)| *start == position) {
                end = start;
                next = list.next().flatten();
            }
            let bytes = std::mem::replace(number, end);
            end = end.wrapping_add(bytes);
        }
    });
    // Chunks out of order, or beyond the last packet.
    next.is_none().then_some(places)
}

/// A line is written without its numbers.
const LINE: u8 = 0;

fn pack_line(out: &mut Vec<u8>, first: i64, step: i64) {
    out.push(LINE);
    put64(out, first);
    put64(out, step);
}

fn pack_column<T: Number>(out: &mut Vec<u8>, column: &Column<T>, part: &mut impl FnMut(&mut Vec<u8>)) {
    match column.as_line() {
        Some((first, step)) => pack_line(out, first, step),
        None => pack(out, column.len(), |block, into| column.unpack(block, into), part),
    }
}

/// Numbers of a column that are looked at together.
type Numbers = [i64; BLOCK];

/// The width, the least number, and what each is above it: `len` numbers, of which `fill` gives 64 at a time.
fn pack(
    out: &mut Vec<u8>,
    len: usize,
    fill: impl Fn(usize, &mut Numbers),
    part: &mut impl FnMut(&mut Vec<u8>),
) {
    let (mut numbers, mut least, mut most) = ([0; BLOCK], i64::MAX, i64::MIN);
    for start in (0..len).step_by(BLOCK) {
        fill(start / BLOCK, &mut numbers);
        if len - start < BLOCK {
            // What is past the end does not count.
            let last = numbers[0];
            numbers.iter_mut().skip(len - start).for_each(|number| *number = last);
        }
        for number in &numbers {
            (least, most) = (least.min(*number), most.max(*number));
        }
    }
    if len == 0 {
        (least, most) = (0, 0);
    }
    match most.wrapping_sub(least).cast_unsigned() {
        0..=0xff => pack_as(out, len, fill, least, part, |above| [above as u8]),
        0x100..=0xffff => pack_as(out, len, fill, least, part, |above| (above as u16).to_le_bytes()),
        0x1_0000..=0xffff_ffff => pack_as(out, len, fill, least, part, |above| (above as u32).to_le_bytes()),
        _ => pack_as(out, len, fill, least, part, u64::to_le_bytes),
    }
}

fn pack_as<const N: usize>(
    out: &mut Vec<u8>,
    len: usize,
    fill: impl Fn(usize, &mut Numbers),
    least: i64,
    part: &mut impl FnMut(&mut Vec<u8>),
    bytes: impl Fn(u64) -> [u8; N],
) {
    out.push(N as u8);
    put64(out, least);
    let mut numbers = [0; BLOCK];
    for start in (0..len).step_by(BLOCK) {
        fill(start / BLOCK, &mut numbers);
        let mut written = [[0; N]; BLOCK];
        for (place, number) in written.iter_mut().zip(&numbers) {
            *place = bytes(number.wrapping_sub(least).cast_unsigned());
        }
        let count = BLOCK.min(len - start);
        out.extend_from_slice(written.get(..count).unwrap_or_default().as_flattened());
        if out.len() >= PART {
            part(out);
        }
    }
}

/// Numbers as they are written.
enum Packed<'a> {
    Line { first: i64, step: i64 },
    Each { least: i64, width: usize, bytes: &'a [u8] },
}

impl<'a> Packed<'a> {
    fn read(rest: &mut &'a [u8], count: usize) -> Option<Self> {
        let [width] = take(rest)?;
        match width {
            LINE => Some(Self::Line { first: get64(rest)?, step: get64(rest)? }),
            1 | 2 | 4 | 8 => {
                let (least, width) = (get64(rest)?, usize::from(width));
                let (bytes, after) = rest.split_at_checked(count.checked_mul(width)?)?;
                *rest = after;
                Some(Self::Each { least, width, bytes })
            }
            _ => None,
        }
    }

    /// The numbers from `start` on, as many as there are; a line has none.
    fn fill(&self, start: usize, into: &mut Numbers) {
        let Self::Each { least, width, bytes } = self else { return };
        let bytes = bytes.get(start * width..).unwrap_or_default();
        match width {
            1 => fill(*least, bytes, into, |[byte]| byte.into()),
            2 => fill(*least, bytes, into, |word| u16::from_le_bytes(word).into()),
            4 => fill(*least, bytes, into, |word| u32::from_le_bytes(word).into()),
            _ => fill(*least, bytes, into, i64::from_le_bytes),
        }
    }

    /// `None` where a number is too wide.
    fn column<T: Number>(&self, count: usize) -> Option<Column<T>> {
        if let Self::Line { first, step } = self {
            return Column::of_line(*first, *step, count);
        }
        let mut fits = true;
        let column = Column::of_blocks(count, |block, into| {
            self.fill(block * BLOCK, into);
            // What is left of another block fitted there.
            fits &= into.iter().all(|number| T::cut(*number).into() == *number);
        });
        fits.then_some(column)
    }
}

fn fill<const N: usize>(least: i64, bytes: &[u8], into: &mut Numbers, number: impl Fn([u8; N]) -> i64) {
    for (into, bytes) in into.iter_mut().zip(bytes.chunks_exact(N)) {
        *into = least.wrapping_add(bytes.first_chunk().copied().map_or(0, &number));
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn get64(rest: &mut &[u8]) -> Option<i64> {
    take(rest).map(i64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{AudioTrack, Packet, VideoTrack};
    use super::*;

    fn index(packets: &[(i64, u32, u8)]) -> SourceIndex {
        let mut index =
            SourceIndex::new(Identity { bytes: 7, sha256: "ab".repeat(32) }, "matroska,webm".to_owned());
        let kinds = [
            TrackKind::Video(VideoTrack::new(640, 360)),
            TrackKind::Audio(AudioTrack::new(48_000, 2, "stereo")),
            TrackKind::Other,
        ];
        for (id, kind) in (0..).zip(kinds) {
            let mut track = Track::new(id, Codec::Other("x".to_owned()), kind);
            for &(pts, bytes, flags) in packets {
                track.packets.push(Packet {
                    pts,
                    dts: pts.wrapping_sub(1),
                    duration: bytes / 2,
                    bytes,
                    offset: (flags & 8 != 0).then_some(u64::from(bytes)),
                    samples: bytes % 1025,
                    key: flags & 1 != 0,
                    discard: flags & 2 != 0,
                    corrupt: flags & 4 != 0,
                });
            }
            index.tracks.push(track);
        }
        index
    }

    #[test]
    fn says_what_is_wrong() {
        let bytes = index(&[(0, 1, 1)]).to_bytes().unwrap();
        let message = |bytes: &[u8]| SourceIndex::from_bytes(bytes).unwrap_err().to_string();
        assert_eq!(message(b"hello"), "this is not an index (byte 0)");
        assert_eq!(message(&bytes[..9]), "the index ends within its header (byte 8)");
        let mut newer = bytes.clone();
        newer[9] += 1;
        assert!(message(&newer).contains("version 4") && message(&newer).contains("make it anew"));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(message(&longer), format!("the index goes on after its end (byte {})", bytes.len()));
        for len in 10..bytes.len() {
            assert!(SourceIndex::from_bytes(&bytes[..len]).is_err(), "cut at {len}");
        }
    }

    /// A form that says much in few bytes gives no more memory than it has bytes, and few packets.
    #[test]
    fn what_takes_no_byte_takes_no_memory() {
        let mut index = index(&[]);
        index.tracks.truncate(1);
        let head = index.to_bytes().unwrap();
        let empty = head.len() - packets_of(&Packets::default()).len();
        let with = |count: usize, packets: &[u8]| {
            // The number of packets is the last of the track's head, before an empty list of oddities.
            let mut bytes = head[..empty - 2].to_vec();
            bytes.extend(postcard::to_allocvec(&(count as u64)).unwrap());
            bytes.push(0);
            bytes.extend_from_slice(packets);
            SourceIndex::from_bytes(&bytes)
        };
        let lines = &head[empty..];
        assert_eq!(with(0, lines).unwrap(), index);
        assert_eq!(with(UNBACKED, lines).unwrap().tracks[0].packets.len(), UNBACKED);
        assert!(with(UNBACKED + 1, lines).is_err() && with(usize::MAX, lines).is_err());
        // Places by chunks, backed by no sizes; differences of times that are a line themselves.
        let mut chunks = head[empty..head.len() - 18].to_vec();
        chunks.extend([CHUNKS, 0, 0, 0, 0]);
        assert!(with(1 << 20, &chunks).is_err());
        let mut steps = lines.to_vec();
        steps[17] = 1;
        assert!(with(1 << 20, &steps).is_err());
        // A track of more packets says their flags.
        let packet = with(1, lines).unwrap().tracks[0].packets.get(0).unwrap();
        let last = index.tracks.last_mut().unwrap();
        (0..=UNBACKED).for_each(|_| last.packets.push(packet));
        let bytes = index.to_bytes().unwrap();
        assert!(bytes.len() > UNBACKED);
        assert_eq!(SourceIndex::from_bytes(&bytes).unwrap(), index);
    }

    fn packets_of(packets: &Packets) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_packets(&mut bytes, packets, &mut { UNBACKED }, &mut |_| ());
        bytes
    }

    /// Packets as a file has them: nearly all of it lines, chunks, and small differences.
    #[test]
    fn a_packet_takes_few_bytes() {
        let (mut picture, mut sound) = (Packets::default(), Packets::default());
        let mut place = 0;
        for n in 0..10_000u32 {
            let bytes = 3000 + n * 7919 % 40_000;
            place += u64::from(bytes) + if n % 12 == 0 { 9000 } else { 0 };
            let packet = Packet {
                pts: i64::from(n) * 1001 + 1001 * i64::from(n % 3),
                dts: i64::from(n) * 1001,
                duration: 1001,
                bytes,
                offset: Some(place - u64::from(bytes)),
                samples: 0,
                key: n % 48 == 0,
                discard: false,
                corrupt: false,
            };
            picture.push(packet);
            sound.push(Packet { pts: packet.dts, bytes: bytes % 400, samples: 1024, key: true, ..packet });
        }
        // Composition 2, size 2, flags 1, and a twelfth of a chunk.
        assert!(packets_of(&picture).len() < 61_000, "{}", packets_of(&picture).len());
        // Places that are no chunks: 4 bytes.
        assert!(packets_of(&sound).len() < 61_000, "{}", packets_of(&sound).len());
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(packets in prop::collection::vec(any::<(i64, u32, u8)>(), 0..50)) {
            let index = index(&packets);
            let bytes = index.to_bytes().unwrap();
            let read = SourceIndex::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&read, &index);
            prop_assert_eq!(index.sha256().unwrap(), read.sha256().unwrap());
            prop_assert_eq!(index.sha256().unwrap(), index.clone().sha256().unwrap());
        }

        /// A digest that was kept is never that of packets as they were before.
        #[test]
        fn a_change_changes_the_digest(packets in prop::collection::vec(any::<(i32, u32, u8)>(), 1..200), which in 0..5) {
            let packets: Vec<_> = packets.into_iter().map(|(a, b, c)| (i64::from(a), b, c)).collect();
            let mut index = index(&packets);
            let (before, digest) = (index.clone(), index.sha256().unwrap());
            let table = &mut index.tracks[0].packets;
            let first = table.get(0).unwrap();
            match which {
                0 => table.push(first),
                1 => table.shift(1, 0).unwrap(),
                2 => table.discard_where(|_, _| true),
                3 => table.set_samples(0, first.samples + 1),
                _ => {
                    let mut keys = super::super::packets::Marks::none(table.len());
                    if !first.key {
                        keys.mark(0);
                    }
                    table.set_keys(&keys);
                }
            }
            prop_assert_eq!(index.sha256().unwrap() == digest, index == before);
            let read = SourceIndex::from_bytes(&index.to_bytes().unwrap()).unwrap();
            prop_assert_eq!(index.sha256().unwrap(), read.sha256().unwrap());
        }

        /// The same packets are the same bytes, however they came to be; times at the ends of the range too.
        #[test]
        fn equal_indexes_have_equal_bytes(
            times in prop::collection::vec((prop_oneof![any::<i64>(), 0i64..9], prop_oneof![any::<i64>(), 0i64..9]), 0..6),
            line in any::<(i64, i64, bool)>(),
            place in prop::collection::vec((0u32..3, prop_oneof![0i64..9, any::<i64>()]), 6),
        ) {
            let mut packets = Packets::default();
            for (n, ((pts, dts), (bytes, place))) in (0i64..).zip(times.into_iter().zip(place)) {
                let (first, step, lines) = line;
                let on_line = first.wrapping_add(step.wrapping_mul(n));
                let (pts, dts) = if lines { (on_line, on_line.wrapping_add(step)) } else { (pts, dts) };
                packets.push(Packet {
                    pts,
                    dts,
                    duration: bytes,
                    bytes,
                    offset: u64::try_from(place).ok(),
                    samples: 0,
                    key: true,
                    discard: false,
                    corrupt: false,
                });
            }
            let bytes = packets_of(&packets);
            let read = read_packets(&mut &bytes[..], packets.len(), &mut { UNBACKED }).unwrap();
            prop_assert_eq!(&read, &packets);
            prop_assert_eq!(packets_of(&read), bytes.clone());
            // Kept one by one they are the same packets.
            let mut spread = packets.clone();
            spread.offset = Column::of_each(packets.offset.iter());
            spread.dts = Column::of_each(packets.dts.iter());
            spread.bytes = Column::of_each(packets.bytes.iter());
            prop_assert_eq!(packets_of(&spread), bytes);
        }

        #[test]
        fn damage_never_panics(at: prop::sample::Index, value: u8) {
            let mut bytes = index(&[(1, 2, 3), (-4, 5, 6)]).to_bytes().unwrap();
            let at = at.index(bytes.len());
            bytes[at] = value;
            if let Ok(index) = SourceIndex::from_bytes(&bytes) {
                let _ = index.oddities();
            }
        }
    }
}
