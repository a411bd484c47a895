//! An edge: a cache in front of an origin, which serves the same addresses.

pub mod rooms;
mod trail;

pub use trail::{EdgeId, Looped, Trail};
