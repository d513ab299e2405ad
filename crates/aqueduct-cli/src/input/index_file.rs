//! The file of `--index`: what reading an input found out, kept so that the next run need not read it again.
//!
//! A line that says what it is, a line of JSON (who made it, for whom, and the digest of the index), and the sidecar of the
//! library. It is used where it is whole, of this version, of a film with the same samples, and of the same file or object,
//! which nobody wrote to since; else it is made anew. A file that is none of these is never written over.

use std::fmt;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct::index::Oddity;
use aqueduct::{Source, SourceIndex};
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};
use crate::prepared::Warning;

/// How every one begins.
const BEGINNING: &[u8] = b"aqueduct index\n";
/// Longest line of JSON.
const LONGEST_HEAD: usize = 4000;
/// Of the line of JSON; 2 has the revision of the film, 3 the readers.
const HEAD_VERSION: u32 = 3;
/// More than the index of any film that is within the limits.
const LARGEST: u64 = 2 << 30;

/// Who reads an index: what is copied needs sample tables, and what is encoded may be read by libav.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Copy,
    Any,
}

/// What became of the file, for people and machines.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IndexUse {
    file: PathBuf,
    state: State,
    /// Why the one that was there was not used, or why none could be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Used,
    Written,
    NotWritten,
}

#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(default)]
    version: u32,
    /// The version of the program.
    aqueduct: String,
    /// What read the film, as [`readers`] says it.
    #[serde(default)]
    readers: String,
    copy: bool,
    encode: bool,
    /// Of the film: samples of it do not tell all that is written to it.
    revision: Option<String>,
    /// Of the index, as the library digests it.
    sha256: String,
}

impl IndexUse {
    /// What a person should hear of it.
    pub(crate) fn remark(&self) -> Option<String> {
        (self.state == State::Written).then(|| self.to_string())
    }

    /// What goes wrong without harm to what is made.
    pub(crate) fn warning(&self, input: String) -> Option<Warning> {
        let oddity =
            || Oddity { name: "index-not-written".to_owned(), track: None, message: self.to_string() };
        (self.state == State::NotWritten).then(|| Warning { input: Some(input), oddity: oddity() })
    }
}

impl fmt::Display for IndexUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match (self.state, &self.because) {
            (State::Used, _) => write!(f, "the index was taken from {file}"),
            (State::Written, None) => write!(f, "the index was written to {file}"),
            (State::Written, Some(because)) => write!(f, "{file} {because}; the index was made anew"),
            (State::NotWritten, because) => {
                let because = because.as_deref().unwrap_or("unknown");
                write!(f, "the index could not be written to {file}: {because}")
            }
        }
    }
}

/// The index of `source`: from the file where that fits, else from `read`, and then written to the file.
pub(super) fn through(
    file: &Path,
    source: &dyn Source,
    revision: Option<String>,
    reader: Reader,
    read: impl FnOnce() -> Result<SourceIndex, Failure>,
) -> Result<(Arc<SourceIndex>, IndexUse), Failure> {
    let used = |state, because| IndexUse { file: file.to_owned(), state, because };
    let because = match kept(file, source, revision.as_deref(), reader)? {
        Kept::Fits(index) => {
            let used = used(State::Used, None);
            tracing::info!("{used}");
            return Ok((Arc::new(*index), used));
        }
        Kept::Nothing => None,
        Kept::Unfit(why) => Some(why),
    };
    let index = read()?;
    // Reading took its time: what lies there now may be somebody else's.
    ours(file)?;
    let written = whole(&index, revision, reader).and_then(|bytes| write(file, &bytes));
    let used = match written {
        Ok(()) => used(State::Written, because),
        Err(error) => used(State::NotWritten, Some(error.to_string())),
    };
    Ok((Arc::new(index), used))
}

enum Kept {
    Fits(Box<SourceIndex>),
    Nothing,
    Unfit(String),
}

