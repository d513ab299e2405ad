//! Where the CPU time of a run went.

use std::collections::BTreeMap;

use serde::Serialize;

/// What the parts of a run cost while segments were made. All times are in seconds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ProfileReport {
    /// Threads that encoded.
    pub threads: usize,
    /// How long it took.
    pub wall: f64,
    /// CPU time of the whole process, in user mode and in the kernel.
    pub cpu: f64,
    /// What the threads could have worked besides: `threads * wall - cpu`, 0 where other threads worked more.
    pub idle: f64,
    /// The most memory that the process held at any time, in bytes; absent where the system does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// What each part cost, in the order of the work: `decode`, `scale`, the name of each rung, `audio`, `mux`, and
    /// `store and the rest`, which nobody measured by itself.
    pub parts: Vec<PartReport>,
    /// What each part of each segment cost.
    pub segments: Vec<SegmentProfile>,
}

/// A part of the work.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PartReport {
    /// Its name.
    pub name: String,
    /// Whether it is the encoder of the rung with this name.
    pub is_rung: bool,
    /// CPU time.
    pub cpu: f64,
    /// Its share of the CPU time of all, 0 to 1.
    pub share: f64,
}

/// The work on one segment.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SegmentProfile {
    /// Counted from 0.
    pub segment: u32,
    /// CPU time of its parts, by their names.
    pub cpu: BTreeMap<String, f64>,
}

#[cfg(all(unix, feature = "av"))]
pub(crate) use unix::Watch;

#[cfg(all(unix, feature = "av"))]
mod unix {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use aqueduct::{Part, Plan, Profile};
    use rustix::time::{ClockId, clock_gettime};

    use super::{PartReport, ProfileReport, SegmentProfile};

    /// A run that is being measured.
    #[derive(Debug, Clone)]
    pub(crate) struct Watch {
        pub(crate) profile: Arc<Profile>,
        started: Instant,
        before: Duration,
    }

    fn now(clock: ClockId) -> Duration {
        let time = clock_gettime(clock);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    impl Watch {
        pub(crate) fn start() -> Self {
            Self {
                profile: Arc::new(Profile::new(|| now(ClockId::ThreadCPUTime))),
                started: Instant::now(),
                before: now(ClockId::ProcessCPUTime),
            }
        }

        pub(crate) fn report(&self, plan: &Plan, threads: usize) -> ProfileReport {
            let wall = self.started.elapsed().as_secs_f64();
            let cpu = now(ClockId::ProcessCPUTime).saturating_sub(self.before).as_secs_f64();
            let rungs: Vec<&str> =
                plan.video.iter().flat_map(|video| &video.rungs).map(|rung| rung.name.as_str()).collect();
            let name = |part: Part| match part {
                Part::Decode => "decode",
                Part::Scale => "scale",
                Part::Encode(rung) => rungs.get(rung).copied().unwrap_or("?"),
                Part::Sound => "audio",
                Part::Pack => "mux",
                _ => "other",
            };
            let mut parts: Vec<(Part, Duration)> = Vec::new();
            let mut segments: Vec<SegmentProfile> = Vec::new();
            for (segment, part, took) in self.profile.spent() {
                match parts.iter_mut().find(|(known, _)| *known == part) {
                    Some((_, sum)) => *sum += took,
                    None => parts.push((part, took)),
                }
                if segments.last().is_none_or(|last| last.segment != segment) {
                    segments.push(SegmentProfile { segment, cpu: Default::default() });
                }
                if let Some(last) = segments.last_mut() {
                    last.cpu.insert(name(part).to_owned(), took.as_secs_f64());
                }
            }
            parts.sort_unstable_by_key(|(part, _)| *part);
            let measured: f64 = parts.iter().map(|(_, took)| took.as_secs_f64()).sum();
            let share = |part: f64| if cpu > 0.0 { part / cpu } else { 0.0 };
            let of = |(part, took): (Part, Duration)| PartReport {
                name: name(part).to_owned(),
                is_rung: matches!(part, Part::Encode(_)),
                cpu: took.as_secs_f64(),
                share: share(took.as_secs_f64()),
            };
            let mut parts: Vec<PartReport> = parts.into_iter().map(of).collect();
            let rest = (cpu - measured).max(0.0);
            let name = "store and the rest".to_owned();
            parts.push(PartReport { name, is_rung: false, cpu: rest, share: share(rest) });
            let idle = (threads as f64 * wall - cpu).max(0.0);
            ProfileReport { threads, wall, cpu, idle, peak_memory: peak_memory(), parts, segments }
        }
    }

    /// `VmHWM` of Linux's /proc/self/status, in bytes.
    fn peak_memory() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    }
}
