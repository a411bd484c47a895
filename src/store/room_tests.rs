//! The store against more than it may hold.

use std::thread;

use tempfile::TempDir;

use super::tests::{assert_hit, assert_tidy, chunk, key, on_disk, open, put};
use super::*;

fn bounded(dir: &TempDir, max_bytes: u64, policy: PolicyKind) -> (ChunkStore, RecoveryReport) {
    ChunkStore::open(StoreConfig {
        max_bytes: Some(max_bytes),
        policy,
        ..StoreConfig::new(dir.path())
    })
    .unwrap()
}

#[test]
fn churn_of_ten_times_the_bound_never_passes_it() {
    const BOUND: u64 = 1 << 20;
    for (_, policy) in PolicyKind::NAMED {
        let dir = TempDir::new().unwrap();
        let (store, _) = bounded(&dir, BOUND, policy);
        let mut bytes = 0;
        thread::scope(|scope| {
            for worker in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for seed in (worker..400).step_by(4) {
                        put(store, seed);
                        // Some are asked for again and again.
                        let _ = store.get(&key(seed % 20)).unwrap();
                    }
                });
            }
            for _ in 0..50 {
                bytes = bytes.max(on_disk(&dir));
                thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        bytes = bytes.max(on_disk(&dir));
        assert!(bytes <= BOUND, "{policy}: {bytes}");
        let stats = store.stats();
        assert_eq!(stats.disk_bytes, on_disk(&dir), "{policy}");
        assert!(
            stats.evicted > 100 && stats.bytes <= stats.disk_bytes,
            "{stats:?}"
        );
        assert_tidy(&dir, &store);
        for seed in 0..400 {
            let found = store.get(&key(seed)).unwrap();
            assert!(matches!(found, Lookup::Hit(_) | Lookup::Miss), "{found:?}");
        }
    }
}

#[test]
fn a_pinned_chunk_stays_and_one_that_only_pinned_ones_could_make_room_for_is_refused() {
    let dir = TempDir::new().unwrap();
    let (store, _) = bounded(&dir, 200 << 10, PolicyKind::Lru);
    put(&store, 3);
    let pin = store.pin(&key(3));
    for seed in 100..160 {
        put(&store, seed);
    }
    assert_hit(&store, 3);
    let pins: Vec<Pin> = (0..1000).map(|seed| store.pin(&key(seed))).collect();
    let (meta, parts) = chunk(2003);
    let mut last = Put::Kept;
    for _ in 0..10 {
        last = store
            .put(&key(2003), ReuseClass::Shared, &meta, &parts)
            .unwrap();
    }
    assert_eq!(last, Put::Refused);
    assert!(store.stats().refused >= 1);
    drop((pin, pins));
    assert_eq!(
        store
            .put(&key(2003), ReuseClass::Shared, &meta, &parts)
            .unwrap(),
        Put::Kept
    );
    assert_hit(&store, 2003);
    assert_tidy(&dir, &store);
}

#[test]
fn a_store_opened_with_a_lower_bound_lets_the_rest_go() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    for seed in 0..60 {
        put(&store, seed);
    }
    drop(store);
    let (store, report) = bounded(&dir, 300 << 10, PolicyKind::Gdsf);
    assert!(report.evicted > 10 && report.chunks < 50, "{report:?}");
    assert_eq!(report.bytes, store.stats().bytes);
    assert!(on_disk(&dir) <= 300 << 10);
    assert_tidy(&dir, &store);
    drop(store);
    // Who does not say how much it may take gets what it had.
    assert_eq!(open(&dir).0.stats().max_bytes, 300 << 10);
}

#[test]
fn what_is_to_be_left_free_is_left_free() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    for seed in 0..20 {
        put(&store, seed);
    }
    drop(store);
    // More than any disk has: everything goes that can.
    let (store, _) = ChunkStore::open(StoreConfig {
        min_free_bytes: u64::MAX / 2,
        ..StoreConfig::new(dir.path())
    })
    .unwrap();
    put(&store, 100);
    assert_eq!((store.stats().chunks, store.stats().evicted), (1, 20));
    assert_hit(&store, 100);
}

#[test]
fn shrinking_lets_the_cheapest_go() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    for seed in 0..40 {
        put(&store, seed);
    }
    let half = store.stats().disk_bytes / 2;
    let gone = store.shrink(half).unwrap();
    let stats = store.stats();
    assert!(
        stats.disk_bytes <= half && stats.chunks == 40 - gone,
        "{stats:?}"
    );
    assert_tidy(&dir, &store);
    assert_eq!(store.keys().unwrap().len() as u64, stats.chunks);
}

#[test]
fn chunks_of_a_class_that_is_hardly_used_are_kept_at_their_second_use() {
    const BOUND: u64 = 1 << 20;
    let dir = TempDir::new().unwrap();
    let (store, _) = ChunkStore::open(StoreConfig {
        max_bytes: Some(BOUND),
        admission: AdmissionKind::Proven,
        policy: PolicyKind::Lru,
        ..StoreConfig::new(dir.path())
    })
    .unwrap();
    let keep = |seed, class| {
        let (meta, parts) = chunk(seed);
        store.put(&key(seed), class, &meta, &parts).unwrap()
    };
    // Personal chunks come and go unread, shared ones are read; until there has been
    // enough of that, all are kept.
    for seed in 0..300 {
        let personal = keep(seed, ReuseClass::Personal);
        assert!(personal == Put::Kept || seed > 64, "{seed}");
        assert_eq!(keep(1000 + seed, ReuseClass::Shared), Put::Kept);
        assert_hit(&store, 1000 + seed);
    }
    let refused = store.stats().refused;
    assert!(refused > 100, "{refused}");
    // What just fits is kept all the same.
    let turned_away = (5000..5100).find(|seed| keep(*seed, ReuseClass::Personal) == Put::Refused);
    let turned_away = turned_away.unwrap();
    assert_eq!(store.get(&key(turned_away)).unwrap(), Lookup::Miss);
    assert_eq!(keep(turned_away, ReuseClass::Personal), Put::Kept);
    assert_hit(&store, turned_away);
    store.shrink(BOUND / 2).unwrap();
    assert_eq!(keep(6000, ReuseClass::Personal), Put::Kept);
    assert!(on_disk(&dir) <= BOUND);
    assert_tidy(&dir, &store);
}
