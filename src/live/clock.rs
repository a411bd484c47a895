//! Clocks of sources: so many bits that go round, made one that does not.

/// A clock of a source, read at each of its times.
#[derive(Clone, Debug)]
pub(super) struct RollingClock {
    bits: u32,
    /// A step that is longer is none of this clock.
    longest: u64,
    now: i64,
    last: Option<u64>,
}

impl RollingClock {
    /// A clock of `bits` bits, 1 to 63. Where it steps by more than `longest`, it begins
    /// anew at the time that it is told, as at first: what follows has nothing to do with
    /// what was, no source can have it count to where numbers end, and whoever reads the
    /// same clock elsewhere has the same times.
    pub const fn new(bits: u32, longest: u64) -> Self {
        Self {
            bits,
            longest,
            now: 0,
            last: None,
        }
    }

    /// What it shows, counted on from its first time, or from that after a step that was too long.
    pub const fn now(&self) -> i64 {
        self.now
    }

    /// How far it went to `time`: forwards or backwards, whichever is nearer.
    pub fn step(&mut self, time: u64) -> i64 {
        let unused = 64 - self.bits;
        let begins = i64::try_from(time).unwrap_or(0);
        let Some(last) = self.last.replace(time) else {
            self.now = begins;
            return begins;
        };
        // The sign is that of the highest bit that the clock has.
        let step = (time.wrapping_sub(last) << unused).cast_signed() >> unused;
        self.now = match step.unsigned_abs() > self.longest {
            true => begins,
            false => self.now.saturating_add(step),
        };
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_round_goes_on() {
        for bits in [32, 33] {
            let mut clock = RollingClock::new(bits, 1000);
            let round = 1_u64 << bits;
            let start = clock.step(round - 40);
            assert_eq!(clock.step(0), 40);
            assert_eq!(clock.step(round - 10), -10);
            assert_eq!(clock.step(90), 100);
            assert_eq!(clock.now(), start + 130);
        }
    }

    #[test]
    fn a_clock_that_jumps_begins_anew_and_never_comes_to_the_end_of_numbers() {
        let mut clock = RollingClock::new(32, 1000);
        clock.step(5);
        for jump in 1..100_u64 {
            let time = jump * ((1 << 31) - 1) % (1 << 32);
            let step = clock.step(time);
            assert!(step.unsigned_abs() > 1000);
            assert_eq!(clock.now(), time.cast_signed());
        }
    }
}
