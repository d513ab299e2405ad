//! What `package` takes, and `plan --copy`.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{CommonArgs, IndexArgs, RunArgs};

/// What to package, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct PackageArgs {
    /// The videos, MP4 or MOV, and last where to: a folder, file:///folder or s3://bucket/prefix
    ///
    /// Videos may lie in a store, too: s3://bucket/film.mp4. Several are rungs of one presentation. A single word is DEST where a job file names the inputs but no
    /// destination, else it is an INPUT.
    #[arg(num_args = 0.., value_names = ["INPUT", "DEST"])]
    pub(crate) words: Vec<OsString>,
    #[command(flatten, next_help_heading = "Presentation")]
    pub(crate) copy: CopyArgs,
    #[command(flatten, next_help_heading = "Presentation")]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What decides a presentation that is copied; each wins over the job file.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct CopyArgs {
    /// Store one file for each rendition instead of one for each segment
    ///
    /// Playlists then name ranges of it (EXT-X-BYTERANGE), so the web server must answer requests for byte ranges.
    /// nginx, Caddy, S3 and CDNs do; `python3 -m http.server` does not. What is stopped before a file is whole begins
    /// that file anew.
    #[arg(long)]
    pub(crate) single_file: bool,
    /// Take the sound of FILE, or of s3://bucket/sound.m4a, instead of the first input's, as a rendition of its own; may be given several times
    ///
    /// Several sounds are always separate, and a single one unless --audio-layout says muxed.
    ///
    /// LANG, such as en or pt-BR, is its language; without it, what the file says. Where the whole text names a file
    /// that exists, it is that file; nobody asks a store for that.
    #[arg(long, value_name = "FILE[:LANG]")]
    pub(crate) audio: Vec<PathBuf>,
}

impl CopyArgs {
    /// A flag that was given, by its name.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [("--single-file", self.single_file), ("--audio", !self.audio.is_empty())];
        flags.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }
}
