//! Those who join a stream: each terminal by its identifier, and all who wait for the
//! same segment in one wait.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;
use uuid::Uuid;

use crate::broadcast::publisher::now;
use crate::broadcast::snapshot::Snapshot;
use crate::live::LiveTrack;
use crate::live::join::{JoinConfig, Terminal};
use crate::live::viewers::Viewers;
use crate::live::window::Listing;

/// A track as it is listed, and the segment that is waited for.
pub(super) type Awaited = (LiveTrack, Listing, u64);

/// How a stream is joined, by whom, and how that went.
pub struct Joins {
    config: JoinConfig,
    viewers: Mutex<Viewers>,
    /// At most one a playlist is of use; others end with their deadline.
    gatherings: Mutex<BTreeMap<Awaited, Arc<Gathering>>>,
    waiting: AtomicU64,
    served: AtomicU64,
    timed_out: AtomicU64,
    waits: AtomicU64,
}

/// What is told of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinsReport {
    /// Requests that wait now.
    pub waiting: u64,
    /// Requests that waited, and were answered.
    pub served: u64,
    /// Requests that waited in vain.
    pub timed_out: u64,
    /// Waits for a segment, each for all who want it.
    pub waits: u64,
}

/// All who wait for the same segment.
pub(super) struct Gathering {
    /// What they get; nothing if it did not come in time.
    pub index: OnceCell<Option<Arc<Snapshot>>>,
    /// Until when they wait.
    pub deadline: Instant,
}

impl Joins {
    pub(super) fn new(config: JoinConfig) -> Self {
        Self {
            config,
            viewers: Mutex::default(),
            gatherings: Mutex::default(),
            waiting: AtomicU64::new(0),
            served: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
            waits: AtomicU64::new(0),
        }
    }

    /// Who waits, for how much and how long.
    pub const fn config(&self) -> &JoinConfig {
        &self.config
    }

    /// How long anybody waits.
    pub const fn patience(&self) -> Duration {
        Duration::from_millis(self.config.deadline_ms)
    }

    /// An identifier for a terminal that has none.
    pub fn issue(&self) -> Uuid {
        let id = Uuid::new_v4();
        self.viewers().issue(id, now().0);
        id
    }

    /// Whether `id` is a terminal's.
    pub fn knows(&self, id: Uuid) -> bool {
        self.viewers().knows(id, now().0)
    }

    /// Who asks for a playlist; from now on, it has.
    pub fn asks(&self, id: Option<Uuid>, track: LiveTrack, listing: Listing) -> Terminal {
        self.viewers().asks(id, track, listing, now().0)
    }

    /// A request begins to wait.
    pub fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// How it goes.
    pub fn report(&self) -> JoinsReport {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        JoinsReport {
            waiting: read(&self.waiting),
            served: read(&self.served),
            timed_out: read(&self.timed_out),
            waits: read(&self.waits),
        }
    }

    /// Those who wait for `awaited`, with whoever joins them.
    pub(super) fn gathering(&self, awaited: Awaited) -> Arc<Gathering> {
        let mut gatherings = self.gatherings();
        let now = Instant::now();
        // Those whose waiters all went are left behind.
        gatherings.retain(|_, gathering| gathering.deadline > now);
        let gathering = gatherings.entry(awaited).or_insert_with(|| {
            Arc::new(Gathering {
                index: OnceCell::new(),
                deadline: now + self.patience(),
            })
        });
        Arc::clone(gathering)
    }

    /// One of them sees to the wait.
    pub(super) fn leads(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// They have what they waited for, or wait no more.
    pub(super) fn disband(&self, awaited: Awaited, gathering: &Arc<Gathering>) {
        let mut gatherings = self.gatherings();
        if let Some(there) = gatherings.get(&awaited)
            && Arc::ptr_eq(there, gathering)
        {
            gatherings.remove(&awaited);
        }
    }

    fn viewers(&self) -> MutexGuard<'_, Viewers> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gatherings(&self) -> MutexGuard<'_, BTreeMap<Awaited, Arc<Gathering>>> {
        self.gatherings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits, until this is dropped.
pub struct Waiting<'a>(&'a Joins);

impl Waiting<'_> {
    /// It is answered.
    pub fn served(self) {
        self.0.served.fetch_add(1, Ordering::Relaxed);
    }

    /// It waited in vain.
    pub fn timed_out(self) {
        self.0.timed_out.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
