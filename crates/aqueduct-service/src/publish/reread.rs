//! What the playlists of a complete presentation tell of its segments, so that nothing has to be made to see that
//! nothing is missing. They are believed only where all of them say, to the byte, what follows from one another.

use aqueduct::Plan;
use aqueduct::plan::{Container, Files, KeyFrame, Object, Rendition};
use aqueduct::playlist::Measured;
use bytes::Bytes;

use super::existing::Sizes;
use super::playlists;
use super::store::Store;
use crate::error::Result;
use crate::event::{Event, Observer};

/// What is wrong with copied segments and files that were damaged.
pub(super) const NOT_AS_LONG: &str = "it is not as long as it should be";

/// What is known of all segments of a complete presentation.
#[derive(Debug)]
pub(super) struct Known {
    /// Bytes of every segment of every rendition, 0 for gaps.
    pub(super) bytes: Vec<Vec<u64>>,
    /// Key pictures of every segment of every rendition.
    pub(super) key_frames: Vec<Vec<Vec<KeyFrame>>>,
}

/// What is known where every object of the plan is there; `None` where something is missing or does not fit the rest.
/// `inits` are the lengths of the init sections. Files that are not as long as their playlist says leave `sizes`: they
/// are to be made again.
pub(super) async fn known(
    store: &Store,
    plan: &Plan,
    sizes: &mut Sizes,
    inits: &[u64],
    observer: &Observer,
) -> Result<Option<Known>> {
    let size = |sizes: &Sizes, object| plan.key(object).and_then(|key| sizes.get(&key).copied()).unwrap_or(0);
    if !plan.keys().all(|key| sizes.get(&key).is_some_and(|&bytes| bytes > 0)) {
        return Ok(None);
    }
    let mut known = Known { bytes: Vec::new(), key_frames: Vec::new() };
    let (mut fits, mut damaged) = (true, Vec::new());
    for (rendition, &init) in plan.renditions().iter().zip(inits) {
        if let Some(key) = plan.key(Object::Init(rendition.id)) {
            fits &= sizes.get(&key) == Some(&init);
        }
        let bytes = if plan.files == Files::Segments {
            (0..plan.segments()).map(|segment| size(sizes, Object::Segment(rendition.id, segment))).collect()
        } else {
            let text = read(store, plan.playlist_key(rendition.id)).await?;
            let is_gap = |segment| plan.is_gap(rendition, segment);
            let listed = plan.listed_segments(rendition);
            let Some(mut bytes) = byte_ranges(&text, listed, is_gap, init) else { return Ok(None) };
            bytes.resize(plan.segments() as usize, 0);
            if size(sizes, Object::Media(rendition.id)) != end_of(&bytes, init) {
                damaged.extend(plan.key(Object::Media(rendition.id)));
            }
            bytes
        };
        let key_frames = if rendition.has_video() {
            let text = read(store, plan.iframes_key(rendition.id)).await?;
            key_frames(&text, plan, rendition, &bytes, init)
        } else {
            Some(vec![Vec::new(); plan.segments() as usize])
        };
        fits &= key_frames.is_some();
        known.bytes.push(bytes);
        known.key_frames.push(key_frames.unwrap_or_default());
    }
    if !fits || !agree(store, plan, &known, inits).await? {
        return Ok(None);
    }
    if damaged.is_empty() {
        return Ok(Some(known));
    }
    // All playlists agree, so it is the file that is wrong.
    for key in damaged {
        sizes.remove(&key);
        observer(Event::Damaged { key, why: NOT_AS_LONG.to_owned() });
    }
    Ok(None)
}

