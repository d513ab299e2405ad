//! A segment of MPEG-2 TS, taken apart.

use std::collections::{BTreeMap, BTreeSet};

use super::faults::Faults;
use crate::check::model::{Container, Contents, Medium, Track, key_times};
use crate::check::rule::Level;
use crate::check::table::audio::{AU_CONFIG, AU_DRIFT};
use crate::check::table::iframes::IF_SINGLE;
use crate::check::table::timing::{TM_DTS, TM_GAP};
use crate::check::table::ts::*;
use crate::media::avc;
use crate::mux::ts::{self, Elementary, Kind, PACKET, ReadUnit, Reading, StreamType};

const CLOCK: u32 = 90_000;
const WRAP: i64 = 1 << 33;
/// hls.js bridges holes up to 0.1 s.
const HOLE: i64 = 9_000;
/// Times of each stream come at least every 700 ms (ISO/IEC 13818-1 §2.7.4).
const STAMPS: i64 = 63_000;

/// Reads a segment. `tables` are packets with PAT and PMT from EXT-X-MAP, or none.
/// Units have their bytes where `keeps` says so.
pub(super) fn segment(
    body: &[u8],
    tables: &[u8],
    keeps: bool,
    faults: &mut Faults,
) -> Option<(Contents, Reading)> {
    let joined;
    let bytes = if tables.is_empty() {
        body
    } else {
        joined = [tables, body].concat();
        &joined
    };
    let reading = match if keeps { ts::read(bytes) } else { ts::survey(bytes) } {
        Ok(reading) => reading,
        Err(error) => {
            faults.add(&TS_SYNC, 0, error.message());
            return None;
        }
    };
    let first = reading.streams.iter().find(|stream| stream.kind == StreamType::H264);
    let first_idr = first.and_then(|stream| stream.units.iter().find(|unit| unit.idr));
    let first_idr = first_idr.map(|unit| unit.offset);
    for finding in &reading.findings {
        translate(finding, &reading, first_idr, tables.len() as u64, faults);
    }
    if reading.more_findings > 0 {
        faults.add(&TS_SYNC, None, format!("{} more faults are not listed", reading.more_findings));
    }
    if tables.is_empty() && !reading.pat.is_empty() && !reading.pmt.is_empty() {
        let first = (reading.pat.first().copied(), reading.pmt.first().copied());
        if first != (Some(0), Some(PACKET as u64)) {
            let message = "the first two packets are not PAT and PMT";
            faults.add(&TS_PATPMT_FIRST, 0, message);
        }
    }
    for stream in &reading.streams {
        if stream.kind == StreamType::H265 {
            let message = "HEVC is in a transport stream; HLS has it in fMP4 only";
            faults.add(&TS_STREAMTYPE, reading.pmt.first().copied(), message);
        } else if let StreamType::Other(kind) = stream.kind {
            let message = format!("stream type {kind:#04x} is none of HLS");
            faults.add(&TS_STREAMTYPE, reading.pmt.first().copied(), message);
        }
    }
    let tracks = reading.streams.iter().filter_map(|stream| track(stream, faults)).collect();
    let counters = counters(body, bytes, &reading);
    Some((Contents { counters, ..Contents::new(Container::Ts, tracks) }, reading))
}

/// Reads what an I-frame playlist points at. `tables` are packets with the PAT and PMT of the resource.
pub(super) fn iframe(body: &[u8], tables: &[u8], faults: &mut Faults) -> Option<(Contents, Reading)> {
    let joined = [tables, body].concat();
    let reading = ts::read(&joined).ok()?;
    let video = reading.streams.iter().find(|stream| stream.kind == StreamType::H264)?;
    let others = reading.streams.iter().filter(|stream| stream.pid != video.pid);
    match video.units.as_slice() {
        [one] if one.idr || one.random_access => {}
        [_] => faults.add(&IF_SINGLE, 0, "the picture is no key picture"),
        units => faults.add(&IF_SINGLE, 0, format!("the range holds {} pictures, not one", units.len())),
    }
    if others.map(|stream| stream.units.len()).sum::<usize>() > 0 {
        faults.add(&IF_SINGLE, 0, "the range holds more than its picture: another stream");
    }
    let tracks = reading.streams.iter().filter_map(|stream| track(stream, &mut Faults::default())).collect();
    Some((Contents::new(Container::Ts, tracks), reading))
}

