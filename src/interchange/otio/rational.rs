//! OTIO's times: a value and a rate, both floating, taken as the fractions they stand for.

use serde_json::{Value, json};

use crate::template::cursor::{Cursor, Object};
use crate::template::error::EditError;
use crate::template::output::RATES;
use crate::time::{FLICKS_PER_SECOND, FrameRate, Time};

/// The highest rate: audio is counted in samples.
const MAX_RATE: f64 = 10_000_000.0;

/// The longest time, in seconds: ten years, more than timecodes are.
const MAX_SECONDS: f64 = 10.0 * 365.0 * 86_400.0;

/// The longest that anything lasts.
pub(super) const MAX_TIME: Time = Time::from_seconds(MAX_SECONDS as i64);

/// How far a rate may be from n·1000/1001 to be meant for it: 23.98 is 23.976.
const NTSC_SLACK: f64 = 0.005;

/// The whole numbers n of the rates n·1000/1001.
const NTSC: [u32; 6] = [24, 30, 48, 60, 120, 240];

/// Units a second, as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rate {
    num: u32,
    den: u32,
}

impl Rate {
    /// What `rate` stands for; `None` where it is no rate.
    pub fn of(rate: f64) -> Option<Self> {
        if !(rate > 0.0 && rate <= MAX_RATE) {
            return None;
        }
        let whole = rate.round();
        if (rate - whole).abs() < 1e-6 && whole >= 1.0 {
            return Some(Self {
                num: whole as u32,
                den: 1,
            });
        }
        let ntsc = NTSC
            .iter()
            .find(|n| (rate - f64::from(**n) / 1.001).abs() < NTSC_SLACK);
        if let Some(n) = ntsc {
            return Some(Self {
                num: n * 1000,
                den: 1001,
            });
        }
        // Thousandths tell all rates apart that anybody uses: 12.5, 14.985.
        let num = (rate * 1000.0).round().max(1.0);
        (num <= f64::from(u32::MAX)).then_some(Self {
            num: num as u32,
            den: 1000,
        })
    }

    /// The rate of an Edit's frames.
    pub const fn of_frames(rate: FrameRate) -> Self {
        Self {
            num: rate.num(),
            den: rate.den(),
        }
    }

    /// How long `value` units last, to the nearest flick.
    pub fn time(self, value: f64) -> Time {
        let unit = FLICKS_PER_SECOND * i64::from(self.den);
        if value.fract() == 0.0 && value.abs() < 9e15 {
            let flicks = value as i128 * i128::from(unit);
            let num = i128::from(self.num);
            let rounded = (2 * flicks + num).div_euclid(2 * num);
            return Time::from_flicks(rounded as i64);
        }
        Time::from_flicks((value * unit as f64 / f64::from(self.num)).round() as i64)
    }

    /// `time` in units: whole where it is a whole number of them.
    pub fn value(self, time: Time) -> f64 {
        let unit = i128::from(FLICKS_PER_SECOND) * i128::from(self.den);
        let scaled = i128::from(time.flicks()) * i128::from(self.num);
        if scaled % unit == 0 {
            return (scaled / unit) as f64;
        }
        scaled as f64 / unit as f64
    }

    /// As OTIO writes it.
    pub fn as_float(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// The number for the `fps` of an Edit that is nearest, and whether it is exact.
    pub fn as_fps(self) -> (f64, bool) {
        let rate = self.as_float();
        let far =
            |known: &(f64, (u32, u32))| (f64::from(known.1.0) / f64::from(known.1.1) - rate).abs();
        let nearest = RATES
            .iter()
            .min_by(|one, other| far(one).total_cmp(&far(other)));
        nearest.map_or((25.0, false), |(fps, (num, den))| {
            (
                *fps,
                u64::from(self.num) * u64::from(*den) == u64::from(self.den) * u64::from(*num),
            )
        })
    }
}

/// The `fps` of an Edit that `rate`, as people write it, is; `None` if it is none.
pub fn rate_named(rate: f64) -> Option<f64> {
    let (fps, is_exact) = Rate::of(rate)?.as_fps();
    is_exact.then_some(fps)
}

/// A stretch of time, and the rate that it was counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: Time,
    pub length: Time,
    pub rate: Option<Rate>,
}

/// Reads a `RationalTime`.
pub(super) fn time(cursor: &Cursor) -> Result<(Time, Option<Rate>), EditError> {
    let object = cursor.object()?;
    let number = |name: &str| {
        let cursor = object.need(name, "a number")?;
        let number = cursor.value.as_f64();
        number.ok_or_else(|| cursor.error("a number"))
    };
    let (value, rate) = (number("value")?, number("rate")?);
    let Some(rate) = Rate::of(rate) else {
        // Nothing is nothing at any rate.
        if value == 0.0 {
            return Ok((Time::ZERO, None));
        }
        let allowed = format!("a number above 0, at most {MAX_RATE}");
        return Err(object.need("rate", &allowed)?.error(allowed));
    };
    if value.abs() / rate.as_float() > MAX_SECONDS {
        let cursor = object.need("value", "a number")?;
        return Err(cursor.error("a time of less than ten years"));
    }
    Ok((rate.time(value), Some(rate)))
}

