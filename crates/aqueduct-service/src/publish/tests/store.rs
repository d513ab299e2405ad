//! A store that fails, dawdles and watches as it is told.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::*;

/// What a store does with a put that is only to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Create {
    Honoured,
    /// Answers well and overwrites.
    Ignored,
    /// Answers 501.
    Refused,
}

/// Memory behind a wall of faults. After every change it holds what it has against the law of watchers.
pub(super) struct Faulty {
    pub(super) inner: Arc<InMemory>,
    pub(super) create: Create,
    pub(super) attributes: bool,
    /// How long a put takes.
    pub(super) takes: Duration,
    /// The put or delete, counted from 0, that fails.
    pub(super) fails_at: usize,
    pub(super) changes: Arc<AtomicUsize>,
    /// Keys in the order in which they were stored.
    pub(super) log: Arc<Mutex<Vec<String>>>,
    /// Uploads in parts that were begun, and that were completed or taken back.
    pub(super) begun: AtomicUsize,
    pub(super) ended: Arc<AtomicUsize>,
}

impl Default for Faulty {
    fn default() -> Self {
        Self {
            inner: Arc::default(),
            create: Create::Honoured,
            attributes: true,
            takes: Duration::ZERO,
            fails_at: usize::MAX,
            changes: Arc::default(),
            log: Arc::default(),
            begun: AtomicUsize::default(),
            ended: Arc::default(),
        }
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

/// ENOSPC, where the real store would have it: inside an error of its own.
fn full() -> object_store::Error {
    object_store::Error::Generic {
        store: "Faulty",
        source: Box::new(io::Error::from(io::ErrorKind::StorageFull)),
    }
}

/// The law of watchers: whoever reads a playlist finds everything that it names, but for gaps, which it says are none.
pub(super) fn assert_watchable(contents: &BTreeMap<String, Bytes>) {
    for (key, text) in contents.iter().filter(|(key, _)| key.ends_with(".m3u8")) {
        let folder = key.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let text = std::str::from_utf8(text).unwrap();
        let mut is_gap = false;
        for line in text.lines() {
            let named = match line.split_once("URI=\"") {
                Some((_, named)) => named.split('"').next(),
                None => Some(line).filter(|line| !line.starts_with('#') && !line.is_empty()),
            };
            is_gap |= line == "#EXT-X-GAP";
            let Some(named) = named else { continue };
            assert!(
                std::mem::take(&mut is_gap) || contents.contains_key(&format!("{folder}{named}")),
                "{key} names {named}, which is not there"
            );
        }
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let refused = |operation: &str| object_store::Error::NotImplemented {
            operation: operation.to_owned(),
            implementer: self.to_string(),
        };
        if !self.attributes && !options.attributes.is_empty() {
            return Err(refused("attributes"));
        }
        match (options.mode.clone(), self.create) {
            (PutMode::Create, Create::Refused) => return Err(refused("create")),
            (PutMode::Create, Create::Ignored) => options.mode = PutMode::Overwrite,
            _ => {}
        }
        tokio::time::sleep(self.takes).await;
        if self.changes.fetch_add(1, Ordering::Relaxed) == self.fails_at {
            return Err(full());
        }
        let result = self.inner.put_opts(location, payload, options).await?;
        self.log.lock().unwrap().push(location.to_string());
        assert_watchable(&contents(&*self.inner).await);
        Ok(result)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, changes, fails_at) = (Arc::clone(&self.inner), Arc::clone(&self.changes), self.fails_at);
        locations
            .then(move |location| {
                let (inner, changes) = (Arc::clone(&inner), Arc::clone(&changes));
                async move {
                    if changes.fetch_add(1, Ordering::Relaxed) == fails_at {
                        return Err(full());
                    }
                    let location = location?;
                    inner.delete(&location).await?;
                    assert_watchable(&contents(&*inner).await);
                    Ok(location)
                }
                .boxed()
            })
            .boxed()
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !self.attributes && !options.attributes.is_empty() {
            return Err(object_store::Error::NotImplemented {
                operation: "attributes".to_owned(),
                implementer: self.to_string(),
            });
        }
        let upload = self.inner.put_multipart_opts(location, options).await?;
        self.begun.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(FaultyUpload {
            upload,
            location: location.to_string(),
            inner: Arc::clone(&self.inner),
            takes: self.takes,
            fails_at: self.fails_at,
            changes: Arc::clone(&self.changes),
            log: Arc::clone(&self.log),
            ended: Arc::clone(&self.ended),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An upload to a [`Faulty`] store; its end is a change like a put.
struct FaultyUpload {
    upload: Box<dyn MultipartUpload>,
    location: String,
    inner: Arc<InMemory>,
    takes: Duration,
    fails_at: usize,
    changes: Arc<AtomicUsize>,
    log: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicUsize>,
}

impl fmt::Debug for FaultyUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyUpload")
    }
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, takes) = (self.upload.put_part(data), self.takes);
        async move {
            tokio::time::sleep(takes).await;
            part.await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        tokio::time::sleep(self.takes).await;
        if self.changes.fetch_add(1, Ordering::Relaxed) == self.fails_at {
            return Err(full());
        }
        let result = self.upload.complete().await?;
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.log.lock().unwrap().push(self.location.clone());
        assert_watchable(&contents(&*self.inner).await);
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.upload.abort().await
    }
}
