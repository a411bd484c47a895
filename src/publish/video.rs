//! One video: its plan, and how far each of its chunks is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cache::{Access, Outcome, Presence};
use crate::delivery::{
    Delivery, DeliveryError, FileError, FileOrder, Init, Making, Plan, Recipe, Wanted,
};
use crate::offload::{Class, Kind};
use crate::partition::{PlacedChunk, TrackKind};
use crate::publish::driver::{Driver, WATCHED_FOR, Watch};
use crate::publish::lookahead::Place;
use crate::publish::playlists::Targets;
use crate::publish::state::{ChunkState, RenderMode, VideoStatus};
use crate::publish::track::Track;
use crate::render::Urgency;

/// What is to be published.
pub struct NewVideo {
    /// By which it will be asked for; no other video has it.
    pub id: Uuid,
    /// The shipped template that it was made from.
    pub template: Option<String>,
    /// The Edit as it was given, as JSON; `None` if it is not to be kept.
    pub edit: Option<Bytes>,
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
    /// The Edit as it was given, as JSON, if it was kept.
    pub edit: Option<Bytes>,
    /// When it was published.
    pub created: SystemTime,
    /// What it is made of.
    pub plan: Arc<Plan>,
    /// The longest segment and part of its playlists.
    pub targets: Targets,
    /// When its chunks are rendered.
    pub mode: RenderMode,
    /// Whose traffic requests for it are.
    pub traffic: Arc<Class>,
    tracks: Vec<(TrackKind, Track)>,
    delivery: Delivery,
    received: Instant,
    /// The first picture, asked for before the video was there.
    opening: Mutex<Option<Access>>,
    first_part: Mutex<Option<Duration>>,
    /// The files that are made ahead, which its chunks are not put together to.
    files: Mutex<Vec<FileOrder>>,
    watch: Mutex<Watch>,
    /// Whether it was seen that nothing is missing: that stays so.
    settled: AtomicBool,
    /// Tells the driver that somebody has asked for something.
    pub(super) nudge: Notify,
    /// Ends the driver.
    pub(super) stopping: CancellationToken,
    /// Counts changes of any chunk's state.
    changes: watch::Sender<u64>,
    /// When that was last.
    updated: Mutex<SystemTime>,
}

impl NewVideo {
    /// Whose traffic requests for its chunks are.
    pub fn traffic(&self) -> Arc<Class> {
        match &self.template {
            Some(name) => Arc::new(Class::new(Kind::Template, name)),
            None => Class::none(),
        }
    }
}

impl Video {
    /// A video whose tracks begin with these init segments; `opening` is its first
    /// picture's chunk, if it was asked for already.
    pub fn new(
        new: NewVideo,
        inits: Vec<(TrackKind, Init)>,
        opening: Option<Access>,
        delivery: Delivery,
        stopping: CancellationToken,
    ) -> Self {
        let traffic = new.traffic();
        let NewVideo {
            id,
            template,
            edit,
            plan,
            mode,
            received,
        } = new;
        Self {
            id,
            template,
            edit,
            created: SystemTime::now(),
            targets: Targets::of(&plan),
            tracks: inits
                .into_iter()
                .map(|(kind, init)| (kind, Track::new(plan.chunks(kind), init, &traffic)))
                .collect(),
            plan: Arc::new(plan),
            mode,
            traffic,
            delivery,
            received,
            opening: Mutex::new(opening),
            first_part: Mutex::default(),
            files: Mutex::default(),
            watch: Mutex::default(),
            settled: AtomicBool::new(false),
            nudge: Notify::new(),
            stopping,
            changes: watch::Sender::new(0),
            updated: Mutex::new(SystemTime::now()),
        }
    }

    /// The chunks of a track, at their places.
    pub fn chunks(&self, kind: TrackKind) -> &[PlacedChunk] {
        self.plan.chunks(kind)
    }

