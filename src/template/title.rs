//! The (deprecated) `title` asset: a text in one of ten looks.
//!
//! A look is a face that is shipped, and little else; see `assets/fonts`. Sizes are parts of
//! the frame's shorter side, so that a title is as large in every resolution.

use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Warning};
use crate::template::markup::{Figure, Markup, POSITIONS, escape};
use crate::template::richtext::{
    Background, Colour, Font, Horizontal, MAX_TEXT_CHARS, RichText, TextTransform, Vertical,
};

/// How far a title stays off the edges, as a part of the frame's shorter side.
const INSET: f64 = 0.05;
/// The padding of a title's background, as a part of the letters' size.
const GROUND_PADDING: f64 = 0.25;
/// What an offset may be: a part of the frame's width or height.
const OFFSETS: std::ops::RangeInclusive<f64> = -10.0..=10.0;
/// What a colour may be.
const COLOURS: &str = "a colour as #RRGGBB or #AARRGGBB, alpha first";

/// A look.
#[derive(Clone, Copy)]
struct Look {
    family: &'static str,
    weight: u16,
    is_upper: bool,
    /// Between letters, as a part of their size.
    spacing: f64,
    line_height: f64,
    /// The size of its letters beside those of other looks: some faces are small or wide.
    scale: f64,
    /// Whether it stands on a dark ground unless another is given.
    is_grounded: bool,
}

const PLAIN: Look = Look {
    family: "Montserrat",
    weight: 400,
    is_upper: false,
    spacing: 0.0,
    line_height: 1.2,
    scale: 1.0,
    is_grounded: false,
};

const LOOKS: &[(&str, Look)] = &[
    ("minimal", PLAIN),
    (
        "blockbuster",
        Look {
            family: "Anton",
            is_upper: true,
            spacing: 0.03,
            line_height: 1.25,
            scale: 1.2,
            ..PLAIN
        },
    ),
    (
        "vogue",
        Look {
            family: "Playfair Display",
            weight: 700,
            ..PLAIN
        },
    ),
    (
        "sketchy",
        Look {
            family: "Cabin Sketch",
            scale: 1.1,
            ..PLAIN
        },
    ),
    (
        "skinny",
        Look {
            family: "Raleway",
            weight: 200,
            is_upper: true,
            spacing: 0.08,
            ..PLAIN
        },
    ),
    (
        "chunk",
        Look {
            family: "Alfa Slab One",
            ..PLAIN
        },
    ),
    (
        "chunkLight",
        Look {
            family: "Zilla Slab",
            weight: 300,
            scale: 1.1,
            ..PLAIN
        },
    ),
    (
        "marker",
        Look {
            family: "Permanent Marker",
            line_height: 1.3,
            ..PLAIN
        },
    ),
    (
        "future",
        Look {
            family: "Orbitron",
            weight: 700,
            is_upper: true,
            spacing: 0.05,
            scale: 0.9,
            ..PLAIN
        },
    ),
    (
        "subtitle",
        Look {
            family: "Open Sans",
            weight: 600,
            scale: 0.7,
            is_grounded: true,
            ..PLAIN
        },
    ),
];

/// The height of letters, as a part of the frame's shorter side.
const SIZES: &[(&str, f64)] = &[
    ("xx-small", 0.03),
    ("x-small", 0.04),
    ("small", 0.055),
    ("medium", 0.075),
    ("large", 0.1),
    ("x-large", 0.14),
    ("xx-large", 0.19),
];
/// The size of a title that gives none.
const MEDIUM: f64 = 0.075;

