//! What variants declare of codecs, pictures and sound, against what is in their segments.

use std::collections::BTreeSet;

use crate::check::findings::Findings;
use crate::check::model::{Media, Medium, Multivariant, Presentation, Rendition, Track, Variant, family};
use crate::check::read::short;
use crate::check::table::multivariant::{
    MV_CHANNELS, MV_CODECS, MV_CODECS_EXTRA, MV_FRAMERATE, MV_RESOLUTION, MV_VIDEORANGE,
};

pub(super) fn check(presentation: &Presentation, findings: &mut Findings<'_>) {
    let Some(of) = &presentation.multivariant else { return };
    for (variant, is_iframes) in
        of.variants.iter().map(|one| (one, false)).chain(of.iframes.iter().map(|one| (one, true)))
    {
        let main = variant.playlist.and_then(|at| presentation.media.get(at));
        let others = presentation.combination(variant).groups.into_iter();
        let others = others.flat_map(|(_, playlists)| playlists);
        let others = others.filter_map(|at| presentation.media.get(at));
        let playlists: Vec<&Media> =
            if is_iframes { main.into_iter().collect() } else { main.into_iter().chain(others).collect() };
        codecs(of, variant, &playlists, findings);
        let Some(main) = main else { continue };
        size(of, variant, main, findings);
        range(of, variant, main, findings);
        if !is_iframes {
            rate(of, variant, main, findings);
        }
    }
    channels(of, presentation, findings);
}

pub(super) fn tracks(media: &Media) -> impl Iterator<Item = &Track> {
    media.segments.iter().filter_map(|segment| segment.facts.contents.as_deref()).flat_map(|of| &of.tracks)
}

fn codecs(of: &Multivariant, variant: &Variant, playlists: &[&Media], findings: &mut Findings<'_>) {
    let Some(text) = variant.attributes.get("CODECS") else { return };
    let declared: Vec<&str> = text.split(',').map(str::trim).collect();
    let measured: BTreeSet<&str> =
        playlists.iter().flat_map(|media| tracks(media)).filter_map(|track| track.codec.as_deref()).collect();
    let mut told = BTreeSet::new();
    for codec in &measured {
        if declared.iter().any(|name| covers(name, codec)) {
            continue;
        }
        let same = declared.iter().find(|name| family(name) == family(codec));
        let message = match same {
            Some(name) => format!("CODECS has `{}`, the media is `{codec}`", short(name)),
            None => format!("CODECS lacks `{codec}`, which is in the media"),
        };
        if told.insert(message.clone()) {
            findings.add(&MV_CODECS, of.at(variant.line), message);
        }
    }
    // What was not looked into may have what nothing else has.
    let all_seen = playlists.iter().all(|media| {
        let mut segments = media.segments.iter().filter(|segment| !segment.is_gap);
        segments.all(|segment| segment.facts.contents.is_some())
    });
    if measured.is_empty() || !all_seen || !all_read(of, variant) {
        return;
    }
    for name in declared {
        let is_text = matches!(family(name), "stpp" | "wvtt" | "tx3g");
        if !is_text && !measured.iter().any(|codec| family(codec) == family(name)) {
            let message = format!("CODECS has `{}`, which is in no segment", short(name));
            findings.add(&MV_CODECS_EXTRA, of.at(variant.line), message);
        }
    }
}

/// Whether all playlists that play with a variant were read.
fn all_read(of: &Multivariant, variant: &Variant) -> bool {
    ["AUDIO", "VIDEO"].into_iter().all(|kind| {
        let Some(id) = variant.attributes.quoted(kind) else { return true };
        let mut members = of.group(kind, id).peekable();
        members.peek().is_some() && members.all(|one| one.url.is_empty() || one.playlist.is_some())
    })
}

/// Whether who can play `declared` can play `measured`.
fn covers(declared: &str, measured: &str) -> bool {
    if family(declared) != family(measured) {
        return false;
    }
    let parts = |name: &str| -> Vec<String> { name.split('.').map(str::to_ascii_lowercase).collect() };
    let (there, here) = (parts(declared), parts(measured));
    let pair = |at: usize| Some((there.get(at)?.as_str(), here.get(at)?.as_str()));
    // Of some only the kind is known.
    if here.len() < 2 {
        return true;
    }
    match family(measured) {
        // PPCCLL: the same profile, and at least the level; constraints only tell more.
        "avc" => pair(1).is_none_or(|(there, here)| {
            // What is no name at all is told by MV-CODECS-SYNTAX.
            there.len() != 6 || there.get(..2) == here.get(..2) && there.get(4..6) >= here.get(4..6)
        }),
        "hevc" => {
            let level = |text: &str| text.get(1..).and_then(|level| level.parse::<u32>().ok());
            pair(1).is_none_or(|(there, here)| there == here)
                && pair(3).is_none_or(|(there, here)| {
                    (there.starts_with('h') || here.starts_with('l')) && level(there) >= level(here)
                })
        }
        "av01" => {
            pair(1).is_none_or(|(there, here)| there == here)
                && pair(2).is_none_or(|(there, here)| there.get(..2) >= here.get(..2))
                && pair(3).is_none_or(|(there, here)| there == here)
        }
        // ADTS and plain configurations do not say what their streams may be extended by.
        "aac" => {
            pair(2).is_none_or(|(there, here)| there == here || here == "2" && matches!(there, "5" | "29"))
        }
        _ => true,
    }
}

