//! What interstitials play: each asset is a presentation that ends (RFC 8216bis App. D.1, D.2).

use std::collections::BTreeSet;

use url::Url;

use crate::check::fetch::{Fetch, FetchError, FetchErrorKind, Request, Want};
use crate::check::findings::Findings;
use crate::check::model::{self, Media, Presentation, Role};
use crate::check::read::attributes::Attributes;
use crate::check::read::decimal::{SECOND, seconds};
use crate::check::read::tag::Class;
use crate::check::read::{self, Text, short, uri};
use crate::check::rule::Level;
use crate::check::table::metadata::DR_INT_VOD;

/// Assets that are asked for.
const MOST: usize = 16;
/// Bytes of a playlist of an asset.
const MOST_BYTES: u64 = 1 << 20;
/// Segments of an asset that are counted.
const MOST_SEGMENTS: usize = 100_000;

pub(super) fn check(presentation: &Presentation, fetch: &dyn Fetch, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    let mut left_out = 0_u64;
    for media in &presentation.media {
        for range in &media.date_ranges {
            let of = |name: &str| range.value.get(name);
            let Some(written) =
                of("X-ASSET-URI").filter(|_| of("CLASS") == Some("com.apple.hls.interstitial"))
            else {
                continue;
            };
            let Ok(url) = Url::parse(written) else { continue };
            if !seen.insert(url.clone()) {
                continue;
            }
            if seen.len() > MOST {
                left_out += 1;
                continue;
            }
            let place = media.at(range.line).uri(&short(&uri::shown(&url)));
            match ended(&url, fetch, findings) {
                Ok(asset) if !asset.has_end => {
                    let message = "the asset has no EXT-X-ENDLIST: it does not end";
                    findings.add(&DR_INT_VOD, place, message);
                }
                Ok(asset) => lasts(&asset, &range.value, |message| {
                    findings.add_as(Level::Warning, &DR_INT_VOD, place, message);
                }),
                Err(Fault::Told(message)) => findings.add(&DR_INT_VOD, place, message),
                Err(Fault::Refused(reason)) => {
                    findings.limit(format!("the asset {}", short(&uri::shown(&url))), reason);
                }
            }
        }
    }
    if left_out > 0 {
        findings.limit(format!("{left_out} assets of interstitials"), format!("more than {MOST} of them"));
    }
}

/// Why there is no asset to look at.
enum Fault {
    Told(String),
    Refused(String),
}

impl Fault {
    fn of(error: &FetchError) -> Self {
        match error.kind() {
            FetchErrorKind::Refused => Self::Refused(error.to_string()),
            _ => Self::Told(format!("the asset cannot be had: {error}")),
        }
    }
}

/// The media playlist of an asset: of a multivariant playlist that of its first variant.
fn ended(url: &Url, fetch: &dyn Fetch, findings: &Findings<'_>) -> Result<Media, Fault> {
    // What an asset breaks besides is told where it is checked itself.
    let mut unheard = Findings::new(findings.options());
    let limits = &findings.options().limits;
    let mut url = url.clone();
    let mut is_first = true;
    loop {
        let answer = fetch.fetch(&Request::new(url.as_str(), Want::Whole, MOST_BYTES));
        let answer = answer.map_err(|error| Fault::of(&error))?;
        if answer.is_cut {
            return Err(Fault::Refused(format!("its playlist is longer than {MOST_BYTES} bytes")));
        }
        let landed = Url::parse(&answer.url).unwrap_or(url);
        let name = uri::shown(&landed);
        let text = Text { name: &name, url: &landed, bytes: &answer.body, imports: None, limits };
        let document = read::read(&text, &mut unheard);
        if document.class.is_none() && !document.is_playlist {
            return Err(Fault::Told("the asset is no playlist".to_owned()));
        }
        if document.class != Some(Class::Multivariant) {
            let folder = uri::folder(&landed);
            return Ok(model::media(document, &folder, Role::Alone, MOST_SEGMENTS, &mut unheard));
        }
        let of = model::multivariant(document, limits, &mut unheard);
        let variant = of.variants.iter().find(|variant| !variant.url.is_empty());
        let next = variant.and_then(|variant| Url::parse(&variant.url).ok()).filter(|_| is_first);
        url =
            next.ok_or_else(|| Fault::Told("the asset has no variant that is a media playlist".to_owned()))?;
        is_first = false;
    }
}

/// DURATION is how long the asset lasts, unless only a part of it is played.
fn lasts(asset: &Media, range: &Attributes, tell: impl FnOnce(String)) {
    let Some(said) = range.nanos("DURATION").filter(|_| !range.has("X-PLAYOUT-LIMIT")) else { return };
    // A second for what EXTINF rounds. Ours.
    if !asset.is_cut && asset.duration().abs_diff(said) > SECOND {
        let (said, found) = (seconds(said), seconds(asset.duration()));
        tell(format!("the range lasts {said:.3} s, its asset {found:.3} s"));
    }
}
