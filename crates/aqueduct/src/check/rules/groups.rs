//! Rules of EXT-X-MEDIA and its groups (RFC 8216bis §4.4.6.1, §4.4.6.1.1).

use std::collections::{BTreeMap, BTreeSet};

use crate::check::findings::Findings;
use crate::check::model::{Multivariant, Rendition};
use crate::check::read::short;
use crate::check::rule::Level;
use crate::check::table::multivariant::{MV_CHANNELS, MV_GROUP_MEMBERS, MV_GROUP_REF, MV_MEDIA_ATTRS};

/// Attributes in which members of corresponding groups may differ.
const FREE: [&str; 7] =
    ["URI", "GROUP-ID", "CHANNELS", "BIT-DEPTH", "SAMPLE-RATE", "INSTREAM-ID", "STABLE-RENDITION-ID"];

pub(super) fn check(of: &Multivariant, findings: &mut Findings<'_>) {
    for rendition in &of.renditions {
        attributes(of, rendition, findings);
    }
    references(of, findings);
    members(of, findings);
    channels(of, findings);
}

fn attributes(of: &Multivariant, rendition: &Rendition, findings: &mut Findings<'_>) {
    let (kind, has) = (rendition.kind(), |name| rendition.attributes.has(name));
    let mut add = |message: String| findings.add(&MV_MEDIA_ATTRS, of.at(rendition.line), message);
    match kind {
        "SUBTITLES" if !has("URI") => add("TYPE=SUBTITLES without URI".to_owned()),
        "CLOSED-CAPTIONS" => {
            if has("URI") {
                add("TYPE=CLOSED-CAPTIONS with URI".to_owned());
            }
            match rendition.attributes.get("INSTREAM-ID") {
                None => add("TYPE=CLOSED-CAPTIONS without INSTREAM-ID".to_owned()),
                Some(id) if !is_caption_channel(id) => {
                    add(format!("INSTREAM-ID=\"{}\" is not CC1 to CC4 or SERVICE1 to SERVICE63", short(id)));
                }
                Some(_) => {}
            }
        }
        _ => {}
    }
    let only =
        [("FORCED", "SUBTITLES"), ("CHANNELS", "AUDIO"), ("BIT-DEPTH", "AUDIO"), ("SAMPLE-RATE", "AUDIO")];
    // A TYPE that is none is told by PL-ATTR-SYNTAX.
    for (name, _) in only.into_iter().filter(|(name, of)| has(name) && kind != *of && !kind.is_empty()) {
        add(format!("TYPE={} with {name}", short(kind)));
    }
}

fn is_caption_channel(id: &str) -> bool {
    match id.strip_prefix("SERVICE") {
        Some(number) => number.parse::<u8>().is_ok_and(|number| (1..=63).contains(&number)),
        None => ["CC1", "CC2", "CC3", "CC4"].contains(&id),
    }
}

fn references(of: &Multivariant, findings: &mut Findings<'_>) {
    let groups: BTreeSet<(&str, &str)> =
        of.renditions.iter().map(|rendition| (rendition.kind(), rendition.group())).collect();
    let mut used = BTreeSet::new();
    for variant in of.variants.iter().chain(&of.iframes) {
        for kind in ["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"] {
            let Some(id) = variant.attributes.quoted(kind) else { continue };
            used.insert((kind, id));
            if !groups.contains(&(kind, id)) && !of.is_cut {
                let message = format!("{kind}=\"{}\" names no group of that TYPE", short(id));
                findings.add(&MV_GROUP_REF, of.at(variant.line), message);
            }
        }
    }
    let mut told = BTreeSet::new();
    for rendition in &of.renditions {
        let group = (rendition.kind(), rendition.group());
        if !used.contains(&group) && told.insert(group) {
            let message = format!("no variant refers to group {} of TYPE={}", short(group.1), short(group.0));
            findings.add_as(Level::Note, &MV_GROUP_REF, of.at(rendition.line), message);
        }
    }
    let is_none = |captions: Option<&str>| captions == Some("NONE");
    let captions = || {
        of.variants.iter().map(|variant| {
            let found = variant.attributes.find("CLOSED-CAPTIONS").filter(|attribute| !attribute.is_quoted);
            (variant.line, is_none(found.map(|attribute| attribute.value.as_str())))
        })
    };
    if captions().any(|(_, none)| none)
        && let Some((line, _)) = captions().find(|(_, none)| !none)
    {
        findings.add(
            &MV_GROUP_REF,
            of.at(line),
            "CLOSED-CAPTIONS=NONE is on other variants, and not on this one",
        );
    }
}

