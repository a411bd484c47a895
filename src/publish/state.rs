//! The words for how far chunks and videos are.

use serde::{Deserialize, Serialize};

use crate::chunk::PartMeta;

/// How far a chunk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkState {
    /// Not asked for yet.
    Pending,
    /// Not asked for yet, but in the cache when last looked.
    Stored,
    /// Being rendered; these parts are there.
    Rendering(Vec<PartMeta>),
    /// There. `render_ms` is set if it was rendered for this video.
    Ready {
        /// Its parts.
        parts: Vec<PartMeta>,
        /// How long rendering took; `None` for one that was in the cache.
        render_ms: Option<u32>,
    },
    /// It could not be rendered.
    Failed(String),
}

impl ChunkState {
    /// The word for it in reports.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Rendering(_) => "rendering",
            Self::Stored
            | Self::Ready {
                render_ms: None, ..
            } => "hit",
            Self::Ready {
                render_ms: Some(_), ..
            } => "rendered",
            Self::Failed(_) => "failed",
        }
    }

    /// The parts that are there.
    pub fn parts(&self) -> &[PartMeta] {
        match self {
            Self::Rendering(parts) | Self::Ready { parts, .. } => parts,
            Self::Pending | Self::Stored | Self::Failed(_) => &[],
        }
    }
}

/// When a video's chunks are rendered.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RenderMode {
    /// At once, in the order in which they are watched.
    #[default]
    Ahead,
    /// When a player asks for them.
    OnDemand,
}

/// How a video is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoStatus {
    /// Chunks are missing, and rendered as players ask for them.
    OnDemand,
    /// Chunks are still to come.
    Rendering,
    /// Files are still to be made, of the chunks or beside them.
    Saving,
    /// All is there.
    Done,
    /// A chunk could not be rendered, or a file not be made.
    Failed,
}

impl VideoStatus {
    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Rendering => "rendering",
            Self::Saving => "saving",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}
