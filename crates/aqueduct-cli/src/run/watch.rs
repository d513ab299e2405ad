//! Watches a run: shows it, and remembers what is needed to explain its end.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aqueduct::Plan;
use aqueduct::plan::{Object, Rendition};
use aqueduct_service::{Event, Phase};

use crate::exit::{Exit, Failure};
use crate::output::{Console, Progress, count, quoted};

/// Who watches.
pub(super) struct Watch {
    console: Console,
    progress: Progress,
    seen: Mutex<Seen>,
    /// How many segments are in which file, where a file holds more than one.
    files: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Seen {
    /// Whether segments were being made: from then on the destination holds this plan.
    making: bool,
    existing: u64,
    total: u64,
    stored: u64,
    /// Segments of files that became whole in this run.
    whole: u64,
    /// Why an event could not be written.
    lost: Option<Failure>,
}

impl Watch {
    pub(super) fn new(console: &Console, progress: Progress, plan: &Plan) -> Self {
        let of = |it: &Rendition<'_>| {
            let segments = (0..plan.segments()).filter(|&segment| !plan.is_gap(it, segment)).count();
            Some((plan.key(Object::Media(it.id))?, segments as u64))
        };
        let files = plan.renditions().iter().filter_map(of).collect();
        Self { console: console.clone(), progress, seen: Mutex::default(), files }
    }

    pub(super) fn event(&self, event: &Event) {
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
            Event::Damaged { key, why } => {
                self.console.note("warning", &format!("{key} is damaged and made again: {why}"));
            }
            Event::Phase { phase: Phase::Segments } => seen.making = true,
            Event::Progress { segments, .. } => seen.stored = *segments,
            Event::Stored { key, .. } => seen.whole += self.files.get(key).copied().unwrap_or(0),
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

    pub(super) fn phase(&self, phase: &'static str) {
        self.progress.phase(phase);
    }

    /// The run has ended: nothing is drawn any more.
    pub(super) fn stop(&self) {
        self.progress.finish();
    }

    /// Fails where an event could not be written.
    pub(super) fn lost(&self) -> Result<(), Failure> {
        self.seen().lost.take().map_or(Ok(()), Err)
    }

    /// Adds how far the run came and how to go on.
    pub(super) fn explain(&self, mut failure: Failure, overwrites: bool) -> Failure {
        let seen = self.seen();
        let again = matches!(failure.exit, Exit::Interrupted | Exit::Io | Exit::Unavailable);
        if failure.exit == Exit::Interrupted {
            failure.message = if seen.total == 0 {
                "stopped before anything was made".to_owned()
            } else if !self.files.is_empty() {
                format!(
                    "stopped: {} of {} segments are in files that are whole and stay; the other files begin anew",
                    count(seen.existing + seen.whole),
                    count(seen.total)
                )
            } else {
                format!(
                    "stopped: {} of {} segments are stored and stay",
                    count(seen.existing + seen.stored),
                    count(seen.total)
                )
            };
        }
        // Before segments are made, another presentation may still be there, and only --overwrite gets past it.
        if again && overwrites && seen.making {
            failure.hint = Some(format!("to go on, run it without --overwrite: {}", command_line(true)));
        } else if failure.exit == Exit::Interrupted {
            failure.hint = Some(format!("to go on, run the same command again: {}", command_line(false)));
        }
        failure
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The command as it was typed, quoted for a shell.
fn command_line(without_overwrite: bool) -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let words = words.filter(|word| !(without_overwrite && word == "--overwrite"));
    words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}
