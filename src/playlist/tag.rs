//! The values that stand in tags: URIs, quoted strings, durations, dates. Which
//! tag they stand in does not belong here.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU32;

use thiserror::Error;

/// The longest URI or quoted string, in bytes: what every HTTP server and
/// player takes as a request line.
pub const MAX_VALUE_BYTES: usize = 4096;

/// A text that cannot stand in a playlist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} {text:?} is not allowed in a playlist: expected {expected}")]
pub struct TagError {
    /// What it was to be.
    pub what: &'static str,
    /// Its beginning.
    pub text: String,
    /// What is allowed.
    pub expected: &'static str,
}

impl TagError {
    fn new(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self {
            what,
            text: text.chars().take(80).collect(),
            expected,
        }
    }
}

/// A URI on a line of its own or in a quoted attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uri(String);

impl Uri {
    /// `text`, unless it is empty, too long, would read as a tag (a leading
    /// `#`), or holds anything but visible ASCII without quotes.
    pub fn new(text: impl Into<String>) -> Result<Self, TagError> {
        let text = text.into();
        let clean = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"');
        if text.is_empty() || text.len() > MAX_VALUE_BYTES || text.starts_with('#') || !clean {
            const EXPECTED: &str =
                "1 to 4096 visible ASCII characters without quotes, not beginning with '#'";
            return Err(TagError::new("URI", &text, EXPECTED));
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of a quoted-string attribute; shown in its quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuotedString(String);

impl QuotedString {
    /// `text`, unless it is empty, too long, or holds a quote or a control
    /// character: the format has no escape for them.
    pub fn new(text: impl Into<String>) -> Result<Self, TagError> {
        let text = text.into();
        let clean = text.chars().all(|c| !c.is_control() && c != '"');
        if text.is_empty() || text.len() > MAX_VALUE_BYTES || !clean {
            const EXPECTED: &str =
                "1 to 4096 bytes without quotes, line breaks and control characters";
            return Err(TagError::new("string", &text, EXPECTED));
        }
        Ok(Self(text))
    }

    /// The text, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QuotedString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Digits after the point: microseconds, finer than any sample.
const DECIMALS: usize = 6;

/// An exact duration: `ticks` of a clock of `timescale` Hz. Printed as decimal
/// seconds, rounded down to the microsecond; each on its own, so that a sum of
/// printed durations is short by less than a microsecond for each.
///
/// Down, because browsers report what is buffered in whole microseconds, rounded
/// down: a player that is promised a hair more asks for the last part of a
/// segment again and again, and never for the next segment.
#[derive(Clone, Copy, Debug)]
pub struct Duration {
    /// How many ticks.
    pub ticks: u64,
    /// Ticks a second.
    pub timescale: NonZeroU32,
}

impl Duration {
    /// `ticks` of a clock of `timescale` Hz.
    pub const fn new(ticks: u64, timescale: NonZeroU32) -> Self {
        Self { ticks, timescale }
    }

    /// Whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        const MILLI: NonZeroU32 = NonZeroU32::new(1000).expect("1000 is not zero");
        Self {
            ticks: millis,
            timescale: MILLI,
        }
    }

    /// Whole seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self {
            ticks: seconds,
            timescale: NonZeroU32::MIN,
        }
    }

    /// This many times as long.
    pub const fn times(self, factor: u64) -> Self {
        Self {
            ticks: self.ticks.saturating_mul(factor),
            ..self
        }
    }

    /// Seconds rounded half up, as `EXT-X-TARGETDURATION` compares them.
    pub fn rounded_seconds(self) -> u64 {
        let scale = u128::from(self.timescale.get());
        ((2 * u128::from(self.ticks) + scale) / (2 * scale)) as u64
    }

    /// The number of microseconds that is printed.
    pub(super) fn micros(self) -> u128 {
        let units = 10u128.pow(DECIMALS as u32);
        u128::from(self.ticks) * units / u128::from(self.timescale.get())
    }
}

impl Ord for Duration {
    /// Compared exactly, across timescales.
    fn cmp(&self, other: &Self) -> Ordering {
        let left = u128::from(self.ticks) * u128::from(other.timescale.get());
        left.cmp(&(u128::from(other.ticks) * u128::from(self.timescale.get())))
    }
}

impl PartialOrd for Duration {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Duration {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Duration {}

impl fmt::Display for Duration {
    /// `2.002`, `4.0`: at least one decimal, at most six.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10u128.pow(DECIMALS as u32);
        let micros = self.micros();
        let fraction = format!("{:0DECIMALS$}", micros % unit);
        let shown = fraction.trim_end_matches('0');
        write!(
            f,
            "{}.{}",
            micros / unit,
            if shown.is_empty() { "0" } else { shown }
        )
    }
}

/// A sum of durations of any timescales, exact for as long as they share one.
#[derive(Clone, Copy, Default)]
pub(super) struct Total {
    ticks: u128,
    timescale: u32,
    /// Of the timescales left behind.
    micros: u128,
}

impl Total {
    pub(super) fn add(&mut self, duration: Duration) {
        if self.timescale != duration.timescale.get() {
            self.micros = self.micros();
            (self.ticks, self.timescale) = (0, duration.timescale.get());
        }
        self.ticks += u128::from(duration.ticks);
    }

