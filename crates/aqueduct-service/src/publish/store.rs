//! The few things that publishing asks of a store.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions,
    PutPayload,
};

use super::upload::{Expected, Upload};
use crate::destination::{Opened, fault};
use crate::error::{Error, ErrorKind, Result};
use crate::keys;

/// A `plan.json` longer than this is not ours: two bytes a cut make 64 MiB last for years of video.
const LONGEST_TEXT: u64 = 64 << 20;

/// An opened destination, addressed by keys.
pub(crate) struct Store {
    opened: Opened,
    /// Cleared once the store says that it keeps no attributes.
    attributes: AtomicBool,
}

impl Store {
    pub(crate) fn new(opened: Opened) -> Self {
        Self { opened, attributes: AtomicBool::new(true) }
    }

    pub(crate) fn url(&self) -> &str {
        &self.opened.url
    }

    pub(crate) fn url_of(&self, key: &str) -> String {
        format!("{}/{key}", self.opened.url)
    }

    /// How long puts that have started may take to end after a run was told to stop.
    pub(crate) fn grace(&self) -> Duration {
        self.opened.grace
    }

    /// Every object at the top and below our folders, with its size; 0 for one that may be torn, as for one of which only
    /// the name is there. Other folders are not looked into.
    pub(crate) async fn list(&self) -> Result<BTreeMap<String, u64>> {
        let store = &self.opened.first;
        let failed = |error| self.opened.fault(error, "list the objects");
        let root = (!self.opened.prefix.as_ref().is_empty()).then_some(&self.opened.prefix);
        let mut found = store.list_with_delimiter(root).await.map_err(failed)?.objects;
        for folder in keys::FOLDERS {
            let below: Vec<_> =
                store.list(Some(&self.opened.path(folder)?)).try_collect().await.map_err(failed)?;
            found.extend(below);
        }
        let bytes = |meta: &ObjectMeta| if self.is_trusted(meta) { meta.size } else { 0 };
        Ok(found
            .iter()
            .filter_map(|meta| Some((self.opened.key(&meta.location)?.to_owned(), bytes(meta))))
            .collect())
    }

    /// Whether an object was written since the machine was started, or synced.
    fn is_trusted(&self, meta: &ObjectMeta) -> bool {
        self.opened.trusted_since.is_none_or(|since| meta.last_modified.timestamp() >= since)
    }

    /// The bytes of a small object; `None` where there is none. `Some(None)` is one that is too large to be ours.
    pub(crate) async fn read(&self, key: &str) -> Result<Option<Option<Bytes>>> {
        let failed = |error| self.opened.fault(error, &format!("read {key}"));
        let found = match self.opened.first.get(&self.opened.path(key)?).await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > LONGEST_TEXT {
            return Ok(Some(None));
        }
        found.bytes().await.map(|bytes| Some(Some(bytes))).map_err(failed)
    }

