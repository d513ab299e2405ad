//! From what one load breaks to what the watch tells.

use super::followed::Followed;
use crate::check::findings::Findings;

/// Takes over all findings of a load, with words before them.
pub(super) fn tell(from: Findings<'_>, prefix: &str, into: &mut Findings<'_>) {
    let taken = from.take();
    for mut finding in taken.findings {
        finding.message = format!("{prefix}{}", finding.message);
        into.put(finding);
    }
    for skipped in taken.skipped {
        into.leave(skipped);
    }
}

/// The same, of each rule once for this playlist.
pub(super) fn tell_once(
    from: Findings<'_>,
    followed: Option<&mut Followed>,
    prefix: &str,
    into: &mut Findings<'_>,
) {
    let Some(followed) = followed else { return };
    for mut finding in from.take().findings {
        if followed.tells(finding.rule.id, finding.place.segment) {
            finding.message = format!("{prefix}{}", finding.message);
            into.put(finding);
        }
    }
}