fn kept(file: &Path, source: &dyn Source, revision: Option<&str>, reader: Reader) -> Result<Kept, Failure> {
    let Some(bytes) = ours(file)? else { return Ok(Kept::Nothing) };
    let unfit = |why: &str| Ok(Kept::Unfit(why.to_owned()));
    let Some((head, body)) = parted(&bytes) else { return unfit("is damaged") };
    if head.aqueduct != env!("CARGO_PKG_VERSION") {
        return unfit(&format!("was made by version {} of aqueduct", head.aqueduct));
    }
    if head.version != HEAD_VERSION {
        return unfit("was made by another version of aqueduct");
    }
    let index = match SourceIndex::from_bytes(body) {
        Ok(index) if index.sha256()? == head.sha256 => index,
        Err(error) if error.kind() == aqueduct::ErrorKind::Mismatch => {
            return unfit("was made by another version of aqueduct");
        }
        _ => return unfit("is damaged"),
    };
    if revision.is_none() || head.revision.as_deref() != revision {
        return unfit(
            "is the index of another film, or of this one as it was before it was written to, moved or copied",
        );
    }
    if index.identity.bytes != source.len() || index.identity != source.identity()? {
        return unfit("is the index of another film, or of this one as it was before");
    }
    if head.readers != readers(&index) {
        return unfit("was made by other readers: another version of aqueduct or of libav");
    }
    match reader {
        Reader::Copy if !head.copy => unfit("was made for encoding, and copying needs more"),
        // A build without libav would find out no more.
        Reader::Any if !head.encode && cfg!(feature = "av") => {
            unfit("was made for copying, and encoding needs more")
        }
        _ => Ok(Kept::Fits(Box::new(index))),
    }
}

/// The bytes of a file that is an index, or `None` where nothing is there yet. Fails where it is something else.
fn ours(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let failed = |error: io::Error| {
        Failure::new(Exit::CannotCreate, "index", format!("cannot read the index file {}", path.display()))
            .because(error.to_string())
    };
    // Looked at before it is opened: opening a named pipe would wait for its writer.
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let foreign = || {
        let message = format!("{} is there and is no index", path.display());
        let failure = Failure::new(Exit::CannotCreate, "exists", message);
        failure.hint("--index FILE is written by aqueduct; name another file, or delete it")
    };
    if !found.is_file() || found.len() > LARGEST {
        return Err(foreign());
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(failed)?;
    Read::by_ref(&mut file).take(BEGINNING.len() as u64).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes != BEGINNING {
        return Err(foreign());
    }
    file.take(LARGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// The line of JSON, and the sidecar behind it.
fn parted(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let rest = bytes.strip_prefix(BEGINNING)?;
    let end = rest.iter().take(LONGEST_HEAD).position(|byte| *byte == b'\n')?;
    let (head, body) = rest.split_at_checked(end)?;
    Some((serde_json::from_slice(head).ok()?, body.get(1..)?))
}

/// Whether it is of sample tables: these name the sample entry of each track, and libav none.
fn is_of_tables(index: &SourceIndex) -> bool {
    index.tracks.iter().all(|track| !track.sample_entry.is_empty())
}

/// What read an index: readers are mended now and then, which changes what is made, and libav has its own.
fn readers(index: &SourceIndex) -> String {
    let ours = format!("format {}", aqueduct::plan::FORMAT_VERSION);
    #[cfg(feature = "av")]
    let libav = Some(aqueduct::reader_versions());
    #[cfg(not(feature = "av"))]
    let libav: Option<String> = None;
    match libav.filter(|_| !is_of_tables(index)) {
        Some(theirs) => format!("{ours}, {theirs}"),
        None => ours,
    }
}

fn whole(index: &SourceIndex, revision: Option<String>, reader: Reader) -> io::Result<Vec<u8>> {
    let head = Head {
        version: HEAD_VERSION,
        revision,
        aqueduct: env!("CARGO_PKG_VERSION").to_owned(),
        readers: readers(index),
        copy: reader == Reader::Copy || (is_of_tables(index) && !index.tracks.is_empty()),
        // Of some codings only libav knows the facts.
        encode: reader == Reader::Any && (cfg!(feature = "av") || index.is_known()),
        sha256: index.sha256().map_err(io::Error::other)?,
    };
    let mut bytes = BEGINNING.to_vec();
    serde_json::to_writer(&mut bytes, &head)?;
    bytes.push(b'\n');
    bytes.extend(index.to_bytes().map_err(io::Error::other)?);
    Ok(bytes)
}

/// All of it or nothing, also where power is cut.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Process numbers are the same in all containers; and `path` may be as long as names can be.
    let number = RandomState::new().build_hasher().finish();
    let staged = path.with_file_name(format!(".aqueduct-index-{number:016x}.part"));
    // What is there already is somebody else's.
    let mut file = File::options().write(true).create_new(true).open(&staged)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&staged, path));
    written.inspect_err(|_| {
        // Nothing more can be done about it.
        let _ = fs::remove_file(&staged);
    })
}
