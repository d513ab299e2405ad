//! `aqueduct publish`: encode a ladder, and store it.

#[cfg(feature = "av")]
use std::sync::Arc;

#[cfg(feature = "av")]
use aqueduct::{Control, Presentation};

use crate::exit::Failure;
use crate::job::{EncodeJob, PublishJob};
use crate::output::Console;
use crate::prepared::Prepared;

pub(crate) fn run(job: &PublishJob, console: &Console) -> Result<(), Failure> {
    // Nothing that a thread made by now is large.
    #[cfg(feature = "av")]
    {
        aqueduct::return_memory_early();
        aqueduct::use_small_pages();
    }
    let encode = job.encode.clone();
    let used = [std::slice::from_ref(&encode.input), &encode.access.indexes].concat();
    crate::run::run(&job.target, &used, console, move || prepare(&encode))
}

/// Opens the input and decides everything.
#[cfg(feature = "av")]
pub(crate) fn prepare(job: &EncodeJob) -> Result<Prepared, Failure> {
    let input = crate::input::open(&job.input, &job.access)?;
    input.must_be_readable()?;
    let (source, index) = (Arc::clone(&input.source), Arc::clone(&input.index));
    let (presentation, source_copy) =
        Presentation::encoding(source, index, job.settings.clone(), &Control::new())?;
    let warnings = input.index.oddities().into_iter().map(Into::into).collect();
    Ok(Prepared { inputs: vec![input], presentation, warnings, source_copy })
}

/// A build without libav looks whether there is an input, and says what it lacks.
#[cfg(not(feature = "av"))]
pub(crate) fn prepare(job: &EncodeJob) -> Result<Prepared, Failure> {
    crate::input::source(&job.input, &job.access.store)?;
    let hint = "`package` and `plan --copy` copy MP4 without it; to encode, build aqueduct with FFmpeg's libraries and the feature `av`, which is on by default";
    Err(crate::input::without_av().hint(hint))
}
