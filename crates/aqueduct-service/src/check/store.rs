//! Objects below one prefix of a bucket.

use std::sync::Arc;

use aqueduct::check::{Answer, FetchError, FetchErrorKind, Request, Want};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;
use url::Url;

use super::refused;
use crate::destination::Destination;
use crate::destination::fault;
use crate::error::{Error, ErrorKind, Result};

/// A prefix in a bucket.
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// What every URL in it begins with.
    folder: String,
    prefix: Path,
    runtime: Handle,
}

impl Bucket {
    pub(super) fn of(destination: &Destination, is_patient: bool, runtime: &Handle) -> Result<Self> {
        let (store, prefix) = destination
            .remote(is_patient)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a folder was taken for a bucket"))?;
        Ok(Self { store, folder: destination.url_of(""), prefix, runtime: runtime.clone() })
    }

    pub(super) fn fetch(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        self.runtime.block_on(self.answer(request))
    }

    pub(super) async fn answer(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        let path =
            self.path(request.url).ok_or_else(|| refused("it lies outside the prefix that is checked"))?;
        self.get(request, &path).await.map_err(|error| failed(error, &self.folder))
    }

    /// The object that a URL names.
    fn path(&self, url: &str) -> Option<Path> {
        // As Url writes it, so that escapes are the same on both sides.
        let folder = Url::parse(&self.folder).ok()?;
        let key = url.split(['?', '#']).next()?.strip_prefix(folder.as_str())?;
        let key = Path::from_url_path(key).ok()?;
        let whole =
            if self.prefix.as_ref().is_empty() { key.to_string() } else { format!("{}/{key}", self.prefix) };
        Path::parse(whole).ok()
    }

    async fn get(&self, request: &Request<'_>, path: &Path) -> object_store::Result<Answer> {
        if request.want == Want::Length {
            let found = self.store.head(path).await?;
            return Ok(Answer::of_length(request.url, found.size));
        }
        let range = match &request.want {
            Want::Bytes(range) => Some(GetRange::Bounded(range.clone())),
            _ => None,
        };
        let found = self.store.get_opts(path, GetOptions { range, ..GetOptions::default() }).await?;
        let length = found.meta.size;
        let mut body = BytesMut::new();
        let mut stream = found.into_stream();
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        while let Some(piece) = stream.try_next().await? {
            let room = limit - body.len();
            if piece.len() > room {
                body.extend_from_slice(&piece[..room]);
                return Ok(Answer::whole(request.url, body.freeze()).of_resource(length).cut());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer::whole(request.url, Bytes::from(body)).of_resource(length))
    }
}

fn failed(error: object_store::Error, url: &str) -> FetchError {
    match &error {
        object_store::Error::NotFound { .. } => {
            FetchError::new(FetchErrorKind::NotFound, "there is no such object")
        }
        _ => FetchError::new(FetchErrorKind::Failed, fault::of_check(error, url).to_string()),
    }
}
