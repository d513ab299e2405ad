//! The job file: the flags' names and values, written down.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use aqueduct::Settings;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::args;
use crate::exit::{Exit, Failure};

/// More than any honest job file; a film given by mistake is refused before it fills the memory.
const LARGEST: u64 = 1 << 20;

/// What a job file says. What it does not say is absent, or the default among the settings.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) run: RunConfig,
    pub(crate) settings: Settings,
}

/// The part of a job file that decides no byte.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RunConfig {
    pub(crate) input: Option<PathBuf>,
    pub(crate) destination: Option<String>,
    #[serde(deserialize_with = "jobs")]
    pub(crate) jobs: Option<NonZeroUsize>,
    pub(crate) overwrite: bool,
    pub(crate) s3_endpoint: Option<String>,
    pub(crate) s3_region: Option<String>,
    pub(crate) s3_allow_http: bool,
}

const RUN_KEYS: [&str; 7] =
    ["input", "destination", "jobs", "overwrite", "s3-endpoint", "s3-region", "s3-allow-http"];

impl Config {
    /// Reads a job file: JSON where the name ends in `.json`, else TOML.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let unreadable = |cause: std::io::Error| {
            Failure::new(Exit::NoInput, "unreadable", format!("cannot read the job file {}", path.display()))
                .because(cause.to_string())
        };
        let mut bytes = Vec::new();
        // A pipe may well be a job file, and tells no length beforehand.
        let file = File::open(path).map_err(unreadable)?;
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let no_job = |what: &str| Failure::usage(format!("{} is no job file: it {what}", path.display()));
        if bytes.len() as u64 > LARGEST {
            return Err(no_job(&format!("is longer than {LARGEST} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| no_job("is not UTF-8 text"))?;
        let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let read = if json { Self::from_json(&text) } else { Self::from_toml(&text) };
        read.map_err(|cause| {
            Failure::usage(format!("the job file {} is wrong", path.display()))
                .because(cause)
                .hint("it takes the names of the flags without `--`: see `aqueduct publish --help`")
        })
    }

    fn from_toml(text: &str) -> Result<Self, String> {
        let table: Map<String, Value> = toml::from_str(text).map_err(|error| one_line(&error.to_string()))?;
        Self::from_map(table)
    }

    fn from_json(text: &str) -> Result<Self, String> {
        Self::from_map(serde_json::from_str(text).map_err(|error| error.to_string())?)
    }

    /// Two readers share one flat table; each refuses the names that it does not know.
    fn from_map(mut table: Map<String, Value>) -> Result<Self, String> {
        let run: Map<String, Value> = RUN_KEYS.iter().filter_map(|key| table.remove_entry(*key)).collect();
        let run = serde_json::from_value(Value::Object(run)).map_err(|error| error.to_string())?;
        let settings = serde_json::from_value(Value::Object(table)).map_err(|error| error.to_string())?;
        Ok(Self { run, settings })
    }
}

/// The same bounds, and the same words, as the flag's.
fn jobs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroUsize>, D::Error> {
    let count = i64::deserialize(deserializer)?;
    args::jobs(&count.to_string()).map(Some).map_err(serde::de::Error::custom)
}

/// A message of the TOML reader, which draws the place over several lines, on one.
fn one_line(text: &str) -> String {
    let place = text.lines().next().unwrap_or_default().trim();
    let reason = text.lines().last().unwrap_or_default().trim();
    if place == reason { place.to_owned() } else { format!("{place}: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = Config::from_toml(
            "input = 'a.mp4'\ndestination = 'out'\njobs = 2\nladder = '720p,360p'\nsegment = '4s'\ncrf = 21.5\n",
        );
        let json = Config::from_json(
            r#"{"input": "a.mp4", "destination": "out", "jobs": 2, "ladder": "720p,360p", "segment": "4s", "crf": 21.5}"#,
        );
        let (toml, json) = (toml.unwrap(), json.unwrap());
        assert_eq!(toml.settings, json.settings);
        assert_eq!(toml.settings.ladder, "720p,360p".parse().unwrap());
        assert_eq!(toml.run.input, json.run.input);
        assert_eq!(toml.run.jobs, NonZeroUsize::new(2));
    }

    #[test]
    fn unknown_names_and_wrong_values_are_named() {
        for (text, says) in [
            ("ladr = '720p'", "ladr"),
            ("segment = '6x'", "6x"),
            ("jobs = 0", "give 1 to 1024"),
            ("input = 1", "expected"),
            ("input = ", "line 1"),
        ] {
            let error = Config::from_toml(text).unwrap_err();
            assert!(error.contains(says) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn every_run_key_is_known() {
        let known = RUN_KEYS.map(|key| (key, "x"));
        for (key, _) in known {
            let error =
                serde_json::from_value::<RunConfig>(serde_json::json!({ key: [] })).unwrap_err().to_string();
            assert!(!error.contains("unknown field"), "{key}: {error}");
        }
    }
}
