//! How a stream comes: how much of it a second, how many pictures, how far apart its
//! key frames are. By the stream's own time, over its last seconds.

use std::collections::VecDeque;

use crate::live::frame::LiveTrack;

/// Seconds that are looked at.
const SECONDS: usize = 10;

/// How long pictures are counted for their rate, in milliseconds.
const COUNTED_MS: i64 = 2_000;

/// Rates that are in use, in pictures a thousand seconds.
const USUAL: [u64; 11] = [
    15_000, 20_000, 23_976, 24_000, 25_000, 29_970, 30_000, 48_000, 50_000, 59_940, 60_000,
];

/// The rate in use that is within half a percent of this one, or whole pictures a second.
fn usual(rate: u64) -> u64 {
    let nearest = USUAL.iter().min_by_key(|usual| usual.abs_diff(rate));
    let nearest = nearest.filter(|usual| usual.abs_diff(rate) * 200 <= rate);
    nearest.map_or((rate + 500) / 1000 * 1000, |usual| *usual)
}

/// One second of a stream.
#[derive(Clone, Copy, Debug)]
struct Second {
    number: i64,
    bytes: u64,
    pictures: u32,
}

/// Counts frames as they come.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    seconds: VecDeque<Second>,
    last_key_ms: Option<i64>,
    key_interval_ms: Option<i64>,
    /// When the pictures that are counted began, and how many there were since.
    counted: Option<(i64, u64)>,
    steady: Option<u64>,
}

/// What is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RatesReport {
    /// Bits a second of all tracks.
    pub bits_per_second: u64,
    /// Pictures in a thousand seconds.
    pub pictures_per_kilosecond: u64,
    /// Milliseconds between the last two key frames.
    pub key_interval_ms: Option<u64>,
}

impl Rates {
    /// A frame at `ms` of the stream.
    pub fn push(&mut self, track: LiveTrack, ms: i64, sync: bool, bytes: usize) {
        let number = ms.div_euclid(1000);
        let newest = self.seconds.back().map_or(number, |second| second.number);
        // A stream that jumps is another one.
        if (number - newest).unsigned_abs() > SECONDS as u64 {
            *self = Self::default();
        }
        if self
            .seconds
            .back()
            .is_none_or(|second| second.number < number)
        {
            self.seconds.push_back(Second {
                number,
                bytes: 0,
                pictures: 0,
            });
        }
        // The second that goes on is not counted yet.
        while self.seconds.len() > SECONDS + 1 {
            self.seconds.pop_front();
        }
        // Sound may come a little after pictures of the next second.
        let mut there = self.seconds.iter_mut().rev();
        if let Some(second) = there.find(|second| second.number == number) {
            second.bytes += bytes as u64;
            second.pictures += u32::from(track == LiveTrack::Video);
        }
        if track == LiveTrack::Video {
            self.count(ms);
        }
        if track == LiveTrack::Video && sync {
            let last = self.last_key_ms.replace(ms);
            self.key_interval_ms = last.map(|last| ms - last);
        }
    }

    /// Pictures are counted for a while, from one to another.
    fn count(&mut self, ms: i64) {
        let Some((begun, pictures)) = &mut self.counted else {
            self.counted = Some((ms, 0));
            return;
        };
        *pictures += 1;
        let lasted = ms.saturating_sub(*begun);
        if !(0..COUNTED_MS).contains(&lasted) {
            let lasted = u64::try_from(lasted).ok().filter(|lasted| *lasted > 0);
            self.steady = lasted.map(|lasted| usual(*pictures * 1_000_000 / lasted));
            self.counted = Some((ms, 0));
        }
    }

    /// Pictures in a thousand seconds, as they were meant: the rate that is in use and
    /// nearest to what was counted over two seconds. `None` before that.
    pub const fn steady(&self) -> Option<u64> {
        self.steady
    }

    /// How it is, over the whole seconds that are known.
    pub fn report(&self) -> RatesReport {
        let mut whole: Vec<&Second> = self.seconds.iter().collect();
        whole.pop();
        // The first may have begun within itself.
        if whole.len() > 1 {
            whole.remove(0);
        }
        let (Some(first), Some(last)) = (whole.first(), whole.last()) else {
            return RatesReport::default();
        };
        let lasted = u64::try_from(last.number - first.number + 1).unwrap_or(1);
        let bytes: u64 = whole.iter().map(|second| second.bytes).sum();
        let pictures: u64 = whole.iter().map(|second| u64::from(second.pictures)).sum();
        RatesReport {
            bits_per_second: bytes * 8 / lasted,
            pictures_per_kilosecond: pictures * 1000 / lasted,
            key_interval_ms: self.key_interval_ms.and_then(|ms| u64::try_from(ms).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `seconds` of 25 pictures of 1000 bytes each, a key frame every 2 s.
    fn play(rates: &mut Rates, from_s: i64, seconds: i64) {
        for index in 0..seconds * 25 {
            let ms = from_s * 1000 + index * 40;
            rates.push(LiveTrack::Video, ms, index % 50 == 0, 1000);
            rates.push(LiveTrack::Audio, ms, true, 100);
        }
    }

    #[test]
    fn a_stream_is_measured_by_its_own_time() {
        let mut rates = Rates::default();
        assert_eq!(rates.report(), RatesReport::default());
        play(&mut rates, 10, 30);
        let expected = RatesReport {
            bits_per_second: 1100 * 25 * 8,
            pictures_per_kilosecond: 25_000,
            key_interval_ms: Some(2000),
        };
        assert_eq!(rates.report(), expected);
        assert!(rates.seconds.len() <= SECONDS + 1);
        // After a jump it begins anew.
        play(&mut rates, 5000, 4);
        assert_eq!(rates.report(), expected);
    }

    #[test]
    fn a_second_without_frames_counts_as_one() {
        let mut rates = Rates::default();
        for second in [0, 1, 3, 5] {
            rates.push(LiveTrack::Audio, second * 1000, true, 1000);
        }
        // Of seconds 1 to 3, two have a frame.
        assert_eq!(rates.report().bits_per_second, 2 * 8000 / 3);
    }

    #[test]
    fn the_rate_of_pictures_is_the_one_that_was_meant() {
        for (numerator, denominator, expected) in [
            (25, 1, 25_000),
            (30, 1, 30_000),
            (30_000, 1001, 29_970),
            (24_000, 1001, 23_976),
            (60_000, 1001, 59_940),
            (10, 1, 10_000),
        ] {
            let mut rates = Rates::default();
            assert_eq!(rates.steady(), None);
            for index in 0..200 {
                // As RTMP rounds it.
                let ms = (index * 1000 * denominator + numerator / 2) / numerator;
                rates.push(LiveTrack::Video, ms, false, 10);
            }
            assert_eq!(rates.steady(), Some(expected));
        }
    }

    #[test]
    fn no_times_make_it_panic() {
        let mut rates = Rates::default();
        for ms in [i64::MAX / 2, i64::MIN / 2, 0, -1, 1] {
            rates.push(LiveTrack::Video, ms, true, usize::MAX >> 8);
            rates.report();
        }
    }
}
