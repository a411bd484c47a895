//! The memory tier: complete chunks and small values, within byte budgets.
//!
//! S3-FIFO (from `quick_cache`): a scan of chunks wanted once does not push out
//! the ones wanted often. Every entry weighs its bytes and what keeping it costs;
//! the sum never exceeds the budget. Chunks being written do not count here: they
//! are bounded by the number in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use super::fragment::CompleteChunk;
use crate::chunk::{ChunkKey, Part};
use crate::store::MAX_CHUNK_BYTES;

/// Small values (init segments, about 1 KiB each) have memory of their own, so
/// that no flood of chunks pushes out what every player needs first.
const SMALL_BYTES: u64 = 8 * 1024 * 1024;

/// What an entry costs beside its bytes: map slot, counters, allocations.
const ENTRY_OVERHEAD: u64 = 256;

/// A chunk's usual size: sizes the table that remembers what was evicted.
const USUAL_CHUNK_BYTES: u64 = 512 * 1024;

/// A shard holds at least this many of the largest chunks, so that one of them
/// does not empty it.
const LARGEST_PER_SHARD: u64 = 4;

/// More locks than this have nothing to win: one is held for a lookup only.
const MAX_SHARDS: u64 = 16;

#[derive(Clone)]
struct Weigh;

impl Weighter<ChunkKey, Arc<CompleteChunk>> for Weigh {
    fn weight(&self, _: &ChunkKey, chunk: &Arc<CompleteChunk>) -> u64 {
        let parts = (chunk.parts.len() * size_of::<Part>() * 2) as u64;
        chunk.meta.bytes() + parts + ENTRY_OVERHEAD
    }
}

impl Weighter<Arc<str>, Bytes> for Weigh {
    fn weight(&self, name: &Arc<str>, value: &Bytes) -> u64 {
        (name.len() + value.len()) as u64 + ENTRY_OVERHEAD
    }
}

/// Counts what has to go for others.
#[derive(Clone, Default)]
struct Departures(Arc<AtomicU64>);

impl<K, V> Lifecycle<K, V> for Departures {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: K, _: V) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Tier<K, V> = Cache<K, V, Weigh, DefaultHashBuilder, Departures>;

/// What is kept in memory.
pub(super) struct Memory {
    chunks: Tier<ChunkKey, Arc<CompleteChunk>>,
    small: Tier<Arc<str>, Bytes>,
    departed: Departures,
}

impl Memory {
    /// Memory for `budget` bytes of chunks; 0 keeps none.
    pub fn new(budget: u64) -> Self {
        let shards = (budget / (LARGEST_PER_SHARD * MAX_CHUNK_BYTES)).clamp(1, MAX_SHARDS);
        // The crate rounds both up; rounded down first, they stay below the budget.
        let shards = 1 << shards.ilog2();
        let budget = budget - budget % shards;
        let departed = Departures::default();
        let items = budget / USUAL_CHUNK_BYTES;
        Self {
            chunks: tier(budget, items, shards as usize, departed.clone()),
            small: tier(SMALL_BYTES, SMALL_BYTES / 1024, 1, Departures::default()),
            departed,
        }
    }

    /// The chunk of `key`, counted as a use.
    pub fn get(&self, key: &ChunkKey) -> Option<Arc<CompleteChunk>> {
        self.chunks.get(key)
    }

    /// Whether the chunk of `key` is here, not counted as a use.
    pub fn contains(&self, key: &ChunkKey) -> bool {
        self.chunks.contains_key(key)
    }

    /// Keeps a chunk, if it fits.
    pub fn insert(&self, key: ChunkKey, chunk: Arc<CompleteChunk>) {
        self.chunks.insert(key, chunk);
    }

    /// Lets a chunk go, and says whether it was here.
    pub fn remove(&self, key: &ChunkKey) -> bool {
        self.chunks.remove(key).is_some()
    }

    /// The small value called `name`.
    pub fn get_small(&self, name: &str) -> Option<Bytes> {
        self.small.get(name)
    }

    /// Keeps a small value, if it fits.
    pub fn insert_small(&self, name: Arc<str>, value: Bytes) {
        self.small.insert(name, value);
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> u64 {
        self.chunks.len() as u64
    }

    /// How many chunks had to go for others, those that never fitted included.
    pub fn demoted(&self) -> u64 {
        self.departed.0.load(Ordering::Relaxed)
    }

    /// What the chunks weigh, in bytes.
    pub fn bytes(&self) -> u64 {
        self.chunks.weight()
    }
}

fn tier<K: Eq + std::hash::Hash, V: Clone>(
    budget: u64,
    items: u64,
    shards: usize,
    departed: Departures,
) -> Tier<K, V>
where
    Weigh: Weighter<K, V>,
{
    let options = OptionsBuilder::new()
        .weight_capacity(budget)
        .estimated_items_capacity(items.max(32) as usize)
        .shards(shards)
        .build()
        .expect("capacity and items are given");
    Cache::with_options(options, Weigh, DefaultHashBuilder::default(), departed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{ChunkMeta, PartMeta};
    use crate::digest::Digest;

    fn chunk(len: u32) -> Arc<CompleteChunk> {
        let meta = PartMeta {
            bytes: len,
            ticks: 1,
            independent: true,
        };
        Arc::new(CompleteChunk {
            meta: ChunkMeta {
                parts: vec![meta],
                cost_ms: 1,
            },
            parts: vec![Part {
                meta,
                data: vec![0; len as usize].into(),
            }],
            digest: Digest::of(b""),
        })
    }

    #[test]
    fn the_budget_is_kept_whatever_comes() {
        for budget in [
            0,
            1,
            100_000,
            1_000_003,
            3 * LARGEST_PER_SHARD * MAX_CHUNK_BYTES + 1,
        ] {
            let memory = Memory::new(budget);
            for seed in 0..400_u32 {
                let key = ChunkKey::new(Digest::of(&seed.to_le_bytes()));
                memory.insert(key, chunk(1 + seed * 37 % 20_000));
                assert!(memory.bytes() <= budget, "{} > {budget}", memory.bytes());
            }
            assert_eq!(memory.chunks() > 0, budget >= 100_000, "budget {budget}");
        }
    }

    #[test]
    fn a_chunk_larger_than_the_budget_is_not_kept_and_pushes_nothing_out() {
        let memory = Memory::new(10_000);
        let [small, large] = [b"s", b"l"].map(|name| ChunkKey::new(Digest::of(name)));
        memory.insert(small, chunk(100));
        memory.insert(large, chunk(20_000));
        assert!(memory.contains(&small) && !memory.contains(&large));
    }
}
