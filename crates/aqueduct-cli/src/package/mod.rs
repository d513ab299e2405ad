//! `aqueduct package`: cut what is there into segments, and store it. No libav is involved.

mod inputs;
mod warnings;

use std::path::Path;
use std::sync::Arc;

use aqueduct::plan::CopyInput;
use aqueduct::{Plan, Presentation};

use crate::exit::{Exit, Failure};
use crate::job::{CopyJob, PackageJob};
use crate::output::Console;
use crate::prepared::Prepared;

pub(crate) fn run(job: &PackageJob, console: &Console) -> Result<(), Failure> {
    let destination = &job.target.destination;
    if Path::new(destination).is_file() {
        let message = format!("DEST {destination} is a file; give a folder or a bucket");
        return Err(
            Failure::usage(message).hint("the last word says where to; was it forgotten after the inputs?")
        );
    }
    let (copy, is_in_doubt) = (job.copy.clone(), job.is_in_doubt);
    let used = inputs::used(&copy)?;
    crate::run::run(&job.target, &used, console, move || {
        prepare(&copy).map_err(|failure| match &copy.inputs[..] {
            [word] if is_in_doubt && failure.exit == Exit::NoInput => failure.hint(format!(
                "the job file names the destination already, so {} was read as the input: give both",
                word.display()
            )),
            _ => failure,
        })
    })
}

/// Opens the inputs and decides everything.
pub(crate) fn prepare(job: &CopyJob) -> Result<Prepared, Failure> {
    let (inputs, roles) = inputs::open(job)?;
    let copying =
        inputs.iter().zip(&roles).map(|(input, role)| CopyInput { index: &input.index, role: role.clone() });
    let plan = Plan::copying(copying.collect()).settings(job.settings.clone()).build().map_err(|error| {
        let mut failure = Failure::from(error);
        failure.message = inputs::named(&failure.message, &inputs);
        failure
    })?;
    let warnings = warnings::find(&inputs, &roles, &plan, job.settings.segment);
    let opened = inputs.iter().map(|input| (Arc::clone(&input.source), Arc::clone(&input.index)));
    let presentation = Presentation::of_inputs(opened.collect(), Arc::new(plan))?;
    Ok(Prepared { inputs, presentation, warnings, source_copy: None })
}
