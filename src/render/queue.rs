//! Who is rendered next: a bounded queue with priorities.

use std::cmp::Reverse;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use crate::chunk::ChunkKey;

/// How urgent a chunk is; the greatest is rendered first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// A batch that nobody watches.
    Batch,
    /// Soon to be watched.
    LookAhead,
    /// A viewer waits for it now.
    Viewer,
}

/// As many chunks wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} chunks already wait to be rendered")]
pub struct QueueFull(pub usize);

/// Waiting work, the most urgent first, and of that the oldest.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    limit: usize,
}

struct State<T> {
    waiting: Vec<Waiting<T>>,
    arrivals: u64,
    closed: bool,
}

struct Waiting<T> {
    key: ChunkKey,
    priority: Priority,
    arrival: u64,
    work: T,
}

impl<T> Queue<T> {
    pub fn new(limit: usize) -> Self {
        let state = State {
            waiting: Vec::new(),
            arrivals: 0,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            limit,
        }
    }

    /// Adds work, or gives it back when the queue is full or closed.
    pub fn push(&self, key: ChunkKey, priority: Priority, work: T) -> Result<(), (T, QueueFull)> {
        let mut state = self.lock();
        if state.closed || state.waiting.len() >= self.limit {
            let full = QueueFull(state.waiting.len());
            return Err((work, full));
        }
        state.arrivals += 1;
        let arrival = state.arrivals;
        state.waiting.push(Waiting {
            key,
            priority,
            arrival,
            work,
        });
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Makes waiting work at least this urgent.
    pub fn promote(&self, key: &ChunkKey, priority: Priority) {
        let mut state = self.lock();
        for waiting in state
            .waiting
            .iter_mut()
            .filter(|waiting| waiting.key == *key)
        {
            waiting.priority = waiting.priority.max(priority);
        }
    }

    /// The next work, waiting for some; `None` once the queue is closed.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let urgency = |waiting: &Waiting<T>| (waiting.priority, Reverse(waiting.arrival));
            let next = (0..state.waiting.len()).max_by_key(|index| urgency(&state.waiting[*index]));
            if let Some(next) = next {
                return Some(state.waiting.swap_remove(next).work);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How much waits.
    pub fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Takes no more, gives out no more, and drops what waits.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Each change is one step, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn key(n: u8) -> ChunkKey {
        ChunkKey::new(Digest::of(&[n]))
    }

    fn queue(entries: &[(u8, Priority)]) -> Queue<u8> {
        let queue = Queue::new(10);
        entries
            .iter()
            .for_each(|(n, priority)| queue.push(key(*n), *priority, *n).expect("room"));
        queue
    }

    #[test]
    fn the_most_urgent_comes_first_and_of_those_the_oldest() {
        use Priority::{Batch, LookAhead, Viewer};
        let queue = queue(&[
            (1, Batch),
            (2, Viewer),
            (3, LookAhead),
            (4, Viewer),
            (5, Batch),
        ]);
        let order: Vec<u8> = (0..5).filter_map(|_| queue.pop()).collect();
        assert_eq!(order, [2, 4, 3, 1, 5]);
    }

    #[test]
    fn waiting_work_can_become_more_urgent_but_not_less() {
        let queue = queue(&[
            (1, Priority::Viewer),
            (2, Priority::Batch),
            (3, Priority::LookAhead),
        ]);
        queue.promote(&key(2), Priority::Viewer);
        queue.promote(&key(1), Priority::Batch);
        let order: Vec<u8> = (0..3).filter_map(|_| queue.pop()).collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn a_full_queue_gives_the_work_back() {
        let queue = Queue::new(1);
        queue.push(key(1), Priority::Batch, 1).expect("room");
        assert_eq!(
            queue.push(key(2), Priority::Viewer, 2),
            Err((2, QueueFull(1)))
        );
    }

    #[test]
    fn a_closed_queue_wakes_whoever_waits() {
        let queue: Queue<u8> = Queue::new(1);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| queue.pop());
            queue.close();
            assert_eq!(waiter.join().expect("no panic"), None);
        });
        assert!(queue.push(key(1), Priority::Viewer, 1).is_err());
    }
}
