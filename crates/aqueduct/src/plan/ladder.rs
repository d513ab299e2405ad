//! The ladder: which pictures, in which sizes, under which caps.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::settings::{BitRate, check_crf};
use crate::error::{Error, Result};
use crate::media::Crf;

/// The standard short sides with their caps in bit/s up to 30 frames/s, from large to small. The first two are
/// made only when asked for.
const STANDARD: [(u32, u32); 7] = [
    (2160, 16_000_000),
    (1440, 10_000_000),
    (1080, 6_000_000),
    (720, 3_500_000),
    (540, 2_000_000),
    (360, 1_000_000),
    (270, 500_000),
];
/// The largest rung that `auto` makes.
const AUTO_TOP: u32 = 1080;
/// The smallest side that is planned: one macroblock.
pub(super) const SMALLEST_SIDE: u32 = 16;
/// The largest side that is planned.
pub(super) const LARGEST_SIDE: u32 = 16_384;
/// The most rungs of one ladder.
pub(super) const MOST_RUNGS: usize = 16;

/// Which video renditions to make: `auto`, or a list such as `1080p,720p:2500k:crf21,360p`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ladder {
    /// By the short side of the upright picture, never scaled up: 1080p, 720p, 540p, 360p and 270p as far as the
    /// source goes. A larger source starts at 1080p. A source between two rungs is its own top rung, with the cap
    /// of the next rung above, and a rung within 15 % of it is left out; one below 270p is the only rung.
    #[default]
    Auto,
    /// Exactly these, in any order.
    Rungs(Vec<RungRequest>),
}

/// One rung as it is asked for: `720p`, `720p:2500k`, `720p:2500k:crf21`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RungRequest {
    /// Short side in pixels, even, 16 to 16384.
    pub short_side: u32,
    /// Cap of the bit rate, at least 16k; by default that of the next standard rung at or above this size, half
    /// as much again above 30 frames/s.
    pub max_rate: Option<BitRate>,
    /// Quality; by default that of the settings.
    pub crf: Option<Crf>,
}

impl RungRequest {
    /// A rung of this short side with default cap and quality.
    pub const fn new(short_side: u32) -> Self {
        Self { short_side, max_rate: None, crf: None }
    }
}

/// A rung as it will be: its size, its cap and its quality where it has one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) max_rate: u32,
    pub(super) crf: Option<Crf>,
}

impl Step {
    pub(super) fn short_side(&self) -> u32 {
        self.width.min(self.height)
    }

    fn long_side(&self) -> u32 {
        self.width.max(self.height)
    }
}

impl Ladder {
    /// The rungs for an upright picture of `display` pixels, largest first; `fast` means above 30 frames/s.
    pub(super) fn steps(&self, display: (u32, u32), fast: bool) -> Result<Vec<Step>> {
        let source = display.0.min(display.1);
        let top = even_below(source);
        if top < SMALLEST_SIDE {
            let (width, height) = display;
            let message = format!(
                "the picture is {width}x{height}; the smallest side that can be made is {SMALLEST_SIDE}"
            );
            return Err(Error::unsupported(message));
        }
        let mut requests = match self {
            Self::Auto => auto(top),
            Self::Rungs(requests) => requests.clone(),
        };
        check(&requests)?;
        if let Some(request) = requests.iter().find(|request| request.short_side > top) {
            let message = format!(
                "the ladder asks for {}p, but the source's picture is {}x{}, and nothing is scaled up; ask for at \
                 most {top}p, or for `auto`",
                request.short_side, display.0, display.1
            );
            return Err(Error::settings(message));
        }
        requests.sort_by_key(|request| std::cmp::Reverse(request.short_side));
        Ok(requests.iter().map(|request| step(request, display, fast)).collect())
    }
}

fn auto(top: u32) -> Vec<RungRequest> {
    let top = top.min(AUTO_TOP);
    // A rung within 15 % of the top one would cost much and show nothing new.
    let below = STANDARD.iter().map(|rung| rung.0).filter(|&side| side * 100 < top * 85);
    std::iter::once(top).chain(below).map(RungRequest::new).collect()
}

fn check(requests: &[RungRequest]) -> Result<()> {
    if requests.is_empty() || requests.len() > MOST_RUNGS {
        return Err(Error::settings(format!("a ladder has 1 to {MOST_RUNGS} rungs")));
    }
    for (position, request) in requests.iter().enumerate() {
        let side = request.short_side;
        if !(SMALLEST_SIDE..=LARGEST_SIDE).contains(&side) || !side.is_multiple_of(2) {
            let message = format!(
                "{side}p is not a rung; a short side is an even number from {SMALLEST_SIDE} to {LARGEST_SIDE}"
            );
            return Err(Error::settings(message));
        }
        if requests.iter().take(position).any(|other| other.short_side == side) {
            return Err(Error::settings(format!("the ladder names {side}p twice")));
        }
        if let Some(rate) = request.max_rate.filter(|rate| rate.bits() < 16_000) {
            return Err(Error::settings(format!(
                "{side}p at {rate} is out of range; a rung has at least 16k"
            )));
        }
        if let Some(crf) = request.crf {
            check_crf(crf)?;
        }
    }
    Ok(())
}

