//! Where inputs lie: on a disk, or in an object store.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aqueduct::{FileSource, Source};
use aqueduct_service::{ErrorKind, StoreOptions, StoreSource};
use tokio::runtime::{Builder, Runtime};

use crate::exit::{Exit, Failure};

/// Schemes of stores; which of them this build has, the service says.
const STORES: [&str; 3] = ["s3", "gs", "az"];

/// Opens a file, or the object at a URL such as `s3://bucket/film.mp4`.
#[cfg(not(feature = "av"))]
pub(crate) fn source(path: &Path, store: &StoreOptions) -> Result<Arc<dyn Source>, Failure> {
    Ok(opened(path, store)?.0)
}

/// The source, and its revision: a text that is another one as soon as the film is written to. `None` where it was written
/// to while it was opened.
pub(super) fn opened(
    path: &Path,
    store: &StoreOptions,
) -> Result<(Arc<dyn Source>, Option<String>), Failure> {
    if let Some(right) = path.to_str().and_then(aqueduct_service::respelled) {
        return Err(
            Failure::usage(format!("{} is written wrongly", path.display())).hint(format!("write {right}"))
        );
    }
    match url(path) {
        Some(("file", url)) => file(&of_file_url(url)?),
        Some((scheme, url)) if STORES.contains(&scheme) => object(url, store),
        other => file(path).map_err(|failure| match other {
            Some(_) => failure.hint("inputs are files and objects of s3://: fetch it first"),
            None => failure,
        }),
    }
}

/// The file of `file:///folder/film.mp4`, whose escapes (RFC 3986 section 2.1) stand for bytes.
fn of_file_url(url: &str) -> Result<PathBuf, Failure> {
    let wrong = || {
        Failure::usage(format!("{url} names no file of this machine"))
            .hint("write file:///path/of/film.mp4, or the path alone")
    };
    let rest = url.strip_prefix("file://").ok_or_else(wrong)?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(wrong());
    }
    let mut pieces = path.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map(PathBuf::from).map_err(|_| wrong())
}

/// Whether `path` names an object of a store.
pub(crate) fn is_object(path: &Path) -> bool {
    url(path).is_some_and(|(scheme, _)| STORES.contains(&scheme))
}

/// The scheme of a URL, and the URL.
fn url(path: &Path) -> Option<(&str, &str)> {
    let text = path.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    scheme.chars().all(|c| c.is_ascii_alphanumeric()).then_some((scheme, text))
}

fn file(path: &Path) -> Result<(Arc<dyn Source>, Option<String>), Failure> {
    let before = revision(path);
    let file = FileSource::open(path).map_err(|error| {
        let mut failure = Failure::from(error);
        // A folder or a device: nothing in it is wrong, it is just no file.
        if failure.exit == Exit::Data {
            (failure.exit, failure.kind) = (Exit::NoInput, "not-a-file");
        }
        failure
    })?;
    Ok((Arc::new(file), before.filter(|before| revision(path).as_ref() == Some(before))))
}

/// Of the file at `path`: who writes to it may set back the time of that, but not the time of the change.
fn revision(path: &Path) -> Option<String> {
    let found = std::fs::metadata(path).ok()?;
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let (written, changed) =
        (nanos(found.mtime(), found.mtime_nsec()), nanos(found.ctime(), found.ctime_nsec()));
    Some(format!("inode {} written {written} changed {changed}", found.ino()))
}

fn object(url: &str, store: &StoreOptions) -> Result<(Arc<dyn Source>, Option<String>), Failure> {
    let opened = runtime()?.block_on(StoreSource::open(url, store));
    let source = opened.map_err(|error| {
        let missing = error.kind() == ErrorKind::NotFound;
        let mut failure = Failure::from(error);
        // The same kind of a destination is one that cannot be created.
        if missing {
            (failure.exit, failure.kind) = (Exit::NoInput, "not-found");
            failure.hint = Some("check the bucket, the path and the endpoint".to_owned());
        }
        failure
    })?;
    let revision = source.revision();
    Ok((Arc::new(source), Some(revision)))
}

/// Answers of stores come in here, whatever the threads that wait for them do; it lives as long as the process.
fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = Builder::new_multi_thread().worker_threads(2).thread_name("input").enable_all().build();
    let made = made.map_err(|error| Failure::io("start threads", &error))?;
    Ok(RUNTIME.get_or_init(|| made))
}
