//! Who is rendered next: a bounded queue with priorities, fair among equals.
//!
//! Work that is equally urgent is shared out between lanes (the videos) in rounds: a
//! lane has one piece in each, and its first in the round after the one that is
//! served when it comes. So a video of a thousand chunks takes turns with one of
//! three, and newcomers, however many, join the end of a round and starve nobody.
//! Viewers who wait each wait for one piece: of those the oldest is first.

use std::cmp::Reverse;
use std::collections::HashMap;
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

/// Whose work it is: pieces of one lane take turns with those of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lane(pub u128);

/// How urgent a chunk is, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urgency {
    /// How urgent.
    pub priority: Priority,
    /// For whom.
    pub lane: Lane,
}

impl From<Priority> for Urgency {
    /// For nobody in particular.
    fn from(priority: Priority) -> Self {
        Self {
            priority,
            lane: Lane::default(),
        }
    }
}

/// As many chunks wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} chunks already wait to be rendered")]
pub struct QueueFull(pub usize);

/// Waiting work, the most urgent first, and of that what is due first.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    limit: usize,
}

struct State<T> {
    waiting: Vec<Waiting<T>>,
    arrivals: u64,
    /// The latest round that was served from.
    round: u64,
    /// The round of each lane's latest piece, of those in rounds to come.
    latest: HashMap<Lane, u64>,
    closed: bool,
}

struct Waiting<T> {
    key: ChunkKey,
    priority: Priority,
    round: u64,
    arrival: u64,
    work: T,
}

impl<T> Waiting<T> {
    /// The greatest is next.
    fn rank(&self) -> (Priority, Reverse<u64>, Reverse<u64>) {
        let round = match self.priority {
            Priority::Viewer => 0,
            Priority::LookAhead | Priority::Batch => self.round,
        };
        (self.priority, Reverse(round), Reverse(self.arrival))
    }
}

impl<T> Queue<T> {
    pub fn new(limit: usize) -> Self {
        let state = State {
            waiting: Vec::new(),
            arrivals: 0,
            round: 0,
            latest: HashMap::new(),
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            limit,
        }
    }

    /// Adds work, or gives it back when the queue is full or closed.
    pub fn push(&self, key: ChunkKey, urgency: Urgency, work: T) -> Result<(), (T, QueueFull)> {
        let mut state = self.lock();
        if state.closed || state.waiting.len() >= self.limit {
            let full = QueueFull(state.waiting.len());
            return Err((work, full));
        }
        state.arrivals += 1;
        let arrival = state.arrivals;
        let served = state.round;
        let latest = state.latest.entry(urgency.lane).or_insert(served);
        *latest = served.max(*latest) + 1;
        let round = *latest;
        state.waiting.push(Waiting {
            key,
            priority: urgency.priority,
            round,
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
            let next = (0..state.waiting.len()).max_by_key(|index| state.waiting[*index].rank());
            if let Some(next) = next {
                let next = state.waiting.swap_remove(next);
                let served = state.round.max(next.round);
                state.round = served;
                state.latest.retain(|_, latest| *latest > served);
                return Some(next.work);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops the work that is not wanted any more.
    pub fn sweep(&self, wanted: impl Fn(&T) -> bool) {
        let mut state = self.lock();
        let (kept, unwanted) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|waiting| wanted(&waiting.work));
        state.waiting = kept;
        drop(state);
        // Not under the lock: whoever is told of it may come back here.
        let unwanted: Vec<Waiting<T>> = unwanted;
        drop(unwanted);
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
            .for_each(|(n, priority)| queue.push(key(*n), (*priority).into(), *n).expect("room"));
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

    fn push(queue: &Queue<u8>, n: u8, priority: Priority, lane: u128) {
        let urgency = Urgency {
            priority,
            lane: Lane(lane),
        };
        queue.push(key(n), urgency, n).expect("room");
    }

    #[test]
    fn a_long_video_takes_turns_with_the_others() {
        let queue = Queue::new(99);
        (0..6).for_each(|n| push(&queue, n, Priority::LookAhead, 1));
        (10..13).for_each(|n| push(&queue, n, Priority::LookAhead, 2));
        let order: Vec<u8> = (0..4).filter_map(|_| queue.pop()).collect();
        assert_eq!(order, [0, 10, 1, 11]);
        // A third has a piece in each round from now on, as the others have.
        (20..23).for_each(|n| push(&queue, n, Priority::LookAhead, 3));
        let order: Vec<u8> = (0..8).filter_map(|_| queue.pop()).collect();
        assert_eq!(order, [2, 12, 20, 3, 21, 4, 22, 5]);
    }

    #[test]
    fn newcomers_do_not_starve_a_long_video() {
        let queue = Queue::new(99);
        (0..3).for_each(|n| push(&queue, n, Priority::LookAhead, 1));
        let mut order = Vec::new();
        for newcomer in 10..20 {
            push(&queue, newcomer, Priority::LookAhead, newcomer.into());
            push(&queue, newcomer + 50, Priority::LookAhead, newcomer.into());
            order.extend(queue.pop());
        }
        assert_eq!(order, [0, 10, 1, 60, 11, 12, 2, 61, 62, 13]);
    }

    #[test]
    fn waiting_viewers_are_served_by_age_whoever_they_are() {
        let queue = Queue::new(99);
        push(&queue, 1, Priority::Viewer, 1);
        push(&queue, 2, Priority::Viewer, 1);
        push(&queue, 3, Priority::Viewer, 2);
        let order: Vec<u8> = (0..3).filter_map(|_| queue.pop()).collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn what_is_not_wanted_any_more_is_swept_out() {
        let queue = queue(&[
            (1, Priority::Viewer),
            (2, Priority::Batch),
            (3, Priority::LookAhead),
        ]);
        queue.sweep(|n| *n != 1);
        assert_eq!((queue.len(), queue.pop()), (2, Some(3)));
    }

    #[test]
    fn a_full_queue_gives_the_work_back() {
        let queue = Queue::new(1);
        queue.push(key(1), Priority::Batch.into(), 1).expect("room");
        assert_eq!(
            queue.push(key(2), Priority::Viewer.into(), 2),
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
        assert!(queue.push(key(1), Priority::Viewer.into(), 1).is_err());
    }
}
