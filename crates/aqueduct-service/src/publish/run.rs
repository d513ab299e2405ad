//! A run from its first read to its last put.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use aqueduct::Plan;
use aqueduct::plan::{MULTIVARIANT_KEY, PLAN_KEY, RenditionId};
use aqueduct::playlist::Measured;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::Publish;
use super::existing::{self, Found, Sizes};
use super::playlists;
use super::schedule::Column;
use super::segments::Job;
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::report::Report;

pub(super) async fn run(publish: Publish, observer: Observer, cancel: CancellationToken) -> Result<Report> {
    let started = Instant::now();
    let Publish { engine, destination, threads, overwrite } = publish;
    let plan = Arc::clone(engine.plan());
    let phase = |phase| observer(Event::Phase { phase });

    phase(Phase::Opening);
    let store = Arc::new(Store::new(unless(&cancel, destination.open()).await?));
    let (found, sizes) = unless(&cancel, existing::look(&store, &plan)).await?;
    let sizes = match found {
        Found::Same if !overwrite => sizes,
        Found::Empty => {
            unless(&cancel, begin(&store, &plan, &observer)).await?;
            Sizes::new()
        }
        found if overwrite => {
            phase(Phase::Deleting);
            unless(&cancel, existing::clear(&store, &found, &plan, &sizes)).await?;
            unless(&cancel, begin(&store, &plan, &observer)).await?;
            Sizes::new()
        }
        found => return Err(existing::conflict(&found, store.url(), "")),
    };

    let mut work = Work::new(&plan, &sizes);
    observer(Event::Started {
        destination: store.url().to_owned(),
        total_segments: work.total,
        existing_segments: work.total - work.missing,
        existing_bytes: work.bytes.iter().flatten().sum(),
        frames: work.frames,
    });
    if !work.columns.is_empty() {
        phase(Phase::Segments);
        let job = Job {
            store: &store,
            engine: &*engine,
            threads: &threads,
            columns: std::mem::take(&mut work.columns),
            frames: work.frames,
            observer: &observer,
            cancel: &cancel,
        };
        for stored in job.run().await? {
            work.store(stored.rendition, stored.segment, stored.bytes);
        }
    }

    phase(Phase::Playlists);
    let measured = Measured::new(&plan, work.bytes)?;
    unless(&cancel, playlists::store_all(&store, &plan, &sizes, &measured, &observer)).await?;
    let report = Report::new(store.url_of(MULTIVARIANT_KEY), &plan, &measured, &work.made, started.elapsed());
    observer(Event::Finished(report.clone()));
    Ok(report)
}

/// Puts the plan where none is, and makes sure that it is this run's: another may have begun at the same time.
async fn begin(store: &Store, plan: &Plan, observer: &Observer) -> Result<()> {
    let text = Bytes::from(plan.to_json()?);
    let bytes = text.len() as u64;
    store.put_first(PLAN_KEY, text).await?;
    existing::confirm(store, plan, "that began at the same time").await?;
    observer(Event::Stored { key: PLAN_KEY.to_owned(), bytes });
    Ok(())
}

/// `work`, or an error once `cancel` is called. None of it leaves half an object when it is dropped.
async fn unless<T>(cancel: &CancellationToken, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => {
            Err(Error::new(ErrorKind::Cancelled, "stopped; run the same command again to go on from there"))
        }
        result = work => result,
    }
}

/// What there is and what is missing, segment by segment.
struct Work {
    /// Bytes of every segment of every rendition; 0 for what is not there.
    bytes: Vec<Vec<u64>>,
    /// Segments made in this run, by rendition.
    made: Vec<u64>,
    /// What is to be made.
    columns: Vec<Column>,
    /// Segments in all, and those that are missing.
    total: u64,
    missing: u64,
    /// Frames of the missing segments.
    frames: u64,
}

impl Work {
    fn new(plan: &Plan, sizes: &Sizes) -> Self {
        let ids: Vec<RenditionId> = plan.renditions().iter().map(|rendition| rendition.id).collect();
        let bytes_at = |rendition, segment| {
            plan.segment_key(rendition, segment).and_then(|key| sizes.get(&key).copied()).unwrap_or(0)
        };
        let bytes: Vec<Vec<u64>> = ids
            .iter()
            .map(|&id| (0..plan.segments()).map(|segment| bytes_at(id, segment)).collect())
            .collect();
        let mut work = Self {
            made: vec![0; ids.len()],
            total: ids.len() as u64 * u64::from(plan.segments()),
            bytes,
            columns: Vec::new(),
            missing: 0,
            frames: 0,
        };
        for segment in 0..plan.segments() {
            // An object without a byte is no segment: some stores leave one when a put breaks off.
            let is_missing =
                |column: &&Vec<u64>| column.get(segment as usize).is_some_and(|&bytes| bytes == 0);
            let renditions: Vec<_> = ids
                .iter()
                .zip(&work.bytes)
                .filter(|(_, column)| is_missing(column))
                .map(|(&id, _)| id)
                .collect();
            if !renditions.is_empty() {
                let frames = match plan.video {
                    Some(_) => plan.frames(segment),
                    None => plan.audio_units(segment),
                };
                work.missing += renditions.len() as u64;
                work.frames += (frames.end - frames.start) * renditions.len() as u64;
                work.columns.push(Column { segment, renditions });
            }
        }
        work
    }

    fn store(&mut self, rendition: RenditionId, segment: u32, bytes: u64) {
        let position = rendition.0 as usize;
        if let Some(place) = self.bytes.get_mut(position).and_then(|column| column.get_mut(segment as usize))
        {
            *place = bytes;
        }
        if let Some(made) = self.made.get_mut(position) {
            *made += 1;
        }
    }
}