    /// Some bytes of an object; fewer where it ends before. `None` where there is none.
    pub(super) async fn read_range(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>> {
        match self.opened.first.get_range(&self.opened.path(key)?, range).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.opened.fault(error, &format!("read {key}"))),
        }
    }

    /// Stores an object, whatever stood at its key. The same key always holds the same bytes, so it does not
    /// matter who stores it, or how often.
    pub(crate) async fn put(&self, key: &str, pieces: Vec<Bytes>) -> Result<()> {
        self.put_with(&self.opened.patient, key, pieces.into_iter().collect(), PutMode::Overwrite)
            .await
            .map_err(|error| self.failed_to_store(error, key))
    }

    /// Whether [`Store::put_here`] can be used.
    pub(crate) fn is_folder(&self) -> bool {
        self.opened.writer.is_some()
    }

    /// [`Store::put`] into a folder on the calling thread, which waits: without a way through other threads and back.
    pub(crate) fn put_here(&self, key: &str, pieces: &[Bytes]) -> Result<()> {
        let writer = self.opened.writer.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "only what goes into a folder is stored where it is made")
        })?;
        writer.put(&self.opened.path(key)?, pieces).map_err(|error| {
            fault::of_io(&error, &format!("cannot store {key} at {}", self.opened.url)).with_cause(error)
        })
    }

    /// Begins an object that is written piece by piece, whatever stands at its key until it is whole.
    pub(super) async fn begin(&self, key: &str, expected: Expected) -> Result<Upload> {
        let path = self.opened.path(key)?;
        let store = &self.opened.patient;
        let with = |attributes| PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let mut begun = None;
        if self.attributes.load(Ordering::Relaxed) {
            match store.put_multipart_opts(&path, with(attributes(key))).await {
                Err(object_store::Error::NotImplemented { .. }) => {
                    self.attributes.store(false, Ordering::Relaxed)
                }
                other => begun = Some(other),
            }
        }
        let begun = match begun {
            Some(begun) => begun,
            None => store.put_multipart_opts(&path, with(Attributes::new())).await,
        };
        let upload = begun.map_err(|error| self.failed_to_store(error, key))?;
        Ok(Upload::new(upload, expected, self.is_folder()))
    }

    /// The error of a store that could not take an object.
    pub(super) fn failed_to_store(&self, error: object_store::Error, key: &str) -> Error {
        self.opened.fault(error, &format!("store {key}"))
    }

    /// Stores the first object of a presentation, unless one is there and the store can tell. Stores differ in
    /// that, so the caller reads it again.
    pub(crate) async fn put_first(&self, key: &str, bytes: Bytes) -> Result<()> {
        use object_store::Error::{AlreadyExists, Precondition};
        let bytes = PutPayload::from(bytes);
        match self.put_with(&self.opened.first, key, bytes.clone(), PutMode::Create).await {
            Ok(()) | Err(AlreadyExists { .. } | Precondition { .. }) => Ok(()),
            // Some stores answer a conditional put with an error of their own: a plain one shows the real reason.
            Err(_) => self
                .put_with(&self.opened.first, key, bytes, PutMode::Overwrite)
                .await
                .map_err(|error| self.failed_to_store(error, key)),
        }
    }

    /// Deletes objects; those that are gone already are no error.
    pub(crate) async fn delete(&self, keys: &[String]) -> Result<()> {
        let failed = |error| self.opened.fault(error, "delete objects");
        let paths = keys.iter().map(|key| self.opened.path(key)).collect::<Result<Vec<Path>>>()?;
        let mut deleted = self.opened.patient.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
        while let Some(result) = deleted.next().await {
            match result {
                Err(error) if !is_absent(&error) => return Err(failed(error)),
                _ => {}
            }
        }
        Ok(())
    }

    async fn put_with(
        &self,
        store: &Arc<dyn ObjectStore>,
        key: &str,
        bytes: PutPayload,
        mode: PutMode,
    ) -> object_store::Result<()> {
        let path = self
            .opened
            .path(key)
            .map_err(|error| object_store::Error::Generic { store: "destination", source: error.into() })?;
        let with = |attributes| PutOptions { mode: mode.clone(), attributes, ..PutOptions::default() };
        if self.attributes.load(Ordering::Relaxed) {
            match store.put_opts(&path, bytes.clone(), with(attributes(key))).await {
                Err(object_store::Error::NotImplemented { .. }) => {
                    self.attributes.store(false, Ordering::Relaxed)
                }
                other => return other.map(drop),
            }
        }
        store.put_opts(&path, bytes, with(Attributes::new())).await.map(drop)
    }
}

/// Content-Type (RFC 8216bis §4 for playlists, §3.1.1 for transport streams) and Cache-Control.
///
/// A segment never changes as long as its plan stands, so caches may keep it for good; whoever overwrites a
/// presentation behind a CDN purges it there. Playlists and the plan are asked for again after a minute.
fn attributes(key: &str) -> Attributes {
    const FOREVER: &str = "public, max-age=31536000, immutable";
    const MINUTE: &str = "public, max-age=60";
    let (kind, cache) = match key.rsplit_once('.').map(|(_, extension)| extension) {
        Some("m3u8") => ("application/vnd.apple.mpegurl", MINUTE),
        Some("json") => ("application/json", MINUTE),
        Some("ts") => ("video/mp2t", FOREVER),
        Some("mp4") => ("video/mp4", FOREVER),
        Some("m4s") => ("video/iso.segment", FOREVER),
        Some("aac") => ("audio/aac", FOREVER),
        Some("vtt") => ("text/vtt", FOREVER),
        _ => ("application/octet-stream", MINUTE),
    };
    Attributes::from_iter([(Attribute::ContentType, kind), (Attribute::CacheControl, cache)])
}

/// Whether the object is missing, rather than the bucket that should hold it.
fn is_absent(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) && !error.to_string().contains("NoSuchBucket")
}
