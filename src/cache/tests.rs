//! The cache under many requests at once, failing sources and leaving clients.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::Barrier;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use super::*;
use crate::chunk::{ChunkMeta, Part, PartMeta, ReuseClass};
use crate::digest::Digest;
use crate::store::StoreConfig;

fn key(seed: u32) -> ChunkKey {
    ChunkKey::new(Digest::of(&seed.to_le_bytes()))
}

fn part(len: usize) -> Part {
    Part {
        meta: PartMeta {
            bytes: len as u32,
            ticks: 10,
            independent: true,
        },
        data: vec![len as u8; len].into(),
    }
}

fn write_all(mut writer: FragmentWriter, lens: &[usize]) {
    for &len in lens {
        writer.push(part(len)).unwrap();
    }
    writer.finish(1).unwrap();
}

fn must_not_fill(_: FragmentWriter) {
    panic!("there was no need to fill");
}

/// A source that hands its writers out.
fn handing() -> (impl Source, UnboundedReceiver<FragmentWriter>) {
    let (hand, handed) = unbounded_channel();
    (move |writer| drop(hand.send(writer)), handed)
}

fn cache_with(config: CacheConfig) -> (TempDir, FragmentCache) {
    let dir = TempDir::new().unwrap();
    let (store, _) = ChunkStore::open(StoreConfig::new(dir.path())).unwrap();
    (dir, FragmentCache::new(store, config))
}

fn cache() -> (TempDir, FragmentCache) {
    cache_with(CacheConfig {
        // Longer than any test.
        failure_rest: Duration::from_secs(3600),
        ..CacheConfig::default()
    })
}

async fn there(cache: &FragmentCache, seed: u32) -> Option<Arc<CompleteChunk>> {
    let found = cache.get(&key(seed), &Class::other()).await.unwrap();
    found.map(|access| access.fragment.complete().unwrap())
}

async fn small(
    cache: &FragmentCache,
    name: &str,
    fill: impl FnOnce() -> Result<Bytes, FillError> + Send + 'static,
) -> Result<Bytes, CacheError> {
    cache
        .get_small_or_fill(name, Some(Class::none()), fill)
        .await
}

