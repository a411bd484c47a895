//! How rooms do, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::room::{Reason, Why};

/// The longest wait that is told apart from longer ones, in microseconds: a minute.
const LONGEST_US: u64 = 60_000_000;

/// Decimal digits to which waits are told apart: within 1 %, in 20 KiB.
const DIGITS: u8 = 2;

/// How long viewers waited for their first frame.
#[derive(Debug)]
pub struct JoinTimes(Mutex<Option<Histogram<u32>>>);

/// The same in a few numbers, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinTimesReport {
    /// Viewers who got one.
    pub count: u64,
    /// Half of them waited no longer.
    pub p50_us: u64,
    /// Of a hundred, 99 waited no longer.
    pub p99_us: u64,
    /// None waited longer.
    pub max_us: u64,
}

impl Default for JoinTimes {
    fn default() -> Self {
        // The bounds are in order, so it is always there.
        Self(Mutex::new(
            Histogram::new_with_bounds(1, LONGEST_US, DIGITS).ok(),
        ))
    }
}

impl JoinTimes {
    /// One more waited this long.
    pub fn note(&self, waited: Duration) {
        let us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        if let Some(times) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            times.saturating_record(us.max(1));
        }
    }

    /// How it is now.
    pub fn report(&self) -> JoinTimesReport {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(times) = times.as_ref().filter(|times| !times.is_empty()) else {
            return JoinTimesReport::default();
        };
        JoinTimesReport {
            count: times.len(),
            p50_us: times.value_at_quantile(0.5),
            p99_us: times.value_at_quantile(0.99),
            max_us: times.max(),
        }
    }
}

/// What all rooms of an edge together have done; each only grows.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub opened: AtomicU64,
    pub joins: AtomicU64,
    pub upstream_requests: AtomicU64,
    pub upstream_bytes: AtomicU64,
    /// Of rooms that are closed; those that are open count their own.
    pub egress_bytes: AtomicU64,
    /// Viewers who were told that there is no such stream without asking upstream.
    pub known_missing: AtomicU64,
    pub handovers: [AtomicU64; Reason::HANDOVERS.len()],
    pub closed: [AtomicU64; Why::ALL.len()],
    pub times: JoinTimes,
}

/// One more of something.
pub(super) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// What all rooms together have done and hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomsTotals {
    /// Rooms that are open.
    pub rooms: usize,
    /// Viewers in them.
    pub viewers: usize,
    /// Streams from upstream that they have or have asked for.
    pub upstreams: usize,
    /// Bytes of media that they hold.
    pub held_bytes: usize,
    /// Rooms that were ever opened.
    pub opened: u64,
    /// Rooms that were closed, by [`Why::ALL`].
    pub closed: [u64; Why::ALL.len()],
    /// Viewers who ever joined.
    pub joins: u64,
    /// Streams that were ever asked for.
    pub upstream_requests: u64,
    /// Bytes that came of them.
    pub upstream_bytes: u64,
    /// Bytes that viewers were sent.
    pub egress_bytes: u64,
    /// Viewers who were told at once that there is no such stream.
    pub known_missing: u64,
    /// Hand-overs, by [`Reason::HANDOVERS`].
    pub handovers: [u64; Reason::HANDOVERS.len()],
    /// How long viewers waited for their first frame.
    pub times: JoinTimesReport,
}

/// How much of what viewers got cost nothing upstream, in thousandths; below 0 where
/// more came than was sent, nothing where nobody got anything.
pub fn offload_per_mille(upstream: u64, egress: u64) -> Option<i64> {
    let (upstream, egress) = (i128::from(upstream), i128::from(egress));
    let saved = (egress > 0).then(|| (egress - upstream) * 1000 / egress)?;
    i64::try_from(saved).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_told_by_their_distribution() {
        let times = JoinTimes::default();
        assert_eq!(times.report(), JoinTimesReport::default());
        for ms in 1..=100 {
            times.note(Duration::from_millis(ms));
        }
        let report = times.report();
        assert_eq!(report.count, 100);
        for (told, ms) in [
            (report.p50_us, 50),
            (report.p99_us, 99),
            (report.max_us, 100),
        ] {
            assert!(told.abs_diff(ms * 1_000) <= ms * 10, "{told} for {ms} ms");
        }
        times.note(Duration::from_secs(3_600));
        assert!(times.report().max_us >= LONGEST_US);
    }

    #[test]
    fn what_masters_get_is_no_saving() {
        for (upstream, egress, saved) in [
            (100, 0, None),
            (100, 100, Some(0)),
            (2, 500, Some(996)),
            (200, 100, Some(-1_000)),
        ] {
            assert_eq!(offload_per_mille(upstream, egress), saved);
        }
    }
}
