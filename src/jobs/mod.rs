//! Work that nobody watches: batches, orders on their way to be videos, callbacks.

pub mod batch;
pub mod callbacks;
mod cuts;
pub mod orders;
pub mod rows;
