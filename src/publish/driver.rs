//! Has a video's chunks rendered: ahead of whoever watches it, and in the order in
//! which they are watched.
//!
//! A few chunks are asked for at a time, from the playhead on. A video that is
//! rendered ahead goes on to its last chunk, watched or not, but yields to others
//! while nobody watches. One that is rendered on demand goes on while somebody does,
//! and no further ahead than the horizon. After a seek, what was asked for elsewhere
//! is dropped, and so is everything when the last viewer has gone; what nobody else
//! wants is then not rendered ([`crate::cache`]).

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::publish::lookahead::{Lookahead, Place};
use crate::publish::playlists::TrackKind;
use crate::publish::state::{ChunkState, RenderMode};
use crate::publish::video::Video;
use crate::render::{Lane, Priority, Urgency};

/// Chunks of one video that are asked for at a time: enough to keep the render
/// threads busy, few enough that one long video does not fill the queue.
const LOOK_AHEAD: usize = 8;

/// How far ahead of the playhead a viewer is provided for, in microseconds: what
/// players buffer, roughly.
const HORIZON_US: u64 = 20_000_000;

/// The first chunks of each track are somebody's first picture.
const URGENT: usize = 2;

/// How long after a request for anything of a video it counts as watched. Players
/// ask every few seconds; one that is paused does not.
pub(super) const WATCHED_FOR: Duration = Duration::from_secs(30);

/// How long after being turned away a chunk is asked for again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Who watches a video, and where.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Until when it counts as watched.
    pub until: Option<Instant>,
    /// What was asked for last.
    pub playhead: Option<Place>,
    /// Whether a driver is at work.
    pub driven: bool,
}

/// What is wanted of a driver now.
#[derive(Clone, Copy, Debug)]
struct Demand {
    playhead: Option<Place>,
    horizon_us: Option<u64>,
    watched_until: Option<Instant>,
}

type Asking = Pin<Box<dyn Future<Output = (Place, Came)> + Send>>;

/// How asking for a chunk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// Its state is known for good.
    Settled,
    /// It was dropped.
    Not,
}

/// The task behind one video.
pub(super) struct Driver {
    video: Arc<Video>,
    ahead: Lookahead,
    asked: HashMap<Place, CancellationToken>,
    asking: FuturesUnordered<Asking>,
}

impl Driver {
    /// Drives `video` until all is rendered, or nobody wants it.
    pub fn spawn(video: Arc<Video>) {
        let missing = video.missing();
        let driver = Self {
            ahead: Lookahead::new(missing),
            asked: HashMap::new(),
            asking: FuturesUnordered::new(),
            video,
        };
        tokio::spawn(driver.run());
    }

    async fn run(mut self) {
        let video = Arc::clone(&self.video);
        let mut changes = video.changes();
        while let Some(demand) = self.demand() {
            if let Some(playhead) = demand.playhead {
                self.ahead.seek(playhead);
                self.drop_what_is_elsewhere();
            }
            changes.mark_unchanged();
            self.ask(demand);
            let unwatched = async {
                match demand.watched_until {
                    Some(until) => sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some((place, came)) = self.asking.next() => {
                    self.asked.remove(&place);
                    if came == Came::Not {
                        self.ahead.forget(place);
                    }
                }
                () = video.nudge.notified() => {}
                _ = changes.changed() => {}
                () = unwatched => {}
                () = video.stopping.cancelled() => {}
            }
        }
        video.changed();
    }

    /// What is wanted now; `None` if the driver is not needed any more. Decided
    /// under the lock, so that who comes now finds that another is needed.
    fn demand(&self) -> Option<Demand> {
        let mut watch = self.video.watch();
        let now = Instant::now();
        let watched_until = watch.until.filter(|until| *until > now);
        let on_demand = self.video.mode == RenderMode::OnDemand;
        let done = self.asking.is_empty() && self.ahead.is_done();
        if done || (on_demand && watched_until.is_none()) || self.video.stopping.is_cancelled() {
            watch.driven = false;
            return None;
        }
        Some(Demand {
            playhead: watch.playhead,
            horizon_us: on_demand.then_some(HORIZON_US),
            watched_until,
        })
    }

    fn ask(&mut self, demand: Demand) {
        while self.asked.len() < self.at_a_time() {
            let Some(place) = self.ahead.next(demand.horizon_us) else {
                break;
            };
            let priority = match demand.watched_until {
                Some(_) if place.1 < URGENT => Priority::Viewer,
                Some(_) => Priority::LookAhead,
                None => Priority::Batch,
            };
            let urgency = Urgency {
                priority,
                lane: Lane(self.video.id.as_u128()),
            };
            let dropped = CancellationToken::new();
            self.asked.insert(place, dropped.clone());
            let video = Arc::clone(&self.video);
            let asking = async move {
                let came = tokio::select! {
                    () = follow(&video, place, urgency) => Came::Settled,
                    () = dropped.cancelled() => Came::Not,
                };
                (place, came)
            };
            self.asking.push(Box::pin(asking));
        }
    }

    /// The first picture has the machine to itself.
    fn at_a_time(&self) -> usize {
        let first = (TrackKind::Video, 0);
        if self.asked.contains_key(&first) && !self.video.has_begun(first) {
            1
        } else {
            LOOK_AHEAD
        }
    }

    /// Makes way for what lies before the playhead. What has begun to come is let
    /// come: playlists name its parts.
    fn drop_what_is_elsewhere(&mut self) {
        if !self.ahead.lacks(HORIZON_US) {
            return;
        }
        for (place, dropped) in &self.asked {
            if !self.ahead.is_ahead(*place, HORIZON_US) && !self.video.has_begun(*place) {
                dropped.cancel();
            }
        }
    }
}

/// Asks for one chunk and keeps its state until it is there. One that is turned
/// away for a passing reason is asked for again.
async fn follow(video: &Video, place: Place, urgency: Urgency) {
    loop {
        match video.read(place, urgency).await {
            Ok(state) => return video.set(place, state),
            Err(error) if error.is_passing() => sleep(RETRY_AFTER).await,
            Err(error) => return video.set(place, ChunkState::Failed(error.to_string())),
        }
    }
}
