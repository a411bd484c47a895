//! Work that nobody watches.

pub mod batch;
