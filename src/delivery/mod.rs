//! The one way to a chunk: cache, else render.
//!
//! Readers ask here with a spec and a priority; they get a fragment that may
//! still be growing. What to render is decided by the cache (once per key, for
//! all who ask), when by the render queue.

mod fetching;
mod file_orders;
mod files;
mod make;
mod movie;
mod origin;
mod planner;
mod recipe;

pub use file_orders::{FileError, FileOrder, FileOrders, MAKE_DEADLINE, MAX_ORDERS, Making};
pub use files::{FileStore, KeptFile, MAX_FOLDER_BYTES};
pub use make::MAX_FILE_BYTES;
pub use movie::{Movie, MovieError};
pub use planner::{Plan, PlanError, Planner};
pub use recipe::Recipe;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::try_join_all;
use thiserror::Error;

use crate::cache::{Access, Asker, CacheError, FillError, FragmentCache, Outcome, Presence};
use crate::chunk::{ChunkKey, ChunkSpec, ReuseClass};
use crate::cmaf::{
    self, AudioConfig, AudioTrack, CmafError, Colours, Track, VideoConfig, VideoTrack,
};
use crate::digest::Digest;
use crate::media::aac_config;
use crate::offload::Class;
use crate::partition::{PlacedChunk, TrackKind};
use crate::profile::{AudioProfile, VideoProfile};
use crate::render::{RenderPool, SharedLayers, Urgency};

/// Why a chunk cannot be had.
#[derive(Debug, Error)]
pub enum DeliveryError {
    /// The cache gives none: too much at once, or shutting down.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Rendering it failed.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// Its bytes are not what they should be.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
    /// The audio profile is none that AAC knows.
    #[error("AAC has no sample rate of {0} Hz")]
    SampleRate(u32),
}

impl DeliveryError {
    /// Whether another try might well go better soon: nothing was wrong with what
    /// was asked for.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Cache(CacheError::Busy { .. } | CacheError::ShuttingDown) => true,
            Self::Cache(CacheError::Fill(error)) | Self::Fill(error) => error.is_passing(),
            Self::Cache(CacheError::Store(_)) | Self::Cmaf(_) | Self::SampleRate(_) => false,
        }
    }
}

/// A chunk as a reader asks for it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its key.
    pub key: ChunkKey,
    /// What it is made of, should it have to be rendered.
    pub spec: Arc<ChunkSpec>,
    /// Which of its layers other recipients' chunks share, if they are asked
    /// for about now.
    pub shared: SharedLayers,
    /// Who else may ask for it.
    pub class: ReuseClass,
    /// Whose traffic a request for it is.
    pub traffic: Arc<Class>,
}

impl Wanted {
    /// This chunk, for one recipient, as traffic of no class.
    pub fn of(chunk: &PlacedChunk) -> Self {
        Self {
            key: chunk.key,
            spec: Arc::new(chunk.spec.clone()),
            shared: SharedLayers::default(),
            class: if chunk.dynamic {
                ReuseClass::Personal
            } else {
                ReuseClass::Shared
            },
            traffic: Class::none(),
        }
    }
}

/// The initialisation segment of a track.
#[derive(Clone, Debug)]
pub struct Init {
    /// By which it is asked for.
    pub name: Digest,
    /// The track that it describes.
    pub track: Track,
    /// `ftyp` and `moov`.
    pub segment: Bytes,
}

/// A handle on the way to chunks; clones share it.
#[derive(Clone)]
pub struct Delivery {
    shared: Arc<Shared>,
}

struct Shared {
    cache: FragmentCache,
    pool: RenderPool,
    file_orders: FileOrders,
    /// A track has one init segment, made once; there are few.
    inits: Mutex<HashMap<Digest, Init>>,
}

/// The most init segments remembered.
const MAX_INITS: usize = 1000;

impl Delivery {
    /// Delivers from `cache`, rendering misses in `pool`; files that are not put
    /// together from chunks are kept in `files`.
    pub fn new(cache: FragmentCache, pool: RenderPool, files: FileStore) -> Self {
        // What streams wait for is not to stand still for them.
        let at_a_time = pool.load().2.div_ceil(2);
        let file_orders = FileOrders::new(Arc::clone(pool.renderer()), files, at_a_time);
        Self {
            shared: Arc::new(Shared {
                cache,
                pool,
                file_orders,
                inits: Mutex::default(),
            }),
        }
    }

    /// The cache behind it.
    pub fn cache(&self) -> &FragmentCache {
        &self.shared.cache
    }

    /// The render threads behind it.
    pub fn pool(&self) -> &RenderPool {
        &self.shared.pool
    }

    /// Files that are not put together from chunks.
    pub fn files(&self) -> &FileOrders {
        &self.shared.file_orders
    }

