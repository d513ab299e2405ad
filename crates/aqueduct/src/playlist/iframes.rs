//! The I-frame playlist, RFC 8216bis §4.4.3.6: the key pictures of a rendition by their byte ranges, for thumbnails and
//! fast winding.

use super::extinf::Extinf;
use super::{Measured, text::Text};
use crate::error::Result;
use crate::plan::{Container, Decisions, KeyFrame, Rates, RenditionId};

/// PAT and PMT: two packets at the start of every segment.
const TABLES: u64 = 2 * 188;

/// One entry: a key picture and how long it is shown.
struct Entry<'a> {
    segment: u32,
    key: &'a KeyFrame,
    micros: u64,
}

/// The I-frame playlist of a rendition. `None` where no key picture of it was measured: sound alone, or segments of
/// which only the size is known. Fails with [`crate::ErrorKind::NotFound`] when the plan has no such rendition.
pub fn iframes(plan: &Decisions, rendition: RenditionId, measured: &Measured) -> Result<Option<String>> {
    plan.rendition(rendition).ok_or_else(|| super::no_rendition(rendition))?;
    let entries = entries(plan, rendition, measured);
    let Some(first) = entries.first() else { return Ok(None) };
    let longest = entries.iter().map(|entry| entry.micros).max().unwrap_or(0);
    let longest = longest.saturating_add(500_000) / 1_000_000;
    let places = measured.places(rendition);
    let start = |segment: u32| match plan.files {
        crate::plan::Files::Segments => 0,
        crate::plan::Files::Single => places.get(segment as usize).map_or(0, |place| place.start),
    };
    // RFC 8216bis §8: EXT-X-MAP in a playlist of I-frames.
    let mut text = Text::new(5);
    text.line(format_args!("#EXT-X-TARGETDURATION:{}", longest.max(plan.target_duration.into())));
    text.line(format_args!("#EXT-X-MEDIA-SEQUENCE:0"));
    text.line(format_args!("#EXT-X-PLAYLIST-TYPE:VOD"));
    text.line(format_args!("#EXT-X-I-FRAMES-ONLY"));
    match plan.container {
        // §4.4.3.6: what a decoder must know before the first picture.
        Container::Ts => text.line(format_args!(
            "#EXT-X-MAP:URI=\"{}\",BYTERANGE=\"{TABLES}@{}\"",
            plan.segment_file(first.segment),
            start(first.segment)
        )),
        Container::Fmp4 => text.map(plan, Some(measured), rendition),
    }
    for Entry { segment, key, micros } in &entries {
        text.line(format_args!("{}", Extinf { micros: *micros }));
        let length = key.bytes.end.saturating_sub(key.bytes.start);
        text.line(format_args!(
            "#EXT-X-BYTERANGE:{length}@{}",
            start(*segment).saturating_add(key.bytes.start)
        ));
        text.line(format_args!("{}", plan.segment_file(*segment)));
    }
    text.line(format_args!("#EXT-X-ENDLIST"));
    Ok(Some(text.finish()))
}

/// Peak and average bit rate of the I-frame playlist: each picture over the time that it stands for. `None` as for
/// [`iframes`].
pub(super) fn rates(plan: &Decisions, rendition: RenditionId, measured: &Measured) -> Option<Rates> {
    let entries = entries(plan, rendition, measured);
    let bytes = |entry: &Entry<'_>| entry.key.bytes.end.saturating_sub(entry.key.bytes.start);
    let per_second =
        |bytes: u64, micros: u64| (u128::from(bytes) * 8_000_000).div_ceil(u128::from(micros.max(1))) as u64;
    let peak = entries.iter().map(|entry| per_second(bytes(entry), entry.micros)).max()?;
    let average = per_second(entries.iter().map(bytes).sum(), entries.iter().map(|entry| entry.micros).sum());
    Some(Rates { peak: peak.max(average), average })
}

fn entries<'a>(plan: &Decisions, rendition: RenditionId, measured: &'a Measured) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    let mut end = 0;
    let Some(found) = plan.rendition(rendition) else { return entries };
    for segment in 0..plan.listed_segments(&found) {
        for key in measured.key_frames(rendition, segment) {
            if let Some(last) = entries.last_mut() {
                last.micros = key.micros.saturating_sub(last.key.micros).max(0).unsigned_abs();
            }
            entries.push(Entry { segment, key, micros: 0 });
        }
        end += plan.rendition_micros(&found, segment);
    }
    if let Some(last) = entries.last_mut() {
        let end = i64::try_from(end).unwrap_or(i64::MAX);
        last.micros = end.saturating_sub(last.key.micros).max(1).unsigned_abs();
    }
    entries
}
