//! Where a presentation goes: a folder, or a prefix in a bucket.

pub(crate) mod fault;
mod local;
mod options;
#[cfg(any(feature = "aws", feature = "gcp", feature = "azure"))]
mod remote;
mod spared;

use std::fmt;
use std::fs::File;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

pub use options::{Secret, StoreOptions};

use crate::error::{Error, ErrorKind, Result};

/// A folder, or a prefix in a bucket. Nothing is touched before a run starts. Cheap to clone; shown as its URL.
#[derive(Debug, Clone)]
pub struct Destination {
    place: Place,
    prefix: Path,
    /// URL without a slash at its end.
    url: String,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Store(Stores),
}

/// One store twice: what differs is how long a failing request is tried again.
#[derive(Debug, Clone)]
struct Stores {
    /// For the first requests, which find out whether anything is there at all.
    first: Arc<dyn ObjectStore>,
    /// For all others, which survive a restart of the server.
    patient: Arc<dyn ObjectStore>,
}

/// A destination that a run has opened.
pub(crate) struct Opened {
    pub(crate) first: Arc<dyn ObjectStore>,
    pub(crate) patient: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    pub(crate) url: String,
    /// Writes on the calling thread, where it is a folder.
    pub(crate) writer: Option<local::Writer>,
    /// Objects that were changed before this, in seconds of Unix time, may be torn and are not trusted.
    pub(crate) trusted_since: Option<i64>,
    /// How long puts that have started may take to end after a run was told to stop.
    pub(crate) grace: Duration,
    _lock: Option<File>,
}

/// The right spelling of a URL with one slash where two belong, such as `s3:/bucket/film`; `None` for all else. Nobody means
/// a folder of the name `s3:`.
pub fn respelled(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(":/")?;
    let is_known = matches!(scheme, "s3" | "gs" | "az" | "http" | "https");
    (is_known && !rest.starts_with('/')).then(|| format!("{scheme}://{rest}"))
}

