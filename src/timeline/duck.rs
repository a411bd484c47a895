//! Ducking: a sound goes down while others are heard.
//!
//! It goes by when the clips of the others are on, not by how loud they happen to
//! be: so it is known without listening, and the same for every recipient whose
//! clips are on at the same times.

use crate::time::Time;
use crate::timeline::Voice;

/// How far and how fast a voice goes down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Duck {
    /// The gain while others are heard, 0 to 1.
    pub gain: f64,
    /// How long it takes to go down; it is down when the other begins.
    pub attack: Time,
    /// How long it takes to come up again, from the end of the other.
    pub release: Time,
    /// Which others.
    pub under: Under,
}

/// What a voice goes down under. Never under one that goes down itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// All others.
    Others,
    /// Those that are speech.
    Speech,
}

/// A stretch of time in which a voice is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Down {
    /// When it is down.
    pub from: Time,
    /// When it begins to come up again.
    pub until: Time,
    /// Whether one of those it is down under depends on the recipient.
    pub dynamic: bool,
}

impl Duck {
    /// When a voice is down that goes down like this among `voices`: in rising order,
    /// and so far apart that it comes up fully in between. It does not come up for less.
    pub fn downs(&self, voices: &[Voice]) -> Vec<Down> {
        let counts =
            |voice: &&Voice| voice.duck.is_none() && (self.under == Under::Others || voice.speech);
        let mut downs: Vec<Down> = voices
            .iter()
            .filter(counts)
            .map(|voice| Down {
                from: voice.start,
                until: voice.start + voice.length,
                dynamic: voice.dynamic,
            })
            .collect();
        downs.sort_by_key(|down| (down.from, down.until));
        let least_gap = self.attack + self.release;
        downs.dedup_by(|next, last| {
            let joins = next.from - last.until <= least_gap;
            if joins {
                last.until = last.until.max(next.until);
                last.dynamic |= next.dynamic;
            }
            joins
        });
        downs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::timeline::Speed;
    use crate::timeline::curve::Curve;

    fn voice(start: i64, length: i64) -> Voice {
        Voice {
            label: String::new(),
            asset: Digest::of(b"voice"),
            start: Time::from_seconds(start),
            length: Time::from_seconds(length),
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

    #[test]
    fn a_voice_goes_down_under_others_and_stays_down_over_short_pauses() {
        let duck = Duck {
            gain: 0.25,
            attack: Time::from_millis(500),
            release: Time::from_millis(1500),
            under: Under::Others,
        };
        let speech = Voice {
            speech: true,
            dynamic: true,
            ..voice(20, 2)
        };
        let music = Voice {
            duck: Some(duck),
            ..voice(0, 60)
        };
        let voices = [music, voice(7, 1), speech, voice(1, 4), voice(2, 1)];
        let spans = |duck: Duck| -> Vec<(Time, Time, bool)> {
            duck.downs(&voices)
                .iter()
                .map(|down| (down.from, down.until, down.dynamic))
                .collect()
        };
        let seconds = Time::from_seconds;
        assert_eq!(
            spans(duck),
            [
                (seconds(1), seconds(8), false),
                (seconds(20), seconds(22), true)
            ]
        );
        let quick = Duck {
            release: seconds(1),
            ..duck
        };
        assert_eq!(spans(quick).len(), 3);
        let under = Under::Speech;
        assert_eq!(
            spans(Duck { under, ..duck }),
            [(seconds(20), seconds(22), true)]
        );
    }
}
