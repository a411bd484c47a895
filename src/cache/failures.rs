//! What failed lately.
//!
//! A chunk that cannot be made (its picture is broken, say) is asked for again by
//! every player that wants it, each few seconds. It is not tried each time: who
//! asks soon after a failure is told the same again, and the more often in a row it
//! failed, the longer it rests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LinkedHashMap;

use super::FillError;
use crate::chunk::ChunkKey;

/// The most failures remembered; the one longest ago is forgotten first.
const MAX_REMEMBERED: usize = 4096;

/// The longest rest.
const MAX_REST: Duration = Duration::from_secs(60);

pub(super) struct Failures {
    /// The one noted last at the end.
    known: Mutex<LinkedHashMap<ChunkKey, Failure>>,
    /// After the first failure; doubled after each that follows.
    first_rest: Duration,
}

struct Failure {
    error: FillError,
    until: Instant,
    rest: Duration,
}

impl Failures {
    /// Failures that rest for `first_rest` at first; zero remembers none.
    pub fn new(first_rest: Duration) -> Self {
        Self {
            known: Mutex::default(),
            first_rest,
        }
    }

    /// Why `key` failed, if it still rests at `now`.
    pub fn recent(&self, key: &ChunkKey, now: Instant) -> Option<FillError> {
        let known = self.known();
        let failure = known.get(key).filter(|failure| now < failure.until)?;
        Some(failure.error.clone())
    }

    /// Whether a chunk rests that failed for this reason. One that says nothing
    /// about the chunk is not held against it.
    pub fn remembers(&self, error: &FillError) -> bool {
        !self.first_rest.is_zero() && !error.is_passing()
    }

    /// Notes that `key` failed at `now`.
    pub fn note(&self, key: ChunkKey, error: &FillError, now: Instant) {
        if !self.remembers(error) {
            return;
        }
        let mut known = self.known();
        let before = known.remove(&key).map(|failure| failure.rest);
        let rest = before.map_or(self.first_rest, |rest| (rest * 2).min(MAX_REST));
        while known.len() >= MAX_REMEMBERED {
            known.pop_front();
        }
        let until = now + rest;
        let error = error.clone();
        known.insert(key, Failure { error, until, rest });
    }

    /// Forgets that `key` ever failed.
    pub fn forget(&self, key: &ChunkKey) {
        self.known().remove(key);
    }

    fn known(&self) -> MutexGuard<'_, LinkedHashMap<ChunkKey, Failure>> {
        // Each change is one step.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    const FIRST: Duration = Duration::from_secs(1);

    fn key(seed: usize) -> ChunkKey {
        ChunkKey::new(Digest::of(&seed.to_le_bytes()))
    }

    fn broken() -> FillError {
        FillError::source_failed("no such picture")
    }

    #[test]
    fn each_failure_in_a_row_rests_twice_as_long_up_to_a_minute() {
        let failures = Failures::new(FIRST);
        let mut now = Instant::now();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            failures.note(key(1), &broken(), now);
            let rest = Duration::from_secs(seconds);
            let just_before = now + rest - Duration::from_millis(1);
            assert_eq!(failures.recent(&key(1), just_before), Some(broken()));
            now += rest;
            assert_eq!(failures.recent(&key(1), now), None, "{seconds}");
        }
        failures.forget(&key(1));
        failures.note(key(1), &broken(), now);
        assert_eq!(failures.recent(&key(1), now + FIRST), None);
    }

    #[test]
    fn a_source_that_went_away_and_other_keys_are_not_remembered() {
        let (failures, now) = (Failures::new(FIRST), Instant::now());
        failures.note(key(1), &FillError::SourceGone, now);
        failures.note(key(2), &broken(), now);
        assert_eq!(failures.recent(&key(1), now), None);
        assert_eq!(failures.recent(&key(2), now), Some(broken()));
        let none = Failures::new(Duration::ZERO);
        none.note(key(1), &broken(), now);
        assert_eq!(none.recent(&key(1), now), None);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let (failures, now) = (Failures::new(FIRST), Instant::now());
        for seed in 0..=MAX_REMEMBERED {
            failures.note(key(seed), &broken(), now);
        }
        assert_eq!(failures.known().len(), MAX_REMEMBERED);
        assert_eq!(failures.recent(&key(0), now), None);
        assert!(failures.recent(&key(MAX_REMEMBERED), now).is_some());
    }
}
