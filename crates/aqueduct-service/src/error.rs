//! One error for publishing: its kind decides an exit code, its text is one line that names cause and fix.

use std::fmt;

use crate::verdict::Verdict;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, coarse enough to decide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The destination or an option of its store is written wrongly, or what a run reads lies among what it would delete.
    Destination,
    /// This build lacks the store: it is a feature of this crate.
    Lacking,
    /// The bucket, or the server under this name, does not exist.
    NotFound,
    /// Credentials are missing, unknown or may not write there.
    PermissionDenied,
    /// The folder cannot be created or written.
    NotWritable,
    /// The disk or the quota is full.
    NoSpace,
    /// The server cannot be reached, or failed for longer than [`StoreOptions::retry_timeout`].
    ///
    /// [`StoreOptions::retry_timeout`]: crate::StoreOptions::retry_timeout
    Unavailable,
    /// The store refused for another reason.
    Store,
    /// The destination holds another presentation, or objects without a plan.
    Conflict,
    /// The presentation breaks a rule of HLS, so its multivariant playlist was not stored; [`Error::verdict`] tells all.
    RulesBroken,
    /// The caller asked to stop.
    Cancelled,
    /// The engine failed: reading the source, decoding, encoding.
    Media(aqueduct::ErrorKind),
    /// A fault of this crate.
    Internal,
}

/// An error with its kind; its text is one line that names cause and fix.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    verdict: Option<Verdict>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), cause: None, verdict: None }))
    }

    pub(crate) fn with_cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    pub(crate) fn with_verdict(mut self, verdict: Verdict) -> Self {
        self.0.verdict = Some(verdict);
        self
    }

    /// What was found, where the error is [`ErrorKind::RulesBroken`].
    pub fn verdict(&self) -> Option<&Verdict> {
        self.0.verdict.as_ref()
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether running the same command again, unchanged, can succeed: the store was away, the disk was full,
    /// the source could not be read, or the caller asked to stop.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Unavailable
                | ErrorKind::NoSpace
                | ErrorKind::Cancelled
                | ErrorKind::Media(aqueduct::ErrorKind::Source)
        )
    }
}

impl fmt::Debug for Error {
    /// Without the verdict, which is long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, message, cause, .. } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("message", message)
            .field("cause", cause)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<aqueduct::Error> for Error {
    fn from(error: aqueduct::Error) -> Self {
        let kind = match error.kind() {
            aqueduct::ErrorKind::Cancelled => ErrorKind::Cancelled,
            kind => ErrorKind::Media(kind),
        };
        Self::new(kind, error.to_string()).with_cause(error)
    }
}
