//! The command as its users meet it: what it prints, where, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod bad_input;
mod check;
mod gate;
mod help;
mod index;
mod memory;
mod modes;
mod package;
mod publish;
mod spared;
mod support;
mod tell;
mod usage;
mod without_av;
