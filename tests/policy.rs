//! Eviction policies against published results on a real trace.
//!
//! The trace (CloudPhysics block I/O, 113,872 requests) is not shipped; without
//! it the test says so. The counts are those of libCacheSim.

use std::path::Path;

use loomcast::policy::{PolicyKind, Replay, Request, Weight, replay};

const TRACE: &str = "../shared/traces/cloudPhysicsIO.oracleGeneral.bin";
/// Time (4 bytes), id (8), size (4), next request (8).
const RECORD: usize = 24;
const MIB: u64 = 1 << 20;

fn trace() -> Option<Vec<Request<u64>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TRACE);
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: there is no trace at {}", path.display());
        return None;
    };
    let record = |record: &[u8]| {
        let id: [u8; 8] = record[4..12].try_into().expect("eight bytes");
        let size: [u8; 4] = record[12..16].try_into().expect("four bytes");
        Request {
            key: u64::from_le_bytes(id),
            weight: Weight {
                bytes: u32::from_le_bytes(size).into(),
                cost: 1,
            },
        }
    };
    Some(bytes.chunks_exact(RECORD).map(record).collect())
}

fn run(requests: &[Request<u64>], kind: PolicyKind) -> Vec<Replay> {
    (1..=8)
        .map(|step| {
            let mut policy = kind.build(step * 128 * MIB);
            replay(&mut *policy, requests.iter().copied())
        })
        .collect()
}

#[test]
fn misses_on_a_real_trace_are_the_published_ones() {
    let Some(requests) = trace() else { return };
    assert_eq!(requests.len(), 113_872);
    let published: [(PolicyKind, [u64; 8], u64); 5] = [
        (
            PolicyKind::Lru,
            [93374, 89783, 83572, 81722, 72494, 72104, 71972, 71704],
            0,
        ),
        (
            PolicyKind::S3Fifo,
            [90117, 80915, 75060, 72191, 69815, 65542, 60799, 56045],
            0,
        ),
        (
            PolicyKind::Fifo,
            [93403, 89386, 84387, 84025, 72498, 72228, 72182, 72140],
            0,
        ),
        (
            PolicyKind::Sieve,
            [91699, 86720, 78578, 76707, 69945, 66221, 64445, 64376],
            0,
        ),
        // Which of two equal values goes first is not published.
        (
            PolicyKind::Gdsf,
            [89068, 84750, 74853, 70488, 67919, 64180, 61029, 58721],
            2,
        ),
    ];
    for (kind, expected, tolerance) in published {
        let replays = run(&requests, kind);
        let misses: Vec<u64> = replays.iter().map(|replay| replay.misses).collect();
        eprintln!("{kind}: {misses:?}");
        let near = misses
            .iter()
            .zip(expected)
            .all(|(misses, expected)| misses.abs_diff(expected) <= tolerance);
        assert!(near, "{kind}: {misses:?}, published {expected:?}");
    }
}

#[test]
fn missed_bytes_on_a_real_trace_are_the_published_ones() {
    let Some(requests) = trace() else { return };
    let published: [(PolicyKind, [u64; 8]); 3] = [
        (
            PolicyKind::Lru,
            [
                4214303232, 4061242368, 3778040320, 3660569600, 3100927488, 3078128640, 3075403776,
                3061662720,
            ],
        ),
        (
            PolicyKind::Sieve,
            [
                4158632960, 3917211648, 3536227840, 3455379968, 3035580416, 2801699328, 2699456000,
                2696345600,
            ],
        ),
        (
            PolicyKind::S3Fifo,
            [
                4058576896, 3573827584, 3244417024, 3061737984, 2898109952, 2628363776, 2425027072,
                2327934464,
            ],
        ),
    ];
    for (kind, expected) in published {
        let replays = run(&requests, kind);
        let bytes: Vec<u64> = replays.iter().map(|replay| replay.missed_bytes).collect();
        assert_eq!(bytes, expected, "{kind}");
        assert_eq!(replays[0].bytes, 4_368_040_448);
    }
}
