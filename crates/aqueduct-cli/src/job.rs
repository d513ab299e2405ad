//! What will be done: what was typed and what the job file says, resolved. Nothing here touches the world but to
//! read the job file, and to look where the names of index files lead.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aqueduct::Settings;
use aqueduct::check::{Depth, Keys, Options, Rule, Unchecked};
use aqueduct::plan::{AudioLayout, CopySettings, Files};
use aqueduct_service::{FetchOptions, StoreOptions, Verify};

use crate::args::{
    CheckArgs, CommonArgs, CopyArgs, IndexArgs, PackageArgs, PlanArgs, ProbeArgs, PublishArgs, RunArgs,
    SettingsArgs, StoreArgs,
};
use crate::check::alike;
use crate::config::{Config, PackageConfig, PublishConfig, RunConfig, What};
use crate::exit::Failure;
use crate::output::quoted;

/// Encode, and store.
#[derive(Debug)]
pub(crate) struct PublishJob {
    pub(crate) encode: EncodeJob,
    pub(crate) target: Target,
}

/// Copy, and store.
#[derive(Debug)]
pub(crate) struct PackageJob {
    pub(crate) copy: CopyJob,
    /// Whether a single word stands for the input of a job file that names everything: perhaps it was to be DEST.
    pub(crate) is_in_doubt: bool,
    pub(crate) target: Target,
}

/// Tell what would be made.
#[derive(Debug)]
pub(crate) enum PlanJob {
    Encode(EncodeJob),
    Copy(CopyJob),
}

/// Tell what `input` is.
#[derive(Debug)]
pub(crate) struct ProbeJob {
    pub(crate) input: PathBuf,
    pub(crate) access: Access,
}

/// How inputs are opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// Of those that lie in a store.
    pub(crate) store: StoreOptions,
    /// Files of their indexes: none, or one for each.
    pub(crate) indexes: Vec<PathBuf>,
}

/// Hold a presentation to rules, or tell of one rule.
#[derive(Debug)]
pub(crate) enum CheckJob {
    Explain(String),
    Run(Box<CheckRun>),
}

#[derive(Debug)]
pub(crate) struct CheckRun {
    pub(crate) target: String,
    pub(crate) store: StoreOptions,
    pub(crate) fetch: FetchOptions,
    pub(crate) options: Options,
    pub(crate) strict: bool,
    pub(crate) form: CheckForm,
    /// Where to write a page to look at.
    pub(crate) html: Option<PathBuf>,
    /// How long to follow live playlists.
    pub(crate) watch: Option<Duration>,
}

/// Who reads the report.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CheckForm {
    /// `all`: every finding, and notes.
    People {
        all: bool,
    },
    Json,
    Sarif,
    /// The page goes to stdout.
    Page,
}

/// Make a ladder of `input`.
#[derive(Debug, Clone)]
pub(crate) struct EncodeJob {
    pub(crate) input: PathBuf,
    pub(crate) access: Access,
    #[cfg_attr(not(feature = "av"), allow(dead_code, reason = "a build without libav encodes nothing"))]
    pub(crate) settings: Settings,
}

/// Cut `inputs` into segments as they are.
#[derive(Debug, Clone)]
pub(crate) struct CopyJob {
    pub(crate) inputs: Vec<PathBuf>,
    /// Files for sound, each with its language behind a colon if it has one.
    pub(crate) audio: Vec<PathBuf>,
    pub(crate) access: Access,
    pub(crate) settings: CopySettings,
}

/// Where to store, and how to run.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) destination: String,
    pub(crate) store: StoreOptions,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) overwrite: bool,
    pub(crate) verify: Verify,
    pub(crate) encoding: Encoding,
}

/// How to encode.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "av"), allow(dead_code, reason = "a build without libav encodes nothing"))]
pub(crate) struct Encoding {
    /// Bytes of memory.
    pub(crate) max_memory: Option<u64>,
    pub(crate) profile: bool,
}

