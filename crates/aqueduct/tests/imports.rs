//! Holds the import table of ARCHITECTURE.md: reads the paths in every crate's `src`, test modules aside.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules of the core a module of the core may name. `lib.rs` may name all.
const MODULES: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("time", &["error"]),
    ("media", &["time", "error"]),
    ("source", &["error"]),
    ("index", &["time", "media", "source", "error"]),
    ("plan", &["time", "media", "index", "source", "error"]),
    ("playlist", &["time", "media", "plan", "error"]),
    ("mux", &["time", "media", "error"]),
    ("crypt", &["time", "media", "error"]),
    ("av", &["source", "media", "index", "time", "error"]),
    ("segment", &["av", "mux", "crypt", "source", "index", "plan", "media", "time", "error"]),
    ("check", &["playlist", "mux", "crypt", "source", "media", "time", "error"]),
];

/// Items of a module that are the only ones another module may name.
const NARROW: &[(&str, &str, &[&str])] = &[("plan", "source", &["Identity"])];

/// Words that must not stand in the code of these modules, and why.
const NEVER: &[(&[&str], &[&str], &str)] = &[
    (
        &["error", "time", "media", "index", "plan", "playlist", "mux", "crypt", "segment", "check"],
        &["std::fs", "std::env", "std::net", "std::process", "SystemTime", "Instant", "rand", "getrandom"],
        "nothing but source, plan, rendition and index decides the bytes",
    ),
    (&["plan", "playlist", "mux"], &["HashMap", "HashSet"], "their order changes from run to run"),
    (&["source"], &["std::net", "std::env", "SystemTime"], "a source is bytes and nothing else"),
    (
        &[
            "error", "time", "media", "source", "index", "plan", "playlist", "mux", "crypt", "segment",
            "check",
        ],
        &["unsafe"],
        "unsafe code lives under av/ only",
    ),
];

/// Crates that a crate of ours must not name, and why.
const FOREIGN: &[(&str, &[&str], &str)] = &[
    (
        "aqueduct",
        &["tokio", "object_store", "aqueduct_service", "clap"],
        "the core blocks and knows no network",
    ),
    ("aqueduct-service", &["ffmpeg_next", "ffmpeg_sys_next", "clap"], "libav belongs to the core's av/"),
    (
        "aqueduct-cli",
        &["ffmpeg_next", "ffmpeg_sys_next", "object_store"],
        "the command stands on the service",
    ),
];

/// Lines of a file without its tests.
const FILE_BUDGET: usize = 600;

