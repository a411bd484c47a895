//! The videos that can be asked for, and what their chunks are made of.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use thiserror::Error;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cache::Access;
use crate::chunk::{ChunkKey, Difference};
use crate::delivery::{Delivery, DeliveryError, FileError, Wanted};
use crate::publish::lookahead::Place;
use crate::publish::state::RenderMode;
use crate::publish::video::{NewVideo, Video};
use crate::render::Priority;

/// The most videos that are remembered; the oldest that is not being rendered goes first.
/// Its chunks stay in the cache.
pub const MAX_VIDEOS: usize = 1000;

/// The most chunks of all remembered videos together.
pub const MAX_CHUNKS: usize = 500_000;

/// All remembered videos are still being rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} videos are being rendered, as many as may")]
pub struct TooManyVideos(pub usize);

/// Why a plan was not published.
#[derive(Debug, Error)]
pub enum PublishError {
    /// Too much at once.
    #[error(transparent)]
    TooMany(#[from] TooManyVideos),
    /// The encoder's configuration cannot be had.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Its files cannot be made now.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A handle on the published videos; clones share them.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    delivery: Delivery,
    stopping: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    videos: HashMap<Uuid, Arc<Video>>,
    oldest_first: VecDeque<Uuid>,
    /// What each chunk is made of, and which videos have it where.
    specs: HashMap<ChunkKey, Spec>,
}

struct Spec {
    wanted: Wanted,
    /// The newest last.
    uses: Vec<Use>,
}

/// A chunk's place in a video.
struct Use {
    video: Weak<Video>,
    id: Uuid,
    place: Place,
}

/// The most videos that a request for a chunk they share is told to; the newest are.
const MAX_TOLD: usize = 16;

impl Publisher {
    /// Publishes videos whose chunks come from `delivery`.
    pub fn new(delivery: Delivery) -> Self {
        Self {
            shared: Arc::new(Shared {
                delivery,
                stopping: CancellationToken::new(),
                state: Mutex::default(),
            }),
        }
    }

    /// The way to chunks.
    pub fn delivery(&self) -> &Delivery {
        &self.shared.delivery
    }

    /// Has no further chunk rendered ahead; those that are being rendered go on.
    pub fn stop(&self) {
        self.shared.stopping.cancel();
        self.shared.delivery.files().stop();
    }

    /// Whether that was said.
    pub fn is_stopping(&self) -> bool {
        self.shared.stopping.is_cancelled()
    }

    /// Publishes a video, and has its chunks rendered if they are wanted ahead.
    pub async fn publish(&self, mut new: NewVideo) -> Result<Arc<Video>, PublishError> {
        let (delivery, wanted) = (&self.shared.delivery, new.mode);
        if !new.plan.output.format.is_chunks() {
            // Nobody has asked for chunks; whoever looks at a stream of it does.
            new.mode = RenderMode::OnDemand;
        }
        let mode = new.mode;
        // The first picture does not wait for the init segment, which may have
        // to be learnt from an encoder.
        let (inits, opening) = tokio::join!(delivery.inits(&new.plan), self.opening(&new));
        let stopping = self.shared.stopping.child_token();
        let video = Video::new(new, inits?, opening?, delivery.clone(), stopping);
        let video = Arc::new(video);
        self.remember(&video)?;
        if wanted == RenderMode::Ahead
            && let Err(error) = video.order_files()
        {
            self.forget(&video.id);
            return Err(error.into());
        }
        if mode == RenderMode::Ahead {
            video.start();
        }
        Ok(video)
    }

    async fn opening(&self, new: &NewVideo) -> Result<Option<Access>, DeliveryError> {
        match new.plan.partition.video.first() {
            Some(chunk) if new.mode == RenderMode::Ahead => {
                let wanted = Wanted {
                    traffic: new.traffic(),
                    ..Wanted::of(chunk)
                };
                let access = self.shared.delivery.chunk_ahead(&wanted, Priority::Viewer);
                access.await.map(Some)
            }
            _ => Ok(None),
        }
    }

