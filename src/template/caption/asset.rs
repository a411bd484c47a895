//! The `caption` and `rich-caption` assets.

use serde_json::{Map, Value, json};

use crate::template::asset::{self, Source};
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Warning};
use crate::template::richtext::animation::Direction;
use crate::template::richtext::read::unknown_fields;
use crate::template::richtext::{
    Colour, RichText, RichTextAsset, Shadow, Stroke, TextDecoration, Vertical,
};
use crate::time::Time;
use crate::timeline::Speed;

/// How media files are called, whose speech is not transcribed.
const MEDIA: &[&str] = &[
    "mp4", "mov", "webm", "mkv", "m4v", "avi", "mp3", "wav", "m4a", "flac", "aac", "ogg", "opus",
    "wma",
];
/// The size of a `rich-caption`'s letters, in pixels.
const RICH_SIZE: f64 = 24.0;
/// The size of a `caption`'s letters, as a part of the frame's height.
const SIZE_OF_HEIGHT: f64 = 0.05;
/// How far captions stay off the edges of the frame, as a part of its height.
const INSET_OF_HEIGHT: f64 = 0.05;
/// The padding of a background that hugs the text, as a part of the letters' size.
const WRAP_PADDING_OF_SIZE: f64 = 0.12;
/// What a word is highlighted in that names no colour.
const HIGHLIGHT: [u8; 3] = [255, 212, 0];
/// The largest margin or stroke, in pixels.
const MAX_LENGTH: f64 = 1000.0;

/// A checked `caption` or `rich-caption`.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptionAsset {
    /// The file.
    pub src: Source,
    /// Where in it to begin.
    pub trim: Time,
    /// How fast they come.
    pub speed: Speed,
    /// How they look.
    pub look: Look,
    /// The size of the frame that they are made for, in pixels.
    pub frame: (u32, u32),
}

impl CaptionAsset {
    /// What a source of captions may be.
    pub const ALLOWED: &str = "captions as an SRT, WebVTT or TTML file: speech is not transcribed";
}

/// How captions look.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The text, which is empty here, and its box, which is the frame's by default.
    pub base: RichText,
    /// What is different about the word that is said just now.
    pub active: Active,
    /// What happens to words as they are said.
    pub style: WordStyle,
    /// The way that words slide.
    pub direction: Direction,
}

/// What is different about the word that is said just now; `None` is as the others.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Active {
    pub family: Option<String>,
    pub weight: Option<u16>,
    pub size: Option<f64>,
    pub colour: Option<Colour>,
    pub background: Option<Colour>,
    pub decoration: Option<TextDecoration>,
    /// `Some(None)` for none at all.
    pub stroke: Option<Option<Stroke>>,
    /// `Some(None)` for none at all.
    pub shadow: Option<Option<Shadow>>,
}

/// What happens to words as they are said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WordStyle {
    /// Nothing: all are there from the start.
    #[default]
    None,
    /// The one that is said looks different.
    Highlight,
    /// Each is filled from its beginning to its end while it is said, and stays so.
    Karaoke,
    /// The one that is said grows.
    Pop,
    /// Each fades in when it is said.
    Fade,
    /// Each slides in when it is said.
    Slide,
    /// Each jumps in when it is said.
    Bounce,
    /// Each is there when it is said.
    Typewriter,
}

impl WordStyle {
    const NAMED: &[(&str, Self)] = &[
        ("karaoke", Self::Karaoke),
        ("highlight", Self::Highlight),
        ("pop", Self::Pop),
        ("fade", Self::Fade),
        ("slide", Self::Slide),
        ("bounce", Self::Bounce),
        ("typewriter", Self::Typewriter),
        ("none", Self::None),
    ];
}

