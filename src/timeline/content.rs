//! What a clip shows.

use crate::digest::Digest;
use crate::time::Time;

/// What a clip shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A moving picture.
    Footage(Footage),
    /// A still picture.
    Still {
        /// Its bytes.
        asset: Digest,
        /// Its size in pixels.
        size: (u32, u32),
        /// Whether no pixel of it is transparent.
        opaque: bool,
    },
    /// A picture that is drawn here: text, a card, a shape, an animation.
    Drawn(Drawing),
}

impl Content {
    /// Width and height in pixels.
    pub const fn size(&self) -> (u32, u32) {
        match self {
            Self::Footage(Footage { size, .. }) | Self::Still { size, .. } => *size,
            Self::Drawn(drawing) => drawing.art.size(),
        }
    }

    /// Whether no pixel of it is ever transparent.
    pub const fn is_opaque(&self) -> bool {
        match self {
            Self::Footage(Footage { opaque, .. }) | Self::Still { opaque, .. } => *opaque,
            Self::Drawn(_) => false,
        }
    }
}

/// A moving picture, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footage {
    /// Its bytes.
    pub asset: Digest,
    /// Its size in pixels.
    pub size: (u32, u32),
    /// Where in it the clip begins.
    pub trim: Time,
    /// How fast it is played.
    pub speed: Speed,
    /// Whether no pixel of it is transparent.
    pub opaque: bool,
}

/// How fast something is played: a factor in 1/10 000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Speed(u32);

impl Speed {
    /// As it was recorded.
    pub const NORMAL: Self = Self(Self::UNIT);

    /// It stands still.
    pub const FROZEN: Self = Self(0);

    /// What a speed may be.
    pub const RANGE: std::ops::RangeInclusive<f64> = 0.0..=10.0;

    const UNIT: u32 = 10_000;

    /// The nearest to `factor`, which is brought into [`RANGE`](Self::RANGE).
    /// Only 0 itself is frozen.
    pub fn new(factor: f64) -> Self {
        let factor = factor.clamp(*Self::RANGE.start(), *Self::RANGE.end());
        let nearest = (factor * f64::from(Self::UNIT)).round() as u32;
        Self(nearest.max(u32::from(factor > 0.0)))
    }

    /// The factor in 1/10 000.
    pub const fn ten_thousandths(self) -> u32 {
        self.0
    }

    /// How much of the recording is played in `time`.
    pub const fn played(self, time: Time) -> Time {
        let flicks = time.flicks() as i128 * self.0 as i128 / Self::UNIT as i128;
        Time::from_flicks(flicks as i64)
    }

    /// How long `recording` takes to play; `None` if it never ends.
    pub const fn takes(self, recording: Time) -> Option<Time> {
        if self.0 == 0 {
            return None;
        }
        let flicks = recording.flicks() as i128 * Self::UNIT as i128 / self.0 as i128;
        Some(Time::from_flicks(flicks as i64))
    }
}

/// A picture that is drawn here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// What is drawn.
    pub art: Art,
    /// How long it changes, from the clip's start on; zero for a still, and
    /// [`FOREVER`](Self::FOREVER) for what begins anew again and again.
    pub settles: Time,
}

impl Drawing {
    /// Longer than any clip: not the clip's length, so that clips of all lengths
    /// have the chunks of what repeats in common.
    pub const FOREVER: Time = Time::from_seconds(1_000_000);

    /// One that never changes.
    pub const fn still(art: Art) -> Self {
        Self {
            art,
            settles: Time::ZERO,
        }
    }
}

/// What is drawn, in which language, with all that decides how it looks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Art {
    /// HTML and CSS.
    Markup(Markup),
    /// Shapes.
    Svg(Svg),
    /// An animation of shapes.
    Lottie(Lottie),
}

impl Art {
    /// Width and height of its box in pixels.
    pub const fn size(&self) -> (u32, u32) {
        match self {
            Self::Markup(markup) => (markup.width, markup.height),
            Self::Svg(svg) => (svg.width, svg.height),
            Self::Lottie(lottie) => (lottie.width, lottie.height),
        }
    }

    /// The earliest time of its own at which it looks as at `local`, and goes on as
    /// it does from there.
    pub fn same_as(&self, local: Time) -> Time {
        match self {
            Self::Lottie(lottie) => lottie.same_as(local),
            Self::Markup(_) | Self::Svg(_) => local,
        }
    }

    /// Bytes of its description in memory, about.
    pub fn bytes(&self) -> usize {
        let text = match self {
            Self::Markup(markup) => markup.html.len() + markup.css.len(),
            Self::Svg(svg) => svg.markup.len(),
            Self::Lottie(_) => 0,
        };
        text + size_of::<Self>()
    }
}

/// SVG of known elements only, drawn to fill its box.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Svg {
    /// The document, checked and in its normal form.
    pub markup: String,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
}

/// A Lottie animation, drawn to fill its box.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lottie {
    /// The bytes of its file.
    pub asset: Digest,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// How fast it is played.
    pub speed: Speed,
    /// How long a turn takes at that speed, if it begins anew at its end.
    pub cycle: Option<Time>,
}

impl Lottie {
    /// The time of its own in the first turn that looks as `local`.
    pub fn same_as(&self, local: Time) -> Time {
        match self.cycle {
            Some(cycle) if cycle > Time::ZERO => {
                Time::from_flicks(local.flicks().rem_euclid(cycle.flicks()))
            }
            _ => local,
        }
    }
}

/// HTML and CSS with all that decides how they look. CSS animations run by the
/// clip's own time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Markup {
    /// The elements.
    pub html: String,
    /// Their style.
    pub css: String,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// The faces that take part, in the order of preference.
    pub fonts: Vec<FontUse>,
}

/// A font face that takes part in a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FontUse {
    /// The digest of the face's bytes.
    pub face: Digest,
    /// The family by which the markup calls it.
    pub family: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_says_how_much_is_played_and_how_long_it_takes() {
        let seconds = Time::from_seconds;
        for (factor, played, takes) in [
            (1.0, seconds(6), Some(seconds(6))),
            (2.0, seconds(12), Some(seconds(3))),
            (0.5, seconds(3), Some(seconds(12))),
            (0.0, Time::ZERO, None),
        ] {
            let speed = Speed::new(factor);
            assert_eq!(speed.played(seconds(6)), played, "{factor}");
            assert_eq!(speed.takes(seconds(6)), takes, "{factor}");
        }
        assert_ne!(Speed::new(1e-9), Speed::FROZEN);
    }

    #[test]
    fn each_turn_of_what_repeats_is_the_same_as_the_first() {
        let lottie = |cycle| {
            Art::Lottie(Lottie {
                asset: Digest::of(b"x"),
                width: 1,
                height: 1,
                speed: Speed::NORMAL,
                cycle,
            })
        };
        let seconds = Time::from_seconds;
        for (cycle, local, expected) in [
            (Some(seconds(2)), seconds(5), seconds(1)),
            (Some(seconds(2)), seconds(4), Time::ZERO),
            (Some(Time::ZERO), seconds(4), seconds(4)),
            (None, seconds(5), seconds(5)),
        ] {
            assert_eq!(lottie(cycle).same_as(local), expected, "{cycle:?}");
        }
    }
}
