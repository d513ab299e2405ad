//! The job file: the flags' names and values, written down.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use aqueduct::Settings;
use aqueduct::plan::{AudioLayout, Container, Length, Limits};
use aqueduct_service::Verify;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::args;
use crate::exit::{Exit, Failure};

/// More than any honest job file; a film given by mistake is refused before it fills the memory.
const LARGEST: u64 = 1 << 20;

/// What a job file says. What it does not say is absent, or the default.
#[derive(Debug, Default)]
pub(crate) struct Config<T> {
    pub(crate) run: RunConfig,
    pub(crate) what: T,
}

/// The part of a job file that decides no byte; the same for every command.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RunConfig {
    pub(crate) destination: Option<String>,
    #[serde(deserialize_with = "jobs")]
    pub(crate) jobs: Option<NonZeroUsize>,
    pub(crate) overwrite: bool,
    pub(crate) verify: Option<Verify>,
    #[serde(deserialize_with = "one_or_several")]
    pub(crate) index: Vec<PathBuf>,
    pub(crate) s3_endpoint: Option<String>,
    pub(crate) s3_region: Option<String>,
    pub(crate) s3_allow_http: bool,
}

const RUN_KEYS: [&str; 8] =
    ["destination", "jobs", "overwrite", "verify", "index", "s3-endpoint", "s3-region", "s3-allow-http"];

/// Flags of one run, which no job file has.
const TYPED: [&str; 5] = ["config", "json", "profile", "quiet", "verbose"];

/// The part of a job file that says what to make, for one command.
pub(crate) trait What: Default {
    /// The command whose help lists the names.
    const COMMAND: &'static str;
    /// Names that its reader knows and does not list.
    const UNLISTED: &'static [&'static str];

    fn from_map(map: Map<String, Value>) -> serde_json::Result<Self>;
}

/// What `publish` makes.
#[derive(Debug, Default)]
pub(crate) struct PublishConfig {
    pub(crate) input: Option<PathBuf>,
    pub(crate) max_memory: Option<u64>,
    pub(crate) settings: Settings,
}

impl What for PublishConfig {
    const COMMAND: &'static str = "publish";
    const UNLISTED: &'static [&'static str] = &["input", "max-memory"];

    fn from_map(mut map: Map<String, Value>) -> serde_json::Result<Self> {
        let input = map.remove("input").map(serde_json::from_value).transpose()?;
        let memory = map.remove("max-memory").map(serde_json::from_value::<String>).transpose()?;
        let memory = memory.map(|text| args::memory(&text)).transpose();
        let max_memory = memory.map_err(serde::de::Error::custom)?;
        Ok(Self { input, max_memory, settings: serde_json::from_value(Value::Object(map))? })
    }
}

/// What `package` makes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct PackageConfig {
    #[serde(alias = "input", deserialize_with = "one_or_several")]
    pub(crate) inputs: Vec<PathBuf>,
    pub(crate) audio: Vec<PathBuf>,
    pub(crate) container: Option<Container>,
    pub(crate) segment: Option<Length>,
    pub(crate) single_file: bool,
    pub(crate) audio_layout: Option<AudioLayout>,
    pub(crate) limits: Limits,
}

impl What for PackageConfig {
    const COMMAND: &'static str = "package";
    const UNLISTED: &'static [&'static str] = &[];

    fn from_map(map: Map<String, Value>) -> serde_json::Result<Self> {
        if map.contains_key("input") && map.contains_key("inputs") {
            return Err(serde::de::Error::custom("give `input` or `inputs`, not both"));
        }
        serde_json::from_value(Value::Object(map))
    }
}

