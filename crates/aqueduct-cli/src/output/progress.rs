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

/// What is known of the run so far.
struct State {
    started: Instant,
    /// Seconds of the presentation for each counted frame, over all renditions.
    seconds_per_frame: f64,
    renditions: f64,
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
            state: Mutex::new(State { started: Instant::now(), seconds_per_frame: 0.0, renditions: 1.0 }),
        }
    }

    /// Tells how to turn counted frames into frames of the source and into seconds: a presentation of `micros`
    /// microseconds has `frames` frames in each of `renditions` renditions.
    pub(crate) fn measure(&self, micros: u64, frames: u64, renditions: usize) {
        let renditions = renditions.max(1) as f64;
        if let Ok(mut state) = self.state.lock() {
            state.renditions = renditions;
            state.seconds_per_frame = micros as f64 / 1e6 / (frames.max(1) as f64 * renditions);
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
                Phase::Segments => "encoding",
                Phase::Playlists => "playlists",
                _ => "working",
            }),
            Event::Progress { frames, total_frames, segments, total_segments, bytes } => {
                self.advance(*frames, *total_frames, *segments, *total_segments, *bytes);
            }
            _ => {}
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn advance(&self, frames: u64, total_frames: u64, segments: u64, total_segments: u64, size: u64) {
        let Ok(mut state) = self.state.lock() else { return };
        if self.bar.length().is_none() {
            // The first sign of work: what came before does not count in the rate.
            state.started = Instant::now();
            self.bar.set_length(total_frames);
            self.bar.set_style(style("{prefix:10} {bar:28} {percent:>3}%  {msg}"));
        }
        let elapsed = state.started.elapsed().as_secs_f64();
        let mut parts = vec![format!("{segments}/{total_segments} segments"), bytes(size)];
        if elapsed > 0.5 && frames > 0 {
            let per_second = frames as f64 / elapsed;
            parts.push(format!("{:.0} frames/s", per_second / state.renditions));
            parts.push(format!("{:.2}x", per_second * state.seconds_per_frame));
            let left = total_frames.saturating_sub(frames) as f64 / per_second;
            parts.push(format!("ETA {}", seconds(left.ceil() as u64)));
        }
        self.bar.set_position(frames.min(total_frames));
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

    #[test]
    fn events_fill_the_bar() {
        let progress = Progress::start(&Console::new(false, true), "reading");
        progress.measure(8_000_000, 200, 2);
        progress.event(&Event::Phase { phase: Phase::Segments });
        progress.event(&Event::Progress {
            frames: 100,
            total_frames: 400,
            segments: 1,
            total_segments: 4,
            bytes: 1000,
        });
        assert_eq!((progress.bar.position(), progress.bar.length()), (100, Some(400)));
        assert!(progress.bar.message().starts_with("1/4 segments  1.0 kB"));
        progress.finish();
    }
}
