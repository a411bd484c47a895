//! One video: its plan, how far each of its chunks is, and the task that has
//! them rendered in the order in which they are watched.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cache::Outcome;
use crate::chunk::PartMeta;
use crate::delivery::{Delivery, Init, Plan, Wanted};
use crate::partition::PlacedChunk;
use crate::publish::playlists::{Targets, TrackKind};
use crate::render::{Priority, SharedLayers};

/// Chunks of one video that are asked for at a time: enough to keep the render
/// threads busy, few enough that one long video does not fill the queue.
const LOOK_AHEAD: usize = 8;

/// The first chunks of each track are somebody's first picture.
const URGENT: usize = 2;

/// How far a chunk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkState {
    /// Not asked for yet.
    Pending,
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
            Self::Ready {
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
            Self::Pending | Self::Failed(_) => &[],
        }
    }
}

/// How a video is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoStatus {
    /// Chunks are still to come.
    Rendering,
    /// All chunks are there.
    Done,
    /// A chunk could not be rendered.
    Failed,
}

impl VideoStatus {
    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rendering => "rendering",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// A published video.
pub struct Video {
    /// By which it is asked for.
    pub id: Uuid,
    /// The shipped template that it was made from.
    pub template: Option<String>,
    /// What it is made of.
    pub plan: Plan,
    /// The longest segment and part of its playlists.
    pub targets: Targets,
    tracks: [Track; 2],
    delivery: Delivery,
    published: Instant,
    first_part: Mutex<Option<Duration>>,
    started: AtomicBool,
    /// Ends rendering ahead.
    stopping: CancellationToken,
    /// Counts changes of any chunk's state.
    changes: watch::Sender<u64>,
}

/// One of the video's tracks.
struct Track {
    init: Option<Init>,
    wanted: Vec<Wanted>,
    states: Mutex<Vec<ChunkState>>,
}

impl Track {
    fn new(chunks: &[PlacedChunk], init: Option<Init>) -> Self {
        let want = |chunk: &PlacedChunk| Wanted {
            key: chunk.key,
            spec: Arc::new(chunk.spec.clone()),
            shared: SharedLayers::default(),
        };
        Self {
            init,
            wanted: chunks.iter().map(want).collect(),
            states: Mutex::new(vec![ChunkState::Pending; chunks.len()]),
        }
    }

    fn states(&self) -> MutexGuard<'_, Vec<ChunkState>> {
        // A state is replaced whole: a panic elsewhere leaves none half changed.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Video {
    /// Publishes `plan`; nothing is rendered before [`start`](Self::start).
    pub fn new(
        template: Option<String>,
        plan: Plan,
        video: Init,
        audio: Option<Init>,
        delivery: Delivery,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            id: Uuid::new_v4(),
            template,
            targets: Targets::of(&plan),
            tracks: [
                Track::new(&plan.partition.video, Some(video)),
                Track::new(&plan.partition.audio, audio),
            ],
            plan,
            delivery,
            published: Instant::now(),
            first_part: Mutex::default(),
            started: AtomicBool::new(false),
            stopping,
            changes: watch::Sender::new(0),
        }
    }

    /// The chunks of a track, at their places.
    pub fn chunks(&self, kind: TrackKind) -> &[PlacedChunk] {
        match kind {
            TrackKind::Video => &self.plan.partition.video,
            TrackKind::Audio => &self.plan.partition.audio,
        }
    }

    /// The chunks of a track, as they are asked for.
    pub fn wanted(&self, kind: TrackKind) -> &[Wanted] {
        &self.track(kind).wanted
    }

    /// The init segment of a track; `None` if the video has no such track.
    pub fn init(&self, kind: TrackKind) -> Option<&Init> {
        self.track(kind).init.as_ref()
    }

    /// How far each chunk of a track is.
    pub fn states(&self, kind: TrackKind) -> Vec<ChunkState> {
        self.track(kind).states().clone()
    }

    /// How the video is doing.
    pub fn status(&self) -> VideoStatus {
        let mut status = VideoStatus::Done;
        for kind in [TrackKind::Video, TrackKind::Audio] {
            for state in self.track(kind).states().iter() {
                match state {
                    ChunkState::Failed(_) => return VideoStatus::Failed,
                    ChunkState::Pending | ChunkState::Rendering(_) => {
                        status = VideoStatus::Rendering
                    }
                    ChunkState::Ready { .. } => {}
                }
            }
        }
        status
    }

