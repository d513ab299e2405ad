//! What segments hold, as Apple and players want it.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::findings::Findings;
use crate::check::model::{
    Container, Contents, Media, Medium, Multivariant, Presentation, Segment, Track, Variant, family,
};
use crate::check::read::decimal::SECOND;
use crate::check::read::short;
use crate::check::rule::Level;
use crate::check::rules::declared::tracks;
use crate::check::rules::timing::seconds;
use crate::check::table::apple::{AP_KEYFRAMES, AP_OTHER_CODECS, AP_SEGMENT, AP_SPATIAL, AP_VIDEO};
use crate::check::table::fmp4::FM_SWITCHSET;
use crate::check::table::multivariant::MV_AUDIO_INBAND;
use crate::check::table::players::{PC_DOUBLE_PICTURE, PC_TS_CODECS};

/// The longest time between key pictures that Apple advises (Apple HLS Authoring 1.13).
const KEYS: i64 = 2 * SECOND as i64;
/// The most pictures in a second (Apple HLS Authoring 1.19), with a little for rounding.
const MOST_PICTURES: f64 = 60.6;
/// `level_idc` 5.2 of H.264, 5.1 of HEVC (thirty times), and the index of AV1's 6.2.
const LEVELS: [u32; 3] = [52, 153, 18];

pub(super) fn check(presentation: &Presentation, findings: &mut Findings<'_>) {
    for media in presentation.media.iter().filter(|media| media.role.is_programme() && !media.is_iframes) {
        pictures(media, findings);
        keys(media, findings);
        lengths(media, findings);
        ts_codecs(media, findings);
        doubles(media, findings);
    }
    if let Some(of) = &presentation.multivariant {
        inband(of, presentation, findings);
        other_codecs(of, presentation, findings);
        spatial(of, presentation, findings);
        switching(of, presentation, findings);
    }
}

/// The first track of pictures of each variant, and the playlist that has it.
fn first_pictures<'a>(
    of: &'a Multivariant,
    presentation: &'a Presentation,
) -> impl Iterator<Item = (&'a Variant, &'a Media, &'a Track)> {
    of.variants.iter().filter_map(|variant| {
        let media = presentation.media.get(variant.playlist?)?;
        Some((variant, media, contents(media).find_map(|(_, _, of)| of.of(Medium::Video))?))
    })
}

/// What REQ-VIDEO-LAYOUT asks for is in the sample entry, and the other way round (Apple HLS Authoring 16.1-16.5).
fn spatial(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    for (variant, media, track) in first_pictures(of, presentation) {
        let Some(is_spatial) = track.is_spatial else { continue };
        let layout = variant.attributes.get("REQ-VIDEO-LAYOUT");
        let plain = |word: &str| matches!(word.trim(), "CH-MONO" | "PROJ-RECT" | "");
        let asks = layout.is_some_and(|layout| layout.split([',', '/']).any(|word| !plain(word)));
        let message = match (asks, is_spatial) {
            (true, false) => format!("REQ-VIDEO-LAYOUT is declared, and {} has no vexu box", media.name),
            (false, true) => format!("{} has a vexu box, and there is no REQ-VIDEO-LAYOUT", media.name),
            _ => continue,
        };
        findings.add(&AP_SPATIAL, of.at(variant.line), message);
    }
}

/// Variants of one codec have one timescale (ISO/IEC 23000-19 §7.3.4).
fn switching(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    let mut first: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for (variant, media, track) in first_pictures(of, presentation).filter(|(.., track)| !track.wraps) {
        let (clock, name) = *first.entry(track.family()).or_insert((track.clock, &media.name));
        if clock != track.clock && told.insert(&media.name) {
            let message =
                format!("the timescale of {} is {}, that of {name} is {clock}", media.name, track.clock);
            // Players rescale; who reads several headers as one does not.
            findings.add_as(Level::Note, &FM_SWITCHSET, of.at(variant.line), message);
        }
        let last =
            contents(media).filter_map(|(.., of)| of.of(Medium::Video)).map(|track| track.end_dts).max();
        if last.is_some_and(|last| last >= 1 << 53) && told.insert(&media.url) {
            let message = format!("timestamps of {} are above 2^53", media.name);
            findings.add(&FM_SWITCHSET, of.at(variant.line), message);
        }
    }
}

