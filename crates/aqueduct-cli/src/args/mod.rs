//! What was typed.

mod check;
mod examples;
mod package;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use aqueduct::media::{Crf, Preset};
use aqueduct::plan::{AudioLayout, BitRate, Container, CopySource, Ladder, Length, VideoCodecs};
use aqueduct_service::Verify;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use check::CheckArgs;
use examples::SEE_CODES;
pub(crate) use package::{CopyArgs, PackageArgs};

/// Turns video into HLS
///
/// A video goes in; HLS segments and playlists come out, in a folder or in an object store. `publish` encodes a
/// ladder of H.264 renditions with AAC sound, and of H.265 and AV1 if asked; `package` copies what is fit to be played already. What exists is
/// never made again: run the same command once more to finish what was stopped.
#[derive(Debug, Parser)]
#[command(name = "aqueduct", version, max_term_width = 110, after_long_help = examples::ROOT, after_help = SEE_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What `package` says otherwise than `publish` of flags that both have.
const OF_PACKAGE: [(&str, &str, &str); 2] = [
    ("container", "How segments are packed: ts (MPEG-TS) or fmp4 (CMAF) [default: ts]", ""),
    (
        "audio_layout",
        "Where the sound goes: muxed or separate [default: muxed in ts, separate in fmp4 and with --audio]",
        "Muxed it is in every rung; separate it is a rendition of its own, stored once for all rungs.",
    ),
];

/// What is said of `--index` where there may be several inputs.
const OF_SEVERAL: &str = "Of several inputs, give it once for each, in their order, those of --audio last.";

impl Args {
    /// The command with the help of each flag as it is in each of its commands.
    pub(crate) fn with_help() -> clap::Command {
        let several = |command: clap::Command| {
            command.mut_arg("index", |flag| {
                let said = flag.get_long_help().map(ToString::to_string).unwrap_or_default();
                flag.long_help(format!("{said} {OF_SEVERAL}"))
            })
        };
        let package = |command: clap::Command| {
            OF_PACKAGE.into_iter().fold(several(command), |command, (name, help, more)| {
                let long = if more.is_empty() { help.to_owned() } else { format!("{help}\n\n{more}") };
                command.mut_arg(name, |flag| flag.help(help).long_help(long))
            })
        };
        Self::command().mut_subcommand("package", package).mut_subcommand("plan", several)
    }

    /// Reads what was typed.
    pub(crate) fn read(typed: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = Self::with_help();
        let matches = command.try_get_matches_from_mut(typed)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an HLS presentation of a video and store it
    #[command(after_long_help = examples::PUBLISH, after_help = SEE_CODES)]
    Publish(PublishArgs),
    /// Cut videos into HLS segments as they are, without encoding, and store them
    #[command(
        after_long_help = examples::PACKAGE,
        after_help = SEE_CODES,
        override_usage = "aqueduct package [OPTIONS] <INPUT>... <DEST>"
    )]
    Package(PackageArgs),
    /// Tell what a file is: tracks, rates, key frames, oddities
    #[command(after_long_help = examples::PROBE, after_help = SEE_CODES)]
    Probe(ProbeArgs),
    /// Tell what publish or package would make: rungs, segments, objects, bytes
    #[command(after_long_help = examples::PLAN, after_help = SEE_CODES)]
    Plan(PlanArgs),
    /// Tell where a presentation breaks the rules of HLS: in a folder, in a bucket, on a web server
    #[command(after_long_help = examples::CHECK, after_help = SEE_CODES)]
    Check(CheckArgs),
    /// List the exit codes and what they mean
    #[command(after_long_help = examples::EXIT_CODES)]
    ExitCodes,
}

