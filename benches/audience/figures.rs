//! Delays, told by their percentiles.

use std::fmt;
use std::time::Duration;

/// Delays, sorted.
pub struct Delays(Vec<Duration>);

impl Delays {
    pub fn of(delays: impl Iterator<Item = Duration>) -> Self {
        let mut delays: Vec<_> = delays.collect();
        delays.sort_unstable();
        Self(delays)
    }

    /// The delay that so many thousandths of all do not exceed, in milliseconds.
    pub fn at(&self, thousandths: usize) -> f64 {
        let index = self.0.len().saturating_sub(1) * thousandths / 1000;
        self.0
            .get(index)
            .map_or(f64::NAN, |delay| delay.as_secs_f64() * 1000.0)
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms ({} of them)",
            self.at(500),
            self.at(990),
            self.at(1000),
            self.0.len()
        )
    }
}
