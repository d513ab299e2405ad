//! Inputs: opened and indexed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct::index::mp4;
use aqueduct::{FileSource, Source, SourceIndex};

use crate::exit::{Exit, Failure};
use crate::output::quoted;

/// An opened input and what is known of it.
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) index: Arc<SourceIndex>,
}

impl Input {
    /// Its name for people.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// Opens whatever this build can read, and reads its index.
pub(crate) fn open(path: &Path) -> Result<Input, Failure> {
    let source = file(path)?;
    let index = Arc::new(aqueduct::probe(&source)?);
    Ok(Input { path: path.to_owned(), source, index })
}

/// Opens what can be copied: MP4 or MOV, whose sample tables say where every access unit lies.
pub(crate) fn open_mp4(path: &Path) -> Result<Input, Failure> {
    let source = file(path)?;
    if !source.is_empty() && !mp4::sniff(&*source)? {
        return Err(not_mp4(path));
    }
    let index = mp4::read(&*source, &mp4::Limits::default()).map_err(|error| {
        let mut failure = Failure::from(error);
        let name = path.display().to_string();
        // With several inputs it matters in which one a byte is wrong.
        if !failure.message.contains(&name) {
            failure.message = format!("{name}: {}", failure.message);
        }
        failure
    })?;
    Ok(Input { path: path.to_owned(), source, index: Arc::new(index) })
}

pub(crate) fn file(path: &Path) -> Result<Arc<dyn Source>, Failure> {
    Ok(Arc::new(FileSource::open(path)?))
}

fn not_mp4(path: &Path) -> Failure {
    let name = path.display().to_string();
    let message = format!("{name} is neither MP4 nor MOV, and `package` reads nothing else");
    let stem = path.file_stem().map_or_else(|| name.clone(), |stem| stem.display().to_string());
    let (from, to) = (quoted(&name), quoted(&format!("{stem}.mp4")));
    Failure::new(Exit::Data, "unsupported", message).hint(format!(
        "`publish` encodes whatever FFmpeg reads; if only the container is wrong, change that: ffmpeg -i {from} -c copy {to}"
    ))
}

/// What a build without libav answers to those who want to encode.
#[cfg(not(feature = "av"))]
pub(crate) fn without_av() -> Failure {
    Failure::new(Exit::Unavailable, "build", "this build of aqueduct has no libav and can encode nothing")
}
