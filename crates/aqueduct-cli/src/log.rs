//! The log, on stderr, without tearing the progress bar.

use std::io::{self, Write};

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::output::Console;

/// Shows warnings of our own crates; with `verbose` 1 what is done, 2 the details, 3 what others say too.
pub(crate) fn install(verbose: u8, console: &Console) {
    let level = match verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        2 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let others = if verbose >= 3 { Level::DEBUG } else { Level::WARN };
    let ours = ["aqueduct", "aqueduct_service", "libav"].map(|target| (target, level));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Stderr { console: console.clone() })
        .with_ansi(console.is_terminal())
        .without_time()
        .with_target(verbose >= 2);
    tracing_subscriber::registry()
        .with(Targets::new().with_targets(ours).with_default(others))
        .with(lines)
        .init();
}

struct Stderr {
    console: Console,
}

struct Line {
    console: Console,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { console: self.console.clone(), text: Vec::new() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.console.stderr(&String::from_utf8_lossy(&self.text));
    }
}