fn members(of: &Multivariant, findings: &mut Findings<'_>) {
    let mut groups: BTreeMap<(&str, &str), Vec<&Rendition>> = BTreeMap::new();
    for rendition in &of.renditions {
        groups.entry((rendition.kind(), rendition.group())).or_default().push(rendition);
    }
    for members in groups.values() {
        inside(of, members, findings);
    }
    for kind in ["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"] {
        let mut same = groups.iter().filter(|((of, _), _)| *of == kind);
        let Some(((_, first), there)) = same.next() else { continue };
        let there = described(there);
        for ((_, id), members) in same {
            let here = described(members);
            if here != there
                && let Some(member) = members.first()
            {
                let message = match differing(&there, &here) {
                    Some(name) => format!(
                        "`{}` is not the same in groups {} and {} of TYPE={kind}",
                        short(name),
                        short(first),
                        short(id)
                    ),
                    None => format!("groups {} and {} of TYPE={kind} differ", short(first), short(id)),
                };
                findings.add(&MV_GROUP_MEMBERS, of.at(member.line), message);
            }
        }
    }
}

/// What must be the same in corresponding groups: attributes by NAME.
type Described<'a> = BTreeMap<&'a str, BTreeSet<(&'a str, &'a str)>>;

fn described<'a>(members: &[&'a Rendition]) -> Described<'a> {
    let attributes = |member: &'a Rendition| -> BTreeSet<(&'a str, &'a str)> {
        let kept = member.attributes.iter().filter(|attribute| !FREE.contains(&attribute.name.as_str()));
        kept.map(|attribute| (attribute.name.as_str(), attribute.value.as_str())).collect()
    };
    members
        .iter()
        .map(|member| (member.attributes.get("NAME").unwrap_or_default(), attributes(member)))
        .collect()
}

/// The first NAME that only one has, or that has other attributes.
fn differing<'a>(there: &Described<'a>, here: &Described<'a>) -> Option<&'a str> {
    there.keys().chain(here.keys()).copied().find(|name| there.get(name) != here.get(name))
}

fn inside(of: &Multivariant, members: &[&Rendition], findings: &mut Findings<'_>) {
    let mut names = BTreeMap::new();
    let mut default = None;
    let mut selectable = BTreeMap::new();
    for member in members {
        let attributes = &member.attributes;
        let place = || of.at(member.line);
        if let Some(name) = attributes.get("NAME")
            && let Some(line) = names.insert(name, member.line)
        {
            let message = format!("NAME=\"{}\" stands in line {line} of the same group", short(name));
            findings.add(&MV_GROUP_MEMBERS, place(), message);
        }
        if attributes.is_yes("DEFAULT") {
            if let Some(line) = default.replace(member.line) {
                let message = format!("DEFAULT=YES stands in line {line} of the same group");
                findings.add(&MV_GROUP_MEMBERS, place(), message);
            }
            if attributes.get("AUTOSELECT") == Some("NO") {
                findings.add(&MV_GROUP_MEMBERS, place(), "DEFAULT=YES with AUTOSELECT=NO");
            }
        }
        if attributes.is_yes("AUTOSELECT") {
            let choice = ["LANGUAGE", "ASSOC-LANGUAGE", "FORCED", "CHARACTERISTICS", "INSTREAM-ID"];
            let choice = choice.map(|name| attributes.get(name));
            if let Some(line) = selectable.insert(choice, member.line) {
                let message = format!(
                    "AUTOSELECT=YES cannot tell it from line {line}: language and characteristics are the same"
                );
                findings.add_as(Level::Warning, &MV_GROUP_MEMBERS, place(), message);
            }
        }
    }
}

fn channels(of: &Multivariant, findings: &mut Findings<'_>) {
    for rendition in of.renditions.iter().filter(|rendition| rendition.kind() == "AUDIO") {
        match rendition.attributes.get("CHANNELS") {
            None => findings.add(&MV_CHANNELS, of.at(rendition.line), "there is no CHANNELS"),
            Some(channels) => {
                let count = channels.split('/').next().unwrap_or_default();
                if count.parse::<u64>().is_err() {
                    let message = format!("CHANNELS=\"{}\" does not begin with a count", short(channels));
                    findings.add_as(Level::Error, &MV_CHANNELS, of.at(rendition.line), message);
                }
            }
        }
    }
}
