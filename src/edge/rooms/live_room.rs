//! A room at work: what [`crate::room`] decides, done.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::figures::{JoinTimes, JoinTimesReport, count};
use super::streams::StreamAsk;
use super::{Shared, pull};
use crate::broadcast::{Audience, AudienceReport, Feed, now};
use crate::cmaf::Track;
use crate::edge::Trail;
use crate::live::demux::Demuxed;
use crate::live::gop::GopLimits;
use crate::live::{LiveFrame, LiveTrack, milliseconds};
use crate::playlist::UnixMillis;
use crate::room::{
    Closed, Command, Event, Generation, Reason, Role, Room, RoomReport, Splice, Standby,
    UpstreamId, ViewerId, Why,
};

/// How often a room looks at the time: a fraction of the shortest stall.
const TICK: Duration = Duration::from_millis(100);

/// How often a room looks whether what stands by could come from another server than
/// what is given: longer than it takes to find out that one is back.
const SPREADING: Duration = Duration::from_secs(5);

/// One room. Its lock is held for moments, never across a wait.
pub(super) struct LiveRoom {
    name: String,
    generation: Generation,
    shared: Weak<Shared>,
    feed: Arc<Feed>,
    audience: Arc<Audience>,
    times: JoinTimes,
    upstream_bytes: AtomicU64,
    /// What its times are counted from.
    begun: Instant,
    gop: GopLimits,
    inner: Mutex<Inner>,
}

struct Inner {
    room: Room,
    splice: Splice,
    source: Option<UpstreamId>,
    /// The tracks of what viewers are given next, until its first frame says when that
    /// was taken.
    begins: Option<Vec<(LiveTrack, Track)>>,
    pulls: HashMap<UpstreamId, Pull>,
    /// How the requests of those who are there came here.
    trails: HashMap<ViewerId, Trail>,
    why: Option<Why>,
}

/// A stream from upstream that is read.
struct Pull {
    task: Option<AbortHandle>,
    from: Option<Arc<str>>,
    standby: Standby,
}

/// What is told of a room.
#[derive(Clone, Debug)]
pub struct LiveRoomReport {
    /// Of which stream.
    pub name: String,
    /// Its roles.
    pub room: RoomReport,
    /// Which server each stream comes from, in the order of the room's masters.
    pub from: Vec<Option<Arc<str>>>,
    /// Bytes that came from upstream.
    pub upstream_bytes: u64,
    /// Those who are pushed it.
    pub audience: AudienceReport,
    /// How long they waited for their first frame.
    pub times: JoinTimesReport,
    /// Bytes of media that it holds.
    pub held_bytes: usize,
}

impl LiveRoom {
    /// Opens a room that nobody is in.
    pub fn open(name: &str, generation: Generation, shared: &Arc<Shared>) -> Arc<Self> {
        let config = &shared.config;
        let room = Arc::new(Self {
            name: name.to_owned(),
            generation,
            shared: Arc::downgrade(shared),
            feed: Arc::new(Feed::new(config.gop)),
            audience: Arc::default(),
            times: JoinTimes::default(),
            upstream_bytes: AtomicU64::new(0),
            begun: Instant::now(),
            gop: config.gop,
            inner: Mutex::new(Inner {
                room: Room::new(config.room, generation, Duration::ZERO),
                splice: Splice::default(),
                source: None,
                begins: None,
                pulls: HashMap::new(),
                trails: HashMap::new(),
                why: None,
            }),
        });
        tokio::spawn(Arc::clone(&room).watch_the_time());
        room
    }

    pub const fn generation(&self) -> Generation {
        self.generation
    }

    pub const fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    pub const fn audience(&self) -> &Arc<Audience> {
        &self.audience
    }

    /// Why it was closed, if it is.
    pub fn why(&self) -> Option<Why> {
        self.inner().why
    }

    /// Somebody wants to watch, who came by `trail`.
    pub fn join(self: &Arc<Self>, trail: Trail) -> Result<(ViewerId, Role), Closed> {
        let mut inner = self.inner();
        let (viewer, role, commands) = inner.room.join(self.now())?;
        inner.trails.insert(viewer, trail);
        self.obey(inner, commands);
        Ok((viewer, role))
    }

    /// He has gone.
    pub fn leave(self: &Arc<Self>, viewer: ViewerId) {
        let mut inner = self.inner();
        inner.trails.remove(&viewer);
        let commands = inner.room.leave(viewer, self.now());
        self.obey(inner, commands);
    }

