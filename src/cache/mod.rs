//! The fragment cache: between everything that makes media bytes and everything
//! that wants them.
//!
//! A request looks, in this order, at what is in flight, memory, disk, and then
//! leads: it sets the source going and the others follow. Sources, players and
//! formats are not known here; nor is how chunks lie on disk ([`crate::store`]).
//!
//! Invariants:
//! - One leader per key. Looking and taking the lead are one step; the leader
//!   alone reads the disk, so a thousand requests are one read or one fill.
//! - The leader is a task of its own. Dropping a request's future strands nobody.
//! - Bytes are readable as soon as the source gives them; that the disk is full
//!   or broken is counted and logged, and costs no reader anything.
//! - A chunk leaves the flight once it is durable (or has failed to be) and in
//!   memory. A failed fill frees its key at once.
//! - The runtime's threads never wait for a disk: the store is called on blocking
//!   threads.

mod failures;
mod flight;
mod fragment;
mod memory;
mod outcome;
mod small;
mod stats;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio_util::task::TaskTracker;

pub use fragment::{CompleteChunk, Fragment, FragmentState, FragmentWriter};
pub use outcome::{Access, CacheError, FillError, Outcome, Presence};
pub use stats::CacheStats;

use crate::chunk::ChunkKey;
use crate::store::{ChunkStore, Lookup, StoreError};
use failures::Failures;
use flight::{Boarded, Flight, Seat};
use fragment::Supervisor;
use memory::Memory;
use stats::Counters;

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
}

impl Default for CacheConfig {
    /// 256 MiB; 4096 in flight: far more than are ever rendered at once, queued
    /// ones hold no bytes; 5 minutes: longer than any queue a viewer waits in; a second.
    fn default() -> Self {
        Self {
            ram_bytes: 256 * 1024 * 1024,
            max_in_flight: 4096,
            patience: Duration::from_secs(300),
            failure_rest: Duration::from_secs(1),
        }
    }
}

/// A handle on the cache; clones share it.
#[derive(Clone)]
pub struct FragmentCache(Arc<Shared>);

struct Shared {
    config: CacheConfig,
    store: ChunkStore,
    memory: Memory,
    flight: Arc<Flight<ChunkKey, Fragment>>,
    failures: Failures,
    small_flight: Arc<Flight<Arc<str>, small::Following>>,
    /// Closed from the start, which only means that its emptiness can be waited for.
    leaders: TaskTracker,
    counters: Counters,
}

impl FragmentCache {
    /// A cache in front of `store`.
    pub fn new(store: ChunkStore, config: CacheConfig) -> Self {
        let leaders = TaskTracker::new();
        leaders.close();
        Self(Arc::new(Shared {
            memory: Memory::new(config.ram_bytes),
            flight: Flight::new(config.max_in_flight),
            failures: Failures::new(config.failure_rest),
            small_flight: Flight::new(config.max_in_flight),
            leaders,
            counters: Counters::default(),
            store,
            config,
        }))
    }

    /// The fragment of `key`: from memory, from another request's fetch, from
    /// disk, or from `fill`, which is called only then, once, on a thread that may
    /// block; it should hand the writer on to whoever makes the bytes. Returns as
    /// soon as it is known where the bytes come from, not when they are there.
    pub async fn get_or_fill(
        &self,
        key: ChunkKey,
        fill: impl FnOnce(FragmentWriter) + Send + 'static,
    ) -> Result<Access, CacheError> {
        let shared = &self.0;
        // Most requests end here; what is complete stays so, so no lock is needed to tell.
        if let Some(chunk) = shared.memory.get(&key) {
            return Ok(shared.hit_memory(&key, chunk));
        }
        if let Some(error) = shared.failures.recent(&key, Instant::now()) {
            return Ok(shared.failed_lately(error));
        }
        let mut led = None;
        let boarded = shared.flight.board(
            &key,
            // One that failed a moment ago is not noted yet.
            |leading: &Fragment| match leading.state() {
                FragmentState::Failed(error) => shared.failures.remembers(&error),
                FragmentState::InProgress { .. } | FragmentState::Complete => true,
            },
            || shared.memory.get(&key),
            || {
                let (writer, supervisor, fragment) = fragment::start();
                led = Some((writer, supervisor, fragment.clone()));
                fragment
            },
        );
        match boarded {
            Boarded::Ready(chunk) => Ok(shared.hit_memory(&key, chunk)),
            Boarded::Joined(fragment) => Ok(match (fragment.complete(), fragment.state()) {
                // Only its way to the disk is not over.
                (Some(chunk), _) => shared.hit_memory(&key, chunk),
                (None, FragmentState::Failed(error)) => shared.failed_lately(error),
                (None, _) => {
                    shared.counters.coalesced.add(1);
                    Access {
                        fragment,
                        outcome: Outcome::Coalesced,
                    }
                }
            }),
            Boarded::Full => {
                shared.counters.refused.add(1);
                Err(CacheError::Busy {
                    in_flight: shared.flight.max(),
                })
            }
            Boarded::Lead(seat) => {
                let (writer, supervisor, fragment) = led.expect("who leads has begun a fragment");
                let (tell, told) = oneshot::channel();
                let leading = shared
                    .clone()
                    .lead(key, seat, writer, supervisor, fill, tell);
                shared.leaders.spawn(leading);
                let outcome = told.await.map_err(|_| CacheError::ShuttingDown)?;
                Ok(Access { fragment, outcome })
            }
        }
    }

