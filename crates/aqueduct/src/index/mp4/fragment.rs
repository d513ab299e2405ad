//! Movie fragments (ISO/IEC 14496-12 §8.8): `moof` with the runs of its tracks.

use mp4_atom::{Tfdt, Tfhd};

use super::boxes::Node;
use super::track::{Budget, Draft, Movie, Sample};
use crate::error::{Error, Result};
use crate::index::TrackKind;

/// `sample_is_non_sync_sample`, and the lower bit of `sample_depends_on` (§8.8.3.1): needs others.
const NOT_A_KEY: u32 = 0x0001_0000 | 0x0100_0000;

/// Adds the samples of the fragment `moof`, which starts at offset `start` of the source.
pub(super) fn read(movie: &mut Movie, moof: Node<'_>, start: u64) -> Result<()> {
    let path = "moof";
    // §8.8.7.1: data of the first track is based on the fragment, of later ones on where the one before ended.
    let mut data = start;
    let mut number = 0;
    for child in moof.children(0) {
        let child = child?;
        if child.kind != *b"traf" {
            continue;
        }
        let path = format!("{path}/traf[{number}]");
        number += 1;
        let header: Tfhd = child.must(b"tfhd", &path)?.atom(&path)?;
        let Some(draft) = movie.tracks.iter_mut().find(|draft| draft.track_id == header.track_id) else {
            continue;
        };
        draft.has_fragments = true;
        let base = match (header.base_data_offset, header.default_base_is_moof) {
            (Some(base), _) => base,
            (None, true) => start,
            (None, false) => data,
        };
        if let Some(tfdt) = child.child(b"tfdt", &path)? {
            let time = tfdt.atom::<Tfdt>(&path)?.base_media_decode_time;
            draft.next_time = i64::try_from(time).ok().filter(|time| *time < 1 << 60).ok_or_else(|| {
                Error::corrupt(format!("{path}/tfdt: the time {time} is damaged")).at_offset(tfdt.at)
            })?;
        }
        let track = draft.track.id;
        let place = Place { path: &path, base, defaults: Defaults::of(&header, draft) };
        data = runs(child, &place, draft, &mut movie.budget).map_err(|error| error.in_track(track))?;
    }
    Ok(())
}

struct Place<'a> {
    path: &'a str,
    base: u64,
    defaults: Defaults,
}

/// What holds for samples that say nothing themselves: `tfhd`, else `trex`.
struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

impl Defaults {
    fn of(header: &Tfhd, draft: &Draft) -> Self {
        let movie = draft.defaults.as_ref();
        Self {
            duration: header
                .default_sample_duration
                .or(movie.map(|defaults| defaults.default_sample_duration))
                .unwrap_or(0),
            size: header
                .default_sample_size
                .or(movie.map(|defaults| defaults.default_sample_size))
                .unwrap_or(0),
            flags: header
                .default_sample_flags
                .or(movie.map(|defaults| defaults.default_sample_flags))
                .unwrap_or(0),
        }
    }
}

/// Adds all runs of a track fragment; returns where its data ends.
fn runs(traf: Node<'_>, place: &Place<'_>, draft: &mut Draft, budget: &mut Budget) -> Result<u64> {
    let mut data = place.base;
    for child in traf.children(0) {
        let child = child?;
        if child.kind == *b"trun" {
            data = run(child, place, data, draft, budget)?;
        }
    }
    Ok(data)
}

/// Adds one run (§8.8.8); `data` is where it starts unless it says so; returns where it ends.
///
/// Not by `mp4-atom`: a run may list as many samples as the whole track has, and would be copied.
fn run(trun: Node<'_>, place: &Place<'_>, data: u64, draft: &mut Draft, budget: &mut Budget) -> Result<u64> {
    let mut fields = trun.fields(place.path);
    let (_, flags) = fields.full()?;
    let count = fields.u32()?;
    let has = |bit: u32| flags & bit != 0;
    let mut data = data;
    if has(0x1) {
        let offset = fields.u32()?.cast_signed();
        data = place
            .base
            .checked_add_signed(offset.into())
            .ok_or_else(|| fields.corrupt("its data starts before the source does"))?;
    }
    let first_flags = if has(0x4) { Some(fields.u32()?) } else { None };
    let width = 4 * [0x100, 0x200, 0x400, 0x800].into_iter().filter(|bit| has(*bit)).count();
    let mut list = fields;
    fields.entries(count, width)?;
    // Without bytes of its own anywhere a sample would cost nothing to list, and any number could be claimed.
    if count > 1 && width == 0 && place.defaults.size == 0 {
        return Err(fields.corrupt(format!("it lists {count} samples without a byte")));
    }
    let is_audio = matches!(draft.track.kind, TrackKind::Audio(_));
    for position in 0..count {
        let mut field = |bit: u32| if has(bit) { list.u32().map(Some) } else { Ok(None) };
        let duration = field(0x100)?.unwrap_or(place.defaults.duration);
        let bytes = field(0x200)?.unwrap_or(place.defaults.size);
        let own_flags = field(0x400)?;
        let composition_offset = field(0x800)?.unwrap_or(0).cast_signed().into();
        let first = first_flags.filter(|_| position == 0);
        let sample_flags = first.or(own_flags).unwrap_or(place.defaults.flags);
        let sample = Sample {
            dts: draft.next_time,
            composition_offset,
            duration,
            bytes,
            offset: data,
            key: is_audio || sample_flags & NOT_A_KEY == 0,
        };
        draft.push(sample, budget)?;
        data = data.saturating_add(bytes.into());
    }
    Ok(data)
}
