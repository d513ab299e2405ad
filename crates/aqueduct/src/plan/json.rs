//! `plan.json`: one plan, one text.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};
use sha2::{Digest, Sha256};

use super::{Decisions, FORMAT_VERSION, Plan, check};
use crate::error::{Error, ErrorKind, Result};

impl Plan {
    /// The plan as `plan.json`: indented, lists on one line, ending in a line feed. The same plan always gives the
    /// same bytes.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut json = Vec::new();
        let mut serializer =
            serde_json::Serializer::with_formatter(&mut json, Layout(PrettyFormatter::new()));
        Decisions::serialize(self, &mut serializer)
            .map_err(|cause| Error::internal("the plan cannot be written as JSON").with_cause(cause))?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads what [`Plan::to_json`] wrote, in any layout, and holds it against every law of a plan.
    ///
    /// Fails with [`ErrorKind::Mismatch`] when another version of the format made it, and with
    /// [`ErrorKind::Corrupt`] when it is not JSON, misses or adds a field, or breaks a law.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let corrupt = |cause: serde_json::Error| Error::corrupt("plan.json cannot be read").with_cause(cause);
        let written: serde_json::Value = serde_json::from_slice(json).map_err(corrupt)?;
        // The version comes first: the fields of another version may well be others.
        match written.get("format_version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(version) => {
                let message =
                    format!("plan.json has format version {version}, this library makes {FORMAT_VERSION}");
                return Err(Error::new(ErrorKind::Mismatch, message));
            }
            None => return Err(Error::corrupt("plan.json has no format version")),
        }
        let decisions: Decisions = serde_json::from_slice(json).map_err(corrupt)?;
        // What reading dropped or changed would no longer be what decides the bytes.
        let read = serde_json::to_value(&decisions).map_err(corrupt)?;
        if read != written {
            return Err(Error::corrupt(
                "plan.json says things that a plan does not say, or says them in another form",
            ));
        }
        check::plan(decisions)
    }

    /// SHA-256 of [`Plan::to_json`] in lower-case hexadecimal: equal plans have equal digests.
    pub fn digest(&self) -> Result<String> {
        let json = self.to_json()?;
        Ok(Sha256::digest(&json).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// serde_json's pretty layout, but with lists on one line: cuts are many and short.
struct Layout(PrettyFormatter<'static>);

impl Formatter for Layout {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}
