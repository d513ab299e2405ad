//! Rules that hold sizes against what playlists declare.

use crate::check::findings::Findings;
use crate::check::model::{Media, Multivariant, Presentation, Variant};
use crate::check::rates::{self, Measured};
use crate::check::rule::{Level, Rule};
use crate::check::table::apple::AP_BW;
use crate::check::table::encryption::EN_AES128;
use crate::check::table::iframes::IF_BANDWIDTH;
use crate::check::table::media::MP_BITRATE;
use crate::check::table::multivariant::{MV_AVGBW, MV_BANDWIDTH};

/// Less than a thousandth more is what rounded durations do. Ours.
const ROUNDING: u128 = 1000;

/// EXT-X-BITRATE within 10 % of each segment (RFC 8216bis §4.4.4.8).
pub(super) fn bit_rate_tags(media: &Media, findings: &mut Findings<'_>) {
    for (at, segment) in media.segments.iter().enumerate().filter(|(_, segment)| !segment.is_gap) {
        let (Some(declared), Some(bytes)) = (segment.bit_rate, segment.facts.bytes) else { continue };
        let Some(measured) = rates::rate(bytes, segment.duration) else { continue };
        // In bit/s times 10: 90 % and 110 % without rounding.
        let (declared_bits, measured_bits) = (u128::from(declared) * 10_000, u128::from(measured));
        if declared_bits < measured_bits * 9 || declared_bits > measured_bits * 11 {
            let message = format!("declared are {declared} kb/s, measured {} kb/s", measured / 1000);
            findings.add(&MP_BITRATE, media.place(at), message);
        }
    }
}

/// AES-128 pads to whole blocks (RFC 8216bis §4.4.4.4).
pub(super) fn encrypted_sizes(media: &Media, findings: &mut Findings<'_>) {
    for (at, segment) in media.segments.iter().enumerate().filter(|(_, segment)| !segment.is_gap) {
        // Ranges of I-frames are cut out of what is encrypted as a whole (§6.2.3).
        if media.is_iframes || !media.keys_of(segment.keys).any(|key| key.method() == "AES-128") {
            continue;
        }
        if let Some(bytes) = segment.facts.bytes.filter(|bytes| bytes % 16 != 0) {
            let message = format!("the segment has {bytes} bytes, no multiple of 16");
            findings.add(&EN_AES128, media.place(at), message);
        }
    }
}

/// BANDWIDTH and AVERAGE-BANDWIDTH of all variants, against what was measured.
pub(super) fn variants(presentation: &Presentation, findings: &mut Findings<'_>) {
    let Some(of) = &presentation.multivariant else { return };
    let measured: Vec<Option<Measured>> = presentation.media.iter().map(rates::measured).collect();
    for variant in &of.variants {
        match sums(presentation, of, variant, &measured) {
            Ok(sums) => {
                under(of, variant, &sums, [&MV_BANDWIDTH, &MV_AVGBW], findings);
                apple(of, variant, &sums, findings);
            }
            Err(reason) => {
                findings.skip(format!("bit rates of the variant in line {}", variant.line), reason)
            }
        }
    }
    for variant in &of.iframes {
        match sums(presentation, of, variant, &measured) {
            Ok(sums) => under(of, variant, &sums, [&IF_BANDWIDTH, &IF_BANDWIDTH], findings),
            Err(reason) => {
                findings.skip(format!("bit rates of the I-frames in line {}", variant.line), reason)
            }
        }
    }
}

/// The largest sums of what plays together, in bit/s, and of what they are made.
struct Sums {
    peak: u64,
    average: u64,
    parts: String,
}