pub(crate) fn publish(args: PublishArgs) -> Result<PublishJob, Failure> {
    if !args.audio.is_empty() {
        let message = "--audio is for `package`: `publish` takes the sound of its input";
        return Err(
            Failure::usage(message).hint("put sound and pictures into one file first, or let `package` copy")
        );
    }
    if let Some(last) = args.more.last() {
        let second = args.destination.unwrap_or_default();
        let message = format!("{second} is one input too many: `publish` takes one");
        let hint =
            format!("give one input, then where to ({}); `package` takes several as rungs", last.display());
        return Err(Failure::usage(message).hint(hint));
    }
    let Config { run, what } = config::<PublishConfig>(args.common.config.as_deref())?;
    let input = needed(args.input.or(what.input), "INPUT", "publish")?;
    let destination = args.destination.or(run.destination.clone()).ok_or_else(|| {
        let has_file = args.common.config.is_some();
        no_destination(std::slice::from_ref(&input), has_file, "publish")
    })?;
    let settings = encoded(what.settings, args.settings, &args.common);
    let indexes = indexes(args.index, &run, 1)?;
    let mut target = target(destination, args.run, run);
    target.encoding =
        Encoding { max_memory: args.encoding.max_memory.or(what.max_memory), profile: args.encoding.profile };
    let access = Access { store: target.store.clone(), indexes };
    Ok(PublishJob { encode: EncodeJob { input, access, settings }, target })
}

pub(crate) fn package(args: PackageArgs) -> Result<PackageJob, Failure> {
    let Config { run, mut what } = config::<PackageConfig>(args.common.config.as_deref())?;
    let has_destination = run.destination.is_some();
    let is_in_doubt = args.words.len() == 1 && !what.inputs.is_empty() && has_destination;
    let words = Words::of(args.words, !what.inputs.is_empty(), has_destination)?;
    if !words.inputs.is_empty() {
        what.inputs = words.inputs;
    }
    let mut copy = copied(what, args.copy, &args.common);
    if copy.inputs.is_empty() {
        return Err(missing("INPUT", "package"));
    }
    let destination = words
        .destination
        .or(run.destination.clone())
        .ok_or_else(|| no_destination(&copy.inputs, args.common.config.is_some(), "package"))?;
    let indexes = indexes(args.index, &run, copy.inputs.len() + copy.audio.len())?;
    let target = target(destination, args.run, run);
    copy.access = Access { store: target.store.clone(), indexes };
    Ok(PackageJob { copy, is_in_doubt, target })
}

/// The last word is where to, and is easily forgotten.
fn no_destination(inputs: &[PathBuf], has_file: bool, command: &str) -> Failure {
    match inputs {
        [input] if !has_file => {
            let input = quoted(&input.display().to_string());
            let hint = format!("say where to, after the input: aqueduct {command} {input} DEST");
            Failure::usage("DEST is missing").hint(hint)
        }
        _ => missing("DEST", command),
    }
}

pub(crate) fn probe(args: ProbeArgs) -> Result<ProbeJob, Failure> {
    let indexes = indexes(args.index, &RunConfig::default(), 1)?;
    Ok(ProbeJob { input: args.input, access: Access { store: reached(args.store), indexes } })
}

