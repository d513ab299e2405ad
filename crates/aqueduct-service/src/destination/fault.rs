//! What a store's error means for the person who reads it: one kind, one line, with the cause and the fix.

use std::error::Error as StdError;
use std::io;

use crate::error::{Error, ErrorKind};

/// The error of a store that could not do `what` (such as `store video/720p/00003.ts`) at `destination`.
pub(crate) fn of_store(error: object_store::Error, what: &str, destination: &str) -> Error {
    let (kind, cause) = classify(&error, "grant list, read, write and delete there");
    Error::new(kind, format!("cannot {what} at {destination}: {cause}")).with_cause(error)
}

/// The error of a store in which what is checked could not be read at `place`.
pub(crate) fn of_check(error: object_store::Error, place: &str) -> Error {
    let (kind, cause) = classify(&error, "grant list and read there");
    Error::new(kind, format!("cannot read at {place}: {cause}")).with_cause(error)
}

const REPLACED: &str = "it was replaced while it was read; run the same command again";

/// The cause alone, where an answer is not of the object that was opened.
pub(crate) fn replaced() -> Error {
    Error::new(ErrorKind::Store, REPLACED)
}

/// The cause alone, of a store that did not give an object which is read.
pub(crate) fn of_input(error: object_store::Error) -> Error {
    let (kind, cause) = match &error {
        object_store::Error::Precondition { .. } => (ErrorKind::Store, REPLACED.to_owned()),
        error => classify(error, "grant reading it"),
    };
    Error::new(kind, cause).with_cause(error)
}

/// The error of a call to the file system that failed to do what `place` says.
pub(crate) fn of_io(error: &io::Error, place: &str) -> Error {
    match kind_of_io(error) {
        Some((kind, cause)) => Error::new(kind, format!("{place}: {cause}")),
        None => Error::new(ErrorKind::NotWritable, format!("{place}: {error}")),
    }
}

/// Kind and cause; `needed` is what to do where the credentials do not suffice.
fn classify(error: &object_store::Error, needed: &str) -> (ErrorKind, String) {
    let text = whole_text(error);
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let new = |kind, cause: &str| (kind, cause.to_owned());
    let remote = !text.contains("LocalFileSystem");

    if says(&["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"]) {
        return new(ErrorKind::NotFound, "the bucket does not exist; create it first, or correct its name");
    }
    if says(&["InvalidAccessKeyId", "NotSignedUp"]) {
        return new(
            ErrorKind::PermissionDenied,
            "the server does not know this access key; check AWS_ACCESS_KEY_ID and the endpoint",
        );
    }
    if says(&["SignatureDoesNotMatch"]) {
        return new(
            ErrorKind::PermissionDenied,
            "the secret key does not belong to the access key; check AWS_SECRET_ACCESS_KEY",
        );
    }
    if says(&["ExpiredToken", "TokenRefreshRequired"]) {
        return new(
            ErrorKind::PermissionDenied,
            "the credentials have expired; get new ones and run it again",
        );
    }
    if says(&["RequestTimeTooSkewed"]) {
        return new(ErrorKind::PermissionDenied, "this machine's clock is wrong; set it and run it again");
    }
    if says(&[
        "AuthorizationHeaderMalformed",
        "PermanentRedirect",
        "IllegalLocationConstraint",
        "redirect without LOCATION",
    ]) {
        return new(
            ErrorKind::Destination,
            "the bucket lies in another region; set AWS_REGION to the bucket's region",
        );
    }
    if says(&["InsufficientStorage", "StorageFull", "QuotaExceeded", "status code: 507"]) {
        return new(
            ErrorKind::NoSpace,
            "the server has no space left; free some and run the same command again",
        );
    }
    match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
            if remote =>
        {
            return new(
                ErrorKind::PermissionDenied,
                &format!("the credentials may not do that ({}); {needed}", brief(error)),
            );
        }
        object_store::Error::NotFound { .. } if remote => {
            return new(
                ErrorKind::NotFound,
                &format!("not found ({}); check the bucket and the endpoint", brief(error)),
            );
        }
        _ => {}
    }
    if let Some((kind, cause)) =
        chain(error).find_map(|error| error.downcast_ref::<io::Error>().and_then(kind_of_io))
    {
        return new(kind, &cause);
    }
    if remote && (is_transport(error) || says(&["status code: 5", "status code: 429", "status code: 408"])) {
        return new(
            ErrorKind::Unavailable,
            &format!(
                "the server cannot be reached or fails ({}); run the same command again when it is back",
                brief(error)
            ),
        );
    }
    new(ErrorKind::Store, &brief(error))
}

