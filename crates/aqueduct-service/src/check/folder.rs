//! Files below one folder.

use std::fs::File;
use std::io::{ErrorKind as IoKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use aqueduct::check::{Answer, FetchError, FetchErrorKind, Request, Want};
use url::Url;

use super::refused;
use crate::error::{Error, ErrorKind, Result};

/// A folder, with its links followed.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let root = folder.canonicalize().map_err(|error| {
            Error::new(ErrorKind::NotFound, format!("{}: {error}", folder.display())).with_cause(error)
        })?;
        Ok(Self { root })
    }

    pub(super) fn url_of(&self, file: &str) -> Result<String> {
        let path = self.root.join(file);
        Url::from_file_path(&path)
            .map(String::from)
            .map_err(|()| Error::new(ErrorKind::Destination, format!("{} is no path", path.display())))
    }

    pub(super) fn fetch(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        let path = Url::parse(request.url).ok().and_then(|url| url.to_file_path().ok());
        let path = path.ok_or_else(|| refused("the URL names no file"))?;
        // With links followed, so that none leads out of the folder.
        let path = path.canonicalize().map_err(|error| failed(&error))?;
        if !path.starts_with(&self.root) {
            return Err(refused(
                "it lies outside the folder that is checked; name a playlist further up, whose folder has all of it",
            ));
        }
        // Looked at before it is opened: opening a named pipe would wait for its writer.
        if !path.metadata().map_err(|error| failed(&error))?.is_file() {
            return Err(FetchError::new(FetchErrorKind::Failed, "it is no file"));
        }
        let mut file = File::open(&path).map_err(|error| failed(&error))?;
        let length = file.metadata().map_err(|error| failed(&error))?.len();
        let range = match &request.want {
            Want::Length => return Ok(Answer::of_length(request.url, length)),
            Want::Bytes(range) => range.start.min(length)..range.end.min(length),
            _ => 0..length,
        };
        let wanted = range.end.saturating_sub(range.start);
        let mut body = Vec::with_capacity(usize::try_from(wanted.min(request.limit)).unwrap_or(0));
        file.seek(SeekFrom::Start(range.start)).map_err(|error| failed(&error))?;
        file.take(wanted.min(request.limit)).read_to_end(&mut body).map_err(|error| failed(&error))?;
        let answer = Answer::whole(request.url, body).of_resource(length);
        Ok(if wanted > request.limit { answer.cut() } else { answer })
    }
}

fn failed(error: &std::io::Error) -> FetchError {
    match error.kind() {
        IoKind::NotFound | IoKind::NotADirectory => {
            FetchError::new(FetchErrorKind::NotFound, "there is no such file")
        }
        _ => FetchError::new(FetchErrorKind::Failed, error.to_string()),
    }
}