    /// The complete chunk of `key`, if there is one; fetches nothing from a source
    /// and waits for none.
    pub async fn get(&self, key: &ChunkKey) -> Result<Option<Arc<CompleteChunk>>, CacheError> {
        let shared = &self.0;
        let in_memory = shared
            .memory
            .get(key)
            .or_else(|| shared.flight.find(key)?.complete());
        if let Some(chunk) = in_memory {
            shared.hit_memory(key, chunk.clone());
            return Ok(Some(chunk));
        }
        let (store, wanted) = (shared.store.clone(), *key);
        let looked = spawn_blocking(move || store.get(&wanted)).await;
        match looked.map_err(|_| CacheError::ShuttingDown)?? {
            Lookup::Hit(stored) => Ok(Some(shared.hit_disk(*key, stored.into()))),
            Lookup::Miss | Lookup::Lost | Lookup::Corrupt => Ok(None),
        }
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
            in_flight: shared.flight.len() as u64,
            ..shared.counters.now()
        }
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

impl Shared {
    /// What the leader of `key` does, from its first look at the disk until the
    /// chunk is durable.
    async fn lead(
        self: Arc<Self>,
        key: ChunkKey,
        seat: Seat<ChunkKey, Fragment>,
        writer: FragmentWriter,
        supervisor: Supervisor,
        fill: impl FnOnce(FragmentWriter) + Send + 'static,
        tell: oneshot::Sender<Outcome>,
    ) {
        let store = self.store.clone();
        let looked = self.on_store("read a chunk", move || store.get(&key)).await;
        if let Some(Lookup::Hit(stored)) = looked {
            writer.restore(self.hit_disk(key, stored.into()));
            let _ = tell.send(Outcome::HitDisk);
            return drop(seat);
        }
        self.counters.misses.add(1);
        // Whoever asked may be gone; the others are not.
        let _ = tell.send(Outcome::Filled);
        // Not awaited: it may go on for as long as it makes bytes, and if it dies the
        // writer dies with it, which the supervisor sees.
        let _filling = spawn_blocking(move || fill(writer));
        match supervisor.end_of(self.config.patience).await {
            Ok(chunk) => {
                self.counters.bytes_filled.add(chunk.meta.bytes());
                self.failures.forget(&key);
                let (store, kept) = (self.store.clone(), chunk.clone());
                self.on_store("store a chunk", move || {
                    store.put(&key, &kept.meta, &kept.parts)
                })
                .await;
                self.memory.insert(key, chunk);
            }
            Err(error) => {
                self.counters.failed_fills.add(1);
                self.failures.note(key, &error, Instant::now());
                tracing::warn!(%key, %error, "a fill failed");
            }
        }
        drop(seat);
    }

    /// Calls the store on a blocking thread. A failure is counted and logged and
    /// then is no different from finding nothing.
    async fn on_store<T: Send + 'static>(
        &self,
        action: &'static str,
        call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let error = match spawn_blocking(call).await {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => error.to_string(),
            Err(died) => died.to_string(),
        };
        self.counters.store_errors.add(1);
        tracing::warn!(action, error, "the store failed");
        None
    }

    fn failed_lately(&self, error: FillError) -> Access {
        self.counters.failed_lately.add(1);
        Access {
            fragment: Fragment::failed(error),
            outcome: Outcome::FailedLately,
        }
    }

    fn hit_memory(&self, key: &ChunkKey, chunk: Arc<CompleteChunk>) -> Access {
        self.store.note_use(key);
        self.counters.hits_memory.add(1);
        self.counters.bytes_memory.add(chunk.meta.bytes());
        Access {
            fragment: Fragment::ready(chunk),
            outcome: Outcome::HitMemory,
        }
    }

    fn hit_disk(&self, key: ChunkKey, chunk: CompleteChunk) -> Arc<CompleteChunk> {
        let chunk = Arc::new(chunk);
        self.counters.hits_disk.add(1);
        self.counters.bytes_disk.add(chunk.meta.bytes());
        self.memory.insert(key, chunk.clone());
        chunk
    }
}
