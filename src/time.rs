//! Exact time: integer ticks, frame rates as ratios, no floating seconds.
//!
//! One tick is a *flick*, 1/705 600 000 s. Every frame of every broadcast
//! frame rate (the NTSC ones too) and every sample of every common audio rate
//! is a whole number of flicks, so adding durations never rounds.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::{Add, Mul, Neg, Sub};

use thiserror::Error;

/// Flicks in one second.
pub const FLICKS_PER_SECOND: i64 = 705_600_000;

/// A point in time or a duration, in flicks. Covers ±413 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    /// The origin, and the empty duration.
    pub const ZERO: Self = Self(0);

    /// `flicks` ticks.
    pub const fn from_flicks(flicks: i64) -> Self {
        Self(flicks)
    }

    /// Whole seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * FLICKS_PER_SECOND)
    }

    /// Whole milliseconds; exact.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * (FLICKS_PER_SECOND / 1000))
    }

    /// `ticks` of a clock that runs at `timescale` Hz, rounded to the nearest flick.
    pub const fn from_ticks(ticks: i64, timescale: NonZeroU32) -> Self {
        let scale = timescale.get() as i128;
        Self(div_round(ticks as i128 * FLICKS_PER_SECOND as i128, scale) as i64)
    }

    /// The nearest flick to a decimal number of seconds, as wire formats carry
    /// it; `None` when it is not finite or beyond ±10 years.
    pub fn from_decimal_seconds(seconds: f64) -> Option<Self> {
        const LIMIT: f64 = 10.0 * 366.0 * 86_400.0;
        (seconds.abs() <= LIMIT).then(|| Self((seconds * FLICKS_PER_SECOND as f64).round() as i64))
    }

    /// The number of flicks.
    pub const fn flicks(self) -> i64 {
        self.0
    }

    /// The nearest whole tick of a clock that runs at `timescale` Hz.
    pub const fn to_ticks(self, timescale: NonZeroU32) -> i64 {
        div_round(
            self.0 as i128 * timescale.get() as i128,
            FLICKS_PER_SECOND as i128,
        ) as i64
    }

    /// Seconds for people, logs and playlists; never for arithmetic.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / FLICKS_PER_SECOND as f64
    }

    /// Nanoseconds, rounded: the clock of GStreamer.
    pub const fn to_nanos(self) -> i64 {
        div_round(self.0 as i128 * 1_000_000_000, FLICKS_PER_SECOND as i128) as i64
    }

    /// The nearest flick to a number of nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(div_round(nanos as i128 * FLICKS_PER_SECOND as i128, 1_000_000_000) as i64)
    }
}

impl Add for Time {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Time {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Time {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Mul<i64> for Time {
    type Output = Self;
    fn mul(self, factor: i64) -> Self {
        Self(self.0 * factor)
    }
}

impl fmt::Display for Time {
    /// Seconds with up to six decimals: `12.5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.6}", self.as_seconds());
        write!(f, "{}s", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Frames a second, as the ratio that standards write it: 30000/1001.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    num: u32,
    den: u32,
}

/// A frame rate whose frames are no whole number of flicks, or out of range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "frame rate {num}/{den} is not supported: expected 1 to 240 frames a second, whole or n·1000/1001"
)]
pub struct FrameRateError {
    /// The numerator asked for.
    pub num: u32,
    /// The denominator asked for.
    pub den: u32,
}

impl FrameRate {
    /// The rate `num/den`, in lowest terms.
    pub fn new(num: u32, den: u32) -> Result<Self, FrameRateError> {
        let error = FrameRateError { num, den };
        if num == 0 || den == 0 || num.div_ceil(den) > 240 || num < den {
            return Err(error);
        }
        let common = gcd(num, den);
        let (num, den) = (num / common, den / common);
        let exact = (FLICKS_PER_SECOND * i64::from(den)) % i64::from(num) == 0;
        if exact {
            Ok(Self { num, den })
        } else {
            Err(error)
        }
    }

    /// Numerator, in lowest terms.
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Denominator, in lowest terms.
    pub const fn den(self) -> u32 {
        self.den
    }

    /// How long one frame lasts; exact.
    pub const fn frame_duration(self) -> Time {
        Time(FLICKS_PER_SECOND * self.den as i64 / self.num as i64)
    }

