//! The store against damage, restarts and sudden death.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::{env, fs, thread};

use tempfile::TempDir;

use super::*;
use crate::chunk::PartMeta;

const CHILD_DIR: &str = "LOOMCAST_STORE_CHILD_DIR";
const CHILD_BOUND: &str = "LOOMCAST_STORE_CHILD_BOUND";

pub(super) fn key(seed: u64) -> ChunkKey {
    ChunkKey::new(Digest::of(&seed.to_le_bytes()))
}

/// A chunk of 1 to 4 parts whose every byte follows from `seed`.
pub(super) fn chunk(seed: u64) -> (ChunkMeta, Vec<Part>) {
    let parts: Vec<Part> = (0..=seed % 4)
        .map(|at| {
            let len = 100 + (seed * 7919 + at * 104_729) % 20_000;
            let mut data = vec![0; len as usize];
            blake3::Hasher::new()
                .update(&seed.to_le_bytes())
                .update(&at.to_le_bytes())
                .finalize_xof()
                .fill(&mut data);
            Part {
                meta: PartMeta {
                    bytes: len as u32,
                    ticks: 45_000 + at as u32,
                    independent: at == 0,
                },
                data: data.into(),
            }
        })
        .collect();
    let meta = ChunkMeta {
        parts: parts.iter().map(|part| part.meta).collect(),
        cost_ms: seed as u32 + 1,
    };
    (meta, parts)
}

pub(super) fn put(store: &ChunkStore, seed: u64) {
    let (meta, parts) = chunk(seed);
    store
        .put(&key(seed), ReuseClass::Shared, &meta, &parts)
        .unwrap();
}

pub(super) fn open(dir: &TempDir) -> (ChunkStore, RecoveryReport) {
    ChunkStore::open(StoreConfig::new(dir.path())).unwrap()
}

#[track_caller]
pub(super) fn assert_hit(store: &ChunkStore, seed: u64) {
    let (meta, parts) = chunk(seed);
    match store.get(&key(seed)).unwrap() {
        Lookup::Hit(found) => {
            let all: Vec<u8> = parts.iter().flat_map(|part| part.data.to_vec()).collect();
            assert_eq!(found.digest, Digest::of(&all));
            assert_eq!((found.meta, found.parts), (meta, parts), "seed {seed}");
        }
        other => panic!("seed {seed}: {other:?}"),
    }
}

/// Every file under `folder`.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn only_file(dir: &TempDir) -> PathBuf {
    let found = files(&dir.path().join("chunks"));
    assert_eq!(found.len(), 1);
    found[0].clone()
}

/// Files and index agree, and nothing is left lying about.
#[track_caller]
pub(super) fn assert_tidy(dir: &TempDir, store: &ChunkStore) {
    let found = files(&dir.path().join("chunks"));
    let bytes = found.iter().map(|path| path.metadata().unwrap().len());
    assert_eq!(store.stats().bytes, bytes.sum::<u64>());
    assert_eq!(store.stats().chunks, found.len() as u64);
    assert_eq!(files(&dir.path().join("tmp")), Vec::<PathBuf>::new());
}

#[test]
fn what_only_the_process_that_stored_it_can_ask_for_goes_at_the_next_start() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    put(&store, 1);
    for seed in [2, 3] {
        let (meta, parts) = chunk(seed);
        let put = store.put(&key(seed), ReuseClass::Transient, &meta, &parts);
        assert_eq!(put.unwrap(), Put::Kept);
        assert_hit(&store, seed);
    }
    drop(store);
    // Of one, the index lost the row: its file says the same.
    let (index, _) = recover::open_index(dir.path(), 1 << 20).unwrap();
    index.remove(&key(3)).unwrap();
    index.flush().unwrap();
    drop(index);

    let (store, report) = open(&dir);
    assert_eq!((report.transient_removed, report.files_adopted), (2, 1));
    assert_eq!(report.chunks, 1);
    assert_hit(&store, 1);
    assert_eq!(store.get(&key(2)).unwrap(), Lookup::Miss);
    assert_eq!(store.get(&key(3)).unwrap(), Lookup::Miss);
    assert_tidy(&dir, &store);
}

