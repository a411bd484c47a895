//! The chunk: the unit that is rendered, cached and published.

pub mod key;
pub mod part;

pub use key::ChunkKey;
pub use part::{ChunkMeta, Part, PartMeta};
