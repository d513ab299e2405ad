//! Help that helps.

use crate::support::run;

#[test]
fn every_command_shows_examples_and_where_the_exit_codes_are() {
    for words in [&[] as &[&str], &["publish"], &["package"], &["probe"], &["plan"], &["check"]] {
        let help = run(words.iter().copied().chain(["--help"])).done().stdout;
        assert!(help.contains("Examples:\n  aqueduct "), "{help}");
        assert!(help.contains("aqueduct exit-codes"), "{help}");
    }
}

#[test]
fn defaults_are_shown() {
    let help = run(["publish", "--help"]).done().stdout;
    for default in [
        "ts",
        "muxed in ts, separate in fmp4",
        "auto",
        "veryfast",
        "23",
        "6s",
        "2s",
        "128k",
        "us-east-1",
        "one for each core",
    ] {
        assert!(help.contains(&format!("[default: {default}]")), "{default}: {help}");
    }
}

#[test]
fn package_says_what_it_needs_to_know() {
    let help = run(["package", "--help"]).done().stdout;
    for text in [
        "<INPUT>... <DEST>",
        "[default: ts]",
        "[default: 6s]",
        "separate in fmp4",
        "aqueduct package 1080p.mp4 720p.mp4",
        "H.265, AV1",
        "inputs = [",
    ] {
        assert!(help.contains(text), "{text}: {help}");
    }
}

#[test]
fn exit_codes_are_listed_and_stand_in_the_readme() {
    let table = run(["exit-codes"]).done().stdout;
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    for line in table.lines() {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        assert!(
            readme.contains(&format!("| {code} | {meaning} |")),
            "README.md lacks: | {code} | {meaning} |"
        );
    }
}

#[test]
fn machines_read_the_exit_codes() {
    let lines = run(["exit-codes", "--json"]).done().values().remove(0);
    let codes: Vec<_> = lines.as_array().unwrap().iter().map(|line| line["exit_code"].clone()).collect();
    assert_eq!(codes, [0, 1, 2, 3, 64, 65, 66, 69, 70, 73, 74, 77, 130]);
    assert_eq!(lines[4]["meaning"].as_str().map(|it| it.starts_with("usage: ")), Some(true));
}

/// Help is wrapped once, by whoever wrote it: at 100 columns nothing of it is broken again.
#[test]
fn examples_are_not_wrapped_twice() {
    for command in ["publish", "package", "probe", "plan", "check"] {
        let help = run([command, "--help"]).done().stdout;
        let (_, below) = help.split_once("Examples:\n").unwrap();
        let longest = below.lines().filter(|line| !line.starts_with("  ")).max_by_key(|line| line.len());
        assert!(longest.is_some_and(|line| line.chars().count() <= 95), "{command}: {longest:?}");
    }
}

#[test]
fn the_version_is_the_crates() {
    assert_eq!(run(["--version"]).done().stdout, format!("aqueduct {}\n", env!("CARGO_PKG_VERSION")));
}
