//! Folders: made when a run starts, and cleared of what a killed run left half-written.

use std::fs::{self, File};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;

use super::fault;
use crate::error::{Error, ErrorKind, Result};
use crate::keys;

/// Where the file system has no locks, a staged file that nobody touched for so long is stale.
const STALE: Duration = Duration::from_secs(3600);

/// An opened folder.
pub(super) struct Folder {
    pub(super) store: LocalFileSystem,
    /// Held for the run: tells the next run that staged files are being written.
    pub(super) lock: Option<File>,
}

/// Creates `folder` where it is missing, opens it and removes stale staged files.
pub(super) fn open(folder: &Path) -> Result<Folder> {
    let failed = |what: &str, error: io::Error| {
        fault::of_io(&error, &format!("cannot {what} folder {}", folder.display())).with_cause(error)
    };
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => {
            let message =
                format!("{} is a file, not a folder: name a folder to publish to", folder.display());
            return Err(Error::new(ErrorKind::NotWritable, message));
        }
        Ok(_) => {}
        Err(_) => fs::create_dir_all(folder).map_err(|error| failed("create", error))?,
    }
    let lock = lock_and_clear(folder).map_err(|error| failed("read", error))?;
    let store = LocalFileSystem::new_with_prefix(folder)
        .map_err(|error| fault::of_store(error, "open", &folder.display().to_string()))?;
    Ok(Folder { store, lock })
}

/// When this machine was started, in seconds of Unix time; `None` where the system does not say.
///
/// What was written since then and is there is whole, synced or not: only a machine that goes down loses what was not.
pub(super) fn boot_time() -> Option<i64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// Writes objects into a folder on the calling thread, with the names and the order of steps of [`LocalFileSystem`].
pub(crate) struct Writer {
    store: LocalFileSystem,
    sync: bool,
}

impl Writer {
    /// With `sync` a file is synced before it gets its name, so that a power cut leaves whole ones only.
    pub(super) fn new(store: LocalFileSystem, sync: bool) -> Self {
        Self { store, sync }
    }

