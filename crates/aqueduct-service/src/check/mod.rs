//! Checks presentations where they lie: in a folder, in a bucket, on a web server.
//!
//! The rules are those of [`aqueduct::check`]; here is what fetches. A playlist decides what is asked for, and nobody knows
//! who wrote it, so each way of fetching has its fence: a folder answers nothing outside itself, a bucket nothing outside
//! the target's prefix, and HTTP asks no private address unless it is allowed to.

mod folder;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod public;
mod store;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aqueduct::check::{Answer, Fetch, FetchError, FetchErrorKind, Options, Overlay, Report, Request};
use aqueduct::media::Decode;
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::destination::{Destination, StoreOptions, fault, respelled};
use crate::error::{Error, ErrorKind, Result};

/// Names that the first playlist of a folder usually has.
const NAMES: [&str; 4] = ["master.m3u8", "index.m3u8", "main.m3u8", "playlist.m3u8"];

/// How to fetch over HTTP.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Whether addresses of this machine and of private networks may be asked. Default: no; a target on the loopback
    /// may name other resources there. Danger: a playlist from outside then reaches what only this machine can.
    pub allow_private: bool,
    /// Longest time for one request, its body included; a server that takes longer breaks `MP-FETCH`, unless the time for
    /// the whole check was over first. Default: 30 s.
    pub request_timeout: Duration,
    /// Longest time for the whole check over HTTP: requests that are under way then are given up. What was not answered by
    /// then is told as not checked; where that is the target itself, the check fails. Default: 15 min.
    pub total_timeout: Duration,
    /// Redirects that are followed for one request. Default: 5.
    pub redirects: u32,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            request_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(15 * 60),
            redirects: 5,
        }
    }
}

/// What decodes in a check ([`Options::decode`]); `None` where this build has no FFmpeg.
pub fn decoders() -> Option<Arc<dyn Decode>> {
    #[cfg(feature = "av")]
    let decoders: Option<Arc<dyn Decode>> = Some(Arc::new(aqueduct::Decoders::default()));
    #[cfg(not(feature = "av"))]
    let decoders = None;
    decoders
}

/// A presentation to check: a folder, a playlist, `s3://…`, `http://…` or `https://…`.
#[derive(Debug, Clone)]
pub struct CheckTarget {
    place: Place,
    /// Objects that are not stored yet, by key.
    pending: Vec<(String, Bytes)>,
    /// Whether a store is asked again for as long as a run would.
    is_patient: bool,
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "this build fetches nothing over HTTP"))]
    fetch: FetchOptions,
}

#[derive(Debug, Clone)]
enum Place {
    /// A folder, and the file in it where one is named.
    Folder { folder: PathBuf, file: Option<String> },
    /// The folder in a bucket, and the playlist in it where one is named.
    Store { destination: Destination, file: Option<String> },
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "this build refuses it when it is parsed"))]
    Http(Url),
}

impl CheckTarget {
    /// Reads a target as a person writes it. Of local ones it looks whether they are there; nothing else is touched.
    ///
    /// Fails with [`ErrorKind::NotFound`] when a local target does not exist, with [`ErrorKind::Destination`] when it is
    /// written wrongly, with [`ErrorKind::Lacking`] when this build cannot fetch from there, and as
    /// [`Destination::parse`] does.
    pub fn parse(text: &str, store: &StoreOptions, fetch: FetchOptions) -> Result<Self> {
        if let Some(right) = respelled(text) {
            return Err(wrong(text, &format!("perhaps {right} is meant")));
        }
        let place = match text.split_once("://").map(|(scheme, _)| scheme) {
            Some("http" | "https") => web(text)?,
            Some("file") => {
                let path = Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
                local(&path.ok_or_else(|| wrong(text, "it names no file"))?)?
            }
            Some("s3" | "gs" | "az") => bucket(text, store)?,
            Some(scheme) => return Err(wrong(text, &format!("nothing is read over {scheme}://"))),
            None if text.is_empty() => return Err(wrong(text, "it is empty")),
            None => local(Path::new(text))?,
        };
        Ok(Self { place, pending: Vec::new(), is_patient: false, fetch })
    }

    /// The presentation at `key` of a destination, such as `master.m3u8`.
    pub fn at(destination: &Destination, key: &str, fetch: FetchOptions) -> Self {
        let place = match destination.folder() {
            Some(folder) => Place::Folder { folder: folder.to_owned(), file: Some(key.to_owned()) },
            None => Place::Store { destination: destination.clone(), file: Some(key.to_owned()) },
        };
        Self { place, pending: Vec::new(), is_patient: false, fetch }
    }

    /// Asks a store again that is away, for as long as [`StoreOptions::retry_timeout`] says.
    pub(crate) fn patient(mut self) -> Self {
        self.is_patient = true;
        self
    }

    /// Adds an object as if it were stored at `key`, in the folder of the target: a multivariant playlist can be checked
    /// before anybody sees it.
    #[must_use]
    pub fn with(mut self, key: &str, bytes: impl Into<Bytes>) -> Self {
        self.pending.push((key.to_owned(), bytes.into()));
        self
    }