/// How to tell what happens.
#[derive(Debug, clap::Args)]
pub(crate) struct OutputArgs {
    /// Write JSON to stdout, one value per line, instead of tables and a progress bar
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Say nothing but errors and results
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Log to stderr what is being done; -vv for more, -vvv for everything
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

/// What to publish, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    #[cfg_attr(feature = "av", doc = "The video: any file that FFmpeg can read, or s3://bucket/film.mp4")]
    #[cfg_attr(
        not(feature = "av"),
        doc = "The video; this build has no FFmpeg and encodes nothing: see `package`"
    )]
    pub(crate) input: Option<PathBuf>,
    /// Where to: a folder, file:///folder or s3://bucket/prefix
    #[arg(value_name = "DEST")]
    pub(crate) destination: Option<String>,
    /// More words than it takes: what is wrong is said in our words.
    #[arg(hide = true)]
    pub(crate) more: Vec<PathBuf>,
    /// A flag of `package`, which is looked for here.
    #[arg(long, hide = true)]
    pub(crate) audio: Vec<PathBuf>,
    #[command(flatten, next_help_heading = "Presentation")]
    pub(crate) settings: SettingsArgs,
    #[command(flatten, next_help_heading = "Presentation")]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) encoding: EncodingArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// How to encode, without a change to any byte.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct EncodingArgs {
    /// Memory to take at most, such as 500M or 2G [default: most of what the container or the machine has]
    ///
    /// Where it is short, fewer segments are made at once. k, M, G and T are powers of 1000 bytes, Ki, Mi, Gi and Ti of
    /// 1024.
    #[arg(long, value_name = "BYTES", value_parser = memory, allow_hyphen_values = true, help_heading = "Run")]
    pub(crate) max_memory: Option<u64>,
    /// Tell at the end where the CPU time went: decoding, scaling, each rung, audio, mux, the rest, idle
    #[arg(long, help_heading = "Run")]
    pub(crate) profile: bool,
}

/// Bytes of memory, as a flag or a job file gives them.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not an amount of memory; give one such as 500M, 2G or 1.5Gi");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit {
        "" => 1,
        "k" | "K" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return Err(wrong()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let (whole, digits) = (whole.parse::<u64>().map_err(|_| wrong())?, part.len() as u32);
    let part = part.parse::<u64>().map_err(|_| wrong())?;
    let scale = 10_u64.checked_pow(digits).filter(|_| digits <= 6).ok_or_else(wrong)?;
    let bytes = whole.checked_mul(unit).and_then(|bytes| bytes.checked_add(part.checked_mul(unit)? / scale));
    bytes.filter(|&bytes| bytes > 0).ok_or_else(wrong)
}

/// More threads than any machine has cores; each takes memory and a place in the kernel's tables.
const MOST_JOBS: usize = 1024;

/// A count of threads, as a flag or a job file gives it.
pub(crate) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse().ok().filter(|count: &NonZeroUsize| count.get() <= MOST_JOBS);
    count.ok_or_else(|| format!("`{text}` is not a number of threads; give 1 to {MOST_JOBS}"))
}

/// The longest watch: a month.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// A length of time: `60s`, `1.5m`, `2h`, `500ms`, or seconds without a unit.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let span =
        number.parse::<f64>().ok().and_then(|number| Duration::try_from_secs_f64(number * seconds).ok());
    span.filter(|span| !span.is_zero() && *span <= LONGEST)
        .ok_or_else(|| format!("`{text}` is no length of time; give one such as 60s, 10m or 2h"))
}

