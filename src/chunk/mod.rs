//! The chunk: the unit that is rendered, cached and published.

mod class;
mod describe;
pub mod encode;
pub mod key;
pub mod part;
pub mod spec;

pub use class::ReuseClass;
pub use describe::{Difference, Property};
pub use key::ChunkKey;
pub use part::{ChunkMeta, Part, PartMeta};
pub use spec::{
    AudioSpec, ChunkSpec, LIMITER_AHEAD_FRAMES, LIMITER_PAST_FRAMES, LOOKAHEAD_FRAMES,
    PREROLL_FRAMES, VideoSpec,
};
