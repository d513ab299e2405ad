//! How a check gets at what it checks.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

/// Something that answers requests for the resources of a presentation.
///
/// It blocks; a check calls it from as many threads as [`super::Options::parallel`] says. It is where policy lives: which
/// hosts may be asked, how long to wait, how many redirects to follow. A check asks for nothing but the URLs that
/// playlists name, and never for more bytes than [`Request::limit`].
pub trait Fetch: Send + Sync {
    /// Answers one request. Anything but success is an error: of HTTP, every status outside 2xx.
    fn fetch(&self, request: &Request<'_>) -> Result<Answer, FetchError>;
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request<'a> {
    /// An absolute URL.
    pub url: &'a str,
    /// What of it is wanted.
    pub want: Want,
    /// Bytes of body at most; what is longer comes cut, with [`Answer::is_cut`].
    pub limit: u64,
}

impl<'a> Request<'a> {
    /// A request for `want` of the resource at `url`, of `limit` bytes at most.
    pub fn new(url: &'a str, want: Want, limit: u64) -> Self {
        Self { url, want, limit }
    }
}

/// What of a resource is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// Its length and headers, no bytes of it.
    Length,
    /// All of it.
    Whole,
    /// These bytes of it.
    Bytes(Range<u64>),
}

/// What came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The URL that answered, after redirects. Relative URIs count from it.
    pub url: String,
    /// What was wanted of the bytes; empty for [`Want::Length`].
    pub body: Bytes,
    /// Whether `body` was cut at the limit.
    pub is_cut: bool,
    /// Length of the whole resource in bytes, where it is known.
    pub length: Option<u64>,
    /// What the HTTP server said, where there is one.
    pub http: Option<Box<Http>>,
}

impl Answer {
    /// An answer with a body, from something that is no HTTP server.
    pub fn whole(url: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { url: url.into(), length: Some(body.len() as u64), body, ..Self::default() }
    }

    /// An answer to [`Want::Length`], from something that is no HTTP server.
    pub fn of_length(url: impl Into<String>, length: u64) -> Self {
        Self { url: url.into(), length: Some(length), ..Self::default() }
    }

    /// Adds what an HTTP server said.
    #[must_use]
    pub fn with_http(mut self, http: Http) -> Self {
        self.http = Some(Box::new(http));
        self
    }

    /// Says how long the whole resource is, where the body is a part of it.
    #[must_use]
    pub fn of_resource(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// Says that nobody knows how long the resource is.
    #[must_use]
    pub fn of_unknown_length(mut self) -> Self {
        self.length = None;
        self
    }

    /// Says that the body was cut at the limit.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.is_cut = true;
        self
    }
}

/// What an HTTP server said besides the body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Http {
    /// Status code.
    pub status: u16,
    /// Redirects that were followed.
    pub redirects: u32,
    /// Values by lower-case name; several of one name joined by commas (RFC 9110 §5.3).
    pub headers: BTreeMap<String, String>,
}

impl Http {
    /// From a status and headers with lower-case names.
    pub fn new(status: u16, redirects: u32, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut of: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in headers {
            of.entry(name)
                .and_modify(|values| {
                    values.push_str(", ");
                    values.push_str(&value);
                })
                .or_insert(value);
        }
        Self { status, redirects, headers: of }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The media type of Content-Type in lower case, without parameters.
    pub(super) fn content_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    kind: FetchErrorKind,
    message: String,
    status: Option<u16>,
}

/// Kinds of failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// There is no such resource: of HTTP, 404 and 410.
    NotFound,
    /// It was not asked for, or not any longer: a policy or a limit of the one who fetches, such as no private addresses or
    /// a time for the whole check. The presentation is not to blame: a check tells it as not checked.
    Refused,
    /// Asking failed: no connection, no time left, an error of the server, no permission.
    Failed,
}

impl FetchError {
    /// An error with one line for people; it names no URL, for the check knows it.
    pub fn new(kind: FetchErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), status: None }
    }

    /// Adds the status with which an HTTP server refused.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }

    /// Whether whoever fetches would not, so that nothing is known of the resource.
    pub(super) fn is_ours(&self) -> bool {
        self.kind == FetchErrorKind::Refused
    }

    /// The status with which an HTTP server refused, where one answered.
    pub fn status(&self) -> Option<u16> {
        self.status
    }
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FetchError {}

impl<T: Fetch + ?Sized> Fetch for &T {
    fn fetch(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        (**self).fetch(request)
    }
}

impl<T: Fetch + ?Sized> Fetch for std::sync::Arc<T> {
    fn fetch(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        (**self).fetch(request)
    }
}
