//! What is packaged by copying, in the eyes of others: ffprobe finds the packets of the source with their times, keys
//! and bytes in our playlists, ffmpeg decodes the same pictures and the same sound from them, and mp4box.js and the `mp4`
//! crate read the same samples.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod codec_clips;
mod copying;
mod shared;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aqueduct::media::Codec;
use aqueduct::media::aac::{AudioSpecificConfig, Signalling};
use aqueduct::media::esds::ElementaryStream;
use aqueduct::plan::{AudioLayout, Container, CopiedTrack, Object};
use aqueduct::playlist::{self, Measured};
use aqueduct::{ErrorKind, FileSource, Presentation, Source, SourceIndex};
use codec_clips::clips;
use copying::{CLIPS, SHAPES, assert_same, present, read_back, settings, testdata, wanted};
use serde_json::Value;

/// What times are rounded by, in microseconds: a transport stream has ticks of 90 kHz, and ffprobe counts on in whole
/// ones from the first access unit of a PES packet.
const ROUNDING: i64 = 30;

/// What an edit list rounds a time to: it is in milliseconds in most files.
const EDIT_ROUNDING: i64 = 1_500;

/// Pictures and sound, in this order wherever there is one thing for each.
const KINDS: [&str; 2] = ["video", "audio"];

fn open(path: &Path) -> Arc<dyn Source> {
    Arc::new(FileSource::open(path).unwrap())
}

fn read_index(source: &dyn Source) -> SourceIndex {
    aqueduct::index::mp4::read(source, &aqueduct::index::mp4::Limits::default()).unwrap()
}

/// Runs a tool of FFmpeg's: what it prints, and what it complains of without the addresses of its objects.
fn listen(tool: &str, arguments: &[&str]) -> (String, Vec<String>) {
    let output =
        Command::new(tool).args(["-v", "warning"]).args(arguments).output().unwrap_or_else(|error| {
            panic!(
                "{tool} does not start ({error}): this test needs it; install it with `apt install ffmpeg`"
            )
        });
    let said = String::from_utf8_lossy(&output.stderr);
    let plain = |line: &str| line.rsplit_once("] ").map_or(line, |(_, text)| text).to_owned();
    let mut said: Vec<String> = said.lines().map(plain).collect();
    if !output.status.success() {
        said.push(format!("{tool} {arguments:?} failed"));
    }
    (String::from_utf8(output.stdout).unwrap(), said)
}

/// A packet as ffprobe shows it, times in microseconds.
#[derive(Debug)]
struct Packet {
    pts: i64,
    dts: i64,
    size: String,
    key: bool,
    /// Whether an edit list hides it.
    hidden: bool,
    /// Where it lies in its file.
    place: String,
    hash: String,
}

impl Packet {
    /// `None` for a packet without times, such as the cover of an album.
    fn parse(packet: &Value) -> Option<Self> {
        let text = |name: &str| packet[name].as_str().unwrap_or_default().to_owned();
        let micros = |name: &str| text(name).parse().map(|time: f64| (time * 1e6).round() as i64).ok();
        let flags = text("flags");
        Some(Self {
            pts: micros("pts_time")?,
            dts: micros("dts_time")?,
            size: text("size"),
            key: flags.contains('K'),
            hidden: flags.contains('D'),
            place: text("pos"),
            hash: text("data_hash"),
        })
    }
}

/// All packets, in the order of each stream.
fn packets(path: &Path, options: &[&str]) -> ([Vec<Packet>; 2], Vec<String>) {
    let entries = "packet=codec_type,pts_time,dts_time,size,pos,flags,data_hash";
    let show = ["-show_data_hash", "md5", "-show_entries", entries, "-of", "json", path.to_str().unwrap()];
    let (text, said) = listen("ffprobe", &[options, &show].concat());
    let list: Value = serde_json::from_str(&text).unwrap();
    let list = list["packets"].as_array().unwrap();
    let of =
        |kind| list.iter().filter(|packet| packet["codec_type"] == kind).filter_map(Packet::parse).collect();
    (KINDS.map(of), said)
}

