//! The `aqueduct` command: turns video into HLS.
//!
//! What was typed ([`args`]) becomes what will be done ([`job`]); only that touches the world. [`publish`] and
//! [`package`] prepare inputs and a plan, [`run`] makes and stores it; [`probe`] and [`plan`] only tell, [`check`] judges. What people
//! and machines read comes from [`output`], how it ends from [`exit`].

#![forbid(unsafe_code)]

mod args;
mod check;
mod config;
mod exit;
mod input;
mod job;
mod log;
mod output;
mod package;
mod plan;
mod prepared;
mod probe;
mod publish;
mod run;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use args::{Args, Command};
use exit::{Exit, Failure};
use output::Console;

fn main() -> ExitCode {
    // First of all: it needs a process of one thread.
    #[cfg(feature = "av")]
    aqueduct::quiet_encoders();
    let typed: Vec<OsString> = std::env::args_os().collect();
    let args = match Args::read(&typed) {
        Ok(args) => args,
        Err(error) => return misused(&error, &typed),
    };
    let console = Console::new(args.output.json, args.output.quiet);
    log::install(args.output.verbose, &console);
    match run(args, &console) {
        Ok(code) => code,
        Err(failure) => {
            console.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(args: Args, console: &Console) -> Result<ExitCode, Failure> {
    let verbose = args.output.verbose > 0;
    let done = match args.command {
        Command::Publish(publish) => publish::run(&job::publish(publish)?, console),
        Command::Package(package) => package::run(&job::package(package)?, console),
        Command::Probe(probe) => probe::run(&job::probe(probe)?, console),
        Command::Plan(plan) => plan::run(&job::plan(plan)?, console),
        Command::ExitCodes if console.is_json() => console.value(&exit::lines()),
        Command::ExitCodes => console.text(&exit::table()),
        // The only command that tells by its exit code what it found.
        Command::Check(typed) => {
            let is_log = typed.sarif && !console.is_json();
            let job = job::check(typed, console.is_json(), verbose);
            let done = job.and_then(|job| check::run(&job, console));
            return done.inspect_err(|failure| {
                if is_log {
                    check::failed(failure, console);
                }
            });
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Flags of `publish` that were given to `package`.
fn for_encoding(error: &clap::Error, typed: &[OsString]) -> Option<Failure> {
    let is_package =
        typed.get(1..)?.iter().find(|word| !word.as_encoded_bytes().starts_with(b"-"))? == "package";
    if error.kind() != ErrorKind::UnknownArgument || !is_package {
        return None;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = flag.split(['=', ' ']).next().unwrap_or_default();
    args::ENCODING.contains(&flag).then(|| {
        Failure::usage(format!("{flag} is for encoding, and `package` encodes nothing"))
            .hint("leave it out, or let `publish` encode")
    })
}

/// Help and version are what was asked for; everything else is a usage error, 64 in every command.
fn misused(error: &clap::Error, typed: &[OsString]) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A closed pipe (`| head`) is no reason to complain about help.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if let Some(failure) = for_encoding(error, typed) {
        Console::new(typed.iter().any(|word| word == "--json"), false).failure(&failure);
        return Exit::Usage.into();
    }
    let _ = error.print();
    let has = |flag: &str| typed.iter().any(|word| word == flag);
    let message = error.to_string();
    let line = message.lines().next().unwrap_or_default();
    let failure = Failure::usage(line.strip_prefix("error: ").unwrap_or(line));
    if has("--json") {
        Console::new(true, true).failure_event(&failure);
    } else if has("--sarif") && has("check") {
        check::failed(&failure, &Console::new(false, true));
    }
    Exit::Usage.into()
}
