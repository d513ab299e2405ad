//! The file of `--html`: opened before the check, so that hours of watching do not end in a name that cannot be written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};

/// How every page begins.
const BEGINNING: &[u8] = b"<!DOCTYPE html>";

/// A file that is going to be a page. One that was made for it and got none is deleted again.
#[derive(Debug)]
pub(super) struct PageFile {
    path: PathBuf,
    file: File,
    /// Whether nothing was there, and no page is yet.
    is_new: bool,
}

impl PageFile {
    /// Opens `path` for writing, and changes nothing of what is there. Refuses what is no page: it may be a playlist of the
    /// presentation that is checked.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::io(&format!("write {}", path.display()), &error);
        let new = OpenOptions::new().read(true).write(true).create_new(true).open(path);
        let (mut file, is_new) = match new {
            Ok(file) => (file, true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (OpenOptions::new().read(true).write(true).open(path).map_err(failed)?, false)
            }
            Err(error) => return Err(failed(error)),
        };
        if !is_new && file.metadata().map_err(failed)?.is_file() {
            let mut start = Vec::new();
            Read::by_ref(&mut file).take(BEGINNING.len() as u64).read_to_end(&mut start).map_err(failed)?;
            if !start.is_empty() && !start.eq_ignore_ascii_case(BEGINNING) {
                let message = format!("{} is there and is no page", path.display());
                let failure = Failure::new(Exit::CannotCreate, "exists", message);
                return Err(failure.hint("--html FILE is written over; name another file, or delete it"));
            }
        }
        Ok(Self { path: path.to_owned(), file, is_new })
    }

    pub(super) fn write(mut self, page: &str) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io(&format!("write {}", self.path.display()), &error);
        // A pipe or a device has neither a length nor a place.
        if self.file.metadata().map_err(failed)?.is_file() {
            self.file.set_len(0).map_err(failed)?;
            self.file.rewind().map_err(failed)?;
        }
        self.file.write_all(page.as_bytes()).map_err(failed)?;
        self.is_new = false;
        Ok(())
    }
}

impl Drop for PageFile {
    fn drop(&mut self) {
        if self.is_new {
            // An empty file that stays is no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}
