//! Folders: made when a run starts, and cleared of what a killed run left half-written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use object_store::local::LocalFileSystem;

use super::fault;
use crate::error::{Error, ErrorKind, Result};
use crate::keys;

/// Where the file system has no locks, a staged file that nobody touched for so long is stale.
const STALE: Duration = Duration::from_secs(3600);

/// An opened folder.
pub(super) struct Folder {
    /// Writes below it; files are synced before they get their name, so that a power cut leaves whole ones only.
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
        .map_err(|error| fault::of_store(error, "open", &folder.display().to_string()))?
        .with_fsync(true);
    Ok(Folder { store, lock })
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

/// Removes files named `key#n` for our keys: `object_store` writes there before it renames, and a process that
/// was killed leaves them.
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
fn staged_for(name: &str) -> Option<&str> {
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