/// The packets of the tables at the start of a resource, as far as `head` has them.
pub(super) fn tables(head: &[u8]) -> Vec<u8> {
    let Ok(reading) = ts::survey(head) else { return Vec::new() };
    let last = reading.pmt.first().copied().unwrap_or(0);
    let (packets, _) = head.as_chunks::<PACKET>();
    // The tables stand together; what is before the PMT and no table is left out.
    let mut wanted = Vec::new();
    for (at, packet) in packets.iter().enumerate() {
        let offset = (at * PACKET) as u64;
        if reading.pat.contains(&offset) || reading.pmt.contains(&offset) {
            wanted.extend_from_slice(packet);
        }
        if offset >= last {
            break;
        }
    }
    wanted
}

fn translate(
    finding: &ts::Finding,
    reading: &Reading,
    first_idr: Option<u64>,
    base: u64,
    faults: &mut Faults,
) {
    let stream = reading.streams.iter().find(|stream| Some(stream.pid) == finding.pid);
    let is_video = stream.is_some_and(|stream| matches!(stream.kind, StreamType::H264 | StreamType::H265));
    let first_mark = reading.pcrs.first().map(|mark| mark.offset);
    let rule = match finding.kind {
        Kind::Sync => &TS_SYNC,
        Kind::Packet => &TS_TEI,
        Kind::Continuity => &TS_CC,
        Kind::Table => &TS_PSI_CRC,
        // Which packets come first is looked at apart.
        Kind::TablesFirst if !reading.pmt.is_empty() => return,
        Kind::TablesFirst => &TS_PATPMT,
        Kind::Program if finding.pid == Some(0) => &TS_PROGRAM,
        Kind::Program if stream.is_some() => &AU_CONFIG,
        Kind::Program => &TS_PMT_STABLE,
        // Marks that are too far apart are told at the later one.
        Kind::Clock
            if reading.pcrs.iter().any(|mark| mark.offset == finding.offset)
                && first_mark != Some(finding.offset) =>
        {
            &TS_PCR_GAP
        }
        Kind::Clock => &TS_PCR,
        Kind::ClockLead => &TS_PCR_LEAD,
        // A picture that does begin there, without the mark that says so, plays everywhere.
        Kind::Alignment if is_video && begins_there(stream, finding.offset) => {
            let message = format!("{} (PID {:#x})", finding.message, finding.pid.unwrap_or_default());
            let offset = finding.offset.saturating_sub(base);
            faults.add_as(Level::Note, &TS_PES_WHOLE, offset, message);
            return;
        }
        Kind::Pes | Kind::Alignment => &TS_PES_WHOLE,
        Kind::Times => {
            let unit = |unit: &ReadUnit| unit.offset == finding.offset && unit.pts.is_none();
            if stream.is_some_and(|stream| stream.units.iter().any(unit)) { &TS_PTS } else { &TM_DTS }
        }
        Kind::Delimiter => &TS_AUD,
        Kind::ParameterSets => {
            if first_idr.is_some_and(|first| finding.offset > first) {
                return;
            }
            &TS_PARAMSETS
        }
        // Sound may be marked too (ISO/IEC 13818-1 §2.4.3.5).
        Kind::RandomAccess if !is_video => return,
        Kind::RandomAccess => &TS_RAI,
        // Metadata comes when there is some.
        Kind::Empty
            if stream
                .is_none_or(|stream| matches!(stream.kind, StreamType::Metadata | StreamType::Other(_))) =>
        {
            return;
        }
        Kind::Empty => &TS_PMT_STABLE,
    };
    let message = match finding.pid {
        Some(pid) => format!("{} (PID {pid:#x})", finding.message),
        None => finding.message.clone(),
    };
    faults.add(rule, finding.offset.saturating_sub(base), message);
}

/// Whether a PES packet begins with a start code.
fn begins_there(stream: Option<&Elementary>, offset: u64) -> bool {
    let unit = stream.and_then(|stream| stream.units.iter().find(|unit| unit.offset == offset));
    unit.is_some_and(|unit| unit.begins)
}

