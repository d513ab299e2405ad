//! Packaging of films that are not what they say: they are refused with the place, never published wrongly.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod copying;
mod mp4_writer;

use std::sync::Arc;

use aqueduct::plan::{AudioLayout, Container, CopyInput, CopySettings, Role};
use aqueduct::{ErrorKind, FileSource, MemorySource, Plan, Presentation, Source, SourceIndex, playlist};
use copying::{SHAPES, present, settings, testdata};
use mp4_writer::{File, Sample, Track, atom, audio_entry};

/// A clip in which `change` wrote over the contents of a box, found by its name.
fn changed(clip: &str, kind: &[u8; 4], change: impl Fn(&mut [u8])) -> Arc<dyn Source> {
    let mut bytes = std::fs::read(testdata(clip)).unwrap();
    let at = bytes.windows(4).position(|window| window == kind).unwrap();
    change(&mut bytes[at..]);
    Arc::new(MemorySource::new(bytes, clip))
}

fn first_error(presentation: &Presentation) -> aqueduct::Error {
    let plan = presentation.plan();
    (0..plan.segments()).find_map(|segment| presentation.column(segment).err()).unwrap()
}

#[test]
fn pictures_that_are_marked_as_keys_wrongly_are_refused() {
    // Without its table of key frames, a track says that all are.
    let source = changed("plain-25.mp4", b"stss", |bytes| bytes[..4].copy_from_slice(b"free"));
    for (container, layout) in SHAPES {
        let presentation = present(Arc::clone(&source), settings(container, layout, 2500)).unwrap();
        let error = first_error(&presentation);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.message().contains("marked as a key frame"), "{error}");
        assert!(error.place().micros.is_some_and(|time| time < 2_500_000), "{error}");
    }
}

#[test]
fn pictures_that_should_be_marked_as_keys_do_no_harm() {
    let source = changed("plain-25.mp4", b"stss", |bytes| bytes[8..12].fill(0));
    for (container, layout) in SHAPES {
        let presentation = present(Arc::clone(&source), settings(container, layout, 2500)).unwrap();
        assert_eq!(presentation.plan().segments(), 1);
        presentation.column(0).unwrap();
    }
}

#[test]
fn pictures_that_are_something_else_are_refused() {
    let source = changed("plain-25.mp4", b"mdat", |bytes| bytes[1000..40_000].fill(0xa5));
    for (container, layout) in SHAPES {
        let presentation = present(Arc::clone(&source), settings(container, layout, 2500)).unwrap();
        let error = first_error(&presentation);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.place().micros.is_some_and(|time| time < 4_000_000), "in time of the film: {error}");
        assert!(error.place().offset.is_some(), "{error}");
    }
}

#[test]
fn a_file_that_is_written_to_while_it_is_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    std::fs::copy(testdata("plain-25.mp4"), &path).unwrap();
    let source: Arc<dyn Source> = Arc::new(FileSource::open(&path).unwrap());
    let presentation =
        present(Arc::clone(&source), settings(Container::Fmp4, AudioLayout::Muxed, 2500)).unwrap();
    presentation.column(0).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let error = presentation.column(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source, "{error}");
    assert!(error.to_string().contains("film.mp4"), "{error}");
}

fn ac3(seconds: u32) -> SourceIndex {
    let unit = Sample { duration: 1536, composition_offset: 0, bytes: 128, key: true };
    let mut track = Track::video(vec![unit; (seconds * 48_000 / 1536) as usize]);
    (track.timescale, track.handler) = (48_000, *b"soun");
    track.entry = audio_entry(b"ac-3", 16, &[&atom(b"dac3", &[&[0x10, 0x3d, 0xe0]])]);
    let file = File { tracks: vec![track], gap: 0, moov_last: false, fragments: None }.write();
    aqueduct::index::mp4::read(&file, &Default::default()).unwrap()
}

fn index(clip: &str) -> SourceIndex {
    let source = FileSource::open(testdata(clip)).unwrap();
    aqueduct::index::mp4::read(&source, &Default::default()).unwrap()
}

/// The EXT-X-MEDIA and EXT-X-STREAM-INF lines of a film with these sounds, each with its language.
fn lines(sounds: &[(&SourceIndex, &str)]) -> Vec<String> {
    let film = index("video-only.mp4");
    let mut inputs = vec![CopyInput { index: &film, role: Role::Main }];
    inputs.extend(sounds.iter().map(|(index, language)| CopyInput {
        index,
        role: Role::Sound { language: Some((*language).to_owned()) },
    }));
    let mut settings = CopySettings::default();
    settings.container = Container::Fmp4;
    let plan = Plan::copying(inputs).settings(settings).build().unwrap();
    let text = playlist::multivariant(&plan, None);
    text.lines()
        .filter(|line| line.starts_with("#EXT-X-MEDIA") || line.contains("STREAM-INF"))
        .map(str::to_owned)
        .collect()
}

/// All groups of one type have the same members (RFC 8216bis §4.4.6.1.1), else the bit rate would choose the language.
#[test]
fn every_group_of_sounds_has_every_language() {
    let (aac, ac3) = (index("audio-only.m4a"), ac3(8));
    let different = lines(&[(&aac, "en"), (&ac3, "de")]);
    let media: Vec<_> = different.iter().filter(|line| line.contains("TYPE=AUDIO")).collect();
    assert_eq!(media.len(), 2);
    assert!(media.iter().all(|line| line.contains("GROUP-ID=\"audio\"")), "{different:#?}");
    assert_eq!(media.iter().filter(|line| line.contains("DEFAULT=YES")).count(), 1);
    let variants: Vec<_> = different.iter().filter(|line| line.starts_with("#EXT-X-STREAM-INF")).collect();
    assert_eq!(variants.len(), 1);
    assert!(variants[0].contains("mp4a.40.2,ac-3\""), "{different:#?}");

    let both = lines(&[(&aac, "en"), (&aac, "deu"), (&ac3, "en"), (&ac3, "de")]);
    assert_eq!(both.iter().filter(|line| line.starts_with("#EXT-X-STREAM-INF")).count(), 2, "{both:#?}");
    for (group, name) in [("aac", "English"), ("aac", "German"), ("ac3", "English"), ("ac3", "German")] {
        let wanted = format!("GROUP-ID=\"{group}\",NAME=\"{name}\"");
        assert!(both.iter().any(|line| line.contains(&wanted)), "{wanted} {both:#?}");
    }
}