/// Checksums of every decoded picture, and of every decoded frame of sound.
fn decoded(path: &Path, options: &[&str], kinds: [bool; 2]) -> ([Vec<String>; 2], Vec<String>) {
    let mut arguments = options.to_vec();
    arguments.extend(["-i", path.to_str().unwrap()]);
    for map in [kinds[0].then_some("0:v:0"), kinds[1].then_some("0:a:0")].into_iter().flatten() {
        arguments.extend(["-map", map]);
    }
    arguments.extend(["-fps_mode", "passthrough", "-f", "framehash", "-hash", "murmur3", "-"]);
    let (text, said) = listen("ffmpeg", &arguments);
    let mut found = [Vec::new(), Vec::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        // The stream, three times, the size and the checksum; checksums of side data may follow.
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let kind = if kinds[0] && fields[0] == "0" { 0 } else { 1 };
        found[kind].push(fields[5].to_owned());
    }
    (found, said)
}

/// A source as others see it.
struct Original {
    name: String,
    path: PathBuf,
    index: SourceIndex,
    /// All packets, as the sample tables have them.
    stored: [Vec<Packet>; 2],
    /// What an edit list leaves of them, and when they are played.
    played: [Vec<Packet>; 2],
    decoded: [Vec<String>; 2],
    /// What FFmpeg says of the source itself.
    said: Vec<String>,
}

impl Original {
    fn see(name: &str, path: &Path) -> Self {
        let index = read_index(&*open(path));
        let all = ["-ignore_editlist", "1"];
        // The pictures as they are coded: HLS has no word for how they are to be turned.
        let coded = ["-ignore_editlist", "1", "-noautorotate"];
        let (stored, mut said) = packets(path, &all);
        let (played, more) = packets(path, &[]);
        said.extend(more);
        let kinds = [index.main_video().is_some(), index.main_audio().is_some()];
        let (decoded, more) = decoded(path, &coded, kinds);
        said.extend(more);
        Self { name: name.to_owned(), path: path.to_owned(), index, stored, played, decoded, said }
    }

    /// What a reader should find of a copied track in its file.
    fn track(&self, copy: &CopiedTrack) -> Mp4Track {
        let stored = &self.stored[usize::from(!copy.is_video())][range(copy)];
        // ffprobe does not hand on the flags of H.264 in a playlist: it looks into the pictures.
        let (before, after) = silence(copy);
        let silent = |count| std::iter::repeat_n(false, count);
        let others = stored.iter().map(|packet| !packet.key);
        let keys = different(silent(before).chain(others).chain(silent(after)));
        let samples = before + stored.len() + after;
        // Others do not look for what is announced at the end of a config.
        let track = self.index.track(copy.track).unwrap();
        let config = ElementaryStream::parse(&track.configuration).ok().map(|stream| stream.config);
        let extension = config.and_then(|config| AudioSpecificConfig::parse(config).ok()?.extension);
        let is_hidden = extension.is_some_and(|found| found.signalling == Signalling::BackwardCompatible);
        let codec = if is_hidden { "mp4a.40.2".to_owned() } else { copy.codec_string.clone() };
        Mp4Track { codec, samples, keys }
    }

    /// Checksums of what is heard of the copied units where a decoder begins with them: as ADTS, beside a playlist.
    fn heard_alone(&self, list: &Path, copy: &CopiedTrack) -> Vec<String> {
        let (source, track) = (open(&self.path), self.index.track(copy.track).unwrap());
        let config = ElementaryStream::parse(&track.configuration).unwrap().config;
        let config = AudioSpecificConfig::parse(config).unwrap();
        let units = track.packets.iter().take(range(copy).end).skip(range(copy).start).flat_map(|packet| {
            let mut unit = vec![0; packet.bytes as usize];
            aqueduct::source::SourceExt::read_exact_at(&*source, packet.offset.unwrap(), &mut unit).unwrap();
            [config.adts_header(unit.len()).unwrap().to_vec(), unit].concat()
        });
        let path = list.with_file_name("units.aac");
        fs::write(&path, units.collect::<Vec<u8>>()).unwrap();
        decoded(&path, &[], [false, true]).0[1].clone()
    }

    /// Codecs of what is packaged.
    fn codecs(&self) -> Vec<Codec> {
        let video = self.index.main_video().map(|(track, _)| track.codec.clone());
        video.into_iter().chain(self.index.main_audio().map(|(track, _)| track.codec.clone())).collect()
    }
}