    /// Checks it. Runs on a blocking thread of the current Tokio runtime, and on as many threads as
    /// [`Options::parallel`] says.
    ///
    /// Fails when the target itself cannot be reached or read: with [`ErrorKind::NotFound`] when it is not there, and
    /// with [`ErrorKind::Media`] as [`aqueduct::check::check`] does. Everything else is a finding.
    pub async fn check(&self, options: &Options) -> Result<Report> {
        self.check_through(options, |fetch| Box::new(fetch)).await
    }

    /// Checks it, and asks for nothing any more once `stop` is cancelled; then the report is not worth reading.
    async fn check_until(&self, options: &Options, stop: &CancellationToken) -> Result<Report> {
        let stop = stop.clone();
        self.check_through(options, move |fetch| Box::new(Stoppable { fetch, stop })).await
    }

    /// [`CheckTarget::check`], with what `between` makes of that which fetches.
    pub(crate) async fn check_through(
        &self,
        options: &Options,
        between: impl FnOnce(Overlay<Fetcher>) -> Box<dyn Fetch> + Send + 'static,
    ) -> Result<Report> {
        let (target, options) = (self.clone().settled().await?, options.clone());
        let handle = Handle::current();
        let run = move || {
            let pending = target.pending.clone();
            let (fetch, url) = target.open(&handle)?;
            let mut fetch = Overlay::over(fetch);
            let folder = Url::parse(&url).ok();
            for (key, bytes) in pending {
                if let Some(at) = folder.as_ref().and_then(|folder| folder.join(&key).ok()) {
                    fetch.put(at, bytes);
                }
            }
            aqueduct::check::check(&*between(fetch), &url, &options).map_err(|error| match error.kind() {
                aqueduct::ErrorKind::NotFound => {
                    Error::new(ErrorKind::NotFound, error.to_string()).with_cause(error)
                }
                _ => error.into(),
            })
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|error| Error::new(ErrorKind::Internal, "the check did not end").with_cause(error))?
    }

    /// Finds out which playlist of a prefix is the first one, where none is named.
    async fn settled(mut self) -> Result<Self> {
        let is_patient = self.is_patient;
        if let Place::Store { destination, file } = &mut self.place
            && file.is_none()
        {
            let is_pending = |name: &&str| self.pending.iter().any(|(key, _)| key == name);
            *file = match NAMES.into_iter().find(|name| is_pending(name)) {
                Some(name) => Some(name.to_owned()),
                None => Some(first_object(destination, is_patient).await?),
            };
        }
        Ok(self)
    }

    /// What fetches, and the URL of the first playlist. Answers block on `handle`'s runtime: call them from threads
    /// that are not its workers.
    fn open(self, handle: &Handle) -> Result<(Fetcher, String)> {
        let (home, url) = match &self.place {
            Place::Folder { folder, file } => {
                let file = match file {
                    Some(file) => file.clone(),
                    None => first_playlist(folder)?,
                };
                let folder = folder::Folder::open(folder)?;
                let url = folder.url_of(&file)?;
                (Some(Home::Folder(folder)), url)
            }
            Place::Store { destination, file } => {
                let store = store::Bucket::of(destination, self.is_patient, handle)?;
                let url = destination.url_of(file.as_deref().unwrap_or(NAMES[0]));
                (Some(Home::Bucket(store)), url)
            }
            Place::Http(url) => (None, url.as_str().to_owned()),
        };
        #[cfg(feature = "http")]
        let web = {
            let target = if let Place::Http(url) = &self.place { Some(url) } else { None };
            http::Web::new(target, &self.fetch, handle)?
        };
        let fetcher = Fetcher {
            home,
            #[cfg(feature = "http")]
            web,
        };
        Ok((fetcher, url))
    }
}

/// Fetches what the target may name: its own kind, and HTTP.
pub(crate) struct Fetcher {
    home: Option<Home>,
    #[cfg(feature = "http")]
    web: http::Web,
}

enum Home {
    Folder(folder::Folder),
    Bucket(store::Bucket),
}

impl Fetch for Fetcher {
    fn fetch(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        let scheme = request.url.split(':').next().unwrap_or_default();
        match (scheme, &self.home) {
            #[cfg(feature = "http")]
            ("http" | "https", _) => self.web.fetch(request),
            #[cfg(not(feature = "http"))]
            ("http" | "https", _) => {
                Err(refused("this build fetches nothing over HTTP; build it with --features http"))
            }
            ("file", Some(Home::Folder(folder))) => folder.fetch(request),
            (_, Some(Home::Bucket(bucket))) => bucket.fetch(request),
            _ => Err(refused("a playlist may not name what lies there")),
        }
    }
}

/// Refuses everything once it is stopped.
struct Stoppable {
    fetch: Overlay<Fetcher>,
    stop: CancellationToken,
}

