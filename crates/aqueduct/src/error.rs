//! One error for the whole library: what kind it is, what went wrong, and where.
//!
//! Inner code returns the bare reason; the one layer that knows the place adds it once with
//! [`Error::in_track`], [`Error::at_offset`], [`Error::at_time`] or [`Error::in_segment`].

use std::fmt;

/// The result of every fallible call of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, coarse enough to decide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The source, a track or an object that was named does not exist.
    NotFound,
    /// The bytes of the source break the rules of their format.
    Corrupt,
    /// The bytes are valid but ask for what this library or this build cannot do.
    Unsupported,
    /// A limit on size, count, duration or memory was passed.
    Limit,
    /// Reading the source failed.
    Source,
    /// A setting is wrong.
    Settings,
    /// The plan does not belong to this source, or to this build of the encoders.
    Mismatch,
    /// The caller asked to stop.
    Cancelled,
    /// A fault of this library: a law that it promises does not hold.
    Internal,
}

/// Where in the source or the presentation an error happened. Unknown parts are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The track of the source, by the number its container gives.
    pub track: Option<u32>,
    /// Byte offset in the source.
    pub offset: Option<u64>,
    /// Time in microseconds from the start of the source's timeline.
    pub micros: Option<i64>,
    /// The rendition, by its name in the plan.
    pub rendition: Option<String>,
    /// The segment's index.
    pub segment: Option<u32>,
}

/// An error with its kind and place; see the [module](self).
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    place: Place,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`; no place yet.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), place: Place::default(), source: None }))
    }

    /// Shorthand for [`ErrorKind::Corrupt`].
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Shorthand for [`ErrorKind::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Shorthand for [`ErrorKind::Settings`].
    pub fn settings(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Settings, message)
    }

    /// Shorthand for [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Keeps `cause` as [`std::error::Error::source`].
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// Adds the track, unless a deeper layer already did.
    #[must_use]
    pub fn in_track(mut self, track: u32) -> Self {
        self.0.place.track.get_or_insert(track);
        self
    }

    /// Adds the byte offset in the source, unless a deeper layer already did.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.0.place.offset.get_or_insert(offset);
        self
    }

    /// Adds the time in microseconds of the source, unless a deeper layer already did.
    #[must_use]
    pub fn at_time(mut self, micros: i64) -> Self {
        self.0.place.micros.get_or_insert(micros);
        self
    }

    /// Moves the time, where there is one, by so many microseconds: from one timeline to another.
    #[must_use]
    pub(crate) fn moved_by(mut self, micros: i64) -> Self {
        if let Some(time) = &mut self.0.place.micros {
            *time = time.saturating_add(micros);
        }
        self
    }

    /// Adds the rendition and the segment, unless a deeper layer already did.
    #[must_use]
    pub fn in_segment(mut self, rendition: impl Into<String>, segment: u32) -> Self {
        let place = &mut self.0.place;
        place.rendition.get_or_insert_with(|| rendition.into());
        place.segment.get_or_insert(segment);
        self
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The reason without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it happened.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// Whether the same call may succeed later without any change: only reading can.
    pub fn is_retryable(&self) -> bool {
        self.0.kind == ErrorKind::Source
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|cause| cause as _)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(cause) = &self.0.source {
            write!(f, ": {cause}")?;
        }
        write!(f, "{}", self.0.place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(rendition) = &self.rendition {
            parts.push(format!("rendition {rendition}"));
        }
        if let Some(segment) = self.segment {
            parts.push(format!("segment {segment}"));
        }
        if let Some(track) = self.track {
            parts.push(format!("track {track}"));
        }
        if let Some(micros) = self.micros {
            parts.push(format!("at {:.3} s", micros as f64 / 1e6));
        }
        if let Some(offset) = self.offset {
            parts.push(format!("byte {offset}"));
        }
        if parts.is_empty() { Ok(()) } else { write!(f, " ({})", parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_and_where_once() {
        let error = Error::corrupt("no sync byte").at_offset(188).at_offset(0).in_segment("720p", 3);
        assert_eq!(error.to_string(), "no sync byte (rendition 720p, segment 3, byte 188)");
        assert_eq!(error.place().offset, Some(188), "the deepest layer knows best");
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn only_reading_is_worth_a_retry() {
        assert!(Error::new(ErrorKind::Source, "reset").is_retryable());
        assert!(!Error::corrupt("x").is_retryable());
    }
}
