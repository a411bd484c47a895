//! Players of HLS that follow live streams through an edge. Nobody is connected for as
//! long as he watches: who asked for a playlist lately is counted as one who does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LinkedHashMap;

use crate::live::presence::{WATCHER_EXPIRY_MS, WatcherMark};

/// The most players that are remembered, of all streams together; the one that was heard
/// of longest ago is forgotten first.
pub const MAX_FOLLOWERS: usize = 100_000;

/// For how long after its last playlist a player counts: longer than any waits for the
/// next, or lets pass before it asks again.
pub const FOLLOWS: Duration = Duration::from_millis(WATCHER_EXPIRY_MS);

/// The players of all streams.
#[derive(Debug, Default)]
pub struct Followers {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// When each was last heard of; whoever was last is last.
    heard: LinkedHashMap<(Arc<str>, WatcherMark), Instant>,
    /// How many there are of each stream, of which there are any.
    counts: BTreeMap<Arc<str>, u64>,
}

impl Followers {
    /// `who` was given a playlist of `stream` at `now`.
    pub fn heard(&self, stream: &str, who: WatcherMark, now: Instant) {
        let mut known = self.known(now);
        let stream = match known.counts.get_key_value(stream) {
            Some((stream, _)) => Arc::clone(stream),
            None => stream.into(),
        };
        if known
            .heard
            .insert((Arc::clone(&stream), who), now)
            .is_none()
        {
            *known.counts.entry(stream).or_default() += 1;
        }
        while known.heard.len() > MAX_FOLLOWERS {
            known.forget_oldest();
        }
    }

    /// How many follow each stream at `now`, of those that any do.
    pub fn counts(&self, now: Instant) -> BTreeMap<Arc<str>, u64> {
        self.known(now).counts.clone()
    }

    /// How many follow `stream` at `now`.
    pub fn count(&self, stream: &str, now: Instant) -> u64 {
        self.known(now).counts.get(stream).copied().unwrap_or(0)
    }

    /// Without those that were not heard of for too long.
    fn known(&self, now: Instant) -> MutexGuard<'_, Known> {
        // Each change is whole or not begun.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |heard: &Instant| now.saturating_duration_since(*heard) >= FOLLOWS;
        while known.heard.front().is_some_and(|(_, heard)| is_old(heard)) {
            known.forget_oldest();
        }
        known
    }
}

impl Known {
    fn forget_oldest(&mut self) {
        let Some(((stream, _), _)) = self.heard.pop_front() else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&stream) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&stream);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(number: usize) -> WatcherMark {
        WatcherMark(number as u64)
    }

    #[test]
    fn a_player_that_asks_no_more_is_forgotten_and_its_stream_too() {
        let (followers, begun) = (Followers::default(), Instant::now());
        followers.heard("show", terminal(1), begun);
        followers.heard("show", terminal(2), begun);
        followers.heard("other", terminal(2), begun);
        let now = |name| followers.count(name, begun);
        assert_eq!((now("show"), now("other"), now("nothing")), (2, 1, 0));
        let later = begun + FOLLOWS / 2;
        followers.heard("show", terminal(1), later);
        assert_eq!(followers.count("show", begun + FOLLOWS), 1);
        assert!(followers.counts(later + FOLLOWS).is_empty());
    }

    #[test]
    fn there_are_no_more_players_than_are_remembered() {
        let (followers, now) = (Followers::default(), Instant::now());
        followers.heard("first", terminal(0), now);
        for number in 0..MAX_FOLLOWERS {
            followers.heard("show", terminal(number), now);
        }
        assert_eq!(followers.count("show", now), MAX_FOLLOWERS as u64);
        assert_eq!(followers.counts(now).len(), 1, "the first is forgotten");
    }
}
