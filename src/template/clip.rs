//! A clip of an Edit: an asset with its place in time and in the frame.

use crate::template::asset::{self, Asset};
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::tween::curve;
use crate::time::Time;
use crate::timeline::motion::{Anchor, Effect, EffectKind, Fit, Motion};
use crate::timeline::transition::{
    Direction, REVEAL_SOFTNESS, TRANSITION, Transition, TransitionKind, WIPE_SOFTNESS,
};
use crate::timeline::treatment::Filter;

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
    /// A change of its colours or sharpness.
    pub filter: Option<Filter>,
    /// By which other clips may refer to it.
    pub alias: Option<String>,
}

/// When a clip begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Then.
    At(Time),
    /// When the clip before it on its track ends.
    Auto,
    /// When the clip of this alias does.
    As(String),
}

/// How long a clip lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Length {
    /// So long.
    For(Time),
    /// As long as its asset.
    Auto,
    /// Until the end of the timeline, or of its asset.
    End,
    /// As long as the clip of this alias.
    As(String),
}

/// The latest start and the longest length, in seconds: four hours.
const MAX_SECONDS: f64 = 14_400.0;

/// What a reference to another clip begins with.
const ALIAS: &str = "alias://";

/// The longest alias, in characters.
const MAX_ALIAS: usize = 200;

/// The largest box that a clip asks for, in pixels.
const MAX_WIDTH: u32 = 4096;
const MAX_HEIGHT: u32 = 4096;

/// The shortest clip, in seconds.
const MIN_SECONDS: f64 = 0.001;

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
    let bounds = (
        bound(&object, "width", MAX_WIDTH)?,
        bound(&object, "height", MAX_HEIGHT)?,
    );
    let text_box = (bounds.0.unwrap_or(frame.0), bounds.1.unwrap_or(frame.1));
    let asset = asset::read(&object.need("asset", "an asset")?, text_box, warnings)?;
    let start = object.need("start", "a number of seconds, auto, or alias://NAME")?;
    let start = match start.value.as_str() {
        Some("auto") => Start::Auto,
        Some(text) if text.starts_with(ALIAS) => Start::As(alias_named(&start)?),
        _ => Start::At(time(&start, 0.0..=MAX_SECONDS, "auto, or alias://NAME")?),
    };
    let length = object.need("length", "a number of seconds, auto, end, or alias://NAME")?;
    let length = match length.value.as_str() {
        Some("auto") => Length::Auto,
        Some("end") => Length::End,
        Some(text) if text.starts_with(ALIAS) => Length::As(alias_named(&length)?),
        _ => Length::For(time(
            &length,
            MIN_SECONDS..=MAX_SECONDS,
            "auto, end, or alias://NAME",
        )?),
    };
    let motion = Motion {
        bounds,
        ..motion(&object, fit_of(&asset, bounds), warnings)?
    };
    let filter = match object.get("filter") {
        Some(cursor) if cursor.value.as_str() == Some("none") => None,
        Some(cursor) => Some(cursor.choice(&Filter::NAMED)?),
        None => None,
    };
    let alias = object.get("alias");
    let alias = alias.map(|cursor| cursor.text(MAX_ALIAS).map(str::to_owned));
    // `id` names a clip for editors; nothing is rendered from it.
    object.ignore(&["id"]);
    object.finish(warnings);
    Ok(Clip {
        pointer: cursor.pointer.clone(),
        asset,
        start,
        length,
        motion,
        filter,
        alias: alias.transpose()?,
    })
}

/// A side of the clip's own box, in pixels.
fn bound(object: &Object, name: &str, max: u32) -> Result<Option<u32>, EditError> {
    let Some(cursor) = object.get(name) else {
        return Ok(None);
    };
    let pixels = cursor.number(&(1.0..=f64::from(max)))?;
    Ok(Some(pixels.round() as u32))
}

/// The name after `alias://`.
fn alias_named(cursor: &Cursor) -> Result<String, EditError> {
    let text = cursor.text(MAX_ALIAS + ALIAS.len())?;
    let name = text.strip_prefix(ALIAS).unwrap_or_default();
    if name.is_empty() {
        return Err(cursor.error("alias://NAME, with the alias of another clip"));
    }
    Ok(name.to_owned())
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

/// The fit of a clip that gives none. Text and shapes are drawn at their own size,
/// drawings too unless the clip has a box for them; pictures fill the frame.
fn fit_of(asset: &Asset, bounds: (Option<u32>, Option<u32>)) -> Fit {
    match asset {
        Asset::Text(..) | Asset::Card(_) | Asset::Captions(_) => Fit::None,
        Asset::Vector(vector) if vector.is_boxed => Fit::None,
        Asset::Vector(_) | Asset::Lottie(_) if bounds == (None, None) => Fit::None,
        Asset::Vector(_) | Asset::Lottie(_) => Fit::Contain,
        _ => Fit::Crop,
    }
}

fn motion(object: &Object, fit: Fit, warnings: &mut Vec<Warning>) -> Result<Motion, EditError> {
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
    if let Some(transform) = object.get("transform") {
        let transform = transform.object()?;
        if let Some(rotate) = transform.get("rotate") {
            let rotate = rotate.object()?;
            motion.angle = curve(&rotate, "angle", -360.0..=360.0, 0.0, warnings)?;
            rotate.finish(warnings);
        }
        if let Some(skew) = transform.get("skew") {
            let skew = skew.object()?;
            motion.skew_x = curve(&skew, "x", -100.0..=100.0, 0.0, warnings)?;
            motion.skew_y = curve(&skew, "y", -100.0..=100.0, 0.0, warnings)?;
            skew.finish(warnings);
        }
        if let Some(flip) = transform.get("flip") {
            let flip = flip.object()?;
            motion.flip = (flip.flag("horizontal")?, flip.flag("vertical")?);
            flip.finish(warnings);
        }
        transform.finish(warnings);
    }
    motion.effect = object
        .get("effect")
        .map_or(Ok(None), |cursor| effect_named(&cursor))?;
    Ok(motion)
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
            "none, zoom, or one of fade, reveal, wipeLeft, wipeRight, slideLeft, slideRight, slideUp, slideDown, carouselLeft, carouselRight, \
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
        "reveal" => TransitionKind::Wipe {
            towards: Direction::Right,
            softness: REVEAL_SOFTNESS,
        },
        "wipeLeft" | "wipeRight" => TransitionKind::Wipe {
            towards: direction(base, "wipe").ok_or_else(allowed)?,
            softness: WIPE_SOFTNESS,
        },
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
                "/length: 0 is not allowed: expected a number from 0.001 to 14400, or auto, end, or alias://NAME",
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
