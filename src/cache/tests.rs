//! The cache under many requests at once, failing sources and leaving clients.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::*;
use crate::chunk::{Part, PartMeta};
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
    let (hand, handed) = oneshot::channel();
    let fill = move |writer| assert!(hand.send(writer).is_ok());
    let first = cache.get_or_fill(key(1), fill).await.unwrap();
    let mut writer = handed.await.unwrap();
    let second = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
    assert_eq!(second.outcome, Outcome::Coalesced);
    assert_eq!(cache.peek(&key(1)).await.unwrap(), Presence::InFlight);
    assert_eq!(cache.get(&key(1)).await.unwrap(), None);

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
    type Source = fn(FragmentWriter);
    let sources: [(Source, FillError); 4] = [
        (drop, FillError::SourceGone),
        (
            |writer| {
                let thread = std::thread::spawn(move || {
                    let _writer = writer;
                    panic!("the renderer died");
                });
                assert!(thread.join().is_err());
            },
            FillError::SourceGone,
        ),
        (
            |_writer| panic!("the fill itself died"),
            FillError::SourceGone,
        ),
        (
            |writer| writer.fail(FillError::source_failed("no such font")),
            FillError::Source("no such font".into()),
        ),
    ];
    for (at, (source, expected)) in sources.into_iter().enumerate() {
        let (_dir, cache) = cache();
        let (go, gone) = mpsc::channel::<()>();
        let fill = move |writer| {
            gone.recv().unwrap();
            source(writer);
        };
        let first = cache.get_or_fill(key(1), fill).await.unwrap();
        let second = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
        go.send(()).unwrap();
        for access in [&first, &second] {
            let told = access.fragment.finished().await;
            assert_eq!(told, Err(expected.clone()), "source {at}");
        }
        // A source that went away says nothing about the chunk; one that says why
        // would say it again.
        if expected != FillError::SourceGone {
            let soon = cache.get_or_fill(key(1), must_not_fill).await.unwrap();
            assert_eq!(soon.outcome, Outcome::FailedLately);
            assert_eq!(soon.fragment.part(0).await, Err(expected.clone()));
            assert_eq!(soon.fragment.finished().await, Err(expected));
            assert_eq!(cache.stats().failed_lately, 1);
            continue;
        }
        let again = cache
            .get_or_fill(key(1), |writer| write_all(writer, &[9]))
            .await
            .unwrap();
        assert_eq!(again.outcome, Outcome::Filled, "source {at}");
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

#[tokio::test]
async fn a_client_that_leaves_strands_nobody() {
    let (_dir, cache) = cache();
    let (hand, handed) = oneshot::channel();
    let leader = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let fill = move |writer| assert!(hand.send(writer).is_ok());
            let access = cache.get_or_fill(key(1), fill).await.unwrap();
            access.fragment.finished().await
        })
    };
    let mut writer = handed.await.unwrap();
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
    assert_eq!(cache.get(&key(1)).await.unwrap(), Some(before));
    assert_eq!(cache.get(&key(2)).await.unwrap(), None);
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
    let (hand, handed) = oneshot::channel();
    let fill = move |writer| assert!(hand.send(writer).is_ok());
    let _first = cache.get_or_fill(key(1), fill).await.unwrap();
    let refused = cache.get_or_fill(key(2), must_not_fill).await;
    assert!(matches!(refused, Err(CacheError::Busy { in_flight: 1 })));
    write_all(handed.await.unwrap(), &[1]);
    cache.drain().await;
    let fill = |writer| write_all(writer, &[2]);
    assert!(cache.get_or_fill(key(2), fill).await.is_ok());
    assert_eq!(cache.stats().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_is_given_up() {
    let (_dir, cache) = cache();
    let (hand, handed) = oneshot::channel();
    let fill = move |writer| assert!(hand.send(writer).is_ok());
    let access = cache.get_or_fill(key(1), fill).await.unwrap();
    let mut kept = handed.await.unwrap();
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
            cache.get_small_or_fill("init/720p", fill).await.unwrap()
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
    let value = cache.get_small_or_fill("init/720p", must_not).await;
    assert_eq!(value.unwrap(), &b"ftypmoov"[..]);
}

#[tokio::test]
async fn a_small_value_that_cannot_be_made_says_why_and_is_tried_again() {
    let (_dir, cache) = cache();
    let fail = || Err(FillError::source_failed("no encoder"));
    let error = cache.get_small_or_fill("a", fail).await.unwrap_err();
    assert_eq!(error.to_string(), "the source failed: no encoder");
    let die = || panic!("the maker died");
    let error = cache.get_small_or_fill("a", die).await.unwrap_err();
    assert!(matches!(error, CacheError::Fill(FillError::SourceGone)));
    let make = || Ok(Bytes::from_static(b"1"));
    assert_eq!(cache.get_small_or_fill("a", make).await.unwrap(), &b"1"[..]);
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