/// Takes the same job file as `publish`, or with `--copy` as `package`, and leaves aside where it would go.
pub(crate) fn plan(args: PlanArgs) -> Result<PlanJob, Failure> {
    if args.copy {
        if let Some(flag) = args.settings.given() {
            let message = format!("{flag} is for encoding, and --copy encodes nothing");
            return Err(Failure::usage(message).hint("leave out one of them"));
        }
        let Config { run, mut what } = config::<PackageConfig>(args.common.config.as_deref())?;
        if !args.inputs.is_empty() {
            what.inputs = args.inputs;
        }
        let mut copy = copied(what, args.copying, &args.common);
        if copy.inputs.is_empty() {
            return Err(missing("INPUT", "plan"));
        }
        let indexes = indexes(args.index, &run, copy.inputs.len() + copy.audio.len())?;
        copy.access = Access { store: reached(stores(args.store, run)), indexes };
        return Ok(PlanJob::Copy(copy));
    }
    if let Some(flag) = args.copying.given() {
        let message = format!("{flag} is for `package`");
        return Err(Failure::usage(message).hint("give --copy as well, to see what `package` would make"));
    }
    let path = args.common.config.as_deref();
    let Config { run, what } =
        config::<PublishConfig>(path).map_err(|failure| match config::<PackageConfig>(path) {
            Ok(_) => failure.hint("it is a job file of `package`: give --copy as well"),
            Err(_) => failure,
        })?;
    let mut inputs = args.inputs.into_iter();
    let input = needed(inputs.next().or(what.input), "INPUT", "plan")?;
    if let Some(second) = inputs.next() {
        let message = format!("{} is one input too many: `publish` takes one", second.display());
        return Err(
            Failure::usage(message).hint("give --copy to see what `package` would make of several inputs")
        );
    }
    let indexes = indexes(args.index, &run, 1)?;
    let access = Access { store: reached(stores(args.store, run)), indexes };
    let settings = encoded(what.settings, args.settings, &args.common);
    Ok(PlanJob::Encode(EncodeJob { input, access, settings }))
}

/// The files of `--index`, for so many inputs.
fn indexes(flags: IndexArgs, config: &RunConfig, inputs: usize) -> Result<Vec<PathBuf>, Failure> {
    let files = if flags.index.is_empty() { config.index.clone() } else { flags.index };
    if let Some(file) = files.iter().find(|file| file.to_str().is_some_and(|text| text.contains("://"))) {
        let message = format!("--index {}: an index is a local file", file.display());
        return Err(
            Failure::usage(message).hint("name a file on this machine; it is written where it is not there")
        );
    }
    let places: Vec<PathBuf> = files.iter().map(|file| led_to(file)).collect();
    let is_twice = |(at, _): &(usize, &PathBuf)| places[..*at].contains(&places[*at]);
    if let Some((at, file)) = files.iter().enumerate().find(is_twice) {
        let message = format!("--index {} is given twice, as number {}", file.display(), at + 1);
        return Err(Failure::usage(message).hint("each input has an index of its own"));
    }
    if files.is_empty() || files.len() == inputs {
        return Ok(files);
    }
    let message = format!("--index names {} files for {inputs} inputs", files.len());
    Err(Failure::usage(message).hint("give it once for each input, in their order, those of --audio last"))
}

/// The file that a name leads to, also where it is not there yet.
fn led_to(file: &Path) -> PathBuf {
    let in_folder = || {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).canonicalize().ok()?.join(file.file_name()?))
    };
    file.canonicalize().ok().or_else(in_folder).unwrap_or_else(|| file.to_owned())
}

/// What stands without a flag before its name on the command line of `package`.
#[derive(Debug, Default)]
struct Words {
    inputs: Vec<PathBuf>,
    destination: Option<String>,
}

impl Words {
    /// With two words or more the last one is the destination. A single one is what the job file lacks, or the input.
    fn of(mut words: Vec<OsString>, has_inputs: bool, has_destination: bool) -> Result<Self, Failure> {
        let is_last_destination = words.len() > 1 || (has_inputs && !has_destination);
        let destination = words.pop_if(|_| is_last_destination).map(|word| {
            let wrong = |word: OsString| Failure::usage(format!("DEST {} is not UTF-8", word.display()));
            word.into_string().map_err(wrong)
        });
        let inputs = words.into_iter().map(PathBuf::from).collect();
        Ok(Self { inputs, destination: destination.transpose()? })
    }
}