fn size(of: &Multivariant, variant: &Variant, main: &Media, findings: &mut Findings<'_>) {
    let Some(text) = variant.attributes.get("RESOLUTION") else { return };
    let Some((width, height)) = text.split_once('x') else { return };
    let (Ok(width), Ok(height)) = (width.parse::<u32>(), height.parse::<u32>()) else { return };
    let sizes: BTreeSet<_> =
        tracks(main).filter(|track| track.medium == Medium::Video).filter_map(|track| track.size).collect();
    // The largest pictures count; either as coded, or as they are shown.
    let Some((across, down, shown)) = sizes.into_iter().max_by_key(|(across, down, _)| (*down, *across))
    else {
        return;
    };
    let fits = height == down && (width == across || width.abs_diff(shown) <= 1);
    if !fits {
        let message = format!("RESOLUTION is {width}x{height}, the pictures are {across}x{down}");
        findings.add(&MV_RESOLUTION, of.at(variant.line), message);
    }
}

fn rate(of: &Multivariant, variant: &Variant, main: &Media, findings: &mut Findings<'_>) {
    let declared = variant.attributes.get("FRAME-RATE").and_then(|text| text.parse::<f64>().ok());
    let Some(declared) = declared.filter(|rate| rate.is_finite()) else { return };
    let video = || tracks(main).filter(|track| track.medium == Medium::Video && track.units > 2);
    let average = |track: &Track| track.units as f64 / super::timing::seconds(track.lasts().max(1));
    let highest = |track: &Track| f64::from(track.clock) / track.shortest.max(1) as f64;
    let (Some(least), Some(most)) =
        (video().map(average).reduce(f64::max), video().map(highest).reduce(f64::max))
    else {
        return;
    };
    // A segment of few pictures is measured with less than a picture's error.
    let units = video().map(|track| track.units).max().unwrap_or(1) as f64;
    if declared < least * (1.0 - 1.0 / units) * 0.99 || declared > most * 1.01 {
        let message = format!("FRAME-RATE is {declared:.3}, measured are {least:.3} pictures a second");
        findings.add(&MV_FRAMERATE, of.at(variant.line), message);
    }
}

fn range(of: &Multivariant, variant: &Variant, main: &Media, findings: &mut Findings<'_>) {
    let declared = variant.attributes.get("VIDEO-RANGE").unwrap_or("SDR");
    let Some(measured) = tracks(main).find_map(|track| track.range) else { return };
    if measured.to_string() != declared {
        let message = format!("VIDEO-RANGE is {}, the pictures are {measured}", short(declared));
        findings.add(&MV_VIDEORANGE, of.at(variant.line), message);
    }
}

fn channels(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    for rendition in of.renditions.iter().filter(|rendition| rendition.kind() == "AUDIO") {
        let declared = rendition.attributes.get("CHANNELS").and_then(|text| text.split('/').next());
        let Some(declared) = declared.and_then(|text| text.parse::<u16>().ok()) else { continue };
        let media = rendition.playlist.and_then(|at| presentation.media.get(at));
        let measured = media.and_then(|media| tracks(media).find_map(|track| track.channels));
        // Parametric stereo makes two channels of one, which ADTS does not say (ISO/IEC 14496-3 §1.6.5.3).
        let is_parametric = (measured, declared) == (Some(1), 2) && has_parametric_stereo(of, rendition);
        if let Some(measured) = measured.filter(|measured| *measured != declared && !is_parametric) {
            let message = format!("CHANNELS is {declared}, the sound has {measured}");
            findings.add(&MV_CHANNELS, of.at(rendition.line), message);
        }
    }
}

/// Whether a variant with these sounds names HE-AAC v2.
fn has_parametric_stereo(of: &Multivariant, rendition: &Rendition) -> bool {
    let group = rendition.attributes.get("GROUP-ID");
    of.variants.iter().filter(|variant| variant.attributes.get("AUDIO") == group).any(|variant| {
        let codecs = variant.attributes.get("CODECS").unwrap_or_default();
        codecs.split(',').any(|codec| codec.trim() == "mp4a.40.29")
    })
}