    /// The chunks of a track, as they are asked for.
    pub fn wanted(&self, kind: TrackKind) -> &[Wanted] {
        self.track(kind).map_or(&[], |track| &track.wanted)
    }

    /// The init segment of a track; `None` if the video has no such track.
    pub fn init(&self, kind: TrackKind) -> Option<&Init> {
        self.track(kind).map(|track| &track.init)
    }

    /// How far each chunk of a track is.
    pub fn states(&self, kind: TrackKind) -> Vec<ChunkState> {
        self.track(kind)
            .map(|track| track.states().clone())
            .unwrap_or_default()
    }

    /// The tracks that there are.
    pub fn kinds(&self) -> impl Iterator<Item = TrackKind> {
        self.tracks.iter().map(|(kind, _)| *kind)
    }

    /// What the video itself is made of, whatever other sizes there are.
    fn own_tracks(&self) -> impl Iterator<Item = (TrackKind, &Track)> {
        let tracks = self.tracks.iter().filter(|(kind, _)| !kind.is_rung());
        tracks.map(|(kind, track)| (*kind, track))
    }

    /// How many chunks from the start are there in another size than that of this track.
    pub fn reached_elsewhere(&self, kind: TrackKind) -> usize {
        let is_other =
            |other: TrackKind| other != kind && other.is_pictures() && kind.is_pictures();
        let others = self.tracks.iter().filter(|(other, _)| is_other(*other));
        others
            .map(|(_, track)| track.reached())
            .max()
            .unwrap_or_default()
    }

    /// How the video is doing.
    pub fn status(&self) -> VideoStatus {
        let files: Vec<Making> = lock(&self.files).iter().map(FileOrder::state).collect();
        if files.iter().any(|file| matches!(file, Making::Failed(_))) {
            return VideoStatus::Failed;
        }
        let made = if files.iter().all(Making::is_over) {
            VideoStatus::Done
        } else {
            VideoStatus::Saving
        };
        if !files.is_empty() && !self.is_chunks() {
            return made;
        }
        match self.chunks_status() {
            VideoStatus::Done => made,
            other => other,
        }
    }

    /// Whether what the Edit asks for is put together from its chunks.
    pub fn is_chunks(&self) -> bool {
        self.plan.output.format.is_chunks()
    }

    /// The share of it that is done, 0 to 1, if that is not a matter of its chunks.
    pub fn files_progress(&self) -> Option<f64> {
        let files = lock(&self.files);
        if self.is_chunks() || files.is_empty() {
            return None;
        }
        let done: f64 = files.iter().map(FileOrder::progress).sum();
        Some(done / files.len() as f64)
    }

    /// Has the files made that the Edit asks for beyond what its chunks make.
    pub(super) fn order_files(self: &Arc<Self>) -> Result<(), FileError> {
        let orders = self.delivery.files();
        let recipes = [
            Recipe::whole(&self.plan, self.plan.output.format),
            Recipe::poster(&self.plan),
            Recipe::thumbnail(&self.plan),
        ];
        let files = recipes.into_iter().flatten();
        let files = files.map(|recipe| orders.order(recipe));
        let files = files.collect::<Result<Vec<FileOrder>, FileError>>()?;
        let changes: Vec<_> = files.iter().map(FileOrder::changes).collect();
        *lock(&self.files) = files;
        let video = Arc::downgrade(self);
        let follow = async move {
            for mut change in changes {
                // An error means that nobody wants it any more.
                drop(change.wait_for(Making::is_over).await);
                let Some(video) = video.upgrade() else {
                    return;
                };
                video.changed();
            }
        };
        tokio::spawn(follow);
        Ok(())
    }

    fn chunks_status(&self) -> VideoStatus {
        let missing = if self.is_driven() {
            VideoStatus::Rendering
        } else {
            VideoStatus::OnDemand
        };
        let mut status = VideoStatus::Done;
        for (_, track) in self.own_tracks() {
            for state in track.states().iter() {
                match state {
                    ChunkState::Failed(_) => return VideoStatus::Failed,
                    ChunkState::Pending | ChunkState::Rendering(_) => status = missing,
                    ChunkState::Stored | ChunkState::Ready { .. } => {}
                }
            }
        }
        status
    }

