//! Has a video's chunks rendered: ahead of whoever watches it, and in the order in
//! which they are watched.
//!
//! A few chunks are asked for at a time, from the playhead on. A video that is
//! rendered ahead goes on to its last chunk, watched or not, but yields to others
//! while nobody watches. One that is rendered on demand goes on while somebody does,
//! and no further ahead than the horizon. Rungs of the ladder are only ever rendered on
//! demand. After a seek, what was asked for elsewhere is dropped, and so is everything
//! when the last viewer has gone; what nobody else wants is then not rendered
//! ([`crate::cache`]).

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::partition::TrackKind;
use crate::publish::lookahead::{Lookahead, Place};
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

/// How long after a request for one size of a video's pictures that size counts as
/// watched: players ask for something at least once in the longest segment, and change
/// sizes.
const SIZE_WATCHED_FOR: Duration = Duration::from_secs(12);

/// How long after being turned away a chunk is asked for again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Who watches a video, and where.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Until when it counts as watched.
    pub until: Option<Instant>,
    /// What was asked for last.
    pub playhead: Option<Place>,
    /// Until when each size of the pictures does, as many as there are; the one that was
    /// asked for last is the last.
    sizes: Vec<(TrackKind, Instant)>,
    /// Whether a driver is at work.
    pub driven: bool,
}

impl Watch {
    /// Somebody watches, and has asked for this.
    pub fn asked(&mut self, place: Place) {
        self.playhead = Some(place);
        let (kind, now) = (place.0, Instant::now());
        if kind.is_pictures() {
            self.sizes.retain(|(other, _)| *other != kind);
            self.sizes.push((kind, now + SIZE_WATCHED_FOR));
        }
    }

    /// The tracks that are watched now, or would be if anything were: whoever pauses goes
    /// on in the size that they had.
    pub fn tracks(&self) -> Tracks {
        let now = Instant::now();
        let last = self.sizes.len().saturating_sub(1);
        let sizes = self.sizes.iter().enumerate();
        let watched = sizes.filter(|(at, (_, until))| *at == last || *until > now);
        Tracks(watched.map(|(_, (kind, _))| *kind).collect())
    }
}

/// Tracks that are watched.
#[derive(Clone, Debug)]
pub(super) struct Tracks(Vec<TrackKind>);

impl Tracks {
    /// Whether this one is: the sound always, and the video itself where it is not known
    /// which size is.
    pub fn has(&self, kind: TrackKind) -> bool {
        match kind {
            TrackKind::Audio => true,
            TrackKind::Video if self.0.is_empty() => true,
            TrackKind::Video | TrackKind::Rung(_) => self.0.contains(&kind),
        }
    }

    /// Whether this one is to be rendered: where all is rendered ahead, the video itself.
    pub fn want(&self, kind: TrackKind, mode: RenderMode) -> bool {
        self.has(kind) || (mode == RenderMode::Ahead && kind == TrackKind::Video)
    }
}

/// What is wanted of a driver now.
#[derive(Clone, Debug)]
struct Demand {
    playhead: Option<Place>,
    tracks: Tracks,
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
                self.drop_what_is_elsewhere(&demand.tracks);
            }
            changes.mark_unchanged();
            self.ask(&demand);
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
        let mode = self.video.mode;
        let on_demand = mode == RenderMode::OnDemand;
        let tracks = watch.tracks();
        let done = self.asking.is_empty() && self.ahead.is_done(|kind| tracks.want(kind, mode));
        if done || (on_demand && watched_until.is_none()) || self.video.stopping.is_cancelled() {
            watch.driven = false;
            return None;
        }
        Some(Demand {
            playhead: watch.playhead,
            tracks,
            watched_until,
        })
    }

    fn ask(&mut self, demand: &Demand) {
        while self.asked.len() < self.at_a_time() {
            let Some(place) = self.next(&demand.tracks) else {
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

    /// What is watched, up to the horizon; then, where all is rendered ahead, the rest of
    /// the video itself.
    fn next(&mut self, tracks: &Tracks) -> Option<Place> {
        let near = self.ahead.next(Some(HORIZON_US), |kind| tracks.has(kind));
        let mode = self.video.mode;
        near.or_else(|| match mode {
            RenderMode::Ahead => self.ahead.next(None, |kind| !kind.is_rung()),
            RenderMode::OnDemand => None,
        })
    }

    /// The first picture has the machine to itself.
    fn at_a_time(&self) -> usize {
        let is_first = |place: &Place| place.0.is_pictures() && place.1 == 0;
        let mut first = self.asked.keys().filter(|place| is_first(place));
        if first.any(|place| !self.video.has_begun(*place)) {
            1
        } else {
            LOOK_AHEAD
        }
    }

    /// Makes way for what lies before the playhead. What has begun to come is let
    /// come: playlists name its parts.
    fn drop_what_is_elsewhere(&mut self, tracks: &Tracks) {
        if !self.ahead.lacks(HORIZON_US, |kind| tracks.has(kind)) {
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
