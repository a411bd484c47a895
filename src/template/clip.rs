//! A clip of an Edit: an asset with its place in time and in the frame.

use crate::template::asset::{self, Asset};
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Pointer, Warning};
use crate::time::Time;
use crate::timeline::curve::{Curve, Easing, Tween};
use crate::timeline::motion::{Anchor, Effect, EffectKind, Fit, Motion};
use crate::timeline::transition::{Direction, TRANSITION, Transition, TransitionKind};

/// A clip as the Edit has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// Where it stands in the Edit.
    pub pointer: Pointer,
    /// What it shows or plays.
    pub asset: Asset,
    /// When it begins.
    pub start: Start,
    /// How long it lasts.
    pub length: Length,
    /// Where in the frame, and how it moves.
    pub motion: Motion,
}

/// When a clip begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Then.
    At(Time),
    /// When the clip before it on its track ends.
    Auto,
}

/// How long a clip lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So long.
    For(Time),
    /// As long as its asset.
    Auto,
    /// Until the end of the timeline, or of its asset.
    End,
}

/// The latest start and the longest length, in seconds: four hours.
const MAX_SECONDS: f64 = 14_400.0;

/// The shortest clip, in seconds.
const MIN_SECONDS: f64 = 0.001;

/// The most tweens of one property.
const MAX_TWEENS: usize = 1000;

const FITS: [(&str, Fit); 4] = [
    ("crop", Fit::Crop),
    ("cover", Fit::Cover),
    ("contain", Fit::Contain),
    ("none", Fit::None),
];

const DIRECTIONS: [(&str, Direction); 4] = [
    ("Left", Direction::Left),
    ("Right", Direction::Right),
    ("Up", Direction::Up),
    ("Down", Direction::Down),
];

/// The edges of the frame, by the way that leads there.
const EDGES: [(&str, Direction); 4] = [
    ("Top", Direction::Up),
    ("Right", Direction::Right),
    ("Bottom", Direction::Down),
    ("Left", Direction::Left),
];

/// Reads a clip; `frame` is the output's size.
pub(super) fn read(
    cursor: &Cursor,
    frame: (u32, u32),
    warnings: &mut Vec<Warning>,
) -> Result<Clip, EditError> {
    let object = cursor.object()?;
    let asset = asset::read(&object.need("asset", "an asset")?, frame, warnings)?;
    let start = object.need("start", "a number of seconds, or auto")?;
    let start = match start.value.as_str() {
        Some("auto") => Start::Auto,
        _ => Start::At(time(&start, 0.0..=MAX_SECONDS, "auto")?),
    };
    let length = object.need("length", "a number of seconds, auto or end")?;
    let length = match length.value.as_str() {
        Some("auto") => Length::Auto,
        Some("end") => Length::End,
        _ => Length::For(time(&length, MIN_SECONDS..=MAX_SECONDS, "auto or end")?),
    };
    let motion = motion(&object, &asset, warnings)?;
    // `id` and `alias` name a clip for editors; nothing is rendered from them.
    object.ignore(&["id", "alias"]);
    object.finish(warnings);
    Ok(Clip {
        pointer: cursor.pointer.clone(),
        asset,
        start,
        length,
        motion,
    })
}

fn time(
    cursor: &Cursor,
    range: std::ops::RangeInclusive<f64>,
    words: &str,
) -> Result<Time, EditError> {
    let allowed = || {
        cursor.error(format!(
            "a number from {} to {}, or {words}",
            range.start(),
            range.end()
        ))
    };
    cursor
        .number(&range)
        .ok()
        .and_then(Time::from_decimal_seconds)
        .ok_or_else(allowed)
}

fn motion(
    object: &Object,
    asset: &Asset,
    warnings: &mut Vec<Warning>,
) -> Result<Motion, EditError> {
    // Text is drawn at its own size; pictures fill the frame.
    let fit = if matches!(asset, Asset::Text(..) | Asset::Card(_)) {
        Fit::None
    } else {
        Fit::Crop
    };
    let mut motion = Motion {
        fit: object.choice("fit", &FITS, fit)?,
        scale: curve(object, "scale", 0.0..=100.0, 1.0, warnings)?,
        anchor: object.choice("position", &Anchor::NAMED, Anchor::CENTER)?,
        opacity: curve(object, "opacity", 0.0..=1.0, 1.0, warnings)?,
        ..Motion::default()
    };
    if let Some(offset) = object.get("offset") {
        let offset = offset.object()?;
        motion.offset_x = curve(&offset, "x", -10.0..=10.0, 0.0, warnings)?;
        motion.offset_y = curve(&offset, "y", -10.0..=10.0, 0.0, warnings)?;
        offset.finish(warnings);
    }
    if let Some(transition) = object.get("transition") {
        let transition = transition.object()?;
        let named = |name| {
            transition
                .get(name)
                .map_or(Ok(None), |cursor| transition_named(&cursor))
        };
        motion.enter = named("in")?;
        motion.leave = named("out")?;
        transition.finish(warnings);
    }
    motion.effect = object
        .get("effect")
        .map_or(Ok(None), |cursor| effect_named(&cursor))?;
    Ok(motion)
}