#[test]
fn chunks_and_small_values_read_back_also_after_reopening() {
    let dir = TempDir::new().unwrap();
    let (store, report) = open(&dir);
    assert_eq!(report, RecoveryReport::default());
    for seed in 0..20 {
        assert_eq!(store.get(&key(seed)).unwrap(), Lookup::Miss);
        assert!(!store.contains(&key(seed)).unwrap());
        put(&store, seed);
        assert!(store.contains(&key(seed)).unwrap());
        assert_hit(&store, seed);
    }
    store.put_small("init/a", b"ftyp").unwrap();
    store.put_small("init/a", b"moov").unwrap();
    let before = store.stats();
    assert_eq!((before.chunks, before.small_values), (20, 1));
    drop(store);

    let (store, report) = open(&dir);
    assert_eq!((report.chunks, report.rows_dropped), (20, 0));
    assert_eq!((report.files_adopted, report.orphans_removed), (0, 0));
    assert_eq!(store.stats(), before);
    (0..20).for_each(|seed| assert_hit(&store, seed));
    assert_eq!(store.get_small("init/a").unwrap().unwrap(), &b"moov"[..]);
    assert_eq!(store.get_small("init/b").unwrap(), None);
    assert_tidy(&dir, &store);
}

#[test]
fn the_parts_of_a_chunk_are_slices_of_one_buffer() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    put(&store, 3);
    let Lookup::Hit(found) = store.get(&key(3)).unwrap() else {
        panic!("it was put");
    };
    assert_eq!(found.parts.len(), 4);
    for pair in found.parts.windows(2) {
        assert_eq!(pair[0].data.as_ptr_range().end, pair[1].data.as_ptr());
    }
}

#[test]
fn a_key_put_again_keeps_its_first_bytes() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    put(&store, 1);
    let (meta, parts) = chunk(2);
    store
        .put(&key(1), ReuseClass::Shared, &meta, &parts)
        .unwrap();
    assert_hit(&store, 1);
    assert_tidy(&dir, &store);
}

#[test]
fn equal_bytes_under_two_keys_live_and_die_apart() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    put(&store, 1);
    let (meta, parts) = chunk(1);
    store
        .put(&key(99), ReuseClass::Shared, &meta, &parts)
        .unwrap();
    assert!(store.remove(&key(99)).unwrap());
    assert!(!store.remove(&key(99)).unwrap());
    assert_eq!(store.get(&key(99)).unwrap(), Lookup::Miss);
    assert_hit(&store, 1);
    assert_tidy(&dir, &store);
}

#[test]
fn writers_of_one_key_and_of_many_do_not_disturb_each_other() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    thread::scope(|scope| {
        for worker in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for seed in 0..12 {
                    put(store, seed);
                    put(store, 100 + 100 * worker + seed);
                    if seed % 3 == 0 {
                        store.remove(&key(seed)).unwrap();
                    }
                    let found = store.get(&key(seed)).unwrap();
                    assert!(matches!(found, Lookup::Hit(_) | Lookup::Miss), "{found:?}");
                }
            });
        }
    });
    (0..4).for_each(|worker| assert_hit(&store, 100 + 100 * worker + 11));
    assert_tidy(&dir, &store);
}

#[test]
fn a_damaged_file_is_never_served_and_the_chunk_can_be_put_again() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm, Lookup); 5] = [
        (
            "a bit flipped in the payload",
            |path| flip(path, 10),
            Lookup::Corrupt,
        ),
        (
            "a bit flipped in the trailer",
            |path| flip(path, path.metadata().unwrap().len() as usize - 1),
            Lookup::Corrupt,
        ),
        (
            "cut short",
            |path| {
                let file = File::options().write(true).open(path).unwrap();
                file.set_len(50).unwrap();
            },
            Lookup::Corrupt,
        ),
        (
            "emptied",
            |path| fs::write(path, b"").unwrap(),
            Lookup::Corrupt,
        ),
        (
            "deleted",
            |path| fs::remove_file(path).unwrap(),
            Lookup::Lost,
        ),
    ];
    for (harm, do_it, expected) in harms {
        let dir = TempDir::new().unwrap();
        let (store, _) = open(&dir);
        put(&store, 1);
        do_it(&only_file(&dir));
        assert_eq!(store.get(&key(1)).unwrap(), expected, "{harm}");
        assert_eq!(store.get(&key(1)).unwrap(), Lookup::Miss, "{harm}");
        assert_eq!(store.stats().corrupt + store.stats().lost, 1, "{harm}");
        assert_tidy(&dir, &store);
        put(&store, 1);
        assert_hit(&store, 1);
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_file_put_under_the_name_of_another_is_not_served() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    put(&store, 4);
    let four = only_file(&dir);
    put(&store, 8);
    let all = files(&dir.path().join("chunks"));
    let eight = all.iter().find(|path| **path != four).unwrap();
    fs::copy(eight, &four).unwrap();
    assert_eq!(store.get(&key(4)).unwrap(), Lookup::Corrupt);
    assert_hit(&store, 8);
}