impl<T: What> Config<T> {
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
        let table = if json { of_json(&text) } else { of_toml(&text) };
        let wrong = |cause: String| {
            Failure::usage(format!("the job file {} is wrong", path.display())).because(cause)
        };
        let table = table.map_err(|cause| {
            wrong(cause).hint(match json {
                true => "it is to be one object of JSON, as its name ends in .json",
                false => "write TOML: a name, `=` and a value on each line, and text in quotes",
            })
        })?;
        Self::from_map(table).map_err(|cause| {
            wrong(cause).hint(format!(
                "it takes the names of the flags without `--`: see `aqueduct {} --help`",
                T::COMMAND
            ))
        })
    }

    #[cfg(test)]
    fn from_toml(text: &str) -> Result<Self, String> {
        Self::from_map(of_toml(text)?)
    }

    #[cfg(test)]
    fn from_json(text: &str) -> Result<Self, String> {
        Self::from_map(of_json(text)?)
    }

    /// Two readers share one flat table; each refuses the names that it does not know.
    fn from_map(mut table: Map<String, Value>) -> Result<Self, String> {
        if let Some(name) = TYPED.iter().find(|name| table.contains_key(**name)) {
            return Err(format!("`{name}` is for the command line only"));
        }
        let names: Vec<String> = table.keys().cloned().collect();
        let run: Map<String, Value> = RUN_KEYS.iter().filter_map(|key| table.remove_entry(*key)).collect();
        let run = serde_json::from_value(Value::Object(run)).map_err(|error| error.to_string())?;
        let what = T::from_map(table).map_err(|error| {
            let error = error.to_string();
            // The reader lists the names that it knows; the others are as good.
            let name = error.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
            // What stands in a table of its own has names of its own.
            if name.is_none_or(|name| !names.iter().any(|known| known == name)) {
                return error;
            }
            let others = T::UNLISTED.iter().copied().chain(RUN_KEYS);
            others.fold(error, |text, name| format!("{text}, `{name}`"))
        })?;
        Ok(Self { run, what })
    }
}

fn of_toml(text: &str) -> Result<Map<String, Value>, String> {
    toml::from_str(text).map_err(|error| one_line(&error.to_string()))
}