/// A property that is a number or a list of tweens.
fn curve(
    object: &Object,
    name: &str,
    range: std::ops::RangeInclusive<f64>,
    default: f64,
    warnings: &mut Vec<Warning>,
) -> Result<Curve, EditError> {
    let Some(cursor) = object.get(name) else {
        return Ok(Curve::constant(default));
    };
    if !cursor.value.is_array() {
        return cursor.number(&range).map(Curve::constant);
    }
    let mut tweens = Vec::new();
    for element in cursor.elements(MAX_TWEENS)? {
        let tween = element.object()?;
        let from = tween.number("from", range.clone(), default)?;
        let seconds =
            |name| asset::seconds(&tween, name, 0.0..=MAX_SECONDS).map(Option::unwrap_or_default);
        tweens.push(Tween {
            from,
            to: tween.number("to", range.clone(), from)?,
            start: seconds("start")?,
            length: seconds("length")?,
            easing: easing(&tween)?,
        });
        tween.finish(warnings);
    }
    Ok(Curve::new(default, tweens))
}

/// `interpolation` says how; `easing` names the curve of a Bézier one.
fn easing(tween: &Object) -> Result<Easing, EditError> {
    let named = tween
        .get("easing")
        .map(|cursor| cursor.choice(&Easing::NAMED))
        .transpose()?;
    let kinds = [
        ("linear", Easing::Linear),
        ("constant", Easing::Hold),
        ("bezier", named.unwrap_or(Easing::NAMED[0].1)),
    ];
    tween.choice("interpolation", &kinds, named.unwrap_or(Easing::Linear))
}

/// Splits `Slow` or `Fast` off a name: how many times as fast it is.
fn speed(name: &str) -> (&str, f64) {
    match (name.strip_suffix("Slow"), name.strip_suffix("Fast")) {
        (Some(name), _) => (name, 0.5),
        (_, Some(name)) => (name, 2.0),
        _ => (name, 1.0),
    }
}

fn direction(name: &str, prefix: &str) -> Option<Direction> {
    let wanted = name.strip_prefix(prefix)?;
    DIRECTIONS
        .iter()
        .find(|(known, _)| *known == wanted)
        .map(|(_, direction)| *direction)
}

/// `shuffle`, the edge, and the one next to it that it swerves towards.
fn shuffle(name: &str) -> Option<TransitionKind> {
    let edges = name.strip_prefix("shuffle")?;
    let (edge, aside) = EDGES.iter().find_map(|(word, edge)| {
        let next = edges.strip_prefix(word)?;
        let (_, aside) = EDGES.iter().find(|(known, _)| *known == next)?;
        Some((*edge, *aside))
    })?;
    let upright = |direction| matches!(direction, Direction::Up | Direction::Down);
    (upright(edge) != upright(aside)).then_some(TransitionKind::Shuffle { edge, aside })
}

fn transition_named(cursor: &Cursor) -> Result<Option<Transition>, EditError> {
    let allowed = || {
        cursor.error(
            "none, zoom, or one of fade, slideLeft, slideRight, slideUp, slideDown, carouselLeft, carouselRight, \
             carouselUp, carouselDown, shuffleTopRight, shuffleRightTop, shuffleRightBottom, shuffleBottomRight, \
             shuffleBottomLeft, shuffleLeftBottom, shuffleLeftTop, shuffleTopLeft, each also with Slow or Fast",
        )
    };
    let name = cursor.value.as_str().ok_or_else(allowed)?;
    let (base, speed) = speed(name);
    let kind = match base {
        "none" => return Ok(None),
        "fade" => TransitionKind::Fade,
        "zoom" => TransitionKind::Zoom,
        _ => {
            let slide = direction(base, "slide").map(TransitionKind::Slide);
            let carousel = || direction(base, "carousel").map(TransitionKind::Carousel);
            let kind = slide.or_else(carousel).or_else(|| shuffle(base));
            kind.ok_or_else(allowed)?
        }
    };
    let length = Time::from_flicks((TRANSITION.flicks() as f64 / speed) as i64);
    Ok(Some(Transition { kind, length }))
}