fn contents(media: &Media) -> impl Iterator<Item = (usize, &Segment, &Contents)> {
    let segments = media.segments.iter().enumerate();
    segments.filter_map(|(at, segment)| Some((at, segment, segment.facts.contents.as_deref()?)))
}

/// Codecs, profiles, levels and rates of pictures; of each fault the first segment.
fn pictures(media: &Media, findings: &mut Findings<'_>) {
    let mut told: Vec<String> = Vec::new();
    for (at, _, contents) in contents(media) {
        let Some(video) = contents.of(Medium::Video) else { continue };
        let rate = f64::from(video.clock) / video.shortest.max(1) as f64;
        let faults = [
            video.codec.as_deref().and_then(unfit).map(|fault| (Level::Error, fault)),
            (video.shortest > 0 && video.units > 2 && rate > MOST_PICTURES)
                .then(|| (Level::Error, format!("there are {rate:.3} pictures a second, more than 60"))),
            video
                .is_interlaced
                .then(|| (Level::Warning, "the pictures may be fields (interlaced)".to_owned())),
        ];
        for (level, fault) in faults.into_iter().flatten() {
            if told.len() < 16 && !told.contains(&fault) {
                findings.add_as(level, &AP_VIDEO, media.place(at), fault.clone());
                told.push(fault);
            }
        }
    }
}

/// What Apple does not take of a codec.
fn unfit(codec: &str) -> Option<String> {
    let parts: Vec<&str> = codec.split('.').collect();
    let [avc, hevc, av1] = LEVELS;
    let number = |text: Option<&str>, radix| text.and_then(|text| u32::from_str_radix(text, radix).ok());
    let (profile, level) = match family(codec) {
        "avc" => {
            let digits = parts.get(1)?;
            let is_profile = matches!(number(digits.get(..2), 16)?, 66 | 77 | 88 | 100);
            (is_profile, number(digits.get(4..6), 16)? <= avc)
        }
        "hevc" => {
            let is_profile = matches!(parts.get(1)?.parse::<u32>().ok()?, 1 | 2);
            (is_profile, number(parts.get(3)?.get(1..), 10)? <= hevc)
        }
        "av01" => (parts.get(1) == Some(&"0"), number(parts.get(2)?.get(..2), 10)? <= av1),
        _ => return Some(format!("`{}` is none of H.264, HEVC and AV1", short(codec))),
    };
    match (profile, level) {
        (true, true) => None,
        (false, _) => Some(format!("`{}` is of a profile that Apple does not name", short(codec))),
        (true, false) => Some(format!("`{}` is of a level above those that Apple names", short(codec))),
    }
}

/// An IDR picture begins each segment; the advice is told once.
fn keys(media: &Media, findings: &mut Findings<'_>) {
    let mut is_told = false;
    for (at, _, contents) in contents(media) {
        let Some(video) = contents.of(Medium::Video) else { continue };
        if !video.starts_with_key {
            findings.add(&AP_KEYFRAMES, media.place(at), "the segment begins with no IDR picture");
        } else if video.nanos(video.keyless) > KEYS.saturating_add(video.nanos(video.longest)) && !is_told {
            let message = format!(
                "{:.3} s pass without a key picture, 2 s are advised",
                seconds(video.nanos(video.keyless))
            );
            findings.add_as(Level::Warning, &AP_KEYFRAMES, media.place(at), message);
            is_told = true;
        }
    }
}