/// Sends `requests` at once for `keys` keys; every fill waits until all have been
/// asked. Gives the number of fills and the outcomes.
async fn storm(keys: u32, requests: u32) -> (usize, Vec<Outcome>, CacheStats) {
    let (_dir, cache) = cache();
    let fills = Arc::new(AtomicUsize::new(0));
    let barrier = Arc::new(Barrier::new(requests as usize));
    let writers = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for at in 0..requests {
        let (cache, fills) = (cache.clone(), fills.clone());
        let (barrier, writers) = (barrier.clone(), writers.clone());
        tasks.spawn(async move {
            barrier.wait().await;
            let fill = move |writer| {
                fills.fetch_add(1, Ordering::SeqCst);
                writers.lock().unwrap().push(writer);
            };
            let access = cache.get_or_fill(key(at % keys), fill).await.unwrap();
            // Nothing is written before everyone has been told what to follow.
            barrier.wait().await;
            access
        });
    }
    let release = {
        let (writers, cache) = (writers.clone(), cache.clone());
        async move {
            while cache.stats().coalesced + cache.stats().misses < u64::from(requests)
                || writers.lock().unwrap().len() < keys as usize
            {
                tokio::task::yield_now().await;
            }
            for writer in writers.lock().unwrap().drain(..) {
                write_all(writer, &[3, 4]);
            }
        }
    };
    release.await;
    let mut outcomes = Vec::new();
    while let Some(access) = tasks.join_next().await {
        let access = access.unwrap();
        let chunk = access.fragment.finished().await.unwrap();
        assert_eq!(chunk.parts, [part(3), part(4)]);
        outcomes.push(access.outcome);
    }
    cache.drain().await;
    assert_eq!(cache.store().stats().chunks, u64::from(keys));
    (fills.load(Ordering::SeqCst), outcomes, cache.stats())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_first_requests_of_one_chunk_are_one_fill() {
    let (fills, outcomes, stats) = storm(1, 1000).await;
    assert_eq!(fills, 1);
    let of = |wanted| {
        outcomes
            .iter()
            .filter(|outcome| **outcome == wanted)
            .count()
    };
    assert_eq!((of(Outcome::Filled), of(Outcome::Coalesced)), (1, 999));
    assert_eq!((stats.misses, stats.coalesced), (1, 999));
    assert_eq!((stats.bytes_filled, stats.in_flight), (7, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_first_requests_of_a_hundred_chunks_are_a_hundred_fills() {
    let (fills, outcomes, stats) = storm(100, 1000).await;
    assert_eq!(fills, 100);
    assert_eq!(outcomes.len(), 1000);
    assert_eq!((stats.misses, stats.coalesced), (100, 900));
}

#[tokio::test]
async fn followers_read_parts_while_the_leader_is_still_writing() {
    let (_dir, cache) = cache();
    let (source, mut handed) = handing();
    let first = cache.get_or_fill(key(1), source).await.unwrap();
    let mut writer = handed.recv().await.unwrap();
    let second = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
    assert_eq!(second.outcome, Outcome::Coalesced);
    assert_eq!(cache.peek(&key(1)).await.unwrap(), Presence::InFlight);
    assert_eq!(there(&cache, 1).await, None);

    writer.push(part(5)).unwrap();
    for access in [&first, &second] {
        assert_eq!(access.fragment.part(0).await, Ok(Some(part(5))));
        let state = access.fragment.state();
        assert_eq!(state, FragmentState::InProgress { parts: 1 });
    }
    // A reader who is waiting when the part comes.
    let waiting = tokio::spawn(async move { second.fragment.part(1).await });
    tokio::task::yield_now().await;
    writer.push(part(6)).unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(Some(part(6))));
    writer.finish(1).unwrap();
    assert_eq!(first.fragment.part(2).await, Ok(None));
}

#[tokio::test]
async fn a_failed_fill_tells_every_waiter_and_frees_the_key() {
    let reasons = [
        FillError::source_failed("no such font"),
        FillError::Busy("16384 wait".into()),
    ];
    for expected in reasons {
        let (_dir, cache) = cache();
        let (source, mut handed) = handing();
        let first = cache.get_or_fill(key(1), source).await.unwrap();
        let second = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
        handed.recv().await.unwrap().fail(expected.clone());
        for access in [&first, &second] {
            assert_eq!(access.fragment.finished().await, Err(expected.clone()));
        }
        // A busy source says nothing about the chunk; one that says what is wrong
        // would say it again.
        if !expected.is_passing() {
            let soon = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
            assert_eq!(soon.outcome, Outcome::FailedLately);
            assert_eq!(soon.fragment.part(0).await, Err(expected.clone()));
            assert_eq!(soon.fragment.finished().await, Err(expected));
            assert_eq!(cache.stats().failed_lately, 1);
            continue;
        }
        let fill = |writer| write_all(writer, &[9]);
        let again = cache.get_or_fill(key(1), fill).await.unwrap();
        assert_eq!(again.outcome, Outcome::Filled);
        assert!(again.fragment.finished().await.is_ok());
        cache.drain().await;
        let stats = cache.stats();
        assert_eq!(
            (stats.misses, stats.failed_fills, stats.in_flight),
            (2, 1, 0)
        );
        assert_eq!(cache.peek(&key(1)).await.unwrap(), Presence::Memory);
    }
}

/// How the first makers of a chunk end without a word.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// The source panics before it hands the writer on.
    InTheSource,
    /// The thread that writes panics after its first part.
    WhileWriting,
    /// The writer is just dropped.
    Quietly,
}

fn die(how: Death, mut writer: FragmentWriter) {
    match how {
        Death::InTheSource => panic!("the source died"),
        Death::WhileWriting => {
            let thread = std::thread::spawn(move || {
                writer.push(part(3)).unwrap();
                panic!("the renderer died");
            });
            assert!(thread.join().is_err());
        }
        Death::Quietly => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_a_source_dies_another_try_serves_all_who_wait_once() {
    for how in [Death::InTheSource, Death::WhileWriting, Death::Quietly] {
        let (_dir, cache) = cache();
        let tries = Arc::new(AtomicUsize::new(0));
        let source = {
            let tries = tries.clone();
            move |writer| match tries.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => die(how, writer),
                _ => write_all(writer, &[3, 4]),
            }
        };
        let mut readers = JoinSet::new();
        for _ in 0..100 {
            let (cache, source) = (cache.clone(), source.clone());
            readers.spawn(async move {
                let access = cache.get_or_fill(key(1), source).await.unwrap();
                let first = access.fragment.part(0).await.unwrap();
                (first, access.fragment.finished().await.unwrap())
            });
        }
        for (first, chunk) in readers.join_all().await {
            assert_eq!(first, Some(part(3)), "{how:?}");
            assert_eq!(chunk.parts, [part(3), part(4)], "{how:?}");
        }
        cache.drain().await;
        let stats = cache.stats();
        assert_eq!(tries.load(Ordering::SeqCst), 3, "{how:?}");
        assert_eq!((stats.misses, stats.handed_over), (1, 2), "{how:?}");
        assert_eq!(cache.store().stats().chunks, 1, "{how:?}");
    }
}

#[tokio::test]
async fn a_source_that_always_dies_is_given_up_and_rests() {
    let (_dir, cache) = cache();
    let dying = |writer: FragmentWriter| drop(writer);
    let access = cache.get_or_fill(key(1), dying).await.unwrap();
    let told = access.fragment.finished().await;
    assert_eq!(told, Err(FillError::SourceDied(3)));
    cache.drain().await;
    let soon = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
    assert_eq!(soon.outcome, Outcome::FailedLately);
}

#[tokio::test]
async fn another_try_looks_at_the_disk_first() {
    let (_dir, cache) = cache();
    let store = cache.store().clone();
    let source = move |writer: FragmentWriter| {
        // As if it had died between storing the chunk and saying so.
        let meta = ChunkMeta {
            parts: vec![part(7).meta],
            cost_ms: 1,
        };
        let put = store.put(&key(1), ReuseClass::Shared, &meta, &[part(7)]);
        assert!(put.is_ok());
        drop(writer);
    };
    let access = cache.get_or_fill(key(1), source).await.unwrap();
    assert_eq!(access.fragment.finished().await.unwrap().parts, [part(7)]);
    cache.drain().await;
    assert_eq!((cache.stats().misses, cache.stats().handed_over), (1, 0));
}

fn impatient() -> (TempDir, FragmentCache) {
    cache_with(CacheConfig {
        linger: Duration::ZERO,
        ..CacheConfig::default()
    })
}

#[tokio::test]
async fn what_nobody_reads_any_more_is_given_up() {
    let (_dir, cache) = impatient();
    let (source, mut handed) = handing();
    let first = cache.get_or_fill(key(1), source).await.unwrap();
    let second = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
    let mut writer = handed.recv().await.unwrap();
    writer.push(part(1)).unwrap();
    drop(first);
    tokio::task::yield_now().await;
    assert!(writer.is_wanted(), "one still reads");
    writer.push(part(2)).unwrap();
    drop(second);
    cache.drain().await;
    assert_eq!(writer.push(part(3)), Err(FillError::Abandoned));
    let stats = cache.stats();
    assert_eq!((stats.abandoned, stats.failed_fills), (1, 0));
    assert_eq!(cache.peek(&key(1)).await.unwrap(), Presence::Absent);

    // Nothing is held against it.
    let fill = |writer| write_all(writer, &[1, 2]);
    let again = cache.get_or_fill(key(1), fill).await.unwrap();
    assert_eq!(again.outcome, Outcome::Filled);
    assert!(again.fragment.finished().await.is_ok());
}

#[tokio::test]
async fn a_writer_that_goes_because_nobody_reads_is_no_death() {
    let (_dir, cache) = cache();
    let (source, mut handed) = handing();
    let access = cache.get_or_fill(key(1), source).await.unwrap();
    let writer = handed.recv().await.unwrap();
    drop(access);
    assert!(!writer.is_wanted());
    drop(writer);
    cache.drain().await;
    let stats = cache.stats();
    assert_eq!(
        (stats.abandoned, stats.handed_over, stats.failed_fills),
        (1, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_who_come_and_go_are_never_told_that_nobody_wants_it() {
    let (_dir, cache) = impatient();
    let mut readers = JoinSet::new();
    for reader in 0..200_u64 {
        let cache = cache.clone();
        readers.spawn(async move {
            for at in 0..20 {
                // Made on a thread of its own that looks whether anybody waits, as
                // the render threads do.
                let source = |writer: FragmentWriter| {
                    std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_micros(50));
                        if writer.is_wanted() {
                            write_all(writer, &[5]);
                        }
                    });
                };
                let seed = 1 + at / 4;
                let request = cache.get_or_fill(key(seed), source);
                if (reader + u64::from(at)).is_multiple_of(3) {
                    // Gone before or after it is answered.
                    let pause = Duration::from_micros(reader % 100);
                    let _left = tokio::time::timeout(pause, request).await;
                    continue;
                }
                let access = request.await.unwrap();
                let chunk = access.fragment.finished().await;
                assert_eq!(chunk.map(|chunk| chunk.parts.len()), Ok(1));
            }
        });
    }
    readers.join_all().await;
    cache.drain().await;
    assert_eq!(cache.stats().failed_fills, 0);
}

/// A tier in the same process: another store.
struct Neighbour(ChunkStore);

impl SharedTier for Neighbour {
    fn get(&self, key: &ChunkKey) -> Result<Option<CompleteChunk>, TierError> {
        match self.0.get(key) {
            Ok(Lookup::Hit(stored)) => Ok(Some(stored.into())),
            Ok(_) => Ok(None),
            Err(error) => Err(TierError(error.to_string())),
        }
    }

    fn put(&self, key: &ChunkKey, chunk: &CompleteChunk) -> Result<(), TierError> {
        let put = self
            .0
            .put(key, ReuseClass::Shared, &chunk.meta, &chunk.parts);
        put.map(drop).map_err(|error| TierError(error.to_string()))
    }
}

#[tokio::test]
async fn what_one_machine_made_the_other_finds_in_the_shared_tier() {
    let shared_dir = TempDir::new().unwrap();
    let (between, _) = ChunkStore::open(StoreConfig::new(shared_dir.path())).unwrap();
    let machine = || {
        let dir = TempDir::new().unwrap();
        let (store, _) = ChunkStore::open(StoreConfig::new(dir.path())).unwrap();
        let tier = Box::new(Neighbour(between.clone()));
        let cache = FragmentCache::with_tier(store, tier, CacheConfig::default());
        (dir, cache)
    };
    let ((_one_dir, one), (_other_dir, other)) = (machine(), machine());
    let fill = |writer| write_all(writer, &[5, 6]);
    let access = one.get_or_fill(key(1), fill).await.unwrap();
    let made = access.fragment.finished().await.unwrap();
    one.drain().await;

    let access = other.get_or_fill(key(1), must_not_fill).await.unwrap();
    assert_eq!(access.outcome, Outcome::HitShared);
    assert_eq!(access.fragment.finished().await.unwrap(), made);
    other.drain().await;
    let stats = other.stats();
    assert_eq!((stats.hits_shared, stats.bytes_shared), (1, 11));
    assert_eq!((stats.promoted, stats.misses), (1, 0));

    // A tier that fails costs nobody anything.
    fs::remove_dir_all(shared_dir.path().join("chunks")).unwrap();
    fs::write(shared_dir.path().join("chunks"), b"").unwrap();
    let access = other.get_or_fill(key(2), fill).await.unwrap();
    assert!(access.fragment.finished().await.is_ok());
    other.drain().await;
    assert_eq!(other.stats().tier_errors, 1);
}

#[tokio::test]
async fn a_client_that_leaves_strands_nobody() {
    let (_dir, cache) = cache();
    let (source, mut handed) = handing();
    let leader = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let access = cache.get_or_fill(key(1), source).await.unwrap();
            access.fragment.finished().await
        })
    };
    let mut writer = handed.recv().await.unwrap();
    let follower = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
    writer.push(part(1)).unwrap();
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    writer.push(part(2)).unwrap();
    writer.finish(1).unwrap();
    let chunk = follower.fragment.finished().await.unwrap();
    assert_eq!(chunk.parts, [part(1), part(2)]);
}