    /// Whether chunks are being rendered for it: not before anybody watches it.
    pub fn is_busy(&self) -> bool {
        self.started.load(Ordering::Acquire) && self.status() == VideoStatus::Rendering
    }

    /// From publishing to the first part of the first picture.
    pub fn first_part(&self) -> Option<Duration> {
        *self
            .first_part
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every change of a chunk's state.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Has all chunks rendered, in the order in which they are watched. Only
    /// the first call does anything.
    pub fn start(self: &Arc<Self>) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let video = Arc::clone(self);
        tokio::spawn(async move {
            let mut order = video.order().into_iter();
            let first = order.next();
            let stopping = video.stopping.clone();
            let follow = |(kind, index)| {
                let video = Arc::clone(&video);
                async move { video.follow(kind, index).await }
            };
            // The first picture has the machine to itself.
            let rest = async {
                video.first_part_decided().await;
                stream::iter(order)
                    .map(&follow)
                    .buffered(LOOK_AHEAD)
                    .take_until(stopping.cancelled_owned())
                    .for_each(|()| async {})
                    .await;
            };
            match first {
                Some(first) => drop(tokio::join!(follow(first), rest)),
                None => rest.await,
            }
        });
    }

    /// Waits until the first part of the first picture is there, or will not come.
    async fn first_part_decided(&self) {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            let waiting = self
                .track(TrackKind::Video)
                .states()
                .first()
                .is_some_and(|state| match state {
                    ChunkState::Pending => true,
                    ChunkState::Rendering(parts) => parts.is_empty(),
                    ChunkState::Ready { .. } | ChunkState::Failed(_) => false,
                });
            // Its sender is a member of this video.
            if !waiting || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// All chunks by the time at which they are shown; the first picture first.
    fn order(&self) -> Vec<(TrackKind, usize)> {
        let starts = |kind: TrackKind, timescale: u64| {
            let start = move |(index, chunk): (usize, &PlacedChunk)| {
                (
                    u128::from(chunk.decode_time) * 1_000_000 / u128::from(timescale),
                    kind,
                    index,
                )
            };
            self.chunks(kind).iter().enumerate().map(start)
        };
        let sample_rate = self
            .plan
            .timeline
            .audio
            .as_ref()
            .map_or(1, |audio| audio.sample_rate.get());
        let video = starts(
            TrackKind::Video,
            self.plan.timeline.video.timescale().into(),
        );
        let mut order: Vec<_> = video
            .chain(starts(TrackKind::Audio, sample_rate.into()))
            .collect();
        order.sort_by_key(|(start, kind, _)| (*start, *kind == TrackKind::Audio));
        order
            .into_iter()
            .map(|(_, kind, index)| (kind, index))
            .collect()
    }

    /// Asks for one chunk and keeps its state until it is there.
    async fn follow(&self, kind: TrackKind, index: usize) {
        let priority = if index < URGENT {
            Priority::Viewer
        } else {
            Priority::LookAhead
        };
        let state = match self.read(kind, index, priority).await {
            Ok(state) => state,
            Err(error) => ChunkState::Failed(error.to_string()),
        };
        self.set(kind, index, state);
    }

    async fn read(
        &self,
        kind: TrackKind,
        index: usize,
        priority: Priority,
    ) -> Result<ChunkState, crate::delivery::DeliveryError> {
        let access = self
            .delivery
            .chunk(&self.track(kind).wanted[index], priority)
            .await?;
        let mut parts = Vec::new();
        while let Some(part) = access.fragment.part(parts.len()).await? {
            parts.push(part.meta);
            if kind == TrackKind::Video && index == 0 && parts.len() == 1 {
                let mut first = self
                    .first_part
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                *first = first.or(Some(self.published.elapsed()));
            }
            if access.fragment.complete().is_none() {
                self.set(kind, index, ChunkState::Rendering(parts.clone()));
            }
        }
        let chunk = access.fragment.finished().await?;
        let render_ms = (access.outcome == Outcome::Filled).then_some(chunk.meta.cost_ms);
        Ok(ChunkState::Ready { parts, render_ms })
    }

    fn set(&self, kind: TrackKind, index: usize, state: ChunkState) {
        self.track(kind).states()[index] = state;
        self.changes.send_modify(|changes| *changes += 1);
    }

    const fn track(&self, kind: TrackKind) -> &Track {
        match kind {
            TrackKind::Video => &self.tracks[0],
            TrackKind::Audio => &self.tracks[1],
        }
    }
}
