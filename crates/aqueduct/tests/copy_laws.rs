//! The laws of copying: every packet once and in order, the same bytes however they are made, few reads, and playlists
//! that tell of it truly.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod copying;
mod shared;

use std::fmt::Write as _;
use std::sync::Arc;

use aqueduct::plan::{AudioLayout, Container, CopyInput, Files, Object, RenditionId, Role};
use aqueduct::playlist::{self, Measured};
use aqueduct::source::{Counting, Faulty, SourceExt};
use aqueduct::{Control, ErrorKind, FileSource, MemorySource, Plan, Presentation, Source};
use copying::{CLIPS, SHAPES, assert_same, present, read_back, settings, testdata, wanted};
use m3u8_rs::Playlist;
use sha2::{Digest, Sha256};

fn open(name: &str) -> Arc<dyn Source> {
    Arc::new(FileSource::open(testdata(name)).unwrap())
}

fn film(name: &str, container: Container, layout: AudioLayout, millis: u64) -> Presentation {
    present(open(name), settings(container, layout, millis)).unwrap()
}

fn ids(presentation: &Presentation) -> Vec<RenditionId> {
    presentation.plan().renditions().iter().map(|rendition| rendition.id).collect()
}

/// All segments of all renditions, one by one.
fn all(presentation: &Presentation) -> Vec<Vec<bytes::Bytes>> {
    let segments = presentation.plan().segments();
    let of = |id: &RenditionId| (0..segments).map(|n| presentation.segment(*id, n).unwrap()).collect();
    ids(presentation).iter().map(of).collect()
}

#[test]
fn every_packet_is_there_once_and_in_order() {
    for name in CLIPS {
        for (container, layout) in SHAPES {
            tiles(name, open(name), container, layout);
        }
    }
    for clip in shared::clips() {
        let name = clip.display().to_string();
        for (container, layout) in SHAPES {
            tiles(&name, Arc::new(FileSource::open(&clip).unwrap()), container, layout);
        }
    }
}

fn tiles(name: &str, source: Arc<dyn Source>, container: Container, layout: AudioLayout) {
    let index = aqueduct::index::mp4::read(&*source, &aqueduct::index::mp4::Limits::default()).unwrap();
    let presentation = present(Arc::clone(&source), settings(container, layout, 1000)).unwrap();
    let plan = presentation.plan();
    for rendition in plan.renditions() {
        let found = read_back(&presentation, &rendition);
        let copies = [rendition.copied_video, rendition.copied_audio];
        for (copy, found) in copies.into_iter().zip(&found) {
            let name = format!("{name} {container:?} {layout:?} {}", rendition.name);
            let wanted = copy.map(|copy| wanted(&*source, &index, copy)).unwrap_or_default();
            assert_same(&name, found, &wanted);
        }
    }
    // What the clips of testdata have, the plan takes: no edit of theirs hides an end.
    for copy in &plan.copies {
        let track = index.track(copy.track).unwrap();
        let shown = track.packets.iter().filter(|packet| !packet.discard).count();
        assert!(copy.packets.last().unwrap() - copy.packets[0] >= shown as u32, "{name}: {}", copy.name);
    }
}

#[test]
fn the_same_bytes_in_any_order_on_any_thread() {
    for name in ["plain-25.mp4", "late-audio.mp4", "open-gop.mp4", "audio-only.m4a"] {
        for (container, layout) in SHAPES {
            let one_by_one = all(&film(name, container, layout, 1000));
            // Columns, backwards, by one maker.
            let presentation = film(name, container, layout, 1000);
            let mut maker = presentation.maker();
            for segment in (0..presentation.plan().segments()).rev() {
                let made = maker.column(segment, &ids(&presentation), &Control::new()).unwrap();
                for (id, made) in made.iter().enumerate() {
                    assert_eq!(
                        made.to_bytes(),
                        one_by_one[id][segment as usize],
                        "{name} {container:?} {layout:?}"
                    );
                }
            }
            // Two threads at once, from both ends, on a presentation that has made nothing yet.
            let presentation = film(name, container, layout, 1000);
            std::thread::scope(|scope| {
                for backwards in [false, true] {
                    let (presentation, one_by_one) = (&presentation, &one_by_one);
                    scope.spawn(move || {
                        let last = presentation.plan().segments() - 1;
                        for segment in 0..=last {
                            let segment = if backwards { last - segment } else { segment };
                            for (id, all) in one_by_one.iter().enumerate() {
                                let made = presentation.segment(RenditionId(id as u32), segment).unwrap();
                                assert_eq!(made, all[segment as usize]);
                            }
                        }
                    });
                }
            });
        }
    }
}