#[tokio::test]
async fn a_client_that_leaves_before_it_is_answered_has_still_set_the_fill_going() {
    let (_dir, cache) = cache();
    {
        let request = cache.get_or_fill(key(1), |writer| write_all(writer, &[4]));
        // Polled once, so it leads, and dropped before the disk has been looked at.
        assert!(futures_util::FutureExt::now_or_never(request).is_none());
    }
    cache.drain().await;
    assert_eq!((cache.stats().misses, cache.stats().in_flight), (1, 0));
    assert_eq!(cache.peek(&key(1)).await.unwrap(), Presence::Memory);
}

#[tokio::test]
async fn what_was_filled_is_there_after_a_restart_and_read_once() {
    let (dir, cache) = cache();
    let fill = |writer| write_all(writer, &[5, 6]);
    let access = cache.get_or_fill(key(1), fill).await.unwrap();
    let before = access.fragment.finished().await.unwrap();
    cache.drain().await;
    let again = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
    assert_eq!(again.outcome, Outcome::HitMemory);
    assert_eq!(cache.stats().bytes_memory, 11);
    drop(cache);

    let (store, _) = ChunkStore::open(StoreConfig::new(dir.path())).unwrap();
    let cache = FragmentCache::new(store, CacheConfig::default());
    assert_eq!(cache.peek(&key(1)).await.unwrap(), Presence::Disk);
    assert_eq!(cache.peek(&key(2)).await.unwrap(), Presence::Absent);
    let access = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
    assert_eq!(access.outcome, Outcome::HitDisk);
    assert_eq!(access.fragment.finished().await.unwrap(), before);
    assert_eq!(cache.peek(&key(1)).await.unwrap(), Presence::Memory);
    assert_eq!(there(&cache, 1).await, Some(before));
    assert_eq!(there(&cache, 2).await, None);
    let stats = cache.stats();
    assert_eq!(
        (stats.hits_disk, stats.hits_memory, stats.misses),
        (1, 1, 0)
    );
    assert_eq!((stats.bytes_disk, stats.bytes_memory), (11, 11));
}