#[test]
fn a_start_mends_what_a_cut_put_or_removal_left() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    (1..=5).for_each(|seed| put(&store, seed));
    let path_of = |seed| {
        let row = store.0.index.get(&key(seed)).unwrap().unwrap();
        store.0.payloads.path_of(&row.file)
    };
    let (gone, cut) = (path_of(1), path_of(2));
    // Chunk 3: the put died between file and row.
    store.0.index.remove(&key(3)).unwrap();
    // Chunk 4: the removal died after the file left.
    let row = store.0.index.get(&key(4)).unwrap().unwrap();
    store.0.payloads.set_aside(&row.file).unwrap().unwrap();
    drop(store);
    fs::remove_file(gone).unwrap();
    fs::write(&cut, b"short").unwrap();
    // A torn temp file, a nameless orphan, and two files that are nobody's business.
    let tmp = dir.path().join("tmp");
    fs::write(tmp.join("loom-torn.part"), b"half a chu").unwrap();
    fs::write(tmp.join("notes.txt"), b"mine").unwrap();
    let orphan = Digest::of(b"orphan").to_string();
    let folder = dir
        .path()
        .join("chunks")
        .join(&orphan[..2])
        .join(&orphan[2..4]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(&orphan), b"no trailer").unwrap();
    fs::write(folder.join("README"), b"mine").unwrap();

    let (store, report) = open(&dir);
    let expected = RecoveryReport {
        evicted: 0,
        index_rebuilt: false,
        temp_files_removed: 2,
        files_adopted: 1,
        orphans_removed: 2,
        rows_dropped: 3,
        transient_removed: 0,
        chunks: 2,
        bytes: store.stats().bytes,
    };
    assert_eq!(report, expected);
    for seed in [1, 2, 4] {
        assert_eq!(store.get(&key(seed)).unwrap(), Lookup::Miss, "{seed}");
    }
    assert_hit(&store, 3);
    assert_hit(&store, 5);
    fs::remove_file(tmp.join("notes.txt")).unwrap();
    fs::remove_file(folder.join("README")).unwrap();
    assert_tidy(&dir, &store);
}

#[test]
fn a_damaged_index_is_rebuilt_from_the_files() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm, bool); 4] = [
        (
            "the log overwritten with noise",
            |index| {
                let path = index.join("db");
                let mut noise = vec![0; path.metadata().unwrap().len() as usize];
                blake3::Hasher::new().finalize_xof().fill(&mut noise);
                fs::write(path, noise).unwrap();
            },
            false,
        ),
        (
            "its settings overwritten",
            |index| fs::write(index.join("conf"), b"not a configuration").unwrap(),
            true,
        ),
        (
            "a file where the folder was",
            |index| {
                fs::remove_dir_all(index).unwrap();
                fs::write(index, b"x").unwrap();
            },
            true,
        ),
        ("deleted", |index| fs::remove_dir_all(index).unwrap(), false),
    ];
    for (harm, do_it, seen) in harms {
        let dir = TempDir::new().unwrap();
        let (store, _) = open(&dir);
        (0..30).for_each(|seed| put(&store, seed));
        drop(store);
        do_it(&dir.path().join("index"));
        let (store, report) = open(&dir);
        assert_eq!(report.chunks, 30, "{harm}: {report:?}");
        assert_eq!(report.orphans_removed, 0, "{harm}: {report:?}");
        if seen {
            assert!(report.index_rebuilt, "{harm}: {report:?}");
            assert_eq!(report.files_adopted, 30, "{harm}: {report:?}");
        }
        (0..30).for_each(|seed| assert_hit(&store, seed));
        assert_tidy(&dir, &store);
        drop(store);
        let (_, report) = open(&dir);
        assert!(!report.index_rebuilt, "{harm}: rebuilt once");
        assert_eq!((report.chunks, report.files_adopted), (30, 0), "{harm}");
    }
}

