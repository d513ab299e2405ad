//! A run from its first read to its last put.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use aqueduct::Plan;
use aqueduct::plan::{MULTIVARIANT_KEY, Object, PLAN_KEY};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::Publish;
use super::engine::Engine;
use super::existing::{self, Found, Sizes};
use super::gate::Gate;
use super::segments::Job;
use super::store::Store;
use super::stored;
use super::work::Work;
use super::{playlists, reread};
use crate::destination::Destination;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::keys::CHECK_KEY;
use crate::report::Report;
use crate::verdict::{Verdict, Verify};

pub(super) async fn run(publish: Publish, observer: Observer, cancel: CancellationToken) -> Result<Report> {
    let started = Instant::now();
    let Publish { engine, destination, threads, overwrite, sync, verify } = publish;
    let plan = Arc::clone(engine.plan());
    let phase = |phase| observer(Event::Phase { phase });

    phase(Phase::Opening);
    unless(&cancel, spare(engine.sources(), destination.clone())).await?;
    let store = Arc::new(Store::new(unless(&cancel, destination.open(plan.engine.is_none(), sync)).await?));
    let (found, sizes) = unless(&cancel, existing::look(&store, &plan)).await?;
    let mut sizes = match found {
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

    let inits = inits(&*engine)?;
    let known =
        unless(&cancel, reread::known(&store, &plan, &mut sizes, &lengths(&inits), &observer)).await?;
    let is_complete = known.is_some();
    let key_frames = match is_complete {
        true => stored::KeyFrames::new(),
        false => unless(&cancel, stored::key_frames(&store, &*engine, &mut sizes, &observer)).await?,
    };
    let mut work = Work::new(&plan, &sizes, lengths(&inits), known, key_frames);
    observer(Event::Started {
        destination: store.url().to_owned(),
        total_segments: work.total,
        existing_segments: work.total - work.missing,
        existing_bytes: work.existing_bytes,
        frames: work.frames,
    });
    // Also where no segment is missing: playlists name them.
    if !is_complete {
        unless(&cancel, store_inits(&store, &plan, &mut sizes, &inits, &observer)).await?;
    }
    while !work.columns.is_empty() {
        phase(Phase::Segments);
        let job = Job {
            store: &store,
            engine: &*engine,
            threads: &threads,
            columns: std::mem::take(&mut work.columns),
            segments: work.missing,
            frames: work.frames,
            inits: &inits,
            observer: &observer,
            cancel: &cancel,
        };
        job.run(&mut work).await?;
        let damaged = work.damaged(&plan, &mut sizes);
        if !damaged.is_empty() {
            for key in damaged {
                observer(Event::Damaged { key, why: reread::NOT_AS_LONG.to_owned() });
            }
            let made = std::mem::take(&mut work.made);
            // Only what is copied is made for the sake of comparing: what is stored of encoded segments was read.
            let key_frames = work.key_frames_of_encoded(&plan);
            work = Work::new(&plan, &sizes, lengths(&inits), None, key_frames);
            work.made = made;
        }
    }

    let measured = work.measured(&plan)?;
    let playlists = playlists::all(&plan, &measured)?;
    if !is_complete {
        phase(Phase::Playlists);
        for (key, text) in playlists.iter().filter(|(key, _)| key != MULTIVARIANT_KEY) {
            let text = text.clone();
            unless(&cancel, playlists::store_one(&store, &sizes, key, text, &observer)).await?;
        }
    }
    if verify != Verify::Off {
        phase(Phase::Verifying);
    }
    let gate = Gate {
        verify,
        plan: &plan,
        store: &store,
        destination: &destination,
        jobs: threads.jobs,
        sizes: &sizes,
        playlists: &playlists,
        observer: &observer,
    };
    let verdict = unless(&cancel, gate.verdict()).await?;
    unless(&cancel, show(&gate, verdict.as_ref(), is_complete)).await?;
    let mut report =
        Report::new(store.url_of(MULTIVARIANT_KEY), &plan, &measured, &work.made, started.elapsed());
    report.verdict = verdict;
    report.profile = work.profile.take();
    observer(Event::Finished(report.clone()));
    Ok(report)
}

/// Fails where a source is among what the run would delete or write over.
async fn spare(sources: Vec<String>, destination: Destination) -> Result<()> {
    let looked = move || sources.iter().try_for_each(|source| destination.must_not_hold(source.as_ref()));
    tokio::task::spawn_blocking(looked).await.map_err(|error| {
        Error::new(ErrorKind::Internal, "looking for the sources did not end").with_cause(error)
    })?
}

/// Stores the verdict, and the multivariant playlist behind it unless a rule is broken.
async fn show(gate: &Gate<'_>, verdict: Option<&Verdict>, is_complete: bool) -> Result<()> {
    let Gate { plan, store, sizes, observer, .. } = *gate;
    let mut texts = Vec::new();
    match verdict {
        Some(verdict) => {
            observer(Event::Verified(verdict.clone()));
            texts.push((CHECK_KEY, verdict.to_json()?));
        }
        // What was found in bytes stays until a look at all of them passes: the next run has to know.
        None if gate.was_broken().await? => tracing::warn!(
            "the last look at every byte found errors: {} tells them, and stays until --verify full or structure passes",
            store.url_of(CHECK_KEY)
        ),
        // Another verdict of an earlier run is none of what is shown now.
        None => store.delete(&[CHECK_KEY.to_owned()]).await?,
    }
    let is_broken = verdict.is_some_and(Verdict::is_broken);
    let shown = gate.playlists.iter().find(|(key, _)| key == MULTIVARIANT_KEY);
    texts.extend(shown.filter(|_| !is_broken).map(|(_, text)| (MULTIVARIANT_KEY, text.clone())));
    let mut is_ours = false;
    for (key, text) in texts {
        // Of a complete presentation the multivariant playlist was compared already.
        if is_complete && (key == MULTIVARIANT_KEY || playlists::is_stored(store, sizes, key, &text).await?) {
            continue;
        }
        if !std::mem::replace(&mut is_ours, true) {
            let when = "while this run was under way; its multivariant playlist was not written";
            existing::confirm(store, plan, when).await?;
        }
        playlists::store_one(store, sizes, key, text, observer).await?;
    }
    match verdict.filter(|_| is_broken) {
        None => Ok(()),
        Some(verdict) => {
            let is_shown = sizes.contains_key(MULTIVARIANT_KEY);
            let complaint = verdict.complaint(store.url(), is_shown);
            Err(Error::new(ErrorKind::RulesBroken, complaint).with_verdict(verdict.clone()))
        }
    }
}

/// The init section of each rendition, where its segments need one.
fn inits(engine: &dyn Engine) -> Result<Vec<Option<Bytes>>> {
    let plan = engine.plan();
    let renditions = plan.renditions();
    let needed = renditions.iter().map(|rendition| match plan.init_file() {
        Some(_) => engine.init(rendition.id),
        None => Ok(None),
    });
    Ok(needed.collect::<aqueduct::Result<_>>()?)
}

fn lengths(inits: &[Option<Bytes>]) -> Vec<u64> {
    inits.iter().map(|init| init.as_ref().map_or(0, |init| init.len() as u64)).collect()
}

/// Stores the init sections that are objects of their own and are missing or too short, and notes them in `sizes`.
async fn store_inits(
    store: &Store,
    plan: &Plan,
    sizes: &mut Sizes,
    inits: &[Option<Bytes>],
    observer: &Observer,
) -> Result<()> {
    for (rendition, init) in plan.renditions().iter().zip(inits) {
        let (Some(key), Some(init)) = (plan.key(Object::Init(rendition.id)), init) else { continue };
        let bytes = init.len() as u64;
        if sizes.get(&key) != Some(&bytes) {
            store.put(&key, vec![init.clone()]).await?;
            sizes.insert(key.clone(), bytes);
            observer(Event::Stored { key, bytes });
        }
    }
    Ok(())
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
