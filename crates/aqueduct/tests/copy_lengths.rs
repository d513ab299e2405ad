//! What `package` makes where pictures and sound of a source differ in length: it breaks no rule, in any shape.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod check_world;
mod copying;
mod mp4_writer;

use std::collections::BTreeSet;
use std::sync::Arc;

use aqueduct::check::{Finding, Level, Profile, Rule};
use aqueduct::media::Codec;
use aqueduct::plan::{
    AudioLayout, Container, CopyInput, CopySettings, Files, Length, MULTIVARIANT_KEY, Role,
};
use aqueduct::{
    ErrorKind, FileSource, MemorySource, Plan, Presentation, Result, Source, SourceIndex, playlist,
};
use check_world::{World, stored};
use copying::{CLIPS, testdata};
use mp4_writer::{File, Sample, Sparse, Track, atom, audio_entry, video_entry, words};

/// Every way to package, the layout that is asked for or left to us.
fn modes() -> impl Iterator<Item = CopySettings> {
    let layouts = [None, Some(AudioLayout::Muxed), Some(AudioLayout::Separate)];
    let containers = [Container::Ts, Container::Fmp4];
    let files = [Files::Segments, Files::Single];
    let mode = move |number: usize| {
        let mut settings = CopySettings::default();
        settings.container = containers[number % 2];
        settings.files = files[number / 2 % 2];
        settings.audio_layout = layouts[number / 4];
        settings.segment = Some(Length::from_millis(2000));
        settings
    };
    (0..12).map(mode)
}

fn read(source: &dyn Source) -> SourceIndex {
    aqueduct::index::mp4::read(source, &aqueduct::index::mp4::Limits::default()).unwrap()
}

fn packaged(source: &Arc<dyn Source>, settings: &CopySettings) -> Result<Presentation> {
    let index = Arc::new(read(&**source));
    let inputs = vec![CopyInput { index: &index, role: Role::Main }];
    let plan = Plan::copying(inputs).settings(settings.clone()).build()?;
    assert_eq!(Plan::from_json(&plan.to_json().unwrap()).unwrap(), plan);
    Presentation::new(Arc::clone(source), index, Arc::new(plan))
}

/// Checks what is made of `source` in every mode; returns the rules that are told as warnings.
fn told(
    name: &str,
    source: &Arc<dyn Source>,
    is_torn: bool,
    faults: &mut Vec<String>,
) -> BTreeSet<&'static str> {
    let mut warnings = BTreeSet::new();
    for settings in modes() {
        let named =
            format!("{name} {:?} {:?} {:?}", settings.container, settings.files, settings.audio_layout);
        let made = match packaged(source, &settings) {
            Ok(made) => made,
            Err(error) => {
                // A codec that the container does not hold, or a stream that is missing in some segment.
                let text = error.to_string();
                let is_asked = settings.audio_layout == Some(AudioLayout::Muxed);
                let torn = is_torn && is_asked && text.contains("leave out --audio-layout muxed");
                if error.kind() != ErrorKind::Unsupported || !(torn || text.contains("--container")) {
                    faults.push(format!("{named}: {text}"));
                }
                continue;
            }
        };
        let report = stored(&made).check(&[Profile::Rfc, Profile::Players, Profile::Apple]);
        // Apple's guide asks for much that a film of a few seconds has not.
        let is_ours = |rule: &Rule| rule.profile != Profile::Apple || rule.id == "TM-EXTINF-SUM";
        let weighty = report.findings.iter().filter(|finding| finding.level > Level::Note);
        for finding in weighty.filter(|finding| is_ours(finding.rule)) {
            warnings.insert(finding.rule.id);
            if finding.level == Level::Error {
                let place = &finding.place;
                faults.push(format!("{named}: {} {place:?} {}", finding.rule.id, finding.message));
            }
        }
    }
    warnings
}