#[test]
fn a_second_opener_is_refused_until_the_first_lets_go() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    let clone = store.clone();
    drop(store);
    let Err(error) = ChunkStore::open(StoreConfig::new(dir.path())) else {
        panic!("two on one folder");
    };
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(error.to_string().contains(dir.path().to_str().unwrap()));
    drop(clone);
    open(&dir);
}

#[test]
fn what_is_out_of_bounds_is_refused() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    let part = |len: usize| Part {
        meta: PartMeta {
            bytes: len as u32,
            ticks: 1,
            independent: true,
        },
        data: vec![7; len].into(),
    };
    let try_put = |parts: &[Part]| {
        let meta = ChunkMeta {
            parts: parts.iter().map(|part| part.meta).collect(),
            cost_ms: 1,
        };
        store.put(&key(1), ReuseClass::Shared, &meta, parts)
    };
    let most = MAX_CHUNK_BYTES as usize;
    assert!(matches!(
        try_put(&[]),
        Err(StoreError::PartCount { parts: 0 })
    ));
    assert!(matches!(
        try_put(&vec![part(1); MAX_PARTS + 1]),
        Err(StoreError::PartCount { .. })
    ));
    assert!(matches!(
        try_put(&[part(1), part(0)]),
        Err(StoreError::PartMismatch { part: 1 })
    ));
    let mut wrong = part(5);
    wrong.meta.bytes = 4;
    assert!(matches!(
        try_put(&[wrong]),
        Err(StoreError::PartMismatch { part: 0 })
    ));
    assert!(matches!(
        try_put(&[part(most), part(1)]),
        Err(StoreError::ChunkTooLarge { .. })
    ));
    assert_tidy(&dir, &store);
    try_put(&vec![part(most / MAX_PARTS); MAX_PARTS]).unwrap();
    assert!(matches!(store.get(&key(1)).unwrap(), Lookup::Hit(_)));

    let small = vec![1; MAX_SMALL_BYTES + 1];
    assert!(matches!(
        store.put_small("a", &small),
        Err(StoreError::SmallTooLarge { .. })
    ));
    store.put_small("a", &small[1..]).unwrap();
    for name in ["", &"x".repeat(MAX_SMALL_NAME + 1)] {
        assert!(matches!(
            store.put_small(name, b"1"),
            Err(StoreError::SmallName { .. })
        ));
    }
    store
        .0
        .counts
        .small_values
        .store(MAX_SMALL_VALUES, Ordering::Relaxed);
    store.put_small("a", b"replacing is no growth").unwrap();
    assert!(matches!(
        store.put_small("b", b"1"),
        Err(StoreError::TooManySmall { .. })
    ));
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_that_names_it() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"x").unwrap();
    let refused = |path: &Path| match ChunkStore::open(StoreConfig::new(path)) {
        Err(error) => error,
        Ok(_) => panic!("opened {}", path.display()),
    };
    let error = refused(&file.join("store"));
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains("file/store"), "{error}");
    // Not even root makes folders there.
    let error = refused(Path::new("/sys/loomcast"));
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
}

#[test]
fn an_unreadable_file_is_an_error_and_removes_nothing() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    put(&store, 1);
    let path = only_file(&dir);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let error = store.get(&key(1)).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()));
    assert!(store.contains(&key(1)).unwrap());
}

/// How often the victim dies: `LOOMCAST_KILLS` for as often as one likes.
fn rounds() -> u64 {
    let asked = env::var("LOOMCAST_KILLS").ok();
    asked.and_then(|rounds| rounds.parse().ok()).unwrap_or(200)
}

