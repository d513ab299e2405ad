//! Both readers of MP4, ours from the tables and libav's demuxer, say the same of every clip.
//!
//! Where they differ on purpose:
//! - libav leaves out samples that an edit list hides, once no shown one needs them; ours marks all hidden ones as
//!   not presented. So what libav left out must be hidden in ours, and encoder delay is compared as a time.
//! - In a fragmented file libav shifts times by the edit list, but forgets how much at the start is not to be heard.
//! - Of HE-AAC that only the rate of its sample entry announces, libav's demuxer tells the core.
//! - libav lists a cover picture as a stream of its own; in the file it is metadata, and ours does not list it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is a test's way to speak")]

mod codec_clips;
mod common;
mod shared;

use std::path::Path;
use std::sync::Arc;

use aqueduct::index::{TrackKind, mp4};
use aqueduct::media::{Codec, avc, codec_string, hevc};
use aqueduct::time::{Rounding, Timebase};
use aqueduct::{FileSource, Source, SourceIndex, probe};
use common::clip;

#[test]
fn every_clip_has_one_index() {
    let folder = clip("");
    let mut clips: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    clips.extend(shared::clips());
    clips.retain(|path| path.extension().is_some_and(|extension| extension == "mp4" || extension == "m4a"));
    clips.sort();
    assert!(clips.len() >= 22);
    for path in &clips {
        agree(path);
    }
}

/// Every coding that is packaged, in every form of MP4.
#[test]
fn every_codec_has_one_index() {
    for clip in codec_clips::clips() {
        let index = agree(&clip.path);
        let entry = |wanted: fn(&TrackKind) -> bool| {
            index.tracks.iter().find(|track| wanted(&track.kind)).map(|track| track.sample_entry.as_str())
        };
        assert_eq!(entry(|kind| matches!(kind, TrackKind::Video(_))), clip.video, "{}", clip.name);
        assert_eq!(entry(|kind| matches!(kind, TrackKind::Audio(_))), clip.audio, "{}", clip.name);
        // Whatever was in band is in the configuration now.
        for track in &index.tracks {
            codec_string(&track.codec, &track.sample_entry, &track.configuration).unwrap();
            let complete = match track.codec {
                Codec::H264 => avc::DecoderConfiguration::parse(&track.configuration).unwrap().is_complete(),
                Codec::H265 => hevc::DecoderConfiguration::parse(&track.configuration).unwrap().is_complete(),
                _ => true,
            };
            assert!(complete, "{}", clip.name);
        }
    }
}

/// Our index of a file, which says what libav's says.
fn agree(path: &Path) -> SourceIndex {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let source: Arc<dyn Source> = Arc::new(FileSource::open(path).unwrap());
    let fragmented = std::fs::read(path).unwrap().windows(4).any(|window| window == b"moof");
    assert!(mp4::sniff(&*source).unwrap(), "{name}");
    let ours = mp4::read(&*source, &mp4::Limits::default()).unwrap();
    let theirs = probe(&source).unwrap();
    assert_eq!((&ours.identity, &ours.container), (&theirs.identity, &theirs.container), "{name}");
    for (our, their) in ours.tracks.iter().zip(&theirs.tracks) {
        let what = format!("{name}, track {}", our.id);
        let is_implicit = name == "he-aac-late.mp4" && our.codec == Codec::Aac;
        let profile = if is_implicit { &our.profile } else { &their.profile };
        assert_eq!(
            (our.id, &our.codec, &our.profile, &our.language, our.default, our.timebase),
            (their.id, &their.codec, profile, &their.language, their.default, their.timebase),
            "{what}"
        );
        match (&our.kind, &their.kind) {
            (TrackKind::Audio(our), TrackKind::Audio(their)) if is_implicit => {
                println!("{what}: {our:?} {their:?}");
                assert_eq!(our.sample_rate, 44_100, "{what}");
            }
            (our, their) => kinds_agree(our, their, &what),
        }
        let mut listed = their.packets.iter().peekable();
        for packet in our.packets.iter() {
            match listed.next_if(|other| other.offset == packet.offset) {
                Some(other) => {
                    let facts =
                        |packet: &aqueduct::index::Packet| (packet.pts, packet.dts, packet.bytes, packet.key);
                    assert_eq!(facts(&packet), facts(&other), "{what}: {packet:?} {other:?}");
                    // libav's decoder says nothing about units that are not presented, and its demuxer does not
                    // know how long the last sample of a fragment is.
                    assert!(
                        [0, packet.samples].contains(&other.samples) || other.duration == 0 || is_implicit,
                        "{what}: {packet:?} {other:?}"
                    );
                    assert!(packet.discard || !other.discard, "{what}: {packet:?} {other:?}");
                }
                None => assert!(packet.discard, "{what}: {packet:?} is not in libav's list"),
            }
        }
        assert_eq!(listed.next(), None, "{what}: libav lists more");
        let start = |track: &aqueduct::index::Track| match &track.kind {
            TrackKind::Audio(facts) => {
                let rate = Timebase::new(1, facts.sample_rate).unwrap();
                let first = track.packets.get(0).unwrap().pts;
                (track.timebase.rescale(first, rate, Rounding::Nearest), i64::from(facts.start_skip))
            }
            _ => (0, 0),
        };
        let ((our, skip), (their, their_skip)) = (start(our), start(their));
        let unaware = fragmented && their_skip == 0 && our == their;
        assert!(
            unaware || is_implicit || our + skip == their + their_skip,
            "{what}: the first sample that is heard"
        );
    }
    assert!(
        theirs.tracks.iter().skip(ours.tracks.len()).all(|track| track.kind == TrackKind::Other),
        "{name}"
    );
    ours
}

fn kinds_agree(our: &TrackKind, their: &TrackKind, what: &str) {
    match (our, their) {
        (TrackKind::Video(our), TrackKind::Video(their)) => assert_eq!(our, their, "{what}"),
        (TrackKind::Audio(our), TrackKind::Audio(their)) => assert_eq!(
            (our.sample_rate, our.channels, &our.layout),
            (their.sample_rate, their.channels, &their.layout),
            "{what}"
        ),
        (our, their) => assert_eq!(our, their, "{what}"),
    }
}