fn step(request: &RungRequest, (width, height): (u32, u32), fast: bool) -> Step {
    let short = request.short_side;
    let (source_short, source_long) = (width.min(height), width.max(height));
    let long = if short == even_below(source_short) {
        // An odd line is left off both sides alike, rather than one side scaled by a pixel.
        even_below(source_long)
    } else {
        // The nearest even number keeps the aspect to within a pixel.
        let double = 2 * u64::from(source_short);
        let half = (2 * u64::from(source_long) * u64::from(short) + double) / (2 * double);
        u32::try_from(2 * half).unwrap_or(u32::MAX)
    };
    let (width, height) = if width < height { (short, long) } else { (long, short) };
    let max_rate = request.max_rate.map_or_else(|| cap(short, fast), BitRate::bits);
    Step { width, height, max_rate, crf: request.crf }
}

/// The cap of the next standard rung at or above this short side.
fn cap(short_side: u32, fast: bool) -> u32 {
    let rung = STANDARD.iter().rev().find(|rung| rung.0 >= short_side);
    let cap = rung.or(STANDARD.first()).map_or(0, |rung| rung.1);
    if fast { cap / 2 * 3 } else { cap }
}

fn even_below(side: u32) -> u32 {
    side & !1
}

/// For each rung the position of the earlier one that is exactly twice as large: halving from it costs less than
/// scaling from the source and measures equal or better. None means the source's picture.
pub(super) fn scaling_tree(steps: &[Step]) -> Vec<Option<u32>> {
    let parent = |step: &Step| {
        let doubled = |other: &Step| {
            other.short_side() == 2 * step.short_side()
                && other.long_side().abs_diff(2 * step.long_side()) <= 2
        };
        steps.iter().position(doubled).and_then(|position| u32::try_from(position).ok())
    };
    steps.iter().map(parent).collect()
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Rungs(requests) => {
                for (position, request) in requests.iter().enumerate() {
                    write!(f, "{}{request}", if position == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Ladder {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let requests: Vec<RungRequest> =
            text.split(',').map(|rung| rung.trim().parse()).collect::<Result<_>>()?;
        check(&requests)?;
        Ok(Self::Rungs(requests))
    }
}

impl fmt::Display for RungRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}p", self.short_side)?;
        if let Some(rate) = self.max_rate {
            write!(f, ":{rate}")?;
        }
        if let Some(crf) = self.crf {
            write!(f, ":crf{crf}")?;
        }
        Ok(())
    }
}

impl FromStr for RungRequest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::settings(format!(
                "`{text}` is not a rung: {why}; write 720p, 720p:2500k or 720p:2500k:crf21"
            ))
        };
        let mut parts = text.split(':');
        let size = parts.next().and_then(|size| size.strip_suffix('p')).unwrap_or_default();
        let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        let short_side =
            size.parse().ok().filter(|_| digits).ok_or_else(|| wrong("it starts with no size"))?;
        let mut request = Self::new(short_side);
        for part in parts {
            let known = match part.strip_prefix("crf") {
                Some(crf) => request.crf.replace(crf.parse()?).is_some(),
                None => request.max_rate.replace(part.parse()?).is_some(),
            };
            if known {
                return Err(wrong("it says the same thing twice"));
            }
        }
        Ok(request)
    }
}

impl Serialize for Ladder {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ladder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(LadderVisitor)
    }
}

/// A job file may write a ladder as on the command line, or as a list of rungs.
struct LadderVisitor;

impl<'de> Visitor<'de> for LadderVisitor {
    type Value = Ladder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`auto`, or rungs such as `720p:2500k:crf21`, in one string or as a list")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Ladder, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Ladder, A::Error> {
        let mut requests = Vec::new();
        while let Some(rung) = seq.next_element::<String>()? {
            requests.push(rung.parse().map_err(de::Error::custom)?);
        }
        check(&requests).map_err(de::Error::custom)?;
        Ok(Ladder::Rungs(requests))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sides(display: (u32, u32)) -> Vec<(u32, u32)> {
        let steps = Ladder::Auto.steps(display, false).unwrap();
        steps.iter().map(|step| (step.width, step.height)).collect()
    }

