//! Whether an upstream is asked: by how the last requests to it ended.
//!
//! Pure: what happened and when comes in.

use std::time::{Duration, Instant};

/// How long an upstream rests after it failed; twice as long after each failure in a row.
const FIRST_REST: Duration = Duration::from_secs(1);

/// The longest rest: an upstream that is back is asked again within it, even if the
/// probe should not find it.
const MAX_REST: Duration = Duration::from_secs(30);

/// Answers in a row by which a server says that it is at fault (5xx), until it is taken
/// at its word: one may be of a single video that cannot be made.
const FAULTS: u32 = 5;

/// How an upstream fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Failures in a row.
    failures: u32,
    /// Answers of 5xx in a row.
    faults: u32,
    /// Until when it rests.
    until: Option<Instant>,
}

impl Health {
    /// It answered as it should.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// It did not answer, not in time, broke off, or gave something that does not verify.
    pub fn failed(&mut self, now: Instant) {
        let rest = FIRST_REST.saturating_mul(1 << self.failures.min(8));
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + rest.min(MAX_REST));
    }

    /// It answered that it is at fault.
    pub fn faulted(&mut self, now: Instant) {
        self.faults += 1;
        if self.faults >= FAULTS {
            self.faults = 0;
            self.failed(now);
        }
    }

    /// Whether it is left alone.
    pub fn is_resting(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Failures in a row; 0 of one that is well.
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_that_fails_rests_longer_each_time_and_an_answer_ends_that() {
        let mut health = Health::default();
        let mut now = Instant::now();
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            health.failed(now);
            let rest = Duration::from_secs(seconds);
            assert!(health.is_resting(now + rest - Duration::from_millis(1)));
            now += rest;
            assert!(!health.is_resting(now), "{seconds}");
        }
        health.answered();
        assert_eq!(health, Health::default());
    }

    #[test]
    fn one_fault_is_no_failure_but_some_in_a_row_are() {
        let (mut health, now) = (Health::default(), Instant::now());
        for _ in 1..FAULTS {
            health.faulted(now);
            assert!(!health.is_resting(now));
        }
        health.answered();
        health.faulted(now);
        assert!(!health.is_resting(now));
        for _ in 1..FAULTS {
            health.faulted(now);
        }
        assert!(health.is_resting(now));
    }
}
