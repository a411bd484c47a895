//! Clocks of sources: so many bits that go round, made one that does not.

/// A clock of a source, read at each of its times.
#[derive(Clone, Debug)]
pub(super) struct RollingClock {
    bits: u32,
    now: i64,
    last: Option<u64>,
}

impl RollingClock {
    /// A clock of `bits` bits, 1 to 63.
    pub const fn new(bits: u32) -> Self {
        Self {
            bits,
            now: 0,
            last: None,
        }
    }

    /// What it shows, counted on from its first time.
    pub const fn now(&self) -> i64 {
        self.now
    }

    /// How far it went to `time`: forwards or backwards, whichever is nearer.
    pub fn step(&mut self, time: u64) -> i64 {
        let unused = 64 - self.bits;
        let step = match self.last.replace(time) {
            // The sign is that of the highest bit that the clock has.
            Some(last) => (time.wrapping_sub(last) << unused).cast_signed() >> unused,
            None => i64::try_from(time).unwrap_or(0),
        };
        self.now = self.now.saturating_add(step);
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_round_goes_on() {
        for bits in [32, 33] {
            let mut clock = RollingClock::new(bits);
            let round = 1_u64 << bits;
            let start = clock.step(round - 40);
            assert_eq!(clock.step(0), 40);
            assert_eq!(clock.step(round - 10), -10);
            assert_eq!(clock.step(90), 100);
            assert_eq!(clock.now(), start + 130);
        }
    }
}
