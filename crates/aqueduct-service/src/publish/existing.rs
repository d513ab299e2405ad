//! What the destination holds before a run: nothing, this presentation, or something else.

use std::collections::BTreeMap;

use aqueduct::Plan;
use aqueduct::plan::{AudioLayout, Container, Decisions, Files, MULTIVARIANT_KEY, PLAN_KEY, Rendition};

use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{self, CHECK_KEY};

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

/// In what two plans differ, for a person.
fn differences(there: &Decisions, here: &Decisions) -> String {
    let mut found = Vec::new();
    if there.source != here.source {
        found.push(format!("another source: there {}, asked for {}", there.source, here.source));
    } else if there.index_sha256 != here.index_sha256 {
        found.push("the same source, indexed by another version".to_owned());
    }
    let engine = match (&there.engine, &here.engine) {
        (Some(there), Some(here)) => there.differences(here),
        (None, None) => Vec::new(),
        (there, _) => {
            let (theirs, ours) = (word(there.is_some()), word(there.is_none()));
            found.push(format!("what is there was {theirs}, and what is asked for is {ours}"));
            Vec::new()
        }
    };
    if !engine.is_empty() {
        found.push(format!("other versions of what encodes: {}", engine.join(", ")));
    }
    if there.format_version != here.format_version {
        found.push(format!("another format version: {} / {}", there.format_version, here.format_version));
    }
    // What follows from the source says nothing about settings when the source is another.
    if there.source == here.source {
        found.extend(settings(there, here));
    }
    if found.is_empty() { members(there, here) } else { found.join("; ") }
}

/// The members of two plans that differ, where no flag says it better.
fn members(there: &Decisions, here: &Decisions) -> String {
    let object = |plan: &Decisions| match serde_json::to_value(plan) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let (there, here) = (object(there), object(here));
    let differ: Vec<_> = here
        .iter()
        .filter(|(name, value)| there.get(*name) != Some(*value))
        .map(|(name, _)| &**name)
        .collect();
    match differ.is_empty() {
        true => "another plan".to_owned(),
        false => format!("the same source, planned otherwise: {} of {PLAN_KEY} differ", differ.join(", ")),
    }
}

/// The settings in which two plans of one source differ, by the names of the flags.
fn settings(there: &Decisions, here: &Decisions) -> Option<String> {
    let (mut theirs, mut ours, mut unnamed) = (Vec::new(), Vec::new(), Vec::new());
    let mut compare = |there: String, here: String| {
        if there != here {
            // What is copied has no --gop to tell.
            theirs.extend(Some(there).filter(|text| !text.is_empty()));
            ours.extend(Some(here).filter(|text| !text.is_empty()));
        }
    };
    compare(container(there), container(here));
    compare(files(there), files(here));
    compare(layout(there), layout(here));
    compare(length(there), length(here));
    let is_video = |it: &Rendition<'_>| it.has_video();
    let is_sound = |it: &Rendition<'_>| !it.has_video();
    compare(names("rungs", there, is_video), names("rungs", here, is_video));
    // Muxed, a sound has no name.
    if there.audio_layout == here.audio_layout {
        compare(names("sounds", there, is_sound), names("sounds", here, is_sound));
    }
    compare(gop(there), gop(here));
    let encodings = |plan: &Decisions| {
        plan.video.iter().flat_map(|video| video.rungs.clone()).map(|rung| rung.encoding).collect::<Vec<_>>()
    };
    if names("", there, is_video) == names("", here, is_video) && encodings(there) != encodings(here) {
        unnamed.push("another --preset, --crf or cap of a rung");
    }
    let audio = |plan: &Decisions| plan.audio.as_ref().map(|audio| audio.encoding.clone());
    if audio(there) != audio(here) {
        unnamed.push("another --audio-bitrate");
    }
    if there.more_inputs != here.more_inputs {
        unnamed.push("other inputs after the first");
    }
    let mut found = Vec::new();
    if !(theirs.is_empty() && ours.is_empty()) {
        let said =
            |words: Vec<String>| if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
        found.push(format!("other settings, there: {}; asked for: {}", said(theirs), said(ours)));
    }
    found.extend(unnamed.into_iter().map(str::to_owned));
    (!found.is_empty()).then(|| found.join("; "))
}

fn container(plan: &Decisions) -> String {
    let name = match plan.container {
        Container::Ts => "ts",
        Container::Fmp4 => "fmp4",
        _ => "of another name",
    };
    format!("--container {name}")
}

fn files(plan: &Decisions) -> String {
    if plan.files == Files::Single { "--single-file" } else { "no --single-file" }.to_owned()
}

fn layout(plan: &Decisions) -> String {
    let name = match plan.audio_layout {
        AudioLayout::Muxed => "muxed",
        AudioLayout::Separate => "separate",
        _ => "of another name",
    };
    format!("--audio-layout {name}")
}

/// Key frames decide in the end, so it is not what --segment said.
fn length(plan: &Decisions) -> String {
    format!("segments of {:.2} s", plan.segment_micros(0) as f64 / 1e6)
}

fn names(what: &str, plan: &Decisions, is: impl Fn(&Rendition<'_>) -> bool) -> String {
    let names: Vec<String> = plan
        .renditions()
        .iter()
        .filter(|rendition| is(rendition))
        .map(|rendition| rendition.name.to_owned())
        .collect();
    if names.is_empty() { format!("no {what}") } else { format!("{what} {}", names.join(" ")) }
}

fn gop(plan: &Decisions) -> String {
    plan.video.as_ref().map_or(String::new(), |video| format!("{} frames in each --gop", video.gop))
}