/// Not a test: the victim of the next one. Puts and removes until it is killed
/// and says on stdout what it was told is durable.
#[test]
#[ignore = "run by another test, as a process to be killed"]
fn victim() {
    let Some(dir) = env::var_os(CHILD_DIR) else {
        return;
    };
    let bound = env::var(CHILD_BOUND).ok();
    let (store, report) = ChunkStore::open(StoreConfig {
        max_bytes: bound.and_then(|bytes| bytes.parse().ok()),
        ..StoreConfig::new(dir)
    })
    .unwrap();
    let start = 1000 * (report.chunks + 1 + u64::from(std::process::id()) * 1000);
    thread::scope(|scope| {
        for worker in 0..2 {
            let store = &store;
            scope.spawn(move || {
                for seed in (start + worker..).step_by(2) {
                    put(store, seed);
                    println!("\ndurable {seed}");
                    let name = seed.to_string();
                    store.put_small(&name, name.as_bytes()).unwrap();
                    println!("\nsmall {seed}");
                    if seed % 5 == worker {
                        println!("\nremoving {seed}");
                        store.remove(&key(seed)).unwrap();
                        println!("\nremoved {seed}");
                    }
                }
            });
        }
    });
}

fn spawn_victim(dir: &TempDir, bound: Option<u64>) -> std::process::Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "store::tests::victim",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD_DIR, dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(bytes) = bound {
        command.env(CHILD_BOUND, bytes.to_string());
    }
    command.spawn().unwrap()
}

