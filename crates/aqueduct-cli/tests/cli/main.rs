//! The command as its users meet it: what it prints, where, and how it ends.

mod bad_input;
mod help;
mod publish;
mod support;
mod tell;
mod usage;