impl Destination {
    /// Reads a destination as a person writes it: a folder (`out`, `/srv/video`, `file:///srv/video`),
    /// `s3://bucket/prefix`, and where this build has them `gs://bucket/prefix` and `az://container/prefix`.
    /// The prefix may be empty. Touches neither disk nor network.
    ///
    /// Fails with [`ErrorKind::Destination`] when it or an option is written wrongly, and with
    /// [`ErrorKind::PermissionDenied`] when a store needs credentials and `options` have none.
    pub fn parse(text: &str, options: &StoreOptions) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::new(
                ErrorKind::Destination,
                "the destination is empty: name a folder or s3://bucket/prefix",
            ));
        }
        if let Some(right) = respelled(text) {
            let message = format!("{text} is written wrongly: write {right}");
            return Err(Error::new(ErrorKind::Destination, message));
        }
        match text.split_once("://") {
            None => Self::folder_at(FilePath::new(text)),
            Some(("file", _)) => {
                let folder =
                    Url::parse(text).ok().and_then(|url| url.to_file_path().ok()).ok_or_else(|| {
                        Error::new(
                            ErrorKind::Destination,
                            format!("{text} names no folder: write file:///path/of/folder"),
                        )
                    })?;
                Self::folder_at(&folder)
            }
            Some((scheme, rest)) => Self::bucket(scheme, rest, options),
        }
    }

    /// A store that the caller has made, and the prefix below which to publish. `name` stands for the store in
    /// URLs and messages, such as `memory://tests`.
    ///
    /// Fails with [`ErrorKind::Destination`] when the prefix is no object path.
    pub fn from_store(store: Arc<dyn ObjectStore>, name: &str, prefix: &str) -> Result<Self> {
        let stores = Stores { first: Arc::clone(&store), patient: store };
        Self::below(stores, name, prefix)
    }

    /// The folder, where it is one.
    pub fn folder(&self) -> Option<&FilePath> {
        match &self.place {
            Place::Folder(folder) => Some(folder),
            Place::Store(_) => None,
        }
    }

    /// URL of the object with this key.
    pub fn url_of(&self, key: &str) -> String {
        format!("{}/{key}", self.url)
    }

    /// The store and the prefix in it, where it is no folder. Unless it `is_patient`, what it is asked fails soon where the
    /// server is away.
    pub(crate) fn remote(&self, is_patient: bool) -> Option<(Arc<dyn ObjectStore>, Path)> {
        match &self.place {
            Place::Folder(_) => None,
            Place::Store(Stores { first, patient }) => {
                let store = if is_patient { patient } else { first };
                Some((Arc::clone(store), self.prefix.clone()))
            }
        }
    }

    fn folder_at(folder: &FilePath) -> Result<Self> {
        let folder = local::absolute(folder)?;
        let url = Url::from_directory_path(&folder).map_err(|()| {
            Error::new(ErrorKind::Destination, format!("{} names no folder", folder.display()))
        })?;
        let url = String::from(url).trim_end_matches('/').to_owned();
        Ok(Self { place: Place::Folder(folder), prefix: Path::default(), url })
    }

    fn bucket(scheme: &str, rest: &str, options: &StoreOptions) -> Result<Self> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            let message = format!("{scheme}://{rest} names no bucket: write {scheme}://bucket/prefix");
            return Err(Error::new(ErrorKind::Destination, message));
        }
        Self::below(stores(scheme, bucket, options)?, &format!("{scheme}://{bucket}"), prefix)
    }

    fn below(stores: Stores, name: &str, prefix: &str) -> Result<Self> {
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(|error| {
            Error::new(ErrorKind::Destination, format!("the prefix {prefix:?} is no object path: {error}"))
        })?;
        let name = name.trim_end_matches('/');
        let url = if prefix.as_ref().is_empty() { name.to_owned() } else { format!("{name}/{prefix}") };
        Ok(Self { place: Place::Store(stores), prefix, url })
    }

    /// Opens it for a run; a folder is created where it is missing. `is_cheap` says that its objects can be made again
    /// at little cost: then a folder does not sync them, unless `sync` asks for it.
    pub(crate) async fn open(&self, is_cheap: bool, sync: Option<bool>) -> Result<Opened> {
        let (prefix, url) = (self.prefix.clone(), self.url.clone());
        let folder = match &self.place {
            Place::Folder(folder) => folder.clone(),
            Place::Store(Stores { first, patient }) => {
                let (first, patient, grace) =
                    (Arc::clone(first), Arc::clone(patient), Duration::from_millis(300));
                let (writer, trusted_since) = (None, None);
                return Ok(Opened { first, patient, prefix, url, writer, trusted_since, grace, _lock: None });
            }
        };
        let opened = tokio::task::spawn_blocking(move || (local::open(&folder), local::boot_time()));
        let (opened, boot_time) = opened.await.map_err(|error| {
            Error::new(ErrorKind::Internal, "opening the folder did not end").with_cause(error)
        })?;
        let local::Folder { store, lock } = opened?;
        // Without syncing, only the time of the last start tells what may be torn.
        let sync = sync.unwrap_or(!is_cheap || boot_time.is_none());
        Ok(Opened {
            // The plan, by which a folder is known, is always synced.
            first: Arc::new(store.clone().with_fsync(true)),
            patient: Arc::new(store.clone().with_fsync(sync)),
            prefix,
            url,
            writer: Some(local::Writer::new(store, sync)),
            trusted_since: boot_time.filter(|_| is_cheap || !sync),
            // A put into a folder cannot be taken back half-way: it is quick, and ends by itself.
            grace: Duration::from_secs(5),
            _lock: lock,
        })
    }
}

impl Opened {
    /// The whole path of a key in the store.
    pub(crate) fn path(&self, key: &str) -> Result<Path> {
        let whole =
            if self.prefix.as_ref().is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) };
        Path::parse(&whole).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("{key:?} is no object key")).with_cause(error)
        })
    }

    /// The key of a path in the store; `None` for one outside the prefix.
    pub(crate) fn key<'a>(&self, path: &'a Path) -> Option<&'a str> {
        match self.prefix.as_ref() {
            "" => Some(path.as_ref()),
            prefix => path.as_ref().strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    /// The error of the store that could not do `what`.
    pub(crate) fn fault(&self, error: object_store::Error, what: &str) -> Error {
        fault::of_store(error, what, &self.url)
    }
}