    /// The chunk, from the cache or rendered; perhaps still growing. A chunk
    /// that waits to be rendered becomes at least this urgent. Who drops it wants it
    /// no more: what nobody wants is not rendered.
    pub async fn chunk(
        &self,
        wanted: &Wanted,
        urgency: impl Into<Urgency>,
    ) -> Result<Access, DeliveryError> {
        self.access(wanted, urgency.into(), Asker::Client).await
    }

    /// The same for nobody yet: it is rendered ahead of whoever asks for it.
    pub async fn chunk_ahead(
        &self,
        wanted: &Wanted,
        urgency: impl Into<Urgency>,
    ) -> Result<Access, DeliveryError> {
        self.access(wanted, urgency.into(), Asker::Ahead).await
    }

    async fn access(
        &self,
        wanted: &Wanted,
        urgency: Urgency,
        asker: Asker,
    ) -> Result<Access, DeliveryError> {
        let source = origin::RenderSource {
            shared: Arc::clone(&self.shared),
            wanted: wanted.clone(),
            urgency,
            asker,
        };
        let access = self.shared.cache.get_or_fill(wanted.key, source).await?;
        // Only what another reader asked for can be waiting with less urgency;
        // a hit never is, and must not cost a look through the queue.
        if access.outcome == Outcome::Coalesced {
            self.shared.pool.promote(&wanted.key, urgency.priority);
        }
        Ok(access)
    }

    /// The chunk if it is complete; renders nothing.
    pub async fn complete(&self, key: &ChunkKey) -> Result<Option<Access>, DeliveryError> {
        Ok(self.shared.cache.get(key, &Class::other()).await?)
    }

    /// Where the chunk is now; renders nothing and counts as no request. What a disk that
    /// fails does not tell of is absent: whoever wants it then has it made.
    pub async fn presence(&self, key: &ChunkKey) -> Result<Presence, DeliveryError> {
        match self.shared.cache.peek(key).await {
            Err(CacheError::Store(error)) => {
                tracing::warn!(%key, %error, "it is not known whether a chunk is there");
                Ok(Presence::Absent)
            }
            looked => Ok(looked?),
        }
    }

    /// The init segment called `name`, if it was made since the start.
    pub fn init_named(&self, name: &Digest) -> Option<Init> {
        self.known().get(name).cloned()
    }

    /// The init segment of all video chunks of `profile`.
    pub async fn video_init(&self, profile: &VideoProfile) -> Result<Init, DeliveryError> {
        let name = profile.init_key();
        if let Some(init) = self.init_named(&name) {
            return Ok(init);
        }
        let (renderer, wanted) = (Arc::clone(self.shared.pool.renderer()), profile.clone());
        let learn = move || {
            renderer
                .avc_config(&wanted)
                .map_err(FillError::source_failed)
        };
        let cache = &self.shared.cache;
        let avcc = cache
            .get_small_or_fill(&format!("avcc/{name}"), None, learn)
            .await?;
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        let (width, height) = (side(profile.width), side(profile.height));
        let track = Track::Video(VideoTrack {
            timescale: profile.timescale(),
            width,
            height,
            config: VideoConfig::Avc(avcc),
            colours: Colours::BT709,
        });
        self.remember(name, track)
    }

    /// The init segment of all audio chunks of `profile`.
    pub fn audio_init(&self, profile: &AudioProfile) -> Result<Init, DeliveryError> {
        let name = profile.init_key();
        if let Some(init) = self.init_named(&name) {
            return Ok(init);
        }
        let timescale = profile.sample_rate.get();
        let asc = aac_config(profile).ok_or(DeliveryError::SampleRate(timescale))?;
        let track = AudioTrack {
            timescale,
            channels: profile.channels,
            config: AudioConfig::Aac(asc),
            bitrate: profile.bitrate,
        };
        self.remember(name, Track::Audio(track))
    }

    /// The init segments of all tracks of `plan`.
    pub async fn inits(&self, plan: &Plan) -> Result<Vec<(TrackKind, Init)>, DeliveryError> {
        let init = |kind: TrackKind| async move {
            let init = match (kind, &plan.timeline.audio) {
                (TrackKind::Audio, Some(profile)) => self.audio_init(profile)?,
                _ => self.video_init(plan.video_profile(kind)).await?,
            };
            Ok((kind, init))
        };
        try_join_all(plan.kinds().map(init)).await
    }

    fn remember(&self, name: Digest, track: Track) -> Result<Init, DeliveryError> {
        let init = Init {
            name,
            segment: cmaf::init_segment(&track)?,
            track,
        };
        let mut inits = self.known();
        if inits.len() >= MAX_INITS {
            inits.clear();
        }
        inits.insert(name, init.clone());
        Ok(init)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Init>> {
        self.shared
            .inits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
