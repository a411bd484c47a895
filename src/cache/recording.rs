//! Traffic as it is recorded: who is too slow for it loses requests and is told how many.
//!
//! Keys are hashed with a secret of the recording's own, which is known to nobody: of two
//! recordings nobody can tell what was asked for in both.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::digest::Digest;
use crate::offload::trace::{RECORD_BYTES, Recorded, Way};
use crate::offload::{Point, Size};

/// The most recordings at a time.
const MAX_RECORDINGS: usize = 4;

/// Requests that wait for whoever records: 1.5 MiB. One more is lost.
const MAX_WAITING: usize = 64 * 1024;

/// Requests that are given at a time.
const MAX_GIVEN: usize = 2048;

type Record = [u8; RECORD_BYTES];

/// All recordings that go on.
#[derive(Default)]
pub(super) struct Recordings {
    going_on: Mutex<Vec<Tap>>,
    /// How many there are: mostly none, which need not take the lock.
    count: AtomicUsize,
}

/// What a recording is told by.
struct Tap {
    began: Instant,
    secret: [u8; 32],
    to: mpsc::Sender<Record>,
    lost: Arc<AtomicU64>,
}

/// Traffic since it was asked for; dropped, it ends.
#[derive(Debug)]
pub struct Recording {
    began: Instant,
    from: mpsc::Receiver<Record>,
    lost: Arc<AtomicU64>,
}

impl Recordings {
    /// One more, if there may be.
    pub fn begin(&self) -> Option<Recording> {
        let mut going_on = self.lock();
        going_on.retain(|tap| !tap.to.is_closed());
        if going_on.len() >= MAX_RECORDINGS {
            return None;
        }
        let (to, from) = mpsc::channel(MAX_WAITING);
        let (began, lost) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let random = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
        going_on.push(Tap {
            began,
            secret: *blake3::hash(&random.concat()).as_bytes(),
            to,
            lost: Arc::clone(&lost),
        });
        self.count.store(going_on.len(), Ordering::Relaxed);
        Some(Recording { began, from, lost })
    }

    /// Tells all recordings of so many requests for `key`. Never waits.
    pub fn note(&self, key: &Digest, size: Size, way: Way, requests: u64) {
        if requests == 0 || self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut going_on = self.lock();
        going_on.retain(|tap| tap.note(key, size, way, requests));
        self.count.store(going_on.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Tap>> {
        // Each change is one step.
        self.going_on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap {
    /// Whether it still goes on.
    fn note(&self, key: &Digest, size: Size, way: Way, requests: u64) -> bool {
        let hidden = blake3::keyed_hash(&self.secret, key.as_bytes());
        let record = Recorded {
            time_ms: since(self.began),
            point: Point::of_digest(&hidden.into()),
            size,
            way,
        };
        let record = record.encode();
        for told in 0..requests {
            match self.to.try_send(record) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.lost.fetch_add(requests - told, Ordering::Relaxed);
                    return true;
                }
            }
        }
        true
    }
}

impl Recording {
    /// What came since, as records of [`crate::offload::trace`]; waits for some. `None`
    /// when no more will come.
    pub async fn next(&mut self) -> Option<Bytes> {
        let mut records = Vec::new();
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            records.push(Recorded::lost(since(self.began), lost));
        } else if self.from.recv_many(&mut records, MAX_GIVEN).await == 0 {
            return None;
        }
        Some(records.concat().into())
    }
}

fn since(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::Tier;

    const SIZE: Size = Size {
        bytes: 7,
        render_ms: 3,
    };

    #[tokio::test]
    async fn what_is_recorded_names_no_key_and_is_the_same_for_the_same() {
        let recordings = Recordings::default();
        let [a, b] = [b"a", b"b"].map(|key| Digest::of(key));
        let hit = Way::Hit(Tier::Ram);
        recordings.note(&a, SIZE, hit, 1);
        let mut recording = recordings.begin().expect("there is room");
        recordings.note(&a, SIZE, hit, 2);
        recordings.note(&b, SIZE, hit, 1);
        let bytes = recording.next().await.expect("some");
        let records = bytes.as_chunks::<RECORD_BYTES>().0;
        let read: Vec<_> = records.iter().filter_map(Recorded::decode).collect();
        assert_eq!(read.len(), 3, "what came before is not in it");
        assert!(read.iter().all(|one| (one.size, one.way) == (SIZE, hit)));
        assert_eq!(read[0].point, read[1].point);
        assert_ne!(read[0].point, read[2].point);
        assert!(read.iter().all(|one| one.point != Point::of_digest(&a)));
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_how_many_requests_are_missing() {
        let recordings = Recordings::default();
        let mut recording = recordings.begin().expect("there is room");
        let key = Digest::of(b"a");
        recordings.note(&key, SIZE, Way::Collapsed, MAX_WAITING as u64 + 5);
        recordings.note(&key, SIZE, Way::Collapsed, 2);
        let (mut there, mut lost) = (0, 0);
        while there < MAX_WAITING {
            let bytes = recording.next().await.expect("some");
            for record in bytes.as_chunks::<RECORD_BYTES>().0 {
                match Recorded::is_lost(record) {
                    Some(requests) => lost += requests,
                    None => there += 1,
                }
            }
        }
        assert_eq!((there, lost), (MAX_WAITING, 7));
    }

    #[test]
    fn only_so_many_go_on_at_a_time_and_one_that_ends_makes_room() {
        let recordings = Recordings::default();
        let mut all: Vec<_> = (0..MAX_RECORDINGS)
            .map(|_| recordings.begin().expect("there is room"))
            .collect();
        assert!(recordings.begin().is_none());
        all.pop();
        assert!(recordings.begin().is_some());
        drop(all);
        recordings.note(&Digest::of(b"a"), SIZE, Way::Pass, 1);
        assert_eq!(recordings.count.load(Ordering::Relaxed), 0);
    }
}
