//! Names of codecs (RFC 6381, and what the codecs' own registrations say).

use crate::check::findings::Findings;
use crate::check::model::{Multivariant, Variant};
use crate::check::read::short;
use crate::check::rule::Level;
use crate::check::table::multivariant::{MV_CODECS_SYNTAX, MV_SUPPCODECS};

pub(super) fn check(of: &Multivariant, findings: &mut Findings<'_>) {
    for variant in of.variants.iter().chain(&of.iframes) {
        if let Some(codecs) = variant.attributes.get("CODECS") {
            for name in codecs.split(',').map(str::trim) {
                if let Some((level, fault)) = fault(name) {
                    let message = format!("`{}` {fault}", short(name));
                    findings.add_as(level, &MV_CODECS_SYNTAX, of.at(variant.line), message);
                }
            }
        }
        supplemental(of, variant, findings);
    }
}

/// SUPPLEMENTAL-CODECS (RFC 8216bis §4.4.6.2).
fn supplemental(of: &Multivariant, variant: &Variant, findings: &mut Findings<'_>) {
    let Some(value) = variant.attributes.get("SUPPLEMENTAL-CODECS") else { return };
    let codecs = variant.attributes.get("CODECS").unwrap_or_default();
    let range = variant.attributes.get("VIDEO-RANGE").unwrap_or("SDR");
    let mut add = |message: String| findings.add(&MV_SUPPCODECS, of.at(variant.line), message);
    for entry in value.split(',').map(str::trim) {
        let (codec, brands) = entry.split_once('/').unwrap_or((entry, ""));
        if let Some((Level::Error, fault)) = fault(codec) {
            add(format!("`{}` {fault}", short(codec)));
            continue;
        }
        let bases: &[&str] = match codec.split('.').next().unwrap_or_default() {
            "dvh1" | "dvhe" | "hvc1" | "hev1" | "mhvc" => &["hvc1", "hev1"],
            "dva1" | "dvav" | "avc1" => &["avc1", "avc3"],
            "dav1" | "av01" => &["av01"],
            "ec-3" => &["ec-3"],
            _ => &[],
        };
        let has_base = codecs.split(',').any(|name| bases.iter().any(|base| name.trim().starts_with(base)));
        if !bases.is_empty() && !has_base {
            add(format!("`{}` has no base layer in CODECS", short(codec)));
        }
        for brand in brands.split('/').filter(|brand| !brand.is_empty()) {
            let needed = match brand {
                "db4h" | "db4g" => {
                    if brand == "db4h" {
                        "HLG"
                    } else {
                        "SDR"
                    }
                }
                "db1p" => "PQ",
                "db2g" => "SDR",
                _ => continue,
            };
            if range != needed {
                add(format!("brand {brand} needs VIDEO-RANGE={needed}, declared is {}", short(range)));
            }
        }
    }
}