#[test]
fn clips_break_no_rule() {
    let mut faults = Vec::new();
    for clip in CLIPS {
        let source: Arc<dyn Source> = Arc::new(FileSource::open(testdata(clip)).unwrap());
        told(clip, &source, false, &mut faults);
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// What a film's sound is coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sound {
    Aac,
    Ac3,
    Mp3,
    Flac,
    Opus,
}

/// Units of a track, and their times.
struct Stock {
    timescale: u32,
    entry: Vec<u8>,
    samples: Vec<Sample>,
    units: Vec<Vec<u8>>,
}

impl Stock {
    fn of_clip(codec: &Codec) -> Self {
        let bytes = std::fs::read(testdata("flash-beep.mp4")).unwrap();
        let index = read(&MemorySource::new(bytes.clone(), "clip"));
        let track = index.tracks.iter().find(|track| track.codec == *codec).unwrap();
        let configuration = &track.configuration;
        let entry = match codec {
            Codec::H264 => video_entry(b"avc1", &[&atom(b"avcC", &[configuration])]),
            _ => audio_entry(b"mp4a", 16, &[&atom(b"esds", &[configuration])]),
        };
        let sample = |packet: &aqueduct::index::Packet| Sample {
            duration: packet.duration,
            composition_offset: (packet.pts - packet.dts) as i32,
            bytes: packet.bytes,
            key: packet.key,
        };
        let unit = |packet: &aqueduct::index::Packet| {
            bytes[packet.offset.unwrap() as usize..][..packet.bytes as usize].to_vec()
        };
        let packets: Vec<_> = track.packets.iter().collect();
        // Whole groups of pictures, so that they can be said again; units of sound have one length.
        let mut keys = packets.iter().enumerate().filter(|(_, packet)| packet.key).map(|(at, _)| at);
        let packets = match codec {
            Codec::H264 => &packets[..keys.next_back().unwrap()],
            _ => &packets[1..packets.len() - 2],
        };
        Self {
            timescale: track.timebase.den(),
            entry,
            samples: packets.iter().map(sample).collect(),
            units: packets.iter().map(unit).collect(),
        }
    }

    /// Units that begin with `head`, of so many samples at 48 kHz.
    fn of(entry: Vec<u8>, samples: u32, head: &[u8], bytes: usize) -> Self {
        let mut unit = head.to_vec();
        unit.resize(bytes, 0x5a);
        let sample = Sample { duration: samples, composition_offset: 0, bytes: bytes as u32, key: true };
        Self { timescale: 48_000, entry, samples: vec![sample], units: vec![unit] }
    }

    fn new(sound: Sound) -> Self {
        match sound {
            Sound::Aac => Self::of_clip(&Codec::Aac),
            // ETSI TS 102 366 §4.3: 48 kHz, 32 kb/s.
            Sound::Ac3 => {
                let entry = audio_entry(b"ac-3", 16, &[&atom(b"dac3", &[&[0x10, 0x3d, 0xe0]])]);
                Self::of(entry, 1536, &[0x0b, 0x77, 0, 0, 0x00, 0x40, 0x2f, 0x84], 128)
            }
            // MPEG-1 layer III, 128 kb/s at 48 kHz.
            Sound::Mp3 => {
                let esds = [&[0, 0, 0, 0, 3, 18, 0, 1, 0, 4, 13, 0x6b, 0x15][..], &[0; 11]].concat();
                let entry = audio_entry(b"mp4a", 16, &[&atom(b"esds", &[&esds])]);
                Self::of(entry, 1152, &[0xff, 0xfb, 0x94, 0x00], 384)
            }
            Sound::Flac => {
                let mut info = vec![0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0b, 0xb8, 0x02, 0xf0];
                info.resize(34, 0);
                let block = [&words([0, 0x8000_0022])[..], &info].concat();
                Self::of(audio_entry(b"fLaC", 16, &[&atom(b"dfLa", &[&block])]), 4096, &[0xff, 0xf8], 900)
            }
            Sound::Opus => {
                let config = [0, 2, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0];
                let entry = audio_entry(b"Opus", 16, &[&atom(b"dOps", &[&config])]);
                Self::of(entry, 960, &[0xfc], 160)
            }
        }
    }

    /// A track that begins `late` milliseconds after the film and lasts `millis`, with its units in order.
    fn track(&self, handler: [u8; 4], late: u32, millis: u32) -> (Track, Vec<Vec<u8>>) {
        let end = u64::from(millis) * u64::from(self.timescale) / 1000;
        let mut track = Track::video(Vec::new());
        let (mut time, mut units) = (0, Vec::new());
        for (sample, unit) in self.samples.iter().zip(&self.units).cycle() {
            if time >= end {
                break;
            }
            time += u64::from(sample.duration);
            track.samples.push(*sample);
            units.push(unit.clone());
        }
        track.timescale = self.timescale;
        track.handler = handler;
        track.entry = self.entry.clone();
        // Pictures are shown from the first on, whatever their composition offset.
        let skipped = self.samples[0].composition_offset.max(0) as u32;
        let length = (time * 1000 / u64::from(self.timescale)) as u32;
        track.edit = Some((late, skipped, length));
        (track, units)
    }
}

/// A film: for pictures and for sound when they begin and how long they last, in milliseconds.
fn film(pictures: Option<(u32, u32)>, sound: Option<(Sound, u32, u32)>) -> Arc<dyn Source> {
    let pictures = pictures.map(|(late, millis)| Stock::of_clip(&Codec::H264).track(*b"vide", late, millis));
    let sound = sound.map(|(sound, late, millis)| Stock::new(sound).track(*b"soun", late, millis));
    written(pictures.into_iter().chain(sound))
}

fn written(tracks: impl IntoIterator<Item = (Track, Vec<Vec<u8>>)>) -> Arc<dyn Source> {
    let (tracks, units): (Vec<_>, Vec<_>) = tracks.into_iter().unzip();
    let mut file = File { tracks, gap: 0, moov_last: false, fragments: None }.write();
    let index = read(&file);
    for (track, units) in index.tracks.iter().zip(&units) {
        let place =
            |(packet, unit): (aqueduct::index::Packet, &Vec<u8>)| (packet.offset.unwrap(), unit.clone());
        let parts: Vec<_> = track.packets.iter().zip(units).map(place).collect();
        file.parts.extend(parts);
    }
    Arc::new(MemorySource::new(bytes(&file), "film.mp4"))
}

/// So many pictures at 30000/1001 a second, their times rounded to `timescale`.
fn rung(pictures: usize, timescale: u32) -> Arc<dyn Source> {
    written([paced(pictures, timescale)])
}

fn paced(pictures: usize, timescale: u32) -> (Track, Vec<Vec<u8>>) {
    let stock = Stock::of_clip(&Codec::H264);
    let time = |pictures: u64| (pictures * 1001 * u64::from(timescale) + 15_000) / 30_000;
    let sample = |(at, sample): (u64, &Sample)| {
        let shown = at + sample.composition_offset as u64 / u64::from(sample.duration);
        let duration = (time(at + 1) - time(at)) as u32;
        Sample { duration, composition_offset: (time(shown) - time(at)) as i32, ..*sample }
    };
    let mut track =
        Track::video((0..).zip(stock.samples.iter().cycle()).map(sample).take(pictures).collect());
    track.timescale = timescale;
    track.entry = stock.entry.clone();
    let skipped = track.samples[0].composition_offset as u32;
    track.edit = Some((0, skipped, (pictures * 1001).div_ceil(30) as u32));
    (track, stock.units.into_iter().cycle().take(pictures).collect())
}

#[test]
fn a_rung_may_last_a_picture_longer_where_sound_goes_on_behind_both() {
    let samples = Stock::of_clip(&Codec::H264).samples;
    let group = samples.iter().skip(1).position(|sample| sample.key).map_or(samples.len(), |at| at + 1);
    // Far from a key frame: there the longer one has none.
    let pictures = 8 * group + group / 2;
    let millis = (pictures * 1001).div_ceil(30) as u32;
    let mut settings = CopySettings::default();
    settings.segment = Some(Length::from_millis((group as u64 * 1001).div_ceil(30)));
    for (timescale, other) in [(12_800, 12_800), (30_000, 30_000), (30_000, 12_800), (12_800, 90_000)] {
        let rung = |pictures: usize, timescale: u32| {
            let sound = Stock::new(Sound::Aac).track(*b"soun", 0, millis + 4000);
            written([paced(pictures, timescale), sound])
        };
        let shorter = rung(pictures, timescale);
        let longer = rung(pictures + 1, other);
        for inputs in [[&shorter, &longer], [&longer, &shorter]] {
            let read = inputs.map(|source| (Arc::clone(source), Arc::new(read(&**source))));
            let named = read.iter().map(|(_, index)| CopyInput { index, role: Role::Main }).collect();
            let plan = Plan::copying(named).settings(settings.clone()).build();
            let plan = plan.unwrap_or_else(|error| panic!("{timescale} {other}: {error}"));
            let listed = plan.renditions().into_iter().filter(|it| it.copied_video.is_some());
            let listed = listed.map(|it| playlist::media(&plan, it.id, None).unwrap());
            let listed: Vec<_> = listed.map(|text| text.matches("#EXTINF:").count()).collect();
            assert!(listed.len() == 2 && listed[0] == listed[1], "{timescale} {other}: {listed:?}");
            let film = Presentation::of_inputs(read.to_vec(), Arc::new(plan)).unwrap();
            let report = stored(&film).check(&[Profile::Rfc, Profile::Players]);
            let errors: Vec<_> = report.findings.iter().filter(|found| found.level == Level::Error).collect();
            assert!(errors.is_empty(), "{timescale} {other}: {errors:#?}");
        }
    }
}

#[test]
fn a_rung_may_end_at_a_cut_of_another_timescale() {
    let samples = Stock::of_clip(&Codec::H264).samples;
    let group = samples.iter().skip(1).position(|sample| sample.key).map_or(samples.len(), |at| at + 1);
    let mut settings = CopySettings::default();
    settings.segment = Some(Length::from_millis((group as u64 * 1001).div_ceil(30)));
    let whole = rung(8 * group, 30_000);
    let wholly = read(&*whole);
    for timescale in [1000, 12_800, 15_360, 30_000, 44_100, 90_000] {
        let short = rung(7 * group, timescale);
        let shortly = read(&*short);
        let inputs = [&wholly, &shortly].map(|index| CopyInput { index, role: Role::Main }).to_vec();
        let plan = Plan::copying(inputs).settings(settings.clone()).build();
        let plan = plan.unwrap_or_else(|error| panic!("{timescale}: {error}"));
        assert_eq!(plan.segments(), 8, "{timescale}");
        let listed = plan.renditions().into_iter().map(|it| playlist::media(&plan, it.id, None).unwrap());
        let listed: Vec<_> = listed.map(|text| text.matches("#EXTINF:").count()).collect();
        assert_eq!(listed, [8, 7], "{timescale}");
        let inputs = [(&whole, &wholly), (&short, &shortly)];
        let inputs = inputs.map(|(source, index)| (Arc::clone(source), Arc::new(index.clone()))).to_vec();
        let film = Presentation::of_inputs(inputs, Arc::new(plan)).unwrap();
        let report = stored(&film).check(&[Profile::Rfc, Profile::Players]);
        let errors: Vec<_> = report.findings.iter().filter(|found| found.level == Level::Error).collect();
        assert!(errors.is_empty(), "{timescale}: {errors:#?}");
    }
}

fn bytes(file: &Sparse) -> Vec<u8> {
    let mut bytes = vec![0; file.len as usize];
    for (start, part) in &file.parts {
        bytes[*start as usize..][..part.len()].copy_from_slice(part);
    }
    bytes
}

/// Sounds of every coding against pictures of eight seconds: what they are called, their own beginning and length, the
/// pictures' beginning and length, and whether a segment is left without one of them where nothing is filled.
const LENGTHS: [(&str, [u32; 4], bool); 11] = [
    ("alike", [0, 8000, 0, 8000], false),
    ("a little late", [400, 7600, 0, 8000], false),
    ("late", [1100, 6900, 0, 8000], false),
    ("very late", [5300, 2700, 0, 8000], true),
    ("ends a little early", [0, 7500, 0, 8000], false),
    ("ends early", [0, 3100, 0, 8000], true),
    ("in the middle", [2900, 1900, 0, 8000], true),
    ("late pictures", [0, 11_000, 3000, 8000], false),
    ("pictures end a little early", [0, 9000, 0, 8600], false),
    ("pictures end early", [0, 13_300, 0, 6000], true),
    ("pictures end within a segment", [0, 13_300, 0, 6700], true),
];

#[test]
fn films_of_any_lengths_break_no_rule() {
    let mut faults = Vec::new();
    for sound in [Sound::Aac, Sound::Ac3, Sound::Mp3, Sound::Flac, Sound::Opus] {
        for (name, [late, millis, pictures_late, pictures], is_torn) in LENGTHS {
            let source = film(Some((pictures_late, pictures)), Some((sound, late, millis)));
            let warnings = told(&format!("{sound:?} {name}"), &source, is_torn, &mut faults);
            // Silence fills the sound; nothing fills pictures.
            let is_whole = sound == Sound::Aac && !name.contains("within");
            assert!(!is_whole || warnings.is_empty(), "{sound:?} {name}: {warnings:?}");
        }
        told(&format!("{sound:?} alone"), &film(None, Some((sound, 0, 8000))), false, &mut faults);
    }
    told("pictures alone", &film(Some((0, 8000)), None), false, &mut faults);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_hole_is_a_warning_where_it_is_proven() {
    let mut settings = CopySettings::default();
    settings.audio_layout = Some(AudioLayout::Separate);
    settings.segment = Some(Length::from_millis(2000));
    let made = |late, millis| {
        let source = film(Some((0, 8000)), Some((Sound::Ac3, late, millis)));
        let film = packaged(&source, &settings).unwrap();
        let sound = film.plan().renditions().into_iter().find(|it| !it.has_video()).unwrap().id;
        (stored(&film), film.plan().playlist_key(sound).unwrap())
    };
    let weight = |world: &World, key| {
        let report = world.check_at(key, &[Profile::Rfc]);
        let of = |finding: &Finding| (finding.place.segment, finding.level, finding.message.clone());
        report.findings.iter().filter(|found| found.rule.id == "TM-EXTINF-MATCH").map(of).collect::<Vec<_>>()
    };
    let (mut late, playlist) = made(1100, 6900);
    let found = weight(&late, MULTIVARIANT_KEY);
    assert!(matches!(&found[..], [(Some(0), Level::Warning, _)]), "{found:?}");
    assert!(found[0].2.contains("the sound covers 0.9"), "{found:?}");
    let alone = weight(&late, &playlist);
    assert!(matches!(&alone[..], [(Some(0), Level::Error, _)]), "{alone:?}");
    late.edit(&playlist, "#EXTINF:2.0", "#EXTINF:2.9");
    let wrong = weight(&late, MULTIVARIANT_KEY);
    assert!(matches!(&wrong[..], [(Some(0), Level::Error, _)]), "EXTINF is longer than the hole: {wrong:?}");

    let (mut early, playlist) = made(0, 3100);
    let found = weight(&early, MULTIVARIANT_KEY);
    assert!(matches!(&found[..], [(Some(1), Level::Warning, _)]), "{found:?}");
    assert!(found[0].2.contains("at the end of the segment"), "{found:?}");
    early.edit_all(&playlist, "#EXT-X-GAP\n", "");
    assert!(weight(&early, MULTIVARIANT_KEY).iter().all(|(_, level, _)| *level == Level::Error));
}
