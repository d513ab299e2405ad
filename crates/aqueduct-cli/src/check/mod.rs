//! `aqueduct check`: where a presentation breaks the rules of HLS.

mod explain;
mod file;
mod people;
mod sarif;

use std::borrow::Cow;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use aqueduct::check::{Level, Report};
use aqueduct_service::{CancellationToken, CheckTarget, ErrorKind};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::job::{CheckForm, CheckJob, CheckRun};
use crate::output::{Console, Progress};
use crate::run::Signals;

pub(crate) use explain::alike;
use file::PageFile;

pub(crate) fn run(job: &CheckJob, console: &Console) -> Result<ExitCode, Failure> {
    match job {
        CheckJob::Explain(id) => explain::run(id, console).map(|()| ExitCode::SUCCESS),
        CheckJob::Run(job) => check(job, console),
    }
}

/// A log of SARIF in which nothing but this failure stands: whoever asked for a log gets one.
pub(crate) fn failed(failure: &Failure, console: &Console) {
    // It failed already: that this cannot be written either is no news.
    let _ = console.value(&sarif::of_failure(failure));
}

fn check(job: &CheckRun, console: &Console) -> Result<ExitCode, Failure> {
    let target =
        CheckTarget::parse(&job.target, &job.store, job.fetch.clone()).map_err(unreachable_target)?;
    let page = match (&job.html, &job.form) {
        (Some(file), form) if !matches!(form, CheckForm::Page) => Some(PageFile::open(file)?),
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("start threads", &error))?;
    let progress = Progress::start(console, if job.watch.is_some() { "watching" } else { "checking" });
    let report = match job.watch {
        Some(lasts) => runtime.block_on(watch(&target, job, lasts)),
        None => runtime.block_on(once(&target, job)),
    };
    progress.finish();
    // Requests that nobody waits for any more.
    runtime.shutdown_background();
    let report = report?.map_err(unreachable_target)?;
    let exit = verdict(&report, job.strict);
    // Reports and pages are shown around.
    let shown = without_credentials(&job.target);
    match job.form {
        CheckForm::Page => console.text(&aqueduct::check::html(&report, &shown))?,
        CheckForm::Sarif => console.value(&sarif::log(&report))?,
        CheckForm::Json => {
            let exit_code = exit.map_or(0, u8::from);
            console.value(&Whole { target: &shown, exit_code, report: &report })?;
        }
        CheckForm::People { all } => {
            console.text(&people::text(
                &shown,
                &report,
                &people::Style { all, colours: console.colours() },
            ))?;
        }
    }
    // Last: whoever cannot have the page has the report.
    if let Some(page) = page {
        page.write(&aqueduct::check::html(&report, &shown))?;
    }
    Ok(exit.map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// A URL without its user and password (RFC 3986 §3.2.1); a path as it is.
fn without_credentials(target: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = target.split_once("://") else { return target.into() };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]).into(),
        None => target.into(),
    }
}

/// Checks the target, unless a signal comes.
async fn once(target: &CheckTarget, job: &CheckRun) -> Result<aqueduct_service::Result<Report>, Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::io("take signals", &error))?;
    tokio::select! {
        biased;
        report = target.check(&job.options) => Ok(report),
        () = signals.next() => {
            let message = "stopped before the check was done; what was found so far says nothing of the rest";
            Err(Failure::new(Exit::Interrupted, "cancelled", message))
        }
    }
}

/// Follows the target until the time is over, it ends, or a signal comes.
async fn watch(
    target: &CheckTarget,
    job: &CheckRun,
    lasts: Duration,
) -> Result<aqueduct_service::Result<Report>, Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::io("take signals", &error))?;
    let stop = CancellationToken::new();
    let mut watching = pin!(target.watch(&job.options, lasts, &stop));
    loop {
        tokio::select! {
            biased;
            report = &mut watching => {
                let is_nothing = report.as_ref().is_ok_and(|report| report.playlists.is_empty());
                if is_nothing && stop.is_cancelled() {
                    let message = "stopped before any playlist came";
                    return Err(Failure::new(Exit::Interrupted, "cancelled", message));
                }
                return Ok(report);
            }
            // Who asks twice does not want the report.
            () = signals.next() => {
                if stop.is_cancelled() {
                    std::process::exit(u8::from(Exit::Interrupted).into());
                }
                stop.cancel();
            }
        }
    }
}

/// The report, what was asked for, and how the command ends.
#[derive(Serialize)]
struct Whole<'a> {
    target: &'a str,
    exit_code: u8,
    #[serde(flatten)]
    report: &'a Report,
}

/// How the command ends; `None` where all is well.
fn verdict(report: &Report, strict: bool) -> Option<Exit> {
    match report.worst() {
        Some(Level::Error) => Some(Exit::RulesBroken),
        Some(Level::Warning) if strict => Some(Exit::RulesBent),
        // Nobody asked for less: what was not looked at may break anything.
        _ if strict && report.cut_short => Some(Exit::RulesBent),
        _ => None,
    }
}

/// What cannot be reached or read was not checked. A target that is written wrongly is a usage error, as everywhere.
fn unreachable_target(error: aqueduct_service::Error) -> Failure {
    let kind = error.kind();
    let mut failure = Failure::from(error);
    if !matches!(kind, ErrorKind::Destination | ErrorKind::Lacking | ErrorKind::Internal) {
        failure.exit = Exit::NotChecked;
        failure.hint = None;
    }
    match kind {
        ErrorKind::NotFound => failure.kind = "not-found",
        ErrorKind::Destination => failure.kind = "target",
        _ => {}
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn a_password_is_not_told() {
        for (target, shown) in [
            ("https://me:secret@example.com/a@b.m3u8", "https://example.com/a@b.m3u8"),
            ("https://me:se@cret@example.com?x=@", "https://example.com?x=@"),
            ("https://example.com/a@b", "https://example.com/a@b"),
            ("s3://bucket/film", "s3://bucket/film"),
            ("films/a@b/", "films/a@b/"),
        ] {
            assert_eq!(without_credentials(target), shown);
        }
    }
}