    /// A viewer got his first frame after so long.
    pub fn waited(&self, waited: Duration) {
        self.times.note(waited);
        if let Some(shared) = self.shared.upgrade() {
            shared.totals.times.note(waited);
        }
    }

    /// Something became of a stream from upstream.
    pub fn on(self: &Arc<Self>, event: Event) {
        let mut inner = self.inner();
        if let Event::Ended(id) | Event::Failed(id) | Event::Missing(id) = event {
            inner.pulls.remove(&id);
        }
        let commands = inner.room.on(self.generation, event, self.now());
        self.obey(inner, commands);
    }

    /// A stream was granted by `from`.
    pub fn granted(self: &Arc<Self>, upstream: UpstreamId, from: Arc<str>) {
        if let Some(pull) = self.inner().pulls.get_mut(&upstream) {
            pull.from = Some(from);
        }
        self.on(Event::Opened(upstream));
    }

    /// Bytes came from upstream.
    pub fn came(&self, bytes: usize) {
        count(&self.upstream_bytes, bytes as u64);
        if let Some(shared) = self.shared.upgrade() {
            count(&shared.totals.upstream_bytes, bytes as u64);
        }
    }

    /// What comes next of a stream from upstream.
    pub fn take(self: &Arc<Self>, upstream: UpstreamId, demuxed: Demuxed) {
        let mut guard = self.inner();
        let inner = &mut *guard;
        let Some(pull) = inner.pulls.get_mut(&upstream) else {
            return;
        };
        let now = self.now();
        let is_frame = matches!(demuxed, Demuxed::Frame(_));
        let start = if inner.source == Some(upstream) {
            self.give(inner, demuxed);
            true
        } else {
            // Where nothing comes any more, what was given before is no sign of life: a
            // server may have kept it.
            let is_news = match &demuxed {
                Demuxed::Frame(frame) => inner.room.is_well(now) || !inner.splice.gave(frame),
                Demuxed::Begin(_) | Demuxed::Other(_) | Demuxed::LeftOut(_) => false,
            };
            pull.standby.push(demuxed, &inner.splice);
            if !is_news {
                return;
            }
            !pull.standby.is_empty()
        };
        if is_frame {
            let event = Event::Frame { upstream, start };
            let commands = inner.room.on(self.generation, event, now);
            self.obey(guard, commands);
        }
    }

    /// Closes it, whoever is there.
    pub fn shut(self: &Arc<Self>) {
        let mut inner = self.inner();
        let commands = inner.room.shut(Why::Deserted);
        self.obey(inner, commands);
    }

    /// What is told of it.
    pub fn report(&self) -> LiveRoomReport {
        let inner = self.inner();
        let room = inner.room.report(self.now());
        let from = room.masters.iter().map(|master| {
            let pull = inner.pulls.get(&master.upstream);
            pull.and_then(|pull| pull.from.clone())
        });
        let standbys = inner.pulls.values().map(|pull| pull.standby.bytes());
        LiveRoomReport {
            name: self.name.clone(),
            from: from.collect(),
            held_bytes: self.feed.bytes() + standbys.sum::<usize>(),
            room,
            upstream_bytes: self.upstream_bytes.load(Ordering::Relaxed),
            audience: self.audience.report(),
            times: self.times.report(),
        }
    }

    /// Does what is to be done, in order. The lock is held meanwhile, so that no frame
    /// comes between a stream and the one that goes on with it.
    fn obey(self: &Arc<Self>, mut guard: MutexGuard<'_, Inner>, commands: Vec<Command>) {
        let inner = &mut *guard;
        for command in commands {
            match command {
                Command::Open {
                    upstream,
                    viewer,
                    apart_from,
                } => self.pull(inner, upstream, viewer, apart_from),
                Command::Close(id) => {
                    if let Some(pull) = inner.pulls.remove(&id) {
                        pull.task.iter().for_each(AbortHandle::abort);
                    }
                }
                Command::Switch { to, reason } => self.switch(inner, to, reason),
                Command::Pause => self.feed.pause(),
                // Whoever watches the time takes it from the table.
                Command::Over(why) => {
                    inner.why = Some(why);
                    self.feed.pause();
                    self.feed.close();
                }
            }
        }
    }

