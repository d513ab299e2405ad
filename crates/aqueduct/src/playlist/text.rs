//! The text of a playlist, line by line.

use std::fmt::{self, Write};

use super::Measured;
use crate::plan::{Decisions, Files, RenditionId};

pub(super) struct Text(String);

impl Text {
    /// A playlist that needs this version (RFC 8216bis §4.4.1, §8).
    pub(super) fn new(version: u32) -> Self {
        Self(format!("#EXTM3U\n#EXT-X-VERSION:{version}\n"))
    }

    pub(super) fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    /// EXT-X-MAP (RFC 8216bis §4.4.4.5), where segments need one.
    pub(super) fn map(&mut self, plan: &Decisions, measured: Option<&Measured>, rendition: RenditionId) {
        let Some(file) = plan.init_file() else { return };
        match (plan.files, measured) {
            (Files::Single, Some(measured)) => {
                let bytes = measured.init_bytes(rendition);
                self.line(format_args!("#EXT-X-MAP:URI=\"{file}\",BYTERANGE=\"{bytes}@0\""));
            }
            _ => self.line(format_args!("#EXT-X-MAP:URI=\"{file}\"")),
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
