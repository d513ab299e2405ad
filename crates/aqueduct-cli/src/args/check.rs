//! What `check` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use aqueduct::check::Profile;

use super::{StoreArgs, jobs, span};

/// A count of places to look at.
fn places(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number of places; give 1 or more"))
}

/// What to check, and whose rules to hold it to.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// A folder, a playlist, s3://bucket/prefix, or an http(s):// URL of a playlist
    #[arg(required_unless_present = "explain")]
    pub(crate) target: Option<String>,
    /// Whose rules count: rfc (RFC 8216bis), players (what breaks them), apple (HLS Authoring Specification)
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "rfc,players",
        help_heading = "Rules"
    )]
    pub(crate) profile: Vec<Profile>,
    /// Weigh a rule otherwise: off, warning or error; may be given several times
    #[arg(long, value_name = "ID=WEIGHT", help_heading = "Rules")]
    pub(crate) rule: Vec<String>,
    /// End with exit code 1 where there are warnings, or limits kept something from being checked
    #[arg(long, help_heading = "Rules")]
    pub(crate) strict: bool,
    /// Tell what a rule says, and what to do where it does not hold
    #[arg(long, value_name = "ID", conflicts_with = "target", help_heading = "Rules")]
    pub(crate) explain: Option<String>,
    /// Look at playlists only: no segment and no init section is asked for
    #[arg(long, conflicts_with = "sample", help_heading = "Depth")]
    pub(crate) no_media: bool,
    /// Look into N pairs of neighbouring segments of each playlist instead of all: the first, the last, and between
    ///
    /// They are the same each time. The others are not asked for, so bit rates are only measured where playlists name byte
    /// ranges. What was left out is told, and does not count as passed.
    #[arg(long, value_name = "N", value_parser = places, help_heading = "Depth")]
    pub(crate) sample: Option<NonZeroUsize>,
    /// Decode all pictures and all sound too, and hold what comes out against what playlists and containers say
    ///
    /// It finds segments that are damaged or break off, pictures that need a segment before theirs where segments are declared
    /// independent, and pictures or sound that are missing or twice where segments meet. Takes as long as decoding all
    /// renditions does, on as many cores as --jobs lets work. What cannot be decoded is told as not checked.
    #[arg(long, conflicts_with_all = ["no_media", "watch"], help_heading = "Depth")]
    pub(crate) decode: bool,
    /// Write SARIF 2.1.0 to stdout, as code scanners read it
    #[arg(long, help_heading = "Output")]
    pub(crate) sarif: bool,
    /// A key of segments under AES-128 or SAMPLE-AES: 32 hexadecimal digits, a file of 16 bytes, or `fetch`
    ///
    /// With `@URI` behind it the key is that of this URI, as EXT-X-KEY writes it or absolute; without, of all that have none of
    /// their own. The name of a file may have an `@` of its own: the longest name of a file that is there counts. `fetch` uses
    /// the keys that the URIs answer; it takes no URI. Without keys such segments are reported as not checked, and so is a key
    /// that nothing asked for. May be given several times.
    #[arg(long, value_name = "KEY[@URI]", help_heading = "Rules")]
    pub(crate) key: Vec<String>,
    /// Write a page to look at, with the bit rates over time, to a file; `-` is stdout, instead of the report
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// Follow live playlists for so long, such as 60s, 10m or 2h, and check what becomes of them
    ///
    /// It ends sooner where they end, and on Ctrl-C; the report is written all the same.
    #[arg(long, value_name = "TIME", value_parser = span, help_heading = "Run")]
    pub(crate) watch: Option<Duration>,
    /// Requests that are under way at once, each on a thread [default: 8; with --decode as many as there are cores]
    #[arg(long, value_name = "N", value_parser = jobs, help_heading = "Run")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Longest time for all requests over HTTP together, such as 90s, 30m or 2h [default: 15m; with --decode 12h]
    ///
    /// Requests that are under way then are given up, however long --request-timeout is. What was not answered by then is told
    /// as not checked, and is no fault of the presentation. With --watch the time that it lasts is added.
    #[arg(long, value_name = "TIME", value_parser = span, help_heading = "Run")]
    pub(crate) timeout: Option<Duration>,
    /// Longest time for one request over HTTP, its body included, such as 10s or 2m [default: 30s]
    ///
    /// A server that takes longer breaks MP-FETCH, unless --timeout was over first.
    #[arg(long, value_name = "TIME", value_parser = span, help_heading = "Run")]
    pub(crate) request_timeout: Option<Duration>,
    /// Ask private addresses too, where the target is one or a playlist names them
    ///
    /// Without it, only public addresses are asked over HTTP, and those of this machine where the URL of the target names it:
    /// whoever wrote the playlist decides what is asked for.
    #[arg(long, help_heading = "Run")]
    pub(crate) allow_private: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}
