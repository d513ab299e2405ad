//! Presentations in memory, whole or in part.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::fetch::{Answer, Fetch, FetchError, FetchErrorKind, Http, Request, Want};

/// Resources in memory by URL, in front of another [`Fetch`] that is asked for the rest.
///
/// So a presentation can be checked before its multivariant playlist is stored: put the text here, over the store.
#[derive(Debug, Clone, Default)]
pub struct Overlay<F> {
    below: F,
    resources: BTreeMap<String, (Bytes, Option<Http>)>,
}

/// Nothing: every request is answered with [`FetchErrorKind::NotFound`].
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Nothing;

impl Fetch for Nothing {
    fn fetch(&self, _: &Request<'_>) -> Result<Answer, FetchError> {
        Err(FetchError::new(FetchErrorKind::NotFound, "there is no such resource"))
    }
}

impl<F: Fetch> Overlay<F> {
    /// No resources yet, over `below`.
    pub fn over(below: F) -> Self {
        Self { below, resources: BTreeMap::new() }
    }

    /// Puts a resource at an absolute URL.
    pub fn put(&mut self, url: impl Into<String>, bytes: impl Into<Bytes>) -> &mut Self {
        self.resources.insert(url.into(), (bytes.into(), None));
        self
    }

    /// Puts a resource, and what an HTTP server would say with it.
    pub fn put_with(&mut self, url: impl Into<String>, bytes: impl Into<Bytes>, http: Http) -> &mut Self {
        self.resources.insert(url.into(), (bytes.into(), Some(http)));
        self
    }

    /// The bytes at a URL, where they are here.
    pub fn get(&self, url: &str) -> Option<&Bytes> {
        self.resources.get(url).map(|(bytes, _)| bytes)
    }

    /// Takes a resource away; whether it was here.
    pub fn remove(&mut self, url: &str) -> bool {
        self.resources.remove(url).is_some()
    }
}

impl<F: Fetch> Fetch for Overlay<F> {
    fn fetch(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        let Some((bytes, http)) = self.resources.get(request.url) else { return self.below.fetch(request) };
        let length = bytes.len() as u64;
        let wanted = match &request.want {
            Want::Length => 0..0,
            Want::Whole => 0..length,
            Want::Bytes(range) => range.start.min(length)..range.end.min(length),
        };
        let end = wanted.end.min(wanted.start.saturating_add(request.limit)).max(wanted.start);
        // Both ends are at most the length, which is a usize.
        let body = bytes.slice(wanted.start as usize..end as usize);
        Ok(Answer {
            url: request.url.to_owned(),
            body,
            is_cut: end < wanted.end,
            length: Some(length),
            http: http.clone().map(Box::new),
        })
    }
}
