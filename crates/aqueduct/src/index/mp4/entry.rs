//! Sample descriptions (`stsd`, ISO/IEC 14496-12 §8.5.2): how a track is coded.

use super::boxes::{Fields, Kind, Node};
use super::track::{Draft, Handler, code};
use super::{audio, video};
use crate::error::Result;
use crate::media::Codec;

/// A sample entry and the boxes inside it.
pub(super) struct Entry<'a> {
    pub(super) kind: Kind,
    pub(super) node: Node<'a>,
    /// Bytes of the body before the boxes inside.
    pub(super) head: usize,
    pub(super) path: &'a str,
}

impl<'a> Entry<'a> {
    pub(super) fn fields(&self) -> Fields<'a> {
        self.node.fields(self.path)
    }

    /// The first box of `kind` inside, or in the `wave` box where QuickTime keeps those of sound. Garbage behind the
    /// known boxes of an entry is common, so what cannot be walked ends the search.
    pub(super) fn find(&self, kind: &Kind) -> Option<Node<'a>> {
        let boxes = || self.node.children(self.head).map_while(Result::ok);
        let wave = || {
            boxes()
                .filter(|node| node.kind == *b"wave")
                .flat_map(|wave| wave.children(0).map_while(Result::ok))
        };
        boxes().find(|node| node.kind == *kind).or_else(|| wave().find(|node| node.kind == *kind))
    }
}

/// Reads the first sample entry into the facts of `draft`.
pub(super) fn read(stsd: Node<'_>, path: &str, handler: Option<Handler>, draft: &mut Draft) -> Result<()> {
    let mut fields = stsd.fields(path);
    fields.full()?;
    let count = fields.u32()?;
    let entry_path = format!("{path}/stsd");
    let Some(node) = stsd.children(8).next().transpose()? else { return Ok(()) };
    if count > 1 && handler.is_some() {
        draft.note(
            "several-sample-descriptions",
            format!("its coding changes on the way ({count} descriptions); only the first is read"),
        );
    }
    draft.track.sample_entry = code(&node.kind);
    draft.track.codec = Codec::Other(code(&node.kind));
    if draft.track.is_encrypted() {
        let message =
            format!("it is encrypted ({}) and cannot be read; it is left out", draft.track.sample_entry);
        draft.note("encrypted", message);
        return Ok(());
    }
    let mut entry = Entry { kind: node.kind, node, head: 0, path: &entry_path };
    match handler {
        Some(Handler::Video) => video::read(&mut entry, draft),
        Some(Handler::Audio) => audio::read(&mut entry, draft),
        None => {
            draft.track.codec = Codec::Other(other(&node.kind));
            Ok(())
        }
    }
}

/// The name that libav gives to what is neither picture nor sound; where it has none, that of the sample entry.
fn other(kind: &Kind) -> String {
    match kind {
        b"tx3g" | b"text" => "mov_text".to_owned(),
        b"wvtt" => "webvtt".to_owned(),
        b"stpp" => "ttml".to_owned(),
        b"c608" => "eia_608".to_owned(),
        kind => code(kind),
    }
}
