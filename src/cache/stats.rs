//! What the cache counts: every request once, by where its bytes came from.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that only grows.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(super) struct Counters {
    pub hits_memory: Counter,
    pub hits_disk: Counter,
    pub coalesced: Counter,
    pub misses: Counter,
    pub refused: Counter,
    pub failed_fills: Counter,
    pub failed_lately: Counter,
    pub abandoned: Counter,
    pub handed_over: Counter,
    pub purged: Counter,
    pub store_errors: Counter,
    pub tier_errors: Counter,
    pub hits_shared: Counter,
    pub bytes_shared: Counter,
    pub bytes_memory: Counter,
    pub bytes_disk: Counter,
    pub bytes_filled: Counter,
    pub small_hits: Counter,
    pub small_coalesced: Counter,
    pub small_misses: Counter,
}

/// What the cache has counted since it was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Requests for a chunk answered from memory.
    pub hits_memory: u64,
    /// Requests for a chunk answered from disk.
    pub hits_disk: u64,
    /// Requests that joined another's fetch.
    pub coalesced: u64,
    /// Requests that set the source going: fills begun.
    pub misses: u64,
    /// Requests refused because too much was in flight.
    pub refused: u64,
    /// Fills that failed.
    pub failed_fills: u64,
    /// Requests for what failed a moment before, told so without another try.
    pub failed_lately: u64,
    /// Fills given up because nobody read them any more.
    pub abandoned: u64,
    /// Fills that another try took over because their source died.
    pub handed_over: u64,
    /// Chunks that were removed because they are wrong, or nobody will ask for them again.
    pub purged: u64,
    /// Calls into the store that failed; their requests were served all the same.
    pub store_errors: u64,
    /// Calls into the shared tier that failed; likewise.
    pub tier_errors: u64,
    /// Requests for a chunk answered from the shared tier.
    pub hits_shared: u64,
    /// Bytes of the hits in the shared tier.
    pub bytes_shared: u64,
    /// Chunks that came up into memory from a tier below.
    pub promoted: u64,
    /// Chunks that left memory for others; what the disk kept of them is there.
    pub demoted: u64,
    /// Bytes of the hits in memory.
    pub bytes_memory: u64,
    /// Bytes of the hits on disk.
    pub bytes_disk: u64,
    /// Bytes that sources made.
    pub bytes_filled: u64,
    /// Requests for a small value answered from memory or disk.
    pub small_hits: u64,
    /// Requests for a small value that joined another's fetch.
    pub small_coalesced: u64,
    /// Requests for a small value that made it.
    pub small_misses: u64,
    /// Chunks in memory now.
    pub memory_chunks: u64,
    /// What they weigh, in bytes.
    pub memory_bytes: u64,
    /// Chunks being fetched or stored now.
    pub in_flight: u64,
    /// Bytes of complete chunks that are not on disk yet.
    pub backlog_bytes: u64,
}

impl Counters {
    /// The counts; what is held now is left at 0.
    pub fn now(&self) -> CacheStats {
        CacheStats {
            hits_memory: self.hits_memory.now(),
            hits_disk: self.hits_disk.now(),
            coalesced: self.coalesced.now(),
            misses: self.misses.now(),
            refused: self.refused.now(),
            failed_fills: self.failed_fills.now(),
            failed_lately: self.failed_lately.now(),
            abandoned: self.abandoned.now(),
            handed_over: self.handed_over.now(),
            purged: self.purged.now(),
            store_errors: self.store_errors.now(),
            tier_errors: self.tier_errors.now(),
            hits_shared: self.hits_shared.now(),
            bytes_shared: self.bytes_shared.now(),
            promoted: self.hits_disk.now() + self.hits_shared.now(),
            bytes_memory: self.bytes_memory.now(),
            bytes_disk: self.bytes_disk.now(),
            bytes_filled: self.bytes_filled.now(),
            small_hits: self.small_hits.now(),
            small_coalesced: self.small_coalesced.now(),
            small_misses: self.small_misses.now(),
            ..CacheStats::default()
        }
    }
}
