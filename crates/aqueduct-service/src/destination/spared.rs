//! What a run reads may not be what it deletes or writes over.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path as FilePath, PathBuf};

use object_store::path::Path;

use super::{Destination, Place, local};
use crate::error::{Error, ErrorKind, Result};
use crate::keys;

impl Destination {
    /// Fails with [`ErrorKind::Destination`] where `path`, a file or the URL of an object, is one of the objects that a run
    /// writes here or that overwriting deletes, or bears the name of one: `plan.json`, `video/720p/media.mp4`. A file is found
    /// behind links, too. Looks at the disk, and asks no store.
    ///
    /// [`Publish::run`](crate::Publish::run) asks it for each source, by its name, before it touches anything. Objects are
    /// compared by URL: those of two servers with equal names count as the same.
    pub fn must_not_hold(&self, path: &FilePath) -> Result<()> {
        let key = match &self.place {
            Place::Folder(folder) => key_in_folder(folder, path),
            Place::Store(_) => path.to_str().and_then(|text| self.key_in_store(text)),
        };
        let Some(key) = key else { return Ok(()) };
        let (path, url) = (path.display(), &self.url);
        let message = format!(
            "{path} is {key} below the destination {url}: a run would delete it or write over it; publish to another place, or move it first"
        );
        Err(Error::new(ErrorKind::Destination, message))
    }

    fn key_in_store(&self, text: &str) -> Option<String> {
        let (scheme, rest) = text.split_once("://")?;
        let (bucket, path) = rest.split_once('/')?;
        // As it is read when it is opened.
        let path = Path::parse(path.trim_matches('/')).ok()?;
        let url = format!("{scheme}://{bucket}/{path}");
        let key = url.strip_prefix(&self.url)?.strip_prefix('/')?;
        is_touched(key).then(|| key.to_owned())
    }
}

/// Whether a run may delete or write an object under this key; staged files are removed as well.
fn is_touched(key: &str) -> bool {
    keys::is_ours(key) || local::staged_for(key).is_some_and(keys::is_ours)
}

fn key_in_folder(folder: &FilePath, path: &FilePath) -> Option<String> {
    let root = resolved(folder);
    // The file itself, and the link to it: each may be the one that lies there.
    let link = path.file_name().map(|name| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        resolved(parent.unwrap_or(FilePath::new("."))).join(name)
    });
    let by_name = [Some(resolved(path)), link].into_iter().flatten().find_map(|path| {
        let names = path.strip_prefix(&root).ok()?.components().map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        Some(names.collect::<Option<Vec<_>>>()?.join("/")).filter(|key| is_touched(key))
    });
    by_name.or_else(|| {
        let found = fs::metadata(path).ok()?;
        same_file(folder, "", (found.dev(), found.ino()))
    })
}

/// The key of the object in `folder` that is this file: mounts, links and letter case give it other names.
fn same_file(folder: &FilePath, prefix: &str, wanted: (u64, u64)) -> Option<String> {
    // What cannot be listed cannot be written either, and the run tells.
    fs::read_dir(folder).ok()?.filter_map(std::result::Result::ok).find_map(|entry| {
        let key = format!("{prefix}{}", entry.file_name().to_str()?);
        if keys::is_folder(&key) {
            return same_file(&entry.path(), &format!("{key}/"), wanted);
        }
        // Of a link that lies there only the link is deleted.
        let found = entry.metadata().ok().filter(|_| is_touched(&key))?;
        ((found.dev(), found.ino()) == wanted).then_some(key)
    })
}

/// Where `path` leads: without links, also where its end is not there yet.
fn resolved(path: &FilePath) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing: Vec<&OsStr> = Vec::new();
    let mut there = whole.as_path();
    loop {
        if let Ok(found) = there.canonicalize() {
            return missing.into_iter().rev().fold(found, |path, name| path.join(name));
        }
        match (there.parent(), there.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name);
                there = parent;
            }
            _ => return whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::StoreOptions;

    #[track_caller]
    fn holds(destination: &Destination, path: impl AsRef<FilePath>) -> bool {
        match destination.must_not_hold(path.as_ref()) {
            Ok(()) => false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Destination);
                assert!(error.to_string().contains("publish to another place"), "{error}");
                true
            }
        }
    }

    #[test]
    fn a_file_is_found_under_any_of_its_names() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for name in ["out/video/360p/media.mp4", "out/holiday.mp4", "out/plan.json#3", "films/a.mp4"] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), name).unwrap();
        }
        symlink(at("out"), at("link")).unwrap();
        symlink(at("out/video/360p/media.mp4"), at("films/link.mp4")).unwrap();
        symlink(at("films/a.mp4"), at("out/master.m3u8")).unwrap();
        fs::hard_link(at("out/video/360p/media.mp4"), at("films/hard.mp4")).unwrap();
        for name in ["out", "link", "films/../out"] {
            let destination = Destination::parse(at(name).to_str().unwrap(), &StoreOptions::default());
            let destination = destination.unwrap();
            for held in [
                "out/video/360p/media.mp4",
                "link/video/360p/media.mp4",
                "films/../out/video/360p/media.mp4",
                "films/link.mp4",
                "films/hard.mp4",
                "out/master.m3u8",
                "out/plan.json#3",
                "out/plan.json",
                "link/audio/new/00000.ts",
            ] {
                assert!(holds(&destination, at(held)), "{held} in {name}");
            }
            for free in ["out/holiday.mp4", "films/a.mp4", "out", "out/video", "none", "films/plan.json"] {
                assert!(!holds(&destination, at(free)), "{free} in {name}");
            }
        }
        // The folders of renditions may lie elsewhere.
        fs::create_dir_all(at("disk/360p")).unwrap();
        fs::write(at("disk/360p/media.mp4"), "film").unwrap();
        fs::create_dir(at("far")).unwrap();
        symlink(at("disk"), at("far/video")).unwrap();
        let destination = Destination::parse(at("far").to_str().unwrap(), &StoreOptions::default()).unwrap();
        assert!(holds(&destination, at("disk/360p/media.mp4")));
        // One that is not there yet.
        let destination = Destination::parse(at("new").to_str().unwrap(), &StoreOptions::default()).unwrap();
        assert!(holds(&destination, at("new/plan.json")) && !holds(&destination, at("films/a.mp4")));
    }

    #[test]
    fn an_object_is_known_by_its_url() {
        let store = || std::sync::Arc::new(object_store::memory::InMemory::new());
        let destination = Destination::from_store(store(), "s3://media", "s").unwrap();
        for held in
            ["s3://media/s/video/360p/media.mp4", "s3://media//s/master.m3u8", "s3://media/s/plan.json/"]
        {
            assert!(holds(&destination, held), "{held}");
        }
        for free in [
            "s3://media/s/film.mp4",
            "s3://media/t/plan.json",
            "s3://media/sequel/plan.json",
            "s3://media/plan.json",
            "s3://other/s/plan.json",
            "gs://media/s/plan.json",
            "s/plan.json",
        ] {
            assert!(!holds(&destination, free), "{free}");
        }
        let whole = Destination::from_store(store(), "s3://media", "").unwrap();
        assert!(holds(&whole, "s3://media/master.m3u8") && !holds(&whole, "s3://media/film.mp4"));
    }
}