/// Kind and cause of what the operating system said, where it is one with a name of its own.
fn kind_of_io(error: &io::Error) -> Option<(ErrorKind, String)> {
    use io::ErrorKind as Io;
    let found = match error.kind() {
        Io::StorageFull | Io::QuotaExceeded => {
            (ErrorKind::NoSpace, "no space left; free some and run the same command again".to_owned())
        }
        Io::FileTooLarge => {
            let cause = "the file is larger than the file system or a limit (`ulimit -f`) allows";
            (ErrorKind::Store, cause.to_owned())
        }
        Io::PermissionDenied => (ErrorKind::NotWritable, "no permission to write there".to_owned()),
        Io::ReadOnlyFilesystem => (ErrorKind::NotWritable, "the file system is read-only".to_owned()),
        Io::NotADirectory | Io::AlreadyExists => {
            (ErrorKind::NotWritable, "a file stands where a folder is needed".to_owned())
        }
        Io::IsADirectory => (ErrorKind::NotWritable, "a folder stands where a file is needed".to_owned()),
        Io::ConnectionRefused => (ErrorKind::Unavailable, unavailable("nothing listens there")),
        Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe | Io::UnexpectedEof => {
            (ErrorKind::Unavailable, unavailable("the server closed the connection"))
        }
        Io::TimedOut => (ErrorKind::Unavailable, unavailable("the server does not answer")),
        Io::HostUnreachable | Io::NetworkUnreachable | Io::NetworkDown => {
            (ErrorKind::Unavailable, unavailable("there is no way to the server"))
        }
        _ => return None,
    };
    Some(found)
}

fn unavailable(cause: &str) -> String {
    format!("{cause}; check the endpoint, and run the same command again when the server is back")
}

/// Whether it failed on the way to the server, without an answer.
#[cfg(any(feature = "aws", feature = "gcp", feature = "azure"))]
fn is_transport(error: &object_store::Error) -> bool {
    chain(error).any(|error| error.is::<object_store::client::HttpError>())
}

#[cfg(not(any(feature = "aws", feature = "gcp", feature = "azure")))]
fn is_transport(_: &object_store::Error) -> bool {
    false
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn whole_text(error: &object_store::Error) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The innermost cause in one short line: of an XML answer only its code and message.
fn brief(error: &object_store::Error) -> String {
    let text = whole_text(error);
    if let (Some(code), Some(message)) = (element(&text, "Code"), element(&text, "Message")) {
        return format!("{code}: {message}");
    }
    let innermost = chain(error).last().map(ToString::to_string).unwrap_or_default();
    let line = innermost.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
        .map(|(text, _)| text)
        .filter(|text| text.len() <= 200 && !text.contains('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl StdError + Send + Sync + 'static) -> object_store::Error {
        object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(source) }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("unable to copy")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn a_full_disk_is_seen_at_any_depth() {
        // ENOSPC and EDQUOT of Linux.
        for code in [28, 122] {
            let error = of_store(generic(Wrapped(io::Error::from_raw_os_error(code))), "store a.ts", "/disk");
            assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
            assert!(error.to_string().starts_with("cannot store a.ts at /disk: no space left"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_written_says_why() {
        // EACCES, EROFS, ENOTDIR, EISDIR of Linux.
        for code in [13, 30, 20, 21] {
            let error = of_store(generic(Wrapped(io::Error::from_raw_os_error(code))), "store a.ts", "/disk");
            assert_eq!(error.kind(), ErrorKind::NotWritable, "{error}");
        }
    }

    #[test]
    fn an_answer_in_xml_becomes_one_line() {
        let xml = "status code: 403: <?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>";
        let error = object_store::Error::PermissionDenied { path: "a".to_owned(), source: xml.into() };
        let error = of_store(error, "store a", "s3://b/p");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(
            !error.to_string().contains('\n') && error.to_string().contains("AccessDenied: Access Denied."),
            "{error}"
        );
    }
}