/// What is wrong with a name, and how much; `None` where it is fine.
fn fault(name: &str) -> Option<(Level, &'static str)> {
    let wrong = |fault| Some((Level::Error, fault));
    let odd = |fault| Some((Level::Warning, fault));
    let parts: Vec<&str> = name.split('.').collect();
    let (head, rest) = parts.split_first()?;
    let fits = |fits: bool, fault| if fits { None } else { wrong(fault) };
    match *head {
        "avc1" | "avc3" | "mvc1" | "mvc2" => match rest {
            [profile] => fits(is_hex(profile, 6), "is not avc1.PPCCLL"),
            [profile, level] if is_number(profile) && is_number(level) => {
                odd("is the form from before RFC 6381")
            }
            _ => wrong("is not avc1.PPCCLL"),
        },
        "hvc1" | "hev1" => {
            fits(is_hevc(rest), "is not hvc1.<profile>.<compatibility>.<tier and level>[.<constraints>]")
        }
        "dvh1" | "dvhe" | "dva1" | "dvav" | "dav1" => {
            let is_pair = matches!(rest, [profile, level] if is_digits(profile, 2) && is_digits(level, 2));
            fits(is_pair, "is not <name>.PP.LL")
        }
        "av01" => fits(is_av1(rest), "is not av01.P.LLT.DD"),
        "vp09" => fits(rest.len() >= 3 && rest.iter().all(|part| is_digits(part, 2)), "is not vp09.PP.LL.DD"),
        "mp4a" => match rest {
            ["40", object] => match object.parse::<u32>() {
                Ok(2 | 5 | 29 | 34 | 42) if !object.starts_with('0') => None,
                Ok(1..=64) => odd("has an audio object type that HLS does not name"),
                _ => wrong("has no audio object type"),
            },
            [object, ..] => fits(is_hex(object, 2), "is not mp4a.<object type>"),
            [] => wrong("is not mp4a.40.<audio object type>"),
        },
        "mp4v" => fits(rest.first() == Some(&"20"), "is not mp4v.20.<profile>"),
        "apac" => fits(rest.len() == 2 && rest.iter().all(|part| is_number(part)), "is not apac.nn.nn"),
        "stpp" => fits(rest.is_empty() || rest.first() == Some(&"ttml"), "is not stpp.ttml.<profile>"),
        "ac-3" | "ec-3" | "alac" | "fLaC" | "Opus" | "wvtt" | "mjpg" | "tx3g" => {
            fits(rest.is_empty(), "has parts that it cannot have")
        }
        "ec+3" => odd("is an old name of ec-3 with objects"),
        "flac" => odd("is written fLaC"),
        "opus" => odd("is written Opus"),
        other if other.chars().count() == 4 && other.is_ascii() && !other.contains(' ') => {
            Some((Level::Note, "is a codec that this check does not know"))
        }
        _ => wrong("is no name of a codec"),
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_digits(text: &str, digits: usize) -> bool {
    text.len() == digits && is_number(text)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// ISO 14496-15 Annex E.3.
fn is_hevc(parts: &[&str]) -> bool {
    let [profile, compatibility, level, constraints @ ..] = parts else { return false };
    let profile = profile.trim_start_matches(['A', 'B', 'C']);
    let level_digits = level.strip_prefix(['L', 'H']).unwrap_or_default();
    is_number(profile)
        && !compatibility.is_empty()
        && compatibility.len() <= 8
        && compatibility.bytes().all(|byte| byte.is_ascii_hexdigit())
        && is_number(level_digits)
        && constraints.len() <= 6
        && constraints.iter().all(|part| is_hex(part, 1) || is_hex(part, 2))
}

/// AV1 in ISO BMFF §5.
fn is_av1(parts: &[&str]) -> bool {
    let [profile, level, depth, more @ ..] = parts else { return false };
    let tiered = level.strip_suffix(['M', 'H']).unwrap_or_default();
    is_digits(profile, 1)
        && is_digits(tiered, 2)
        && is_digits(depth, 2)
        && (more.is_empty() || more.len() == 6)
        && more.iter().all(|part| is_number(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_registrations_write_them() {
        for name in [
            "avc1.64001f",
            "avc3.42E01E",
            "hvc1.2.4.L153.b0",
            "hev1.1.6.L93.B0",
            "hvc1.A1.6.H120",
            "dvh1.08.07",
            "av01.0.08M.10",
            "av01.0.04M.10.0.112.09.16.09.0",
            "vp09.00.10.08",
            "mp4a.40.2",
            "mp4a.40.42",
            "mp4a.69",
            "mp4a.6B",
            "mp4a.40.34",
            "ac-3",
            "ec-3",
            "fLaC",
            "Opus",
            "stpp.ttml.im1t",
            "stpp",
            "wvtt",
            "mjpg",
            "apac.31.00",
        ] {
            assert_eq!(fault(name), None, "{name}");
        }
        for (name, level) in [
            ("avc1.77.30", Level::Warning),
            ("ec+3", Level::Warning),
            ("mp4a.40.17", Level::Warning),
            ("opus", Level::Warning),
            ("dtsc", Level::Note),
            ("avc1", Level::Error),
            ("avc1.64001", Level::Error),
            ("hvc1", Level::Error),
            ("hvc1.2.4.153", Level::Error),
            ("av01.0.8M.10", Level::Error),
            ("mp4a", Level::Error),
            ("mp4a.40.0", Level::Error),
            ("h264", Level::Note),
            ("", Level::Error),
            ("é", Level::Error),
            ("mp4a.40.x", Level::Error),
            ("ac-3.1", Level::Error),
        ] {
            assert_eq!(fault(name).map(|(level, _)| level), Some(level), "{name}");
        }
    }
}
