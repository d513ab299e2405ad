//! How the command ends: exit codes after BSD's `sysexits`, those of `check`, and the failure that carries one.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use aqueduct::ErrorKind as CoreKind;
use aqueduct_service::ErrorKind as ServiceKind;
use serde::Serialize;

/// An exit code. 1 to 3 are what a check finds, which is no failure of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "u8")]
#[repr(u8)]
pub(crate) enum Exit {
    RulesBent = 1,
    RulesBroken = 2,
    NotChecked = 3,
    Usage = 64,
    Data = 65,
    NoInput = 66,
    Unavailable = 69,
    Software = 70,
    CannotCreate = 73,
    Io = 74,
    Permission = 77,
    Interrupted = 130,
}

impl Exit {
    const ALL: [Self; 12] = [
        Self::RulesBent,
        Self::RulesBroken,
        Self::NotChecked,
        Self::Usage,
        Self::Data,
        Self::NoInput,
        Self::Unavailable,
        Self::Software,
        Self::CannotCreate,
        Self::Io,
        Self::Permission,
        Self::Interrupted,
    ];

    const fn meaning(self) -> &'static str {
        match self {
            Self::RulesBent => {
                "check --strict: there are warnings, or limits kept something from being checked"
            }
            Self::RulesBroken => {
                "a rule of HLS is broken: found by check, or by publish and package before they show it"
            }
            Self::NotChecked => "check: the target cannot be reached or read",
            Self::Usage => "usage: a flag, a setting, a job file or a destination is written wrongly",
            Self::Data => "the input is corrupt, not supported or beyond a limit",
            Self::NoInput => "the input is missing, is no file or cannot be opened",
            Self::Unavailable => "the store cannot be reached, or this build lacks what is needed",
            Self::Software => "a fault of aqueduct itself",
            Self::CannotCreate => {
                "the destination cannot be created, does not exist, or holds something else"
            }
            Self::Io => "reading or writing failed, the disk is full",
            Self::Permission => "permission or credentials are missing",
            Self::Interrupted => {
                "stopped by Ctrl-C or SIGTERM; the same publish or package goes on, check begins anew"
            }
        }
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit as Self
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(u8::from(exit))
    }
}

/// A line of the table, for machines.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    exit_code: u8,
    meaning: &'static str,
}

/// What `aqueduct exit-codes --json` prints.
pub(crate) fn lines() -> Vec<Line> {
    let of = |exit: Exit| Line { exit_code: exit.into(), meaning: exit.meaning() };
    std::iter::once(Line { exit_code: 0, meaning: "done" }).chain(Exit::ALL.map(of)).collect()
}

/// The table that `aqueduct exit-codes` prints.
pub(crate) fn table() -> String {
    let mut text = String::from("  0  done\n");
    for exit in Exit::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:>3}  {}", u8::from(exit), exit.meaning());
    }
    text
}

/// Why the command could not do what it was asked, in words and as an exit code.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    /// A stable name for machines, such as `corrupt`.
    pub(crate) kind: &'static str,
    #[serde(rename = "exit_code")]
    pub(crate) exit: Exit,
    /// One line: what, where.
    pub(crate) message: String,
    /// What lies below, outermost first; nothing that `message` says already.
    pub(crate) causes: Vec<String>,
    /// What to do about it, where that is known.
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, exit, message: message.into(), causes: Vec::new(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    pub(crate) fn because(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn of(exit: Exit, kind: &'static str, hint: Option<&str>, error: &(dyn StdError + 'static)) -> Self {
        let message = error.to_string();
        let mut said = message.clone();
        let mut causes = Vec::new();
        for cause in chain(error).skip(1).map(|cause| cause.to_string()) {
            // Our messages repeat the cause below them, so that they stand alone in a log.
            if !cause.is_empty() && !said.contains(&cause) {
                said.push_str(&cause);
                causes.push(cause);
            }
        }
        Self { kind, exit, message, causes, hint: hint.map(str::to_owned) }
    }
}

impl From<aqueduct::Error> for Failure {
    fn from(error: aqueduct::Error) -> Self {
        let (exit, kind, hint) = of_core(&error);
        Self::of(exit, kind, hint, &error)
    }
}

fn of_core(error: &aqueduct::Error) -> (Exit, &'static str, Option<&'static str>) {
    // A source that lies in a store fails as the store does.
    let store = chain(error).find_map(|cause| cause.downcast_ref::<aqueduct_service::Error>());
    match store.map(aqueduct_service::Error::kind) {
        Some(ServiceKind::Unavailable) => (Exit::Unavailable, "unavailable", None),
        Some(ServiceKind::PermissionDenied) => (Exit::Permission, "permission-denied", None),
        Some(_) => (Exit::Io, "source", None),
        None => core_class(error.kind(), error.place().offset),
    }
}