#[test]
fn whatever_was_acknowledged_survives_sudden_death() {
    let dir = TempDir::new().unwrap();
    // What each seed ever acknowledged is now: there, gone, or being removed when it died.
    let mut fate: HashMap<u64, &str> = HashMap::new();
    let mut small: Vec<u64> = Vec::new();
    for round in 0..rounds() {
        let mut child = spawn_victim(&dir, None);
        // Dies after a different number of words each time, wherever it then happens to be.
        let words = 1 + (round * 7919) % 41;
        let mut heard = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let Ok(line) = line else { break };
            let Some((word, seed)) = line.split_once(' ') else {
                continue;
            };
            let Ok(seed) = seed.parse() else { continue };
            match word {
                "durable" => drop(fate.insert(seed, "there")),
                "removing" => drop(fate.insert(seed, "either")),
                "removed" => drop(fate.insert(seed, "gone")),
                "small" => small.push(seed),
                _ => continue,
            }
            heard += 1;
            if heard == words {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(heard >= words, "round {round}: the victim died by itself");

        let (store, report) = open(&dir);
        assert!(!report.index_rebuilt, "round {round}: {report:?}");
        for seed in &small {
            let name = seed.to_string();
            let value = store.get_small(&name).unwrap();
            assert_eq!(value.as_deref(), Some(name.as_bytes()), "round {round}");
        }
        for (&seed, now) in &fate {
            match *now {
                "there" => assert_hit(&store, seed),
                "gone" => assert_eq!(store.get(&key(seed)).unwrap(), Lookup::Miss),
                _ => {
                    let found = store.get(&key(seed)).unwrap();
                    assert!(matches!(found, Lookup::Hit(_) | Lookup::Miss), "{found:?}");
                }
            }
        }
        assert_tidy(&dir, &store);
    }
}

#[test]
fn a_store_killed_while_it_makes_room_is_whole_and_within_its_bound() {
    const BOUND: u64 = 300 << 10;
    let dir = TempDir::new().unwrap();
    let mut durable = Vec::new();
    for round in 0..rounds() / 5 {
        let mut child = spawn_victim(&dir, Some(BOUND));
        let words = durable.len() + 20 + (round as usize * 7919) % 101;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let Ok(line) = line else { break };
            let seed = line.strip_prefix("durable ").map(str::parse::<u64>);
            if let Some(Ok(seed)) = seed {
                durable.push(seed);
            }
            if durable.len() == words {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(on_disk(&dir) <= BOUND, "round {round}");
        let (store, report) = open(&dir);
        assert!(!report.index_rebuilt && report.evicted == 0, "{report:?}");
        assert_tidy(&dir, &store);
        for &seed in durable.iter().rev().take(100) {
            let found = store.get(&key(seed)).unwrap();
            assert!(matches!(found, Lookup::Hit(_) | Lookup::Miss), "{found:?}");
        }
    }
}

/// Not a test: the victim of the next one, on a disk too small for what it puts.
#[test]
#[ignore = "run by another test, as a process with too little space"]
fn cramped() {
    let Some(dir) = env::var_os(CHILD_DIR) else {
        return;
    };
    let dir = PathBuf::from(dir);
    let (store, _) = ChunkStore::open(StoreConfig::new(&dir)).unwrap();
    put(&store, 1);
    let large = PartMeta {
        bytes: 8 << 20,
        ticks: 1,
        independent: true,
    };
    let meta = ChunkMeta {
        parts: vec![large],
        cost_ms: 1,
    };
    let data = vec![1; 8 << 20].into();
    let parts = [Part { meta: large, data }];
    let error = store
        .put(&key(2), ReuseClass::Shared, &meta, &parts)
        .unwrap_err();
    println!("\nrefused {error}");
    assert!(matches!(
        error,
        StoreError::Full { .. } | StoreError::Io { .. }
    ));
    assert_eq!(files(&dir.join("tmp")), Vec::<PathBuf>::new());
    assert_eq!(store.get(&key(2)).unwrap(), Lookup::Miss);
    put(&store, 3);
    assert_hit(&store, 1);
    assert_hit(&store, 3);
}

#[test]
fn a_chunk_there_is_no_room_for_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    // 4 MiB is the largest file this process may write: a write fails half-way, as on a full disk.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            "store::tests::cramped",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD_DIR, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("refused "), "{said}");
    let (store, report) = open(&dir);
    assert_eq!((report.chunks, report.temp_files_removed), (2, 0));
    assert_tidy(&dir, &store);
}

/// What the payload files take on disk, in whole blocks.
pub(super) fn on_disk(dir: &TempDir) -> u64 {
    let blocks =
        |path: PathBuf| fs::metadata(path).map_or(0, |found| found.len().div_ceil(4096) * 4096);
    files(&dir.path().join("chunks"))
        .into_iter()
        .map(blocks)
        .sum()
}

#[test]
fn a_scrub_finds_and_removes_what_the_disk_spoilt() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    for seed in 0..10 {
        put(&store, seed);
    }
    let all = files(&dir.path().join("chunks"));
    let mut bytes = fs::read(&all[0]).unwrap();
    bytes[50] ^= 1;
    fs::write(&all[0], bytes).unwrap();
    fs::remove_file(&all[1]).unwrap();
    let mut seen = 0;
    let report = store
        .scrub(|_| {
            seen += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(
        (seen, report.chunks, report.corrupt, report.lost),
        (10, 10, 1, 1)
    );
    assert_eq!(store.stats().chunks, 8);
    assert_tidy(&dir, &store);
    let clean = store
        .scrub(|_| std::ops::ControlFlow::Continue(()))
        .unwrap();
    assert_eq!((clean.chunks, clean.bytes > 0), (8, true));
    assert_eq!((clean.corrupt, clean.lost, clean.unreadable), (0, 0, 0));
    let ended = store.scrub(|_| std::ops::ControlFlow::Break(())).unwrap();
    assert_eq!(ended.chunks, 1);
}

#[test]
fn a_scrubber_works_through_the_store_and_ends_when_it_is_dropped() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(&dir);
    for seed in 0..10 {
        put(&store, seed);
    }
    let all = files(&dir.path().join("chunks"));
    fs::remove_file(&all[0]).unwrap();
    let plan = ScrubPlan {
        bytes_per_second: u64::MAX,
        rest: std::time::Duration::from_millis(1),
    };
    let scrubber = Scrubber::start(store.clone(), plan).unwrap();
    while store.stats().lost == 0 {
        thread::yield_now();
    }
    drop(scrubber);
    // One that rests, or paces itself, ends at once too.
    let slow = ScrubPlan {
        bytes_per_second: 1,
        ..plan
    };
    for plan in [ScrubPlan::default(), slow] {
        drop(Scrubber::start(store.clone(), plan).unwrap());
    }
    assert_tidy(&dir, &store);
}