fn config<T: What>(path: Option<&Path>) -> Result<Config<T>, Failure> {
    let none = || Ok(Config { run: RunConfig::default(), what: T::default() });
    path.map_or_else(none, Config::read)
}

fn needed<T>(value: Option<T>, name: &str, command: &str) -> Result<T, Failure> {
    value.ok_or_else(|| missing(name, command))
}

fn missing(name: &str, command: &str) -> Failure {
    Failure::usage(format!("{name} is missing"))
        .hint(format!("give it on the command line or in a job file: see `aqueduct {command} --help`"))
}

fn set<T>(field: &mut T, flag: Option<impl Into<T>>) {
    if let Some(value) = flag {
        *field = value.into();
    }
}

fn encoded(mut settings: Settings, flags: SettingsArgs, common: &CommonArgs) -> Settings {
    set(&mut settings.ladder, flags.ladder);
    set(&mut settings.preset, flags.preset);
    set(&mut settings.crf, flags.crf);
    set(&mut settings.segment, common.segment);
    set(&mut settings.gop, flags.gop);
    set(&mut settings.audio_bitrate, flags.audio_bitrate);
    set(&mut settings.copy_source, flags.copy_source);
    set(&mut settings.video_codec, flags.video_codec);
    settings.container = common.container.or(settings.container);
    set(&mut settings.audio_layout, common.audio_layout);
    settings
}

fn copied(config: PackageConfig, flags: CopyArgs, common: &CommonArgs) -> CopyJob {
    let mut settings = CopySettings::default();
    set(&mut settings.container, common.container.or(config.container));
    set(&mut settings.segment, common.segment.or(config.segment));
    set(&mut settings.audio_layout, common.audio_layout.or(config.audio_layout));
    set(&mut settings.files, (flags.single_file || config.single_file).then_some(Files::Single));
    settings.limits = config.limits;
    let audio = if flags.audio.is_empty() { config.audio } else { flags.audio };
    // Only a rendition of its own can tell its language.
    if !audio.is_empty() {
        settings.audio_layout.get_or_insert(AudioLayout::Separate);
    }
    CopyJob { inputs: config.inputs, audio, access: Access::default(), settings }
}

/// A flag wins over the job file, that over a variable.
fn target(destination: String, flags: RunArgs, config: RunConfig) -> Target {
    Target {
        destination,
        jobs: flags.jobs.or(config.jobs).unwrap_or_else(cores),
        overwrite: flags.overwrite || config.overwrite,
        verify: flags.verify.or(config.verify).unwrap_or_default(),
        encoding: Encoding::default(),
        store: reached(stores(flags.store, config)),
    }
}

fn stores(flags: StoreArgs, config: RunConfig) -> StoreArgs {
    StoreArgs {
        s3_endpoint: flags.s3_endpoint.or(config.s3_endpoint),
        s3_region: flags.s3_region.or(config.s3_region),
        s3_allow_http: flags.s3_allow_http || config.s3_allow_http,
    }
}

/// The store of the environment, as far as flags do not say otherwise.
fn reached(flags: StoreArgs) -> StoreOptions {
    let mut store = StoreOptions::from_env();
    if let Some(endpoint) = flags.s3_endpoint {
        store.s3_endpoint = Some(endpoint);
    }
    if let Some(region) = flags.s3_region {
        store.s3_region = Some(region);
    }
    store.s3_allow_http |= flags.s3_allow_http;
    store
}

/// Requests to servers that are under way at once: they wait more than they work.
const REQUESTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
/// Longest time for a check that decodes: about twenty films on one core.
const DECODING: Duration = Duration::from_secs(12 * 60 * 60);

