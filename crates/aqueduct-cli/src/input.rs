//! Inputs: opened and indexed.

mod index_file;
mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct::index::mp4;
use aqueduct::plan::Role;
use aqueduct::{Source, SourceIndex};

pub(crate) use index_file::IndexUse;
#[cfg(not(feature = "av"))]
pub(crate) use place::source;

use crate::exit::{Exit, Failure};
use crate::job::Access;
use crate::output::{Console, quoted};

use index_file::Reader;

/// An opened input and what is known of it.
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) index: Arc<SourceIndex>,
    /// What became of the file of its index, where one was named.
    pub(crate) index_use: Option<IndexUse>,
}

impl Input {
    /// Its name for people.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Says what became of the file of its index.
    pub(crate) fn tell_index(&self, console: &Console) -> Result<(), Failure> {
        let Some(index_use) = &self.index_use else { return Ok(()) };
        if let Some(remark) = index_use.remark() {
            console.note("note", &remark);
        }
        index_use.warning(self.name()).map_or(Ok(()), |warning| console.warning(&warning))
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
pub(crate) fn open(path: &Path, access: &Access) -> Result<Input, Failure> {
    let (source, revision) = place::opened(path, &access.store)?;
    let read = || {
        // What this build lacks is no fault of the file.
        #[cfg(not(feature = "av"))]
        if !source.is_empty() && !mp4::sniff(&*source)? {
            let message = format!(
                "{} is neither MP4 nor MOV, and this build reads nothing else: it has no libav",
                path.display()
            );
            return Err(Failure::new(Exit::Unavailable, "build", message));
        }
        Ok(aqueduct::probe(&source)?)
    };
    let (index, index_use) = indexed(access.indexes.first(), &*source, revision, Reader::Any, read)?;
    Ok(Input { path: path.to_owned(), source, index, index_use })
}

/// Opens what can be copied: MP4 or MOV, whose sample tables say where every access unit lies. `role` decides what is
/// advised where it is something else. It is the input of this number, counted from 0.
pub(crate) fn open_mp4(path: &Path, role: &Role, number: usize, access: &Access) -> Result<Input, Failure> {
    let (source, revision) = place::opened(path, &access.store)?;
    let name = path.display().to_string();
    // With several inputs it matters in which one a byte is wrong.
    let named = |error: aqueduct::Error| {
        let mut failure = Failure::from(error);
        if !failure.message.contains(&name) {
            failure.message = format!("{name}: {}", failure.message);
        }
        failure
    };
    let read = || {
        if !source.is_empty() && !mp4::sniff(&*source).map_err(named)? {
            return Err(not_mp4(path, *role != Role::Main));
        }
        mp4::read(&*source, &mp4::Limits::default()).map_err(named)
    };
    let (index, index_use) = indexed(access.indexes.get(number), &*source, revision, Reader::Copy, read)?;
    Ok(Input { path: path.to_owned(), source, index, index_use })
}

/// The index, through its file where one is named.
fn indexed(
    file: Option<&PathBuf>,
    source: &dyn Source,
    revision: Option<String>,
    reader: Reader,
    read: impl FnOnce() -> Result<SourceIndex, Failure>,
) -> Result<(Arc<SourceIndex>, Option<IndexUse>), Failure> {
    match file {
        Some(file) => {
            index_file::through(file, source, revision, reader, read).map(|(index, used)| (index, Some(used)))
        }
        None => read().map(|index| (Arc::new(index), None)),
    }
}

fn not_mp4(path: &Path, is_sound: bool) -> Failure {
    let name = path.display().to_string();
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("m3u8")) {
        let message = format!("{name} is a playlist, and playlists are no inputs");
        return Failure::new(Exit::Data, "unsupported", message).hint("give the film that it was made of");
    }
    let message = format!("{name} is neither MP4 nor MOV, and `package` reads nothing else");
    // What FFmpeg is to read must be fetched first.
    let local = path.file_name().filter(|_| place::is_object(path));
    let from = quoted(&local.map_or_else(|| name.clone(), |local| local.display().to_string()));
    let stem = path.file_stem().map_or_else(|| name.clone(), |stem| stem.display().to_string());
    if is_sound && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mp3")) {
        let (copied, encoded) = (quoted(&format!("{stem}.mp4")), quoted(&format!("{stem}.m4a")));
        return Failure::new(Exit::Data, "unsupported", message).hint(format!(
            "put it into an MP4 first: for MPEG-TS as it is, ffmpeg -i {from} -vn -c copy {copied}; for fMP4 encoded, ffmpeg -i {from} -vn -c:a aac {encoded}"
        ));
    }
    if is_sound {
        let to = quoted(&format!("{stem}.m4a"));
        return Failure::new(Exit::Data, "unsupported", message)
            .hint(format!("put the sound into an MP4 first: ffmpeg -i {from} -vn -c:a aac {to}"));
    }
    let to = quoted(&format!("{stem}.mp4"));
    // WebM holds VP8, VP9 or AV1 with Vorbis or Opus, few of which MP4 has for us.
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("webm")) {
        return Failure::new(Exit::Data, "unsupported", message)
            .hint("`publish` encodes whatever FFmpeg reads");
    }
    Failure::new(Exit::Data, "unsupported", message).hint(format!(
        "`publish` encodes whatever FFmpeg reads; where its pictures are H.264, H.265 or AV1, another container is enough for them: ffmpeg -i {from} -c copy {to}"
    ))
}

/// What a build without libav answers to those who want to encode.
#[cfg(not(feature = "av"))]
pub(crate) fn without_av() -> Failure {
    Failure::new(Exit::Unavailable, "build", "this build of aqueduct has no libav and can encode nothing")
}