    /// Stores an object, whatever stood at its place. Nobody ever sees half of it.
    pub(crate) fn put(&self, at: &ObjectPath, pieces: &[Bytes]) -> io::Result<()> {
        let target = self.store.path_to_filesystem(at).map_err(io::Error::other)?;
        let (mut file, staged) = stage(&target)?;
        let written = reserve(&file, pieces)
            .and_then(|()| write_all(&mut file, pieces))
            .and_then(|()| if self.sync { file.sync_all() } else { Ok(()) })
            .and_then(|()| fs::rename(&staged, &target));
        if written.is_err() {
            // Where this fails as well, the next run removes it.
            let _ = fs::remove_file(&staged);
        }
        written?;
        match target.parent().filter(|_| self.sync) {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

/// A new file beside `target`, where [`remove_staged`] finds it.
fn stage(target: &Path) -> io::Result<(File, PathBuf)> {
    let mut number = 1_u64;
    let mut has_folder = false;
    loop {
        let mut staged = target.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        match File::create_new(&staged) {
            Ok(file) => return Ok((file, staged.into())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => match target.parent() {
                // Several makers may find at once that it is missing.
                Some(folder) if error.kind() == io::ErrorKind::NotFound && !has_folder => {
                    fs::create_dir_all(folder)?;
                    has_folder = true;
                }
                _ => return Err(error),
            },
        }
    }
}

/// Asks the file system for the room of all pieces at once. That takes a quarter off the time of writing them to ext4, which
/// else looks for a place page by page, and a full disk is found before anything is written.
#[cfg(target_os = "linux")]
fn reserve(file: &File, pieces: &[Bytes]) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;

    /// Below this a call more costs what it saves.
    const WORTH: u64 = 256 << 10;
    let bytes: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
    if bytes < WORTH {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
        Err(full @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(full.into()),
        // Many file systems cannot; then writing says what is wrong, if anything is.
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: &[Bytes]) -> io::Result<()> {
    Ok(())
}

/// The most that one call writes. Linux gives a call memory in blocks as large as what it writes, and whole blocks of 2 MB are
/// what a virtual machine hands back to its host: with these, a call can take several times as long (decision 35).
/// Larger calls than this gain nothing.
const AT_ONCE: usize = 256 << 10;

/// Writes all pieces one after the other, [`AT_ONCE`] by [`AT_ONCE`] whatever the size of the pieces.
fn write_all(file: &mut File, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices = Vec::new();
    let mut room = AT_ONCE;
    for piece in pieces {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(room));
            slices.push(IoSlice::new(now));
            room -= now.len();
            rest = later;
            if room == 0 {
                write_once(file, &mut slices)?;
                room = AT_ONCE;
            }
        }
    }
    write_once(file, &mut slices)
}

/// Writes `slices` in as few calls as the system takes, and clears them.
fn write_once(file: &mut File, slices: &mut Vec<IoSlice<'_>>) -> io::Result<()> {
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut left, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    slices.clear();
    Ok(())
}

/// The folder as an absolute path: a relative one counts from the current folder now, not when the run starts.
pub(super) fn absolute(folder: &Path) -> Result<PathBuf> {
    std::path::absolute(folder).map_err(|error| {
        Error::new(ErrorKind::Destination, format!("cannot resolve folder {}: {error}", folder.display()))
    })
}

/// Removes stale staged files unless another run is writing into the folder. The lock is on the folder itself,
/// so that it leaves nothing behind, and ends with the process.
fn lock_and_clear(folder: &Path) -> io::Result<Option<File>> {
    // Some systems cannot open a folder as a file: then there is no lock, and age decides.
    let Ok(lock) = File::open(folder) else {
        remove_staged(folder, "", Some(STALE))?;
        return Ok(None);
    };
    match lock.try_lock() {
        Ok(()) => {
            remove_staged(folder, "", None)?;
            lock.unlock()?;
        }
        Err(fs::TryLockError::WouldBlock) => {}
        Err(fs::TryLockError::Error(_)) => {
            remove_staged(folder, "", Some(STALE))?;
            return Ok(None);
        }
    }
    lock.lock_shared()?;
    Ok(Some(lock))
}

/// Removes files named `key#n` for our keys: `object_store` and [`Writer`] write there before they rename, and a process
/// that was killed leaves them.
fn remove_staged(folder: &Path, prefix: &str, untouched_for: Option<Duration>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let key = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && keys::is_folder(&key) {
            remove_staged(&entry.path(), &format!("{key}/"), untouched_for)?;
        } else if kind.is_file() && staged_for(&key).is_some_and(keys::is_ours) {
            let age = || {
                entry
                    .metadata()
                    .and_then(|found| found.modified())
                    .map(|time| time.elapsed().unwrap_or_default())
            };
            if let Some(limit) = untouched_for
                && age()? < limit
            {
                continue;
            }
            tracing::info!(file = %entry.path().display(), "removing what a killed run left half-written");
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The key that a staged file was to become.
pub(super) fn staged_for(name: &str) -> Option<&str> {
    let (key, number) = name.rsplit_once('#')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [&str; 4] =
        ["plan.json#1", "master.m3u8#2", "video/720p/00000.ts#1", "video/720p/index.m3u8#12"];

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "half").unwrap();
        }
        folder
    }

    #[test]
    fn only_our_own_staged_files_are_removed() {
        let foreign = [
            "notes#1",
            "other/00000.ts#1",
            "video/720p/00000.ts",
            "video/720p/holiday.ts#1",
            "plan.json#a",
            "plan.json#",
        ];
        let folder = folder_with(&[&OURS[..], &foreign].concat());
        open(folder.path()).unwrap();
        assert!(OURS.iter().all(|name| !folder.path().join(name).exists()));
        assert!(foreign.iter().all(|name| folder.path().join(name).exists()));
    }

    #[test]
    fn pieces_become_one_file_whatever_stood_there() {
        let folder = folder_with(&["video/720p/00000.ts", "video/720p/00001.ts#1"]);
        for sync in [false, true] {
            let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
            let writer = Writer::new(store, sync);
            // More pieces and bytes than one call takes, empty ones among them, and enough that room is asked for.
            let mut pieces: Vec<Bytes> =
                (0..3000_usize).map(|n| Bytes::from(vec![n as u8; n % 300])).collect();
            pieces.push(Bytes::from_iter((0..3 * AT_ONCE).map(|n| n as u8)));
            for key in ["video/720p/00000.ts", "video/720p/00001.ts", "audio/en/00000.ts"] {
                writer.put(&ObjectPath::from(key), &pieces).unwrap();
                assert_eq!(fs::read(folder.path().join(key)).unwrap(), pieces.concat());
            }
            writer.put(&ObjectPath::from("empty"), &[]).unwrap();
            assert_eq!(fs::read(folder.path().join("empty")).unwrap(), b"");
        }
        let left = fs::read_dir(folder.path().join("video/720p")).unwrap().count();
        assert_eq!(left, 3, "two files, and the staged one of somebody else");
    }

    #[test]
    fn what_cannot_be_stored_leaves_nothing() {
        let folder = folder_with(&["video/720p/00000.ts/in-the-way", "audio"]);
        let writer = Writer::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap(), false);
        writer.put(&ObjectPath::from("video/720p/00000.ts"), &[Bytes::from("new")]).unwrap_err();
        writer.put(&ObjectPath::from("audio/en/00000.ts"), &[Bytes::from("new")]).unwrap_err();
        assert_eq!(fs::read_dir(folder.path().join("video/720p")).unwrap().count(), 1);
    }

    #[test]
    fn the_machine_was_started_before_now() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        if cfg!(target_os = "linux") {
            assert!((1..=now as i64).contains(&boot_time().unwrap()));
        }
    }

    #[test]
    fn staged_files_of_a_run_that_is_alive_stay() {
        let folder = tempfile::tempdir().unwrap();
        let alive = open(folder.path()).unwrap();
        fs::write(folder.path().join("plan.json#1"), "half").unwrap();
        drop(open(folder.path()).unwrap());
        assert!(folder.path().join("plan.json#1").exists());
        drop(alive);
        drop(open(folder.path()).unwrap());
        assert!(!folder.path().join("plan.json#1").exists());
    }

    #[test]
    fn a_file_is_not_a_folder_and_the_error_says_so() {
        let folder = folder_with(&["file"]);
        let file = folder.path().join("file");
        for path in [file.clone(), file.join("below")] {
            let error = open(&path).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::NotWritable, "{error}");
            assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        }
    }
}