/// `verbose` is whether people want to see all of it.
pub(crate) fn check(args: CheckArgs, json: bool, verbose: bool) -> Result<CheckJob, Failure> {
    let Some(target) = args.target else {
        return args.explain.map(CheckJob::Explain).ok_or_else(|| missing("TARGET", "check"));
    };
    let mut options = Options::default();
    options.profiles = args.profile.into_iter().collect();
    options.parallel = match args.jobs {
        Some(jobs) => jobs,
        None if args.decode => cores(),
        None => REQUESTS,
    };
    options.depth = match args.sample {
        _ if args.no_media => Depth::Playlists,
        Some(places) => Depth::Sample(places),
        None => Depth::default(),
    };
    if args.decode {
        options.decode = Some(aqueduct_service::decoders().ok_or_else(|| {
            Failure::usage(
                "--decode needs FFmpeg, and this build has none: it was built without the feature av",
            )
        })?);
    }
    for rule in &args.rule {
        options.weigh(rule).map_err(|error| misweighed(rule, error))?;
    }
    for text in &args.key {
        add_key(&mut options.keys, text)?;
    }
    let mut fetch = FetchOptions::default();
    fetch.allow_private = args.allow_private;
    if args.decode {
        fetch.total_timeout = DECODING;
    }
    set(&mut fetch.total_timeout, args.timeout);
    set(&mut fetch.request_timeout, args.request_timeout);
    let form = match (args.sarif, json) {
        (true, true) => {
            return Err(Failure::usage("--sarif and --json are two forms of the report; give one"));
        }
        (true, false) => CheckForm::Sarif,
        (false, true) => CheckForm::Json,
        (false, false) => CheckForm::People { all: verbose },
    };
    let is_page = args.html.as_deref() == Some(Path::new("-"));
    if is_page && (args.sarif || json) {
        let message = "--html - writes the page to stdout, where --json and --sarif write, too; name a file";
        return Err(Failure::usage(message));
    }
    let form = if is_page { CheckForm::Page } else { form };
    let store = reached(args.store);
    let (strict, watch, html) = (args.strict, args.watch, args.html);
    Ok(CheckJob::Run(Box::new(CheckRun { target, store, fetch, options, strict, form, html, watch })))
}

/// A `--rule` that is none.
fn misweighed(text: &str, error: aqueduct::Error) -> Failure {
    let failure = Failure::from(error);
    let id = text.split('=').next().unwrap_or_default();
    if text.contains(',') {
        failure.hint("give --rule once for each rule: --rule AP-BW=error --rule MV-CHANNELS=off")
    } else if Rule::find(id).is_none() && Unchecked::find(id).is_none() {
        failure.hint(alike(&id.to_ascii_uppercase()))
    } else {
        failure
    }
}

/// A key and the URI behind its `@`. The name of a file may have one, too: the longest name that is there is the file's.
fn parted(text: &str) -> (&str, Option<&str>) {
    let is_file = |name: &str| std::fs::metadata(name).is_ok_and(|found| found.is_file());
    let first = text.split_once('@');
    let is_written = first.is_none_or(|(key, _)| key == "fetch" || Keys::hexadecimal(key).is_some());
    if !is_written {
        if is_file(text) {
            return (text, None);
        }
        let mut ends = text.rmatch_indices('@').filter_map(|(at, _)| text.split_at_checked(at));
        if let Some((key, uri)) = ends.find(|(key, _)| is_file(key)) {
            return (key, uri.get(1..));
        }
    }
    first.map_or((text, None), |(key, uri)| (key, Some(uri)))
}

