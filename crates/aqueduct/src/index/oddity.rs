//! What is unusual about a source.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AudioTrack, SourceIndex, Track, TrackKind, VideoTrack, cadence};
use crate::media::VideoRange;
use crate::time::{Rounding, Timebase};

/// Sound this much off the pictures' start or end is worth a word: two frames of film.
const NOTABLE_MICROS: i64 = 80_000;
/// A viewer who seeks waits for at most this much decoding; more is worth a word.
const LONG_KEY_FRAME_DISTANCE_MICROS: i64 = 10_000_000;

/// Something unusual that was found in a source, in one sentence for people, with a stable name for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddity {
    /// A stable name, such as `rotated` or `variable-frame-rate`.
    pub name: String,
    /// The track it concerns, where it concerns one.
    pub track: Option<u32>,
    /// What it is and what will be done about it.
    pub message: String,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.track {
            Some(track) => write!(f, "track {track}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// What the scan noticed, then what the facts say: about the pictures, about the sound, about both.
pub(super) fn find(index: &SourceIndex) -> Vec<Oddity> {
    let mut found = Found(index.scan_oddities.clone());
    match index.main_video() {
        Some((track, facts)) => {
            picture(track, facts, &mut found);
            times(track, facts, &mut found);
            packets(track, &mut found);
        }
        None => found.note("no-video", None, "there are no pictures; the presentation has sound alone"),
    }
    match index.main_audio() {
        Some((track, facts)) => {
            sound(track, facts, &mut found);
            packets(track, &mut found);
        }
        None => found.note("no-audio", None, "there is no sound; the presentation is silent"),
    }
    offsets(index, &mut found);
    other_tracks(index, &mut found);
    found.0
}

struct Found(Vec<Oddity>);

impl Found {
    fn note(&mut self, name: &str, track: Option<&Track>, message: impl Into<String>) {
        self.0.push(Oddity {
            name: name.to_owned(),
            track: track.map(|track| track.id),
            message: message.into(),
        });
    }
}

fn picture(track: &Track, facts: &VideoTrack, found: &mut Found) {
    let (width, height) = facts.display_size();
    let mut note = |name: &str, message: String| found.note(name, Some(track), message);
    if !facts.orientation.is_upright() {
        let mirrored = if facts.orientation.mirrored { "mirrored and " } else { "" };
        let degrees = u32::from(facts.orientation.quarter_turns) * 90;
        note(
            "rotated",
            format!(
                "the picture is stored {mirrored}turned; `publish` turns it by {degrees} degrees to \
                 {width}x{height}, a copy is shown as it is stored"
            ),
        );
    }
    if facts.is_anamorphic() {
        let (num, den) = facts.pixel_aspect;
        let stored = (facts.width, facts.height);
        note(
            "anamorphic",
            format!(
                "the {}x{} pixels are not square but {num}:{den}; `publish` squares them to {width}x{height}, \
                 a copy keeps them",
                stored.0, stored.1
            ),
        );
    }
    if width % 2 == 1 || height % 2 == 1 {
        let message =
            format!("{width}x{height} has an odd side; `publish` rounds it to an even one, a copy keeps it");
        note("odd-size", message);
    }
    if facts.interlaced {
        note(
            "interlaced",
            "the pictures are interlaced; they are not deinterlaced yet, so motion shows combs".to_owned(),
        );
    }
    let range = facts.colour.video_range();
    if range != VideoRange::Sdr {
        note(
            "hdr",
            format!(
                "the pictures are HDR ({range}); they are not tone-mapped yet, so colours will look pale"
            ),
        );
    } else if facts.colour.primaries == 9 {
        note(
            "wide-gamut",
            "the pictures are BT.2020; they are not mapped to BT.709 yet, so colours will look pale"
                .to_owned(),
        );
    }
    if facts.bit_depth > 8 {
        note("high-bit-depth", format!("samples of {} bits are reduced to 8", facts.bit_depth));
    }
}

fn times(track: &Track, facts: &VideoTrack, found: &mut Found) {
    let mut times = track.packets.presented();
    let count = times.len();
    times.dedup();
    let mut note = |name: &str, message: String| found.note(name, Some(track), message);
    if times.len() < count {
        note(
            "duplicate-times",
            format!("{} frames share their time with another and are left out", count - times.len()),
        );
    }
    if times.len() < 2 {
        return;
    }
    match cadence::constant(&times, track.timebase, facts.nominal_frame_duration) {
        None => note(
            "variable-frame-rate",
            "frames come at a varying rate; `publish` puts them on a constant grid, a copy keeps their times"
                .to_owned(),
        ),
        Some(frame) if u64::from(frame.den()) > 60 * u64::from(frame.num()) => {
            let message =
                format!("{:.3} frames/s are reduced to at most 60, unless more is allowed", frame.rate());
            note("high-frame-rate", message);
        }
        Some(_) => {}
    }
}

fn packets(track: &Track, found: &mut Found) {
    let packets = &track.packets;
    let corrupt = packets.iter().filter(|packet| packet.corrupt).count();
    if corrupt > 0 {
        found.note(
            "corrupt-packets",
            Some(track),
            format!("{corrupt} of {} packets are damaged", packets.len()),
        );
    }
    if packets.get(0).is_some_and(|packet| !packet.key) {
        let message =
            "it starts with a packet that needs an earlier one; what cannot be decoded shows what follows";
        found.note("starts-without-key-frame", Some(track), message);
    }
    let backwards = packets.iter().zip(packets.iter().skip(1)).filter(|(a, b)| b.dts < a.dts).count();
    if backwards > 0 {
        let times = if backwards == 1 { "once".to_owned() } else { format!("{backwards} times") };
        found.note("times-run-backwards", Some(track), format!("decoding times step back {times}"));
    }
    if let (TrackKind::Video(_), Some(longest)) = (&track.kind, longest_key_frame_distance(track))
        && longest > LONG_KEY_FRAME_DISTANCE_MICROS
    {
        let message = format!(
            "key frames are up to {} apart; reaching a single segment takes longer",
            Seconds(longest)
        );
        found.note("long-key-frame-distance", Some(track), message);
    }
}

/// Microseconds. Takes memory only for key frames that are not in the order of their times.
fn longest_key_frame_distance(track: &Track) -> Option<i64> {
    let keys = || track.packets.iter().filter(|packet| packet.key).map(|packet| packet.pts);
    let last = track.packets.iter().map(|packet| packet.pts).max();
    let longest = if keys().is_sorted() {
        let later = keys().chain(last).skip(1);
        keys().zip(later).map(|(key, next)| next.saturating_sub(key)).max()
    } else {
        let mut keys: Vec<i64> = keys().chain(last).collect();
        keys.sort_unstable();
        keys.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max()
    };
    Some(track.timebase.rescale(longest?, Timebase::new(1, 1_000_000)?, Rounding::Nearest))
}

fn sound(track: &Track, facts: &AudioTrack, found: &mut Found) {
    let mut note = |name: &str, message: String| found.note(name, Some(track), message);
    match facts.channels {
        0 | 2 => {}
        1 => note("mono", "mono sound is played on both channels".to_owned()),
        channels => {
            note("surround", format!("{channels} channels ({}) are mixed down to stereo", facts.layout))
        }
    }
    if !matches!(facts.sample_rate, 44_100 | 48_000) {
        note("sample-rate", format!("{} Hz is converted to 48000 Hz", facts.sample_rate));
    }
    let (gaps, longest) = gaps(track);
    if gaps > 0 {
        let longest = Seconds(longest);
        let found = match gaps {
            1 => format!("a gap of {longest}"),
            _ => format!("{gaps} gaps, the longest of {longest}"),
        };
        note("gaps", format!("the sound has {found}; silence goes there"));
    }
}

/// How often a packet stands notably later than the one before it ends, and by how many microseconds at most.
fn gaps(track: &Track) -> (u64, i64) {
    let micros = Timebase::new(1, 1_000_000).unwrap_or(track.timebase);
    let notable = micros.rescale(NOTABLE_MICROS, track.timebase, Rounding::Ceil);
    let (mut count, mut longest, mut end) = (0, 0, None);
    for packet in track.packets.iter() {
        let gap = end.map_or(0, |end| packet.pts.saturating_sub(end));
        if gap > notable {
            count += 1;
            longest = longest.max(gap);
        }
        end = Some(packet.pts.saturating_add(packet.duration.into()));
    }
    (count, track.timebase.rescale(longest, micros, Rounding::Nearest))
}

fn offsets(index: &SourceIndex, found: &mut Found) {
    let Some((start, end)) = index.sound_offsets() else { return };
    let track = index.main_audio().map(|(track, _)| track);
    if start > NOTABLE_MICROS {
        found.note(
            "late-audio",
            track,
            format!("the sound starts {} after the pictures; silence goes before it", Seconds(start)),
        );
    }
    if start < -NOTABLE_MICROS {
        let message = format!(
            "the sound starts {} before the pictures; that much is cut",
            Seconds(start.saturating_neg())
        );
        found.note("early-audio", track, message);
    }
    if end > NOTABLE_MICROS {
        found.note(
            "long-audio",
            track,
            format!("the sound ends {} after the pictures; the last picture stays", Seconds(end)),
        );
    }
    if end < -NOTABLE_MICROS {
        let message = format!("the sound ends {} before the pictures", Seconds(end.saturating_neg()));
        found.note("short-audio", track, message);
    }
}

fn other_tracks(index: &SourceIndex, found: &mut Found) {
    let of =
        |is: fn(&TrackKind) -> bool| index.tracks.iter().filter(|track| is(&track.kind)).collect::<Vec<_>>();
    let mut several = |name: &str, what: &str, count: usize, used: Option<&Track>| {
        if let (2.., Some(used)) = (count, used) {
            let language =
                if used.language.is_empty() { String::new() } else { format!(" ({})", used.language) };
            found.note(name, Some(used), format!("of {count} {what} tracks only this one is used{language}"));
        }
    };
    let videos = of(|kind| matches!(kind, TrackKind::Video(_)));
    several("several-video-tracks", "video", videos.len(), index.main_video().map(|(track, _)| track));
    let audios = of(|kind| matches!(kind, TrackKind::Audio(_)));
    several("several-audio-tracks", "audio", audios.len(), index.main_audio().map(|(track, _)| track));
    for track in of(|kind| matches!(kind, TrackKind::Other)) {
        // Of what is encrypted the scan told.
        if track.is_encrypted() {
            continue;
        }
        found.note(
            "unused-track",
            Some(track),
            format!("{} is neither video nor audio and is left out", track.codec),
        );
    }
}

/// Microseconds as seconds with two decimals.
struct Seconds(i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s", self.0 as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Packet;
    use super::*;
    use crate::media::{Codec, Colour, Orientation};
    use crate::source::Identity;

    fn packet(pts: i64, duration: u32, key: bool) -> Packet {
        Packet {
            pts,
            dts: pts,
            duration,
            bytes: 100,
            offset: None,
            samples: 0,
            key,
            discard: false,
            corrupt: false,
        }
    }

    /// Ten seconds of 25 frames/s with a key frame each second, and of stereo sound, both in milliseconds.
    fn plain() -> SourceIndex {
        let millis = Timebase::new(1, 1000).unwrap();
        let mut video = Track::new(0, Codec::H264, TrackKind::Video(VideoTrack::new(1280, 720)));
        video.timebase = millis;
        (0..250).for_each(|n| video.packets.push(packet(n * 40, 40, n % 25 == 0)));
        let mut audio = Track::new(1, Codec::Aac, TrackKind::Audio(AudioTrack::new(48_000, 2, "stereo")));
        audio.timebase = millis;
        (0..500).for_each(|n| audio.packets.push(packet(n * 20, 20, true)));
        let mut index = SourceIndex::new(Identity { bytes: 1, sha256: "0".repeat(64) }, "mp4".to_owned());
        index.tracks = vec![video, audio];
        index
    }

    fn names(index: &SourceIndex) -> Vec<String> {
        index.oddities().into_iter().map(|oddity| oddity.name).collect()
    }

    fn with_video(change: impl FnOnce(&mut VideoTrack)) -> SourceIndex {
        let mut index = plain();
        if let TrackKind::Video(video) = &mut index.tracks[0].kind {
            change(video);
        }
        index
    }

    fn with_audio(change: impl FnOnce(&mut AudioTrack)) -> SourceIndex {
        let mut index = plain();
        if let TrackKind::Audio(audio) = &mut index.tracks[1].kind {
            change(audio);
        }
        index
    }

    #[test]
    fn a_plain_source_has_none() {
        assert_eq!(plain().oddities(), []);
    }

    #[test]
    fn pictures() {
        assert_eq!(
            names(&with_video(|v| v.orientation = Orientation { quarter_turns: 1, mirrored: false })),
            ["rotated"]
        );
        assert_eq!(names(&with_video(|v| v.width = 1279)), ["odd-size"]);
        assert_eq!(names(&with_video(|v| v.pixel_aspect = (4, 3))), ["anamorphic", "odd-size"]);
        assert_eq!(names(&with_video(|v| v.interlaced = true)), ["interlaced"]);
        assert_eq!(names(&with_video(|v| v.colour = Colour { transfer: 16, ..Colour::BT709 })), ["hdr"]);
        assert_eq!(
            names(&with_video(|v| v.colour = Colour { primaries: 9, ..Colour::BT709 })),
            ["wide-gamut"]
        );
        assert_eq!(names(&with_video(|v| v.bit_depth = 10)), ["high-bit-depth"]);
    }

    #[test]
    fn sounds() {
        assert_eq!(names(&with_audio(|a| a.channels = 6)), ["surround"]);
        assert_eq!(names(&with_audio(|a| a.channels = 1)), ["mono"]);
        assert_eq!(names(&with_audio(|a| a.sample_rate = 22_050)), ["sample-rate"]);
        assert_eq!(names(&with_audio(|a| a.sample_rate = 44_100)), [""; 0]);
    }

    /// Replaces a track's packets by changed ones.
    fn repacked(track: usize, change: impl Fn(usize, Packet) -> Option<Packet>) -> SourceIndex {
        let mut index = plain();
        let old = std::mem::take(&mut index.tracks[track].packets);
        old.iter()
            .enumerate()
            .filter_map(|(n, packet)| change(n, packet))
            .for_each(|p| index.tracks[track].packets.push(p));
        index
    }

    #[test]
    fn packet_times() {
        assert_eq!(names(&repacked(0, |n, p| (n != 100).then_some(p))), ["variable-frame-rate"]);
        let doubled = repacked(0, |n, p| Some(if n == 7 { packet(240, 40, false) } else { p }));
        assert_eq!(names(&doubled), ["duplicate-times", "variable-frame-rate"]);
        assert_eq!(
            names(&repacked(0, |n, p| Some(Packet { key: n == 0, ..p }))),
            [""; 0],
            "ten seconds are not long"
        );
        let slow = repacked(0, |n, p| {
            Some(Packet { key: n == 0, pts: p.pts * 2, dts: p.dts * 2, duration: 80, ..p })
        });
        assert_eq!(names(&slow), ["long-key-frame-distance", "short-audio"]);
        assert_eq!(
            names(&repacked(0, |n, p| Some(Packet { key: n > 0 && p.key, ..p }))),
            ["starts-without-key-frame"]
        );
        assert_eq!(names(&repacked(1, |n, p| Some(Packet { corrupt: n == 3, ..p }))), ["corrupt-packets"]);
        let holes = repacked(1, |n, p| (!matches!(n, 100..103 | 200..205 | 300)).then_some(p));
        let gaps = holes.oddities();
        assert_eq!(gaps.len(), 1, "one packet, 20 ms, is no gap: {gaps:?}");
        assert_eq!(gaps[0].name, "gaps");
        assert!(gaps[0].message.starts_with("the sound has a gap of 0.10 s;"), "{}", gaps[0]);
        let fast = repacked(0, |_, p| Some(Packet { pts: p.pts / 5, dts: p.dts / 5, duration: 8, ..p }));
        assert_eq!(names(&fast), ["high-frame-rate", "long-audio"]);
        assert_eq!(
            names(&repacked(0, |n, p| Some(Packet { dts: if n == 9 { -1 } else { p.dts }, ..p }))),
            ["times-run-backwards"]
        );
    }

    #[test]
    fn sound_that_is_early_or_late() {
        let moved = |by: i64| repacked(1, move |_, p| Some(Packet { pts: p.pts + by, dts: p.dts + by, ..p }));
        assert_eq!(names(&moved(1500)), ["late-audio", "long-audio"]);
        assert_eq!(names(&moved(-1500)), ["early-audio", "short-audio"]);
        assert_eq!(names(&moved(80)), [""; 0]);
        let late = moved(1500).oddities();
        assert_eq!(
            late[0].to_string(),
            "track 1: the sound starts 1.50 s after the pictures; silence goes before it"
        );
    }

    #[test]
    fn tracks() {
        let mut index = plain();
        index.tracks.remove(1);
        assert_eq!(names(&index), ["no-audio"]);
        let mut index = plain();
        index.tracks.remove(0);
        assert_eq!(names(&index), ["no-video"]);
        let mut index = plain();
        let mut second = index.tracks[1].clone();
        (second.id, second.default, second.language) = (2, true, "deu".to_owned());
        index.tracks.push(second);
        index.tracks.push(Track::new(3, Codec::Other("mov_text".to_owned()), TrackKind::Other));
        assert_eq!(names(&index), ["several-audio-tracks", "unused-track"]);
        assert_eq!(index.oddities()[0].to_string(), "track 2: of 2 audio tracks only this one is used (deu)");
    }
}