/// Reads the deprecated `caption`, in a frame of this size.
pub(crate) fn read_plain(
    cursor: &Cursor,
    frame: (u32, u32),
    warnings: &mut Vec<Warning>,
) -> Result<CaptionAsset, EditError> {
    let object = cursor.object()?;
    object.ignore(&["type"]);
    let height = f64::from(frame.1);
    let mut given = Map::from_iter([("text".to_owned(), json!(""))]);
    let mut font = Map::from_iter([
        (
            "size".to_owned(),
            json!((height * SIZE_OF_HEIGHT).round().clamp(1.0, 500.0)),
        ),
        ("color".to_owned(), json!("#ffffff")),
    ]);
    let mut stroke = None;
    let mut line_height = None;
    if let Some(cursor) = object.get("font") {
        let own = cursor.object()?;
        let names = ["family", "color", "opacity", "size"];
        font.extend(names.iter().filter_map(|name| taken(&own, name)));
        line_height = number(&own, "lineHeight", 0.1..=10.0)?;
        let width = number(&own, "strokeWidth", 0.0..=MAX_LENGTH)?;
        let colour = own
            .get("stroke")
            .map(|cursor| colour(&cursor))
            .transpose()?;
        if width.is_some() || colour.is_some() {
            let black = Colour {
                rgb: [0; 3],
                alpha: 1.0,
            };
            stroke = Some(Stroke {
                width: width.unwrap_or(1.0),
                colour: colour.unwrap_or(black),
            });
        }
        own.finish(warnings);
    }
    given.insert("font".into(), Value::Object(font));
    if let Some(cursor) = object.get("background") {
        let own = cursor.object()?;
        let names = ["color", "opacity", "padding", "borderRadius"];
        let mut background: Map<_, _> = names.iter().filter_map(|name| taken(&own, name)).collect();
        background.insert("wrap".into(), json!(true));
        given.insert("background".into(), Value::Object(background));
        own.finish(warnings);
    }
    let mut base = RichText::from_value(&Value::Object(given))
        .map_err(|error| error.within(&cursor.pointer))?;
    base.vertical = Vertical::Bottom;
    base.line_height = line_height.unwrap_or(base.line_height);
    base.stroke = stroke.filter(|stroke| stroke.width > 0.0);
    base.padding = [(height * INSET_OF_HEIGHT).round(); 4];
    if let Some(cursor) = object.get("margin") {
        let margin = cursor.object()?;
        // Up to 1 it is a part of the frame, above that pixels.
        let side = |name, whole: u32| {
            let given = number(&margin, name, 0.0..=MAX_LENGTH)?;
            let pixels = |length: f64| match length <= 1.0 {
                true => length * f64::from(whole),
                false => length,
            };
            Ok::<_, EditError>(given.map(pixels))
        };
        let (top, right, left) = (
            side("top", frame.1)?,
            side("right", frame.0)?,
            side("left", frame.0)?,
        );
        if let Some(top) = top {
            base.vertical = Vertical::Top;
            base.padding[0] = top;
        }
        base.padding[1] = right.unwrap_or(base.padding[1]);
        base.padding[3] = left.unwrap_or(base.padding[3]);
        margin.finish(warnings);
    }
    let read = timed(&object, frame, soften(base), Look::still)?;
    object.finish(warnings);
    Ok(read)
}

/// Reads a `rich-caption`, in a frame of this size.
pub(crate) fn read_rich(
    cursor: &Cursor,
    frame: (u32, u32),
    warnings: &mut Vec<Warning>,
) -> Result<CaptionAsset, EditError> {
    let object = cursor.object()?;
    object.ignore(&["type"]);
    let given = given(&object, frame)?;
    let unknown = unknown_fields::<RichTextAsset>(&given);
    warnings.extend(
        unknown
            .iter()
            .map(|pointer| Warning::unknown(cursor.pointer.join(pointer))),
    );
    let base = RichText::from_value(&given).map_err(|error| error.within(&cursor.pointer))?;
    let (mut style, mut direction) = (None, Direction::Up);
    if let Some(cursor) = object.get("animation") {
        let animation = cursor.object()?;
        style = Some(animation.choice("style", WordStyle::NAMED, WordStyle::Highlight)?);
        direction = animation.choice("direction", Direction::NAMED, direction)?;
        animation.finish(warnings);
    }
    let active = match object.get("active") {
        Some(cursor) => Some(active(&cursor, &base, warnings)?),
        None => None,
    };
    // Who says how the spoken word looks wants to see it.
    let style = style.unwrap_or(match active {
        Some(_) => WordStyle::Highlight,
        None => WordStyle::None,
    });
    let mut active = active.unwrap_or_default();
    let is_marked = matches!(style, WordStyle::Highlight | WordStyle::Karaoke);
    if is_marked && active == Active::default()
        || style == WordStyle::Karaoke && active.colour.is_none()
    {
        active.colour = Some(Colour {
            rgb: HIGHLIGHT,
            alpha: base.font.colour.alpha,
        });
    }
    let look = |base| Look {
        base,
        active,
        style,
        direction,
    };
    let read = timed(&object, frame, soften(base), look)?;
    object.finish(warnings);
    Ok(read)
}

