//! How loud a voice is: volume, fades and ducking made one line.
//!
//! Counted in samples from the voice's own start, so that it is the same whatever
//! chunk a sample is heard in. A chunk gets the corners of the lines that it hears
//! whole, even where they begin or end outside of it: a line cut off would be another
//! one by a rounding.

use crate::chunk::spec::{GainPoint, UNITY_GAIN};
use crate::profile::AudioProfile;
use crate::time::Time;
use crate::timeline::Voice;
use crate::timeline::duck::{Down, Duck};

/// How far a line may be from the product of two that it stands for.
const TOLERANCE: f64 = 1.0 / 4096.0;

/// The gain of one voice, all of it.
pub(super) struct Envelope {
    /// In rising order, at least one; constant before the first and after the last.
    points: Vec<GainPoint>,
}

impl Envelope {
    /// The gain of `voice`, which begins at sample `first` of the timeline and lasts
    /// `length` samples, and is down at `downs`.
    pub fn new(
        voice: &Voice,
        profile: &AudioProfile,
        (first, length): (i64, i64),
        downs: &[Down],
    ) -> Self {
        let volume = voice.volume.line();
        let volume = volume
            .into_iter()
            .map(|(time, value)| (profile.sample_at(time), value.clamp(0.0, 1.0)));
        let mut line = Line::new(volume);
        let samples = |time| profile.sample_at(time);
        if let Some(fades) = fades(samples(voice.fade_in), samples(voice.fade_out), length) {
            line = line.times(&fades);
        }
        if let Some(duck) = &voice.duck
            && let Some(ducked) = ducked(duck, downs, (first, length), samples)
        {
            line = line.times(&ducked);
        }
        Self {
            points: line.points(),
        }
    }

    /// What of it is heard in the voice's samples `start..end`, in its one normal form:
    /// no corner before the last at which the gain begins to change, none after the
    /// first at which it ends to. A constant gain has its corner at `start`.
    pub fn within(&self, start: i64, end: i64) -> Vec<GainPoint> {
        let first = self.points.partition_point(|point| point.at <= start);
        let last = self.points.partition_point(|point| point.at < end - 1);
        let last = (last + 1).min(self.points.len());
        let mut points = &self.points[first.saturating_sub(1).min(last - 1)..last];
        while let [one, other, ..] = points
            && one.gain == other.gain
        {
            points = &points[1..];
        }
        while let [.., one, other] = points
            && one.gain == other.gain
        {
            points = &points[..points.len() - 1];
        }
        match points {
            [only] => vec![GainPoint { at: start, ..*only }],
            points => points.to_vec(),
        }
    }
}

/// Fades up over `up` samples and down over `down`, which share `length` where it is
/// too short for both; `None` where there are none.
fn fades(up: i64, down: i64, length: i64) -> Option<Line> {
    let both = up + down;
    if both == 0 {
        return None;
    }
    let room = length.min(both);
    let (up, down) = (up * room / both, down * room / both);
    let rise = (up > 0).then_some([(0, 0.0), (up, 1.0)]);
    let fall = (down > 0).then_some([(length - down, 1.0), (length, 0.0)]);
    let corners = rise.into_iter().chain(fall).flatten();
    Some(Line::new(corners))
}

/// Down at `downs`, as far as they fall into the voice; `None` where none does.
fn ducked(
    duck: &Duck,
    downs: &[Down],
    (first, length): (i64, i64),
    samples: impl Fn(Time) -> i64,
) -> Option<Line> {
    let (attack, release) = (samples(duck.attack), samples(duck.release));
    let over = |down: &Down| samples(down.until) + release <= first;
    let ahead = |down: &Down| samples(down.from) - attack >= first + length;
    let begin = downs.partition_point(over);
    let end = downs.partition_point(|down| !ahead(down));
    let downs = downs.get(begin..end).filter(|downs| !downs.is_empty())?;
    let corners = downs.iter().flat_map(|down| {
        let (from, until) = (samples(down.from) - first, samples(down.until) - first);
        [
            (from - attack, 1.0),
            (from, duck.gain),
            (until, duck.gain),
            (until + release, 1.0),
        ]
    });
    Some(Line::new(corners))
}

/// A value over samples: corners joined by straight lines, constant before the first
/// and after the last. Strictly rising, at least one.
struct Line(Vec<(i64, f64)>);