    #[test]
    fn auto_follows_the_source() {
        assert_eq!(sides((1920, 1080)), [(1920, 1080), (1280, 720), (960, 540), (640, 360), (480, 270)]);
        assert_eq!(sides((3840, 2160))[0], (1920, 1080));
        assert_eq!(sides((1080, 1920)), [(1080, 1920), (720, 1280), (540, 960), (360, 640), (270, 480)]);
        assert_eq!(sides((768, 432)), [(768, 432), (640, 360), (480, 270)]);
        assert_eq!(sides((1024, 576)), [(1024, 576), (640, 360), (480, 270)], "540 is within 15 % of 576");
        assert_eq!(sides((320, 240)), [(320, 240)]);
        assert_eq!(sides((853, 479)), [(852, 478), (642, 360), (480, 270)]);
        assert_eq!(
            sides((1920, 800)),
            [(1920, 800), (1296, 540), (864, 360), (648, 270)],
            "720 is within 15 % of 800"
        );
    }

    #[test]
    fn caps_are_those_of_the_next_rung_above() {
        let caps = |display, fast| -> Vec<u32> {
            Ladder::Auto.steps(display, fast).unwrap().iter().map(|step| step.max_rate / 1000).collect()
        };
        assert_eq!(caps((1920, 1080), false), [6000, 3500, 2000, 1000, 500]);
        assert_eq!(caps((1920, 1080), true), [9000, 5250, 3000, 1500, 750]);
        assert_eq!(caps((768, 432), false), [2000, 1000, 500]);
        assert_eq!(caps((160, 120), false), [500]);
        let large: Ladder = "4320p,2160p,1440p".parse().unwrap();
        let caps: Vec<u32> =
            large.steps((7680, 4320), false).unwrap().iter().map(|step| step.max_rate).collect();
        assert_eq!(caps, [16_000_000, 16_000_000, 10_000_000]);
    }

    #[test]
    fn a_rung_above_the_source_is_refused_with_the_fix() {
        let error = "1080p".parse::<Ladder>().unwrap().steps((1280, 720), false).unwrap_err().to_string();
        assert!(
            error.contains("asks for 1080p") && error.contains("1280x720") && error.contains("at most 720p"),
            "{error}"
        );
        assert!(Ladder::Auto.steps((640, 14), false).unwrap_err().to_string().contains("640x14"));
    }

    #[test]
    fn the_tree_halves() {
        let steps = Ladder::Auto.steps((1920, 1080), false).unwrap();
        assert_eq!(scaling_tree(&steps), [None, None, Some(0), Some(1), Some(2)]);
        let steps = Ladder::Auto.steps((768, 432), false).unwrap();
        assert_eq!(scaling_tree(&steps), [None, None, None]);
    }

    #[test]
    fn reads_and_writes_its_grammar() {
        for text in ["auto", "720p", "720p,360p", "720p:2500k:crf21,360p:800k", "720p:crf21.5", "1080p:6M"] {
            assert_eq!(text.parse::<Ladder>().unwrap().to_string(), text);
        }
        assert_eq!("720p:crf21:2500k".parse::<Ladder>().unwrap().to_string(), "720p:2500k:crf21");
        let list: Ladder = serde_json::from_str(r#"["720p:2500k", "360p"]"#).unwrap();
        assert_eq!(list, "720p:2500k,360p".parse().unwrap());
        let wrong = [
            "",
            "720",
            "p",
            "720p,",
            "720p,720p",
            "721p",
            "8p",
            "720p:2500k:3M",
            "720p:crf60",
            "720p:crf0",
            "+720p",
            "99999999999p",
            "720p:1k",
        ];
        for text in wrong {
            assert!(text.parse::<Ladder>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn laws_of_the_ladder(width in 16u32..8192, height in 16u32..8192, fast: bool) {
            let steps = Ladder::Auto.steps((width, height), fast).unwrap();
            prop_assert!(!steps.is_empty() && steps.len() <= 5);
            for step in &steps {
                prop_assert!(step.width <= width && step.height <= height, "never scaled up");
                prop_assert!(step.width % 2 == 0 && step.height % 2 == 0);
                prop_assert!(step.short_side() >= SMALLEST_SIDE);
                prop_assert_eq!(step.width < step.height, width < height && step.width != step.height);
                // The aspect is kept to within the rounding of one even pixel on either side.
                let ideal = u64::from(step.width) * u64::from(height);
                let real = u64::from(step.height) * u64::from(width);
                prop_assert!(ideal.abs_diff(real) <= 2 * u64::from(width.max(height)), "{:?}", step);
            }
            for pair in steps.windows(2) {
                prop_assert!(pair[0].short_side() > pair[1].short_side());
                prop_assert!(pair[0].max_rate >= pair[1].max_rate);
            }
            for (step, parent) in steps.iter().zip(scaling_tree(&steps)) {
                let Some(parent) = parent else { continue };
                let parent = steps[parent as usize];
                prop_assert!(parent.width >= 2 * step.width - 2 && parent.height >= 2 * step.height - 2);
            }
        }
    }
}
