//! Players of HLS that follow live streams through an edge. Nobody is connected for as
//! long as he watches: who asked for a playlist lately is counted as one who does.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LinkedHashMap;
use uuid::Uuid;

/// The most players that are remembered, of all streams together; the one that was heard
/// of longest ago is forgotten first.
pub const MAX_FOLLOWERS: usize = 100_000;

/// For how long after its last playlist a player counts: longer than any waits for the
/// next, or lets pass before it asks again.
pub const FOLLOWS: Duration = Duration::from_secs(30);

/// By what a player is told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// By the identifier that this edge gave it when it joined.
    Terminal(Uuid),
    /// By the address that it comes from and what it calls itself: several that have both
    /// in common are one.
    Client(u64),
}

/// The players of all streams.
#[derive(Debug, Default)]
pub struct Followers {
    /// Hashes of clients are of no use elsewhere, and nobody can make two that are alike.
    hashing: RandomState,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// When each was last heard of; whoever was last is last.
    heard: LinkedHashMap<(Arc<str>, Who), Instant>,
    /// How many there are of each stream, of which there are any.
    counts: BTreeMap<Arc<str>, u64>,
}

impl Followers {
    /// A player without an identifier: where it comes from, the servers that it says it
    /// came through, and what it calls itself.
    pub fn client(&self, address: Option<IpAddr>, through: &[u8], agent: &[u8]) -> Who {
        Who::Client(self.hashing.hash_one((address, through, agent)))
    }

    /// `who` was given a playlist of `stream` at `now`.
    pub fn heard(&self, stream: &str, who: Who, now: Instant) {
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

    fn terminal(number: usize) -> Who {
        Who::Terminal(Uuid::from_u128(number as u128))
    }

    #[test]
    fn a_player_is_told_from_others_by_its_identifier_else_by_address_and_name() {
        let followers = Followers::default();
        let (now, here) = (Instant::now(), Some(IpAddr::from([10, 0, 0, 1])));
        let there = Some(IpAddr::from([10, 0, 0, 2]));
        for _ in 0..3 {
            followers.heard("show", terminal(1), now);
            for (address, through, agent) in [
                (here, "", "hls.js"),
                (there, "", "hls.js"),
                (here, "", "AVPlayer"),
                (here, "192.0.2.1", "hls.js"),
                (None, "", ""),
            ] {
                let who = followers.client(address, through.as_bytes(), agent.as_bytes());
                followers.heard("show", who, now);
            }
            followers.heard("other", terminal(1), now);
        }
        assert_eq!(
            (followers.count("show", now), followers.count("other", now)),
            (6, 1)
        );
        assert_eq!(followers.count("nothing", now), 0);
    }

    #[test]
    fn a_player_that_asks_no_more_is_forgotten_and_its_stream_too() {
        let (followers, begun) = (Followers::default(), Instant::now());
        followers.heard("show", terminal(1), begun);
        followers.heard("show", terminal(2), begun);
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