#[test]
fn the_same_bytes_from_any_body_of_a_source() {
    for (container, layout) in SHAPES {
        let from_file = all(&film("plain-25.mp4", container, layout, 1000));
        let bytes = std::fs::read(testdata("plain-25.mp4")).unwrap();
        let memory = Arc::new(MemorySource::new(bytes.clone(), "memory"));
        assert_eq!(all(&present(memory, settings(container, layout, 1000)).unwrap()), from_file);
        // Reads that come back short, as those of a network do.
        let short = Arc::new(Faulty::new(MemorySource::new(bytes, "short"), u64::MAX, 777));
        assert_eq!(all(&present(short, settings(container, layout, 1000)).unwrap()), from_file);
    }
}

#[test]
fn a_segment_reads_little_more_than_itself() {
    for (container, layout) in SHAPES {
        let source = Arc::new(Counting::new(FileSource::open(testdata("plain-25.mp4")).unwrap()));
        let presentation =
            present(Arc::clone(&source) as Arc<dyn Source>, settings(container, layout, 1000)).unwrap();
        let rendition = presentation.plan().renditions()[0].id;
        for segment in 0..presentation.plan().segments() {
            source.reset();
            let made = presentation.segment(rendition, segment).unwrap();
            assert!(source.calls() <= 8, "{container:?} {layout:?}: {} reads", source.calls());
            assert!(source.bytes() < 2 * made.len() as u64, "{} bytes for {}", source.bytes(), made.len());
        }
        // A column costs one pass, however many renditions it has.
        source.reset();
        let made = presentation.column(1).unwrap();
        assert!(source.bytes() < 2 * made.iter().map(|made| made.len() as u64).sum::<u64>());
        // An init section costs nothing.
        source.reset();
        presentation.init(rendition).unwrap();
        assert_eq!(source.bytes(), 0);
    }
}

fn measure(presentation: &Presentation) -> Measured {
    let plan = presentation.plan();
    let renditions = ids(presentation);
    let made = |id: &RenditionId| -> Vec<_> {
        (0..plan.segments()).map(|segment| presentation.made(*id, segment).unwrap()).collect()
    };
    let made: Vec<Vec<_>> = renditions.iter().map(made).collect();
    let sizes = made.iter().map(|made| made.iter().map(aqueduct::Made::len).collect()).collect();
    let keys = made.iter().map(|made| made.iter().map(|made| made.key_frames.clone()).collect()).collect();
    let inits =
        renditions.iter().map(|id| presentation.init(*id).unwrap().map_or(0, |init| init.len() as u64));
    let measured = Measured::new(plan, sizes).unwrap().with_key_frames(plan, keys).unwrap();
    measured.with_inits(inits.collect()).unwrap()
}

#[test]
fn playlists_tell_of_it_truly() {
    for name in CLIPS {
        for (container, layout) in SHAPES {
            for files in [Files::Segments, Files::Single] {
                let mut settings = settings(container, layout, 1000);
                settings.files = files;
                let presentation = present(open(name), settings).unwrap();
                truly(&format!("{name} {container:?} {layout:?} {files:?}"), &presentation);
            }
        }
    }
}