/// Reads a `title` for a frame of this size: its text, and how that is drawn.
pub(super) fn read(
    cursor: &Cursor,
    frame: (u32, u32),
    warnings: &mut Vec<Warning>,
) -> Result<(RichText, Markup), EditError> {
    let object = cursor.object()?;
    object.ignore(&["type"]);
    let written = object.need("text", "a text")?.text(MAX_TEXT_CHARS)?;
    let look = object.choice("style", LOOKS, PLAIN)?;
    let part = object.choice("size", SIZES, MEDIUM)?;
    let shorter = f64::from(frame.0.min(frame.1));
    let size = (shorter * part * look.scale).round().clamp(1.0, 500.0);
    let white = Colour {
        rgb: [255; 3],
        alpha: 1.0,
    };
    let shade = Colour {
        rgb: [0; 3],
        alpha: 0.6,
    };
    let ground = colour(&object, "background")?.or(look.is_grounded.then_some(shade));
    let (down, across) = object.choice("position", POSITIONS, ("center", "center"))?;
    let text = RichText {
        font: Font {
            family: look.family.to_owned(),
            size,
            weight: look.weight,
            italic: false,
            colour: colour(&object, "color")?.unwrap_or(white),
            background: None,
        },
        letter_spacing: (look.spacing * size).round(),
        line_height: look.line_height,
        transform: match look.is_upper {
            true => TextTransform::Uppercase,
            false => TextTransform::None,
        },
        background: ground.map(|ground| Background {
            colour: Some(ground),
            radius: 0.0,
            padding: (size * GROUND_PADDING).round(),
            wrap: true,
        }),
        padding: [(shorter * INSET).round(); 4],
        horizontal: match across {
            "left" => Horizontal::Left,
            "right" => Horizontal::Right,
            _ => Horizontal::Center,
        },
        vertical: match down {
            "start" => Vertical::Top,
            "end" => Vertical::Bottom,
            _ => Vertical::Middle,
        },
        ..RichText::plain(written)
    };
    let mut css = String::new();
    if let Some(cursor) = object.get("offset") {
        let offset = cursor.object()?;
        let along = |name, side: u32| {
            let part = offset.number(name, OFFSETS, 0.0)?;
            Ok::<_, EditError>((part * f64::from(side)).round())
        };
        let (x, y) = (along("x", frame.0)?, along("y", frame.1)?);
        if (x, y) != (0.0, 0.0) {
            css = format!(".text{{transform:translate({x}px,{}px);}}\n", -y);
        }
        offset.finish(warnings);
    }
    object.finish(warnings);
    let figure = Figure {
        body: escape(&text.text),
        css,
        is_grouped: false,
    };
    let markup = text.drawn_as(&figure, frame);
    Ok((text, markup))
}

fn colour(object: &Object, name: &str) -> Result<Option<Colour>, EditError> {
    let Some(cursor) = object.get(name) else {
        return Ok(None);
    };
    let text = cursor.value.as_str().unwrap_or_default();
    if matches!(text, "transparent" | "") && cursor.value.is_string() {
        return Ok(None);
    }
    Colour::from_rgb_hex(text)
        .or_else(|| Colour::from_argb_hex(text))
        .map(Some)
        .ok_or_else(|| cursor.error(COLOURS))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn title(value: Value) -> Result<(RichText, Markup, Vec<Warning>), String> {
        let mut warnings = Vec::new();
        read(&Cursor::root(&value), (1280, 720), &mut warnings)
            .map(|(text, markup)| (text, markup, warnings))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_title_has_its_look_size_place_and_colours() {
        let (text, markup, warnings) = title(json!({
            "type": "title", "text": "Hi", "style": "blockbuster", "size": "large", "color": "#80ff0000",
            "background": "#000000", "position": "bottomLeft", "offset": {"x": 0.1, "y": 0.5}, "glow": 1,
        }))
        .expect("reads");
        assert_eq!((text.font.family.as_str(), text.font.size), ("Anton", 86.0));
        assert_eq!(text.font.colour.rgb, [255, 0, 0]);
        assert_eq!(
            (text.horizontal, text.vertical),
            (Horizontal::Left, Vertical::Bottom)
        );
        assert!(
            markup.css.contains("translate(128px,-360px)"),
            "{}",
            markup.css
        );
        assert_eq!((markup.width, markup.height), (1280, 720));
        assert_eq!(warnings.len(), 1, "of the unknown field: {warnings:?}");
    }

    #[test]
    fn what_a_title_may_be_is_told() {
        for (value, part) in [
            (json!({}), "/text: nothing"),
            (json!({"text": "x", "style": "bold"}), "/style: \"bold\""),
            (json!({"text": "x", "size": "huge"}), "one of xx-small"),
            (json!({"text": "x", "color": "red"}), "#AARRGGBB"),
            (json!({"text": "x", "offset": {"x": 11}}), "/offset/x: 11"),
        ] {
            let error = title(value).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