/// The `TimeRange` called `name`, if it is there.
pub(super) fn span(object: &Object, name: &str) -> Result<Option<Span>, EditError> {
    let Some(cursor) = object.get(name) else {
        return Ok(None);
    };
    let range = cursor.object()?;
    let (start, _) = match range.get("start_time") {
        Some(cursor) => time(&cursor)?,
        None => (Time::ZERO, None),
    };
    let duration = range.need("duration", "a RationalTime")?;
    let (length, rate) = time(&duration)?;
    if length < Time::ZERO {
        return Err(duration.error("a time that is not below 0"));
    }
    Ok(Some(Span {
        start,
        length,
        rate,
    }))
}

/// Writes a `RationalTime`.
pub(super) fn write_time(time: Time, rate: FrameRate) -> Value {
    let rate = Rate::of_frames(rate);
    json!({"OTIO_SCHEMA": "RationalTime.1", "value": rate.value(time), "rate": rate.as_float()})
}

/// Writes a `TimeRange`.
pub(super) fn write_span(start: Time, length: Time, rate: FrameRate) -> Value {
    json!({
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": write_time(start, rate),
        "duration": write_time(length, rate),
    })
}

/// `time` at `speed`: how much of a recording plays in it.
pub(super) fn played(time: Time, speed: f64) -> Time {
    if speed == 1.0 {
        return time;
    }
    bounded((time.flicks() as f64 * speed).round() as i64)
}

/// How long it takes to play `time` of a recording at `speed`, which is above 0.
pub(super) fn takes(time: Time, speed: f64) -> Time {
    if speed == 1.0 {
        return time;
    }
    bounded((time.flicks() as f64 / speed).round() as i64)
}

/// A time that sums of a few cannot overflow; what is beyond is nowhere in a video.
pub(super) fn bounded(flicks: i64) -> Time {
    let most = 3 * MAX_TIME.flicks();
    Time::from_flicks(flicks.clamp(-most, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_the_fractions_they_stand_for() {
        for (written, expected) in [
            (24.0, Some((24, 1))),
            (23.976_023_976_023_98, Some((24_000, 1001))),
            (23.976, Some((24_000, 1001))),
            (23.98, Some((24_000, 1001))),
            (29.97, Some((30_000, 1001))),
            (59.94, Some((60_000, 1001))),
            (12.5, Some((12_500, 1000))),
            (48_000.0, Some((48_000, 1))),
            (0.0, None),
            (-25.0, None),
            (f64::NAN, None),
            (1e12, None),
        ] {
            let rate = Rate::of(written).map(|rate| (rate.num, rate.den));
            assert_eq!(rate, expected, "{written}");
        }
    }

    #[test]
    fn times_go_out_and_come_back_the_same() {
        for rate in [(25, 1), (30_000, 1001), (24_000, 1001), (60, 1)] {
            let rate = FrameRate::new(rate.0, rate.1).expect("supported");
            for flicks in [
                0,
                1,
                705_600_000,
                352_799_999,
                10_160_640_000_001,
                -29_429_400,
            ] {
                let written = write_time(Time::from_flicks(flicks), rate);
                let (read, _) = time(&Cursor::root(&written)).expect("reads");
                assert_eq!(read.flicks(), flicks, "{rate}");
            }
        }
    }

    #[test]
    fn a_frame_of_an_ntsc_rate_is_exact() {
        let written = json!({"value": 1001.0, "rate": 23.976_023_976_023_98});
        let (read, _) = time(&Cursor::root(&written)).expect("reads");
        assert_eq!(
            read,
            FrameRate::new(24_000, 1001)
                .expect("supported")
                .frame_start(1001)
        );
    }

    #[test]
    fn what_is_no_time_is_refused_by_name() {
        for (written, part) in [
            (json!({"value": 1.0, "rate": 0.0}), "/rate: 0.0"),
            (json!({"value": "1", "rate": 25}), "/value: \"1\""),
            (json!({"value": 1e30, "rate": 25}), "/value: 1e+30"),
            (json!({"rate": 25}), "/value: nothing"),
            (json!(5), "expected an object"),
        ] {
            let error = time(&Cursor::root(&written)).expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_rate_that_edits_have_is_exact_and_any_other_the_nearest() {
        for (rate, expected) in [
            (23.98, (23.976, true)),
            (29.97, (29.97, true)),
            (120.0, (60.0, false)),
            (16.0, (15.0, false)),
        ] {
            assert_eq!(Rate::of(rate).expect("a rate").as_fps(), expected);
        }
    }
}