fn truly(name: &str, presentation: &Presentation) {
    let plan = presentation.plan();
    let measured = measure(presentation);
    let master = playlist::multivariant(plan, Some(&measured));
    let Ok((rest, Playlist::MasterPlaylist(list))) = m3u8_rs::parse_playlist(master.as_bytes()) else {
        panic!("{name}: no multivariant playlist:\n{master}");
    };
    assert!(rest.is_empty());
    let keys: Vec<String> = plan.keys().collect();
    for uri in list.variants.iter().map(|variant| &variant.uri) {
        assert!(keys.contains(uri), "{name}: {uri}");
    }
    for media in &list.alternatives {
        assert!(keys.contains(media.uri.as_ref().unwrap()));
        let named = |variant: &&m3u8_rs::VariantStream| variant.audio.as_deref() == Some(&media.group_id);
        assert!(list.variants.iter().any(|variant| named(&variant)));
    }
    for rendition in plan.renditions() {
        let text = playlist::media(plan, rendition.id, Some(&measured)).unwrap();
        // The whole file as a server would have it: init section first, then the segments.
        let mut whole =
            presentation.init(rendition.id).unwrap().map(|init| init.to_vec()).unwrap_or_default();
        let segments: Vec<_> =
            (0..plan.segments()).map(|n| presentation.segment(rendition.id, n).unwrap()).collect();
        segments.iter().for_each(|segment| whole.extend_from_slice(segment));
        let list = media_playlist(name, &text);
        let listed = plan.listed_segments(&rendition) as usize;
        assert_eq!(list.segments.len(), listed, "{name}");
        assert!(segments[listed..].iter().all(|segment| segment.is_empty()), "{name}");
        let mut micros = 0;
        for (segment, (entry, bytes)) in list.segments.iter().zip(&segments).enumerate() {
            let length = plan.rendition_micros(&rendition, segment as u32);
            micros += length;
            assert!((length + 500_000) / 1_000_000 <= list.target_duration);
            if bytes.is_empty() {
                assert!(text.contains("#EXT-X-GAP"), "{name}");
                continue;
            }
            match &entry.byte_range {
                Some(range) => {
                    let start = range.offset.unwrap() as usize;
                    assert_eq!(&whole[start..start + range.length as usize], &bytes[..], "{name}");
                }
                None => {
                    let key = plan.key(Object::Segment(rendition.id, segment as u32)).unwrap();
                    assert!(key.ends_with(&entry.uri));
                }
            }
        }
        // The declared times are those of the units, to within one of them.
        assert!(
            micros.abs_diff(plan.total_micros()) < 1_200_000,
            "{name}: {micros} of {}",
            plan.total_micros()
        );
        let Some(iframes) = playlist::iframes(plan, rendition.id, &measured).unwrap() else {
            assert!(!rendition.has_video(), "{name} has key pictures");
            continue;
        };
        assert!(master.contains(&plan.iframes_key(rendition.id).unwrap()));
        let list = media_playlist(name, &iframes);
        assert!(list.i_frames_only);
        let sum: u64 = iframes.lines().filter_map(|line| line.strip_prefix("#EXTINF:")).map(micros_of).sum();
        assert!(
            sum.abs_diff(micros) < 1_000_000,
            "{name}: the pictures stand for the whole, {sum} of {micros}"
        );
        for entry in &list.segments {
            let range = entry.byte_range.as_ref().unwrap();
            let (from, to) =
                (range.offset.unwrap() as usize, (range.offset.unwrap() + range.length) as usize);
            let bytes: &[u8] = match plan.files {
                Files::Single => &whole,
                _ => &segments[entry.uri[..5].parse::<usize>().unwrap()],
            };
            starts_with_a_key(name, plan.container, &bytes[from..to]);
        }
    }
}

fn micros_of(text: &str) -> u64 {
    let (seconds, micros) = text.trim_end_matches(',').split_once('.').unwrap();
    seconds.parse::<u64>().unwrap() * 1_000_000 + micros.parse::<u64>().unwrap()
}

