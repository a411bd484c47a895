//! The viewers of a channel whose data is known, and the task of each who watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::broadcast::{LiveStream, StreamStatus, now};
use crate::cache::CompleteChunk;
use crate::casting::CastError;
use crate::casting::channel::Channel;
use crate::casting::show::Show;
use crate::casting::viewer::{Viewer, Watched};
use crate::delivery::DeliveryError;
use crate::live::LiveTrack;
use crate::render::Priority;
use crate::time::Time;

/// The most viewers of a channel whose data is known.
pub const MAX_VIEWERS: usize = 1_000;

/// The most viewers of all channels who watch: each has seconds of video in memory, and
/// is rendered for.
pub const MAX_WATCHED: usize = 100;

/// How long a viewer's data is kept who asks for nothing.
const KEPT: Duration = Duration::from_secs(3600);

/// After how long one who asks for nothing makes room for another.
const IDLE: Duration = Duration::from_secs(60);

/// How long a viewer is rendered for who asks for nothing.
const LINGER: Duration = Duration::from_secs(30);

/// How far ahead of the clock a viewer's chunks are asked for.
const HORIZON: Time = Time::from_seconds(12);

/// Segments of a viewer that are asked for at a time.
const ASKED: usize = 2;

/// Segments behind the newest whose chunks stay in memory.
const BEHIND: u64 = 4;

/// How long a viewer waits at the beginning for what is theirs.
const PATIENCE: Duration = Duration::from_secs(8);

/// How often it is looked whether somebody still watches.
const LOOK: Duration = Duration::from_secs(1);

/// The viewers of one channel.
#[derive(Default)]
pub(super) struct Viewers(Mutex<HashMap<String, Arc<Viewer>>>);

impl Viewers {
    /// Viewer `id`, who has asked for something.
    pub fn get(&self, id: &str) -> Option<Arc<Viewer>> {
        let viewer = self.known().get(id).map(Arc::clone)?;
        viewer.touch();
        Some(viewer)
    }

    /// Another viewer, or the same again. The one who asked for nothing for longest makes
    /// room.
    pub fn put(&self, viewer: Viewer) -> Result<Arc<Viewer>, CastError> {
        let mut known = self.known();
        known.retain(|_, viewer| viewer.idle() < KEPT);
        if let Some(same) = known.get(&viewer.id) {
            same.touch();
            return Ok(Arc::clone(same));
        }
        if known.len() >= MAX_VIEWERS {
            let idle = known.values().max_by_key(|viewer| viewer.idle());
            let idle = idle.filter(|viewer| viewer.idle() >= IDLE);
            let Some(id) = idle.map(|viewer| viewer.id.clone()) else {
                let message = format!("the channel has {MAX_VIEWERS} viewers, as many as allowed");
                return Err(CastError::Unavailable(message));
            };
            known.remove(&id);
        }
        let viewer = Arc::new(viewer);
        known.insert(viewer.id.clone(), Arc::clone(&viewer));
        Ok(viewer)
    }

