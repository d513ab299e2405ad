//! What will be done: what was typed and what the job file says, resolved. Nothing here touches the world but to
//! read the job file.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use aqueduct::Settings;
use aqueduct_service::StoreOptions;

use crate::args::{PlanArgs, ProbeArgs, PublishArgs, SettingsArgs, StoreArgs};
use crate::config::{Config, RunConfig};
use crate::exit::Failure;

/// Publish `input` at `destination`.
#[derive(Debug)]
pub(crate) struct PublishJob {
    pub(crate) input: PathBuf,
    pub(crate) destination: String,
    pub(crate) settings: Settings,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) overwrite: bool,
    pub(crate) store: StoreOptions,
}

/// Tell what `input` is.
#[derive(Debug)]
pub(crate) struct ProbeJob {
    pub(crate) input: PathBuf,
}

/// Tell what would be made of `input`.
#[derive(Debug)]
pub(crate) struct PlanJob {
    pub(crate) input: PathBuf,
    pub(crate) settings: Settings,
}

pub(crate) fn publish(args: PublishArgs) -> Result<PublishJob, Failure> {
    let Config { run, settings } = config(args.settings.config.as_deref())?;
    let input = needed(args.input.or(run.input.clone()), "INPUT", "publish")?;
    let destination = needed(args.destination.or(run.destination.clone()), "DEST", "publish")?;
    Ok(PublishJob {
        input,
        destination,
        settings: resolve(settings, args.settings),
        jobs: args.jobs.or(run.jobs).unwrap_or_else(cores),
        overwrite: args.overwrite || run.overwrite,
        store: store(args.store, run),
    })
}

pub(crate) fn probe(args: ProbeArgs) -> ProbeJob {
    ProbeJob { input: args.input }
}

/// Takes the same job file as `publish` and leaves aside where it would go.
pub(crate) fn plan(args: PlanArgs) -> Result<PlanJob, Failure> {
    let Config { run, settings } = config(args.settings.config.as_deref())?;
    let input = needed(args.input.or(run.input), "INPUT", "plan")?;
    Ok(PlanJob { input, settings: resolve(settings, args.settings) })
}

fn config(path: Option<&Path>) -> Result<Config, Failure> {
    path.map_or_else(|| Ok(Config::default()), Config::read)
}

fn needed<T>(value: Option<T>, name: &str, command: &str) -> Result<T, Failure> {
    value.ok_or_else(|| {
        Failure::usage(format!("{name} is missing"))
            .hint(format!("give it on the command line or in a job file: see `aqueduct {command} --help`"))
    })
}

fn resolve(mut settings: Settings, flags: SettingsArgs) -> Settings {
    fn set<T>(field: &mut T, flag: Option<impl Into<T>>) {
        if let Some(value) = flag {
            *field = value.into();
        }
    }
    set(&mut settings.ladder, flags.ladder);
    set(&mut settings.preset, flags.preset);
    set(&mut settings.crf, flags.crf);
    set(&mut settings.segment, flags.segment);
    set(&mut settings.gop, flags.gop);
    set(&mut settings.audio_bitrate, flags.audio_bitrate);
    settings
}

/// A flag wins over the job file, that over a variable.
fn store(flags: StoreArgs, config: RunConfig) -> StoreOptions {
    let mut options = StoreOptions::from_env();
    if let Some(endpoint) = flags.s3_endpoint.or(config.s3_endpoint) {
        options.s3_endpoint = Some(endpoint);
    }
    if let Some(region) = flags.s3_region.or(config.s3_region) {
        options.s3_region = Some(region);
    }
    options.s3_allow_http |= flags.s3_allow_http || config.s3_allow_http;
    options
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_job_file() {
        let mut settings = Settings::default();
        settings.ladder = "720p".parse().unwrap();
        settings.crf = "30".parse().unwrap();
        let flags = SettingsArgs { crf: Some("21".parse().unwrap()), ..SettingsArgs::default() };
        let resolved = resolve(settings, flags);
        assert_eq!(resolved.crf.to_string(), "21");
        assert_eq!(resolved.ladder, "720p".parse().unwrap());
        assert_eq!(resolved.preset, Settings::default().preset);
    }

    #[test]
    fn what_is_missing_is_named() {
        let failure = needed::<()>(None, "DEST", "publish").unwrap_err();
        assert_eq!(failure.exit, crate::exit::Exit::Usage);
        assert!(failure.message.contains("DEST"));
    }
}
