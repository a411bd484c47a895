//! The cache under traffic that never ends: more chunks than fit, asked for by
//! readers who come and go, for as long as it takes.
//!
//! Ten times the bound by default; `LOOMCAST_SOAK_S=600` for ten minutes. A process of its
//! own, so that its memory is the cache's.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use loomcast::cache::{CacheConfig, FragmentCache, FragmentWriter};
use loomcast::chunk::{ChunkKey, Part, PartMeta};
use loomcast::digest::Digest;
use loomcast::store::{ChunkStore, StoreConfig};
use tempfile::TempDir;
use tokio::sync::RwLock;

const DISK_BYTES: u64 = 64 << 20;
const RAM_BYTES: u64 = 32 << 20;

/// What the process takes beside the chunks in memory: itself, the index's pages (32
/// MiB), chunks on their way to the disk (32 MiB, and those being made) and from it,
/// and what the allocator holds back.
const BESIDE_BYTES: u64 = 192 << 20;

/// Ten times what the disk may hold, on average.
const CHUNKS: u64 = DISK_BYTES * 10 / (150 << 10);

const READERS: u64 = 8;

/// It goes on until sources have made this much, however long that takes.
const CHURN_BYTES: u64 = 10 * DISK_BYTES;

/// How often everything holds still to be counted.
const COUNTED_EVERY: Duration = Duration::from_secs(2);

/// Chunk `number`: 1 to 4 parts, 20 to 280 KiB, every byte following from its number.
fn part(number: u64, at: u64) -> Part {
    let len = (20 << 10) + (number * 7919 + at * 104_729) % (60 << 10);
    let mut data = vec![0; len as usize];
    blake3::Hasher::new()
        .update(&number.to_le_bytes())
        .update(&at.to_le_bytes())
        .finalize_xof()
        .fill(&mut data);
    Part {
        meta: PartMeta {
            bytes: len as u32,
            ticks: 45_000,
            independent: at == 0,
        },
        data: data.into(),
    }
}

fn parts(number: u64) -> u64 {
    1 + number % 4
}

fn key(number: u64) -> ChunkKey {
    ChunkKey::new(Digest::of(&number.to_le_bytes()))
}

fn fill(number: u64, writer: FragmentWriter) {
    // As the render threads do it: elsewhere, part by part.
    std::thread::spawn(move || {
        let mut writer = writer;
        for at in 0..parts(number) {
            if writer.push(part(number, at)).is_err() {
                return;
            }
        }
        let cost_ms = 50 + (number * 31 % 1000) as u32;
        // An error means that nobody wanted it any more.
        drop(writer.finish(cost_ms));
    });
}

/// Numbers without end, the same each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        // The constants of SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)) % sides
    }
}

/// What a reader wants next: often one of a few, now and then any.
fn wanted(dice: &mut Dice) -> u64 {
    match dice.throw(4) {
        0 => dice.throw(CHUNKS / 50),
        _ => dice.throw(CHUNKS),
    }
}

fn goes_on(cache: &FragmentCache, until: Instant) -> bool {
    Instant::now() < until || cache.stats().bytes_filled < CHURN_BYTES
}

fn on_disk(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let of = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let found = entry.metadata().ok()?;
        Some(match found.is_dir() {
            true => on_disk(&entry.path()),
            false => found.len().div_ceil(4096) * 4096,
        })
    };
    entries.filter_map(of).sum()
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.expect("a number") * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_and_memory_keep_to_their_bounds_however_long_it_runs() {
    let seconds = std::env::var("LOOMCAST_SOAK_S").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(8);
    let until = Instant::now() + Duration::from_secs(seconds);
    let dir = TempDir::new().expect("a folder");
    let (store, _) = ChunkStore::open(StoreConfig {
        max_bytes: Some(DISK_BYTES),
        min_free_bytes: 0,
        ..StoreConfig::new(dir.path())
    })
    .expect("a store");
    let config = CacheConfig {
        ram_bytes: RAM_BYTES,
        linger: Duration::ZERO,
        ..CacheConfig::default()
    };
    let cache = FragmentCache::new(store, config);
    let read = Arc::new(AtomicU64::new(0));
    let still = Arc::new(RwLock::new(()));
    let readers: Vec<_> = (0..READERS)
        .map(|reader| {
            let (cache, read, still) = (cache.clone(), read.clone(), still.clone());
            tokio::spawn(async move {
                let mut dice = Dice(reader);
                while goes_on(&cache, until) {
                    let _going = still.read().await;
                    let number = wanted(&mut dice);
                    let source = move |writer| fill(number, writer);
                    let access = cache.get_or_fill(key(number), source).await;
                    let fragment = access.expect("there is room in flight").fragment;
                    if dice.throw(10) == 0 {
                        // Gone after a look.
                        continue;
                    }
                    for at in 0..parts(number) {
                        let found = fragment.part(at as usize).await.expect("made");
                        let found = found.expect("as many parts");
                        assert!(found == part(number, at), "chunk {number}, part {at}");
                        read.fetch_add(found.data.len() as u64, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    let (mut most_disk, mut most_memory, mut early_memory) = (0, 0, 0);
    let began = Instant::now();
    let mut counted = began;
    while goes_on(&cache, until) {
        // The books say at least what is there: room is taken before a chunk is written.
        let disk = cache.store().stats().disk_bytes;
        assert!(disk <= DISK_BYTES, "{disk}");
        most_disk = most_disk.max(disk);
        most_memory = most_memory.max(resident_bytes());
        assert!(cache.stats().memory_bytes <= RAM_BYTES);
        if began.elapsed() < Duration::from_secs(seconds / 3) {
            early_memory = most_memory;
        }
        if counted.elapsed() > COUNTED_EVERY {
            // And when nothing moves, they say what is there.
            let _still = still.write().await;
            cache.drain().await;
            let folder = dir.path().to_owned();
            let there = tokio::task::spawn_blocking(move || {
                on_disk(&folder.join("chunks")) + on_disk(&folder.join("tmp"))
            });
            let there = there.await.expect("counts");
            assert_eq!(there, cache.store().stats().disk_bytes);
            counted = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for reader in readers {
        reader.await.expect("a reader that was served");
    }
    cache.drain().await;
    let (stats, store) = (cache.stats(), cache.store().stats());
    println!(
        "{seconds} s: {} MB read, {} MB made, {} evicted; at most {} KiB on disk of {}, {} MiB resident ({} in the first third)",
        read.load(Ordering::Relaxed) / 1_000_000,
        stats.bytes_filled / 1_000_000,
        store.evicted,
        most_disk >> 10,
        DISK_BYTES >> 10,
        most_memory >> 20,
        early_memory >> 20,
    );
    assert!(most_memory <= RAM_BYTES + BESIDE_BYTES, "{most_memory}");
    assert_eq!(
        (stats.store_errors, stats.failed_fills),
        (0, 0),
        "{stats:?}"
    );
    assert!(
        store.evicted > 0 && stats.demoted > 0 && stats.promoted > 0,
        "{stats:?}"
    );
}