    /// How many there are, and how many of them watch.
    pub fn count(&self) -> (usize, usize) {
        let known = self.known();
        let watch = known
            .values()
            .filter(|viewer| lock(&viewer.watched).is_some());
        (known.len(), watch.count())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Viewer>>> {
        lock(&self.0)
    }
}

/// What is in these locks is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `viewer` sees of `stream`, as soon as what they begin with is there. `place` gives
/// a place among those who watch, if there is one.
pub(super) async fn watch(
    channel: &Arc<Channel>,
    show: &Arc<Show>,
    viewer: &Arc<Viewer>,
    stream: Arc<LiveStream>,
    place: impl FnOnce() -> Option<OwnedSemaphorePermit>,
) -> Result<Arc<Watched>, CastError> {
    let watched = {
        let mut watching = lock(&viewer.watched);
        let same = watching
            .as_ref()
            .filter(|known| Arc::ptr_eq(&known.stream, &stream));
        match same {
            Some(same) => Arc::clone(same),
            None => {
                let Some(place) = place() else {
                    let message = format!(
                        "{MAX_WATCHED} viewers watch something of their own, as many as allowed"
                    );
                    return Err(CastError::Unavailable(message));
                };
                let parts = (Arc::clone(channel), Arc::clone(show), Arc::clone(viewer));
                let watched = Arc::new(Watched::new(parts.0, parts.1, parts.2, stream));
                *watching = Some(Arc::clone(&watched));
                tokio::spawn(follow(Arc::clone(&watched), place));
                watched
            }
        }
    };
    let mut begun = watched.begun.subscribe();
    // An error means that it is over, and nothing is waited for.
    drop(begun.wait_for(|begun| *begun).await);
    Ok(watched)
}

/// Renders ahead of a viewer for as long as they watch.
async fn follow(watched: Arc<Watched>, place: OwnedSemaphorePermit) {
    let began = Instant::now();
    let stream = Arc::clone(&watched.stream);
    let mut changes = stream.changes();
    let mut asking = JoinSet::new();
    let mut next = watched.first;
    // What was on when they came is waited for.
    let awaited = stream.reached(LiveTrack::Video);
    let awaited = awaited.map_or(next, |reached| reached.current);
    while watched.viewer.idle() < LINGER && stream.status() != StreamStatus::Ended {
        changes.mark_unchanged();
        let Some(reached) = stream.reached(LiveTrack::Video) else {
            break;
        };
        let oldest = stream.oldest(LiveTrack::Video).unwrap_or(0);
        watched.settle(reached.current, oldest, BEHIND);
        let show = &watched.show;
        let last = show.programme.last().unwrap_or(u64::MAX);
        let horizon = show.since(now()) + HORIZON;
        while asking.len() < ASKED && next <= last {
            let slot = show.programme.slot(next);
            if slot.start > horizon {
                break;
            }
            if !watched.is_ready(next) {
                let near = next <= reached.current + 1;
                asking.spawn(fetch(Arc::clone(&watched), next, near));
            }
            next += 1;
        }
        if !*watched.begun.borrow() {
            let ready = (watched.first..=awaited).all(|number| watched.is_ready(number));
            if ready || began.elapsed() >= PATIENCE {
                watched.begun.send_replace(true);
            }
        }
        tokio::select! {
            Some(came) = asking.join_next(), if !asking.is_empty() => match came {
                Ok((number, Ok(ready))) => watched.came(number, ready),
                Ok((number, Err(error))) => {
                    let (channel, viewer) = (&watched.channel.name, &watched.viewer.id);
                    tracing::warn!(channel, viewer, number, %error, "a viewer's segment cannot be had");
                }
                Err(_) => {}
            },
            _ = changes.changed() => {}
            () = sleep(LOOK) => {}
        }
    }
    watched.begun.send_replace(true);
    let mut watching = lock(&watched.viewer.watched);
    if watching
        .as_ref()
        .is_some_and(|known| Arc::ptr_eq(known, &watched))
        && stream.status() != StreamStatus::Ended
    {
        *watching = None;
    }
    drop(place);
}

type Fetched = Result<HashMap<LiveTrack, Vec<Arc<CompleteChunk>>>, DeliveryError>;

/// The chunks of a viewer's segment.
async fn fetch(watched: Arc<Watched>, number: u64, near: bool) -> (u64, Fetched) {
    let priority = match near {
        true => Priority::Viewer,
        false => Priority::LookAhead,
    };
    let (slot, stretches) = watched.viewer.own_stretches(&watched.show, number);
    let mut ready = HashMap::new();
    for stretch in stretches {
        let (channel, show) = (&watched.channel, &watched.show);
        let place = (&slot, &stretch);
        match watched.viewer.fetch(channel, show, place, priority).await {
            Ok(chunks) => drop(ready.insert(stretch.kind, chunks)),
            Err(error) => return (number, Err(error)),
        }
    }
    (number, Ok(ready))
}
