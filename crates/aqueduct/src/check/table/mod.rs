//! The table of rules: one file for each group, and in it what is checked and what is not.

pub(super) mod alignment;
pub(super) mod apple;
pub(super) mod audio;
pub(super) mod decoding;
pub(super) mod encryption;
pub(super) mod fmp4;
pub(super) mod iframes;
pub(super) mod live;
pub(super) mod low_latency;
pub(super) mod media;
pub(super) mod metadata;
pub(super) mod multivariant;
pub(super) mod players;
pub(super) mod steering;
pub(super) mod syntax;
pub(super) mod text;
pub(super) mod timing;
pub(super) mod ts;

use super::rule::{Rule, Unchecked};

/// Rules that belong together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) rules: &'static [&'static Rule],
    pub(super) unchecked: &'static [Unchecked],
}

/// All groups in the order of the rules' page.
pub(super) const GROUPS: &[&Group] = &[
    &syntax::GROUP,
    &media::GROUP,
    &multivariant::GROUP,
    &timing::GROUP,
    &alignment::GROUP,
    &ts::GROUP,
    &fmp4::GROUP,
    &audio::GROUP,
    &decoding::GROUP,
    &text::GROUP,
    &encryption::GROUP,
    &iframes::GROUP,
    &live::GROUP,
    &low_latency::GROUP,
    &steering::GROUP,
    &metadata::GROUP,
    &apple::GROUP,
    &players::GROUP,
];

/// Why most rules that are not checked are not.
pub(super) const BYTES: &str = "needs more of the bytes of segments than is looked at yet";

/// Writes the rules of a group down: `NAME = "ID" Requirement Profile "section", "statement", "fix";`, with `open "…"`
/// before the semicolon where a part is not checked; then `!unchecked`, and each `"ID" Requirement Profile "statement",
/// reason;`.
macro_rules! group {
    (
        $title:literal
        $($name:ident = $id:literal $requirement:ident $profile:ident $section:literal, $statement:literal, $fix:literal
            $(, open $open:expr)?;)*
        !unchecked
        $($other:literal $other_requirement:ident $other_profile:ident $other_statement:literal, $reason:expr;)*
    ) => {
        $(pub(in crate::check) static $name: $crate::check::rule::Rule = $crate::check::rule::Rule {
            id: $id,
            requirement: $crate::check::rule::Requirement::$requirement,
            profile: $crate::check::rule::Profile::$profile,
            statement: $statement,
            fix: $fix,
            section: $section,
            open: concat!("" $(, $open)?),
        };)*

        pub(in crate::check) static GROUP: super::Group = super::Group {
            title: $title,
            rules: &[$(&$name),*],
            unchecked: &[$($crate::check::rule::Unchecked {
                id: $other,
                requirement: $crate::check::rule::Requirement::$other_requirement,
                profile: $crate::check::rule::Profile::$other_profile,
                statement: $other_statement,
                reason: $reason,
            }),*],
        };
    };
}
use group;