/// Which file to look at.
#[derive(Debug, clap::Args)]
pub(crate) struct ProbeArgs {
    /// The file, or s3://bucket/film.mp4
    pub(crate) input: PathBuf,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Where to keep what reading the inputs found out.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct IndexArgs {
    /// Keep the index of the input in FILE, and take it from there the next time
    ///
    /// It is written where it is not there, used where it is that of the same file or object, unchanged since, and made anew,
    /// with a note, where the film was written to, moved or copied, where it is of another film or version, or damaged. A file
    /// that is no index is not touched. It saves reading all of a film that is no MP4, and the tables of one in a store; no byte
    /// of what is made depends on it.
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub(crate) index: Vec<PathBuf>,
}

/// What to plan for.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    #[cfg_attr(
        feature = "av",
        doc = "The video: any file that FFmpeg can read, or s3://bucket/film.mp4; with --copy, one or more MP4 or MOV"
    )]
    #[cfg_attr(
        not(feature = "av"),
        doc = "The videos, MP4 or MOV; this build has no FFmpeg, so give --copy"
    )]
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Tell what `package` would make instead of what `publish` would
    #[arg(long)]
    pub(crate) copy: bool,
    #[command(flatten, next_help_heading = "Presentation")]
    pub(crate) common: CommonArgs,
    #[command(flatten, next_help_heading = "Presentation that is encoded")]
    pub(crate) settings: SettingsArgs,
    #[command(flatten, next_help_heading = "Presentation that is copied, with --copy")]
    pub(crate) copying: CopyArgs,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// What decides a presentation that is encoded; each wins over the job file.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SettingsArgs {
    /// Renditions: `auto`, or a list such as 720p,360p or 720p:2500k:crf21,360p [default: auto]
    ///
    /// `auto` makes 1080p, 720p, 540p, 360p and 270p as far as the source reaches, never larger than it. A rung is
    /// its short side, then, if wanted, the cap of its bit rate and its CRF.
    #[arg(long, value_name = "RUNGS", allow_hyphen_values = true)]
    pub(crate) ladder: Option<Ladder>,
    /// Codings, each with a ladder of its own: any of h264, hevc, av1, such as h264,hevc [default: h264]
    ///
    /// A player takes the ladder it shows best; h264 is shown by all. Any other makes the presentation fMP4 with the sound
    /// beside. The picture sizes are the same. Caps and CRF are those of h264; hevc gets 70 % of a cap and CRF + 3,
    /// av1 60 % and 5/2 CRF - 20, which looks alike.
    #[arg(long, value_name = "CODECS")]
    pub(crate) video_codec: Option<VideoCodecs>,
    /// The encoders' trade of speed for size: ultrafast … veryslow [default: veryfast]
    ///
    /// The names are those of x264 and x265; for av1 they stand for SVT-AV1's presets 12 (ultrafast) to 4 (veryslow).
    #[arg(long)]
    pub(crate) preset: Option<Preset>,
    /// Quality of rungs that name none themselves, 1 to 51, lower is better [default: 23]
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) crf: Option<Crf>,
    /// Target distance of key frames [default: 2s]
    #[arg(long, value_name = "LENGTH", allow_hyphen_values = true)]
    pub(crate) gop: Option<Length>,
    /// AAC bit rate over both channels, such as 96k [default: 128k]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub(crate) audio_bitrate: Option<BitRate>,
    /// Whether the source's own video becomes a rung: auto, never or always [default: auto]
    ///
    /// Such a rung is copied as `package` would, loses nothing and costs next to nothing; all rungs are then cut where the
    /// source has key frames, and AAC-LC stereo is copied as well. It must be H.264 as a rung is: of a rung's size, High
    /// profile at most, the rung's level at most, 8 bit 4:2:0, a constant frame rate, closed GOPs, a key frame for each
    /// segment. `auto` takes it where its bit rate stays below the rung's cap, too; `always` at any bit rate, and fails
    /// where something else does not fit.
    #[arg(long, value_name = "WHEN")]
    pub(crate) copy_source: Option<CopySource>,
}

/// The flags of [`SettingsArgs`].
pub(crate) const ENCODING: [&str; 7] =
    ["--ladder", "--video-codec", "--preset", "--crf", "--gop", "--audio-bitrate", "--copy-source"];

impl SettingsArgs {
    /// A flag that was given, by its name.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            self.ladder.is_some(),
            self.video_codec.is_some(),
            self.preset.is_some(),
            self.crf.is_some(),
            self.gop.is_some(),
            self.audio_bitrate.is_some(),
            self.copy_source.is_some(),
        ];
        ENCODING.into_iter().zip(given).find(|(_, given)| *given).map(|(name, _)| name)
    }
}

/// What every command that plans takes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct CommonArgs {
    /// Target length of a segment, such as 6s, 2.5s or 2500ms [default: 6s]
    #[arg(long, value_name = "LENGTH", allow_hyphen_values = true)]
    pub(crate) segment: Option<Length>,
    /// How segments are packed: ts (MPEG-TS) or fmp4 (CMAF) [default: ts]
    ///
    /// `publish` packs ladders of hevc and av1 as fmp4, and that is the default with them.
    #[arg(long, value_name = "CONTAINER")]
    pub(crate) container: Option<Container>,
    /// Where the sound goes: muxed or separate [default: muxed in ts, separate in fmp4]
    ///
    /// Muxed it is in every rung; separate it is a rendition of its own, stored once for all rungs.
    #[arg(long, value_name = "LAYOUT")]
    pub(crate) audio_layout: Option<AudioLayout>,
    /// Read a job file: TOML, or JSON where its name ends in .json
    ///
    /// It holds the same names and values as the flags but --json, -q, -v, --profile and --config; a flag wins. Paths in it count from the current folder.
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub(crate) config: Option<PathBuf>,
}

