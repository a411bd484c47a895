//! What a track takes of a line: the bit rates of its segments, as multivariant
//! playlists state them (rfc8216bis, 4.4.6.2).
//!
//! Measured, as nothing that an encoder says of itself is binding. What is stated does
//! not tremble: players compare it to their line, and would change for nothing.

use std::collections::VecDeque;

/// The most segments of which the peak is looked for at a time: as many of a part each
/// as a stretch of one and a half target durations has at the most.
const MAX_RECENT: usize = 64;

/// The stated average stays until the measured one is off by more than its tenth.
const TREMBLE: u64 = 10;

/// Bits a second, parts and their heads included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRates {
    /// The most that any stretch of segments of half to one and a half target durations
    /// had (the *peak segment bit rate*), rounded up to two digits. Never falls.
    pub peak: u64,
    /// Over all segments (the *average segment bit rate*), rounded up likewise.
    pub average: u64,
}

/// Measures one track as long as it is coded in the same way.
#[derive(Clone, Debug)]
pub struct BandwidthMeter {
    target_us: u64,
    /// Bytes of the segment that is open.
    open_bytes: u64,
    /// Bytes and microseconds of the newest segments, the newest last.
    recent: VecDeque<(u64, u64)>,
    /// The same of all.
    all: (u64, u64),
    stated: Option<BitRates>,
}

impl BandwidthMeter {
    /// Of a track whose playlist promises this target duration.
    pub const fn new(target_duration_s: u32) -> Self {
        Self {
            target_us: target_duration_s as u64 * 1_000_000,
            open_bytes: 0,
            recent: VecDeque::new(),
            all: (0, 0),
            stated: None,
        }
    }

    /// What comes from here on is coded otherwise. What was stated holds until a segment
    /// of it is whole.
    pub fn begin_anew(&mut self) {
        *self = Self {
            target_us: self.target_us,
            stated: self.stated,
            ..Self::new(0)
        };
    }

    /// The open segment is of no use.
    pub const fn forget(&mut self) {
        self.open_bytes = 0;
    }

    /// The open segment has another part.
    pub const fn part(&mut self, bytes: u32) {
        self.open_bytes += bytes as u64;
    }

    /// The open segment is whole, `ticks` of `clock` a second long.
    pub fn close(&mut self, ticks: u64, clock: u32) {
        let bytes = std::mem::take(&mut self.open_bytes);
        let lasted = u128::from(ticks) * 1_000_000 / u128::from(clock.max(1));
        let lasted = u64::try_from(lasted).unwrap_or(u64::MAX);
        if bytes == 0 || lasted == 0 {
            return;
        }
        let first = self.all == (0, 0);
        self.all = (
            self.all.0.saturating_add(bytes),
            self.all.1.saturating_add(lasted),
        );
        self.recent.push_back((bytes, lasted));
        if self.recent.len() > MAX_RECENT {
            self.recent.pop_front();
        }
        let average = two_digits(rate(self.all));
        let peak = self.newest_peak().map_or(average, two_digits).max(average);
        let stated = self.stated.filter(|_| !first);
        let stated = stated.unwrap_or(BitRates { peak, average });
        let trembles = stated.average.abs_diff(average) <= stated.average / TREMBLE;
        self.stated = Some(BitRates {
            peak: stated.peak.max(peak),
            average: if trembles { stated.average } else { average },
        });
    }

    /// What to state; `None` before there is a whole segment.
    pub const fn stated(&self) -> Option<BitRates> {
        self.stated
    }

    /// The peak of all stretches that end with the newest segment; `None` if none is of
    /// the length that counts.
    fn newest_peak(&self) -> Option<u64> {
        let counts = self.target_us / 2..=self.target_us + self.target_us / 2;
        let mut stretch = (0_u64, 0_u64);
        let stretches = self.recent.iter().rev().map(|(bytes, lasted)| {
            stretch.0 = stretch.0.saturating_add(*bytes);
            stretch.1 = stretch.1.saturating_add(*lasted);
            stretch
        });
        let within = stretches.take_while(|(_, lasted)| lasted <= counts.end());
        let long = within.filter(|(_, lasted)| lasted >= counts.start());
        long.map(rate).max()
    }
}

/// Bits a second of so many bytes in so many microseconds, rounded up.
fn rate((bytes, micros): (u64, u64)) -> u64 {
    let bits = u128::from(bytes) * 8 * 1_000_000;
    u64::try_from(bits.div_ceil(u128::from(micros.max(1)))).unwrap_or(u64::MAX)
}

/// Rounded up to two digits and zeros.
fn two_digits(number: u64) -> u64 {
    let mut step = 1;
    while number / step >= 100 {
        step *= 10;
    }
    number.div_ceil(step).saturating_mul(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of so many milliseconds and so many bytes a millisecond.
    fn segments(meter: &mut BandwidthMeter, of: &[(u64, u32)]) {
        for (milliseconds, rate) in of {
            for _ in 0..*milliseconds {
                meter.part(*rate);
            }
            meter.close(*milliseconds, 1000);
        }
    }

    fn stated(of: &[(u64, u32)]) -> (u64, u64) {
        let mut meter = BandwidthMeter::new(4);
        segments(&mut meter, of);
        let rates = meter.stated().expect("segments");
        (rates.peak, rates.average)
    }

    #[test]
    fn the_peak_is_that_of_a_stretch_of_half_to_one_and_a_half_target_durations() {
        assert_eq!(BandwidthMeter::new(4).stated(), None);
        assert_eq!(stated(&[(2000, 100)]), (800_000, 800_000));
        // One of 2 s counts alone.
        assert_eq!(stated(&[(2000, 100), (2000, 200)]), (1_600_000, 1_200_000));
        // One of 1 s only with another.
        assert_eq!(stated(&[(1000, 100), (1000, 300)]), (1_600_000, 1_600_000));
        assert_eq!(stated(&[(3000, 100), (500, 1100)]).0, 2_000_000);
        // No stretch with it is short enough; the peak is no less than the average.
        assert_eq!(stated(&[(6000, 100), (500, 1100)]), (1_500_000, 1_500_000));
    }

    #[test]
    fn what_is_stated_does_not_tremble_and_the_peak_never_falls() {
        let mut meter = BandwidthMeter::new(4);
        segments(&mut meter, &[(2000, 200)]);
        let first = meter.stated();
        segments(&mut meter, &[(2000, 190), (2000, 199), (2000, 185)]);
        assert_eq!(meter.stated(), first);
        segments(&mut meter, &[(2000, 50); 10]);
        let later = meter.stated().expect("segments");
        assert_eq!(later.peak, 1_600_000);
        assert!(later.average < 1_000_000, "{later:?}");
    }

    #[test]
    fn another_encoding_is_measured_anew_when_its_first_segment_is_whole() {
        let mut meter = BandwidthMeter::new(4);
        segments(&mut meter, &[(2000, 200)]);
        meter.begin_anew();
        meter.part(10);
        assert_eq!(meter.stated().map(|rates| rates.peak), Some(1_600_000));
        meter.close(0, 1000);
        segments(&mut meter, &[(2000, 50)]);
        assert_eq!(meter.stated().map(|rates| rates.peak), Some(400_000));
    }

    #[test]
    fn rates_are_rounded_up_to_two_digits() {
        for (number, rounded) in [
            (0, 0),
            (99, 99),
            (101, 110),
            (2_347_111, 2_400_000),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(two_digits(number), rounded);
        }
    }
}
