//! The rules of decoding by themselves: a stand-in for decoders tells what it is told to tell. No FFmpeg is needed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod check_world;

use std::collections::BTreeSet;
use std::sync::Arc;

use aqueduct::check::{Options, Report, check};
use aqueduct::error::ErrorKind;
use aqueduct::media::{Codec, CodedStream, CodedUnit, Decode, Decoded, Decoder};
use aqueduct::mux::fmp4;
use aqueduct::plan::{AudioLayout, Container, Files};
use aqueduct::{Error, Result};
use check_world::{BASE, World, packaged};

/// What the stand-in does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// It knows no pictures.
    Refuses,
    /// This picture stays away.
    Loses(u64),
    /// This picture is damaged.
    Damages(u64),
    /// A fresh decoder gives other pictures.
    Differs,
    /// Pictures come out as they are decoded, not as they are shown.
    Disorders,
    /// Of each frame of sound a tenth is missing.
    Shortens,
}

#[derive(Debug)]
struct Stand {
    fault: Fault,
    /// When each picture is shown.
    times: Arc<Vec<i64>>,
}

struct Under {
    fault: Fault,
    times: Arc<Vec<i64>>,
    is_video: bool,
    rate: u32,
    /// How many units there were.
    units: u64,
    /// Pictures that did not come out yet.
    kept: Vec<(u64, Option<u64>)>,
}

impl Decode for Stand {
    fn open(&self, stream: &CodedStream) -> Result<Box<dyn Decoder>> {
        let is_video = stream.codec == Codec::H264;
        if self.fault == Fault::Refuses && is_video {
            return Err(Error::new(ErrorKind::Unsupported, "there is no decoder"));
        }
        let (fault, times) = (self.fault, Arc::clone(&self.times));
        Ok(Box::new(Under { fault, times, is_video, rate: stream.sample_rate, units: 0, kept: Vec::new() }))
    }
}

impl Decoder for Under {
    fn decode(&mut self, unit: &CodedUnit<'_>, take: &mut dyn FnMut(Decoded)) {
        let number = unit.number;
        if !self.is_video {
            let samples = if self.fault == Fault::Shortens { 921 } else { 1024 };
            return take(Decoded::Sound { samples, rate: self.rate });
        }
        match self.fault {
            Fault::Damages(at) if at == number => {
                take(Decoded::Damaged { number, reason: "a bit is red".to_owned() });
            }
            Fault::Loses(at) if at == number => return,
            _ => {}
        }
        self.units += 1;
        let state = if self.fault == Fault::Differs { self.units } else { 0 };
        self.kept.push((number, unit.wants_digest.then(|| unit.bytes.len() as u64 + state)));
        // A few are kept back, so that they come out in the order in which they are shown.
        if self.kept.len() > 8 {
            self.first(take);
        }
    }

    fn finish(&mut self, take: &mut dyn FnMut(Decoded)) {
        while !self.kept.is_empty() {
            self.first(take);
        }
    }
}

impl Under {
    fn first(&mut self, take: &mut dyn FnMut(Decoded)) {
        if self.fault != Fault::Disorders {
            self.kept.sort_by_key(|(number, _)| self.times[*number as usize]);
        }
        let (number, digest) = self.kept.remove(0);
        take(Decoded::Picture { number, digest });
    }
}

fn world() -> World {
    packaged("plain-25.mp4", Container::Fmp4, AudioLayout::Separate, Files::Segments)
}

fn told(fault: Fault) -> (Vec<&'static str>, Report) {
    let world = world();
    let text = world.text("master.m3u8");
    let playlist = text.lines().find(|line| !line.starts_with('#')).unwrap();
    let folder = playlist.trim_end_matches("index.m3u8");
    let init = fmp4::read_init(&world.bytes(&format!("{folder}init.mp4"))).unwrap();
    let mut times = Vec::new();
    for uri in world.text(playlist).lines().filter(|line| line.ends_with(".m4s")) {
        let reading = fmp4::read(&world.bytes(&format!("{folder}{uri}")), &init).unwrap();
        times.extend(reading.samples(init.tracks[0].id).map(|sample| sample.pts));
    }
    assert_eq!(times.len(), 125);
    let mut options = Options::default();
    options.decode = Some(Arc::new(Stand { fault, times: Arc::new(times) }));
    let report = check(&world, &format!("{BASE}master.m3u8"), &options).unwrap();
    let ids: BTreeSet<_> = report.findings.iter().map(|finding| finding.rule.id).collect();
    (ids.into_iter().filter(|id| id.starts_with("DE-")).collect(), report)
}

#[test]
fn each_fault_is_told_by_its_rule_with_its_place() {
    for (fault, expected) in [
        (Fault::None, vec![]),
        (Fault::Loses(30), vec!["DE-COUNT"]),
        (Fault::Damages(30), vec!["DE-ERROR"]),
        (Fault::Differs, vec!["DE-ALONE"]),
        (Fault::Disorders, vec!["DE-SEAM"]),
        (Fault::Shortens, vec!["DE-COUNT"]),
    ] {
        let (ids, report) = told(fault);
        assert_eq!(ids, expected, "{fault:?}: {:#?}", report.findings);
        assert!(report.decoded && report.skipped.is_empty(), "{:?}", report.skipped);
        for finding in report.findings.iter().filter(|finding| finding.rule.id.starts_with("DE-")) {
            let place = &finding.place;
            assert!(place.segment.is_some() && place.offset.is_some() && place.time.is_some(), "{finding:?}");
        }
    }
}

#[test]
fn what_no_decoder_knows_is_told_as_not_checked() {
    let (ids, report) = told(Fault::Refuses);
    assert!(ids.is_empty());
    let said = &report.skipped[0];
    assert!(said.what.contains("pictures of ") && said.reason == "there is no decoder", "{said:?}");
}

#[test]
fn nothing_is_decoded_unless_it_is_asked_for() {
    let report = check(&world(), &format!("{BASE}master.m3u8"), &Options::default()).unwrap();
    assert!(!report.decoded);
}