impl Line {
    /// Through these corners, in order; where two are at one sample, it jumps there.
    fn new(corners: impl IntoIterator<Item = (i64, f64)>) -> Self {
        let mut line: Vec<(i64, f64)> = Vec::new();
        for (at, value) in corners {
            match line[..] {
                [.., (last, before)] if at <= last && value == before => {}
                [.., (last, before)] if at <= last => {
                    let edge = match line[..line.len() - 1] {
                        [.., (from, _)] if from >= last - 1 => None,
                        [.., (from, old)] => {
                            let share = (last - 1 - from) as f64 / (last - from) as f64;
                            Some(old + (before - old) * share)
                        }
                        [] => Some(before),
                    };
                    line.pop();
                    line.extend(edge.map(|value| (last - 1, value)));
                    line.push((last, value));
                }
                _ => line.push((at, value)),
            }
        }
        if line.is_empty() {
            line.push((0, 1.0));
        }
        Self(line)
    }

    fn at(&self, at: i64) -> f64 {
        let next = self.0.partition_point(|(corner, _)| *corner <= at);
        match (&self.0[..next], &self.0[next..]) {
            ([.., (from, a)], [(to, b), ..]) => {
                a + (b - a) * ((at - from) as f64 / (to - from) as f64)
            }
            ([.., (_, value)], []) | ([], [(_, value), ..]) => *value,
            ([], []) => 1.0,
        }
    }

