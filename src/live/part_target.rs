//! How long a part of low-latency HLS may be.
//!
//! No part may be longer than the promise, and none but the last of its segment may be
//! shorter than 85 % of it (rfc8216bis, 4.4.4.9). A part is a whole number of frames, so
//! not every promise can be kept at every frame rate: at 24 frames a second, four of them
//! are 83 % of 200 ms and five are too long. The promise cannot follow the frame rate
//! either, as it must not change when another encoder takes over. So what is wished for
//! is rounded up to the next promise that can be kept at all the usual rates.

use std::ops::RangeInclusive;

use thiserror::Error;

/// What may be wished for, in milliseconds: shorter parts are more requests than picture,
/// and longer ones no low latency any more.
pub const PART_RANGE_MS: RangeInclusive<u32> = 200..=1000;

/// How long frames are that come at the usual rates, in microseconds: 23.976 to 60 pictures
/// a second, and AAC of 48 and 44.1 kHz.
const FRAMES_US: [u32; 10] = [
    41_708, 41_667, 40_000, 33_367, 33_333, 20_000, 16_683, 16_667, 21_333, 23_220,
];

/// A clock of whole milliseconds, as that of RTMP, may show a part longer or shorter by so
/// much.
const CLOCK_US: u32 = 1_000;

/// The least of its target that a part lasts, in hundredths.
const LEAST_PERCENT: u32 = 85;

/// A length of parts that was wished for and is not allowed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "a part of {wished_ms} ms is not allowed: expected {} to {} ms",
    PART_RANGE_MS.start(),
    PART_RANGE_MS.end()
)]
pub struct PartTargetError {
    /// What was wished for, in milliseconds.
    pub wished_ms: u32,
}

/// The promise that no part is longer, and but the last of a segment none much shorter
/// (`PART-TARGET`; rfc8216bis, 4.4.3.7). It never changes while a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartTarget {
    milliseconds: u32,
}

impl PartTarget {
    /// A third of a second: 8 pictures of 25 a second, 10 of 30, 20 of 60.
    pub const DEFAULT: Self = Self { milliseconds: 334 };

    /// The shortest that is allowed and can be kept at the usual rates.
    pub const SHORTEST: Self = Self { milliseconds: 210 };

    /// The shortest promise of `wished_ms` or more that can be kept at the usual rates.
    pub fn new(wished_ms: u32) -> Result<Self, PartTargetError> {
        if !PART_RANGE_MS.contains(&wished_ms) {
            return Err(PartTargetError { wished_ms });
        }
        // Every frame fits into a range of 15 % of 300 ms, so it is one of the next hundred.
        let mut promises = (wished_ms..).map(|milliseconds| Self { milliseconds });
        let kept = promises.find(|promise| FRAMES_US.iter().all(|frame| promise.fits(*frame)));
        kept.ok_or(PartTargetError { wished_ms })
    }

    /// The promise, in milliseconds.
    pub const fn milliseconds(self) -> u32 {
        self.milliseconds
    }

    /// The promise in ticks of a clock of `timescale` a second, rounded down.
    pub fn ticks(self, timescale: u32) -> u32 {
        let ticks = u64::from(self.milliseconds) * u64::from(timescale) / 1000;
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    /// Whether as many frames of so many microseconds as fit in are long enough.
    const fn fits(self, frame_us: u32) -> bool {
        let most = self.milliseconds * 1000;
        // One frame fewer where the clock shows one too many.
        let frames = (most - CLOCK_US) / frame_us;
        (frames * frame_us - CLOCK_US) * 100 >= most * LEAST_PERCENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promised(wished_ms: u32) -> u32 {
        PartTarget::new(wished_ms).expect("allowed").milliseconds()
    }

    #[test]
    fn what_is_wished_for_is_promised_where_it_can_be_kept() {
        for (wished, promise) in [
            (200, 210),
            (210, 210),
            (225, 225),
            (250, 252),
            (300, 300),
            (333, 333),
            (334, 334),
            (500, 500),
            (1000, 1000),
        ] {
            assert_eq!(promised(wished), promise, "{wished}");
        }
        assert_eq!(PartTarget::new(334), Ok(PartTarget::DEFAULT));
        let least = *PART_RANGE_MS.start();
        assert_eq!(PartTarget::new(least), Ok(PartTarget::SHORTEST));
    }

    #[test]
    fn a_promise_is_never_shorter_than_the_wish_nor_much_longer() {
        for wished in PART_RANGE_MS {
            let promise = promised(wished);
            assert!(
                (wished..wished + 20).contains(&promise),
                "{wished}: {promise}"
            );
        }
    }

    #[test]
    fn a_wish_out_of_range_is_refused_with_its_value_and_the_range() {
        for wished in [0, 1, 199, 1001, u32::MAX] {
            let refused = PartTarget::new(wished)
                .expect_err("not allowed")
                .to_string();
            let told = format!("a part of {wished} ms is not allowed: expected 200 to 1000 ms");
            assert_eq!(refused, told);
        }
    }
}