fn starts_with_a_key(name: &str, container: Container, bytes: &[u8]) {
    match container {
        Container::Ts => {
            assert_eq!(bytes.len() % 188, 0);
            // Sync byte, then payload_unit_start_indicator, then random_access_indicator of the adaptation field.
            assert!(
                bytes[0] == 0x47 && bytes[1] & 0x40 != 0 && bytes[3] & 0x20 != 0 && bytes[5] & 0x40 != 0,
                "{name}"
            );
        }
        _ => assert_eq!(&bytes[4..8], b"styp", "{name}"),
    }
}

fn media_playlist(name: &str, text: &str) -> m3u8_rs::MediaPlaylist {
    match m3u8_rs::parse_playlist(text.as_bytes()) {
        Ok(([], Playlist::MediaPlaylist(list))) => list,
        _ => panic!("{name}: no media playlist:\n{text}"),
    }
}

#[test]
fn a_plan_that_copies_reads_back() {
    for (container, layout) in SHAPES {
        let plan = Arc::clone(film("late-audio.mp4", container, layout, 1000).plan());
        let json = plan.to_json().unwrap();
        assert_eq!(Plan::from_json(&json).unwrap(), *plan);
        for object in plan.objects() {
            let key = plan.key(object).unwrap();
            assert_eq!(plan.object(&key), Some(object), "{key}");
        }
        // Another index, another plan.
        let other = film("plain-25.mp4", container, layout, 2000);
        assert_ne!(other.plan().digest().unwrap(), plan.digest().unwrap());
        let source = open("plain-25.mp4");
        let index = Arc::new(aqueduct::probe(&source).unwrap());
        let error = Presentation::new(source, index, plan).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Mismatch);
    }
}

#[test]
fn a_codec_in_the_wrong_container_names_the_right_one() {
    let source = open("plain-25.mp4");
    let mut index = aqueduct::probe(&source).unwrap();
    let mut build = |codec: aqueduct::media::Codec, container| {
        index.tracks[0].codec = codec;
        let input = CopyInput { index: &index, role: Role::Main };
        let settings = settings(container, AudioLayout::Separate, 1000);
        Plan::copying(vec![input]).settings(settings).build().unwrap_err().to_string()
    };
    // The configuration is that of H.264, so what is looked at first decides what is said; both are errors.
    let text = build(aqueduct::media::Codec::Vp9, Container::Ts);
    assert!(text.contains("publish"), "{text}");
    let mut sound = aqueduct::probe(&open("audio-only.m4a")).unwrap();
    let mut build = |codec, container| {
        sound.tracks[0].codec = codec;
        let input = CopyInput { index: &sound, role: Role::Main };
        let settings = settings(container, AudioLayout::Separate, 1000);
        Plan::copying(vec![input]).settings(settings).build().unwrap_err().to_string()
    };
    assert!(build(aqueduct::media::Codec::Opus, Container::Ts).contains("--container fmp4"));
    assert!(build(aqueduct::media::Codec::Mp3, Container::Fmp4).contains("--container ts"));
}

#[test]
fn key_frames_that_do_not_align_are_told() {
    let plain = aqueduct::probe(&open("plain-25.mp4")).unwrap();
    let other = aqueduct::probe(&open("variable-rate.mp4")).unwrap();
    let inputs = [&plain, &other].map(|index| CopyInput { index, role: Role::Main }).to_vec();
    let error = Plan::copying(inputs)
        .settings(settings(Container::Ts, AudioLayout::Muxed, 1000))
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("input 2") && text.contains("segment") && text.contains(" s "), "{text}");
    // The same film twice aligns: two rungs of one presentation, and a sound in two languages.
    let sound = |language: &str| CopyInput {
        index: &plain,
        role: Role::Sound { language: Some(language.to_owned()) },
    };
    let main = || CopyInput { index: &plain, role: Role::Main };
    let inputs = vec![main(), main(), sound("en"), sound("de")];
    let plan = Plan::copying(inputs)
        .settings(settings(Container::Fmp4, AudioLayout::Separate, 1000))
        .build()
        .unwrap();
    let names: Vec<String> = plan.renditions().iter().map(|rendition| rendition.name.to_owned()).collect();
    assert_eq!(names, ["180p", "180p-2", "en", "de"].map(str::to_owned));
    let master = playlist::multivariant(&plan, None);
    assert_eq!(master.matches("#EXT-X-MEDIA:").count(), 2, "{master}");
    assert!(master.contains("LANGUAGE=\"de\",DEFAULT=NO"), "{master}");
    let source = open("plain-25.mp4");
    let index = Arc::new(plain.clone());
    let inputs = (0..4).map(|_| (Arc::clone(&source), Arc::clone(&index))).collect();
    let presentation = Presentation::of_inputs(inputs, Arc::new(plan)).unwrap();
    let column = presentation.column(0).unwrap();
    assert_eq!(column[0], column[1]);
    assert_eq!(column[2], column[3]);
}

