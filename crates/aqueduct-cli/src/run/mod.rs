//! One run: prepare, announce, make what is missing, report; stopped by a signal at any time.

mod profile;
mod report;
mod signals;
mod watch;

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use aqueduct::Plan;
use aqueduct_service::{CancellationToken, Destination, Observer, Publish};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::input::Input;
use crate::job::Target;
use crate::output::{Console, Progress, Unit};
use crate::plan::Outline;
use crate::prepared::Prepared;
use crate::probe::Facts;

pub(crate) use signals::Signals;
use watch::Watch;

/// Makes what `prepare` decides, and stores it at `target`. `used` are the files and objects that it reads, or keeps.
pub(crate) fn run(
    target: &Target,
    used: &[PathBuf],
    console: &Console,
    prepare: impl FnOnce() -> Result<Prepared, Failure> + Send + 'static,
) -> Result<(), Failure> {
    // Before an input is read: a wrong destination should be told at once.
    let destination = Destination::parse(&target.destination, &target.store)?;
    used.iter().try_for_each(|path| destination.must_not_hold(path))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("start threads", &error))?;
    let result = runtime.block_on(publish(target, destination, console, prepare));
    // A scan that was interrupted may still be reading; nobody waits for it.
    runtime.shutdown_background();
    result
}

async fn publish(
    target: &Target,
    destination: Destination,
    console: &Console,
    prepare: impl FnOnce() -> Result<Prepared, Failure> + Send + 'static,
) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::io("listen to signals", &error))?;
    let progress = Progress::start(console, "reading");
    let (presentation, names) = {
        let prepared = tokio::select! {
            prepared = tokio::task::spawn_blocking(prepare) => prepared
                .map_err(|error| Failure::new(Exit::Software, "internal", error.to_string()))
                .flatten()
                .inspect_err(|_| progress.finish())?,
            () = signals.next() => {
                progress.finish();
                return Err(Failure::new(Exit::Interrupted, "cancelled", "stopped before anything was stored"));
            }
        };
        announce(&prepared, console)?;
        progress.measure(unit(prepared.plan()));
        let names: Vec<String> = prepared.inputs.iter().map(Input::name).collect();
        (prepared.presentation, names)
    };
    tracing::info!("plan {}", presentation.plan().digest()?);

    let watch = Arc::new(Watch::new(console, progress, presentation.plan()));
    let token = CancellationToken::new();
    let observer: Observer = {
        let watch = Arc::clone(&watch);
        Arc::new(move |event| watch.event(&event))
    };
    let publish = Publish::new(presentation, destination)
        .jobs(target.jobs)
        .overwrite(target.overwrite)
        .verify(target.verify);
    #[cfg(feature = "av")]
    let publish = {
        let publish = publish.profile(target.encoding.profile);
        target.encoding.max_memory.into_iter().fold(publish, Publish::max_memory)
    };
    let mut run = pin!(publish.run(observer, token.clone()));
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            biased;
            result = &mut run => break result,
            () = signals.next() => {
                if stopping {
                    watch.stop();
                    // The second signal: whoever sent it does not want to wait for the store.
                    std::process::exit(u8::from(Exit::Interrupted).into());
                }
                stopping = true;
                watch.phase("stopping");
                token.cancel();
            }
        }
    };
    watch.stop();
    match result {
        Ok(report) => {
            watch.lost()?;
            if let Some(profile) = &report.profile
                && !console.is_json()
            {
                console.stderr(&profile::for_people(profile));
            }
            if console.is_json() { Ok(()) } else { console.text(&report::for_people(&report)) }
        }
        Err(error) => {
            let mut failure = watch.explain(error.into(), target.overwrite);
            if failure.kind == "conflict" {
                // A plan knows sources by their bytes, people by their names.
                let named = format!("another source than {}:", names.join(", "));
                failure.message = failure.message.replacen("another source:", &named, 1);
            }
            Err(failure)
        }
    }
}

/// What is odd, and for machines what was found and decided.
fn announce(prepared: &Prepared, console: &Console) -> Result<(), Failure> {
    #[derive(Serialize)]
    #[serde(tag = "event", rename_all = "kebab-case")]
    enum Announced {
        Probed {
            input: String,
            #[serde(flatten)]
            facts: Facts,
        },
        Planned(Outline),
    }
    if console.is_json() {
        for input in &prepared.inputs {
            console.value(&Announced::Probed { input: input.name(), facts: Facts::of(input) })?;
        }
    }
    prepared.inputs.iter().try_for_each(|input| input.tell_index(console))?;
    prepared.warn(console)?;
    if console.is_json() {
        console.value(&Announced::Planned(Outline::of(prepared)?))?;
    } else if let Some(copy) = &prepared.source_copy {
        console.note("note", &copy.to_string());
    }
    Ok(())
}

/// What progress is counted in.
fn unit(plan: &Plan) -> Unit {
    let (micros, renditions) = (plan.total_micros(), plan.renditions());
    match (&plan.video, &plan.audio) {
        (Some(video), _) => Unit::Frames { micros, frames: video.frames, renditions: renditions.len() },
        (None, Some(audio)) => Unit::Frames { micros, frames: audio.units, renditions: renditions.len() },
        (None, None) => {
            let there = |rendition| (0..plan.segments()).filter(|&at| !plan.is_gap(rendition, at)).count();
            Unit::Segments { micros, segments: renditions.iter().map(there).sum::<usize>() as u64 }
        }
    }
}