/// Whether RFC 8216bis §3.1 lets a container hold a codec; and what an error says where it does not.
fn holds(container: Container, codec: &Codec) -> Result<(), &'static str> {
    match (container, codec) {
        (Container::Ts, Codec::H265 | Codec::Av1 | Codec::Opus | Codec::Flac) => Err("--container fmp4"),
        (Container::Fmp4, Codec::Mp3) => Err("--container ts"),
        _ => Ok(()),
    }
}

/// A presentation; or `None`, where the container cannot hold a codec of the source and the error names the other one.
fn package(
    name: &str,
    path: &Path,
    codecs: &[Codec],
    shape: (Container, AudioLayout),
) -> Option<Presentation> {
    let made = present(open(path), settings(shape.0, shape.1, 1000));
    match codecs.iter().find_map(|codec| holds(shape.0, codec).err()) {
        None => Some(made.unwrap_or_else(|error| panic!("{name} {shape:?}: {error}"))),
        Some(word) => {
            let error = made.err().unwrap_or_else(|| panic!("{name} {shape:?} is packaged"));
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{name} {shape:?}: {error}");
            assert!(error.message().contains(word), "{name} {shape:?}: {error}");
            None
        }
    }
}

/// Writes all that a server needs; returns for each rendition its init section and segments, joined.
fn write_all(presentation: &Presentation, folder: &Path) -> Vec<Vec<u8>> {
    let plan = presentation.plan();
    let ids: Vec<_> = plan.renditions().iter().map(|rendition| rendition.id).collect();
    let write = |object: Object, bytes: &[u8]| {
        let Some(key) = plan.key(object) else { return };
        let path = folder.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let (mut sizes, mut keys, mut inits, mut whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for id in &ids {
        let init = presentation.init(*id).unwrap().unwrap_or_default();
        write(Object::Init(*id), &init);
        let made: Vec<_> =
            (0..plan.segments()).map(|segment| presentation.made(*id, segment).unwrap()).collect();
        sizes.push(made.iter().map(aqueduct::Made::len).collect());
        keys.push(made.iter().map(|made| made.key_frames.clone()).collect());
        inits.push(init.len() as u64);
        let mut joined = init.to_vec();
        for (segment, made) in (0u32..).zip(&made) {
            write(Object::Segment(*id, segment), &made.to_bytes());
            joined.extend(made.to_bytes());
        }
        whole.push(joined);
    }
    let measured = Measured::new(plan, sizes).unwrap().with_key_frames(plan, keys).unwrap();
    let measured = measured.with_inits(inits).unwrap();
    for id in &ids {
        let list = playlist::media(plan, *id, Some(&measured)).unwrap();
        write(Object::Playlist(*id), list.as_bytes());
    }
    write(Object::Multivariant, playlist::multivariant(plan, Some(&measured)).as_bytes());
    whole
}

/// An fMP4 output for the readers that take files: its path, and its tracks.
type Mp4 = (PathBuf, Vec<Mp4Track>);

/// What is to be found in a track.
struct Mp4Track {
    /// Its name in CODECS.
    codec: String,
    samples: usize,
    /// Which of them are key frames.
    keys: Vec<usize>,
}

/// What FFmpeg finds different.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn check(&mut self, is_right: bool, text: impl FnOnce() -> String) {
        if !is_right {
            self.0.push(text());
        }
    }
}

/// Packages a source in all shapes that its codecs allow and compares; returns the fMP4 files that it leaves.
fn compare(original: &Original, folder: &Path, faults: &mut Faults) -> Vec<Mp4> {
    let mut files = Vec::new();
    for shape in SHAPES {
        let Some(presentation) = package(&original.name, &original.path, &original.codecs(), shape) else {
            continue;
        };
        let folder = folder.join(format!("{}.{:?}.{:?}", original.name, shape.0, shape.1));
        let (plan, whole) = (presentation.plan(), write_all(&presentation, &folder));
        let output = |name: &str, copies| {
            let name = format!("{} {:?} {:?} {name}", original.name, shape.0, shape.1);
            Output { name, original, container: shape.0, copies }
        };
        let mut shifts = Vec::new();
        for (rendition, whole) in plan.renditions().iter().zip(whole) {
            let joined = folder.join(format!("{}.{}", rendition.id.0, shape.0.extension()));
            fs::write(&joined, whole).unwrap();
            let copies = [rendition.copied_video, rendition.copied_audio];
            // ffprobe gives the first two packets of a playlist of sound in transport streams the same time.
            let quirk = shape.0 == Container::Ts && !rendition.has_video();
            let list = folder.join(plan.playlist_key(rendition.id).unwrap());
            let path = if quirk { &joined } else { &list };
            shifts.extend(output(rendition.name, copies).compare_packets(path, faults));
            if shape.0 == Container::Fmp4 {
                files.push((joined, copies.into_iter().flatten().map(|copy| original.track(copy)).collect()));
            }
        }
        let main = [true, false].map(|video| plan.copies.iter().find(|copy| copy.is_video() == video));
        output("master", main).compare_frames(&folder.join(plan.key(Object::Multivariant).unwrap()), faults);
        // Pictures and sound play as far from each other as in the source.
        let spread = shifts.iter().max().unwrap() - shifts.iter().min().unwrap();
        faults.check(spread <= EDIT_ROUNDING, || {
            format!("{} {shape:?}: tracks are moved by {spread} µs", original.name)
        });
    }
    files
}

