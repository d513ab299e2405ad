//! Object keys: stable, readable paths, the same for every command.

use super::{Container, Decisions, RenditionId};

/// Key of the plan.
pub const PLAN_KEY: &str = "plan.json";

/// Key of the multivariant playlist.
pub const MULTIVARIANT_KEY: &str = "master.m3u8";

/// File name of a media playlist in its rendition's folder.
const PLAYLIST: &str = "index.m3u8";

/// Digits of a segment's number; a longer number has more.
const DIGITS: usize = 5;

/// What lies at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Object {
    /// The plan itself.
    Plan,
    /// One segment of one rendition.
    Segment(RenditionId, u32),
    /// The media playlist of one rendition.
    Playlist(RenditionId),
    /// The multivariant playlist.
    Multivariant,
}

impl Container {
    /// File name extension of its segments, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Ts => "ts",
        }
    }
}

impl Decisions {
    /// The folder of a rendition, such as `video/720p`; `None` where the plan has no such rendition.
    pub fn folder(&self, rendition: RenditionId) -> Option<String> {
        let rendition = self.rendition(rendition)?;
        let kind = if rendition.rung.is_some() { "video" } else { "audio" };
        Some(format!("{kind}/{}", rendition.name))
    }

    /// Key of a segment, such as `video/720p/00000.ts`; `None` where the plan has no such rendition or segment.
    pub fn segment_key(&self, rendition: RenditionId, segment: u32) -> Option<String> {
        let folder = self.folder(rendition)?;
        (segment < self.segments()).then(|| format!("{folder}/{}", self.segment_file(segment)))
    }

    /// File name of a segment within its rendition's folder: its URI in the media playlist.
    pub fn segment_file(&self, segment: u32) -> String {
        format!("{segment:0DIGITS$}.{}", self.container.extension())
    }

    /// Key of a media playlist, such as `video/720p/index.m3u8`; `None` where the plan has no such rendition.
    pub fn playlist_key(&self, rendition: RenditionId) -> Option<String> {
        self.folder(rendition).map(|folder| format!("{folder}/{PLAYLIST}"))
    }

    /// Key of an object; `None` where it is not of this plan.
    pub fn key(&self, object: Object) -> Option<String> {
        match object {
            Object::Plan => Some(PLAN_KEY.to_owned()),
            Object::Segment(rendition, segment) => self.segment_key(rendition, segment),
            Object::Playlist(rendition) => self.playlist_key(rendition),
            Object::Multivariant => Some(MULTIVARIANT_KEY.to_owned()),
        }
    }

    /// The object that lies at `key`; `None` where this plan has no such key. Exactly the keys of
    /// [`Decisions::objects`] are found: `0.ts` and `000000.ts` are not.
    pub fn object(&self, key: &str) -> Option<Object> {
        match key {
            PLAN_KEY => return Some(Object::Plan),
            MULTIVARIANT_KEY => return Some(Object::Multivariant),
            _ => {}
        }
        let (folder, file) = key.rsplit_once('/')?;
        let (_, name) = folder.split_once('/')?;
        let rendition = self.rendition_named(name)?.id;
        let object = if file == PLAYLIST {
            Object::Playlist(rendition)
        } else {
            Object::Segment(rendition, file.split_once('.')?.0.parse().ok()?)
        };
        // The key of what was understood must be the key that was asked for, to the letter.
        (self.key(object)? == key).then_some(object)
    }

    /// Every object of the plan once, in publishing order: the plan, the segments column by column, the media
    /// playlists, and the multivariant playlist last.
    pub fn objects(&self) -> impl Iterator<Item = Object> + use<> {
        let renditions = u32::try_from(self.renditions().len()).unwrap_or(u32::MAX);
        let ids = move || (0..renditions).map(RenditionId);
        let column = move |segment| ids().map(move |rendition| Object::Segment(rendition, segment));
        std::iter::once(Object::Plan)
            .chain((0..self.segments()).flat_map(column))
            .chain(ids().map(Object::Playlist))
            .chain(std::iter::once(Object::Multivariant))
    }

    /// The keys of [`Decisions::objects`].
    pub fn keys(&self) -> impl Iterator<Item = String> + '_ {
        self.objects().filter_map(|object| self.key(object))
    }
}