#[tokio::test]
async fn the_memory_budget_is_kept_and_what_left_memory_comes_from_disk() {
    let ram_bytes = 100_000;
    let (_dir, cache) = cache_with(CacheConfig {
        ram_bytes,
        ..CacheConfig::default()
    });
    for seed in 0..40 {
        let fill = move |writer| write_all(writer, &[10_000 + seed as usize]);
        let access = cache.get_or_fill(key(seed), fill).await.unwrap();
        access.fragment.finished().await.unwrap();
        cache.drain().await;
        assert!(cache.stats().memory_bytes <= ram_bytes);
    }
    assert!(cache.stats().memory_chunks >= 5);
    for seed in 0..40 {
        let access = cache.get_or_fill(key(seed), must_not_fill).await.unwrap();
        let chunk = access.fragment.finished().await.unwrap();
        assert_eq!(chunk.parts, [part(10_000 + seed as usize)]);
        assert!(cache.stats().memory_bytes <= ram_bytes);
    }
    let stats = cache.stats();
    assert_eq!(stats.hits_memory + stats.hits_disk, 40);
    assert!(stats.hits_disk >= 30);
    assert_eq!(stats.promoted, stats.hits_disk);
    // Those made and those read again, less what is there now.
    assert_eq!(stats.demoted, 40 + stats.promoted - stats.memory_chunks);
}

