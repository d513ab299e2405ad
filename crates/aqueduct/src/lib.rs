//! Aqueduct turns video into HLS.

#![cfg_attr(not(feature = "av"), forbid(unsafe_code))]

pub mod error;
pub mod index;
pub mod media;
pub mod mux;
pub mod plan;
pub mod playlist;
pub mod source;
pub mod time;
