//! The ladder of variants as Apple wants it.

use crate::check::findings::Findings;
use crate::check::model::Multivariant;
use crate::check::rule::Level;
use crate::check::table::apple::AP_LADDER;

/// A variant for cellular networks has at most this peak, in bit/s.
const CELLULAR: u64 = 192_000;

pub(super) fn check(of: &Multivariant, findings: &mut Findings<'_>) {
    if of.variants.is_empty() || of.is_cut {
        return;
    }
    let mut rates: Vec<u64> =
        of.variants.iter().filter_map(|variant| variant.attributes.integer("BANDWIDTH")).collect();
    rates.sort_unstable();
    rates.dedup();
    if rates.len() < 2 {
        findings.add(&AP_LADDER, of.at(1), "there is one bit rate only");
    }
    if rates.first().is_some_and(|least| *least > CELLULAR) {
        let message = format!("no variant has a peak of at most {} kb/s", CELLULAR / 1000);
        findings.add(&AP_LADDER, of.at(1), message);
    }
    let range = |name: &str| {
        let mut ranges =
            of.variants.iter().map(|variant| variant.attributes.get("VIDEO-RANGE").unwrap_or("SDR"));
        ranges.any(|range| range == name)
    };
    if !range("SDR") {
        findings.add(&AP_LADDER, of.at(1), "no variant is SDR");
    }
    for pair in rates.windows(2) {
        if let [lower, higher] = pair
            && *higher > lower.saturating_mul(5) / 2
        {
            let message = format!("a step from {lower} to {higher} b/s: 1.5 to 2 times is usual");
            findings.add_as(Level::Note, &AP_LADDER, of.at(1), message);
        }
    }
}
