//! Videos as players see them: playlists over chunks, growing while the
//! chunks are rendered.

pub mod live;
pub mod playlists;
pub mod registry;
pub mod video;

pub use registry::{Publisher, TooManyVideos};
pub use video::{ChunkState, NewVideo, RenderMode, Video, VideoStatus};
