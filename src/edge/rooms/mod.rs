//! Live rooms: all viewers of a stream who are pushed it are given one stream from
//! upstream, and a few more stand by.
//!
//! Who has which role, and which stream goes on after which, is decided by
//! [`crate::room`]; here it is done. A room has one ring of packets for all of its
//! viewers, who read it without copies, from the last key frame on.

mod figures;
mod live_room;
mod origin;
mod pull;
mod seat;
mod streams;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

pub use figures::{JoinTimesReport, RoomsTotals, offload_per_mille};
pub use live_room::LiveRoomReport;
pub use seat::Seat;
pub use streams::{NoStream, StreamAnswer, StreamAsk, Streams};

use crate::broadcast::{PushProtocol, Reader, Viewer};
use crate::edge::Trail;
use crate::live::gop::GopLimits;
use crate::room::{Closed, Generation, Missing, RoomConfig, Why};
use figures::{Totals, count};
use live_room::LiveRoom;

/// The most rooms at a time, those that linger among them.
pub const MAX_ROOMS: usize = 1_000;

/// The most viewers of a room.
pub const MAX_VIEWERS: u64 = 10_000;

/// How long it is remembered that there is no such stream.
const MISSING: Duration = Duration::from_secs(2);

/// How rooms are run and what they keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomsConfig {
    /// Their roles and times.
    pub room: RoomConfig,
    /// How much of a stream each keeps for its viewers, and of each that stands by.
    pub gop: GopLimits,
}

/// Why nobody can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JoinError {
    /// There is no such stream.
    #[error("there is no such stream")]
    Missing,
    /// It is over.
    #[error("the stream is over")]
    Over,
    /// Upstream cannot be reached, or does not answer as it should.
    #[error("upstream does not give the stream")]
    Unreachable,
    /// Upstream gives nothing.
    #[error("nothing comes of the stream")]
    Silent,
    /// There are as many rooms as there may be.
    #[error("there are {MAX_ROOMS} live rooms already, as many as allowed")]
    TooManyRooms,
    /// There are as many viewers as there may be.
    #[error("the room has {MAX_VIEWERS} viewers already, as many as allowed")]
    TooManyViewers,
}

impl From<Why> for JoinError {
    fn from(why: Why) -> Self {
        match why {
            Why::Missing => Self::Missing,
            Why::Unreachable => Self::Unreachable,
            Why::Silent => Self::Silent,
            Why::Ended | Why::Deserted => Self::Over,
        }
    }
}

/// One who watches, as long as all of this is held.
#[derive(Debug)]
pub struct Watcher {
    /// What he is pushed.
    pub reader: Reader,
    /// That he is counted.
    pub viewer: Viewer,
    /// His seat in the room.
    pub seat: Seat,
}

/// The rooms of an edge; clones share them.
#[derive(Clone)]
pub struct Rooms(Arc<Shared>);

struct Shared {
    config: RoomsConfig,
    streams: Arc<dyn Streams>,
    totals: Totals,
    begun: Instant,
    table: Mutex<Table>,
}

struct Table {
    open: HashMap<String, Arc<LiveRoom>>,
    missing: Missing,
    generations: u64,
    /// The edge stops: nobody comes in any more.
    stopped: bool,
}

impl Rooms {
    /// None yet; their streams come from `streams`.
    pub fn new(streams: impl Streams, config: RoomsConfig) -> Self {
        Self(Arc::new(Shared {
            config,
            streams: Arc::new(streams),
            totals: Totals::default(),
            begun: Instant::now(),
            table: Mutex::new(Table {
                open: HashMap::new(),
                missing: Missing::new(MISSING),
                generations: 0,
                stopped: false,
            }),
        }))
    }

