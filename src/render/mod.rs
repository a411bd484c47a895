//! From a [`ChunkSpec`] to encoded parts.
//!
//! What comes out is a pure function of the spec (and of the bytes that it
//! names by digest): no state of the encoder, no seek position, no number of
//! threads reaches the bytes. Nothing here knows the cache, HTTP or playlists;
//! parts go to whoever asked, as they are made.
//!
//! [`ChunkSpec`]: crate::chunk::ChunkSpec

mod audio;
mod base;
mod blend;
mod compose;
mod decoders;
mod frames;
mod key;
mod layer;
mod mark;
mod mask;
mod parts;
mod picture;
mod pictures;
mod place;
mod plane;
mod pool;
mod queue;
mod still;
mod tone;
mod video;
mod warp;

pub use mark::{Mark, MarkPosition};
pub use pool::{Job, MAX_WAITING, PartSink, RenderPool};
pub use queue::{Lane, Priority, QueueFull, Urgency};
pub use still::{StillFormat, small_jpeg};

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;

use crate::chunk::{ChunkSpec, Part};
use crate::cmaf::CmafError;
use crate::media::{AssetLibrary, LibraryError, MediaError, Pace, PcmStore, VideoEncoder};
use crate::profile::VideoProfile;
use crate::raster::Rasteriser;

/// Why a chunk could not be rendered.
#[derive(Clone, Debug, Error)]
pub enum RenderError {
    /// A file is not there, or not what it was.
    #[error("{what}: expected {source}")]
    Asset {
        /// The layer or voice that needs it.
        what: String,
        /// What is wrong with it.
        source: LibraryError,
    },
    /// Decoding or encoding failed.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A picture or text could not be drawn.
    #[error("{what}: {message}")]
    Draw {
        /// The layer.
        what: String,
        /// The reason.
        message: String,
    },
    /// The encoder's output could not be packaged.
    #[error("packaging: {0}")]
    Package(String),
    /// It took longer than it may.
    #[error("rendering took longer than {} seconds", .0.as_secs())]
    Deadline(Duration),
    /// The code that renders has a fault.
    #[error("the renderer panicked: {0}")]
    Panicked(String),
    /// There is no room for more work.
    #[error(transparent)]
    Busy(#[from] QueueFull),
    /// Whoever asked is gone.
    #[error("nobody waits for it any more")]
    Cancelled,
}

impl From<CmafError> for RenderError {
    fn from(error: CmafError) -> Self {
        Self::Package(error.to_string())
    }
}

impl RenderError {
    fn draw(what: &str, error: &impl std::fmt::Display) -> Self {
        Self::Draw {
            what: what.to_owned(),
            message: error.to_string(),
        }
    }
}

/// The longest that one chunk may take. At ten seconds of 4K on a busy
/// machine it takes minutes; what takes longer hangs.
pub const CHUNK_DEADLINE: Duration = Duration::from_secs(600);

/// What rendering one chunk took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenderStats {
    /// From the start of rendering to its end.
    pub elapsed: Duration,
}

/// Which of a chunk's layers, counted from the lowest, other chunks that are
/// rendered about now have too: they are composed once and kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedLayers(pub usize);

/// Renders chunks; used by many threads at once.
pub struct Renderer {
    library: AssetLibrary,
    pcm: PcmStore,
    pictures: pictures::Pictures,
    decoders: decoders::Decoders,
    bases: base::Bases,
}

impl Renderer {
    /// Renders with the files of `library`.
    pub fn new(library: AssetLibrary, pcm: PcmStore, rasteriser: Arc<Rasteriser>) -> Self {
        Self {
            library,
            pcm,
            pictures: pictures::Pictures::new(rasteriser),
            decoders: decoders::Decoders::default(),
            bases: base::Bases::default(),
        }
    }

    /// Renders a chunk, giving `emit` each part as it is made. `emit` ends it
    /// by returning an error.
    pub fn render(
        &self,
        spec: &ChunkSpec,
        shared: SharedLayers,
        emit: &mut dyn FnMut(Part) -> Result<(), RenderError>,
    ) -> Result<RenderStats, RenderError> {
        let started = Instant::now();
        match spec {
            ChunkSpec::Video(spec) => self.video(spec, shared, started, emit)?,
            ChunkSpec::Audio(spec) => self.audio(spec, emit)?,
        }
        Ok(RenderStats {
            elapsed: started.elapsed(),
        })
    }

    /// The AVCDecoderConfigurationRecord of every chunk of this profile: a
    /// black frame is encoded to learn it.
    pub fn avc_config(&self, profile: &VideoProfile) -> Result<Bytes, RenderError> {
        let mut encoder = VideoEncoder::new(profile, Pace::Steady)?;
        encoder.push(blend::black(profile.width, profile.height))?;
        encoder.finish()?;
        while encoder.next_frame()?.is_some() {}
        encoder
            .config()
            .cloned()
            .ok_or_else(|| RenderError::Package("the encoder gave no codec data".into()))
    }
}
