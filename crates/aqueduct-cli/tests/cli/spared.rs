//! What is read is not deleted, nor written over.

use std::fs;
use std::path::Path;

use crate::support::{clip, path, run, tree};

const SAID: [&str; 2] = ["below the destination", "publish to another place, or move it first"];

/// Whatever is refused leaves everything as it was.
#[track_caller]
fn is_refused(root: &Path, words: &[&str]) {
    let before = tree(root);
    for more in [&[][..], &["--overwrite"]] {
        run([words, more].concat()).failed(64, &SAID);
        assert!(tree(root) == before, "{words:?} {more:?}");
    }
}

#[test]
fn a_film_among_the_objects_of_the_destination_stays() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let put = |name: &str, from: &str| {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::copy(clip(from), at(name)).unwrap();
        at(name)
    };
    let out = at("x");
    let inner = put("x/video/360p/media.mp4", "plain-25.mp4");
    is_refused(root.path(), &["package", path(&inner), path(&out), "--container", "fmp4", "--single-file"]);
    is_refused(root.path(), &["publish", path(&inner), path(&out)]);
    let url = format!("file://{}", path(&out));
    is_refused(root.path(), &["package", path(&inner), &url]);
    let master = put("y/master.m3u8", "plain-25.mp4");
    is_refused(root.path(), &["package", path(&master), path(&at("y"))]);
    let link = at("link.mp4");
    std::os::unix::fs::symlink(&master, &link).unwrap();
    is_refused(root.path(), &["package", path(&link), path(&at("y"))]);

    // A rendition of a presentation, made into the same.
    let (film, made) = (clip("plain-25.mp4"), at("s"));
    let flags = ["--container", "fmp4", "--single-file", "--audio-layout", "separate"];
    run([&["package", path(&film), path(&made)][..], &flags].concat()).done();
    let media: Vec<_> = tree(&made).into_iter().filter(|(key, _)| key.ends_with("/media.mp4")).collect();
    assert!(media.len() == 2, "pictures and sound");
    for (key, _) in &media {
        let file = made.join(key);
        let sound = format!("{}:de", file.display());
        is_refused(root.path(), &["package", path(&film), path(&made), "--audio", &sound]);
        is_refused(root.path(), &["package", path(&file), path(&made)]);
    }
    // To another place it can go, and a film that only lies in the folder is no object of it.
    let picture = media.iter().find(|(key, _)| key.starts_with("video/")).unwrap();
    run(["package", path(&made.join(&picture.0)), path(&at("t"))]).done();
    let beside = put("z/film.mp4", "plain-25.mp4");
    for _ in 0..2 {
        run(["package", path(&beside), path(&at("z")), "--overwrite"]).done();
    }
    assert!(fs::read(&beside).unwrap() == fs::read(&film).unwrap());
}

#[test]
fn the_file_of_an_index_is_no_object_of_the_destination() {
    let root = tempfile::tempdir().unwrap();
    let (film, out) = (clip("plain-25.mp4"), root.path().join("out"));
    for key in ["plan.json", "video/360p/index.m3u8"] {
        is_refused(root.path(), &["package", path(&film), path(&out), "--index", path(&out.join(key))]);
    }
    assert!(!out.exists());
    fs::create_dir(&out).unwrap();
    run(["package", path(&film), path(&out), "--index", path(&out.join("film.index"))]).done();
}
