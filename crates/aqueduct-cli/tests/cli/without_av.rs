//! A build without libav says what it lacks.

#![cfg(not(feature = "av"))]

use crate::support::{clip, path, run};

#[test]
fn it_says_so_and_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let clip = clip("plain-25.mp4");
    run(["publish", path(&clip), path(&out)]).failed(69, &["no libav"]);
    run(["probe", path(&clip)]).failed(69, &["no libav"]);
    run(["plan", path(&clip)]).failed(69, &["no libav"]);
    assert!(!out.exists());
    run(["publish", "missing.mp4", path(&out)]).failed(66, &["missing.mp4"]);
}
