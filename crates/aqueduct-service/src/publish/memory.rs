//! How much memory a run may take, and what fits into that.

use std::num::NonZeroUsize;

/// What a run does at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Runs of columns.
    pub(super) runs: usize,
    /// Pictures that may wait for the encoder of each rung.
    #[cfg_attr(not(feature = "av"), allow(dead_code, reason = "nothing is encoded"))]
    pub(super) waiting: NonZeroUsize,
}

#[cfg(feature = "av")]
pub(super) use encoding::{Limit, fit};

#[cfg(feature = "av")]
mod encoding {
    use std::fs;
    use std::path::{Path, PathBuf};

    use aqueduct::MemoryNeed;

    use super::{NonZeroUsize, Room};
    use crate::error::{Error, ErrorKind, Result};

    /// Pictures that wait where there is room: more gain nothing (decision 36).
    const MOST_WAITING: u64 = 2;
    /// Percent of what a control group may take that a run takes without being told.
    const OF_GROUP: u64 = 85;
    /// The same of the whole memory, which others use as well.
    const OF_MACHINE: u64 = 75;

    /// Bytes of memory, and who set the limit.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(in super::super) enum Limit {
        /// The caller.
        Asked(u64),
        /// Most of what the control group or the machine has.
        Found(u64),
    }

    impl Limit {
        /// What this process may take without being told; `None` where nobody says.
        pub(in super::super) fn found() -> Option<Self> {
            let group =
                groups(&read("/proc/self/cgroup")?, &|path| read(path)).map(|bytes| bytes / 100 * OF_GROUP);
            let machine = machine(&read("/proc/meminfo")?).map(|bytes| bytes / 100 * OF_MACHINE);
            group.into_iter().chain(machine).min().map(Self::Found)
        }
    }

    fn read(path: impl AsRef<Path>) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    /// `MemTotal` of /proc/meminfo, in bytes.
    fn machine(text: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    }

    /// The lowest limit of the control groups that this process is in, by the lines of /proc/self/cgroup, versions 1 and
    /// 2. Within a container the path named there may not be seen; what is mounted is its group then.
    fn groups(text: &str, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
        let mut least: Option<u64> = None;
        for line in text.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            let (root, name) = match controllers {
                "" => ("/sys/fs/cgroup", "memory.max"),
                list if list.split(',').any(|name| name == "memory") => {
                    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
                }
                _ => continue,
            };
            // Every group above bounds it as well.
            let path = PathBuf::from(root).join(path.trim_start_matches('/'));
            for folder in path.ancestors().take_while(|folder| folder.starts_with(root)) {
                let limit = read(&folder.join(name)).and_then(|text| text.trim().parse::<u64>().ok());
                least = least.into_iter().chain(limit).min();
            }
        }
        least
    }

    /// As many runs as fit, at most `runs`, and as many waiting pictures as fit beside them.
    ///
    /// Fails with [`ErrorKind::Media`] of [`aqueduct::ErrorKind::Settings`] where not even one run fits.
    pub(in super::super) fn fit(need: &MemoryNeed, limit: Option<Limit>, runs: usize) -> Result<Room> {
        let bytes = match limit {
            Some(Limit::Asked(bytes) | Limit::Found(bytes)) => bytes,
            None => u64::MAX,
        };
        let fits = |runs: usize, waiting: u64| need.of(runs as u64, waiting) <= bytes;
        // A run more is worth more than a second picture that waits, which saves a run some percent of its time.
        let Some(runs) = (1..=runs.max(1)).rev().find(|&runs| fits(runs, 1)) else {
            return Err(too_little(need, limit));
        };
        let waiting = (1..=MOST_WAITING).rev().find(|&waiting| fits(runs, waiting)).unwrap_or(1);
        Ok(Room { runs, waiting: NonZeroUsize::new(waiting as usize).unwrap_or(NonZeroUsize::MIN) })
    }

    fn too_little(need: &MemoryNeed, limit: Option<Limit>) -> Error {
        let mega = |bytes: u64| bytes.div_ceil(1_000_000);
        let needed = mega(need.of(1, 1));
        let (has, change) = match limit {
            Some(Limit::Asked(bytes)) => (format!("the limit is {} MB", mega(bytes)), "raise the limit"),
            Some(Limit::Found(bytes)) => {
                let has = format!("this machine or container has {} MB to give", bytes / 1_000_000);
                (has, "give it more memory, set the limit yourself")
            }
            None => (String::from("there is less"), "give it more memory"),
        };
        let message = format!(
            "encoding this ladder takes up to {needed} MB of memory, and {has}: {change}, or take fewer or smaller \
             rungs or a faster preset"
        );
        Error::new(ErrorKind::Media(aqueduct::ErrorKind::Settings), message)
    }

    #[cfg(test)]
    mod tests {
        use std::collections::BTreeMap;

        use super::*;

        #[test]
        fn the_lowest_group_counts() {
            let files: BTreeMap<&str, &str> = BTreeMap::from([
                ("/sys/fs/cgroup/memory.max", "max\n"),
                ("/sys/fs/cgroup/a/memory.max", "1000000\n"),
                ("/sys/fs/cgroup/a/b/memory.max", "3000000\n"),
                ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "500000\n"),
            ]);
            let read = |path: &Path| Some((*files.get(path.to_str()?)?).to_owned());
            assert_eq!(groups("0::/a/b\n", &read), Some(1_000_000));
            assert_eq!(groups("0::/elsewhere\n", &read), None);
            assert_eq!(groups("7:cpu,memory:/x\n3:pids:/x\n", &read), Some(500_000));
            assert_eq!(groups("7:memory:/unseen\n", &read), Some(9_223_372_036_854_771_712));
            assert_eq!(groups("", &read), None);
            assert_eq!(machine("MemFree: 1 kB\nMemTotal:       16000 kB\n"), Some(16_384_000));
        }
    }
}
