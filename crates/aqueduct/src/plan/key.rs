//! Object keys: stable, readable paths, the same for every command.

use super::{Container, Decisions, Files, Rendition, RenditionId};

/// Key of the plan.
pub const PLAN_KEY: &str = "plan.json";

/// Key of the multivariant playlist.
pub const MULTIVARIANT_KEY: &str = "master.m3u8";

/// File name of a media playlist in its rendition's folder.
const PLAYLIST: &str = "index.m3u8";

/// File name of an I-frame playlist in its rendition's folder.
const IFRAMES: &str = "iframes.m3u8";

/// File name of an init section in its rendition's folder.
const INIT: &str = "init.mp4";

/// Digits of a segment's number; a longer number has more.
const DIGITS: usize = 5;

/// What lies at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Object {
    /// The plan itself.
    Plan,
    /// The init section of one rendition (EXT-X-MAP).
    Init(RenditionId),
    /// One segment of one rendition.
    Segment(RenditionId, u32),
    /// All segments of one rendition in one file, its init section first.
    Media(RenditionId),
    /// The media playlist of one rendition.
    Playlist(RenditionId),
    /// The I-frame playlist of one rendition.
    IFrames(RenditionId),
    /// The multivariant playlist.
    Multivariant,
}

impl Container {
    /// File name extension of its segments, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Ts => "ts",
            Self::Fmp4 => "m4s",
        }
    }

    /// Name of the file that holds all segments of a rendition.
    const fn whole(self) -> &'static str {
        match self {
            Self::Ts => "media.ts",
            Self::Fmp4 => "media.mp4",
        }
    }
}

impl Decisions {
    /// The folder of a rendition, such as `video/720p`; `None` where the plan has no such rendition.
    pub fn folder(&self, rendition: RenditionId) -> Option<String> {
        self.rendition(rendition).map(|rendition| folder(&rendition))
    }

    /// Key of the file that holds a segment: `video/720p/00000.ts`, or the rendition's one file. `None` where the plan
    /// has no such rendition or segment, and where the rendition has nothing in it.
    pub fn segment_key(&self, rendition: RenditionId, segment: u32) -> Option<String> {
        let found = self.rendition(rendition)?;
        let is_there = segment < self.segments() && !self.is_gap(&found, segment);
        is_there.then(|| format!("{}/{}", folder(&found), self.segment_file(segment)))
    }

    /// Name of the file that holds a segment, within its rendition's folder: its URI in the media playlist.
    pub fn segment_file(&self, segment: u32) -> String {
        match self.files {
            Files::Segments => format!("{segment:0DIGITS$}.{}", self.container.extension()),
            Files::Single => self.container.whole().to_owned(),
        }
    }

    /// Name of the file that holds the init section, within its rendition's folder; `None` where segments need none.
    pub fn init_file(&self) -> Option<&'static str> {
        match (self.container, self.files) {
            (Container::Ts, _) => None,
            (Container::Fmp4, Files::Segments) => Some(INIT),
            (Container::Fmp4, Files::Single) => Some(self.container.whole()),
        }
    }

    /// Key of a media playlist, such as `video/720p/index.m3u8`; `None` where the plan has no such rendition.
    pub fn playlist_key(&self, rendition: RenditionId) -> Option<String> {
        self.folder(rendition).map(|folder| format!("{folder}/{PLAYLIST}"))
    }

    /// Key of an I-frame playlist, such as `video/720p/iframes.m3u8`; `None` where the rendition has no pictures.
    pub fn iframes_key(&self, rendition: RenditionId) -> Option<String> {
        let rendition = self.rendition(rendition)?;
        rendition.has_video().then(|| format!("{}/{IFRAMES}", folder(&rendition)))
    }

    /// Key of an object; `None` where it is not of this plan.
    pub fn key(&self, object: Object) -> Option<String> {
        match object {
            Object::Plan => Some(PLAN_KEY.to_owned()),
            Object::Init(rendition) => {
                let is_own = self.container == Container::Fmp4 && self.files == Files::Segments;
                self.folder(rendition).filter(|_| is_own).map(|folder| format!("{folder}/{INIT}"))
            }
            Object::Segment(rendition, segment) => {
                self.segment_key(rendition, segment).filter(|_| self.files == Files::Segments)
            }
            Object::Media(rendition) => {
                let folder = self.folder(rendition).filter(|_| self.files == Files::Single);
                folder.map(|folder| format!("{folder}/{}", self.container.whole()))
            }
            Object::Playlist(rendition) => self.playlist_key(rendition),
            Object::IFrames(rendition) => self.iframes_key(rendition),
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
        let (at, file) = key.rsplit_once('/')?;
        let rendition = self.renditions().iter().find(|rendition| folder(rendition) == at)?.id;
        let object = match file {
            PLAYLIST => Object::Playlist(rendition),
            IFRAMES => Object::IFrames(rendition),
            INIT => Object::Init(rendition),
            _ if file == self.container.whole() => Object::Media(rendition),
            _ => Object::Segment(rendition, file.split_once('.')?.0.parse().ok()?),
        };
        // The key of what was understood must be the key that was asked for, to the letter.
        (self.key(object)? == key).then_some(object)
    }

    /// Every object of the plan once, in publishing order: the plan, init sections, the segments column by column, the
    /// media and I-frame playlists, and the multivariant playlist last.
    pub fn objects(&self) -> impl Iterator<Item = Object> + '_ {
        let ids = || self.renditions().into_iter().map(|rendition| rendition.id);
        let inits = ids().map(Object::Init);
        let whole = ids().map(Object::Media);
        let columns = match self.files {
            Files::Segments => self.segments(),
            Files::Single => 0,
        };
        let ids: Vec<RenditionId> = ids().collect();
        let lists = ids.clone();
        let segments = (0..columns)
            .flat_map(move |segment| ids.clone().into_iter().map(move |id| Object::Segment(id, segment)));
        let playlists = lists.into_iter().flat_map(|id| [Object::Playlist(id), Object::IFrames(id)]);
        let renditions = self.renditions();
        let is_absent = move |object: &Object| match object {
            Object::Segment(id, segment) => {
                renditions.get(id.0 as usize).is_some_and(|rendition| self.is_gap(rendition, *segment))
            }
            Object::Init(_) => self.container != Container::Fmp4 || self.files != Files::Segments,
            Object::Media(_) => self.files != Files::Single,
            Object::IFrames(id) => {
                renditions.get(id.0 as usize).is_none_or(|rendition| !rendition.has_video())
            }
            _ => false,
        };
        std::iter::once(Object::Plan)
            .chain(inits)
            .chain(whole)
            .chain(segments)
            .chain(playlists)
            .chain(std::iter::once(Object::Multivariant))
            .filter(move |object| !is_absent(object))
    }

    /// The keys of [`Decisions::objects`].
    pub fn keys(&self) -> impl Iterator<Item = String> + '_ {
        self.objects().filter_map(|object| self.key(object))
    }
}

fn folder(rendition: &Rendition<'_>) -> String {
    let kind = if rendition.has_video() { "video" } else { "audio" };
    format!("{kind}/{}", rendition.name)
}
