//! The fragment cache: between everything that makes media bytes and everything
//! that wants them.
//!
//! A request looks, in this order, at what is in flight, memory, disk, the tier
//! that is shared with other machines if there is one, and then leads: it sets the
//! [`Source`] going and the others follow. Players and formats are not known here;
//! nor is how chunks lie on disk ([`crate::store`]).
//!
//! Invariants:
//! - One leader per key. Looking and taking the lead are one step; the leader
//!   alone reads the disk, so a thousand requests are one read or one fill.
//! - The leader is a task of its own. Dropping a request's future strands nobody.
//! - A source that dies is followed by another try, which looks at the disk first;
//!   readers notice nothing.
//! - What nobody reads any more is given up, after a while in which someone may
//!   come back.
//! - Bytes are readable as soon as the source gives them; that the disk is full
//!   or broken is counted and logged, and costs no reader anything.
//! - A chunk leaves the flight once it is durable (or has failed to be) and in
//!   memory. A failed fill frees its key at once.
//! - The runtime's threads never wait for a disk: the store is called on blocking
//!   threads, few at a time.
//! - A disk slower than the sources slows them down: no source is set going while
//!   too much waits to be written.

mod account;
mod backlog;
mod failures;
mod flight;
mod fragment;
mod lead;
mod leader;
mod memory;
mod outcome;
mod recording;
mod small;
mod source;
mod stats;
#[cfg(test)]
mod tests;
mod tier;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio_util::task::TaskTracker;

pub use account::{Account, Asker, Fetch};
pub use fragment::{CompleteChunk, Fragment, FragmentState};
pub use outcome::{Access, CacheError, FillError, Outcome, Presence};
pub use recording::Recording;
pub use source::{Ahead, Source};
pub use stats::CacheStats;
pub use tier::{SharedTier, TierError};
pub use writer::FragmentWriter;

use crate::chunk::ChunkKey;
use crate::offload::{Cause, Class, Tier};
use crate::store::{ChunkStore, Lookup};
use backlog::Backlog;
use failures::Failures;
use flight::{Boarded, Flight};
use lead::Lead;
use leader::{Leader, Leading};
use memory::Memory;
use stats::Counters;

/// Chunks that are read from disk at a time: enough to keep a disk busy, few
/// enough that a crowd's chunks are not all in memory before the first is sent.
const DISK_READS: usize = 32;

/// How the cache is bounded.
#[derive(Clone, Copy, Debug)]
pub struct CacheConfig {
    /// Memory for complete chunks; 0 keeps none.
    pub ram_bytes: u64,
    /// How many chunks may be in flight at once; one more request for another is
    /// told the cache is busy. Each may hold up to the largest chunk in memory.
    pub max_in_flight: usize,
    /// How long a source may give nothing, from being asked (so waiting in the
    /// source's queue counts) or from its last part, before its fill fails.
    pub patience: Duration,
    /// How long a chunk that could not be made rests before it is tried again;
    /// twice as long after each failure in a row, up to a minute. Zero tries at once.
    pub failure_rest: Duration,
    /// How long a chunk that nobody reads any more is still made: a player that
    /// lost its connection comes back.
    pub linger: Duration,
    /// Whether it is measured what the cache saves, and could save ([`Account`]).
    pub measures: bool,
}

impl Default for CacheConfig {
    /// 256 MiB; 4096 in flight: far more than are ever rendered at once, queued
    /// ones hold no bytes; 5 minutes: longer than any queue a viewer waits in; a
    /// second; two seconds; it is.
    fn default() -> Self {
        Self {
            ram_bytes: 256 * 1024 * 1024,
            max_in_flight: 4096,
            patience: Duration::from_secs(300),
            failure_rest: Duration::from_secs(1),
            linger: Duration::from_secs(2),
            measures: true,
        }
    }
}

/// A handle on the cache; clones share it.
#[derive(Clone)]
pub struct FragmentCache(Arc<Shared>);

struct Shared {
    config: CacheConfig,
    store: ChunkStore,
    tier: Option<Box<dyn SharedTier>>,
    memory: Memory,
    flight: Arc<Flight<ChunkKey, Leading>>,
    failures: Failures,
    backlog: Backlog,
    reads: Semaphore,
    small_flight: Arc<Flight<Arc<str>, small::Following>>,
    /// Closed from the start, which only means that its emptiness can be waited for.
    leaders: TaskTracker,
    counters: Counters,
    account: Account,
}

impl FragmentCache {
    /// A cache in front of `store`.
    pub fn new(store: ChunkStore, config: CacheConfig) -> Self {
        Self::over(store, None, config)
    }

