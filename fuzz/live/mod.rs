//! Live streams that are made up, whole and damaged, and what has to hold of whatever
//! reads them: it never panics, holds no more memory than it is said to, comes to an end,
//! and gives out every frame of a whole stream once and in order.
//!
//! Each target is one function of [`Choices`](super::choices::Choices); it panics where
//! something does not hold.

mod damage;
pub mod dictionary;
pub mod flv;
mod flv_stream;
mod media;
mod memory;
mod multiplexer;
pub mod rtmp;
mod rtmp_encoder;
pub mod segments;
pub mod ts;

/// A target.
pub type Target = fn(&mut super::choices::Choices<'_>);
