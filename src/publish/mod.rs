//! Videos as players see them: playlists over chunks, growing while the
//! chunks are rendered.

mod driver;
pub mod live;
mod lookahead;
pub mod playlists;
pub mod registry;
mod state;
pub mod timing;
mod track;
pub mod video;

pub use registry::{Publisher, TooManyVideos};
pub use state::{ChunkState, RenderMode, VideoStatus};
pub use video::{NewVideo, Video};
