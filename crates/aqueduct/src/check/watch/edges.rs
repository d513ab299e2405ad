//! Live edges of the playlists of one presentation against each other.

use std::time::Duration;

use url::Url;

use super::followed::Followed;
use crate::check::findings::Findings;
use crate::check::model::Media;
use crate::check::read::decimal::SECOND;
use crate::check::table::live::LV_VARIANT_SKEW;
use crate::check::table::low_latency::{LL_REPORT, LL_SYNC};

/// Where a playlist ends on the line of dates, in nanoseconds from 1970; `None` without dates.
pub(super) fn date(media: &Media) -> Option<i64> {
    let (at, dated) = media.segments.iter().enumerate().rev().find_map(|(at, of)| Some((at, of.date?)))?;
    let rest = media.segments.get(at..)?.iter().map(|segment| segment.duration);
    let rest = rest.chain(media.tail()).fold(0_u64, u64::saturating_add);
    Some(dated.date.nanos.saturating_add(i64::try_from(rest).unwrap_or(i64::MAX)))
}

/// Holds the load of one playlist against what others had when it was asked for: so much is sure, whatever the network
/// does.
pub(super) fn check(playlists: &mut [Followed], at: usize, findings: &mut Findings<'_>) {
    let (mut skewed, mut unsynced) = (None, None);
    {
        let Some(here) = playlists.get(at) else { return };
        let Some(media) = &here.media else { return };
        if media.has_end || !here.role.is_programme() {
            return;
        }
        let Some(edge) = here.edges.back() else { return };
        for there in playlists.iter().filter(|there| there.role.is_programme()) {
            let Some(other) = there.media.as_ref().filter(|other| !std::ptr::eq(*other, media)) else {
                continue;
            };
            let Some(had) = there.edge_before(here.sent) else { continue };
            // What it was ahead by at the start is not known without dates: up to a segment.
            let (behind, slack) = match (edge.date, had.date) {
                (Some(one), Some(two)) => (two.saturating_sub(one), 0),
                _ => (had.advanced.saturating_sub(edge.advanced), 1),
            };
            let target = media.target_duration.map_or(1, |target| target.value).max(1);
            let target = i64::try_from(target.saturating_mul(SECOND)).unwrap_or(i64::MAX);
            if behind > target.saturating_mul(1 + slack) {
                skewed = skewed.max(Some((behind, other.name.clone())));
            }
            let parts = media.part_target.zip(other.part_target);
            if let Some((one, two)) = parts.filter(|_| slack == 0)
                && behind > i64::try_from(one.value.max(two.value)).unwrap_or(i64::MAX)
            {
                unsynced = unsynced.max(Some((behind, other.name.clone())));
            }
        }
    }
    let Some(here) = playlists.get_mut(at) else { return };
    let Some(media) = &here.media else { return };
    let found =
        [(&LV_VARIANT_SKEW, skewed, &mut here.is_skewed), (&LL_SYNC, unsynced, &mut here.is_unsynced)];
    for (rule, behind, was) in found {
        if let (Some((behind, name)), false) = (&behind, *was) {
            let message =
                format!("its live edge is {:.3} s behind that of {name}", *behind as f64 / SECOND as f64);
            findings.add(rule, media.at(1), message);
        }
        *was = behind.is_some();
    }
}

/// EXT-X-RENDITION-REPORT is as fresh as the playlist that it is in, within one part (§4.4.5.4).
pub(super) fn reports(playlists: &[Followed], at: usize, findings: &mut Findings<'_>) {
    let Some((here, media)) = playlists.get(at).and_then(|here| Some((here, here.media.as_ref()?))) else {
        return;
    };
    let Ok(base) = Url::parse(&media.url) else { return };
    for report in &media.reports {
        let url = report.value.get("URI").and_then(|text| base.join(text).ok()).map(String::from);
        let Some(url) = url else { continue };
        let Some(other) = playlists.iter().find(|there| there.url == url) else { continue };
        let Some(had) = other.edge_before(here.sent) else { continue };
        let Some(number) = report.value.integer("LAST-MSN") else { continue };
        let (next, parts) = (had.next, had.parts);
        let is_stale = match report.value.integer("LAST-PART") {
            // The part before the last one is fresh enough.
            Some(part) if number == next => part.saturating_add(2) < parts,
            Some(_) if number.saturating_add(1) == next => parts > 1,
            _ => number.saturating_add(1) < next,
        };
        if is_stale {
            let message = format!(
                "the report of {} says segment {number}, where {} has {} and {parts} parts of the next",
                other.name,
                other.name,
                next.saturating_sub(1)
            );
            findings.add(&LL_REPORT, media.at(report.line), message);
        }
    }
}

/// Whether a new part or segment came too late: what nobody can have had before `sent` minus what the network takes.
pub(super) fn is_late(waited: Duration, round_trip: Duration, most: u64) -> bool {
    waited.saturating_sub(round_trip).as_nanos() > u128::from(most)
}