    fn remember(&self, video: &Arc<Video>) -> Result<(), TooManyVideos> {
        let mut state = self.state();
        state.make_room(chunk_count(video))?;
        for (place, wanted) in wanted(video) {
            let spec = state.specs.entry(wanted.key).or_insert_with(|| Spec {
                wanted: wanted.clone(),
                uses: Vec::new(),
            });
            spec.uses.push(Use {
                video: Arc::downgrade(video),
                id: video.id,
                place,
            });
        }
        state.oldest_first.push_back(video.id);
        state.videos.insert(video.id, Arc::clone(video));
        Ok(())
    }

    /// The video of this id.
    pub fn video(&self, id: &Uuid) -> Option<Arc<Video>> {
        self.state().videos.get(id).cloned()
    }

    /// The newest videos, the newest first.
    pub fn newest(&self, count: usize) -> Vec<Arc<Video>> {
        let state = self.state();
        state
            .oldest_first
            .iter()
            .rev()
            .take(count)
            .filter_map(|id| state.videos.get(id).cloned())
            .collect()
    }

    /// What the chunk is made of, if a remembered video has it. A player asks for
    /// it: the videos that are watched are told where.
    pub fn requested(&self, key: &ChunkKey) -> Option<Wanted> {
        let state = self.state();
        let spec = state.specs.get(key)?;
        let wanted = spec.wanted.clone();
        let newest = spec.uses.iter().rev().take(MAX_TOLD);
        let told: Vec<(Arc<Video>, Place)> = newest
            .filter_map(|used| Some((used.video.upgrade()?, used.place)))
            .filter(|(video, _)| video.is_watched())
            .collect();
        drop(state);
        for (video, place) in told {
            video.watched_at(place);
        }
        Some(wanted)
    }

    /// The properties in which two chunks differ, as far as remembered videos have both:
    /// `layer.name`, or the name where it is of the chunk as a whole.
    pub fn differences(&self, first: &ChunkKey, second: &ChunkKey) -> Vec<String> {
        let specs = {
            let state = self.state();
            let spec = |key| {
                state
                    .specs
                    .get(key)
                    .map(|spec| Arc::clone(&spec.wanted.spec))
            };
            spec(first).zip(spec(second))
        };
        let Some((first, second)) = specs else {
            return Vec::new();
        };
        let named = |difference: &Difference| match &difference.layer {
            Some(layer) => format!("{layer}.{}", difference.name),
            None => difference.name.to_owned(),
        };
        first.differences(&second).iter().map(named).collect()
    }

    /// Forgets a video, and renders nothing more for it; says whether there was
    /// one. Its chunks stay in the cache.
    pub fn forget(&self, id: &Uuid) -> bool {
        let mut state = self.state();
        let Some(video) = state.videos.remove(id) else {
            return false;
        };
        state.oldest_first.retain(|known| known != id);
        state.forget_chunks(&video);
        drop(state);
        video.stop();
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The maps are changed together under the lock, by code that does not panic.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make_room(&mut self, chunks: usize) -> Result<(), TooManyVideos> {
        let full = |state: &Self| {
            state.videos.len() >= MAX_VIDEOS || state.specs.len() + chunks > MAX_CHUNKS
        };
        while full(self) && !self.videos.is_empty() {
            let finished = |id: &Uuid| self.videos.get(id).is_none_or(|video| !video.is_busy());
            let place = self
                .oldest_first
                .iter()
                .position(finished)
                .ok_or(TooManyVideos(self.videos.len()))?;
            let Some(id) = self.oldest_first.remove(place) else {
                break;
            };
            if let Some(video) = self.videos.remove(&id) {
                self.forget_chunks(&video);
            }
        }
        Ok(())
    }

    fn forget_chunks(&mut self, video: &Video) {
        for (_, wanted) in wanted(video) {
            if let Some(spec) = self.specs.get_mut(&wanted.key) {
                spec.uses.retain(|used| used.id != video.id);
                if spec.uses.is_empty() {
                    self.specs.remove(&wanted.key);
                }
            }
        }
    }
}

fn wanted(video: &Video) -> impl Iterator<Item = (Place, &Wanted)> {
    video.kinds().flat_map(|kind| {
        let wanted = video.wanted(kind).iter().enumerate();
        wanted.map(move |(index, wanted)| ((kind, index), wanted))
    })
}

fn chunk_count(video: &Video) -> usize {
    wanted(video).count()
}