    /// The product of both. Where both change, it bends: as many lines as it takes.
    fn times(&self, other: &Self) -> Self {
        let mut corners: Vec<i64> = self.0.iter().chain(&other.0).map(|(at, _)| *at).collect();
        corners.sort_unstable();
        corners.dedup();
        let mut ats: Vec<i64> = corners.first().copied().into_iter().collect();
        for pair in corners.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let bend = (self.at(to) - self.at(from)) * (other.at(to) - other.at(from));
            let pieces = (bend.abs() / 4.0 / TOLERANCE).sqrt().ceil() as i64;
            let pieces = pieces.clamp(1, to - from);
            ats.extend((1..=pieces).map(|piece| from + (to - from) * piece / pieces));
        }
        Self(
            ats.into_iter()
                .map(|at| (at, self.at(at) * other.at(at)))
                .collect(),
        )
    }

    /// Rounded, and without corners that are none.
    fn points(&self) -> Vec<GainPoint> {
        let mut points: Vec<GainPoint> = Vec::with_capacity(self.0.len());
        for (at, value) in &self.0 {
            let gain = (value * f64::from(UNITY_GAIN)).round() as i32;
            if let [.., one, other] = points[..]
                && one.gain == gain
                && other.gain == gain
            {
                points.pop();
            }
            points.push(GainPoint { at: *at, gain });
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::timeline::Speed;
    use crate::timeline::curve::{Curve, Easing, Tween};
    use crate::timeline::duck::Under;

    const SECOND: i64 = 48_000;

    fn voice() -> Voice {
        Voice {
            label: String::new(),
            asset: Digest::of(b"voice"),
            start: Time::ZERO,
            length: Time::from_seconds(10),
            trim: Time::ZERO,
            speed: Speed::NORMAL,
            volume: Curve::constant(1.0),
            fade_in: Time::ZERO,
            fade_out: Time::ZERO,
            speech: false,
            duck: None,
            dynamic: false,
        }
    }

    fn tween(from: f64, to: f64, start: i64, length: i64, easing: Easing) -> Tween {
        Tween {
            from,
            to,
            start: Time::from_millis(start),
            length: Time::from_millis(length),
            easing,
        }
    }

    fn envelope(voice: &Voice, downs: &[Down]) -> Envelope {
        Envelope::new(voice, &AudioProfile::default(), (0, 10 * SECOND), downs)
    }

    fn points(voice: &Voice, start: i64, end: i64) -> Vec<(i64, i32)> {
        let points = envelope(voice, &[]).within(start, end);
        points.iter().map(|point| (point.at, point.gain)).collect()
    }

    #[test]
    fn corners_are_where_volume_fades_and_jumps_say() {
        let half = UNITY_GAIN / 2;
        let volume = |tweens| Voice {
            volume: Curve::new(1.0, tweens),
            ..voice()
        };
        let quiet = Voice {
            volume: Curve::constant(0.5),
            ..voice()
        };
        let faded = Voice {
            fade_in: Time::from_seconds(1),
            fade_out: Time::from_seconds(2),
            ..voice()
        };
        let whole = (0, 10 * SECOND);
        for (what, voice, (start, end), expected) in [
            ("constant", voice(), whole, vec![(0, UNITY_GAIN)]),
            ("quiet", quiet, (5, 9), vec![(5, half)]),
            (
                "both fades",
                faded.clone(),
                whole,
                vec![
                    (0, 0),
                    (SECOND, UNITY_GAIN),
                    (8 * SECOND, UNITY_GAIN),
                    (10 * SECOND, 0),
                ],
            ),
            (
                "after a fade",
                faded.clone(),
                (SECOND, 8 * SECOND),
                vec![(SECOND, UNITY_GAIN)],
            ),
            (
                "within a fade",
                faded,
                (9 * SECOND, 9 * SECOND + 5),
                vec![(8 * SECOND, UNITY_GAIN), (10 * SECOND, 0)],
            ),
            (
                "a tween",
                volume(vec![tween(1.0, 0.5, 1000, 500, Easing::Linear)]),
                whole,
                vec![(SECOND, UNITY_GAIN), (SECOND * 3 / 2, half)],
            ),
            (
                "a jump",
                volume(vec![tween(1.0, 0.5, 1000, 1000, Easing::Hold)]),
                whole,
                vec![(2 * SECOND - 1, UNITY_GAIN), (2 * SECOND, half)],
            ),
            (
                "a tween cut short by a jump",
                volume(vec![
                    tween(0.0, 1.0, 1000, 2000, Easing::Linear),
                    tween(0.5, 0.5, 2000, 0, Easing::Linear),
                ]),
                whole,
                // The jump is of nothing.
                vec![(SECOND, 0), (2 * SECOND, half)],
            ),
        ] {
            assert_eq!(points(&voice, start, end), expected, "{what}");
        }
    }

    #[test]
    fn products_of_all_factors_are_exact_to_a_thousandth() {
        let duck = Duck {
            gain: 0.25,
            attack: Time::from_millis(300),
            release: Time::from_millis(1200),
            under: Under::Others,
        };
        let voice = Voice {
            fade_in: Time::from_seconds(2),
            fade_out: Time::from_seconds(3),
            volume: Curve::new(
                1.0,
                vec![
                    tween(0.1, 1.0, 500, 4000, Easing::NAMED[6].1),
                    tween(0.9, 0.3, 4000, 5500, Easing::NAMED[20].1),
                ],
            ),
            duck: Some(duck),
            ..voice()
        };
        let down = |from, until| Down {
            from: Time::from_millis(from),
            until: Time::from_millis(until),
            dynamic: false,
        };
        let downs = [down(-500, 900), down(2800, 3900), down(8500, 20_000)];
        let points = envelope(&voice, &downs).within(0, 10 * SECOND);
        assert!(points.len() < 500, "{}", points.len());
        let line = Line(
            points
                .iter()
                .map(|point| (point.at, f64::from(point.gain) / f64::from(UNITY_GAIN)))
                .collect(),
        );
        let ramp = |x: f64| x.clamp(0.0, 1.0);
        for sample in (0..10 * SECOND).step_by(37) {
            let seconds = sample as f64 / SECOND as f64;
            let volume = voice.volume.at(Time::from_ticks(
                sample,
                AudioProfile::default().sample_rate,
            ));
            let fade = ramp(seconds / 2.0).min(ramp((10.0 - seconds) / 3.0));
            let duck = downs.iter().fold(1.0, |gain: f64, down| {
                let before = (down.from.as_seconds() - seconds) / 0.3;
                let after = (seconds - down.until.as_seconds()) / 1.2;
                gain.min(0.25 + 0.75 * ramp(before.max(after)))
            });
            let error = (line.at(sample) - volume * fade * duck).abs();
            // A line's corner is at a whole sample, where a curve is steep.
            assert!(error < 1e-3, "at {seconds}: {error}");
        }
    }

    #[test]
    fn a_chunk_hears_the_same_gain_wherever_it_is_cut() {
        let voice = Voice {
            fade_out: Time::from_seconds(1),
            volume: Curve::new(1.0, vec![tween(0.0, 1.0, 1000, 7000, Easing::NAMED[3].1)]),
            ..voice()
        };
        let envelope = envelope(&voice, &[]);
        let lines = |points: Vec<GainPoint>| {
            Line(points.iter().map(|p| (p.at, f64::from(p.gain))).collect())
        };
        let whole = lines(envelope.within(0, 10 * SECOND));
        for start in (0..10 * SECOND).step_by(30_011) {
            let end = (start + 20_000).min(10 * SECOND);
            let piece = lines(envelope.within(start, end));
            for sample in [start, start + 1, start + 777, (start + end) / 2, end - 1] {
                assert_eq!(piece.at(sample), whole.at(sample), "{start}: {sample}");
            }
        }
        // What is heard once all has settled has no corner from before.
        assert_eq!(envelope.within(8 * SECOND + 5, 9 * SECOND).len(), 1);
        assert_eq!(envelope.within(0, 1).len(), 1);
    }
}