    /// Somebody wants to watch `name`, whose request came here by `trail`. Where nobody
    /// does yet, a room is opened.
    pub fn join(
        &self,
        name: &str,
        protocol: PushProtocol,
        trail: Trail,
    ) -> Result<Watcher, JoinError> {
        let asked = Instant::now();
        let shared = &self.0;
        let mut table = shared.table();
        if table.missing.contains(name, shared.begun.elapsed()) {
            count(&shared.totals.known_missing, 1);
            return Err(JoinError::Missing);
        }
        let mut found = table.open.get(name).map(Arc::clone);
        let (room, (viewer, role)) = loop {
            let room = match found.take() {
                Some(room) => room,
                None => shared.open(&mut table, name)?,
            };
            if room.audience().report().there.iter().sum::<u64>() >= MAX_VIEWERS {
                return Err(JoinError::TooManyViewers);
            }
            match room.join(trail.clone()) {
                Ok(joined) => break (room, joined),
                Err(Closed(Why::Missing)) => {
                    count(&shared.totals.known_missing, 1);
                    return Err(JoinError::Missing);
                }
                // The last one closed just now: this is another.
                Err(Closed(_)) => {}
            }
        };
        count(&shared.totals.joins, 1);
        Ok(Watcher {
            reader: room.feed().join(),
            viewer: room.audience().enter(protocol),
            seat: Seat::new(room, viewer, role, asked),
        })
    }

    /// All rooms, by name.
    pub fn report(&self) -> Vec<LiveRoomReport> {
        let mut reports: Vec<_> = self.rooms().iter().map(|room| room.report()).collect();
        reports.sort_by(|a, b| a.name.cmp(&b.name));
        reports
    }

    /// The room of stream `name`, if it is open.
    pub fn room(&self, name: &str) -> Option<LiveRoomReport> {
        let room = self.0.table().open.get(name).map(Arc::clone);
        room.map(|room| room.report())
    }

    /// What all of them have done and hold.
    pub fn totals(&self) -> RoomsTotals {
        let totals = &self.0.totals;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let mut all = RoomsTotals {
            opened: read(&totals.opened),
            closed: totals.closed.each_ref().map(read),
            joins: read(&totals.joins),
            upstream_requests: read(&totals.upstream_requests),
            upstream_bytes: read(&totals.upstream_bytes),
            egress_bytes: read(&totals.egress_bytes),
            known_missing: read(&totals.known_missing),
            handovers: totals.handovers.each_ref().map(read),
            times: totals.times.report(),
            ..RoomsTotals::default()
        };
        for report in self.report() {
            all.rooms += 1;
            all.viewers += usize::try_from(report.audience.there.iter().sum::<u64>()).unwrap_or(0);
            all.upstreams += report.room.masters.len();
            all.held_bytes += report.held_bytes;
            all.egress_bytes += report.audience.bytes;
        }
        all
    }

    /// Closes all rooms: the edge stops, and its viewers' connections would keep it
    /// from that.
    pub fn stop(&self) {
        self.0.table().stopped = true;
        for room in self.rooms() {
            room.shut();
        }
    }

    fn rooms(&self) -> Vec<Arc<LiveRoom>> {
        self.0.table().open.values().map(Arc::clone).collect()
    }
}

impl Shared {
    fn open(self: &Arc<Self>, table: &mut Table, name: &str) -> Result<Arc<LiveRoom>, JoinError> {
        if table.stopped {
            return Err(JoinError::Over);
        }
        if table.open.len() >= MAX_ROOMS && !table.open.contains_key(name) {
            return Err(JoinError::TooManyRooms);
        }
        table.generations += 1;
        let room = LiveRoom::open(name, Generation(table.generations), self);
        // One of this name that is closed will not take this one along.
        table.open.insert(name.to_owned(), Arc::clone(&room));
        count(&self.totals.opened, 1);
        Ok(room)
    }

    /// A room is closed.
    fn closed(&self, room: &Arc<LiveRoom>, why: Why) {
        let report = room.report();
        count(&self.totals.egress_bytes, report.audience.bytes);
        if let Some(index) = Why::ALL.iter().position(|known| *known == why) {
            count(&self.totals.closed[index], 1);
        }
        let mut table = self.table();
        if why == Why::Missing {
            table.missing.insert(&report.name, self.begun.elapsed());
        }
        let same = |there: &Arc<LiveRoom>| Arc::ptr_eq(there, room);
        if table.open.get(&report.name).is_some_and(same) {
            table.open.remove(&report.name);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change is whole or not begun.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
