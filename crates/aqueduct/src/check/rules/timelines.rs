//! Times of variants and renditions against each other (RFC 8216bis §6.2.4).

use super::timing::{apart, seconds};
use crate::check::findings::Findings;
use crate::check::model::{Media, Medium, Presentation, Role, Track};
use crate::check::read::decimal::SECOND;
use crate::check::rule::Level;
use crate::check::table::alignment::{TM_XV_ALIGN, TM_XV_TIMESTAMPS};

pub(super) fn check(presentation: &Presentation, findings: &mut Findings<'_>) {
    let looked = presentation.media.iter().filter(|media| media.role.is_programme() && media.has_end);
    let mut looked = looked.filter_map(|media| Some((media, leading(media).next()?)));
    let Some((first, base)) = looked.next() else { return };
    for (media, start) in looked {
        if timestamps(first, &base, media, &start, findings) && media.role == Role::Variant {
            boundaries(first, media, findings);
        }
    }
}

/// A segment's leading track and where the segment is.
struct Led<'a> {
    at: usize,
    start: u64,
    discontinuity: u64,
    track: &'a Track,
}

fn leading(media: &Media) -> impl Iterator<Item = Led<'_>> {
    media.segments.iter().enumerate().filter_map(|(at, segment)| {
        let track = segment.facts.contents.as_deref()?.leading()?;
        Some(Led { at, start: segment.start, discontinuity: segment.discontinuity, track })
    })
}

/// Whether the same times of two playlists have the same timestamps.
fn timestamps(
    first: &Media,
    base: &Led<'_>,
    media: &Media,
    start: &Led<'_>,
    findings: &mut Findings<'_>,
) -> bool {
    if base.discontinuity != start.discontinuity {
        return true;
    }
    let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    let (there, here) = (base.track, start.track);
    let off = there.until(there.first_pts, here, here.first_pts);
    let off = off.saturating_sub(signed(start.start).saturating_sub(signed(base.start)));
    // Sound that begins late, and the frames that an encoder needs first, are not another timeline.
    let slack = if there.medium == here.medium && media.role == Role::Variant {
        there.nanos(there.longest).max(here.nanos(here.longest))
    } else {
        media.target_duration.map_or(SECOND as i64, |target| signed(target.value.saturating_mul(SECOND)))
    };
    if off.saturating_abs() > slack {
        let message = format!(
            "the same time of the playlist has a timestamp {:.3} s off that in {}",
            seconds(off),
            first.name
        );
        findings.add(&TM_XV_TIMESTAMPS, media.place(start.at), message);
        return false;
    }
    if media.role == Role::Audio
        && there.medium == Medium::Video
        && here.medium == Medium::Audio
        && base.start == start.start
    {
        apart(media, start.at, there, here, findings);
    }
    true
}

/// Segments of variants begin with the same picture.
fn boundaries(first: &Media, media: &Media, findings: &mut Findings<'_>) {
    let mut others = leading(first).peekable();
    for here in leading(media) {
        while others.next_if(|there| there.at < here.at).is_some() {}
        let Some(there) = others.peek().filter(|there| there.at == here.at) else { continue };
        let off = there.track.until(there.track.first_pts, here.track, here.track.first_pts);
        let slack = there.track.nanos(there.track.longest).max(here.track.nanos(here.track.longest));
        if off.saturating_abs() > slack {
            let message = format!(
                "the first picture is {:.3} s off that of the same segment in {}",
                seconds(off),
                first.name
            );
            findings.add_as(Level::Warning, &TM_XV_ALIGN, media.place(here.at), message);
            return;
        }
    }
}