    /// The same, with a tier behind the disk that is shared with other caches.
    pub fn with_tier(store: ChunkStore, tier: Box<dyn SharedTier>, config: CacheConfig) -> Self {
        Self::over(store, Some(tier), config)
    }

    fn over(store: ChunkStore, tier: Option<Box<dyn SharedTier>>, config: CacheConfig) -> Self {
        let leaders = TaskTracker::new();
        leaders.close();
        let account = Account::new(config.measures);
        if account.is_on() {
            let account = account.clone();
            store.on_departure(move |key, why| account.gone(key.digest(), why.into()));
        }
        Self(Arc::new(Shared {
            memory: Memory::new(config.ram_bytes),
            flight: Flight::new(config.max_in_flight),
            failures: Failures::new(config.failure_rest),
            backlog: Backlog::default(),
            reads: Semaphore::new(DISK_READS),
            small_flight: Flight::new(config.max_in_flight),
            leaders,
            counters: Counters::default(),
            account,
            store,
            tier,
            config,
        }))
    }

    /// The fragment of `key`: from memory, from another request's fetch, from
    /// disk, or from `source`, which is set going only then, once for all who ask.
    /// Returns as soon as it is known where the bytes come from, not when they are
    /// there. Who drops the fragment wants it no more.
    pub async fn get_or_fill(
        &self,
        key: ChunkKey,
        source: impl Source,
    ) -> Result<Access, CacheError> {
        let shared = &self.0;
        // Most requests end here; what is complete stays so, so no lock is needed to tell.
        if let Some(chunk) = shared.memory.get(&key) {
            return Ok(shared.hit_memory(&key, chunk, &source));
        }
        if let Some(error) = shared.failures.recent(&key, Instant::now()) {
            return Ok(shared.failed_lately(error));
        }
        let (mut led, mut failed) = (None, false);
        let boarded = shared.flight.board(
            &key,
            |leading: &Leading| match leading.state() {
                // One that failed a moment ago is not noted yet.
                FragmentState::Failed(error) if !shared.failures.remembers(&error) => {
                    failed = true;
                    None
                }
                // A reader from now on, so that the leader does not find itself deserted.
                _ => Some((leading.follow(), leading.clone())),
            },
            || shared.memory.get(&key),
            || {
                let (leader, fragment) = Leader::new();
                let leading = leader.leading();
                led = Some((leader, fragment));
                leading
            },
        );
        match boarded {
            Boarded::Ready(chunk) => Ok(shared.hit_memory(&key, chunk, &source)),
            Boarded::Joined((fragment, leading)) => {
                Ok(match (fragment.complete(), fragment.state()) {
                    // Only its way to the disk is not over.
                    (Some(chunk), _) => shared.hit_memory(&key, chunk, &source),
                    (None, FragmentState::Failed(error)) => shared.failed_lately(error),
                    (None, _) => shared.follow(&key, fragment, &leading, &source),
                })
            }
            Boarded::Full => {
                shared.counters.refused.add(1);
                Err(CacheError::Busy {
                    in_flight: shared.flight.max(),
                })
            }
            Boarded::Lead(seat) => {
                let (leader, fragment) = led.expect("who leads has begun a fragment");
                let (tell, told) = oneshot::channel();
                let lead = Lead {
                    key,
                    seat,
                    leader,
                    before: failed.then_some(Cause::Failed),
                    tell,
                };
                let leading = shared.clone().lead(lead, Arc::new(source));
                shared.leaders.spawn(leading);
                let (outcome, cause) = told.await.map_err(|_| CacheError::ShuttingDown)?;
                Ok(Access {
                    fragment,
                    outcome,
                    cause,
                })
            }
        }
    }

    /// The complete chunk of `key`, if there is one, for a request of `traffic`; fetches
    /// nothing from a source and waits for none.
    pub async fn get(&self, key: &ChunkKey, traffic: &Class) -> Result<Option<Access>, CacheError> {
        let shared = &self.0;
        let in_memory = shared
            .memory
            .get(key)
            .or_else(|| shared.flight.find(key)?.complete());
        let hit = |chunk: Arc<CompleteChunk>, outcome, tier| {
            let account = &shared.account;
            account.hit(traffic, key.digest(), chunk.weighs(), tier, 1);
            Access {
                fragment: Fragment::ready(chunk),
                outcome,
                cause: None,
            }
        };
        if let Some(chunk) = in_memory {
            shared.note_memory(key, &chunk);
            return Ok(Some(hit(chunk, Outcome::HitMemory, Tier::Ram)));
        }
        let (store, wanted) = (shared.store.clone(), *key);
        // The semaphore is never closed.
        let reading = shared.reads.acquire().await;
        let looked = spawn_blocking(move || store.get(&wanted)).await;
        drop(reading);
        match looked.map_err(|_| CacheError::ShuttingDown)?? {
            Lookup::Hit(stored) => {
                let chunk = shared.hit_disk(*key, stored.into());
                Ok(Some(hit(chunk, Outcome::HitDisk, Tier::Disk)))
            }
            Lookup::Miss | Lookup::Lost | Lookup::Corrupt => Ok(None),
        }
    }