/// Packets of the source that are copied.
fn range(copy: &CopiedTrack) -> std::ops::Range<usize> {
    let (before, after) = silence(copy);
    copy.packets[0] as usize..*copy.packets.last().unwrap() as usize - before - after
}

/// Silent packets before and after them.
fn silence(copy: &CopiedTrack) -> (usize, usize) {
    copy.silence.map_or((0, 0), |silence| (silence.before as usize, silence.after as usize))
}

/// What stands between the silent ones.
fn sounding<'a, T>(found: &'a [T], copy: &CopiedTrack) -> &'a [T] {
    let (before, after) = silence(copy);
    found.get(before..found.len().saturating_sub(after)).unwrap_or_default()
}

/// A playlist that was written, and the source.
struct Output<'a> {
    name: String,
    original: &'a Original,
    container: Container,
    /// The pictures and the sound that it plays.
    copies: [Option<&'a CopiedTrack>; 2],
}

impl Output<'_> {
    /// FFmpeg says nothing of our output that it does not say of the source.
    fn quiet(&self, said: &[String], faults: &mut Faults) {
        let new: Vec<_> = said.iter().filter(|line| !self.original.said.contains(line)).collect();
        faults.check(new.is_empty(), || format!("{}: FFmpeg says {new:?}", self.name));
    }

    /// Every packet has the time, key flag and bytes of the source. Returns by how much each track is moved against what
    /// is played of the source.
    fn compare_packets(&self, path: &Path, faults: &mut Faults) -> Vec<i64> {
        let (found, said) = packets(path, &[]);
        self.quiet(&said, faults);
        let mut shifts = Vec::new();
        for (kind, copy) in self.copies.into_iter().enumerate() {
            let (name, found) = (format!("{} {}", self.name, KINDS[kind]), &found[kind]);
            let Some(copy) = copy else {
                faults.check(found.is_empty(), || format!("{name} is there"));
                continue;
            };
            let stored = &self.original.stored[kind][range(copy)];
            let found = sounding(found, copy);
            if found.len() != stored.len() {
                faults.0.push(format!("{name}: {} packets for {}", found.len(), stored.len()));
                continue;
            }
            let pairs = || found.iter().zip(stored);
            let moved: Vec<i64> = pairs()
                .flat_map(|(found, stored)| [found.pts - stored.pts, found.dts - stored.dts])
                .collect();
            let (least, most) = (moved.iter().min().unwrap(), moved.iter().max().unwrap());
            faults.check(most - least <= ROUNDING, || format!("{name}: moved by {least} to {most} µs"));
            let keys: Vec<usize> = different(pairs().map(|(found, stored)| found.key == stored.key));
            faults.check(keys.is_empty(), || format!("{name}: key flags of {keys:?}"));
            // A transport stream has start codes and headers of its own.
            if self.container == Container::Fmp4 || !matches!(copy.codec, Codec::H264 | Codec::Aac) {
                let bytes = different(
                    pairs().map(|(found, stored)| (&found.size, &found.hash) == (&stored.size, &stored.hash)),
                );
                faults.check(bytes.is_empty(), || format!("{name}: bytes of {bytes:?}"));
            }
            self.compare_played(&name, kind, found, stored, &mut shifts, faults);
        }
        shifts
    }

    /// What the source plays is there, and one shift leads from each of its times to ours.
    fn compare_played(
        &self,
        name: &str,
        kind: usize,
        found: &[Packet],
        stored: &[Packet],
        shifts: &mut Vec<i64>,
        faults: &mut Faults,
    ) {
        for played in self.original.played[kind].iter().filter(|packet| !packet.hidden) {
            // Files have a place for every packet, so that is its identity.
            let Some(at) = stored.iter().position(|stored| stored.place == played.place) else {
                faults.0.push(format!("{name}: the source plays {played:?}"));
                continue;
            };
            shifts.push(found[at].pts - played.pts);
        }
    }

    /// ffmpeg decodes the pictures and the sound of the source.
    fn compare_frames(&self, list: &Path, faults: &mut Faults) {
        let (found, said) = decoded(list, &[], self.copies.map(|copy| copy.is_some()));
        self.quiet(&said, faults);
        for (kind, copy) in self.copies.into_iter().enumerate() {
            let Some(copy) = copy else { continue };
            let range = range(copy);
            let mut stored = &self.original.decoded[kind][..];
            // Priming that is longer than a copy takes along is missing to the decoder too.
            let alone =
                (copy.codec == Codec::Aac && range.start > 0).then(|| self.original.heard_alone(list, copy));
            if let Some(alone) = &alone {
                stored = alone;
            }
            // An edit list hides an end of the sound, which is not copied: a packet is a frame.
            if copy.codec == Codec::Aac && alone.is_none() && range.end < self.original.stored[kind].len() {
                stored = &stored[..range.end];
            }
            let name = format!("{} {}", self.name, KINDS[kind]);
            let found = sounding(&found[kind], copy);
            faults.check(found == stored, || {
                let mut text = format!("{name}: {} frames for {}", found.len(), stored.len());
                let wrong = different(found.iter().zip(stored).map(|(found, stored)| found == stored));
                write!(text, ", {} differ; packets {range:?}", wrong.len()).unwrap();
                text
            });
        }
    }
}