impl Fetch for Stoppable {
    fn fetch(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        if self.stop.is_cancelled() {
            return Err(refused("the check was stopped"));
        }
        self.fetch.fetch(request)
    }
}

impl Fetcher {
    /// The same as [`Fetch::fetch`] for who waits: nothing blocks but the reading of local files.
    async fn answer(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        let scheme = request.url.split(':').next().unwrap_or_default();
        match (scheme, &self.home) {
            #[cfg(feature = "http")]
            ("http" | "https", _) => self.web.get(request).await,
            (_, Some(Home::Bucket(bucket))) if !matches!(scheme, "http" | "https") => {
                bucket.answer(request).await
            }
            _ => self.fetch(request),
        }
    }
}

fn refused(message: impl Into<String>) -> FetchError {
    FetchError::new(FetchErrorKind::Refused, message)
}

fn wrong(text: &str, why: &str) -> Error {
    let message = format!("{text:?} is no target: {why}; name a folder, a playlist, s3://… or http(s)://…");
    Error::new(ErrorKind::Destination, message)
}

fn web(text: &str) -> Result<Place> {
    let url = Url::parse(text).map_err(|error| wrong(text, &error.to_string()))?;
    if cfg!(feature = "http") {
        Ok(Place::Http(url))
    } else {
        let message = "this build fetches nothing over HTTP; build it with --features http";
        Err(Error::new(ErrorKind::Lacking, message))
    }
}

fn local(path: &Path) -> Result<Place> {
    let found = std::fs::metadata(path).map_err(|error| {
        let path = path.display();
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => format!("`{path}` does not exist"),
            _ => format!("{path}: {error}"),
        };
        Error::new(ErrorKind::NotFound, message).with_cause(error)
    })?;
    if found.is_dir() {
        return Ok(Place::Folder { folder: path.to_owned(), file: None });
    }
    let file = path.file_name().and_then(|name| name.to_str());
    let file = file.ok_or_else(|| wrong(&path.display().to_string(), "its name is not UTF-8"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).to_owned();
    Ok(Place::Folder { folder, file: Some(file.to_owned()) })
}

/// The playlist with a usual name, or the only one.
fn first_playlist(folder: &Path) -> Result<String> {
    let unreadable = |error: std::io::Error| {
        Error::new(ErrorKind::NotFound, format!("{}: {error}", folder.display())).with_cause(error)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        found.extend(name.into_string().ok().filter(|name| name.ends_with(".m3u8")));
    }
    found.sort();
    if let Some(name) = NAMES.iter().find(|name| found.iter().any(|found| found == *name)) {
        return Ok((*name).to_owned());
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Error::new(
            ErrorKind::NotFound,
            format!("{} has no playlist (.m3u8) in it", folder.display()),
        )),
        [first, ..] => {
            let (count, folder) = (found.len(), folder.display());
            let message =
                format!("{folder} has {count} playlists: name one of them, such as {folder}/{first}");
            Err(Error::new(ErrorKind::Destination, message))
        }
    }
}

/// The playlist with a usual name below a prefix.
async fn first_object(destination: &Destination, is_patient: bool) -> Result<String> {
    let folder = destination.url_of("");
    let (store, prefix) = destination
        .remote(is_patient)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a folder was taken for a bucket"))?;
    // Who may not list is told of what is missing that it is forbidden: the next name may be there.
    let mut forbidden = None;
    for name in NAMES {
        match store.head(&prefix.clone().join(name)).await {
            Ok(_) => return Ok(name.to_owned()),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => match fault::of_check(error, &folder) {
                error if error.kind() == ErrorKind::PermissionDenied => forbidden = Some(error),
                error => return Err(error),
            },
        }
    }
    if let Some(error) = forbidden {
        return Err(error);
    }
    // The answer to HEAD has no body that could tell a missing bucket; some servers list it as an empty one.
    match store.list(Some(&prefix)).try_next().await {
        Err(error @ object_store::Error::NotFound { .. }) => {
            return Err(fault::of_check(error, &folder));
        }
        Ok(None) => {
            let message = format!("{folder} has no objects: correct the bucket or the prefix");
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        _ => {}
    }
    let message = format!(
        "{folder} has no playlist of a usual name ({}): name the playlist, such as {folder}stream.m3u8",
        NAMES.join(", ")
    );
    Err(Error::new(ErrorKind::NotFound, message))
}

fn bucket(text: &str, options: &StoreOptions) -> Result<Place> {
    if text.split_once("://").is_none_or(|(_, rest)| rest.trim_matches('/').is_empty()) {
        return Err(wrong(text, "it names no bucket"));
    }
    let (folder, file) = match text.rsplit_once('/') {
        Some((folder, file)) if file.ends_with(".m3u8") => (folder, Some(file.to_owned())),
        _ => (text.trim_end_matches('/'), None),
    };
    let destination = Destination::parse(folder, options)?;
    Ok(Place::Store { destination, file })
}