#[tokio::test]
async fn a_disk_that_fails_costs_no_reader_anything() {
    let (dir, cache) = cache();
    // A file where the store wants folders: reading finds nothing, writing fails.
    let chunks = dir.path().join("chunks");
    fs::remove_dir_all(&chunks).unwrap();
    fs::write(&chunks, b"").unwrap();
    let fill = |writer| write_all(writer, &[5]);
    let access = cache.get_or_fill(key(1), fill).await.unwrap();
    assert!(access.fragment.finished().await.is_ok());
    cache.drain().await;
    assert_eq!(cache.stats().store_errors, 1);
    assert_eq!(cache.peek(&key(1)).await.unwrap(), Presence::Memory);
    assert_eq!(cache.store().stats().chunks, 0);
}

#[tokio::test]
async fn a_damaged_chunk_is_filled_anew() {
    let (dir, cache) = cache_with(CacheConfig {
        ram_bytes: 0,
        ..CacheConfig::default()
    });
    let fill = |writer| write_all(writer, &[5]);
    cache.get_or_fill(key(1), fill).await.unwrap();
    cache.drain().await;
    damage(&dir.path().join("chunks"));
    let access = cache.get_or_fill(key(1), fill).await.unwrap();
    assert_eq!(access.outcome, Outcome::Filled);
    cache.drain().await;
    let access = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
    assert_eq!(access.outcome, Outcome::HitDisk);
    assert_eq!(cache.store().stats().corrupt, 1);
}