fn of_json(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A name, or a list of names.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    let value = match Value::deserialize(deserializer)? {
        Value::String(one) => Value::Array(vec![Value::String(one)]),
        other => other,
    };
    serde_json::from_value(value).map_err(serde::de::Error::custom)
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

    type Publish = Config<PublishConfig>;
    type Package = Config<PackageConfig>;

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = Publish::from_toml(
            "input = 'a.mp4'\ndestination = 'out'\njobs = 2\nladder = '720p,360p'\nsegment = '4s'\ncrf = 21.5\n\
             container = 'fmp4'\naudio-layout = 'muxed'\nmax-memory = '1.5G'\n",
        );
        let json = Publish::from_json(
            r#"{"input": "a.mp4", "destination": "out", "jobs": 2, "ladder": "720p,360p", "segment": "4s", "crf": 21.5,
                "container": "fmp4", "audio-layout": "muxed", "max-memory": "1.5G"}"#,
        );
        let (toml, json) = (toml.unwrap(), json.unwrap());
        assert_eq!(toml.what.settings, json.what.settings);
        assert_eq!(toml.what.settings.ladder, "720p,360p".parse().unwrap());
        assert_eq!(toml.what.settings.container, Some(Container::Fmp4));
        assert_eq!(toml.what.settings.audio_layout, Some(AudioLayout::Muxed));
        assert_eq!((&toml.what.input, toml.run.jobs), (&json.what.input, NonZeroUsize::new(2)));
        assert_eq!((toml.what.max_memory, json.what.max_memory), (Some(1_500_000_000), Some(1_500_000_000)));
    }

    #[test]
    fn packaging_has_names_of_its_own() {
        let text = "inputs = ['a.mp4', 'b.mp4']\naudio = ['c.m4a:de']\ndestination = 'out'\ncontainer = 'fmp4'\n\
                    single-file = true\naudio-layout = 'separate'\nsegment = 4\noverwrite = true\nverify = 'full'\n\
                    [limits]\nduration = '48h'\n";
        assert!(Package::from_toml(text).unwrap_err().contains("48h"), "the grammar is that of the flags");
        let Config { run, what } = Package::from_toml(&text.replace("48h", "90000s")).unwrap();
        assert_eq!(what.inputs, ["a.mp4", "b.mp4"].map(PathBuf::from));
        assert_eq!(what.audio, [PathBuf::from("c.m4a:de")]);
        assert_eq!((what.container, what.single_file), (Some(Container::Fmp4), true));
        assert_eq!(what.audio_layout, Some(AudioLayout::Separate));
        assert_eq!(what.segment, Some("4s".parse().unwrap()));
        assert_eq!(what.limits.duration.millis(), 90_000_000);
        assert_eq!((run.destination.as_deref(), run.overwrite), (Some("out"), true));
        assert_eq!(run.verify, Some(Verify::Full));
    }

    #[test]
    fn a_single_input_needs_no_list() {
        for text in ["input = 'a.mp4'", "inputs = 'a.mp4'", "input = ['a.mp4']"] {
            assert_eq!(Package::from_toml(text).unwrap().what.inputs, [PathBuf::from("a.mp4")]);
        }
    }

    #[track_caller]
    fn refused<T: What + std::fmt::Debug>(text: &str, says: &str) {
        let error = Config::<T>::from_toml(text).unwrap_err();
        assert!(error.contains(says) && !error.contains('\n'), "{text}: {error}");
    }

    #[test]
    fn unknown_names_and_wrong_values_are_named() {
        refused::<PublishConfig>("ladr = '720p'", "ladr");
        refused::<PublishConfig>("segment = '6x'", "6x");
        refused::<PublishConfig>("jobs = 0", "give 1 to 1024");
        refused::<PublishConfig>("input = 1", "expected");
        refused::<PublishConfig>("max-memory = '5x'", "500M");
        refused::<PackageConfig>("max-memory = '500M'", "max-memory");
        refused::<PublishConfig>("input = ", "line 1");
        refused::<PublishConfig>("container = 'mkv'", "expected `ts` or `fmp4`");
        refused::<PublishConfig>("audio-layout = 'loud'", "`separate`");
        refused::<PublishConfig>("single-file = true", "single-file");
        refused::<PackageConfig>("input = 1", "expected a sequence");
        refused::<PackageConfig>("sgment = '6s'", "`inputs`");
        refused::<PackageConfig>("input = 'a.mp4'\ninputs = ['b.mp4']", "give `input` or `inputs`, not both");
        let listed = Package::from_toml("sgment = '6s'").unwrap_err();
        assert_eq!(listed.matches("`input`").count(), 1, "{listed}");
        for name in TYPED {
            refused::<PublishConfig>(&format!("{name} = true"), "for the command line only");
        }
        let inner = Package::from_toml("[limits]\nlength = '1s'").unwrap_err();
        assert!(inner.contains("`frame-rate`") && !inner.contains("`destination`"), "{inner}");
        for name in ["destination", "jobs", "overwrite", "s3-endpoint", "input"] {
            refused::<PackageConfig>("sgment = '6s'", &format!("`{name}`"));
            refused::<PublishConfig>("sgment = '6s'", &format!("`{name}`"));
        }
        refused::<PackageConfig>("container = 'mkv'", "expected `ts` or `fmp4`");
        refused::<PackageConfig>("audio-layout = 'loud'", "`separate`");
        refused::<PackageConfig>("crf = 20", "crf");
        refused::<PackageConfig>("verify = 'all'", "`structure`");
        refused::<PackageConfig>("segment = '6x'", "6x");
        refused::<PackageConfig>("jobs = 0", "give 1 to 1024");
    }

    #[test]
    fn every_run_key_is_known() {
        for key in RUN_KEYS {
            let error = serde_json::from_value::<RunConfig>(serde_json::json!({ key: [[]] }))
                .unwrap_err()
                .to_string();
            assert!(!error.contains("unknown field"), "{key}: {error}");
        }
    }
}
