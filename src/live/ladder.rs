//! Ladders: the smaller sizes in which a stream is offered beside its own.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::live::frame::LiveTrack;

/// The most rungs of a ladder.
pub const MAX_RUNGS: usize = LiveTrack::RUNGS.len();

/// The shorter side of a rung, in pixels.
pub const HEIGHTS: std::ops::RangeInclusive<u32> = 64..=2160;

/// Kilobits a second of a rung.
pub const KILOBITS: std::ops::RangeInclusive<u32> = 50..=50_000;

/// One size that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Its shorter side, in pixels.
    pub height: u32,
    /// Its pictures' bit rate, in kilobits a second.
    pub kilobits: u32,
}

/// The sizes that are wanted, the largest first; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder(Vec<Rung>);

/// Why a ladder is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LadderError {
    /// A rung that cannot be read.
    #[error("{found:?} is no rung: expected HEIGHTp:KILOBITSk, as 720p:2500k")]
    Rung {
        /// What was given, cut short.
        found: String,
    },
    /// A number out of its range.
    #[error("the {field} of a rung is {found}: expected {low} to {high}")]
    Range {
        /// Which.
        field: &'static str,
        /// What was given.
        found: u32,
        /// The lowest.
        low: u32,
        /// The highest.
        high: u32,
    },
    /// Too many, or none.
    #[error("{0} rungs are given: expected 1 to {MAX_RUNGS}")]
    Count(usize),
    /// Not one below the other.
    #[error("{0}p comes twice, or behind a smaller one: expected the largest first")]
    Order(u32),
}

/// One size that is made of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RungSize {
    /// The track that it is.
    pub track: LiveTrack,
    /// In pixels; even.
    pub width: u32,
    /// In pixels; even.
    pub height: u32,
    /// Kilobits a second.
    pub kilobits: u32,
}

impl Ladder {
    /// Whether nothing is wanted.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is made of pictures of a size: none larger than they are. Each rung is the
    /// same track whatever the source.
    pub fn sizes(&self, width: u32, height: u32) -> Vec<RungSize> {
        let shorter = width.min(height).max(1);
        let rungs = self.0.iter().zip(LiveTrack::RUNGS);
        let fitting = rungs.filter(|(rung, _)| rung.height <= shorter);
        // 4:2:0 in pairs.
        let side = |side: u32, rung: &Rung| {
            let scaled = u64::from(side) * u64::from(rung.height) / u64::from(shorter);
            u32::try_from(scaled + 1).unwrap_or(u32::MAX) & !1
        };
        fitting
            .map(|(rung, track)| RungSize {
                track,
                width: side(width, rung).max(2),
                height: side(height, rung).max(2),
                kilobits: rung.kilobits,
            })
            .collect()
    }
}

impl FromStr for Ladder {
    type Err = LadderError;

    fn from_str(text: &str) -> Result<Self, LadderError> {
        let rungs: Vec<_> = text.split(',').map(rung).collect::<Result<_, _>>()?;
        if rungs.len() > MAX_RUNGS {
            return Err(LadderError::Count(rungs.len()));
        }
        let wrong = rungs.windows(2).find(|two| two[0].height <= two[1].height);
        match wrong {
            Some(two) => Err(LadderError::Order(two[1].height)),
            None => Ok(Self(rungs)),
        }
    }
}

fn rung(text: &str) -> Result<Rung, LadderError> {
    let unknown = || LadderError::Rung {
        found: text.chars().take(32).collect(),
    };
    let read = || {
        let (height, kilobits) = text.trim().split_once(':')?;
        let height = height.strip_suffix('p')?.parse().ok()?;
        Some((height, kilobits.strip_suffix('k')?.parse().ok()?))
    };
    let (height, kilobits) = read().ok_or_else(unknown)?;
    for (field, found, range) in [
        ("height", height, HEIGHTS),
        ("bit rate", kilobits, KILOBITS),
    ] {
        if !range.contains(&found) {
            return Err(LadderError::Range {
                field,
                found,
                low: *range.start(),
                high: *range.end(),
            });
        }
    }
    Ok(Rung { height, kilobits })
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Rung { height, kilobits }) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{height}p:{kilobits}k")?;
        }
        Ok(())
    }
}

/// A ladder is behind when this much of its source waits for it, in milliseconds.
const BEHIND_MS: i64 = 1_000;

/// And has caught up when no more waits than this.
const CAUGHT_UP_MS: i64 = 250;

/// How many rungs are left out, the largest first, on a machine that is too slow for all
/// of them. It changes where segments begin, and nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shedding {
    left_out: usize,
}

impl Shedding {
    /// A segment begins while so much of the source waits. How many of `rungs` are left
    /// out of it.
    pub fn at_segment(&mut self, waiting_ms: i64, rungs: usize) -> usize {
        if waiting_ms >= BEHIND_MS {
            self.left_out += 1;
        } else if waiting_ms <= CAUGHT_UP_MS {
            self.left_out = self.left_out.saturating_sub(1);
        }
        self.left_out = self.left_out.min(rungs);
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(text: &str) -> Ladder {
        text.parse().expect("a ladder")
    }

    #[test]
    fn a_ladder_is_read_as_it_is_written_and_what_is_none_is_named() {
        for text in ["720p:2500k,360p:800k", "1080p:6000k", "64p:50k"] {
            assert_eq!(ladder(text).to_string(), text);
        }
        for (text, said) in [
            ("", "\"\" is no rung"),
            ("720:2500k", "is no rung"),
            ("720p", "is no rung"),
            ("720p:2500", "is no rung"),
            ("-720p:1k", "is no rung"),
            ("32p:100k", "height of a rung is 32: expected 64 to 2160"),
            ("360p:10k", "bit rate of a rung is 10: expected 50 to 50000"),
            ("360p:800k,720p:2500k", "720p comes twice"),
            ("360p:800k,360p:80k", "360p comes twice"),
            ("6p:1k,5p:1k", "height"),
            (
                "720p:900k,600p:800k,500p:700k,400p:600k,300p:500k",
                "5 rungs are given: expected 1 to 4",
            ),
        ] {
            let error = text.parse::<Ladder>().expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn no_rung_is_larger_than_its_source_and_sides_are_even() {
        let ladder = ladder("1080p:5000k,720p:2500k,360p:800k");
        let sizes = |width, height| {
            let sizes = ladder.sizes(width, height).into_iter();
            sizes
                .map(|size| (size.track, size.width, size.height))
                .collect::<Vec<_>>()
        };
        let [first, second, third, _] = LiveTrack::RUNGS;
        assert_eq!(
            sizes(1280, 720),
            [(second, 1280, 720), (third, 640, 360)],
            "a rung is the same track whatever the source"
        );
        // Upright, and a width that is no whole number.
        assert_eq!(sizes(720, 1280)[1], (third, 360, 640));
        assert_eq!(sizes(1366, 768)[1], (third, 640, 360));
        assert_eq!(sizes(1920, 1080)[0], (first, 1920, 1080));
        assert_eq!(sizes(640, 358), []);
        assert!(Ladder::default().sizes(1920, 1080).is_empty());
    }

    #[test]
    fn what_is_behind_leaves_out_one_rung_more_and_takes_it_back_when_it_has_caught_up() {
        let mut shedding = Shedding::default();
        let left_out = [0, 1200, 2000, 5000, 600, 600, 200, 0, 0]
            .map(|waiting_ms| shedding.at_segment(waiting_ms, 2));
        assert_eq!(left_out, [0, 1, 2, 2, 2, 2, 1, 0, 0]);
    }
}
