//! Follows a live presentation: the clock and the network of [`aqueduct::check::Watch`].

use std::sync::Arc;
use std::time::Duration;

use aqueduct::check::{Answer, Ask, FetchError, Options, Report, Request, Watch};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{CheckTarget, Fetcher};
use crate::error::{Error, ErrorKind, Result};

/// What became of an ask: its number, when it was sent and when its answer had come, since the start.
type Done = (u64, Duration, Duration, std::result::Result<Answer, FetchError>);

impl CheckTarget {
    /// Checks it, and follows its live playlists for so long: until they have all ended, or until `stop` is cancelled. The
    /// report has both, what one load tells and what became of it over time.
    ///
    /// What is local or in a bucket is followed the same way, but for what only a server can answer.
    ///
    /// Fails as [`CheckTarget::check`] does.
    pub async fn watch(
        &self,
        options: &Options,
        lasts: Duration,
        stop: &CancellationToken,
    ) -> Result<Report> {
        let mut target = self.clone();
        // The time for everything begins when the watch ends.
        target.fetch.total_timeout = target.fetch.total_timeout.saturating_add(lasts);
        // What one load tells is only known where it was not stopped on the way, and a server may keep it waiting.
        let check = async {
            tokio::select! {
                biased;
                first = target.check_until(options, stop) => Some(first).filter(|_| !stop.is_cancelled()),
                () = stop.cancelled() => None,
            }
        };
        let (watch, first) = tokio::join!(target.follow(options, lasts, stop), check);
        let first = first.transpose()?;
        Ok(watch?.finish(first))
    }

    async fn follow(&self, options: &Options, lasts: Duration, stop: &CancellationToken) -> Result<Watch> {
        let (fetcher, url) = self.clone().settled().await?.open(&Handle::current())?;
        let fetcher = Arc::new(fetcher);
        let mut watch = Watch::new(&url, options)?;
        let started = Instant::now();
        let ends = started.checked_add(lasts);
        let mut asked: JoinSet<Done> = JoinSet::new();
        loop {
            for ask in watch.asks() {
                asked.spawn(answered(Arc::clone(&fetcher), ask, started));
            }
            if watch.is_over() {
                return Ok(watch);
            }
            let over = async {
                match ends {
                    Some(ends) => sleep_until(ends).await,
                    None => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                () = stop.cancelled() => return Ok(watch),
                () = over => return Ok(watch),
                done = asked.join_next() => done,
            };
            let Some(Ok((id, sent, came, answer))) = done else {
                return Err(Error::new(ErrorKind::Internal, "a request of the watch did not end"));
            };
            // Taking a segment apart is work.
            let take = tokio::task::spawn_blocking(move || {
                let taken = watch.answer(id, sent, came, answer);
                (watch, taken)
            });
            let taken = take.await.map_err(|error| {
                Error::new(ErrorKind::Internal, "the watch did not go on").with_cause(error)
            })?;
            watch = taken.0;
            taken.1?;
        }
    }
}

async fn answered(fetcher: Arc<Fetcher>, ask: Ask, started: Instant) -> Done {
    if let Some(at) = started.checked_add(ask.at) {
        sleep_until(at).await;
    }
    let sent = started.elapsed();
    let answer = fetcher.answer(&Request::new(&ask.url, ask.want, ask.limit)).await;
    (ask.id, sent, started.elapsed(), answer)
}