/// Takes `--key` as it was typed.
fn add_key(keys: &mut Keys, text: &str) -> Result<(), Failure> {
    let (key, uri) = parted(text);
    if key == "fetch" {
        if uri.is_some() {
            return Err(Failure::usage("--key fetch takes no URI: it fetches what EXT-X-KEY names"));
        }
        keys.fetch();
        return Ok(());
    }
    if let Some(key) = Keys::hexadecimal(key) {
        keys.add(key, uri);
        return Ok(());
    }
    // A key may have been typed wrongly: what is said names no digit of it.
    let unreadable = |why: &str| {
        let message = format!(
            "--key is neither 32 hexadecimal digits nor `fetch`, and names no file of 16 bytes: {why}"
        );
        Failure::usage(message)
    };
    let found = std::fs::metadata(key).map_err(|error| unreadable(&error.to_string()))?;
    if !found.is_file() || found.len() != 16 {
        return Err(unreadable(&format!("it has {} bytes", found.len())));
    }
    let bytes = std::fs::read(key).map_err(|error| unreadable(&error.to_string()))?;
    let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| unreadable("it has other bytes than before"))?;
    keys.add(bytes, uri);
    Ok(())
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use aqueduct::plan::Container;

    use super::*;

    #[test]
    fn flags_win_over_the_job_file() {
        let mut settings = Settings::default();
        settings.ladder = "720p".parse().unwrap();
        settings.crf = "30".parse().unwrap();
        (settings.container, settings.audio_layout) = (Some(Container::Fmp4), Some(AudioLayout::Separate));
        let flags = SettingsArgs { crf: Some("21".parse().unwrap()), ..SettingsArgs::default() };
        let common = CommonArgs { audio_layout: Some(AudioLayout::Muxed), ..CommonArgs::default() };
        let resolved = encoded(settings, flags, &common);
        assert_eq!(
            (resolved.container, resolved.audio_layout),
            (Some(Container::Fmp4), Some(AudioLayout::Muxed))
        );
        assert_eq!(resolved.crf.to_string(), "21");
        assert_eq!(resolved.ladder, "720p".parse().unwrap());
        assert_eq!(resolved.preset, Settings::default().preset);
    }

    #[test]
    fn so_they_do_for_packaging() {
        let config = || PackageConfig {
            container: Some(Container::Fmp4),
            segment: Some("4s".parse().unwrap()),
            audio: vec!["a.m4a".into()],
            ..PackageConfig::default()
        };
        let common = CommonArgs {
            segment: Some("2s".parse().unwrap()),
            audio_layout: Some(AudioLayout::Muxed),
            ..CommonArgs::default()
        };
        let flags = CopyArgs { audio: vec!["b.m4a:de".into()], single_file: true };
        let job = copied(config(), flags, &common);
        assert_eq!(job.settings.container, Container::Fmp4);
        assert_eq!(job.settings.segment, common.segment);
        assert_eq!(job.settings.audio_layout, Some(AudioLayout::Muxed));
        assert_eq!(job.settings.files, Files::Single);
        assert_eq!(job.audio, [PathBuf::from("b.m4a:de")]);
        let job = copied(config(), CopyArgs::default(), &CommonArgs::default());
        assert_eq!((job.settings.files, job.audio), (Files::Segments, vec![PathBuf::from("a.m4a")]));
        assert_eq!(job.settings.segment, config().segment);
    }

    #[test]
    fn the_last_of_several_words_is_the_destination() {
        let split = |words: &[&str], has_inputs, has_destination| {
            let words = words.iter().map(OsString::from).collect();
            let Words { inputs, destination } = Words::of(words, has_inputs, has_destination).unwrap();
            let inputs: Vec<String> = inputs.iter().map(|input| input.display().to_string()).collect();
            (inputs.join(" "), destination.unwrap_or_default())
        };
        let expect = |inputs: &str, destination: &str| (inputs.to_owned(), destination.to_owned());
        assert_eq!(split(&[], true, true), expect("", ""));
        assert_eq!(split(&["a"], false, false), expect("a", ""));
        assert_eq!(split(&["a"], false, true), expect("a", ""));
        assert_eq!(split(&["a"], true, true), expect("a", ""));
        assert_eq!(split(&["a"], true, false), expect("", "a"));
        for (has_inputs, has_destination) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(split(&["a", "b", "c"], has_inputs, has_destination), expect("a b", "c"));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let failure = needed::<()>(None, "DEST", "publish").unwrap_err();
        assert_eq!(failure.exit, crate::exit::Exit::Usage);
        assert!(failure.message.contains("DEST"));
    }
}