/// What segments really last; what EXTINF says is told apart.
fn lengths(media: &Media, findings: &mut Findings<'_>) {
    let Some(target) = media.target_duration else { return };
    let most = target.value.saturating_mul(SECOND).saturating_add(SECOND / 2);
    for (at, segment, contents) in contents(media) {
        let Some(track) = contents.leading() else { continue };
        let lasts = track.lasts();
        // A frame more is what sound needs to end.
        let is_long =
            u64::try_from(lasts.saturating_sub(track.nanos(track.longest))).is_ok_and(|lasts| lasts > most);
        if is_long && segment.duration <= most {
            let message = format!(
                "the {} of the segment last {:.3} s, the target duration is {} s",
                track.medium.name(),
                seconds(lasts),
                target.value
            );
            findings.add(&AP_SEGMENT, media.place(at), message);
        }
    }
}

/// Codecs that browsers do not take out of TS.
fn ts_codecs(media: &Media, findings: &mut Findings<'_>) {
    let of = contents(media).filter(|(.., contents)| contents.container == Container::Ts);
    let mut odd = of.flat_map(|(at, _, contents)| contents.tracks.iter().map(move |track| (at, track)));
    if let Some((at, track)) = odd.find(|(_, track)| matches!(track.family(), "hevc" | "ec-3")) {
        let message =
            format!("`{}` is in a transport stream", short(track.codec.as_deref().unwrap_or_default()));
        findings.add(&PC_TS_CODECS, media.place(at), message);
    }
}

/// The first picture of a segment is not the last one of the segment before.
fn doubles(media: &Media, findings: &mut Findings<'_>) {
    for (at, pair) in media.segments.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        let video = |segment: &'_ Segment| -> Option<Track> {
            segment.facts.contents.as_deref()?.of(Medium::Video).cloned()
        };
        if after.is_discontinuous {
            continue;
        }
        let (Some(there), Some(here)) = (video(before), video(after)) else { continue };
        let step = there.nanos(there.shortest);
        let off = there.until(there.last_pts, &here, here.first_pts);
        if step > 0 && there.units > 1 && off.saturating_abs() < step / 2 {
            let message = "the first picture has the time of the last one of the segment before";
            findings.add(&PC_DOUBLE_PICTURE, media.place(at + 1), message);
        }
    }
}

/// A rendition of sound without a URI is in the segments of each variant that names its group.
fn inband(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    for variant in &of.variants {
        let Some(id) = variant.attributes.quoted("AUDIO") else { continue };
        let Some(rendition) = of.group("AUDIO", id).find(|member| member.url.is_empty()) else { continue };
        let Some(media) = variant.playlist.and_then(|at| presentation.media.get(at)) else { continue };
        let has_any = tracks(media).next().is_some();
        if has_any && !tracks(media).any(|track| track.medium == Medium::Audio) {
            let message = format!(
                "the rendition in line {} has no URI, and {} has no sound",
                rendition.line, media.name
            );
            findings.add(&MV_AUDIO_INBAND, of.at(variant.line), message);
        }
    }
}

/// Codecs of sound that Apple takes in fMP4 only.
fn other_codecs(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    for variant in &of.variants {
        let codecs = variant.attributes.get("CODECS").unwrap_or_default().split(',').map(str::trim);
        let mut odd =
            codecs.filter(|name| *name == "mp4a.40.42" || matches!(family(name), "alac" | "fLaC" | "apac"));
        let Some(name) = odd.next() else { continue };
        let combination = presentation.combination(variant);
        let sound =
            combination.groups.into_iter().filter(|(kind, _)| *kind == "AUDIO").flat_map(|(_, of)| of);
        let mut playlists =
            combination.main.into_iter().chain(sound).filter_map(|at| presentation.media.get(at));
        let is_fmp4 = |media: &Media| contents(media).any(|(.., of)| of.container == Container::Fmp4);
        let is_other = |media: &Media| {
            contents(media).any(|(.., of)| matches!(of.container, Container::Ts | Container::Packed))
        };
        let playlists: Vec<&Media> = playlists.by_ref().collect();
        if playlists.iter().any(|media| is_other(media)) && !playlists.iter().any(|media| is_fmp4(media)) {
            let message = format!("`{}` is declared, and no playlist is of fMP4", short(name));
            findings.add(&AP_OTHER_CODECS, of.at(variant.line), message);
        }
    }
}