    /// Whether chunks are being rendered for it: on demand, while somebody watches.
    pub fn is_busy(&self) -> bool {
        matches!(self.status(), VideoStatus::Rendering | VideoStatus::Saving)
    }

    fn is_driven(&self) -> bool {
        self.watch().driven
    }

    /// Looks which chunks are in the cache by now. A video whose chunks are being
    /// rendered knows without looking.
    pub async fn refresh(&self) -> Result<(), DeliveryError> {
        if self.is_driven() {
            return Ok(());
        }
        for (kind, track) in self.own_tracks() {
            for (index, wanted) in track.wanted.iter().enumerate() {
                if self.is_known((kind, index)) {
                    continue;
                }
                let state = match self.delivery.presence(&wanted.key).await? {
                    Presence::Memory | Presence::Disk => ChunkState::Stored,
                    Presence::InFlight => ChunkState::Rendering(Vec::new()),
                    Presence::Absent => ChunkState::Pending,
                };
                // It may have been started meanwhile: then it knows better.
                let mut states = track.states();
                if self.is_driven() {
                    return Ok(());
                }
                states[index] = state;
            }
        }
        Ok(())
    }

    /// Whether the chunk's state is known for good.
    fn is_known(&self, place: Place) -> bool {
        self.has(place, |state| {
            matches!(state, ChunkState::Ready { .. } | ChunkState::Failed(_))
        })
    }

    /// Whether parts of the chunk are there, or it is known that none will be.
    pub(super) fn has_begun(&self, place: Place) -> bool {
        self.has(place, |state| {
            matches!(state, ChunkState::Failed(_)) || !state.parts().is_empty()
        })
    }

    fn has(&self, (kind, index): Place, is: impl FnOnce(&ChunkState) -> bool) -> bool {
        self.track(kind).is_some_and(|track| track.has(index, is))
    }

    /// From being asked for to the first part of the first picture.
    pub fn first_part(&self) -> Option<Duration> {
        *lock(&self.first_part)
    }

    /// When the state of a chunk changed last.
    pub fn updated(&self) -> SystemTime {
        *lock(&self.updated)
    }

    /// Why a chunk could not be rendered, or a file not be made, if one could not.
    pub fn failure(&self) -> Option<String> {
        for file in lock(&self.files).iter() {
            if let Making::Failed(reason) = file.state() {
                return Some(reason.to_string());
            }
        }
        self.own_tracks().find_map(|(_, track)| track.failure())
    }

    /// Tells of every change of a chunk's state.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Has chunks rendered from now on: all of them if they are wanted ahead, else
    /// as they are watched.
    pub fn start(self: &Arc<Self>) {
        self.drive(None);
    }

    /// Somebody watches, and has asked for this chunk, or for a playlist that is
    /// about to name it.
    pub fn watched_at(self: &Arc<Self>, place: Place) {
        self.drive(Some(place));
    }

    /// Somebody is about to watch, it is not known where.
    pub fn watched(&self) {
        self.watch().until = Some(Instant::now() + WATCHED_FOR);
        self.nudge.notify_one();
    }

    /// Whether somebody watches.
    pub fn is_watched(&self) -> bool {
        let until = self.watch().until;
        until.is_some_and(|until| until > Instant::now())
    }