fn track(stream: &Elementary, faults: &mut Faults) -> Option<Track> {
    let medium = match stream.kind {
        StreamType::H264 | StreamType::H265 => Medium::Video,
        StreamType::Mpeg1Audio
        | StreamType::Mpeg2Audio
        | StreamType::AacAdts
        | StreamType::Ac3
        | StreamType::Eac3 => Medium::Audio,
        _ => return None,
    };
    let codec = match stream.kind {
        StreamType::H264 => stream.sps.as_ref().map(avc::Sps::codec_string),
        StreamType::H265 => Some("hvc1".to_owned()),
        StreamType::AacAdts => stream.aac.map(|config| config.codec_string()),
        StreamType::Ac3 => Some("ac-3".to_owned()),
        StreamType::Eac3 => Some("ec-3".to_owned()),
        _ => Some("mp4a.40.34".to_owned()),
    };
    let timed = stream.units.iter().filter_map(|unit| Some((unit.pts?, unit.dts.or(unit.pts)?)));
    let mut times = Vec::with_capacity(stream.units.len());
    let origin = timed.clone().next()?.1 as i64;
    let near = |time: u64| origin + (time as i64 - origin + WRAP / 2).rem_euclid(WRAP) - WRAP / 2;
    times.extend(timed.map(|(pts, dts)| (near(pts), near(dts))));
    let steps = times.windows(2).filter_map(|pair| Some(pair.get(1)?.1 - pair.first()?.1));
    let configured = stream.aac.map_or(0, |config| {
        i64::from(config.unit_samples()) * i64::from(CLOCK) / i64::from(config.sample_rate.max(1))
    });
    let longest = steps.clone().max().unwrap_or(configured).max(0);
    let last_step = if configured > 0 { configured } else { steps.clone().next_back().unwrap_or(0).max(0) };
    if medium == Medium::Audio {
        for (step, unit) in steps.zip(&stream.units) {
            if step > configured + HOLE {
                let message = format!("the sound has a hole of {:.3} s", step as f64 / f64::from(CLOCK));
                faults.add(&TM_GAP, unit.offset, message);
            }
        }
        drift(stream, &times, configured, faults);
    }
    stamps(stream, &times, faults);
    let mut shown: Vec<i64> = times.iter().map(|(pts, _)| *pts).collect();
    shown.sort_unstable();
    let shown_steps = shown.windows(2).filter_map(|pair| Some(pair.get(1)? - pair.first()?));
    let first = stream.units.first()?;
    let sps = stream.sps.as_ref();
    let first_pts = *shown.first()?;
    let keys = stream.units.iter().filter(|unit| unit.key && medium == Medium::Video);
    let keys = key_times(first_pts, CLOCK, keys.filter_map(|unit| unit.pts).map(near));
    Some(Track {
        id: stream.pid.into(),
        medium,
        codec,
        clock: CLOCK,
        wraps: true,
        first_dts: origin,
        end_dts: times.last()?.1 + last_step,
        first_pts,
        end_pts: shown.last()? + last_step,
        longest,
        shortest: shown_steps.filter(|step| *step > 0).min().unwrap_or(0),
        units: stream.units.len() as u64,
        starts_with_key: stream.kind != StreamType::H264 || first.idr,
        has_key: stream.units.iter().any(|unit| unit.key),
        keys,
        size: sps.map(|sps| super::size(sps.width, sps.height, sps.sample_aspect_ratio)),
        range: sps.map(|sps| sps.colour.video_range()),
        channels: stream.aac.and_then(|config| config.channels()).map(u16::from),
        rate: stream.aac.map(|config| config.sample_rate),
        samples: 0,
        last_pts: *shown.last()?,
        keyless: if stream.kind == StreamType::H264 {
            keyless(stream, &near, times.last()?.1 + last_step)
        } else {
            0
        },
        is_interlaced: sps.is_some_and(|sps| !sps.frame_mbs_only),
        is_spatial: None,
    })
}

