//! A file on a local disk.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::{Identity, KeptIdentity, Source, read_failed};
use crate::error::{Error, ErrorKind, Result};

/// A regular file, opened once and read by position.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
    /// When it was last written to: seconds and nanoseconds.
    written: (i64, i64),
    name: String,
    identity: KeptIdentity,
}

impl FileSource {
    /// Opens `path`. Fails with [`ErrorKind::NotFound`] when nothing is there, [`ErrorKind::Unsupported`] when
    /// it is not a regular file, [`ErrorKind::Source`] when it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let failed = |cause: std::io::Error| match cause.kind() {
            std::io::ErrorKind::NotFound => {
                Error::new(ErrorKind::NotFound, format!("`{name}` does not exist"))
            }
            _ => Error::new(ErrorKind::Source, format!("cannot open {name}")).with_cause(cause),
        };
        // Looked at before it is opened: opening a named pipe would wait for its writer.
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "a folder" } else { "not a regular file" };
            return Err(Error::unsupported(format!(
                "{name} is {what}; give a file that can be read at any offset"
            )));
        }
        let file = File::open(path).map_err(failed)?;
        // Of what was opened, which may be another file by now.
        let metadata = file.metadata().map_err(failed)?;
        let written = (metadata.mtime(), metadata.mtime_nsec());
        Ok(Self { file, len: metadata.len(), written, name, identity: KeptIdentity::default() })
    }

    /// A source is what it was when it was opened. One that is written to while it is read would give bytes of two films.
    fn check_unchanged(&self) -> std::io::Result<()> {
        let now = self.file.metadata()?;
        if now.len() == self.len && (now.mtime(), now.mtime_nsec()) == self.written {
            return Ok(());
        }
        Err(std::io::Error::other(
            "it was written to while it was read; wait until it is finished, and run again",
        ))
    }
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                result => {
                    let checked = result.and_then(|count| self.check_unchanged().map(|()| count));
                    return checked.map_err(|cause| read_failed(&self.name, offset, cause));
                }
            }
        }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<Identity> {
        self.identity.of(self)
    }
}