/// How to run, and how to reach the store.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct RunArgs {
    /// Threads to work with [default: one for each core]
    ///
    /// Changes how long it takes and how much memory, never a byte of the result.
    #[arg(long, value_name = "N", value_parser = jobs, allow_hyphen_values = true, help_heading = "Run")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Delete another presentation at DEST first
    ///
    /// Without it, DEST may hold no other presentation (no other plan.json); the same one is finished. Files that
    /// aqueduct did not write are left alone, with this flag, too.
    ///
    /// A source is told from another by its length and by samples of it: one that was edited in place and is as long as
    /// before may pass for the same. Then give this flag.
    #[arg(long, help_heading = "Run")]
    pub(crate) overwrite: bool,
    /// Hold what was made to the rules of HLS before it is shown: off, structure or full [default: structure]
    ///
    /// `structure` looks at playlists and sizes, and takes milliseconds; `full` reads every object back from DEST, takes
    /// it apart and decodes it, where this build has FFmpeg. Where a rule is broken, master.m3u8 is not stored, and one from an earlier run stays as
    /// it is. What was found is stored as check.json, in the form of `aqueduct check --json`.
    ///
    /// `off` shows what is there unseen. A check.json of an earlier run goes then, but for one in which `full` found errors: it
    /// stays, and the next `structure` reads all back, too, until that passes.
    #[arg(long, value_name = "HOW", help_heading = "Run")]
    pub(crate) verify: Option<Verify>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// How to reach an S3-compatible store, the same for all `s3://` of a command: inputs and DEST. Credentials come from the
/// usual AWS_* variables only.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "S3")]
pub(crate) struct StoreArgs {
    /// An S3-compatible server instead of Amazon's, such as http://localhost:8333, for every s3:// of the command
    /// [env: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) s3_endpoint: Option<String>,
    /// The region of the buckets [env: AWS_REGION] [default: us-east-1]
    #[arg(long, value_name = "NAME")]
    pub(crate) s3_region: Option<String>,
    /// Allow an endpoint without TLS: whoever is on the way can read and change what is sent
    #[arg(long)]
    pub(crate) s3_allow_http: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory() {
        for (text, bytes) in [
            ("500M", 500_000_000),
            ("2G", 2_000_000_000),
            ("1.5Gi", 3 << 29),
            ("0.25G", 250_000_000),
            ("64Ki", 65_536),
            ("1T", 1_000_000_000_000),
            ("0.5Ti", 1 << 39),
            ("7", 7),
        ] {
            assert_eq!(memory(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "0", "-1", "M", "1.G", ".5G", "1P", "2 G", "1.2.3G", "99999999999G", "1e9", "1.12345678G"]
        {
            assert!(memory(text).unwrap_err().contains(text), "{text}");
        }
    }

    #[test]
    fn lengths_of_time() {
        let millis = |text: &str| span(text).map(|span| span.as_millis());
        assert_eq!(millis("60s"), Ok(60_000));
        assert_eq!(millis("1.5m"), Ok(90_000));
        assert_eq!((millis("2h"), millis("500ms"), millis("7")), (Ok(7_200_000), Ok(500), Ok(7_000)));
        for text in ["", "0", "s", "-1s", "1 s", "1d", "9999h", "1e3", "NaN"] {
            assert!(span(text).unwrap_err().contains("length of time"), "{text}");
        }
    }

    #[test]
    fn clap_finds_no_fault() {
        Args::with_help().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        for command in Args::command().get_subcommands_mut() {
            let name = command.get_name().to_owned();
            let help = command.render_long_help().to_string();
            assert!(help.contains("Examples:\n"), "{name}");
            assert!(help.contains(&format!("aqueduct {name}")), "{name}");
        }
    }

    /// The defaults stand in the help as text, because a flag that was not typed must not win over a job file.
    #[test]
    fn defaults_in_the_help_are_the_defaults() {
        let help = Args::command().find_subcommand_mut("publish").unwrap().render_help().to_string();
        let settings = aqueduct::Settings::default();
        for (flag, default) in [
            ("--ladder", settings.ladder.to_string()),
            ("--video-codec", settings.video_codec.to_string()),
            ("--preset", settings.preset.to_string()),
            ("--crf", settings.crf.to_string()),
            ("--segment", settings.segment.to_string()),
            ("--gop", settings.gop.to_string()),
            ("--audio-bitrate", settings.audio_bitrate.to_string()),
            ("--verify", Verify::default().to_string()),
        ] {
            let at = help.find(&format!("{flag} ")).unwrap();
            let text: String = help[at..]
                .split("\n      --")
                .next()
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            assert!(text.contains(&format!("[default: {default}]")), "{flag}: {text}");
        }
    }
}
