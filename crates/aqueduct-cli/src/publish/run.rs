//! One run: open, index, plan, publish, report; stopped by a signal at any time.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct::{Plan, Presentation};
use aqueduct_service::{CancellationToken, Destination, Event, Observer, Phase, Publish, Report};
use serde::Serialize;

use super::signals::Signals;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::job::PublishJob;
use crate::output::{Align, Console, Progress, Table, bit_rate, bytes, count, duration};
use crate::plan::{self, Outline};
use crate::probe::Facts;

pub(crate) fn run(job: &PublishJob, console: &Console) -> Result<(), Failure> {
    // Before the input is read: a wrong destination should be told at once.
    let destination = Destination::parse(&job.destination, &job.store)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("start threads", &error))?;
    let result = runtime.block_on(publish(job, destination, console));
    // A scan that was interrupted may still be reading; nobody waits for it.
    runtime.shutdown_background();
    result
}

async fn publish(job: &PublishJob, destination: Destination, console: &Console) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::io("listen to signals", &error))?;
    let progress = Progress::start(console, "reading");
    let (presentation, outline) = {
        let prepare = {
            let (path, settings) = (job.input.clone(), job.settings.clone());
            tokio::task::spawn_blocking(move || {
                let input = input::open(&path)?;
                let plan = plan::make(&input.index, &settings)?;
                Ok::<_, Failure>((input, plan))
            })
        };
        let (input, plan) = tokio::select! {
            prepared = prepare => prepared
                .map_err(|error| Failure::new(Exit::Software, "internal", error.to_string()))
                .flatten()
                .inspect_err(|_| progress.finish())?,
            () = signals.next() => {
                progress.finish();
                return Err(Failure::new(Exit::Interrupted, "cancelled", "stopped before anything was stored"));
            }
        };
        announce(&input.index, &plan, console)?;
        progress.measure(plan.total_micros(), frames(&plan), plan.renditions().len());
        let outline = Outline::of(&plan)?;
        (Presentation::new(input.source, Arc::new(input.index), Arc::new(plan))?, outline)
    };
    tracing::info!("plan {}", outline.digest());

    let watch = Arc::new(Watch { console: console.clone(), progress, seen: Mutex::default() });
    let token = CancellationToken::new();
    let observer: Observer = {
        let watch = Arc::clone(&watch);
        Arc::new(move |event| watch.event(&event))
    };
    let publish = Publish::new(presentation, destination).jobs(job.jobs).overwrite(job.overwrite);
    let mut run = pin!(publish.run(observer, token.clone()));
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            biased;
            result = &mut run => break result,
            () = signals.next() => {
                if stopping {
                    watch.progress.finish();
                    // The second signal: whoever sent it does not want to wait for the store.
                    std::process::exit(u8::from(Exit::Interrupted).into());
                }
                stopping = true;
                watch.progress.phase("stopping");
                token.cancel();
            }
        }
    };
    watch.progress.finish();
    let seen = watch.seen();
    match result {
        Ok(report) => {
            if let Some(failure) = &seen.lost {
                return Err(failure.clone());
            }
            if console.is_json() { Ok(()) } else { console.text(&for_people(&report)) }
        }
        Err(error) => Err(seen.explain(Failure::from(error), job)),
    }
}

/// What is odd, and for machines what was found and decided.
fn announce(index: &aqueduct::SourceIndex, plan: &Plan, console: &Console) -> Result<(), Failure> {
    #[derive(Serialize)]
    #[serde(tag = "event", rename_all = "kebab-case")]
    enum Announced {
        Probed(Facts),
        Planned(Outline),
    }
    if console.is_json() {
        console.value(&Announced::Probed(Facts::of(index)))?;
    }
    input::warn(index, console)?;
    if console.is_json() {
        console.value(&Announced::Planned(Outline::of(plan)?))?;
    }
    Ok(())
}

