//! A build without libav copies, and says what it lacks where it should encode.

#![cfg(not(feature = "av"))]

use crate::support::{clip, path, run};

#[test]
fn it_cannot_encode_and_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let clip = clip("plain-25.mp4");
    for words in [&["publish", path(&clip), path(&out)] as &[&str], &["plan", path(&clip)]] {
        let ended = run(words.iter().copied()).failed(69, &["no libav"]);
        assert!(ended.stderr.contains("`package`") && ended.stderr.contains("plan --copy"), "{ended:?}");
    }
    assert!(!out.exists());
    run(["publish", "missing.mp4", path(&out)]).failed(66, &["missing.mp4"]);
}

#[test]
fn it_reads_mp4_and_nothing_else() {
    let facts = run(["probe", "--json", path(&clip("plain-25.mp4"))]).done().values().remove(0);
    assert_eq!(facts["tracks"][0]["codec"], "h264");
    assert_eq!(facts["tracks"][0]["packets"], 125);
    assert!(!run(["publish", "--help"]).done().stdout.contains("FFmpeg can read"));
    for name in ["matroska.mkv", "transport.ts", "audio-only.mp3"] {
        run(["probe", path(&clip(name))]).failed(69, &[name, "no libav"]);
    }
}

#[test]
fn it_does_not_decode_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(["package", path(&clip("plain-25.mp4")), path(&out), "--verify", "full"]).done();
    run(["check", path(&out)]).done();
    run(["check", path(&out), "--decode"]).failed(64, &["--decode needs FFmpeg"]);
}