impl Look {
    /// All words are there from the start.
    fn still(base: RichText) -> Self {
        Self {
            base,
            active: Active::default(),
            style: WordStyle::None,
            direction: Direction::Up,
        }
    }
}

/// White letters with nothing behind them are not read over a bright picture: they
/// get a soft shadow.
fn soften(mut base: RichText) -> RichText {
    let is_bare = base.stroke.is_none()
        && base.shadow.is_none()
        && base.font.background.is_none()
        && base.background.and_then(|ground| ground.colour).is_none();
    if is_bare {
        base.shadow = Some(Shadow {
            offset: (0.0, 1.0),
            blur: (base.font.size / 8.0).round(),
            colour: Colour {
                rgb: [0; 3],
                alpha: 0.9,
            },
        });
    }
    base
}

fn timed(
    object: &Object,
    frame: (u32, u32),
    base: RichText,
    look: impl FnOnce(RichText) -> Look,
) -> Result<CaptionAsset, EditError> {
    let named = object.need("src", CaptionAsset::ALLOWED)?;
    let path = named.value.as_str().unwrap_or_default().to_lowercase();
    let file = path.split(['?', '#']).next().unwrap_or_default();
    let is_media = file
        .rsplit_once('.')
        .is_some_and(|(_, ending)| MEDIA.contains(&ending));
    if path.starts_with("alias://") || is_media {
        return Err(named.error(CaptionAsset::ALLOWED));
    }
    Ok(CaptionAsset {
        src: asset::source(object)?,
        trim: asset::trim(object)?,
        speed: asset::speed(object)?,
        look: look(base),
        frame,
    })
}

/// What a `rich-caption` says of its text, with what is else by default than in a
/// `rich-text`.
fn given(object: &Object, frame: (u32, u32)) -> Result<Value, EditError> {
    let names = [
        "font",
        "style",
        "stroke",
        "shadow",
        "background",
        "border",
        "padding",
        "align",
        "width",
        "height",
    ];
    let mut given: Map<String, Value> = names
        .iter()
        .filter_map(|name| taken(object, name))
        .collect();
    given.insert("text".into(), json!(""));
    let mut size = RICH_SIZE;
    // Where one of these is no object, reading says so.
    if let Some(cursor) = object.get("style") {
        let style = cursor.object()?;
        size = number(&style, "size", 1.0..=500.0)?.unwrap_or(size);
        if let Some(Value::Object(style)) = given.get_mut("style") {
            style.shift_remove("size");
        }
    }
    let font = given.entry("font").or_insert_with(|| json!({}));
    if let Value::Object(font) = font {
        or_insert(font, "size", json!(size));
        or_insert(font, "color", json!("#ffffff"));
        size = font["size"].as_f64().unwrap_or(size);
    }
    if let Some(Value::Object(background)) = given.get_mut("background") {
        or_insert(
            background,
            "padding",
            json!((size * WRAP_PADDING_OF_SIZE).round()),
        );
    }
    or_insert(
        &mut given,
        "padding",
        json!((f64::from(frame.1) * INSET_OF_HEIGHT).round()),
    );
    let align = given.entry("align").or_insert_with(|| json!({}));
    if let Value::Object(align) = align {
        or_insert(align, "vertical", json!("bottom"));
    }
    Ok(Value::Object(given))
}

