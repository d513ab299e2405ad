//! All that is known before the first byte is made.

use std::fmt;

use aqueduct::index::Oddity;
use aqueduct::plan::SourceCopy;
use aqueduct::{Plan, Presentation};
use serde::Serialize;

use crate::exit::Failure;
use crate::input::Input;
use crate::output::Console;

/// Inputs and what will be made of them.
pub(crate) struct Prepared {
    pub(crate) inputs: Vec<Input>,
    pub(crate) presentation: Presentation,
    pub(crate) warnings: Vec<Warning>,
    /// What became of the source's own video, where there was a choice.
    pub(crate) source_copy: Option<SourceCopy>,
}

impl Prepared {
    pub(crate) fn plan(&self) -> &Plan {
        self.presentation.plan()
    }

    /// Tells what a careful person wants to know about the inputs; none of it stops the work.
    pub(crate) fn warn(&self, console: &Console) -> Result<(), Failure> {
        self.warnings.iter().try_for_each(|warning| console.warning(warning))
    }
}

/// Something odd, and in which input where there are several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Warning {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<String>,
    #[serde(flatten)]
    pub(crate) oddity: Oddity,
}

impl From<Oddity> for Warning {
    fn from(oddity: Oddity) -> Self {
        Self { input: None, oddity }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.input {
            Some(input) => write!(f, "{input}: {}", self.oddity),
            None => self.oddity.fmt(f),
        }
    }
}