fn effect_named(cursor: &Cursor) -> Result<Option<Effect>, EditError> {
    let allowed = || {
        cursor.error("none, zoomIn, zoomOut, slideLeft, slideRight, slideUp or slideDown, each also with Slow or Fast")
    };
    let name = cursor.value.as_str().ok_or_else(allowed)?;
    let (base, speed) = speed(name);
    let kind = match base {
        "none" => return Ok(None),
        "zoomIn" => EffectKind::ZoomIn,
        "zoomOut" => EffectKind::ZoomOut,
        _ => EffectKind::Slide(direction(base, "slide").ok_or_else(allowed)?),
    };
    Ok(Some(Effect { kind, speed }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn clip(with: Value) -> Result<Clip, String> {
        let mut value =
            json!({"asset": {"type": "image", "src": "a.png"}, "start": 0, "length": 5});
        let fields = with.as_object().expect("object").clone();
        value.as_object_mut().expect("object").extend(fields);
        read(&Cursor::root(&value), (1280, 720), &mut Vec::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn start_and_length_take_numbers_and_words() {
        for (with, start, length) in [
            (
                json!({}),
                Start::At(Time::ZERO),
                Length::For(Time::from_seconds(5)),
            ),
            (
                json!({"start": "auto", "length": "auto"}),
                Start::Auto,
                Length::Auto,
            ),
            (
                json!({"start": "1.5", "length": "end"}),
                Start::At(Time::from_millis(1500)),
                Length::End,
            ),
        ] {
            let clip = clip(with).expect("reads");
            assert_eq!((clip.start, clip.length), (start, length));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (with, part) in [
            (
                json!({"length": 0}),
                "/length: 0 is not allowed: expected a number from 0.001 to 14400, or auto or end",
            ),
            (json!({"length": 1e9}), "/length: 1000000000"),
            (json!({"start": -1}), "/start: -1 is not allowed"),
            (json!({"start": "soon"}), "/start: \"soon\" is not allowed"),
            (json!({"start": null}), "/start: nothing"),
            (
                json!({"fit": "fill"}),
                "/fit: \"fill\" is not allowed: expected one of crop, cover, contain, none",
            ),
            (
                json!({"opacity": 2}),
                "/opacity: 2 is not allowed: expected a number from 0 to 1",
            ),
            (json!({"position": "middle"}), "/position: \"middle\""),
            (json!({"offset": {"x": "far"}}), "/offset/x: \"far\""),
            (
                json!({"transition": {"in": "fadeSlowly"}}),
                "/transition/in: \"fadeSlowly\"",
            ),
            (
                json!({"transition": {"out": "slide"}}),
                "/transition/out: \"slide\"",
            ),
            (json!({"effect": "spin"}), "/effect: \"spin\""),
            (
                json!({"scale": [{"from": 1, "to": 2, "easing": "bounce"}]}),
                "/scale/0/easing: \"bounce\"",
            ),
            (json!({"scale": []}), "/scale: an array of 0 is not allowed"),
        ] {
            let error = clip(with).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn transitions_and_effects_have_speeds() {
        let clip = clip(
            json!({"transition": {"in": "fadeFast", "out": "carouselLeftSlow"}, "effect": "zoomInSlow"}),
        );
        let motion = clip.expect("reads").motion;
        assert_eq!(
            motion.enter,
            Some(Transition {
                kind: TransitionKind::Fade,
                length: Time::from_millis(500)
            })
        );
        let carousel = TransitionKind::Carousel(Direction::Left);
        assert_eq!(
            motion.leave,
            Some(Transition {
                kind: carousel,
                length: Time::from_seconds(2)
            })
        );
        assert_eq!(
            motion.effect,
            Some(Effect {
                kind: EffectKind::ZoomIn,
                speed: 0.5
            })
        );
    }

    #[test]
    fn a_shuffle_names_two_edges_that_meet() {
        for (name, expected) in [
            ("shuffleTopRight", Some((Direction::Up, Direction::Right))),
            ("shuffleRightTop", Some((Direction::Right, Direction::Up))),
            (
                "shuffleBottomLeftFast",
                Some((Direction::Down, Direction::Left)),
            ),
            (
                "shuffleLeftBottomSlow",
                Some((Direction::Left, Direction::Down)),
            ),
            ("shuffleTopBottom", None),
            ("shuffleLeftLeft", None),
            ("shuffleTop", None),
            ("shuffle", None),
        ] {
            let read = clip(json!({"transition": {"in": name}}));
            let kind = read.map(|clip| clip.motion.enter.map(|transition| transition.kind));
            let expected =
                expected.map(|(edge, aside)| Some(TransitionKind::Shuffle { edge, aside }));
            assert_eq!(kind.ok(), expected, "{name}");
        }
    }

    #[test]
    fn tweens_are_read_with_their_easing() {
        let clip = clip(
            json!({"offset": {"x": [{"from": -1, "to": 0, "start": 1, "length": 2, "easing": "easeOutCubic"}]}}),
        );
        let curve = clip.expect("reads").motion.offset_x;
        assert_eq!(curve.at(Time::ZERO), -1.0);
        assert_eq!(curve.at(Time::from_seconds(3)), 0.0);
        assert!(curve.at(Time::from_seconds(2)) > -0.3, "it decelerates");
    }
}