/// Reads `active`: a text's style, in what it says.
fn active(
    cursor: &Cursor,
    base: &RichText,
    warnings: &mut Vec<Warning>,
) -> Result<Active, EditError> {
    let object = cursor.object()?;
    let mut given: Map<String, Value> = ["font", "stroke", "shadow"]
        .iter()
        .filter_map(|name| taken(&object, name))
        .filter(|(_, value)| value != "none")
        .collect();
    given.insert("text".into(), json!(""));
    let mut decoration = None;
    if let Some(cursor) = object.get("font") {
        decoration = cursor.object()?.get("textDecoration").map(|cursor| {
            cursor.choice(&[
                ("none", TextDecoration::None),
                ("underline", TextDecoration::Underline),
                ("line-through", TextDecoration::LineThrough),
            ])
        });
        if let Some(Value::Object(font)) = given.get_mut("font") {
            font.shift_remove("textDecoration");
        }
    }
    let given = Value::Object(given);
    let unknown = unknown_fields::<RichTextAsset>(&given);
    warnings.extend(
        unknown
            .iter()
            .map(|pointer| Warning::unknown(cursor.pointer.join(pointer))),
    );
    let read = RichText::from_value(&given).map_err(|error| error.within(&cursor.pointer))?;
    let has = |pointer: &str| given.pointer(pointer).is_some_and(|value| !value.is_null());
    let is_none = |name| {
        object
            .get(name)
            .is_some_and(|cursor| cursor.value == "none")
    };
    let colour = match (has("/font/color"), has("/font/opacity")) {
        (true, _) => Some(read.font.colour),
        (false, true) => Some(Colour {
            alpha: read.font.colour.alpha,
            ..base.font.colour
        }),
        (false, false) => None,
    };
    let active = Active {
        family: has("/font/family").then_some(read.font.family),
        weight: has("/font/weight").then_some(read.font.weight),
        size: has("/font/size").then_some(read.font.size),
        colour,
        background: read.font.background,
        decoration: decoration.transpose()?,
        stroke: (has("/stroke") || is_none("stroke")).then_some(read.stroke),
        shadow: (has("/shadow") || is_none("shadow")).then_some(read.shadow),
    };
    object.finish(warnings);
    Ok(active)
}

fn taken(object: &Object, name: &str) -> Option<(String, Value)> {
    let cursor = object.get(name)?;
    Some((name.to_owned(), cursor.value.clone()))
}

fn or_insert(map: &mut Map<String, Value>, name: &str, value: Value) {
    let entry = map.entry(name).or_insert(Value::Null);
    if entry.is_null() {
        *entry = value;
    }
}

fn number(
    object: &Object,
    name: &str,
    range: std::ops::RangeInclusive<f64>,
) -> Result<Option<f64>, EditError> {
    object
        .get(name)
        .map(|cursor| cursor.number(&range))
        .transpose()
}

