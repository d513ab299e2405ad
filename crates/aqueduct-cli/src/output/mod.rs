//! What people and machines read: results on stdout, everything else on stderr.

mod human;
mod json;
mod progress;
mod table;

use std::io::{self, IsTerminal, Write};

use indicatif::MultiProgress;
use serde::Serialize;

pub(crate) use human::{bit_rate, bytes, count, duration, quoted, rate, seconds};
pub(crate) use progress::{Progress, Unit};
pub(crate) use table::{Align, Table};

use crate::exit::Failure;
use crate::prepared::Warning;

/// Where output goes, and in which form. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    json: bool,
    quiet: bool,
    bars: MultiProgress,
}

impl Console {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet, bars: MultiProgress::new() }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person reads stderr.
    pub(crate) fn is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Whether progress is drawn: on a terminal, for people, unless they want quiet.
    pub(crate) fn draws(&self) -> bool {
        self.is_terminal() && !self.json && !self.quiet
    }

    /// Whether results for people may have colours.
    pub(crate) fn colours(&self) -> bool {
        io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// A result for people.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.stdout(text.as_bytes())
    }

    /// A result or event for machines: one value, one line.
    pub(crate) fn value(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.stdout(&json::line(value)?)
    }

    /// Something that a careful person wants to know about an input.
    pub(crate) fn warning(&self, warning: &Warning) -> Result<(), Failure> {
        if self.json {
            self.value(&json::Tagged { event: "warning", fields: warning })
        } else {
            self.note("warning", &warning.to_string());
            Ok(())
        }
    }

    /// A remark on stderr, unless quiet is wanted.
    pub(crate) fn note(&self, label: &str, text: &str) {
        if !self.quiet && !self.json {
            self.stderr(&format!("{label}: {}\n", one_line(text)));
        }
    }

    /// The last words: one line on stderr, a hint where there is one, and an event for machines.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut line = format!("error: {}", failure.message);
        for cause in &failure.causes {
            line.push_str(": ");
            line.push_str(cause);
        }
        let mut text = one_line(&line);
        text.push('\n');
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("hint: {}\n", one_line(hint)));
        }
        self.stderr(&text);
        if self.json {
            self.failure_event(failure);
        }
    }

    /// The failure as the last event.
    pub(crate) fn failure_event(&self, failure: &Failure) {
        // Whoever closed stdout does not want to hear it, and there is nothing left to fail.
        let _ = self.value(&json::Tagged { event: "error", fields: failure });
    }

    pub(crate) fn stderr(&self, text: &str) {
        // A closed stderr is no reason to stop working.
        self.bars.suspend(|| drop(io::stderr().lock().write_all(text.as_bytes())));
    }

    fn stdout(&self, text: &[u8]) -> Result<(), Failure> {
        let written = self.bars.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text).and_then(|()| stdout.flush())
        });
        match written {
            // `| head` has read what it wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::io("write to standard output", &error)),
            Ok(()) => Ok(()),
        }
    }
}

/// `text` on one line. Names and causes come from outside; they must not break the line nor steer the terminal.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    lines.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
