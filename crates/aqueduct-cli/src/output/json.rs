//! JSON lines.

use serde::Serialize;

use crate::exit::{Exit, Failure};

/// A value with the name of its event before its own fields.
#[derive(Debug, Serialize)]
pub(super) struct Tagged<'a, T> {
    pub(super) event: &'static str,
    #[serde(flatten)]
    pub(super) fields: &'a T,
}

/// `value` on one line.
pub(super) fn line(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut line = serde_json::to_vec(value).map_err(|error| {
        Failure::new(Exit::Software, "internal", "a result cannot be written").because(error.to_string())
    })?;
    line.push(b'\n');
    Ok(line)
}