/// Where something is not so.
fn different(same: impl Iterator<Item = bool>) -> Vec<usize> {
    same.enumerate().filter(|(_, same)| !same).map(|(at, _)| at).collect()
}

/// All sources, the longest first so that no thread is left with one of them: their names and files.
fn sources() -> Vec<(String, PathBuf)> {
    let shared =
        shared::clips().into_iter().map(|path| (path.file_name().unwrap().to_string_lossy().into(), path));
    let own = CLIPS.map(|name| (name.to_owned(), testdata(name)));
    // The other forms differ in nothing that FFmpeg would see in our output.
    let made = clips().iter().filter(|clip| clip.name.ends_with(".last.mp4"));
    shared.chain(own).chain(made.map(|clip| (clip.name.clone(), clip.path.clone()))).collect()
}

/// Runs `job` for each number below `count`, on two threads.
fn on_two_threads(count: usize, job: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        numbers.take_while(|number| *number < count).for_each(&job);
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
}

#[test]
fn others_find_in_our_segments_what_they_find_in_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources();
    let results = Mutex::new((Faults::default(), Vec::new()));
    on_two_threads(sources.len(), |number| {
        let (name, path) = &sources[number];
        let mut faults = Faults::default();
        let files = compare(&Original::see(name, path), folder.path(), &mut faults);
        let mut results = results.lock().unwrap();
        results.0.0.extend(faults.0);
        results.1.extend(files);
    });
    let (mut faults, files) = results.into_inner().unwrap();
    assert!(files.len() >= sources.len(), "{} files of fMP4", files.len());
    files.iter().for_each(|file| the_mp4_crate(file, &mut faults));
    mp4box(&files, &mut faults);
    assert!(faults.0.is_empty(), "{} faults:\n{}", faults.0.len(), faults.0.join("\n"));
}

/// The `mp4` crate finds every sample, and the coding where it knows it.
fn the_mp4_crate((path, tracks): &Mp4, faults: &mut Faults) {
    let bytes = fs::read(path).unwrap();
    let length = bytes.len() as u64;
    let reader = mp4::Mp4Reader::read_header(std::io::Cursor::new(bytes), length).unwrap();
    let by_id: BTreeMap<_, _> = reader.tracks().iter().collect();
    let found: Vec<_> =
        by_id.values().map(|track| (track.media_type().ok(), track.sample_count() as usize)).collect();
    let expected: Vec<_> = tracks
        .iter()
        .map(|track| {
            let known = match &track.codec[..4] {
                "avc1" => Some(mp4::MediaType::H264),
                "hev1" => Some(mp4::MediaType::H265),
                "mp4a" => Some(mp4::MediaType::AAC),
                _ => None,
            };
            (known, track.samples)
        })
        .collect();
    faults.check(found == expected, || format!("{}: the mp4 crate reads {found:?}", path.display()));
}

