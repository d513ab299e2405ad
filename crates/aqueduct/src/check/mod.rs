//! Conformance of HLS presentations: the rules of RFC 8216bis, of players, and of Apple's authoring specification.
//!
//! [`check`] reads a presentation through a [`Fetch`] and tells where it breaks which [`Rule`]. It knows no network, no
//! files and no clock; it never panics on what it reads, and its work is bounded by [`Limits`]. The same presentation gives
//! the same [`Report`], byte for byte. What was not checked is told ([`Report::skipped`], [`Report::unchecked`]) and never
//! counts as passed.
//!
//! [`Watch`] follows live playlists over time, driven by whoever has a clock.
//!
//! It decodes where it is given something that does ([`Options::decode`]), and then tells whether all of it comes out,
//! whole and in time.
//!
//! What it is not: a player.
//!
//! ```
//! use aqueduct::check::{Nothing, Options, Overlay, check};
//!
//! # fn main() -> aqueduct::Result<()> {
//! // Anything that implements `Fetch`; here the presentation is in memory.
//! let mut film = Overlay::<Nothing>::default();
//! film.put("https://example.com/index.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:7,\n0.ts\n#EXT-X-ENDLIST\n");
//! film.put("https://example.com/0.ts", vec![0x47; 188]);
//! let report = check(&film, "https://example.com/index.m3u8", &Options::default())?;
//! assert_eq!(report.findings[0].rule.id, "MP-TARGETDURATION");
//! assert_eq!(report.findings[0].place.line, Some(4));
//! # Ok(())
//! # }
//! ```
//!
//! # The way of a check
//!
//! | step | module | what it does |
//! | --- | --- | --- |
//! | read | `read` | lines and tags of one playlist, with all faults of syntax |
//! | model | `model` | variants, segments, keys, as rules look at them |
//! | rules of text | `rules` | what playlists decide by themselves |
//! | look | `look` | asks for every segment, takes it apart (`look::apart`), fills the `Facts` of segments |
//! | decode | `look::decode` | where it is asked for: a playlist's segments one after the other, on one thread |
//! | rules of facts | `rules::measured` | what needs the facts of all segments |
//!
//! # To add a rule that looks into the bytes of segments
//!
//! A segment is looked at by itself, on any thread, in any order: `look::segments` gets each one's answer and writes what it
//! learns into its `Facts` (`model/segment.rs`). So memory holds one body for each thread, and results do not depend on
//! order. A rule of one segment's bytes reports from there. A rule that holds segments against each other, against EXTINF
//! or against another variant is a function over `Presentation` in `rules/`, called from `rules::measured`, and reads
//! facts only:
//!
//! 1. Move the rule in `table/` from `unchecked` to the rules of its group.
//! 2. Learn it in `look/ts.rs` or `look/fmp4.rs`, which read with the readers of `mux`, and add a field to `Contents`
//!    (`model/contents.rs`).
//! 3. Report: in `look` what is wrong inside one segment (`Faults`), in `rules/` what is wrong between segments.
//! 4. Add the bad presentation to `tests/check_segments`, and run `UPDATE_DOCS=1 cargo test -p aqueduct --test check_rules`.

mod checker;
mod fetch;
mod finding;
mod findings;
mod html;
mod keys;
mod look;
mod memory;
mod model;
mod options;
mod page;
mod parallel;
mod rates;
mod read;
mod report;
mod rule;
mod rules;
mod table;
mod timeline;
mod watch;

pub use checker::check;
pub use fetch::{Answer, Fetch, FetchError, FetchErrorKind, Http, Request, Want};
pub use finding::{Finding, Place};
pub use html::html;
pub use keys::Keys;
pub use memory::{Nothing, Overlay};
pub use options::{Depth, Limits, Options, Weight};
pub use page::page;
pub use report::{Moment, PlaylistReport, Report, Skipped, Totals, WatchedReport};
pub use rule::{Level, Profile, Requirement, Rule, Unchecked};
pub use watch::{Ask, Watch};