#[test]
fn modules_import_only_what_the_table_allows() {
    let mut faults = String::new();
    for file in sources("aqueduct") {
        let code = code_of(&file.text);
        if file.module() == "lib" {
            continue;
        }
        for fault in core_faults(&file.module_path(), &code) {
            writeln!(faults, "{}: {fault}", file.path).unwrap();
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn ffmpeg_next_is_named_under_av_only() {
    for file in sources("aqueduct") {
        let named =
            names(&code_of(&file.text), "ffmpeg_next") || names(&code_of(&file.text), "ffmpeg_sys_next");
        assert!(!named || file.module() == "av", "{} names ffmpeg_next", file.path);
    }
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let mut faults = String::new();
    for (name, never, why) in FOREIGN {
        for file in sources(name) {
            let code = code_of(&file.text);
            for foreign in never.iter().filter(|foreign| names(&code, foreign)) {
                writeln!(faults, "{} names {foreign}: {why}", file.path).unwrap();
            }
        }
        let manifest = fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
        for foreign in *never {
            let dashed = foreign.replace('_', "-");
            let depends =
                production_dependencies(&manifest).any(|found| found == *foreign || found == dashed);
            if depends {
                writeln!(faults, "crates/{name}/Cargo.toml depends on {foreign}: {why}").unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn every_module_stands_in_the_table() {
    for file in sources("aqueduct") {
        let known = file.module() == "lib" || MODULES.iter().any(|(name, _)| *name == file.module());
        assert!(known, "{}: put `{}` into the table here and in ARCHITECTURE.md", file.path, file.module());
    }
}

#[test]
fn files_keep_within_their_budget() {
    let mut faults = String::new();
    for name in ["aqueduct", "aqueduct-service", "aqueduct-cli"] {
        for file in sources(name) {
            let lines = without_tests(&file.text).lines().count();
            if lines > FILE_BUDGET {
                writeln!(faults, "{}: {lines} lines without tests, at most {FILE_BUDGET}", file.path)
                    .unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn the_checker_sees_what_it_should() {
    let faults = |module: &str, code| core_faults(&[module.to_owned(), "inner".to_owned()], &code_of(code));
    assert!(faults("mux", "use crate::time::MPEG;\nuse crate::{error::{Error, Result}, media};").is_empty());
    assert_eq!(faults("mux", "use crate::{error::Error, plan::{self, Plan}};").len(), 2);
    assert_eq!(faults("mux", "fn f() { crate::av::decode() }").len(), 1);
    assert_eq!(faults("plan", "use crate::source::{Identity, Source};").len(), 1, "only Identity");
    assert_eq!(faults("plan", "use crate::source;").len(), 1, "not the whole module either");
    assert!(faults("plan", "use crate::source::Identity;").is_empty());
    assert_eq!(faults("plan", "let now = std::time::Instant::now();").len(), 1);
    assert_eq!(faults("plan", "use std::collections::HashMap;").len(), 1);
    assert_eq!(faults("plan", "use std::{fmt, fs::File};").len(), 1);
    assert!(faults("mux", "let brand = 1; let s = std::fmt::Write;").is_empty());
    assert!(faults("plan", "// crate::av and HashMap in a comment\n/// [`crate::av`]\n").is_empty());
    assert!(faults("plan", "#[cfg(test)]\nmod tests {\n    use crate::av::x;\n}\n").is_empty());
    assert_eq!(
        faults("plan", "use crate::Error;").len(),
        1,
        "the root's exports hide where a type comes from"
    );
    assert_eq!(faults("plan", "use super::super::av::x;").len(), 1, "that is the root");
    assert!(faults("plan", "use super::{av::x, y};").is_empty(), "that is a module of its own named av");
    assert_eq!(core_faults(&["plan".to_owned()], "use super::av::x;").len(), 1);
    assert!(core_faults(&["plan".to_owned()], "use self::key::KEY;").is_empty());
}

fn core_faults(place: &[String], code: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let module = place[0].as_str();
    let allowed =
        MODULES.iter().find(|(name, _)| *name == module).map_or(&[] as &[&str], |(_, allowed)| allowed);
    let mut paths = paths_after(code, "crate::");
    // As many `super` as the module is deep lead to the root.
    let root = "super::".repeat(place.len());
    paths.extend(paths_after(code, &root).into_iter().filter(|path| path[0] != "super"));
    for path in paths {
        let (head, item) = (path[0].as_str(), path.get(1).map_or("self", String::as_str));
        if head == module {
            continue;
        }
        if !MODULES.iter().any(|(name, _)| *name == head) {
            faults.push(format!(
                "`crate::{head}` is an export of the root; name the module that it comes from"
            ));
        } else if !allowed.contains(&head) {
            faults.push(format!("{module} must not import {head} (`crate::{}`)", path.join("::")));
        } else if let Some((_, _, items)) = NARROW.iter().find(|(from, to, _)| *from == module && *to == head)
            && !items.contains(&item)
        {
            faults.push(format!("{module} may take only {items:?} from {head}, not {item}"));
        }
    }
    for (modules, words, why) in NEVER {
        if modules.contains(&module) {
            let standard: Vec<_> = paths_after(code, "std::").iter().map(|path| path.join("::")).collect();
            let used = |word: &str| match word.strip_prefix("std::") {
                Some(inner) => {
                    standard.iter().any(|path| path == inner || path.starts_with(&format!("{inner}::")))
                }
                None => names(code, word),
            };
            for word in words.iter().filter(|word| used(word)) {
                faults.push(format!("{module} must not use `{word}`: {why}"));
            }
        }
    }
    faults
}

struct SourceFile {
    path: String,
    /// Path below `src`.
    inner: PathBuf,
    text: String,
}

impl SourceFile {
    /// The top-level module: `plan` for `plan/mod.rs`, `time` for `time.rs`, `lib` for the root.
    fn module(&self) -> &str {
        let first = self.inner.components().next().unwrap().as_os_str().to_str().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The module's path: `["mux", "ts"]` for `mux/ts/mod.rs`, `["mux", "ts", "pes"]` for `mux/ts/pes.rs`.
    fn module_path(&self) -> Vec<String> {
        let names = self.inner.with_extension("");
        let names = names.components().map(|name| name.as_os_str().to_str().unwrap().to_owned());
        names.filter(|name| name != "mod").collect()
    }
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(name: &str) -> Vec<SourceFile> {
    let root = crates().join(name).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            // A test module in a folder of its own, as in a file of its own below.
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                // A test module in a file of its own.
                && path.file_stem().is_some_and(|stem| stem != "tests")
            {
                let inner = path.strip_prefix(&root).unwrap().to_owned();
                let text = fs::read_to_string(&path).unwrap();
                found.push(SourceFile {
                    path: format!("crates/{name}/src/{}", inner.display()),
                    inner,
                    text,
                });
            }
        }
    }
    assert!(!found.is_empty(), "no source in {}", root.display());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The text up to the first test module; ours stand at the end of a file.
fn without_tests(text: &str) -> &str {
    text.match_indices("#[cfg(test)]\n")
        .find(|(at, marker)| text[at + marker.len()..].trim_start().starts_with("mod "))
        .map_or(text, |(at, _)| &text[..at])
}

/// Code without tests and comments. A `//` inside a string is cut off too, which hides nothing but text.
fn code_of(text: &str) -> String {
    let line = |line: &str| match line.find("//") {
        // `https://` in a string is no comment, and what follows on the line is still code.
        Some(at) if !line[..at].ends_with(':') => line[..at].to_owned(),
        _ => line.to_owned(),
    };
    without_tests(text).lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether `name` stands in `code` as a word.
fn names(code: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(is_word) && !code[at + name.len()..].starts_with(is_word))
}

/// Every path that follows `start` in `code`, with groups such as `{a::{b, c}, d}` written out.
fn paths_after(code: &str, start: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(start) {
        // `$crate::` and `subcrate::` are other words; `super::super::` is more than one `super::`.
        let before = code[..at].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
            expand(&code[at + start.len()..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads one path tree from the start of `text`, adds its leaves to `found`, returns what follows.
fn expand<'a>(text: &'a str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if rest.is_empty() {
                return rest;
            }
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let before = rest.len();
            rest = expand(rest, prefix, found);
            if rest.len() == before {
                return rest;
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() {
        // `crate::*`, or a turbofish after a complete path.
        if prefix.is_empty() {
            found.push(vec!["*".to_owned()]);
        } else {
            found.push(prefix.clone());
        }
        return text.strip_prefix('*').unwrap_or(text);
    }
    prefix.push(word.to_owned());
    let rest = match rest.strip_prefix("::") {
        Some(deeper) => expand(deeper, prefix, found),
        None => {
            found.push(prefix.clone());
            rest
        }
    };
    prefix.pop();
    let aliased = rest.trim_start().strip_prefix("as ").map(|alias| {
        let alias = alias.trim_start();
        &alias[alias.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(alias.len())..]
    });
    aliased.unwrap_or(rest)
}

/// Names under `[dependencies]` and `[target.….dependencies]`; tests may depend on what they like.
fn production_dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("dev-") && !line.contains("build-");
            return None;
        }
        let name =
            line.split(['=', '.', ' ']).next().filter(|name| !name.is_empty() && !name.starts_with('#'));
        name.filter(|_| inside)
    })
}