fn damage(folder: &std::path::Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
        } else {
            let mut bytes = fs::read(&path).unwrap();
            bytes[0] ^= 1;
            fs::write(path, bytes).unwrap();
        }
    }
}

#[tokio::test]
async fn more_in_flight_than_allowed_is_refused_until_one_lands() {
    let (_dir, cache) = cache_with(CacheConfig {
        max_in_flight: 1,
        ..CacheConfig::default()
    });
    let (fill, mut handed) = handing();
    let _first = cache.get_or_fill(key(1), fill).await.unwrap();
    let refused = cache.get_or_fill(key(2), must_not_fill).await;
    assert!(matches!(refused, Err(CacheError::Busy { in_flight: 1 })));
    write_all(handed.recv().await.unwrap(), &[1]);
    cache.drain().await;
    let fill = |writer| write_all(writer, &[2]);
    assert!(cache.get_or_fill(key(2), fill).await.is_ok());
    assert_eq!(cache.stats().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_is_given_up() {
    let (_dir, cache) = cache();
    let (fill, mut handed) = handing();
    let access = cache.get_or_fill(key(1), fill).await.unwrap();
    let mut kept = handed.recv().await.unwrap();
    let patience = CacheConfig::default().patience;
    let told = access.fragment.finished().await;
    assert_eq!(told, Err(FillError::Stalled(patience)));
    assert!(kept.push(part(1)).is_err());
    cache.drain().await;
    assert_eq!(cache.peek(&key(1)).await.unwrap(), Presence::Absent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_small_value_is_made_once_and_kept() {
    let (dir, cache) = cache();
    let fills = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let (cache, fills) = (cache.clone(), fills.clone());
        tasks.spawn(async move {
            let fill = move || {
                fills.fetch_add(1, Ordering::SeqCst);
                Ok(Bytes::from_static(b"ftypmoov"))
            };
            small(&cache, "init/720p", fill).await.unwrap()
        });
    }
    for value in tasks.join_all().await {
        assert_eq!(value, &b"ftypmoov"[..]);
    }
    assert_eq!(fills.load(Ordering::SeqCst), 1);
    cache.drain().await;
    let stats = cache.stats();
    assert_eq!(stats.small_misses, 1);
    assert_eq!(stats.small_hits + stats.small_coalesced, 99);
    drop(cache);

    let (store, _) = ChunkStore::open(StoreConfig::new(dir.path())).unwrap();
    let cache = FragmentCache::new(store, CacheConfig::default());
    let must_not = || panic!("it is on disk");
    let value = small(&cache, "init/720p", must_not).await;
    assert_eq!(value.unwrap(), &b"ftypmoov"[..]);
}

#[tokio::test]
async fn a_small_value_that_cannot_be_made_says_why_and_is_tried_again() {
    let (_dir, cache) = cache();
    let fail = || Err(FillError::source_failed("no encoder"));
    let error = small(&cache, "a", fail).await.unwrap_err();
    assert_eq!(error.to_string(), "the source failed: no encoder");
    let die = || panic!("the maker died");
    let error = small(&cache, "a", die).await.unwrap_err();
    assert!(matches!(error, CacheError::Fill(FillError::SourceGone)));
    let make = || Ok(Bytes::from_static(b"1"));
    assert_eq!(small(&cache, "a", make).await.unwrap(), &b"1"[..]);
}

#[tokio::test]
async fn what_failed_is_tried_again_after_its_rest() {
    let (_dir, cache) = cache_with(CacheConfig {
        failure_rest: Duration::from_millis(1),
        ..CacheConfig::default()
    });
    let broken = |writer: FragmentWriter| writer.fail(FillError::source_failed("no such font"));
    let failed = cache.get_or_fill(key(1), broken).await.unwrap();
    assert!(failed.fragment.finished().await.is_err());
    cache.drain().await;
    loop {
        let fill = |writer| write_all(writer, &[9]);
        let again = cache.get_or_fill(key(1), fill).await.unwrap();
        if again.outcome == Outcome::Filled {
            assert!(again.fragment.finished().await.is_ok());
            break;
        }
        assert_eq!(again.outcome, Outcome::FailedLately);
        tokio::task::yield_now().await;
    }
}

/// Asks for a chunk and reads it; why it had to be fetched, if it had.
async fn asked(cache: &FragmentCache, seed: u32, lens: &'static [usize]) -> Option<Cause> {
    let fill = move |writer| write_all(writer, lens);
    let access = cache.get_or_fill(key(seed), fill).await.unwrap();
    access.fragment.finished().await.unwrap();
    cache.drain().await;
    access.cause
}

#[tokio::test]
async fn each_miss_is_counted_with_its_cause_and_those_that_are_no_first_ones_are_m_less_u() {
    let config = CacheConfig {
        ram_bytes: 0,
        failure_rest: Duration::ZERO,
        ..CacheConfig::default()
    };
    let (dir, cache) = cache_with(config);
    assert_eq!(asked(&cache, 1, &[1]).await, Some(Cause::Cold));
    assert_eq!(asked(&cache, 1, &[1]).await, None);
    // The same bytes under another key.
    asked(&cache, 2, &[1]).await;
    assert!(cache.purge(&key(2)).await.unwrap());
    assert!(!cache.purge(&key(2)).await.unwrap());
    assert_eq!(asked(&cache, 2, &[1]).await, Some(Cause::Purged));
    // On its way, and then broken on the disk.
    asked(&cache, 3, &[3, 4]).await;
    for (file, _) in files_of(dir.path()) {
        let mut bytes = fs::read(&file).unwrap();
        bytes[0] ^= 1;
        fs::write(&file, bytes).unwrap();
    }
    assert_eq!(asked(&cache, 3, &[3, 4]).await, Some(Cause::Damaged));
    for (file, _) in files_of(dir.path()) {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(asked(&cache, 3, &[3, 4]).await, Some(Cause::Lost));
    let fail = |writer: FragmentWriter| writer.fail(FillError::Empty);
    let failed = cache.get_or_fill(key(4), fail).await.unwrap();
    assert_eq!(failed.cause, Some(Cause::Cold));
    assert!(failed.fragment.finished().await.is_err());
    assert_eq!(asked(&cache, 4, &[9]).await, Some(Cause::Failed));
    let period = cache.account().over(4);
    let tally = period.all.tally;
    let distinct = period.all.missed.distinct(crate::offload::Unit::Requests);
    assert_eq!(distinct.error, 0.0);
    let fetched = tally.fetched().requests;
    assert_eq!(tally.repeated().requests, fetched - distinct.value as u64);
    // Not the first of its bytes: that is told apart when they are there.
    assert_eq!(tally.missed[Cause::Fragmented as usize].requests, 1);
    assert_eq!(cache.account().twins()[0].first, *key(1).digest());
    assert_eq!(tally.asked.requests, fetched + 1);
}

struct Passing;

impl Source for Passing {
    fn fill(&self, writer: FragmentWriter) {
        write_all(writer, &[1]);
    }

    fn class(&self) -> ReuseClass {
        ReuseClass::Transient
    }
}

#[tokio::test]
async fn why_what_is_over_went_is_not_remembered() {
    let (_dir, cache) = cache_with(CacheConfig::default());
    let access = cache.get_or_fill(key(1), Passing).await.unwrap();
    access.fragment.finished().await.unwrap();
    cache.drain().await;
    assert!(cache.discard(&key(1)).await.unwrap());
    assert!(!cache.discard(&key(1)).await.unwrap());
    let again = cache.get_or_fill(key(1), Passing).await.unwrap();
    assert_eq!(again.cause, Some(Cause::Cold));
    assert_eq!(cache.stats().purged, 1);
}

/// The payload files of a store.
fn files_of(dir: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.join("chunks")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.metadata().unwrap() {
                meta if meta.is_dir() => folders.push(entry.path()),
                meta => found.push((entry.path(), meta.len())),
            }
        }
    }
    found
}

#[tokio::test]
async fn who_waits_for_a_fetch_is_counted_with_it_and_who_fetches_ahead_is_not() {
    let (_dir, cache) = cache();
    let (source, mut handed) = handing();
    let traffic = Arc::new(Class::new(crate::offload::Kind::Live, "show"));
    let ahead = Ahead {
        traffic: traffic.clone(),
        source,
    };
    let first = cache.get_or_fill(key(1), ahead).await.unwrap();
    let second = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
    assert_eq!(second.outcome, Outcome::Coalesced);
    assert_eq!(second.cause, Some(Cause::Cold));
    cache.answered(&key(1), &first.fragment, &traffic);
    write_all(handed.recv().await.unwrap(), &[5, 6]);
    cache.drain().await;
    cache.answered(&key(1), &first.fragment, &traffic);
    let period = cache.account().over(4);
    let tally = &period.classes[&*traffic].tally;
    assert_eq!((tally.asked.requests, tally.fetched().requests), (3, 1));
    assert_eq!(tally.collapsed.bytes, 22);
    assert_eq!(tally.hits[Tier::Ram as usize].bytes, 11);
}

#[tokio::test]
async fn what_the_disk_does_not_take_is_fetched_again_because_of_that() {
    let dir = TempDir::new().unwrap();
    let store = StoreConfig {
        max_bytes: Some(1),
        ..StoreConfig::new(dir.path())
    };
    let (store, _) = ChunkStore::open(store).unwrap();
    let config = CacheConfig {
        ram_bytes: 0,
        ..CacheConfig::default()
    };
    let cache = FragmentCache::new(store, config);
    asked(&cache, 1, &[1]).await;
    assert_eq!(asked(&cache, 1, &[1]).await, Some(Cause::NotAdmitted));
}
