//! What waits to be written to disk: how much it may be, and how many write.
//!
//! Chunks on their way to the disk are in memory beside the memory tier. Where
//! sources are faster than the disk, they would fill it without end; so a source is
//! set going only while what waits is within a bound. What is being made meanwhile
//! may come on top: as much as the sources make at a time.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// The most bytes that may wait while a source is set going.
const MAX_BYTES: u64 = 32 << 20;

/// Chunks that are written at a time; a disk gets no faster by more.
const WRITERS: usize = 8;

pub(super) struct Backlog {
    bytes: AtomicU64,
    less: Notify,
    writers: Semaphore,
}

/// A chunk's place in the backlog.
pub(super) struct Waiting<'a> {
    backlog: &'a Backlog,
    bytes: u64,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            less: Notify::new(),
            writers: Semaphore::new(WRITERS),
        }
    }
}

impl Backlog {
    /// Waits until there is room for more to be made.
    pub async fn has_room(&self) {
        loop {
            let less = self.less.notified();
            tokio::pin!(less);
            // Before the look, so that what leaves meanwhile is not missed.
            less.as_mut().enable();
            if self.bytes() < MAX_BYTES {
                return;
            }
            less.await;
        }
    }

    /// Adds a chunk of so many bytes, which waits as long as the place lives.
    pub fn enter(&self, bytes: u64) -> Waiting<'_> {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        Waiting {
            backlog: self,
            bytes,
        }
    }

    /// How much waits.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }
}

impl Waiting<'_> {
    /// Waits for a turn to write, which lasts as long as what is returned.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.backlog.writers.acquire().await.ok()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.backlog.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.backlog.less.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn there_is_room_while_what_waits_is_within_the_bound() {
        let backlog = Backlog::default();
        let small = backlog.enter(MAX_BYTES - 1);
        assert!(backlog.has_room().now_or_never().is_some());
        let more = backlog.enter(5);
        let waiting = backlog.has_room();
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(more);
        waiting.await;
        drop(small);
        assert_eq!(backlog.bytes(), 0);
    }

    #[tokio::test]
    async fn only_so_many_write_at_a_time() {
        let backlog = Backlog::default();
        let places: Vec<Waiting<'_>> = (0..=WRITERS).map(|_| backlog.enter(1)).collect();
        let (last, first) = places.split_last().expect("places");
        let mut turns = Vec::new();
        for place in first {
            turns.push(place.turn().await);
        }
        assert!(last.turn().now_or_never().is_none());
        drop(turns.pop());
        assert!(last.turn().await.is_some());
    }
}
