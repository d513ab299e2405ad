//! What the destination holds before a run: nothing, this presentation, or something else.

use std::collections::BTreeMap;
use std::ops::Range;

use aqueduct::Plan;
use aqueduct::plan::{Decisions, Files, MULTIVARIANT_KEY, Object, PLAN_KEY};

use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::keys;

/// The report of `aqueduct check`; it belongs to the presentation it stands beside.
const CHECK_KEY: &str = "check.json";

/// Every object below the destination that could matter, with its size.
pub(crate) type Sizes = BTreeMap<String, u64>;

/// What a destination turned out to hold.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing of ours.
    Empty,
    /// The same plan: a run that was stopped, or that is complete.
    Same,
    /// Another plan.
    Other(Box<Plan>, String),
    /// Objects whose plan is missing or unreadable.
    Planless(String),
}

/// Reads plan and listing. The plan is read first: objects that appear later can only be newer.
pub(crate) async fn look(store: &Store, plan: &Plan) -> Result<(Found, Sizes)> {
    let text = store.read(PLAN_KEY).await?;
    let sizes = store.list().await?;
    let found = match text {
        Some(text) => judge(plan, text.as_deref()),
        None => match sizes.keys().find(|key| keys::is_ours(key) && *key != PLAN_KEY) {
            None => Found::Empty,
            Some(key) => Found::Planless(format!("objects of a presentation ({key}) but no {PLAN_KEY}")),
        },
    };
    Ok((found, sizes))
}

/// The sizes of all segments of each rendition, 0 for gaps, where every object of the plan is there. Where all segments of
/// a rendition are one file its playlist tells, if it fits the file.
pub(crate) async fn known_sizes(
    store: &Store,
    plan: &Plan,
    sizes: &Sizes,
    inits: &[u64],
) -> Result<Option<Vec<Vec<u64>>>> {
    let size = |object| plan.key(object).and_then(|key| sizes.get(&key).copied()).unwrap_or(0);
    if !plan.keys().all(|key| sizes.get(&key).is_some_and(|&bytes| bytes > 0)) {
        return Ok(None);
    }
    let mut known = Vec::with_capacity(inits.len());
    for (rendition, &init) in plan.renditions().iter().zip(inits) {
        if plan.files == Files::Segments {
            let sizes = |segment| size(Object::Segment(rendition.id, segment));
            known.push((0..plan.segments()).map(sizes).collect());
            continue;
        }
        let Some(key) = plan.playlist_key(rendition.id) else { return Ok(None) };
        let text = store.read(&key).await?.flatten().unwrap_or_default();
        let whole = size(Object::Media(rendition.id));
        let is_gap = |segment| plan.is_gap(rendition, segment);
        match in_one_file(&text, plan.segments(), is_gap, init..whole) {
            Some(sizes) => known.push(sizes),
            None => return Ok(None),
        }
    }
    Ok(Some(known))
}

/// The sizes of segments by the byte ranges (EXT-X-BYTERANGE, RFC 8216bis §4.4.4.2) of a playlist as we write it, which
/// follow one another and fill `place`; `None` where they do not.
fn in_one_file(
    playlist: &[u8],
    segments: u32,
    is_gap: impl Fn(u32) -> bool,
    place: Range<u64>,
) -> Option<Vec<u64>> {
    let mut at = place.start;
    let lines = std::str::from_utf8(playlist).ok()?.lines();
    let mut ranges = lines.filter_map(|line| line.strip_prefix("#EXT-X-BYTERANGE:"));
    let mut sizes = Vec::new();
    for segment in 0..segments {
        let (length, start) = ranges.next()?.split_once('@')?;
        if is_gap(segment) {
            sizes.push(0);
            continue;
        }
        let length: u64 = length.parse().ok()?;
        if start.parse() != Ok(at) || length == 0 {
            return None;
        }
        at = at.checked_add(length)?;
        sizes.push(length);
    }
    (at == place.end && ranges.next().is_none()).then_some(sizes)
}

/// Reads the plan once more and fails unless it is ours: another run may have put its own there meanwhile.
pub(crate) async fn confirm(store: &Store, plan: &Plan, when: &str) -> Result<()> {
    match store.read(PLAN_KEY).await? {
        Some(text) => match judge(plan, text.as_deref()) {
            Found::Same => Ok(()),
            found => Err(conflict(&found, store.url(), when)),
        },
        None => Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{PLAN_KEY} at {} was deleted while this run was under way; run the same command again",
                store.url()
            ),
        )),
    }
}

