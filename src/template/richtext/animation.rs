//! How a text comes into sight: the `animation` of the text assets.

use serde_json::Value;

use super::field::{FieldError, choice, number};
use super::wire::AnimationWire;
use crate::time::Time;

/// What a duration may be, in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = 0.1..=30.0;
/// The duration of an animation that gives none, in seconds.
const DEFAULT_SECONDS: f64 = 1.0;
/// The same for the typewriter, whose letters want to be read.
const TYPING_SECONDS: f64 = 2.0;

/// How a text comes into sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Animation {
    /// In which manner.
    pub preset: Preset,
    /// How long until all of it stands still.
    pub duration: Time,
    /// What comes one after another, where anything does.
    pub by: By,
    /// Which way it moves, where it does.
    pub direction: Direction,
}

/// A manner of coming into sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// The whole text fades in.
    FadeIn,
    /// The whole text comes in from beyond its box.
    SlideIn,
    /// One letter or word after the other is there.
    Typewriter,
    /// One word after the other rises (or sinks) by a line while it fades in.
    Ascend,
    /// One letter or word after the other moves a little while it fades in.
    Shift,
    /// One letter after the other moves in from afar and swings past its place.
    MovingLetters,
}

/// What comes one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// What a reader takes for one letter.
    Character,
    /// What stands between spaces.
    Word,
}

/// The way that something moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Direction {
    Left,
    Right,
    Up,
    Down,
}

impl Direction {
    /// The directions by name.
    pub(crate) const NAMED: &[(&str, Self)] = &[
        ("left", Self::Left),
        ("right", Self::Right),
        ("up", Self::Up),
        ("down", Self::Down),
    ];

    /// One step that way, right and down.
    pub(crate) const fn step(self) -> (f64, f64) {
        match self {
            Self::Left => (-1.0, 0.0),
            Self::Right => (1.0, 0.0),
            Self::Up => (0.0, -1.0),
            Self::Down => (0.0, 1.0),
        }
    }
}

const PRESETS: &[(&str, Preset)] = &[
    ("fadeIn", Preset::FadeIn),
    ("slideIn", Preset::SlideIn),
    ("typewriter", Preset::Typewriter),
    ("ascend", Preset::Ascend),
    ("shift", Preset::Shift),
    ("movingLetters", Preset::MovingLetters),
];
/// The deprecated `text` asset has one.
pub(super) const TYPEWRITER: &[(&str, Preset)] = &[("typewriter", Preset::Typewriter)];
/// Something that ascends goes up or, all the same, down.
const UPRIGHT: &[(&str, Direction)] = &[("up", Direction::Up), ("down", Direction::Down)];

/// Reads the `animation` of a `rich-text`.
pub(super) fn read_animation(animation: &AnimationWire) -> Result<Animation, FieldError> {
    read_of(animation, PRESETS)
}

/// Reads an `animation` that is one of `presets`.
pub(super) fn read_of(
    animation: &AnimationWire,
    presets: &[(&str, Preset)],
) -> Result<Animation, FieldError> {
    let missing = || {
        let names: Vec<&str> = presets.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        FieldError::new("/animation/preset", "nothing", expected)
    };
    let (_, first) = presets[0];
    let preset = match &animation.preset {
        None | Some(Value::Null) => return Err(missing()),
        preset => choice("/animation/preset", preset, presets, first)?,
    };
    let default = match preset {
        Preset::Typewriter => TYPING_SECONDS,
        _ => DEFAULT_SECONDS,
    };
    let seconds = number("/animation/duration", &animation.duration, SECONDS, default)?;
    let directions = match preset {
        Preset::Ascend => UPRIGHT,
        _ => Direction::NAMED,
    };
    let towards = match preset {
        Preset::SlideIn => Direction::Left,
        _ => Direction::Up,
    };
    let style = choice(
        "/animation/style",
        &animation.style,
        &[("character", By::Character), ("word", By::Word)],
        By::Character,
    )?;
    Ok(Animation {
        preset,
        // In range, so there is such a time.
        duration: Time::from_decimal_seconds(seconds).unwrap_or_default(),
        by: match preset {
            Preset::Typewriter | Preset::Shift => style,
            Preset::Ascend => By::Word,
            Preset::FadeIn | Preset::SlideIn | Preset::MovingLetters => By::Character,
        },
        direction: choice(
            "/animation/direction",
            &animation.direction,
            directions,
            towards,
        )?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::richtext::RichText;

    fn read(animation: Value) -> Result<Animation, String> {
        RichText::from_value(&json!({"text": "x", "animation": animation}))
            .map(|text| text.animation.expect("there"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_preset_has_its_own_defaults() {
        for (preset, millis, by, direction) in [
            ("fadeIn", 1000, By::Character, Direction::Up),
            ("slideIn", 1000, By::Character, Direction::Left),
            ("typewriter", 2000, By::Character, Direction::Up),
            ("ascend", 1000, By::Word, Direction::Up),
            ("shift", 1000, By::Character, Direction::Up),
            ("movingLetters", 1000, By::Character, Direction::Up),
        ] {
            let animation = read(json!({"preset": preset})).expect(preset);
            assert_eq!(animation.duration, Time::from_millis(millis), "{preset}");
            assert_eq!(
                (animation.by, animation.direction),
                (by, direction),
                "{preset}"
            );
        }
        let typed = read(json!({"preset": "typewriter", "duration": "0.5", "style": "word"}));
        assert_eq!(
            typed.map(|typed| (typed.duration, typed.by)),
            Ok((Time::from_millis(500), By::Word))
        );
    }

    #[test]
    fn a_bad_animation_is_refused_by_field() {
        for (animation, part) in [
            (json!({}), "/animation/preset: nothing"),
            (json!({"preset": "spin"}), "/animation/preset: \"spin\""),
            (
                json!({"preset": "fadeIn", "duration": 31}),
                "expected a number from 0.1 to 30",
            ),
            (
                json!({"preset": "shift", "style": "line"}),
                "/animation/style",
            ),
            (
                json!({"preset": "ascend", "direction": "left"}),
                "one of up, down",
            ),
            (json!("fadeIn"), "/animation: "),
        ] {
            let error = read(animation).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
