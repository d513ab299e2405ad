//! A progress bar: phase, rate, time to go, bytes. Draws nothing where nobody watches.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use aqueduct_service::{Event, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Console, bytes, seconds};

/// The progress of one command.
pub(crate) struct Progress {
    bar: ProgressBar,
    state: Mutex<State>,
}

/// What progress is counted in, over all renditions of a presentation of `micros` microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// Frames to encode: `frames` in each of `renditions` renditions.
    Frames { micros: u64, frames: u64, renditions: usize },
    /// Segments to copy, `segments` in all renditions together: what they cost is their bytes.
    Segments { micros: u64, segments: u64 },
}

impl Unit {
    /// Seconds of the presentation for each.
    fn seconds(self) -> f64 {
        let (micros, count) = match self {
            Self::Frames { micros, frames, renditions } => (micros, frames.max(1) * renditions.max(1) as u64),
            Self::Segments { micros, segments } => (micros, segments.max(1)),
        };
        micros as f64 / 1e6 / count as f64
    }
}

/// What is known of the run so far.
struct State {
    started: Instant,
    unit: Unit,
}

impl Progress {
    /// A spinner that says `phase`.
    pub(crate) fn start(console: &Console, phase: &'static str) -> Self {
        let bar = if console.draws() {
            console.bars.add(ProgressBar::no_length())
        } else {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
        };
        bar.set_style(style("{spinner} {prefix:10} {msg}"));
        bar.set_prefix(phase);
        if console.draws() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self {
            bar,
            state: Mutex::new(State {
                started: Instant::now(),
                unit: Unit::Segments { micros: 0, segments: 1 },
            }),
        }
    }

    /// Tells what is counted.
    pub(crate) fn measure(&self, unit: Unit) {
        if let Ok(mut state) = self.state.lock() {
            state.unit = unit;
        }
    }

    /// Another phase, without a known length.
    pub(crate) fn phase(&self, phase: &'static str) {
        self.bar.set_prefix(phase);
        self.bar.set_message("");
    }

    /// Shows what the service tells.
    pub(crate) fn event(&self, event: &Event) {
        match event {
            Event::Phase { phase } => self.phase(match phase {
                Phase::Opening => "opening",
                Phase::Deleting => "deleting",
                Phase::Segments => self.work(),
                Phase::Playlists => "playlists",
                Phase::Verifying => "checking",
                _ => "working",
            }),
            Event::Progress { frames, total_frames, segments, total_segments, bytes } => {
                self.advance((*frames, *total_frames), (*segments, *total_segments), *bytes);
            }
            Event::Verifying { bytes, total_bytes } => self.read_back(*bytes, *total_bytes),
            _ => {}
        }
    }

    /// Shows how much was read back.
    fn read_back(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_style(style("{prefix:10} {bar:28} {percent:>3}%  {msg}"));
        self.bar.set_position(done.min(total));
        self.bar.set_message(format!("{} of {} read back", bytes(done), bytes(total)));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn work(&self) -> &'static str {
        let unit = self.state.lock().map(|state| state.unit);
        if matches!(unit, Ok(Unit::Segments { .. })) { "copying" } else { "encoding" }
    }

    fn advance(&self, frames: (u64, u64), segments: (u64, u64), size: u64) {
        let Ok(mut state) = self.state.lock() else { return };
        let (done, total) = match state.unit {
            Unit::Frames { .. } => frames,
            Unit::Segments { .. } => segments,
        };
        if self.bar.length().is_none() {
            // The first sign of work: what came before does not count in the rate.
            state.started = Instant::now();
            self.bar.set_length(total);
            self.bar.set_style(style("{prefix:10} {bar:28} {percent:>3}%  {msg}"));
        }
        let elapsed = state.started.elapsed().as_secs_f64();
        let mut parts = vec![format!("{}/{} segments", segments.0, segments.1), bytes(size)];
        if elapsed > 0.5 && done > 0 {
            let per_second = done as f64 / elapsed;
            parts.push(match state.unit {
                Unit::Frames { renditions, .. } => {
                    format!("{:.0} frames/s", per_second / renditions.max(1) as f64)
                }
                Unit::Segments { .. } => format!("{}/s", bytes((size as f64 / elapsed) as u64)),
            });
            parts.push(format!("{:.2}x", per_second * state.unit.seconds()));
            let left = total.saturating_sub(done) as f64 / per_second;
            parts.push(format!("ETA {}", seconds(left.ceil() as u64)));
        }
        self.bar.set_position(done.min(total));
        self.bar.set_message(parts.join("  "));
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are ours, and a test reads them all.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_sound() {
        for template in ["{spinner} {prefix:10} {msg}", "{prefix:10} {bar:28} {percent:>3}%  {msg}"] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    /// The bar and its message after half of the work.
    fn half(unit: Unit) -> (u64, Option<u64>, String) {
        let progress = Progress::start(&Console::new(false, true), "reading");
        progress.measure(unit);
        progress.event(&Event::Phase { phase: Phase::Segments });
        progress.event(&Event::Progress {
            frames: 100,
            total_frames: 400,
            segments: 1,
            total_segments: 4,
            bytes: 1000,
        });
        let shown = (progress.bar.position(), progress.bar.length(), progress.bar.message());
        progress.finish();
        shown
    }

    #[test]
    fn events_fill_the_bar() {
        let (at, of, message) = half(Unit::Frames { micros: 8_000_000, frames: 200, renditions: 2 });
        assert_eq!((at, of), (100, Some(400)));
        assert!(message.starts_with("1/4 segments  1.0 kB"));
        let (at, of, _) = half(Unit::Segments { micros: 8_000_000, segments: 4 });
        assert_eq!((at, of), (1, Some(4)), "what is copied has no frames to wait for");
    }

    #[test]
    fn reading_back_has_a_bar_of_its_own() {
        let progress = Progress::start(&Console::new(false, true), "reading");
        progress.event(&Event::Phase { phase: Phase::Verifying });
        progress.event(&Event::Verifying { bytes: 500, total_bytes: 2000 });
        assert_eq!((progress.bar.position(), progress.bar.length()), (500, Some(2000)));
        assert_eq!(
            (progress.bar.prefix().as_str(), progress.bar.message().contains("2.0 kB")),
            ("checking", true)
        );
        progress.finish();
    }
}
