//! One video: its plan, how far each of its chunks is, and the task that has
//! them rendered in the order in which they are watched.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cache::{Access, Outcome, Presence};
use crate::chunk::PartMeta;
use crate::delivery::{Delivery, DeliveryError, Init, Plan, Wanted};
use crate::partition::PlacedChunk;
use crate::publish::playlists::{Targets, TrackKind};
use crate::render::Priority;

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
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
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
    /// All chunks are there.
    Done,
    /// A chunk could not be rendered.
    Failed,
}

impl VideoStatus {
    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Rendering => "rendering",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// What is to be published.
pub struct NewVideo {
    /// The shipped template that it was made from.
    pub template: Option<String>,
    /// What it is made of.
    pub plan: Plan,
    /// When its chunks are rendered.
    pub mode: RenderMode,
    /// When it was asked for.
    pub received: Instant,
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
    received: Instant,
    /// The first picture, asked for before the video was there.
    opening: Mutex<Option<Access>>,
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
        Self {
            init,
            wanted: chunks.iter().map(Wanted::of).collect(),
            states: Mutex::new(vec![ChunkState::Pending; chunks.len()]),
        }
    }

    fn states(&self) -> MutexGuard<'_, Vec<ChunkState>> {
        lock(&self.states)
    }
}

impl Video {
    /// A video whose tracks begin with these init segments; `opening` is its first
    /// picture's chunk, if it was asked for already.
    pub fn new(
        new: NewVideo,
        video: Init,
        audio: Option<Init>,
        opening: Option<Access>,
        delivery: Delivery,
        stopping: CancellationToken,
    ) -> Self {
        let NewVideo {
            template,
            plan,
            received,
            ..
        } = new;
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
            received,
            opening: Mutex::new(opening),
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
        let missing = if self.started() {
            VideoStatus::Rendering
        } else {
            VideoStatus::OnDemand
        };
        let mut status = VideoStatus::Done;
        for kind in [TrackKind::Video, TrackKind::Audio] {
            for state in self.track(kind).states().iter() {
                match state {
                    ChunkState::Failed(_) => return VideoStatus::Failed,
                    ChunkState::Pending | ChunkState::Rendering(_) => status = missing,
                    ChunkState::Stored | ChunkState::Ready { .. } => {}
                }
            }
        }
        status
    }

    /// Whether chunks are being rendered for it: not before anybody watches it.
    pub fn is_busy(&self) -> bool {
        self.status() == VideoStatus::Rendering
    }

    fn started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Looks which chunks are in the cache by now. A video that renders ahead
    /// knows without looking.
    pub async fn refresh(&self) -> Result<(), DeliveryError> {
        if self.started() {
            return Ok(());
        }
        for kind in [TrackKind::Video, TrackKind::Audio] {
            for (index, wanted) in self.wanted(kind).iter().enumerate() {
                let state = match self.delivery.presence(&wanted.key).await? {
                    Presence::Memory | Presence::Disk => ChunkState::Stored,
                    Presence::InFlight => ChunkState::Rendering(Vec::new()),
                    Presence::Absent => ChunkState::Pending,
                };
                // It may have been started meanwhile: then it knows better.
                let mut states = self.track(kind).states();
                if self.started() {
                    return Ok(());
                }
                states[index] = state;
            }
        }
        Ok(())
    }

    /// From being asked for to the first part of the first picture.
    pub fn first_part(&self) -> Option<Duration> {
        *lock(&self.first_part)
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
                    ChunkState::Pending | ChunkState::Stored => true,
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
    ) -> Result<ChunkState, DeliveryError> {
        let opening = match (kind, index) {
            (TrackKind::Video, 0) => lock(&self.opening).take(),
            _ => None,
        };
        let access = match opening {
            Some(access) => access,
            None => {
                let wanted = &self.track(kind).wanted[index];
                self.delivery.chunk(wanted, priority).await?
            }
        };
        let mut parts = Vec::new();
        while let Some(part) = access.fragment.part(parts.len()).await? {
            parts.push(part.meta);
            if kind == TrackKind::Video && index == 0 && parts.len() == 1 {
                lock(&self.first_part).get_or_insert_with(|| self.received.elapsed());
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

/// What is in these locks is replaced whole: a panic elsewhere leaves nothing half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
