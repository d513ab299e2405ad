//! Segments that are decoded, scaled and encoded.