/// mp4box.js finds every sample and every key frame, and gives every coding the name that the playlist has.
fn mp4box(files: &[Mp4], faults: &mut Faults) {
    const TRACKS: &str = "
        const tracks = mp4.getInfo().tracks.map((track) => {
            const keys = mp4.getTrackSamplesInfo(track.id).flatMap((sample, at) => sample.is_sync ? [at] : []);
            return `${track.codec} ${track.nb_samples} [${keys.join(', ')}]`;
        });
        console.log(tracks.join('; '));";
    let paths: Vec<&Path> = files.iter().map(|(path, _)| path.as_path()).collect();
    let Some(found) = codec_clips::mp4box(&paths, TRACKS) else { return };
    assert_eq!(found.len(), files.len());
    for (found, (path, tracks)) in found.iter().zip(files) {
        let track = |track: &Mp4Track| {
            // It knows no more of a colour than AV1's short name has.
            let parts = if track.codec.starts_with("av01") { 4 } else { usize::MAX };
            let name: Vec<&str> = track.codec.split('.').take(parts).collect();
            format!("{} {} {:?}", name.join("."), track.samples, track.keys)
        };
        let expected = tracks.iter().map(track).collect::<Vec<_>>().join("; ");
        // Its hexadecimal digits are small.
        faults.check(found.to_lowercase() == expected.to_lowercase(), || {
            format!("{}: mp4box.js reads {found} for {expected}", path.display())
        });
    }
}

/// Every coding in every form of MP4: each packet once, in order, with its bytes, time and key flag.
#[test]
fn every_packet_of_every_coding_and_form_is_there_once_and_in_order() {
    let clips = clips();
    assert!(clips.len() >= 50, "{}", clips.len());
    on_two_threads(clips.len(), |number| {
        let clip = &clips[number];
        let source = open(&clip.path);
        let index = read_index(&*source);
        let codecs: Vec<Codec> = index.tracks.iter().map(|track| track.codec.clone()).collect();
        for shape in SHAPES {
            if let Some(presentation) = package(&clip.name, &clip.path, &codecs, shape) {
                tiles(&format!("{} {shape:?}", clip.name), &*source, &index, &presentation);
            }
        }
    });
}

fn tiles(name: &str, source: &dyn Source, index: &SourceIndex, presentation: &Presentation) {
    for rendition in presentation.plan().renditions() {
        let found = read_back(presentation, &rendition);
        for (copy, found) in [rendition.copied_video, rendition.copied_audio].into_iter().zip(&found) {
            let wanted = copy.map(|copy| wanted(source, index, copy)).unwrap_or_default();
            assert_same(&format!("{name} {}", rendition.name), found, &wanted);
        }
    }
    // These clips have no edit that hides an end.
    for copy in &presentation.plan().copies {
        assert_eq!(range(copy), 0..index.track(copy.track).unwrap().packets.len(), "{name}: {}", copy.name);
    }
}

