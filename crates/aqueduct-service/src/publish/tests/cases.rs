//! Presentations that are copied, their objects made one by one, and what they are compared with.

use std::path::Path as FilePath;

use aqueduct::plan::{AudioLayout, Container, CopyInput, CopySettings, Files, Length, Role};
use aqueduct::{FileSource, Presentation, Source, SourceIndex};

use super::store::Faulty;
use super::*;
use crate::destination::StoreOptions;

/// What a presentation is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) clip: &'static str,
    /// The sound beside the clip's own, if any.
    pub(super) sound: Option<&'static str>,
    pub(super) container: Container,
    pub(super) files: Files,
    pub(super) layout: AudioLayout,
}

pub(super) const fn case(
    clip: &'static str,
    container: Container,
    files: Files,
    layout: AudioLayout,
) -> Case {
    Case { clip, sound: None, container, files, layout }
}

impl Case {
    const fn with(self, sound: &'static str) -> Self {
        Self { sound: Some(sound), ..self }
    }
}

pub(super) fn open(clip: &str) -> (Arc<dyn Source>, Arc<SourceIndex>) {
    let clip = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(clip);
    let source: Arc<dyn Source> = Arc::new(FileSource::open(clip).unwrap());
    let index = Arc::new(aqueduct::probe(&source).unwrap());
    (source, index)
}

/// Every shape that an output can have: muxed and separate sound, gaps, sound alone, open GOPs, both containers, and
/// segments that are files or parts of one.
pub(super) const CASES: [Case; 10] = {
    use AudioLayout::{Muxed, Separate};
    use Container::{Fmp4, Ts};
    use Files::{Segments, Single};
    [
        case("plain-25.mp4", Ts, Segments, Muxed),
        case("plain-25.mp4", Fmp4, Segments, Separate),
        case("open-gop.mp4", Fmp4, Segments, Separate).with("audio-only.m4a"),
        case("plain-25.mp4", Ts, Segments, Separate).with("mono-22050.mp4"),
        case("audio-only.m4a", Fmp4, Segments, Separate),
        case("open-gop.mp4", Ts, Segments, Muxed),
        case("plain-25.mp4", Ts, Single, Muxed),
        case("plain-25.mp4", Fmp4, Single, Separate),
        case("open-gop.mp4", Fmp4, Single, Separate).with("audio-only.m4a"),
        case("audio-only.m4a", Ts, Single, Muxed),
    ]
};

impl Case {
    pub(super) fn presentation(self) -> Presentation {
        let inputs: Vec<_> = std::iter::once(self.clip).chain(self.sound).map(open).collect();
        let mut settings = CopySettings::default();
        settings.container = self.container;
        settings.files = self.files;
        settings.audio_layout = Some(self.layout);
        settings.segment = Some(Length::from_millis(1000));
        let roles = [Role::Main, Role::Sound { language: Some("en".to_owned()) }];
        let wanted = inputs.iter().zip(roles).map(|((_, index), role)| CopyInput { index, role }).collect();
        let plan = Plan::copying(wanted).settings(settings).build().unwrap();
        Presentation::of_inputs(inputs, Arc::new(plan)).unwrap()
    }
}

/// Every object of a complete presentation, made one by one without publishing.
pub(super) fn complete(presentation: &Presentation) -> BTreeMap<String, Bytes> {
    let plan = presentation.plan();
    let renditions = plan.renditions();
    let made: Vec<Vec<aqueduct::Made>> = renditions
        .iter()
        .map(|it| (0..plan.segments()).map(|n| presentation.made(it.id, n).unwrap()).collect())
        .collect();
    let inits: Vec<Bytes> =
        renditions.iter().map(|it| presentation.init(it.id).unwrap().unwrap_or_default()).collect();
    let of = |one: fn(&aqueduct::Made) -> u64| made.iter().map(|all| all.iter().map(one).collect()).collect();
    let keys = made.iter().map(|all| all.iter().map(|one| one.key_frames.clone()).collect()).collect();
    let measured = playlist::Measured::new(plan, of(aqueduct::Made::len)).unwrap();
    let measured = measured.with_key_frames(plan, keys).unwrap();
    let measured = measured.with_inits(inits.iter().map(|init| init.len() as u64).collect()).unwrap();
    let at = |id: RenditionId| id.0 as usize;
    let bytes = |object| match object {
        Object::Plan => plan.to_json().unwrap().into(),
        Object::Init(id) => inits[at(id)].clone(),
        Object::Segment(id, segment) => made[at(id)][segment as usize].to_bytes(),
        Object::Media(id) => {
            let mut whole = inits[at(id)].to_vec();
            made[at(id)].iter().for_each(|one| whole.extend_from_slice(&one.to_bytes()));
            whole.into()
        }
        Object::Playlist(id) => playlist::media(plan, id, Some(&measured)).unwrap().into(),
        Object::IFrames(id) => playlist::iframes(plan, id, &measured).unwrap().unwrap().into(),
        Object::Multivariant => playlist::multivariant(plan, Some(&measured)).into(),
        _ => panic!("an object that this test does not know"),
    };
    with_verdict(plan.objects().map(|object| (plan.key(object).unwrap(), bytes(object))).collect())
}

pub(super) fn dynamic(store: &Arc<Faulty>) -> Arc<dyn ObjectStore> {
    Arc::<Faulty>::clone(store)
}

pub(super) fn into(store: &Arc<Faulty>) -> Destination {
    Destination::from_store(dynamic(store), "memory://store", "").unwrap()
}

pub(super) fn folder_at(folder: &FilePath) -> Destination {
    Destination::parse(folder.to_str().unwrap(), &StoreOptions::default()).unwrap()
}

/// All files below a folder, by their path.
pub(super) fn files(folder: &FilePath) -> BTreeMap<String, Bytes> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let key = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                // Of what is being written, a name may be gone again.
                match std::fs::read(path) {
                    Err(error) if key.contains('#') => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
                    bytes => drop(found.insert(key, Bytes::from(bytes.unwrap()))),
                }
            }
        }
    }
    found
}

/// Whether all that is there is whole.
pub(super) fn assert_part(
    found: &BTreeMap<String, Bytes>,
    of: &BTreeMap<String, Bytes>,
    what: impl std::fmt::Debug,
) {
    for (key, bytes) in found {
        assert!(of.get(key) == Some(bytes), "{what:?}: {key} is not whole");
    }
}

pub(super) fn jobs(jobs: usize) -> NonZeroUsize {
    NonZeroUsize::new(jobs).unwrap()
}

/// Whether both hold the same objects; says which differ, and not all that is in them.
pub(super) fn assert_same(
    found: &BTreeMap<String, Bytes>,
    expected: &BTreeMap<String, Bytes>,
    what: impl std::fmt::Debug,
) {
    assert!(found.keys().eq(expected.keys()), "{what:?}: {:?} are there", found.keys());
    for (key, bytes) in found {
        let differs = expected.get(key) != Some(bytes);
        let text = if key.ends_with(".m3u8") { String::from_utf8_lossy(bytes) } else { "".into() };
        assert!(!differs, "{what:?}: {key} is {} bytes of other content: {text}", bytes.len());
    }
}

/// Segments that are no gaps.
pub(super) fn segments_of(plan: &Plan) -> u64 {
    let renditions = plan.renditions();
    let there = |n| renditions.iter().filter(|it| !plan.is_gap(it, n)).count() as u64;
    (0..plan.segments()).map(there).sum()
}