/// `offset` is where in the source it failed, where reading it had begun.
fn core_class(kind: CoreKind, offset: Option<u64>) -> (Exit, &'static str, Option<&'static str>) {
    match kind {
        CoreKind::NotFound => (Exit::NoInput, "not-found", None),
        // At the very start it is another kind of file, not a damaged one.
        CoreKind::Corrupt if offset.is_none_or(|offset| offset == 0) => (Exit::Data, "corrupt", None),
        CoreKind::Corrupt => {
            (Exit::Data, "corrupt", Some("is the file complete? compare its length with the original's"))
        }
        CoreKind::Unsupported => (Exit::Data, "unsupported", None),
        CoreKind::Limit => (
            Exit::Data,
            "limit",
            Some("raise it under [limits] in a job file (--config), if you trust the file"),
        ),
        CoreKind::Source if offset.is_some() => {
            (Exit::Io, "source", Some("run the same command again when the file can be read"))
        }
        CoreKind::Source => (Exit::NoInput, "source", None),
        CoreKind::Settings => (Exit::Usage, "settings", None),
        CoreKind::Mismatch => (
            Exit::CannotCreate,
            "mismatch",
            Some("publish to another place, or start anew there with --overwrite"),
        ),
        CoreKind::Cancelled => (Exit::Interrupted, "cancelled", None),
        CoreKind::Internal => {
            (Exit::Software, "internal", Some("this should never happen: please report it"))
        }
        _ => (Exit::Software, "other", None),
    }
}

impl From<aqueduct_service::Error> for Failure {
    fn from(error: aqueduct_service::Error) -> Self {
        let (exit, kind, hint) = match error.kind() {
            ServiceKind::Destination => (Exit::Usage, "destination", None),
            ServiceKind::Lacking => (Exit::Unavailable, "build", None),
            ServiceKind::NotFound => (Exit::CannotCreate, "destination-not-found", None),
            ServiceKind::PermissionDenied => (Exit::Permission, "permission-denied", None),
            ServiceKind::NotWritable if denied(&error) => (Exit::Permission, "permission-denied", None),
            ServiceKind::NotWritable => (Exit::CannotCreate, "not-writable", None),
            ServiceKind::NoSpace => (Exit::Io, "no-space", None),
            ServiceKind::Unavailable => (Exit::Unavailable, "unavailable", None),
            ServiceKind::Store => (Exit::Io, "store", None),
            ServiceKind::Conflict => (Exit::CannotCreate, "conflict", None),
            ServiceKind::RulesBroken => (
                Exit::RulesBroken,
                "rules-broken",
                Some("check.json there tells all; --verify off shows it all the same"),
            ),
            ServiceKind::Cancelled => (Exit::Interrupted, "cancelled", None),
            ServiceKind::Media(kind) => {
                let core = chain(&error).find_map(|cause| cause.downcast_ref::<aqueduct::Error>());
                core.map_or_else(|| core_class(kind, None), of_core)
            }
            _ => (Exit::Software, "internal", Some("this should never happen: please report it")),
        };
        // The message of the service names cause and fix; below it lie whole answers of servers, for the log only.
        for cause in chain(&error).skip(1) {
            tracing::debug!("caused by: {cause}");
        }
        Self { kind, exit, message: error.to_string(), causes: Vec::new(), hint: hint.map(str::to_owned) }
    }
}

impl Failure {
    /// The operating system failed to do `what`.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        Self::new(Exit::Io, "io", format!("cannot {what}: {error}"))
    }
}

fn denied(error: &(dyn StdError + 'static)) -> bool {
    let refused = |cause: &io::Error| cause.kind() == io::ErrorKind::PermissionDenied;
    chain(error).any(|cause| cause.downcast_ref::<io::Error>().is_some_and(refused))
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

#[cfg(test)]
mod tests {
    use aqueduct::Error;

    use super::*;

    #[test]
    fn codes_are_those_of_sysexits() {
        assert_eq!(Exit::ALL.map(u8::from), [1, 2, 3, 64, 65, 66, 69, 70, 73, 74, 77, 130]);
        for exit in Exit::ALL {
            assert!(table().contains(&format!("{:>3}  {}", u8::from(exit), exit.meaning())));
        }
    }

    #[test]
    fn each_kind_has_its_code() {
        for (kind, exit) in [
            (CoreKind::NotFound, Exit::NoInput),
            (CoreKind::Corrupt, Exit::Data),
            (CoreKind::Unsupported, Exit::Data),
            (CoreKind::Limit, Exit::Data),
            (CoreKind::Source, Exit::NoInput),
            (CoreKind::Settings, Exit::Usage),
            (CoreKind::Mismatch, Exit::CannotCreate),
            (CoreKind::Cancelled, Exit::Interrupted),
            (CoreKind::Internal, Exit::Software),
        ] {
            assert_eq!(Failure::from(Error::new(kind, "x")).exit, exit, "{kind:?}");
        }
        assert_eq!(Failure::from(Error::new(CoreKind::Source, "x").at_offset(7)).exit, Exit::Io);
    }

    #[test]
    fn causes_are_said_once() {
        let error =
            Error::new(CoreKind::Source, "cannot read a.mp4").with_cause(io::Error::other("bad sector"));
        let failure = Failure::from(error);
        assert_eq!(failure.message, "cannot read a.mp4: bad sector");
        assert!(failure.causes.is_empty());
    }
}
