//! A presentation: its multivariant playlist, where there is one, and its media playlists.

use super::media::Media;
use super::multivariant::{Multivariant, Variant};

/// What a check looks at.
#[derive(Debug)]
pub(in crate::check) struct Presentation {
    pub(in crate::check) multivariant: Option<Multivariant>,
    /// Each once, in the order in which they are named first.
    pub(in crate::check) media: Vec<Media>,
}

/// What a media playlist is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::check) enum Role {
    /// It was given by itself.
    Alone,
    Variant,
    Audio,
    Video,
    Subtitles,
    IFrames,
}

impl Role {
    /// Whether it carries what is watched or heard, from start to end at the speed of time.
    pub(in crate::check) fn is_programme(self) -> bool {
        !matches!(self, Self::Subtitles | Self::IFrames)
    }
}

/// What plays together.
#[derive(Debug)]
pub(in crate::check) struct Combination<'a> {
    /// Indexes of the variant's own playlist.
    pub(in crate::check) main: Option<usize>,
    /// Of each group that the variant names: the indexes of its members' playlists.
    pub(in crate::check) groups: Vec<(&'a str, Vec<usize>)>,
}

impl Presentation {
    /// The playlists of a variant and its groups; `None` for one that was not read.
    pub(in crate::check) fn combination<'a>(&'a self, variant: &'a Variant) -> Combination<'a> {
        let of = |kind: &'static str| {
            let multivariant = self.multivariant.as_ref()?;
            let id = variant.attributes.quoted(kind)?;
            let members = multivariant.group(kind, id).filter(|member| !member.url.is_empty());
            let mut playlists: Vec<usize> = members.filter_map(|member| member.playlist).collect();
            // What the variant's own playlist carries is counted once.
            playlists.retain(|playlist| Some(*playlist) != variant.playlist);
            playlists.sort_unstable();
            playlists.dedup();
            (!playlists.is_empty()).then_some((kind, playlists))
        };
        let groups = ["AUDIO", "VIDEO", "SUBTITLES"].into_iter().filter_map(of).collect();
        Combination { main: variant.playlist, groups }
    }
}
