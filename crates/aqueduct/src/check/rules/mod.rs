//! The rules: functions over a presentation, by what they need.

mod across;
mod apple;
mod assets;
mod codecs;
mod dates;
mod declared;
mod fetched;
mod groups;
mod held;
mod http;
mod iframes;
mod interstitials;
mod keys;
mod ladder;
mod live;
mod measure;
mod media;
mod multivariant;
mod parts;
mod scte35;
mod sound;
mod steering;
mod text;
mod timelines;
mod timing;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::fetch::Fetch;
use super::findings::Findings;
use super::look::Looked;
use super::model::{Media, Presentation};
pub(super) use http::Served;
pub(super) use keys::UNUSED;
pub(super) use live::{ONCE, changes_of};
pub(super) use timing::segment as timed;

/// Rules that the text of playlists decides.
pub(super) fn text(presentation: &Presentation, findings: &mut Findings<'_>) {
    for playlist in &presentation.media {
        of_media(playlist, findings);
    }
    if let Some(of) = &presentation.multivariant {
        multivariant::check(of, presentation, findings);
        groups::check(of, findings);
        codecs::check(of, findings);
        apple::multivariant(of, presentation, findings);
        ladder::check(of, findings);
        iframes::provided(of, findings);
        keys::session(of, presentation, findings);
        parts::reports(presentation, findings);
    }
    across::check(presentation, findings);
    dates::across(presentation, findings);
}

/// Rules that the text of one media playlist decides.
pub(super) fn of_media(playlist: &Media, findings: &mut Findings<'_>) {
    media::check(playlist, findings);
    live::check(playlist, findings);
    parts::check(playlist, findings);
    keys::check(playlist, findings);
    dates::check(playlist, findings);
    iframes::check(playlist, findings);
    apple::media(playlist, findings);
}

/// Rules that need small resources besides segments: keys, session data. Returns the keys of 16 bytes by URL.
pub(super) fn fetched(
    presentation: &Presentation,
    fetch: &dyn Fetch,
    parallel: NonZeroUsize,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, [u8; 16]> {
    fetched::session_data(presentation, fetch, findings);
    if let Some(of) = &presentation.multivariant {
        steering::check(of, fetch, findings);
    }
    assets::check(presentation, fetch, findings);
    keys::unused(presentation, findings);
    fetched::keys(presentation, fetch, parallel, findings)
}

/// Rules that need the facts of all segments.
pub(super) fn measured(presentation: &Presentation, findings: &mut Findings<'_>) {
    for playlist in &presentation.media {
        measure::bit_rate_tags(playlist, findings);
        measure::encrypted_sizes(playlist, findings);
    }
    measure::variants(presentation, findings);
    for playlist in &presentation.media {
        timing::check(playlist, presentation, findings);
    }
    timelines::check(presentation, findings);
    sound::check(presentation, findings);
    text::check(presentation, findings);
    held::check(presentation, findings);
    declared::check(presentation, findings);
}

/// Rules of what HTTP servers say.
pub(super) fn http(
    presentation: &Presentation,
    served: &[Served],
    looked: &Looked,
    findings: &mut Findings<'_>,
) {
    http::playlists(presentation, served, findings);
    http::segments(presentation, looked, findings);
}
