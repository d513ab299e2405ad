//! Inputs: opened and indexed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct::index::mp4;
use aqueduct::plan::Role;
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

    /// Fails where all that could be presented is encrypted.
    pub(crate) fn must_be_readable(&self) -> Result<(), Failure> {
        let encrypted = self.index.tracks.iter().find(|track| track.is_encrypted());
        match encrypted {
            Some(track) if self.index.main_video().is_none() && self.index.main_audio().is_none() => {
                let (name, entry) = (self.name(), &track.sample_entry);
                let message = format!("{name} is encrypted ({entry}) and cannot be read");
                Err(Failure::new(Exit::Data, "encrypted", message).hint("decrypt it first"))
            }
            _ => Ok(()),
        }
    }
}

/// Opens whatever this build can read, and reads its index.
pub(crate) fn open(path: &Path) -> Result<Input, Failure> {
    let source = file(path)?;
    // What this build lacks is no fault of the file.
    #[cfg(not(feature = "av"))]
    if !source.is_empty() && !mp4::sniff(&*source)? {
        let message = format!(
            "{} is neither MP4 nor MOV, and this build reads nothing else: it has no libav",
            path.display()
        );
        return Err(Failure::new(Exit::Unavailable, "build", message));
    }
    let index = Arc::new(aqueduct::probe(&source)?);
    Ok(Input { path: path.to_owned(), source, index })
}

/// Opens what can be copied: MP4 or MOV, whose sample tables say where every access unit lies. `role` decides what is
/// advised where it is something else.
pub(crate) fn open_mp4(path: &Path, role: &Role) -> Result<Input, Failure> {
    let source = file(path)?;
    if !source.is_empty() && !mp4::sniff(&*source)? {
        return Err(not_mp4(path, *role != Role::Main));
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
    let file = FileSource::open(path).map_err(|error| {
        let mut failure = Failure::from(error);
        let is_url = path.to_str().and_then(|path| path.split_once("://"));
        if is_url.is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric())) {
            failure.hint = Some("inputs are local files: fetch it first".to_owned());
        }
        // A folder or a device: nothing in it is wrong, it is just no file.
        if failure.exit == Exit::Data {
            (failure.exit, failure.kind) = (Exit::NoInput, "not-a-file");
        }
        failure
    })?;
    Ok(Arc::new(file))
}

fn not_mp4(path: &Path, is_sound: bool) -> Failure {
    let name = path.display().to_string();
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("m3u8")) {
        let message = format!("{name} is a playlist, and playlists are no inputs");
        return Failure::new(Exit::Data, "unsupported", message).hint("give the film that it was made of");
    }
    let message = format!("{name} is neither MP4 nor MOV, and `package` reads nothing else");
    let stem = path.file_stem().map_or_else(|| name.clone(), |stem| stem.display().to_string());
    if is_sound {
        let (from, to) = (quoted(&name), quoted(&format!("{stem}.m4a")));
        return Failure::new(Exit::Data, "unsupported", message)
            .hint(format!("put the sound into an MP4 first: ffmpeg -i {from} -vn -c:a aac {to}"));
    }
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