/// The sound of a file as samples of 16 bits, of which FFmpeg must complain of nothing.
fn samples(path: &Path, options: &[&str]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "warning"]).args(options).args(["-i", path.to_str().unwrap()]);
    let output = command.args(["-map", "0:a:0", "-c:a", "pcm_s16le", "-f", "s16le", "-"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Of ADTS, which says no duration, it says so.
    let said: Vec<_> = said.lines().filter(|line| !line.contains("Estimating duration")).collect();
    let said = said.concat();
    assert!(output.status.success() && said.is_empty(), "{}: {said}", path.display());
    output.stdout
}

/// Silent units decode to zeros, by themselves and around others, and units between them as after a start.
#[test]
fn silence_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let mono = clips().iter().find(|clip| clip.name == "aac-mono-44100.last.mp4");
    let replicated = ["he-aac.mp4", "he-aac-v2.m4a", "he-aac-late.mp4", "he-aac-v2-late.mp4"].map(testdata);
    let paths = [testdata("late-audio.mp4"), testdata("surround-5.1.mp4")];
    let mut layouts = Vec::new();
    for path in paths.iter().chain(mono.map(|clip| &clip.path)).chain(&replicated) {
        let (source, index) = (open(path), read_index(&*open(path)));
        let (track, _) = index.main_audio().unwrap();
        let config = ElementaryStream::parse(&track.configuration).unwrap().config;
        let config = AudioSpecificConfig::parse(config).unwrap();
        let adts = |unit: Vec<u8>| [config.adts_header(unit.len()).unwrap().to_vec(), unit].concat();
        let unit = |packet: aqueduct::index::Packet| {
            let mut unit = vec![0; packet.bytes as usize];
            aqueduct::source::SourceExt::read_exact_at(&*source, packet.offset.unwrap(), &mut unit).unwrap();
            adts(unit)
        };
        let sounding: Vec<u8> = track.packets.iter().skip(20).take(10).flat_map(unit).collect();
        let silent = adts(config.silence().unwrap()).repeat(4);
        let decode = |bytes: &[&[u8]]| {
            let path = folder.path().join("sound.aac");
            fs::write(&path, bytes.concat()).unwrap();
            samples(&path, &[])
        };
        let is_replicated = config.extension.is_some();
        // Of HE-AAC, FFmpeg makes two channels of one, in case the other is to follow.
        let channels =
            config.channels().map_or(0, |channels| if is_replicated { 2 } else { usize::from(channels) });
        let frame = channels * if is_replicated { 2048 } else { 1024 } * 2;
        let is_silent = |samples: &[u8]| samples.iter().all(|sample| *sample == 0);
        let alone = decode(&[&silent]);
        assert_eq!(alone.len(), 4 * frame);
        assert!(is_silent(&alone), "{}", path.display());
        let (around, plain) = (decode(&[&silent, &sounding, &silent]), decode(&[&sounding]));
        assert_eq!(around.len(), 18 * frame);
        assert!(is_silent(&around[..4 * frame]) && !is_silent(&plain[..frame * 2]), "{}", path.display());
        assert!(around[4 * frame..14 * frame] == plain, "{}", path.display());
        // The first silent unit overlaps with what was heard, and parametric stereo reverberates.
        let rest = if is_replicated { 17 } else { 15 };
        assert!(is_silent(&around[rest * frame..]), "{}", path.display());
        layouts.push((config.channels().unwrap(), config.sample_rate));
    }
    assert!(layouts.starts_with(&[(2, 48_000), (6, 48_000)]), "{layouts:?}");
    assert!(mono.is_none() || layouts[2] == (1, 44_100), "{layouts:?}");
}

/// Sound that begins late is silence until then, and the source's own samples from there on.
#[test]
fn late_sound_begins_when_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let path = testdata("late-audio.mp4");
    let wanted = samples(&path, &["-ignore_editlist", "1"]);
    for shape in SHAPES {
        let film = present(open(&path), settings(shape.0, shape.1, 1000)).unwrap();
        let folder = folder.path().join(format!("{:?}.{:?}", shape.0, shape.1));
        write_all(&film, &folder);
        let copy = film.plan().copies.iter().find(|copy| !copy.is_video()).unwrap();
        let (before, after) = silence(copy);
        let list = folder.join(film.plan().key(Object::Multivariant).unwrap());
        let found = samples(&list, &[]);
        // Two channels of 16 bits.
        let start = before * 1024 * 4;
        assert!(found[..start].iter().all(|sample| *sample == 0), "{shape:?}");
        assert!(found[start..][..wanted.len()] == wanted, "{shape:?}");
        assert_eq!(found.len(), start + wanted.len() + after * 1024 * 4, "{shape:?}");
        // The source's sound begins 0.478 s late, less what its edit list hides; silence fills all of it but a unit.
        let first = first_sample(&folder, &film, copy);
        assert!((0..1024).contains(&first), "{shape:?}: {first} samples are missing");
    }
}

/// Samples from time zero to the first of the sound, as ffprobe tells it.
fn first_sample(folder: &Path, film: &Presentation, copy: &CopiedTrack) -> i64 {
    let plan = film.plan();
    let has = |rendition: &aqueduct::plan::Rendition<'_>| rendition.copied_audio == Some(copy);
    let rendition = plan.renditions().into_iter().find(has).unwrap().id;
    let (found, _) = packets(&folder.join(plan.playlist_key(rendition).unwrap()), &[]);
    (found[1][0].pts - aqueduct::plan::TIME_ZERO * 100 / 9) * 48 / 1000
}