/// Bytes that players and caches hold must not change without [`aqueduct::plan::FORMAT_VERSION`].
#[test]
fn bytes_are_those_of_the_format_version() {
    let mut table = format!("format version {}\n", aqueduct::plan::FORMAT_VERSION);
    for name in [
        "plain-25.mp4",
        "late-audio.mp4",
        "open-gop.mp4",
        "surround-5.1.mp4",
        "audio-only.m4a",
        "fragmented.mp4",
        "he-aac-late.mp4",
        "he-aac-v2.m4a",
    ] {
        for (container, layout) in SHAPES {
            let presentation = film(name, container, layout, 1000);
            let mut hash = Sha256::new();
            for (id, segments) in ids(&presentation).into_iter().zip(all(&presentation)) {
                hash.update(presentation.init(id).unwrap().unwrap_or_default());
                segments.iter().for_each(|segment| hash.update(segment));
            }
            let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(table, "{name} {container:?} {layout:?} {digest}").unwrap();
        }
    }
    let golden = include_str!("copying/golden.txt");
    assert_eq!(
        table, golden,
        "the bytes have changed: raise FORMAT_VERSION, say so in CHANGELOG.md, and put this table into tests/copying/golden.txt"
    );
}

#[test]
fn what_cannot_be_read_is_located() {
    let bytes = std::fs::read(testdata("plain-25.mp4")).unwrap();
    let half = bytes.len() as u64 / 2;
    let mut settings = settings(Container::Ts, AudioLayout::Muxed, 1000);
    settings.files = Files::Segments;
    let whole = Arc::new(MemorySource::new(bytes.clone(), "whole"));
    let index = Arc::new(aqueduct::probe(&(whole.clone() as Arc<dyn Source>)).unwrap());
    let plan = Plan::copying(vec![CopyInput { index: &index, role: Role::Main }])
        .settings(settings)
        .build()
        .unwrap();
    // A disk that dies half-way, after it was identified.
    struct Dying(MemorySource, u64, std::sync::atomic::AtomicBool);
    impl Source for Dying {
        fn len(&self) -> u64 {
            self.0.len()
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> aqueduct::Result<usize> {
            if self.2.load(std::sync::atomic::Ordering::Relaxed) && offset + buffer.len() as u64 > self.1 {
                return Err(aqueduct::Error::new(ErrorKind::Source, "cannot read it").at_offset(self.1));
            }
            self.0.read_at(offset, buffer)
        }
        fn name(&self) -> &str {
            "dying"
        }
    }
    let dying = Arc::new(Dying(MemorySource::new(bytes, "dying"), half, false.into()));
    let presentation = Presentation::new(dying.clone(), index, Arc::new(plan)).unwrap();
    dying.2.store(true, std::sync::atomic::Ordering::Relaxed);
    presentation.segment(RenditionId(0), 0).unwrap();
    let last = presentation.plan().segments() - 1;
    let error = presentation.segment(RenditionId(0), last).unwrap_err();
    assert_eq!((error.kind(), error.place().segment), (ErrorKind::Source, Some(last)));
    assert!(error.place().offset.is_some());
    let mut byte = [0];
    dying.read_exact_at(0, &mut byte).unwrap();
}