fn colour(cursor: &Cursor) -> Result<Colour, EditError> {
    let read = cursor.value.as_str().and_then(Colour::from_rgb_hex);
    read.ok_or_else(|| cursor.error("a colour as #RRGGBB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<(CaptionAsset, Vec<String>), String> {
        let mut warnings = Vec::new();
        let cursor = Cursor::root(&value);
        let asset = match value["type"] == "caption" {
            true => read_plain(&cursor, (1280, 720), &mut warnings),
            false => read_rich(&cursor, (1280, 720), &mut warnings),
        };
        asset
            .map(|asset| (asset, warnings.iter().map(Warning::to_string).collect()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn captions_stand_white_at_the_bottom_unless_told_otherwise() {
        let (plain, _) = read(json!({"type": "caption", "src": "a.srt"})).expect("reads");
        let (rich, _) = read(json!({"type": "rich-caption", "src": "a.srt"})).expect("reads");
        for (caption, size) in [(&plain, 36.0), (&rich, 24.0)] {
            let base = &caption.look.base;
            assert_eq!((base.font.size, base.font.colour.rgb), (size, [255; 3]));
            assert_eq!((base.vertical, base.padding), (Vertical::Bottom, [36.0; 4]));
            assert!(base.shadow.is_some(), "or it is lost on a bright ground");
            assert_eq!(caption.look.style, WordStyle::None);
            assert_eq!((caption.trim, caption.speed), (Time::ZERO, Speed::NORMAL));
        }
    }

    #[test]
    fn a_caption_has_its_stroke_ground_and_margins() {
        let (caption, warnings) = read(json!({
            "type": "caption", "src": "a.srt", "trim": 2, "speed": "0.5", "glow": 1,
            "font": {"family": "Montserrat", "size": 50, "stroke": "#ff0000", "strokeWidth": 2, "lineHeight": 1.5,
                     "weight": 3},
            "background": {"color": "#000000", "opacity": 0.5, "padding": 7, "borderRadius": 3},
            "margin": {"top": 0.1, "left": 0.5, "right": 20},
        }))
        .expect("reads");
        let base = &caption.look.base;
        assert_eq!((base.font.size, base.line_height), (50.0, 1.5));
        assert_eq!(base.stroke.map(|stroke| stroke.width), Some(2.0));
        assert!(
            base.background
                .is_some_and(|ground| ground.wrap && ground.padding == 7.0)
        );
        assert_eq!(
            (base.vertical, base.padding),
            (Vertical::Top, [72.0, 20.0, 36.0, 640.0])
        );
        assert_eq!(base.shadow, None);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }

    #[test]
    fn the_word_that_is_said_differs_in_what_active_says() {
        let (caption, warnings) = read(json!({
            "type": "rich-caption", "src": "a.srt", "stroke": {"width": 2}, "style": {"size": 60},
            "background": {"color": "#000000", "wrap": true}, "align": {"vertical": "top"},
            "active": {"font": {"color": "#ff0000", "size": 70, "textDecoration": "underline"},
                       "stroke": "none", "shadow": {"blur": 3}},
        }))
        .expect("reads");
        assert_eq!(warnings, [""; 0]);
        let Look {
            base,
            active,
            style,
            ..
        } = &caption.look;
        assert_eq!((base.font.size, base.vertical), (60.0, Vertical::Top));
        assert_eq!(base.background.map(|ground| ground.padding), Some(7.0));
        assert_eq!(*style, WordStyle::Highlight);
        assert_eq!(active.colour.map(|colour| colour.rgb), Some([255, 0, 0]));
        assert_eq!((active.size, active.weight), (Some(70.0), None));
        assert_eq!(active.decoration, Some(TextDecoration::Underline));
        assert_eq!(active.stroke, Some(None));
        assert!(active.shadow.is_some_and(|shadow| shadow.is_some()));
    }

    #[test]
    fn a_style_that_marks_words_has_a_colour_to_do_so() {
        for (style, expected) in [("karaoke", true), ("highlight", true), ("pop", false)] {
            let (caption, _) = read(json!({
                "type": "rich-caption", "src": "a.srt", "animation": {"style": style},
            }))
            .expect("reads");
            assert_eq!(caption.look.active.colour.is_some(), expected, "{style}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, part) in [
            (json!({"type": "caption"}), "/src: nothing"),
            (
                json!({"type": "caption", "src": "alias://x"}),
                "/src: \"alias://x\"",
            ),
            (json!({"src": "talk.mp3"}), "speech is not transcribed"),
            (json!({"src": "../a.srt"}), "/src: \"../a.srt\""),
            (json!({"src": "a.srt", "speed": 11}), "/speed: 11"),
            (
                json!({"src": "a.srt", "font": {"size": 0}}),
                "/font/size: 0",
            ),
            (
                json!({"src": "a.srt", "style": {"size": 501}}),
                "/style/size: 501",
            ),
            (json!({"src": "a.srt", "font": 3}), "/font: 3"),
            (
                json!({"src": "a.srt", "active": {"font": {"color": "red"}}}),
                "/active/font/color: \"red\"",
            ),
            (
                json!({"src": "a.srt", "active": {"stroke": "thin"}}),
                "/active/stroke: ",
            ),
            (
                json!({"src": "a.srt", "animation": {"style": "shake"}}),
                "/animation/style: \"shake\"",
            ),
            (
                json!({"type": "caption", "src": "a.srt", "font": {"stroke": 1}}),
                "/font/stroke: 1",
            ),
            (
                json!({"type": "caption", "src": "a.srt", "margin": {"top": -1}}),
                "/margin/top: -1",
            ),
        ] {
            let error = read(value).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