    fn drive(self: &Arc<Self>, place: Option<Place>) {
        // Every request for a segment comes by here.
        if self.settled.load(Ordering::Relaxed) {
            return;
        }
        let mut watch = self.watch();
        watch.until = Some(Instant::now() + WATCHED_FOR);
        if let Some(place) = place {
            watch.asked(place);
        }
        let (driven, tracks) = (watch.driven, watch.tracks());
        // Never held while the states are looked at, which are locked before it elsewhere.
        drop(watch);
        self.nudge.notify_one();
        if driven || self.stopping.is_cancelled() {
            return;
        }
        let missing = self.missing();
        if missing.is_empty() {
            return self.settled.store(true, Ordering::Relaxed);
        }
        let is_wanted = |place: &Place| tracks.want(place.0, self.mode);
        if !missing.iter().any(|(place, _)| is_wanted(place)) {
            return;
        }
        if !std::mem::replace(&mut self.watch().driven, true) {
            Driver::spawn(Arc::clone(self));
        }
    }

    /// The chunks that are not known to be there or to have failed, with their
    /// starts in microseconds.
    pub(super) fn missing(&self) -> Vec<(Place, u64)> {
        let of = |kind: TrackKind| {
            let clock = self.plan.clock(kind);
            let start = move |(index, chunk): (usize, &PlacedChunk)| {
                let start = u128::from(chunk.decode_time) * 1_000_000 / u128::from(clock.get());
                ((kind, index), u64::try_from(start).unwrap_or(u64::MAX))
            };
            self.chunks(kind).iter().enumerate().map(start)
        };
        self.kinds()
            .flat_map(of)
            .filter(|(place, _)| !self.is_known(*place))
            .collect()
    }

    /// Nothing is rendered for it any more: it was forgotten, or the service ends.
    pub async fn stopped(&self) {
        self.stopping.cancelled().await;
    }

    /// Ends the rendering of whatever nobody else wants.
    pub(super) fn stop(&self) {
        lock(&self.files).clear();
        self.stopping.cancel();
    }

    /// Asks for a chunk and reads it to its end.
    pub(super) async fn read(
        &self,
        place: Place,
        urgency: Urgency,
    ) -> Result<ChunkState, DeliveryError> {
        let (kind, index) = place;
        let opening = match place {
            (TrackKind::Video, 0) => lock(&self.opening).take(),
            _ => None,
        };
        let access = match opening {
            Some(access) => access,
            None => {
                let wanted = &self.wanted(kind)[index];
                self.delivery.chunk_ahead(wanted, urgency).await?
            }
        };
        let mut parts = Vec::new();
        while let Some(part) = access.fragment.part(parts.len()).await? {
            parts.push(part.meta);
            if kind.is_pictures() && index == 0 && parts.len() == 1 {
                lock(&self.first_part).get_or_insert_with(|| self.received.elapsed());
            }
            if access.fragment.complete().is_none() {
                self.set_parts(place, &parts);
            }
        }
        let chunk = access.fragment.finished().await?;
        let render_ms = (access.outcome == Outcome::Filled).then_some(chunk.meta.cost_ms);
        Ok(ChunkState::Ready { parts, render_ms })
    }

    /// These parts are there. A chunk that is asked for a second time has named
    /// them already, and more of them perhaps: that stays true.
    fn set_parts(&self, place: Place, parts: &[crate::chunk::PartMeta]) {
        if self.has(place, |state| state.parts().len() < parts.len()) {
            self.set(place, ChunkState::Rendering(parts.to_vec()));
        }
    }

    pub(super) fn set(&self, (kind, index): Place, state: ChunkState) {
        if let Some(track) = self.track(kind) {
            track.set(index, state);
        }
        self.changed();
    }

    pub(super) fn changed(&self) {
        *lock(&self.updated) = SystemTime::now();
        self.changes.send_modify(|changes| *changes += 1);
    }

    pub(super) fn watch(&self) -> MutexGuard<'_, Watch> {
        lock(&self.watch)
    }

    fn track(&self, kind: TrackKind) -> Option<&Track> {
        let mut tracks = self.tracks.iter();
        let found = tracks.find(|(known, _)| *known == kind);
        found.map(|(_, track)| track)
    }
}

/// What is in these locks is replaced whole: a panic elsewhere leaves nothing half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