    /// When frame `index` begins, counted from zero; exact.
    pub const fn frame_start(self, index: i64) -> Time {
        Time(self.frame_duration().0 * index)
    }

    /// The frame that is on at `time`: the last that begins no later.
    pub const fn frame_at(self, time: Time) -> i64 {
        time.0.div_euclid(self.frame_duration().0)
    }

    /// The first frame that begins at or after `time`.
    pub const fn frame_at_or_after(self, time: Time) -> i64 {
        let frame = self.frame_duration().0;
        time.0.div_euclid(frame) + (time.0.rem_euclid(frame) != 0) as i64
    }

    /// The media timescale (ticks a second) in which a frame is a whole number
    /// of ticks: 90 000 where that divides, else the numerator.
    pub const fn timescale(self) -> u32 {
        if self.den == 1 && 90_000 % self.num == 0 {
            90_000
        } else {
            self.num
        }
    }

    /// Ticks of [`timescale`](Self::timescale) in one frame.
    pub const fn ticks_per_frame(self) -> u32 {
        self.timescale() / self.num * self.den
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.den {
            1 => write!(f, "{}", self.num),
            den => write!(f, "{}/{den}", self.num),
        }
    }
}

impl fmt::Debug for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} fps")
    }
}

/// A half-open range of video frames, counted from the start of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameRange {
    /// The first frame.
    pub start: u32,
    /// One past the last frame.
    pub end: u32,
}

impl FrameRange {
    /// How many frames.
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether there is no frame in it.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The frames in both ranges; empty when they do not meet.
    pub fn intersect(self, other: Self) -> Self {
        let start = self.start.max(other.start);
        Self {
            start,
            end: self.end.min(other.end).max(start),
        }
    }
}

const fn div_round(dividend: i128, divisor: i128) -> i128 {
    let doubled = 2 * dividend + divisor;
    doubled.div_euclid(2 * divisor)
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_supported_rate_are_whole_flicks_and_whole_ticks() {
        for (num, den) in [
            (12, 1),
            (15, 1),
            (24, 1),
            (25, 1),
            (30, 1),
            (48, 1),
            (50, 1),
            (60, 1),
            (120, 1),
            (24_000, 1001),
            (30_000, 1001),
            (60_000, 1001),
        ] {
            let rate = FrameRate::new(num, den).expect("supported");
            let second = rate.frame_start(i64::from(num));
            assert_eq!(second, Time::from_seconds(i64::from(den)), "{rate}");
            let ticks = i64::from(rate.ticks_per_frame()) * i64::from(num);
            assert_eq!(
                ticks,
                i64::from(rate.timescale()) * i64::from(den),
                "{rate}"
            );
        }
    }

    #[test]
    fn odd_frame_rates_are_refused() {
        for (num, den) in [
            (0, 1),
            (30, 0),
            (1, 2),
            (241, 1),
            (30_001, 1000),
            (29_97, 100),
        ] {
            assert!(FrameRate::new(num, den).is_err(), "{num}/{den}");
        }
    }

    #[test]
    fn a_clip_between_two_frames_begins_with_the_later_one() {
        let rate = FrameRate::new(30, 1).expect("supported");
        assert_eq!(rate.frame_at_or_after(Time::from_millis(1000)), 30);
        assert_eq!(rate.frame_at_or_after(Time::from_millis(1001)), 31);
        assert_eq!(rate.frame_at_or_after(Time::from_millis(-1)), 0);
    }

    #[test]
    fn ticks_round_to_the_nearest() {
        let nano = NonZeroU32::new(1_000_000_000).expect("not zero");
        assert_eq!(Time::from_nanos(33_333_333).to_ticks(nano), 33_333_333);
        assert_eq!(Time::from_seconds(1).to_nanos(), 1_000_000_000);
        assert_eq!(
            Time::from_decimal_seconds(11.1038).map(Time::to_nanos),
            Some(11_103_800_000)
        );
        assert_eq!(Time::from_decimal_seconds(f64::NAN), None);
        assert_eq!(Time::from_decimal_seconds(1e12), None);
    }

    #[test]
    fn times_are_shown_in_short_seconds() {
        assert_eq!(Time::from_millis(12_500).to_string(), "12.5s");
        assert_eq!(Time::from_seconds(10).to_string(), "10s");
    }
}
