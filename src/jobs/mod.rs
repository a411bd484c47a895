//! Work that nobody watches.

pub mod batch;
pub mod rows;