/// Deletes what a presentation left, the playlists first, so that nobody is sent to a segment that is gone.
/// Only keys of its plan, or where that is unknown keys that look like ours: never anything else.
pub(crate) async fn clear(store: &Store, found: &Found, plan: &Plan, sizes: &Sizes) -> Result<()> {
    let planned = match found {
        Found::Same => Some(plan),
        Found::Other(theirs, _) => Some(&**theirs),
        Found::Empty | Found::Planless(_) => None,
    };
    let belongs = |key: &&String| match planned {
        Some(plan) => plan.object(key).is_some() || *key == CHECK_KEY,
        None => keys::is_ours(key),
    };
    let ours = || sizes.keys().filter(belongs);
    let is_top = |key: &String| [MULTIVARIANT_KEY, CHECK_KEY].contains(&key.as_str());
    let is_media = |key: &String| !is_top(key) && key != PLAN_KEY && !keys::is_playlist(key);
    let stages: [Vec<String>; 4] = [
        ours().filter(|key| is_top(key)).cloned().collect(),
        ours().filter(|key| keys::is_playlist(key)).cloned().collect(),
        ours().filter(|key| is_media(key)).cloned().collect(),
        ours().filter(|key| *key == PLAN_KEY).cloned().collect(),
    ];
    for stage in stages.iter().filter(|stage| !stage.is_empty()) {
        store.delete(stage).await?;
    }
    Ok(())
}

/// The error for a destination that holds something else.
pub(crate) fn conflict(found: &Found, url: &str, when: &str) -> Error {
    let what = match found {
        Found::Other(_, differences) => format!("{url} holds another presentation ({differences})"),
        Found::Planless(what) => format!("{url} holds {what}"),
        Found::Empty | Found::Same => format!("{url} changed"),
    };
    let space = if when.is_empty() { "" } else { " " };
    let message = format!(
        "{what}{space}{when}; publish under another prefix, or delete what is there with --overwrite"
    );
    Error::new(ErrorKind::Conflict, message)
}

/// What a `plan.json` is to `ours`; `None` stands for one that is too large to read.
fn judge(ours: &Plan, text: Option<&[u8]>) -> Found {
    let Some(text) = text else {
        return Found::Planless(format!("a {PLAN_KEY} that is too large to be one"));
    };
    match Plan::from_json(text) {
        Ok(theirs) if theirs == *ours => Found::Same,
        Ok(theirs) => {
            let differences = differences(&theirs, ours);
            Found::Other(Box::new(theirs), differences)
        }
        Err(error) => Found::Planless(format!("a {PLAN_KEY} that cannot be read: {error}")),
    }
}

/// Whether a plan encodes or copies.
fn word(encodes: bool) -> &'static str {
    if encodes { "encoded" } else { "copied" }
}

/// In what two plans differ, `there / here`, for a person.
fn differences(there: &Decisions, here: &Decisions) -> String {
    let mut found = Vec::new();
    if there.source != here.source {
        found.push(format!("another source: {} / {}", there.source, here.source));
    } else if there.index_sha256 != here.index_sha256 {
        found.push("the same source, indexed by another version".to_owned());
    }
    let engine = match (&there.engine, &here.engine) {
        (Some(there), Some(here)) => there.differences(here),
        (None, None) => Vec::new(),
        (there, _) => vec![format!("{} / {}", word(there.is_some()), word(there.is_none()))],
    };
    if !engine.is_empty() {
        found.push(format!("another engine: {}", engine.join(", ")));
    }
    if there.format_version != here.format_version {
        found.push(format!("another format version: {} / {}", there.format_version, here.format_version));
    }
    // What follows from the source says nothing about settings when the source is another.
    if there.source == here.source {
        let settings = settings(there, here);
        if !settings.is_empty() {
            found.push(format!("other settings: {}", settings.join(", ")));
        }
    }
    if found.is_empty() { "another plan".to_owned() } else { found.join("; ") }
}

fn settings(there: &Decisions, here: &Decisions) -> Vec<String> {
    let mut found = Vec::new();
    if there.more_inputs != here.more_inputs {
        found.push("other inputs after the first".to_owned());
    }
    let names = |plan: &Decisions| {
        plan.renditions().iter().map(|rendition| rendition.name.to_owned()).collect::<Vec<_>>().join(" ")
    };
    let seconds = |plan: &Decisions| format!("{:.3} s", plan.segment_micros(0) as f64 / 1e6);
    let gop = |plan: &Decisions| plan.video.as_ref().map(|video| video.gop);
    let encodings = |plan: &Decisions| {
        plan.video.iter().flat_map(|video| video.rungs.clone()).map(|rung| rung.encoding).collect::<Vec<_>>()
    };
    let audio = |plan: &Decisions| plan.audio.as_ref().map(|audio| audio.encoding.clone());
    if there.container != here.container {
        found.push(format!("container {:?} / {:?}", there.container, here.container));
    }
    if there.files != here.files {
        found.push(format!("files {:?} / {:?}", there.files, here.files));
    }
    if there.audio_layout != here.audio_layout {
        found.push(format!("audio {:?} / {:?}", there.audio_layout, here.audio_layout));
    }
    if there.cuts != here.cuts {
        found.push(format!("segments of {} / {}", seconds(there), seconds(here)));
    }
    if names(there) != names(here) {
        found.push(format!("ladder {} / {}", names(there), names(here)));
    } else if encodings(there) != encodings(here) {
        found.push("video encoding".to_owned());
    }
    if gop(there) != gop(here) {
        found.push(format!("frames per GOP {:?} / {:?}", gop(there).unwrap_or(0), gop(here).unwrap_or(0)));
    }
    if audio(there) != audio(here) {
        found.push("audio encoding".to_owned());
    }
    found
}
