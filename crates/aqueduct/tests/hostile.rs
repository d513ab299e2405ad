//! What a library is given may lie: another source, another index, an index that says things that are not so. It is
//! refused or survived; it never panics, and no wrong byte comes out.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is a test's way to speak")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aqueduct::index::{Packet, Packets, TrackKind};
use aqueduct::{
    Control, Error, ErrorKind, FileSource, MemorySource, Plan, Presentation, Source, SourceIndex, engine,
    probe,
};
use common::{clip, short};
use proptest::prelude::*;

fn source(name: &str) -> Arc<dyn Source> {
    Arc::new(FileSource::open(clip(name)).unwrap())
}

fn plan(index: &SourceIndex) -> Result<Arc<Plan>, Error> {
    Plan::builder(index, engine().unwrap()).settings(short()).build().map(Arc::new)
}

fn refusal(source: Arc<dyn Source>, index: &Arc<SourceIndex>, plan: &Arc<Plan>) -> Error {
    Presentation::new(source, Arc::clone(index), Arc::clone(plan)).err().unwrap()
}

#[test]
fn another_source_is_refused() {
    let index = Arc::new(probe(&source("video-only.mp4")).unwrap());
    let plan = plan(&index).unwrap();
    let other = refusal(source("plain-25.mp4"), &index, &plan);
    assert_eq!(other.kind(), ErrorKind::Mismatch, "{other}");
    // One byte in the middle is enough.
    let mut bytes = std::fs::read(clip("video-only.mp4")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let changed = refusal(Arc::new(MemorySource::new(bytes, "changed")), &index, &plan);
    assert_eq!(changed.kind(), ErrorKind::Mismatch, "{changed}");
}

#[test]
fn another_index_is_refused() {
    let source = source("plain-25.mp4");
    let index = probe(&source).unwrap();
    let plan = plan(&index).unwrap();
    let mut other = index.clone();
    let last = other.tracks[0].packets.len() - 1;
    other.tracks[0].packets = edited(&index.tracks[0].packets, |position, packet| {
        packet.key |= position == last;
    });
    let error = refusal(Arc::clone(&source), &Arc::new(other), &plan);
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
    assert!(Presentation::new(source, Arc::new(index), plan).is_ok());
}

/// A disk with a hole from one byte on, once it is told where. What lies far behind can be read: libav looks at the end.
struct Holed {
    film: MemorySource,
    hole: AtomicU64,
}

impl Source for Holed {
    fn len(&self) -> u64 {
        self.film.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> aqueduct::Result<usize> {
        const HOLE: u64 = 40_000;
        let hole = self.hole.load(Ordering::Relaxed);
        let left = match offset {
            _ if offset < hole => hole - offset,
            _ if offset - hole < HOLE => {
                return Err(Error::new(ErrorKind::Source, "the disk is broken").at_offset(offset));
            }
            _ => u64::MAX,
        };
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.film.read_at(offset, &mut buffer[..count])
    }

    fn name(&self) -> &str {
        "holed"
    }
}

/// libav gives what it has of a packet when reading fails within it, and tells of the failure with the next one. A segment
/// whose last packet that is would be stored, and stay.
#[test]
fn a_source_that_fails_anywhere_spoils_no_segment() {
    const FRAGMENTS: &str = "+empty_moov+default_base_moof";
    let (mut failed, mut made) = (0, 0);
    for form in [&["mp4", "-movflags", FRAGMENTS, "-frag_duration", "1000000"][..], &["mpegts"], &["adts"]] {
        let name = form[0];
        let sound = ["-f", "lavfi", "-i", "anoisesrc=d=12:seed=1", "-c:a", "aac", "-b:a", "256k", "-f"];
        let words: Vec<&str> = sound.iter().chain(form).chain(&["-"]).copied().collect();
        let bytes = common::run("ffmpeg", &words, b"");
        let holed = || Holed { film: MemorySource::new(bytes.clone(), name), hole: u64::MAX.into() };
        let healthy: Arc<dyn Source> = Arc::new(holed());
        let index = Arc::new(probe(&healthy).unwrap());
        let plan = plan(&index).unwrap();
        let whole = Presentation::new(healthy, Arc::clone(&index), Arc::clone(&plan)).unwrap();
        let (sound, segment) = (plan.renditions()[0].id, plan.segments() / 2);
        let expected = whole.segment(sound, segment).unwrap();
        // Within packets near the end of the segment: libav reads some way ahead.
        let cut = plan.micros(plan.span(segment).unwrap().end) as f64 / 1e6;
        let track = &index.tracks[0];
        let first = track.packets.get(0).unwrap().pts;
        let near = track
            .packets
            .iter()
            .filter(|packet| (cut - 0.2..cut + 2.0).contains(&track.timebase.seconds(packet.pts - first)));
        for hole in near.step_by(3).filter_map(|packet| Some(packet.offset? + u64::from(packet.bytes) / 2)) {
            let source = Arc::new(holed());
            let film = Presentation::new(source.clone(), Arc::clone(&index), Arc::clone(&plan)).unwrap();
            source.hole.store(hole, Ordering::Relaxed);
            match film.segment(sound, segment) {
                Ok(bytes) => {
                    made += 1;
                    assert!(bytes == expected, "{name}, failing from byte {hole}: other bytes");
                }
                Err(error) => {
                    failed += 1;
                    assert_eq!(error.kind(), ErrorKind::Source, "{name}, failing from byte {hole}: {error}");
                }
            }
        }
    }
    assert!(failed > 0 && made > 0, "{failed} failed, {made} made");
}

/// libav reads as many planes as the layout has: the count must not be taken on trust.
#[test]
fn a_layout_that_is_not_the_track_s_is_refused() {
    let source = source("plain-25.mp4");
    for (layout, channels) in [("7.1", 1), ("mono", 8), ("nonsense", 1), ("", 1), ("stereo", 0)] {
        let mut index = probe(&source).unwrap();
        for track in &mut index.tracks {
            if let TrackKind::Audio(audio) = &mut track.kind {
                (audio.layout, audio.channels) = (layout.to_owned(), channels);
            }
        }
        let error = made(&source, index).unwrap_err();
        assert!(
            [ErrorKind::Corrupt, ErrorKind::Unsupported].contains(&error.kind()),
            "{layout}, {channels}: {error}"
        );
    }
}

/// No clip of `testdata`; its decoder has codes of its own for damage.
const VORBIS: &str = "vorbis";

fn whole(clip: &str) -> Vec<u8> {
    static MADE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let make = || {
        let sound =
            ["-f", "lavfi", "-i", "anoisesrc=d=1:seed=1", "-ac", "2", "-c:a", "libvorbis", "-f", "webm", "-"];
        common::run("ffmpeg", &sound, b"")
    };
    if clip == VORBIS { MADE.get_or_init(make).clone() } else { std::fs::read(common::clip(clip)).unwrap() }
}

fn memory(bytes: &[u8]) -> Arc<dyn Source> {
    Arc::new(MemorySource::new(bytes.to_vec(), "memory"))
}

fn edited(packets: &Packets, edit: impl Fn(usize, &mut Packet)) -> Packets {
    let mut edited = Packets::default();
    for (position, mut packet) in packets.iter().enumerate() {
        edit(position, &mut packet);
        edited.push(packet);
    }
    edited
}

/// Every segment that an index leads to, or why not.
fn made(source: &Arc<dyn Source>, index: SourceIndex) -> Result<usize, Error> {
    let plan = plan(&index)?;
    let presentation = Presentation::new(Arc::clone(source), Arc::new(index), plan)?;
    let plan = presentation.plan();
    let first = plan.renditions()[0].id;
    let mut maker = presentation.maker();
    // A lie about time may ask for hours; the first, a middle and the last segment tell enough.
    let segments = [0, plan.segments() / 2, plan.segments() - 1];
    for segment in segments {
        let column = maker.column(segment, &[first], &Control::new())?;
        assert!(column[0].len().is_multiple_of(188) && !column[0].is_empty());
    }
    Ok(segments.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A damaged packet costs its own sound or picture, not the presentation.
    #[test]
    fn a_damaged_packet_is_survived(
        clip in prop::sample::select(vec!["plain-25.mp4", "surround-5.1.mp4", "odd-vp9.webm", VORBIS]),
        track in 0usize..2,
        position in 5usize..40,
        noise in prop::collection::vec(any::<u8>(), 16..200),
    ) {
        let mut bytes = whole(clip);
        let index = probe(&memory(&bytes)).unwrap();
        let packets = &index.tracks[track % index.tracks.len()].packets;
        let packet = packets.get(position % packets.len()).unwrap();
        // Matroska counts its block's header in; that much is left as it is, and so is the container.
        let start = packet.offset.unwrap() as usize + 16;
        for (byte, noise) in bytes[start..].iter_mut().take((packet.bytes as usize).saturating_sub(16)).zip(noise) {
            *byte = noise;
        }
        let damaged = memory(&bytes);
        let index = probe(&damaged).unwrap();
        made(&damaged, index).unwrap();
    }

    /// An index comes back from a cache, where anyone may have changed it.
    #[test]
    fn an_index_that_lies_is_survived(
        clip in prop::sample::select(vec!["plain-25.mp4", "transport.ts", "audio-only.mp3", "odd-vp9.webm"]),
        track in 0usize..2,
        position in 0usize..60,
        ticks in prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(1i64 << 40), -200_000i64..200_000],
        what in 0u8..8,
        rest in any::<bool>(),
    ) {
        let source = source(clip);
        let mut index = probe(&source).unwrap();
        let count = index.tracks.len();
        let track = &mut index.tracks[track % count];
        track.packets = edited(&track.packets, |at, packet| {
            if at != position && !(rest && at > position) {
                return;
            }
            match what {
                0 => packet.pts = ticks,
                1 => packet.dts = ticks,
                2 => packet.pts = packet.pts.wrapping_add(ticks),
                3 => (packet.pts, packet.dts) = (packet.dts.wrapping_add(ticks), packet.dts.wrapping_add(ticks)),
                4 => packet.duration = ticks.unsigned_abs() as u32,
                5 => packet.samples = ticks.unsigned_abs() as u32,
                6 => packet.key = !packet.key,
                _ => packet.discard = !packet.discard,
            }
        });
        if let Err(error) = made(&source, index) {
            prop_assert!(
                [ErrorKind::Corrupt, ErrorKind::Limit, ErrorKind::Unsupported].contains(&error.kind()),
                "{error}"
            );
        }
    }
}