/// AAC that leaves the clock of its own samples by more than a frame; holes are told apart.
fn drift(stream: &Elementary, times: &[(i64, i64)], frame: i64, faults: &mut Faults) {
    let Some(config) = stream.aac.filter(|_| frame > 0 && times.len() == stream.units.len()) else { return };
    let (mut base, mut counted) = (times.first().map_or(0, |(pts, _)| *pts), 0_i64);
    let mut last = base - frame;
    for ((pts, _), unit) in times.iter().zip(&stream.units) {
        let samples = counted * i64::from(config.unit_samples());
        let off = pts - base - samples * i64::from(CLOCK) / i64::from(config.sample_rate.max(1));
        if off.abs() > frame {
            if pts - last <= frame + HOLE {
                let message = format!("the sound is {:.3} s off its samples", off as f64 / f64::from(CLOCK));
                faults.add(&AU_DRIFT, unit.offset, message);
            }
            (base, counted) = (*pts, 0);
        }
        last = *pts;
        counted += 1;
    }
}

/// Times in PES headers come often enough, where units lie between them.
fn stamps(stream: &Elementary, times: &[(i64, i64)], faults: &mut Faults) {
    if times.len() != stream.units.len() {
        return;
    }
    let mut last: Option<(usize, i64)> = None;
    for (at, ((_, dts), unit)) in
        times.iter().zip(&stream.units).enumerate().filter(|(_, (_, unit))| unit.stamped)
    {
        if let Some((before, time)) = last
            && before + 1 < at
            && dts - time > STAMPS
        {
            let message = format!("times are {:.3} s apart", (dts - time) as f64 / f64::from(CLOCK));
            faults.add(&TS_PTS, unit.offset, message);
        }
        last = Some((at, *dts));
    }
}

/// The longest time from one key picture to the next, or to `end`, in decoding order.
fn keyless(stream: &Elementary, near: &impl Fn(u64) -> i64, end: i64) -> i64 {
    let keys = stream.units.iter().filter(|unit| unit.key);
    let times = keys.filter_map(|unit| unit.dts.or(unit.pts)).map(near).chain([end]);
    let (mut longest, mut last) = (0, None);
    for time in times {
        longest = longest.max(last.map_or(0, |last| time - last));
        last = Some(time);
    }
    longest
}

/// The first and last counter of the payloads of each PID: of tables and streams. The others are none of the segment's.
/// `bytes` are those that were read, tables of EXT-X-MAP included.
fn counters(body: &[u8], bytes: &[u8], reading: &Reading) -> Vec<(u16, u8, u8)> {
    let (packets, _) = body.as_chunks::<PACKET>();
    let counter_of = |packet: &[u8; PACKET]| {
        let [0x47, high, low, flags, ..] = *packet else { return None };
        let pid = u16::from_be_bytes([high & 0x1f, low]);
        (flags & 0x10 != 0 && high & 0x80 == 0).then_some((pid, flags & 0x0f))
    };
    let base = bytes.len() - body.len();
    // Where the last one ends; one in EXT-X-MAP is none of the segment's.
    let of_table = |at: &Vec<u64>| {
        let at = usize::try_from(*at.last()?).ok().filter(|at| *at >= base)?;
        bytes.get(at..)?.first_chunk().and_then(counter_of)
    };
    let tables: Vec<_> = [&reading.pat, &reading.pmt].into_iter().filter_map(of_table).collect();
    let streams = reading.streams.iter().filter(|stream| stream.packets > 0).map(|stream| stream.pid);
    let streams: BTreeSet<u16> = streams.collect();
    // From either end, until each was seen: tables stand first and streams take turns, so that is soon.
    let seen = |packets: &mut dyn Iterator<Item = &[u8; PACKET]>, wanted: &BTreeSet<u16>| {
        let mut seen = BTreeMap::new();
        for (pid, counter) in packets.filter_map(counter_of).filter(|(pid, _)| wanted.contains(pid)) {
            seen.entry(pid).or_insert(counter);
            if seen.len() == wanted.len() {
                break;
            }
        }
        seen
    };
    let mut last = seen(&mut packets.iter().rev(), &streams);
    last.extend(tables);
    let first = seen(&mut packets.iter(), &last.keys().copied().collect());
    first.into_iter().filter_map(|(pid, first)| Some((pid, first, *last.get(&pid)?))).collect()
}