/// Fails with the reason why the sums are not known.
fn sums(
    presentation: &Presentation,
    of: &Multivariant,
    variant: &Variant,
    measured: &[Option<Measured>],
) -> Result<Sums, String> {
    let combination = presentation.combination(variant);
    let of_playlist = |index: usize| -> Result<(&Media, Measured), String> {
        let media = presentation.media.get(index).ok_or("its playlist was not read")?;
        if !media.has_end {
            return Err(format!("{} has not ended", media.name));
        }
        if media.is_cut || media.skipped.is_some() {
            return Err(format!("{} was not read whole", media.name));
        }
        let measured = measured.get(index).copied().flatten();
        Ok((media, measured.ok_or_else(|| format!("not all sizes of {} are known", media.name))?))
    };
    let (media, rates) = of_playlist(combination.main.ok_or("its playlist was not read")?)?;
    let mut sums = Sums {
        peak: rates.peak,
        average: rates.average,
        parts: format!("{} at segment {}", media.name, media.sequence(rates.peak_at)),
    };
    for kind in ["AUDIO", "VIDEO", "SUBTITLES"] {
        let Some(id) = variant.attributes.quoted(kind) else { continue };
        if of.group(kind, id).any(|member| !member.url.is_empty() && member.playlist.is_none()) {
            return Err(format!("a playlist of its group {kind} was not read"));
        }
    }
    for (kind, members) in combination.groups {
        // Another view replaces the variant's own pictures.
        let base = if kind == "VIDEO" { rates } else { Measured { peak: 0, average: 0, ..rates } };
        let (mut peak, mut average) = (base.peak, base.average);
        for member in members {
            let (_, rates) = of_playlist(member)?;
            peak = peak.max(rates.peak);
            average = average.max(rates.average);
        }
        sums.peak = sums.peak.saturating_add(peak).saturating_sub(base.peak);
        sums.average = sums.average.saturating_add(average).saturating_sub(base.average);
        sums.parts.push_str(&format!(" + {kind}"));
    }
    Ok(sums)
}

/// What is declared must cover what is measured.
fn under(
    of: &Multivariant,
    variant: &Variant,
    sums: &Sums,
    rules: [&'static Rule; 2],
    findings: &mut Findings<'_>,
) {
    let names = ["BANDWIDTH", "AVERAGE-BANDWIDTH"];
    for ((name, rule), measured) in names.into_iter().zip(rules).zip([sums.peak, sums.average]) {
        let Some(declared) = variant.attributes.integer(name).filter(|declared| *declared < measured) else {
            continue;
        };
        let by = percent(measured - declared, declared);
        let message =
            format!("{name} is {declared}, measured are {measured} b/s ({}): {by:.1} % more", sums.parts);
        // Durations in EXTINF are rounded, those that a packager divides by are not.
        let is_rounding = u128::from(measured - declared) * ROUNDING < u128::from(declared);
        let level = if is_rounding { Level::Note } else { rule.requirement.level() };
        findings.add_as(level, rule, of.at(variant.line), message);
    }
}

/// Within 10 % both ways, and no peak beyond twice the average (Apple HLS Authoring 1.26-1.30).
fn apple(of: &Multivariant, variant: &Variant, sums: &Sums, findings: &mut Findings<'_>) {
    for (name, measured) in [("BANDWIDTH", sums.peak), ("AVERAGE-BANDWIDTH", sums.average)] {
        let Some(declared) = variant.attributes.integer(name) else { continue };
        let off = declared.abs_diff(measured);
        if u128::from(off) * 10 > u128::from(measured) {
            let sign = if declared < measured { "under" } else { "over" };
            let by = percent(off, measured);
            let message = format!("{name} is {declared}, measured are {measured} b/s: {by:.1} % {sign}");
            findings.add(&AP_BW, of.at(variant.line), message);
        }
    }
    if sums.peak > sums.average.saturating_mul(2) {
        let message =
            format!("the peak of {} b/s is more than twice the average of {} b/s", sums.peak, sums.average);
        findings.add_as(Level::Warning, &AP_BW, of.at(variant.line), message);
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { f64::INFINITY } else { part as f64 * 100.0 / whole as f64 }
}