    pub(super) fn micros(&self) -> u128 {
        self.micros + self.ticks * 10u128.pow(DECIMALS as u32) / u128::from(self.timescale.max(1))
    }
}

/// A point in time: milliseconds since 1970, UTC. Shown as `EXT-X-PROGRAM-DATE-TIME` wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(pub u64);

impl fmt::Display for UnixMillis {
    /// `2026-05-01T12:30:00.250Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 86_400_000;
        /// Days of 400 Gregorian years, after which the calendar repeats.
        const ERA: u64 = 146_097;
        /// Days from 1 March of year 0 to 1 January 1970.
        const EPOCH: u64 = 719_468;
        // Years begin in March here: the leap day is then the last of its year.
        let days = self.0 / DAY + EPOCH;
        let (era, day) = (days / ERA, days % ERA);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = era * 400 + year + next;
        let millis = self.0 % DAY;
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duration(ticks: u64, timescale: u32) -> Duration {
        Duration::new(ticks, NonZeroU32::new(timescale).unwrap())
    }

    #[test]
    fn durations_are_printed_rounded_down_to_the_microsecond() {
        for (ticks, timescale, text) in [
            (0, 1, "0.0"),
            (4, 1, "4.0"),
            (60_060, 30_000, "2.002"),
            (1, 3, "0.333333"),
            (2, 3, "0.666666"),
            (1, 2_000_000, "0.0"),
            (1, 2_000_001, "0.0"),
            (1_999_999, 1_000_000, "1.999999"),
            (19_999_999, 10_000_000, "1.999999"),
            (96_256, 48_000, "2.005333"),
            (u64::MAX, 1, "18446744073709551615.0"),
        ] {
            assert_eq!(
                duration(ticks, timescale).to_string(),
                text,
                "{ticks}/{timescale}"
            );
        }
    }

    #[test]
    fn durations_compare_exactly_across_timescales() {
        assert_eq!(duration(1, 3), duration(3, 9));
        assert!(duration(333_333, 1_000_000) < duration(1, 3));
        assert_eq!(duration(3, 2).rounded_seconds(), 2);
        assert_eq!(duration(149, 100).rounded_seconds(), 1);
    }

    #[test]
    fn a_sum_of_thirds_does_not_drift() {
        let mut total = Total::default();
        for _ in 0..3_000_000 {
            total.add(duration(1, 3));
        }
        assert_eq!(total.micros(), 1_000_000_000_000);
        total.add(duration(1, 2));
        assert_eq!(total.micros(), 1_000_000_500_000);
    }

    #[test]
    fn a_uri_cannot_break_out_of_its_line_or_its_quotes() {
        for bad in [
            "",
            "#EXTINF",
            "a\"b",
            "a\nb",
            "a\rb",
            "a b",
            "a\u{0}",
            "ü.m4s",
            "\u{feff}a",
            "a\tb",
        ] {
            assert!(Uri::new(bad).is_err(), "{bad:?}");
        }
        assert!(Uri::new("x".repeat(MAX_VALUE_BYTES)).is_ok());
        assert!(Uri::new("x".repeat(MAX_VALUE_BYTES + 1)).is_err());
        for good in [
            "a.m4s",
            "/c/00ff/90000.m4s?x=1&y=2#t",
            "https://example.com/%C3%BC",
            "a#b",
        ] {
            assert_eq!(Uri::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_quoted_string_cannot_break_out_of_its_quotes() {
        for bad in ["", "a\"", "\"", "a\r\nb", "\u{85}", "\u{7f}"] {
            assert!(QuotedString::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            QuotedString::new("Français, oui").unwrap().to_string(),
            "\"Français, oui\""
        );
        let error = QuotedString::new("a\"b".repeat(100)).unwrap_err();
        assert!(error.text.len() <= 80);
    }

    #[test]
    fn dates_are_written_in_utc_with_milliseconds() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_777_638_600_250, "2026-05-01T12:30:00.250Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(UnixMillis(millis).to_string(), text);
        }
    }
}