/// Whether every playlist is, to the byte, what follows from what is known.
async fn agree(store: &Store, plan: &Plan, known: &Known, inits: &[u64]) -> Result<bool> {
    let measured = Measured::new(plan, known.bytes.clone())?
        .with_key_frames(plan, known.key_frames.clone())?
        .with_inits(inits.to_vec())?;
    for (key, text) in playlists::all(plan, &measured)? {
        if read(store, Some(key)).await? != text {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn read(store: &Store, key: Option<String>) -> Result<Bytes> {
    let Some(key) = key else { return Ok(Bytes::new()) };
    Ok(store.read(&key).await?.flatten().unwrap_or_default())
}

/// Where the last of the segments ends that follow `init` bytes.
pub(super) fn end_of(segments: &[u64], init: u64) -> u64 {
    segments.iter().fold(init, |sum, &bytes| sum.saturating_add(bytes))
}

/// The sizes of segments by the byte ranges (EXT-X-BYTERANGE, RFC 8216bis §4.4.4.2) of a playlist as we write it, which
/// follow one another from `start` on; `None` where they do not.
fn byte_ranges(playlist: &[u8], segments: u32, is_gap: impl Fn(u32) -> bool, start: u64) -> Option<Vec<u64>> {
    let lines = std::str::from_utf8(playlist).ok()?.lines();
    let mut ranges = lines.filter_map(|line| line.strip_prefix(RANGE));
    let (mut at, mut sizes) = (start, Vec::new());
    for segment in 0..segments {
        let (length, start) = range(ranges.next()?)?;
        if is_gap(segment) {
            sizes.push(0);
            continue;
        }
        if start != at || length == 0 {
            return None;
        }
        at = at.checked_add(length)?;
        sizes.push(length);
    }
    ranges.next().is_none().then_some(sizes)
}

/// The key pictures of all segments by an I-frame playlist as we write it (RFC 8216bis §4.4.3.6); `None` where it is not
/// one, or its pictures do not lie in the segments.
fn key_frames(
    playlist: &[u8],
    plan: &Plan,
    rendition: &Rendition<'_>,
    bytes: &[u64],
    init: u64,
) -> Option<Vec<Vec<KeyFrame>>> {
    let folder = plan.folder(rendition.id)?;
    let mut found = vec![Vec::new(); bytes.len()];
    let mut ends = Vec::with_capacity(bytes.len());
    for &size in bytes {
        ends.push(ends.last().copied().unwrap_or(init).checked_add(size)?);
    }
    let mut lines = std::str::from_utf8(playlist).ok()?.lines();
    let mut time = 0_i64;
    while let Some(line) = lines.next() {
        let Some(duration) = line.strip_prefix("#EXTINF:") else { continue };
        let (length, start) = range(lines.next()?.strip_prefix(RANGE)?)?;
        let file = lines.next()?;
        let (segment, start) = match plan.files {
            Files::Segments => match plan.object(&format!("{folder}/{file}"))? {
                Object::Segment(_, segment) => (segment as usize, start),
                _ => return None,
            },
            _ => {
                let segment = ends.partition_point(|&end| end <= start);
                let begin = ends.get(segment)?.checked_sub(*bytes.get(segment)?)?;
                (segment, start.checked_sub(begin)?)
            }
        };
        let end = start.checked_add(length)?;
        if end > *bytes.get(segment)? {
            return None;
        }
        let found = found.get_mut(segment)?;
        let begins = match plan.container {
            Container::Ts => start % PACKET == 0 && length % PACKET == 0,
            // A segment's first picture comes with its first `moof` box, at the very start.
            _ => !found.is_empty() || start == 0,
        };
        if !begins {
            return None;
        }
        found.push(KeyFrame { bytes: start..end, micros: time });
        time = time.checked_add(micros(duration)?)?;
    }
    // The first picture is time zero, and the last one stands until the end: none is lost.
    let listed = 0..plan.listed_segments(rendition);
    let total: u64 = listed.map(|segment| plan.rendition_micros(rendition, segment)).sum();
    (u64::try_from(time) == Ok(total)).then_some(found)
}

/// Bytes of a packet of MPEG-TS: pictures begin and end with one.
const PACKET: u64 = 188;

const RANGE: &str = "#EXT-X-BYTERANGE:";

/// Length and start of `length@start`.
fn range(text: &str) -> Option<(u64, u64)> {
    let (length, start) = text.split_once('@')?;
    Some((length.parse().ok()?, start.parse().ok()?))
}

/// Microseconds of `6.000000,`.
fn micros(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.strip_suffix(',')?.split_once('.')?;
    let (seconds, micros): (i64, i64) = (seconds.parse().ok()?, fraction.parse().ok()?);
    (fraction.len() == 6).then(|| seconds.checked_mul(1_000_000)?.checked_add(micros)).flatten()
}