/// Frames of one rendition; access units where there are no pictures.
fn frames(plan: &Plan) -> u64 {
    match (&plan.video, &plan.audio) {
        (Some(video), _) => video.frames,
        (None, Some(audio)) => audio.units,
        (None, None) => 0,
    }
}

/// Watches a run: shows it, and remembers what is needed to explain its end.
struct Watch {
    console: Console,
    progress: Progress,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Whether segments were being made: from then on the destination holds this plan.
    encoding: bool,
    existing: u64,
    total: u64,
    stored: u64,
    /// Why an event could not be written.
    lost: Option<Failure>,
}

impl Watch {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, event: &Event) {
        let mut seen = self.seen();
        match event {
            Event::Started { total_segments, existing_segments, .. } => {
                (seen.total, seen.existing) = (*total_segments, *existing_segments);
                if *existing_segments > 0 {
                    let text = format!(
                        "{} of {} segments exist already and stay",
                        count(*existing_segments),
                        count(*total_segments)
                    );
                    self.console.note("note", &text);
                }
            }
            Event::Phase { phase: Phase::Segments } => seen.encoding = true,
            Event::Progress { segments, .. } => seen.stored = *segments,
            _ => {}
        }
        self.progress.event(event);
        if self.console.is_json()
            && seen.lost.is_none()
            && let Err(failure) = self.console.value(event)
        {
            seen.lost = Some(failure);
        }
    }
}

impl Seen {
    /// Adds how far the run came and how to go on.
    fn explain(&self, mut failure: Failure, job: &PublishJob) -> Failure {
        let again = matches!(failure.exit, Exit::Interrupted | Exit::Io | Exit::Unavailable);
        if failure.exit == Exit::Interrupted {
            let done = self.existing + self.stored;
            failure.message = if self.total == 0 {
                "stopped before anything was made".to_owned()
            } else {
                format!("stopped: {} of {} segments are stored and stay", count(done), count(self.total))
            };
        }
        // Before segments are made, another presentation may still be there, and only --overwrite gets past it.
        if again && job.overwrite && self.encoding {
            failure.hint = Some(format!("to go on, run it without --overwrite: {}", command_line(true)));
        } else if failure.exit == Exit::Interrupted {
            failure.hint = Some(format!("to go on, run the same command again: {}", command_line(false)));
        }
        failure
    }
}

/// The command as it was typed, quoted for a shell.
fn command_line(without_overwrite: bool) -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let words = words.filter(|word| !(without_overwrite && word == "--overwrite"));
    words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn for_people(report: &Report) -> String {
    let mut table = Table::new(&[
        ("rung", Align::Left),
        ("picture", Align::Left),
        ("size", Align::Right),
        ("average", Align::Right),
        ("peak", Align::Right),
        ("segments", Align::Right),
        ("made", Align::Right),
        ("kept", Align::Right),
    ]);
    for rendition in &report.renditions {
        let picture =
            rendition.width.zip(rendition.height).map(|(width, height)| format!("{width}x{height}"));
        table.row([
            rendition.name.clone(),
            picture.unwrap_or_else(|| "sound".to_owned()),
            bytes(rendition.bytes),
            bit_rate(rendition.average_bit_rate),
            bit_rate(rendition.peak_bit_rate),
            count(rendition.segments),
            count(rendition.made),
            count(rendition.segments.saturating_sub(rendition.made)),
        ]);
    }
    let micros = |seconds: f64| duration((seconds * 1e6) as u64);
    let speed = if report.made == 0 {
        format!("nothing was left to do, found in {}", micros(report.seconds))
    } else {
        format!(
            "{} of presentation in {}: {:.2}x",
            micros(report.duration),
            micros(report.seconds),
            report.speed
        )
    };
    format!("{}\n{} in all; {speed}\n{}\n", table.render(0), bytes(report.bytes), report.url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(
            ["a.mp4", "my film.mp4", "it's", ""].map(quoted),
            ["a.mp4", "'my film.mp4'", r"'it'\''s'", "''"]
        );
    }
}
