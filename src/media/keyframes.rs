//! Where a file's key frames are, and so whether seeking saves decoding.

use std::num::NonZeroU32;
use std::path::Path;

use ffmpeg_next as ffmpeg;

use crate::time::Time;

/// How far into a file its key frames are looked up; beyond, they are taken to
/// be as far apart as they were.
const KNOWN_LENGTH: Time = Time::from_seconds(600);

/// The most bytes that are read to find them.
const MAX_BYTES: usize = 256 << 20;

/// What a seek has to save at the least: flushing a pipeline and starting it
/// again costs as much as some frames.
const WORTH: Time = Time::from_millis(200);

/// The distance of key frames where a file does not tell.
const DEFAULT_GOP: Time = Time::from_seconds(10);

/// The key frames of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFrames {
    /// Their times, rising.
    times: Vec<Time>,
    /// Up to where all are known.
    known_until: Time,
    /// The longest distance between two.
    longest: Time,
}

impl KeyFrames {
    /// Looks them up, without decoding. A file that cannot be read has none.
    pub fn of(path: &Path) -> Self {
        Self::read(path).unwrap_or(Self {
            times: Vec::new(),
            known_until: Time::ZERO,
            longest: DEFAULT_GOP,
        })
    }

    fn read(path: &Path) -> Option<Self> {
        crate::media::init().ok()?;
        let mut input = crate::media::input::open(path).ok()?;
        let pictures = input.streams().best(ffmpeg::media::Type::Video)?;
        let (index, base) = (pictures.index(), pictures.time_base());
        let timescale = NonZeroU32::new(u32::try_from(base.denominator()).ok()?)?;
        let mut times = Vec::new();
        let mut known_until = Time::ZERO;
        let mut bytes = 0;
        for (stream, packet) in input.packets() {
            bytes += packet.size();
            if known_until > KNOWN_LENGTH || bytes > MAX_BYTES {
                return Some(Self::new(times, known_until));
            }
            if stream.index() == index {
                let ticks = packet
                    .pts()
                    .or(packet.dts())?
                    .checked_mul(i64::from(base.numerator()))?;
                let time = Time::from_ticks(ticks, timescale);
                known_until = known_until.max(time);
                if packet.is_key() {
                    times.push(time);
                }
            }
        }
        Some(Self::new(times, Time::from_flicks(i64::MAX)))
    }

    fn new(mut times: Vec<Time>, known_until: Time) -> Self {
        times.sort();
        let longest = times
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap_or(DEFAULT_GOP);
        Self {
            times,
            known_until,
            longest,
        }
    }

    /// Whether a decoder that has reached `from` gets to `to` sooner by seeking.
    pub fn worth_seeking(&self, from: Time, to: Time) -> bool {
        if to > self.known_until {
            // Somewhere in the last GOP there is a key frame for sure.
            return to - from > self.longest + WORTH;
        }
        let at_or_before = self.times.partition_point(|key| *key <= to);
        let landing = at_or_before
            .checked_sub(1)
            .and_then(|place| self.times.get(place));
        landing.is_some_and(|key| *key - from >= WORTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(ms: i64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn a_seek_is_worth_it_when_a_key_frame_lies_well_ahead() {
        let keys = KeyFrames::new(vec![millis(0), millis(2000), millis(4000)], millis(5000));
        for (from, to, expected) in [
            (0, 1900, false),
            (0, 2000, true),
            (1500, 2500, true),
            (1900, 2500, false),
            (2000, 3900, false),
            (500, 4900, true),
            // Beyond what is known only the distance counts.
            (5000, 7000, false),
            (5000, 7300, true),
        ] {
            assert_eq!(
                keys.worth_seeking(millis(from), millis(to)),
                expected,
                "{from} to {to}"
            );
        }
    }
}
