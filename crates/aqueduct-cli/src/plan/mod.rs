//! `aqueduct plan`: what would be made.

mod outline;
mod people;

use aqueduct::plan::Decisions;
use serde::Serialize;

pub(crate) use outline::Outline;

use crate::exit::Failure;
use crate::input::{IndexUse, Input};
use crate::job::PlanJob;
use crate::output::{Console, Progress};
use crate::prepared::Warning;
use crate::{package, publish};

pub(crate) fn run(job: &PlanJob, console: &Console) -> Result<(), Failure> {
    let progress = Progress::start(console, "reading");
    let prepared = match job {
        PlanJob::Encode(job) => publish::prepare(job),
        PlanJob::Copy(job) => package::prepare(job),
    };
    progress.finish();
    let prepared = prepared?;
    let outline = Outline::of(&prepared)?;
    let inputs: Vec<String> = prepared.inputs.iter().map(Input::name).collect();
    if console.is_json() {
        let (oddities, plan) = (&prepared.warnings, &**prepared.plan());
        let indexes = prepared.inputs.iter().filter_map(|input| input.index_use.as_ref()).collect();
        return console.value(&Whole { inputs, indexes, outline, oddities, plan });
    }
    prepared.inputs.iter().try_for_each(|input| input.tell_index(console))?;
    prepared.warn(console)?;
    console.text(&format!("{}\n{}", inputs.join("\n"), people::text(&outline)))
}

/// The outline, what is odd, and the plan itself.
#[derive(Serialize)]
struct Whole<'a> {
    inputs: Vec<String>,
    /// What became of the files of their indexes, where some were named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    indexes: Vec<&'a IndexUse>,
    #[serde(flatten)]
    outline: Outline,
    oddities: &'a [Warning],
    plan: &'a Decisions,
}