    /// Counts a request of `traffic` that is answered with `fragment`, which whoever calls
    /// this has at hand.
    pub fn answered(&self, key: &ChunkKey, fragment: &Fragment, traffic: &Class) {
        let shared = &self.0;
        let leading = match fragment.complete() {
            Some(_) => None,
            None => shared.flight.find(key),
        };
        if leading.is_some_and(|leading| leading.count_follower()) {
            return;
        }
        if let Some(chunk) = fragment.complete() {
            let (account, size) = (&shared.account, chunk.weighs());
            account.hit(traffic, key.digest(), size, Tier::Ram, 1);
        }
    }

    /// Removes the chunk of `key` from memory and disk, durably, and says whether it was
    /// there. One that is being made goes on, and what the shared tier has stays.
    pub async fn purge(&self, key: &ChunkKey) -> Result<bool, CacheError> {
        let (remembered, stored) = self.remove(key).await?;
        if remembered && !stored {
            self.0.account.gone(key.digest(), Cause::Purged);
        }
        Ok(remembered || stored)
    }

    /// The same of a transient chunk that is over. Why it went is not remembered: nobody
    /// asks for it again, and there are so many that others would be forgotten for them.
    pub async fn discard(&self, key: &ChunkKey) -> Result<bool, CacheError> {
        let (remembered, stored) = self.remove(key).await?;
        Ok(remembered || stored)
    }

    /// Whether a chunk was in memory, and on disk, where it is not any more.
    async fn remove(&self, key: &ChunkKey) -> Result<(bool, bool), CacheError> {
        let shared = &self.0;
        let remembered = shared.memory.remove(key);
        let (store, wanted) = (shared.store.clone(), *key);
        let removed = spawn_blocking(move || store.remove(&wanted)).await;
        let stored = removed.map_err(|_| CacheError::ShuttingDown)??;
        shared.counters.purged.add((remembered || stored).into());
        Ok((remembered, stored))
    }

    /// Where the chunk of `key` is, by memory, flight and the disk's index; counts
    /// as no request.
    pub async fn peek(&self, key: &ChunkKey) -> Result<Presence, CacheError> {
        let shared = &self.0;
        if shared.memory.contains(key) {
            return Ok(Presence::Memory);
        }
        match shared.flight.find(key).map(|leading| leading.state()) {
            Some(FragmentState::Complete) => return Ok(Presence::Memory),
            Some(FragmentState::InProgress { .. }) => return Ok(Presence::InFlight),
            Some(FragmentState::Failed(_)) | None => {}
        }
        let (store, wanted) = (shared.store.clone(), *key);
        let looked = spawn_blocking(move || store.contains(&wanted)).await;
        match looked.map_err(|_| CacheError::ShuttingDown)?? {
            true => Ok(Presence::Disk),
            false => Ok(Presence::Absent),
        }
    }

    /// What was counted, and what is held now.
    pub fn stats(&self) -> CacheStats {
        let shared = &self.0;
        CacheStats {
            memory_chunks: shared.memory.chunks(),
            memory_bytes: shared.memory.bytes(),
            demoted: shared.memory.demoted(),
            in_flight: shared.flight.len() as u64,
            backlog_bytes: shared.backlog.bytes(),
            ..shared.counters.now()
        }
    }

    /// How it is bounded.
    pub fn config(&self) -> &CacheConfig {
        &self.0.config
    }

    /// What it is told of the cache's traffic, and what that comes to.
    pub fn account(&self) -> &Account {
        &self.0.account
    }

    /// The store behind the cache.
    pub fn store(&self) -> &ChunkStore {
        &self.0.store
    }

    /// Waits until nothing is being fetched or stored. Refuses nothing: whoever
    /// shuts down stops asking first.
    pub async fn drain(&self) {
        self.0.leaders.wait().await;
    }
}
