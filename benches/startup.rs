//! How long a store takes to open, beside what the file system takes to list its
//! files: the start looks at each.
//!
//!     cargo bench --bench startup -- [--chunks N]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use loomcast::chunk::{ChunkKey, ChunkMeta, Part, PartMeta, ReuseClass};
use loomcast::digest::Digest;
use loomcast::store::{ChunkStore, StoreConfig};

/// What 100 000 chunks of a usual size come to is too much for a bench; how large
/// they are makes no difference to a start.
const CHUNK_BYTES: usize = 512;

const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == "--chunks");
    let chunks: u64 = at
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(100_000);
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let began = Instant::now();
    fill(folder.path(), chunks);
    println!(
        "{chunks} chunks put in {:.1} s",
        began.elapsed().as_secs_f64()
    );

    let median = |mut of: Box<dyn FnMut() -> Duration>| {
        let mut times: Vec<Duration> = (0..ROUNDS).map(|_| of()).collect();
        times.sort();
        times[ROUNDS / 2].as_secs_f64()
    };
    let path = folder.path().to_owned();
    let listing = median(Box::new(move || {
        let began = Instant::now();
        assert!(list(&path.join("chunks")) >= chunks);
        began.elapsed()
    }));
    let path = folder.path().to_owned();
    let opening = median(Box::new(move || open(&path, chunks)));
    let path = folder.path().to_owned();
    let rebuilding = median(Box::new(move || {
        fs::remove_dir_all(path.join("index")).expect("deletes");
        open(&path, chunks)
    }));
    println!("listing the files      {listing:.2} s");
    println!(
        "opening the store      {opening:.2} s, {:.1} of that",
        opening / listing
    );
    println!(
        "rebuilding the index   {rebuilding:.2} s, {:.1} of that",
        rebuilding / listing
    );
}

fn fill(folder: &Path, chunks: u64) {
    let (store, _) = ChunkStore::open(StoreConfig::new(folder)).expect("a store");
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let store = &store;
            scope.spawn(move || {
                (worker..chunks)
                    .step_by(8)
                    .for_each(|number| put(store, number))
            });
        }
    });
}

fn put(store: &ChunkStore, number: u64) {
    let meta = PartMeta {
        bytes: CHUNK_BYTES as u32,
        ticks: 1,
        independent: true,
    };
    let mut data = vec![0; CHUNK_BYTES];
    data[..8].copy_from_slice(&number.to_le_bytes());
    let parts = [Part {
        meta,
        data: data.into(),
    }];
    let key = ChunkKey::new(Digest::of(&number.to_le_bytes()));
    let meta = ChunkMeta {
        parts: vec![meta],
        cost_ms: 1,
    };
    store
        .put(&key, ReuseClass::Shared, &meta, &parts)
        .expect("stores");
}

fn open(folder: &Path, chunks: u64) -> Duration {
    let began = Instant::now();
    let (store, report) = ChunkStore::open(StoreConfig::new(folder)).expect("a store");
    let took = began.elapsed();
    assert_eq!((report.chunks, store.stats().chunks), (chunks, chunks));
    took
}

/// How many files there are, each looked at.
fn list(folder: &Path) -> u64 {
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let found = entry.metadata().expect("is there");
        files += if found.is_dir() {
            list(&entry.path())
        } else {
            1
        };
    }
    files
}
