//! The input: opened and indexed.

use std::path::Path;
use std::sync::Arc;

use aqueduct::{FileSource, Source, SourceIndex};

use crate::exit::Failure;
use crate::output::Console;

/// An opened input and what is known of it.
pub(crate) struct Input {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) index: SourceIndex,
}

/// Opens `path` and reads it once.
pub(crate) fn open(path: &Path) -> Result<Input, Failure> {
    let source: Arc<dyn Source> = Arc::new(FileSource::open(path)?);
    let index = index(&source)?;
    Ok(Input { source, index })
}

#[cfg(feature = "av")]
fn index(source: &Arc<dyn Source>) -> Result<SourceIndex, Failure> {
    Ok(aqueduct::probe(source)?)
}

#[cfg(not(feature = "av"))]
fn index(_: &Arc<dyn Source>) -> Result<SourceIndex, Failure> {
    Err(without_av())
}

/// What a build without libav answers.
#[cfg(not(feature = "av"))]
pub(crate) fn without_av() -> Failure {
    Failure::new(
        crate::exit::Exit::Unavailable,
        "build",
        "this build of aqueduct has no libav and can read no video",
    )
    .hint("build it with FFmpeg's libraries and the feature `av`, which is on by default")
}

/// Tells what is odd about the source; none of it stops the work.
pub(crate) fn warn(index: &SourceIndex, console: &Console) -> Result<(), Failure> {
    index.oddities().iter().try_for_each(|oddity| console.warning(oddity))
}
