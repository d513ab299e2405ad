//! Publishes HLS presentations: everything of Aqueduct that touches storage.
//!
//! A [`Destination`] is a folder or a prefix in a bucket. [`Publish`] makes what is missing there, in parallel
//! on all cores, and stores it in an order in which nobody ever sees a playlist that names a missing segment:
//! plan, init sections, segments, media playlists, multivariant playlist. Before that last one the presentation is held to
//! the rules of HLS ([`Verify`]): one that breaks them is not shown. There is no progress file: what exists at its key is
//! done, so a run that was stopped is finished by running it again.
//!
//! A [`StoreSource`] is a film that lies in a bucket.
//!
//! A [`CheckTarget`] is a presentation, ours or anybody's, to hold to the rules of [`aqueduct::check`] where it lies.
//!
//! What it is not: it decides no byte. Bytes come from [`aqueduct`], whose segments are a pure function of
//! source and plan; who makes one, where and when, changes nothing.
//!
//! ```no_run
//! # async fn example(presentation: aqueduct::Presentation) -> Result<(), aqueduct_service::Error> {
//! use std::sync::Arc;
//! use aqueduct_service::{CancellationToken, Destination, Publish, StoreOptions};
//!
//! let destination = Destination::parse("s3://videos/tears", &StoreOptions::from_env())?;
//! let report = Publish::new(presentation, destination)
//!     .run(Arc::new(|event| println!("{event:?}")), CancellationToken::new())
//!     .await?;
//! println!("{} ({} segments made, {} reused)", report.url, report.made, report.reused);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod check;
mod destination;
mod error;
mod event;
mod keys;
mod profile;
mod publish;
mod report;
mod source;
mod verdict;

pub use check::{CheckTarget, FetchOptions, decoders};
pub use destination::{Destination, Secret, StoreOptions, respelled};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Observer, Phase};
pub use object_store;
pub use profile::{PartReport, ProfileReport, SegmentProfile};
pub use publish::Publish;
pub use report::{RenditionReport, Report};
pub use source::StoreSource;
pub use tokio_util::sync::CancellationToken;
pub use verdict::{Verdict, Verify};