    fn pull(
        self: &Arc<Self>,
        inner: &mut Inner,
        upstream: UpstreamId,
        viewer: ViewerId,
        apart_from: Option<UpstreamId>,
    ) {
        let mut pull = Pull {
            task: None,
            from: None,
            standby: Standby::new(self.gop),
        };
        let trail = inner.trails.get(&viewer);
        // Without a runtime the process ends.
        let runtime = Handle::try_current();
        if let (Some(shared), Some(trail), Ok(runtime)) = (self.shared.upgrade(), trail, runtime) {
            let other = apart_from.and_then(|id| inner.pulls.get(&id));
            let ask = StreamAsk {
                name: self.name.clone(),
                trail: trail.clone(),
                apart_from: other.and_then(|pull| pull.from.clone()),
            };
            count(&shared.totals.upstream_requests, 1);
            let streams = Arc::clone(&shared.streams);
            let run = pull::run(Arc::clone(self), upstream, streams, ask);
            pull.task = Some(runtime.spawn(run).abort_handle());
        }
        inner.pulls.insert(upstream, pull);
    }

    /// Viewers are given another stream, which goes on from what they were given last.
    fn switch(&self, inner: &mut Inner, to: UpstreamId, reason: Reason) {
        inner.source = Some(to);
        let Some(pull) = inner.pulls.get_mut(&to) else {
            return;
        };
        let empty = Standby::new(self.gop);
        let kept = std::mem::replace(&mut pull.standby, empty).replay(&inner.splice);
        inner.splice.switch();
        for demuxed in kept {
            self.give(inner, demuxed);
        }
        let handover = Reason::HANDOVERS.iter().position(|known| *known == reason);
        if let (Some(index), Some(shared)) = (handover, self.shared.upgrade()) {
            count(&shared.totals.handovers[index], 1);
            tracing::info!(
                room = self.name,
                generation = self.generation.0,
                reason = reason.as_str(),
                "a room's stream was handed over"
            );
        }
    }

    fn give(&self, inner: &mut Inner, demuxed: Demuxed) {
        for given in inner.splice.push(demuxed) {
            match given {
                Demuxed::Begin(tracks) => inner.begins = Some(tracks),
                Demuxed::Frame(frame) => {
                    if let Some(tracks) = inner.begins.take() {
                        let taken = taken_at(&tracks, &frame);
                        self.feed.begin(tracks, taken);
                    }
                    self.feed.push(frame);
                }
                Demuxed::Other(_) | Demuxed::LeftOut(_) => {}
            }
        }
    }

    async fn watch_the_time(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut spread = Instant::now();
        let why = loop {
            ticks.tick().await;
            self.on(Event::Tick);
            if spread.elapsed() >= SPREADING {
                spread = Instant::now();
                self.spread();
            }
            if let Some(why) = self.why() {
                break why;
            }
        };
        let (room, generation) = (&self.name, self.generation.0);
        tracing::info!(room, generation, why = why.as_str(), "a room is closed");
        if let Some(shared) = self.shared.upgrade() {
            shared.closed(&self, why);
        }
    }

    /// A stream that stands by is no help if it goes with the one that is given: when
    /// their server was the only one, and another is well again, it is had from there.
    fn spread(self: &Arc<Self>) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let crowded: Vec<_> = {
            let inner = self.inner();
            let given = inner.source.and_then(|id| inner.pulls.get(&id));
            let Some(server) = given.and_then(|pull| pull.from.as_ref()) else {
                return;
            };
            if !inner.room.is_well(self.now()) || !shared.streams.has_other_than(server) {
                return;
            }
            let beside = inner.pulls.iter().filter(|(id, pull)| {
                Some(**id) != inner.source && pull.from.as_ref() == Some(server)
            });
            beside.map(|(id, _)| *id).collect()
        };
        for id in crowded {
            self.on(Event::Crowded(id));
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Each change is whole or not begun.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When what has decode time 0 would have been taken, if `frame` was taken now.
fn taken_at(tracks: &[(LiveTrack, Track)], frame: &LiveFrame) -> UnixMillis {
    let track = tracks.iter().find(|(kind, _)| *kind == frame.track);
    let timescale = track.map_or(1, |(_, track)| track.timescale());
    let ms = milliseconds(frame.decode_time, timescale);
    UnixMillis(now().0.saturating_add_signed(-ms))
}