/// The store that `scheme` stands for, if this build has it.
fn stores(scheme: &str, bucket: &str, options: &StoreOptions) -> Result<Stores> {
    match scheme {
        #[cfg(feature = "aws")]
        "s3" => remote::both(options, |options, retry| remote::s3(bucket, options, retry)),
        #[cfg(feature = "gcp")]
        "gs" => remote::both(options, |options, retry| remote::gs(bucket, options, retry)),
        #[cfg(feature = "azure")]
        "az" => remote::both(options, |options, retry| remote::az(bucket, options, retry)),
        scheme if ["s3", "gs", "az"].contains(&scheme) => {
            let _ = (bucket, options);
            let feature = match scheme {
                "s3" => "aws",
                "gs" => "gcp",
                _ => "azure",
            };
            let message =
                format!("this build has no support for {scheme}://; build it with --features {feature}");
            Err(Error::new(ErrorKind::Lacking, message))
        }
        _ => {
            let message =
                format!("{scheme}:// is no destination: write a folder, file://, s3://, gs:// or az://");
            Err(Error::new(ErrorKind::Destination, message))
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str, options: &StoreOptions) -> ErrorKind {
        Destination::parse(text, options).unwrap_err().kind()
    }

    fn s3() -> StoreOptions {
        StoreOptions {
            s3_access_key_id: Some("id".to_owned()),
            s3_secret_access_key: Some("secret".into()),
            ..StoreOptions::default()
        }
    }

    #[test]
    fn folders_become_absolute_and_show_as_urls() {
        let options = StoreOptions::default();
        for (text, url) in [
            ("/srv/video", "file:///srv/video"),
            ("/srv/my video/", "file:///srv/my%20video"),
            ("file:///srv/my%20video", "file:///srv/my%20video"),
        ] {
            let destination = Destination::parse(text, &options).unwrap();
            assert_eq!(destination.to_string(), url);
            assert_eq!(destination.url_of("master.m3u8"), format!("{url}/master.m3u8"));
            assert!(destination.folder().unwrap().is_absolute());
        }
        let relative = Destination::parse("out", &options).unwrap();
        assert_eq!(relative.folder().unwrap(), std::env::current_dir().unwrap().join("out"));
    }

    #[cfg(feature = "aws")]
    #[test]
    fn buckets_with_and_without_a_prefix() {
        for (text, url) in [
            ("s3://b", "s3://b"),
            ("s3://b/", "s3://b"),
            ("s3://b/a/c/", "s3://b/a/c"),
            ("s3://b/täg #1", "s3://b/täg #1"),
        ] {
            match Destination::parse(text, &s3()) {
                Ok(destination) => assert_eq!(destination.to_string(), url),
                Err(error) => panic!("{text}: {error}"),
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "s3://",
            "s3:///prefix",
            "ftp://host/x",
            "https://b.s3.amazonaws.com/x",
            "s3://b/a//c",
            "s3://b/../c",
            "file:/",
        ] {
            if text != "file:/" {
                assert_eq!(kind(text, &s3()), ErrorKind::Destination, "{text}");
            }
        }
    }

    #[cfg(feature = "aws")]
    #[test]
    fn missing_credentials_are_named_at_once() {
        let started = std::time::Instant::now();
        let error = Destination::parse("s3://b/p", &StoreOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
        assert!(started.elapsed() < Duration::from_millis(500), "no metadata server was asked");
        let half = StoreOptions::from_variables([("AWS_ACCESS_KEY_ID".to_owned(), "id".to_owned())]);
        assert!(
            Destination::parse("s3://b/p", &half).unwrap_err().to_string().contains("AWS_SECRET_ACCESS_KEY")
        );
    }

    #[cfg(feature = "aws")]
    #[test]
    fn plain_http_must_be_asked_for() {
        let mut options = s3();
        options.s3_endpoint = Some("http://127.0.0.1:1".to_owned());
        let error = Destination::parse("s3://b/p", &options).unwrap_err();
        assert!(error.to_string().contains("AWS_ALLOW_HTTP"), "{error}");
        options.s3_allow_http = true;
        Destination::parse("s3://b/p", &options).unwrap();
        options.s3_endpoint = Some("127.0.0.1:1".to_owned());
        assert_eq!(kind("s3://b/p", &options), ErrorKind::Destination);
    }

    #[test]
    fn secrets_stay_secret() {
        let variables =
            StoreOptions::from_variables([("AWS_SECRET_ACCESS_KEY".to_owned(), "hunter2".to_owned())]);
        let mut options = s3();
        options.s3_session_token = Some("hunter2".into());
        assert!(!format!("{variables:?} {options:?}").contains("hunter2"));
    }
}
