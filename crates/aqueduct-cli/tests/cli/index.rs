//! `--index`: the index of an input is kept in a file, used where it fits, and made anew where it does not.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Ended, clip, path, run, tree};

/// A folder with a film and the file of its index.
struct Place {
    folder: tempfile::TempDir,
    film: PathBuf,
    index: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (film, index) = (folder.path().join("film.mp4"), folder.path().join("film.index"));
        fs::copy(clip("plain-25.mp4"), &film).unwrap();
        Self { folder, film, index }
    }

    fn probe(&self) -> Ended {
        run(["probe", path(&self.film), "--index", path(&self.index)])
    }

    /// What a probe says became of the file, and why.
    #[track_caller]
    fn state(&self) -> (String, Option<String>) {
        let said = run(["probe", path(&self.film), "--index", path(&self.index), "--json"]).done().values();
        let index = said.iter().find(|value| value["tracks"].is_array()).unwrap()["index"].clone();
        let text = |name: &str| index[name].as_str().map(str::to_owned);
        assert_eq!(index["file"], path(&self.index));
        (text("state").unwrap(), text("because"))
    }

    /// The file is not used, for this reason, and is as it should be afterwards.
    #[track_caller]
    fn is_made_anew(&self, whole: &[u8], because: &str) {
        let before = fs::read(&self.index).unwrap();
        let ended = self.probe().done();
        assert!(ended.stderr.starts_with("note: ") && ended.stderr.contains(because), "{ended:?}");
        assert!(fs::read(&self.index).unwrap() == whole, "{because}");
        fs::write(&self.index, before).unwrap();
        let (state, why) = self.state();
        assert!(state == "written" && why.unwrap().contains(because));
        assert_eq!(self.state(), ("used".to_owned(), None));
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn it_is_written_then_used_and_changes_no_byte() {
    let place = Place::new();
    let without = run(["probe", path(&place.film)]).done();
    let first = place.probe().done();
    assert!(first.stderr.starts_with("note: the index was written to "), "{first:?}");
    let written = fs::read(&place.index).unwrap();
    let second = place.probe().done();
    assert!(second.stderr.is_empty(), "{second:?}");
    assert_eq!((&first.stdout, &second.stdout), (&without.stdout, &without.stdout));
    assert!(fs::read(&place.index).unwrap() == written, "what fits is left alone");
    let names: Vec<_> =
        fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing else is left: {names:?}");

    // Every command reads what another one wrote.
    let (plain, indexed) = (place.out("plain"), place.out("indexed"));
    run(["package", path(&place.film), path(&plain)]).done();
    let words = ["package", path(&place.film), path(&indexed), "--index", path(&place.index), "--json"];
    let events = run(words).done().values();
    let probed = events.iter().find(|event| event["event"] == "probed").unwrap();
    assert_eq!(probed["index"]["state"], "used", "{probed}");
    assert!(tree(&plain) == tree(&indexed));
    let words = ["plan", "--copy", path(&place.film), "--index", path(&place.index), "--json"];
    assert_eq!(run(words).done().values()[0]["indexes"][0]["state"], "used");
}

#[test]
fn it_can_be_begun_by_package() {
    let place = Place::new();
    let words = |out: &Path| {
        ["package", path(&place.film), path(out), "--index", path(&place.index)].map(str::to_owned)
    };
    let package = |out: &Path| run(words(out).iter().map(String::as_str)).done();
    let (one, two) = (place.out("one"), place.out("two"));
    assert!(package(&one).stderr.contains("the index was written to"));
    assert!(package(&two).stderr.is_empty());
    assert!(tree(&one) == tree(&two));
}

#[test]
fn what_does_not_fit_is_made_anew() {
    let place = Place::new();
    place.probe().done();
    let whole = fs::read(&place.index).unwrap();
    // Any byte behind the first line.
    let start = b"aqueduct index\n".len();
    for at in [start, start + 20, start + 30, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x11;
        fs::write(&place.index, &bytes).unwrap();
        let (state, because) = place.state();
        assert!(state == "written" && because.is_some(), "byte {at}: {state}, {because:?}");
        assert!(fs::read(&place.index).unwrap() == whole);
    }
    for end in [start, start + 40, whole.len() / 2, whole.len() - 1] {
        fs::write(&place.index, &whole[..end]).unwrap();
        place.is_made_anew(&whole, "is damaged");
    }
    fs::write(&place.index, [&whole[..], b"\0"].concat()).unwrap();
    place.is_made_anew(&whole, "is damaged");

    let version = format!("\"aqueduct\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let text = whole.windows(version.len()).position(|text| text == version.as_bytes()).unwrap();
    let older = [&whole[..text], b"\"aqueduct\":\"0.0.1\"", &whole[text + version.len()..]].concat();
    fs::write(&place.index, older).unwrap();
    place.is_made_anew(&whole, "was made by version 0.0.1 of aqueduct");
    let of_library = whole.windows(5).position(|text| text == b"AQIDX").unwrap() + 9;
    let mut other = whole.clone();
    other[of_library] ^= 1;
    fs::write(&place.index, other).unwrap();
    place.is_made_anew(&whole, "was made by another version of aqueduct");
}

#[test]
fn another_film_has_another_index() {
    let place = Place::new();
    place.probe().done();
    let other = fs::read(&place.index).unwrap();
    // As long as before, and with other bytes.
    let mut bytes = fs::read(&place.film).unwrap();
    let media = bytes.windows(4).position(|kind| kind == b"mdat").unwrap();
    bytes[media + 2000] ^= 1;
    fs::write(&place.film, bytes).unwrap();
    fs::remove_file(&place.index).unwrap();
    place.probe().done();
    let whole = fs::read(&place.index).unwrap();
    assert!(whole != other);
    fs::write(&place.index, other).unwrap();
    place.is_made_anew(&whole, "is the index of another film");
}

/// Samples of a large film do not tell all that is written to it.
#[test]
fn a_large_film_that_was_edited_in_place_is_read_anew() {
    use std::io::{Seek, SeekFrom, Write};

    let place = Place::new();
    let small = fs::read(&place.film).unwrap();
    // A free box behind it makes it large; most of that is in no sample.
    let mut large = small.clone();
    large.extend(20_u32.to_be_bytes().iter().chain(b"free"));
    let free = 24_u32 << 20;
    large[small.len()..small.len() + 4].copy_from_slice(&free.to_be_bytes());
    large.resize(small.len() + free as usize, 0);
    fs::write(&place.film, &large).unwrap();
    place.probe().done();
    assert_eq!(place.state(), ("used".to_owned(), None));
    let written = fs::metadata(&place.film).unwrap().modified().unwrap();
    let mut film = fs::File::options().write(true).open(&place.film).unwrap();
    film.seek(SeekFrom::Start(small.len() as u64 + (2 << 20))).unwrap();
    film.write_all(b"x").unwrap();
    // Also where its time is set back.
    film.set_modified(written).unwrap();
    drop(film);
    let (state, because) = place.state();
    assert_eq!(state, "written");
    assert!(because.unwrap().contains("as it was before"));
    assert_eq!(place.state(), ("used".to_owned(), None));
    // Nothing of it is in the plan.
    let (one, two) = (place.out("one"), place.out("two"));
    run(["package", path(&place.film), path(&one), "--index", path(&place.index)]).done();
    let moved = place.out("moved.mp4");
    fs::copy(&place.film, &moved).unwrap();
    run(["package", path(&moved), path(&two)]).done();
    assert!(tree(&one) == tree(&two));
}

#[test]
fn what_is_no_index_is_not_touched() {
    let place = Place::new();
    for foreign in [&b"#EXTM3U\n"[..], b"x", b"aqueduct index"] {
        fs::write(&place.index, foreign).unwrap();
        place.probe().failed(73, &["is there and is no index"]);
        assert_eq!(fs::read(&place.index).unwrap(), foreign);
    }
    let film = fs::read(&place.film).unwrap();
    run(["probe", path(&place.film), "--index", path(&place.film)]).failed(73, &["is no index"]);
    assert!(fs::read(&place.film).unwrap() == film);
    run(["probe", path(&place.film), "--index", path(place.folder.path())]).failed(73, &["is no index"]);
    // An empty file holds nothing that could be lost.
    fs::write(&place.index, b"").unwrap();
    assert_eq!(place.state(), ("written".to_owned(), None));
}

#[test]
fn one_that_cannot_be_written_stops_nothing() {
    let place = Place::new();
    let nowhere = place.out("no/such/folder/film.index");
    let ended = run(["probe", path(&place.film), "--index", path(&nowhere)]).done();
    assert!(ended.stderr.contains("film.mp4: the index could not be written to "), "{ended:?}");
    assert!(ended.stdout.contains("h264") || ended.stdout.contains("H.264"), "{ended:?}");
    let out = place.out("out");
    let words = ["package", path(&place.film), path(&out), "--index", path(&nowhere), "--json"];
    let ended = run(words).done();
    let warned = ended.values().into_iter().find(|event| event["name"] == "index-not-written");
    let warned = warned.unwrap();
    assert_eq!(warned["event"], "warning");
    assert_eq!(warned["input"], path(&place.film));
    assert!(out.join("master.m3u8").is_file());
}

#[test]
fn each_input_has_one_of_its_own() {
    let place = Place::new();
    let (film, sound, out) = (path(&place.film).to_owned(), clip("audio-only.m4a"), place.out("out"));
    let sound = format!("{}:de", sound.display());
    let second = place.out("sound.index");
    let words = ["package", &film, path(&out), "--audio", &sound, "--index", path(&place.index)];
    run(words).failed(64, &["--index names 1 files for 2 inputs"]);
    run(words.into_iter().chain(["--index", path(&place.index)])).failed(64, &["is given twice"]);
    let elsewhere = format!("{}/./film.index", place.folder.path().display());
    run(words.into_iter().chain(["--index", &elsewhere])).failed(64, &["is given twice"]);
    std::os::unix::fs::symlink(place.folder.path(), place.out("link")).unwrap();
    let elsewhere = place.out("link/film.index");
    run(words.into_iter().chain(["--index", path(&elsewhere)])).failed(64, &["is given twice"]);
    for _ in 0..2 {
        run(words.into_iter().chain(["--index", path(&second)])).done();
    }
    // The job file says it, too.
    let job = place.out("job.toml");
    let text = format!("input = {film:?}\naudio = {sound:?}\nindex = [{:?}, {second:?}]\n", place.index);
    let text = text.replace("audio = ", "audio = [").replace("\nindex", "]\nindex");
    fs::write(&job, text).unwrap();
    let planned = run(["plan", "--copy", "--config", path(&job), "--json"]).done().values();
    let states: Vec<_> =
        planned[0]["indexes"].as_array().unwrap().iter().map(|used| &used["state"]).collect();
    assert_eq!(states, ["used", "used"]);
}

/// What libav read is no sample tables: copying makes its own, and both read that of the other where they can.
#[cfg(feature = "av")]
#[test]
fn what_is_scanned_once_is_not_scanned_again() {
    let place = Place::new();
    let film = clip("transport.ts");
    let probe = || run(["probe", path(&film), "--index", path(&place.index), "--json"]).done().values();
    assert_eq!(probe()[0]["index"]["state"], "written");
    let second = &probe()[0];
    assert_eq!(second["index"]["state"], "used");
    let plain = run(["probe", path(&film), "--json"]).done().values();
    assert_eq!(plain[0]["tracks"], second["tracks"]);
    let words = ["publish", path(&film), "--ladder", "90p", "--preset", "ultrafast"];
    let (plain, indexed) = (place.out("plain"), place.out("indexed"));
    run(words.into_iter().chain([path(&plain)])).done();
    run(words.into_iter().chain([path(&indexed), "--index", path(&place.index)])).done();
    assert!(tree(&plain) == tree(&indexed));
}
