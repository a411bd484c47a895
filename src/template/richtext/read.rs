//! From the wire to the checked form: every field of the text assets, its
//! range and its default.

use serde_json::Value;

use super::animation::{self, read_animation};
use super::field::{Colour, FieldError, choice, colour, flag, number, pixels, text};
use super::wire::{
    AlignWire, BackgroundWire, BorderWire, FontWire, GradientWire, PaddingWire, RichTextAsset,
    ShadowWire, StrokeWire, TextAsset,
};
use super::{
    Background, Border, DEFAULT_FAMILY, DEFAULT_LINE_HEIGHT, DEFAULT_SIZE, Font, Gradient,
    Horizontal, MAX_BOX_SIDE, MAX_ELLIPSIS_CHARS, MAX_FAMILY_CHARS, MAX_GRADIENT_STOPS,
    MAX_TEXT_CHARS, RichText, Shadow, Stroke, TextDecoration, TextTransform, Vertical,
};

/// The largest padding, border, radius, shadow offset or blur in pixels.
const MAX_LENGTH: f64 = 1000.0;

impl TryFrom<&RichTextAsset> for RichText {
    type Error = FieldError;

    fn try_from(asset: &RichTextAsset) -> Result<Self, FieldError> {
        let font = asset.font.clone().unwrap_or_default();
        let style = asset.style.clone().unwrap_or_default();
        if let Some(value) = &font.line_height {
            return Err(FieldError::new(
                "/font/lineHeight",
                value,
                "no such field: it is /style/lineHeight",
            ));
        }
        let stroke = match &asset.stroke {
            Some(stroke) => read_stroke("/stroke", stroke)?,
            None => font
                .stroke
                .as_ref()
                .map_or(Ok(None), |stroke| read_stroke("/font/stroke", stroke))?,
        };
        Ok(Self {
            text: required_text(&asset.text)?,
            font: read_font(&font)?,
            letter_spacing: number(
                "/style/letterSpacing",
                &style.letter_spacing,
                -100.0..=500.0,
                0.0,
            )?,
            word_spacing: number(
                "/style/wordSpacing",
                &style.word_spacing,
                -100.0..=500.0,
                0.0,
            )?,
            line_height: number(
                "/style/lineHeight",
                &style.line_height,
                0.1..=10.0,
                DEFAULT_LINE_HEIGHT,
            )?,
            transform: choice(
                "/style/textTransform",
                &style.text_transform,
                TRANSFORMS,
                TextTransform::None,
            )?,
            decoration: choice(
                "/style/textDecoration",
                &style.text_decoration,
                DECORATIONS,
                TextDecoration::None,
            )?,
            gradient: style.gradient.as_ref().map(read_gradient).transpose()?,
            stroke,
            shadow: asset.shadow.as_ref().map(read_shadow).transpose()?,
            background: asset.background.as_ref().map(read_background).transpose()?,
            border: asset.border.as_ref().map_or(Ok(None), read_border)?,
            padding: read_padding(&asset.padding)?,
            horizontal: read_horizontal("/align", &asset.align)?,
            vertical: read_vertical("/align", &asset.align)?,
            width: pixels("/width", &asset.width, 1..=MAX_BOX_SIDE)?,
            height: pixels("/height", &asset.height, 1..=MAX_BOX_SIDE)?,
            animation: asset.animation.as_ref().map(read_animation).transpose()?,
            ellipsis: None,
            notes: Vec::new(),
        })
    }
}

impl TryFrom<&TextAsset> for RichText {
    type Error = FieldError;

    fn try_from(asset: &TextAsset) -> Result<Self, FieldError> {
        let font = asset.font.clone().unwrap_or_default();
        Ok(Self {
            text: required_text(&asset.text)?,
            font: read_font(&font)?,
            letter_spacing: 0.0,
            word_spacing: 0.0,
            line_height: number(
                "/font/lineHeight",
                &font.line_height,
                0.1..=10.0,
                DEFAULT_LINE_HEIGHT,
            )?,
            transform: TextTransform::None,
            decoration: TextDecoration::None,
            gradient: None,
            stroke: asset
                .stroke
                .as_ref()
                .map_or(Ok(None), |stroke| read_stroke("/stroke", stroke))?,
            shadow: None,
            background: asset.background.as_ref().map(read_background).transpose()?,
            border: None,
            padding: [0.0; 4],
            horizontal: read_horizontal("/alignment", &asset.alignment)?,
            vertical: read_vertical("/alignment", &asset.alignment)?,
            width: pixels("/width", &asset.width, 1..=MAX_BOX_SIDE)?,
            height: pixels("/height", &asset.height, 1..=MAX_BOX_SIDE)?,
            animation: asset
                .animation
                .as_ref()
                .map(|animation| animation::read_of(animation, animation::TYPEWRITER))
                .transpose()?,
            ellipsis: text("/ellipsis", &asset.ellipsis, MAX_ELLIPSIS_CHARS)?,
            notes: Vec::new(),
        })
    }
}

const TRANSFORMS: &[(&str, TextTransform)] = &[
    ("none", TextTransform::None),
    ("uppercase", TextTransform::Uppercase),
    ("lowercase", TextTransform::Lowercase),
    ("capitalize", TextTransform::Capitalize),
];
const DECORATIONS: &[(&str, TextDecoration)] = &[
    ("none", TextDecoration::None),
    ("underline", TextDecoration::Underline),
    ("line-through", TextDecoration::LineThrough),
];

/// The pointers of the members of `value` that the wire type `T` does not know.
pub(crate) fn unknown_fields<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(pointer_of(&path));
    // Whether it fits is told by reading it.
    let _ = serde_ignored::deserialize::<_, _, T>(value, &mut note);
    unknown.retain(|pointer| pointer != "/type");
    unknown
}

fn pointer_of(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}/{index}", pointer_of(parent)),
        Path::Map { parent, key } => format!("{}/{key}", pointer_of(parent)),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => pointer_of(parent),
    }
}

/// Reads a wire type; the path of what does not fit becomes the pointer.
pub(crate) fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, FieldError> {
    let mut value = value.clone();
    if let Value::Object(fields) = &mut value {
        fields.shift_remove("type");
    }
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let steps = error.path().iter().filter_map(|step| match step {
            serde_path_to_error::Segment::Map { key } => Some(format!("/{key}")),
            serde_path_to_error::Segment::Seq { index } => Some(format!("/{index}")),
            _ => None,
        });
        let pointer: String = steps.collect();
        let found = value.pointer(&pointer).cloned().unwrap_or(Value::Null);
        FieldError::new(&pointer, found, error.inner().to_string())
    })
}

fn required_text(value: &Option<Value>) -> Result<String, FieldError> {
    text("/text", value, MAX_TEXT_CHARS)?.ok_or_else(|| {
        FieldError::new(
            "/text",
            "nothing",
            format!("a text of at most {MAX_TEXT_CHARS} characters"),
        )
    })
}

fn read_font(font: &FontWire) -> Result<Font, FieldError> {
    let weight = match &font.weight {
        Some(Value::String(name)) if name == "normal" => 400.0,
        Some(Value::String(name)) if name == "bold" => 700.0,
        other => number("/font/weight", other, 1.0..=1000.0, 400.0)?,
    };
    let alpha = number("/font/opacity", &font.opacity, 0.0..=1.0, 1.0)?;
    let black = Colour { rgb: [0; 3], alpha };
    let family = text("/font/family", &font.family, MAX_FAMILY_CHARS)?
        .filter(|name| !name.trim().is_empty());
    Ok(Font {
        family: family.unwrap_or_else(|| DEFAULT_FAMILY.to_owned()),
        size: number("/font/size", &font.size, 1.0..=500.0, DEFAULT_SIZE)?,
        weight: weight.round() as u16,
        italic: choice(
            "/font/style",
            &font.style,
            &[("normal", false), ("italic", true), ("oblique", true)],
            false,
        )?,
        colour: colour("/font/color", &font.color, "/font/opacity", &font.opacity)?
            .unwrap_or(black),
        background: colour(
            "/font/background",
            &font.background,
            "/font/background",
            &None,
        )?,
    })
}

fn read_gradient(gradient: &GradientWire) -> Result<Gradient, FieldError> {
    let stops = gradient.stops.as_deref().unwrap_or_default();
    if !(2..=MAX_GRADIENT_STOPS).contains(&stops.len()) {
        let expected = format!("2 to {MAX_GRADIENT_STOPS} stops");
        return Err(FieldError::new(
            "/style/gradient/stops",
            format_args!("{} stops", stops.len()),
            expected,
        ));
    }
    let mut read = Vec::with_capacity(stops.len());
    let mut last = 0.0;
    for (index, stop) in stops.iter().enumerate() {
        let at = format!("/style/gradient/stops/{index}");
        let missing = |name| FieldError::new(&format!("{at}/{name}"), "nothing", "a value");
        if stop.offset.is_none() {
            return Err(missing("offset"));
        }
        let offset = number(&format!("{at}/offset"), &stop.offset, 0.0..=1.0, 0.0)?;
        if offset < last {
            return Err(FieldError::new(
                &format!("{at}/offset"),
                offset,
                format!("at least the offset before, {last}"),
            ));
        }
        last = offset;
        let place = format!("{at}/color");
        read.push((
            offset,
            colour(&place, &stop.color, &place, &None)?.ok_or_else(|| missing("color"))?,
        ));
    }
    Ok(Gradient {
        radial: choice(
            "/style/gradient/type",
            &gradient.kind,
            &[("linear", false), ("radial", true)],
            false,
        )?,
        angle: number(
            "/style/gradient/angle",
            &gradient.angle,
            -360.0..=360.0,
            0.0,
        )?,
        stops: read,
    })
}

/// A stroke of width 0 is none.
fn read_stroke(at: &str, stroke: &StrokeWire) -> Result<Option<Stroke>, FieldError> {
    let width = number(&format!("{at}/width"), &stroke.width, 0.0..=100.0, 0.0)?;
    let colour = coloured(at, &stroke.color, &stroke.opacity, 1.0)?;
    Ok((width > 0.0).then_some(Stroke { width, colour }))
}

fn read_shadow(shadow: &ShadowWire) -> Result<Shadow, FieldError> {
    let length = |name: &str, value| {
        number(
            &format!("/shadow/{name}"),
            value,
            -MAX_LENGTH..=MAX_LENGTH,
            0.0,
        )
    };
    Ok(Shadow {
        offset: (
            length("offsetX", &shadow.offset_x)?,
            length("offsetY", &shadow.offset_y)?,
        ),
        blur: number("/shadow/blur", &shadow.blur, 0.0..=MAX_LENGTH, 0.0)?,
        colour: coloured("/shadow", &shadow.color, &shadow.opacity, 0.5)?,
    })
}

fn read_background(background: &BackgroundWire) -> Result<Background, FieldError> {
    let at = "/background";
    Ok(Background {
        colour: colour(
            &format!("{at}/color"),
            &background.color,
            &format!("{at}/opacity"),
            &background.opacity,
        )?,
        radius: number(
            &format!("{at}/borderRadius"),
            &background.border_radius,
            0.0..=MAX_LENGTH,
            0.0,
        )?,
        padding: number(
            &format!("{at}/padding"),
            &background.padding,
            0.0..=MAX_LENGTH,
            0.0,
        )?,
        wrap: flag(&format!("{at}/wrap"), &background.wrap, false)?,
    })
}

/// A border of width 0 is none.
fn read_border(border: &BorderWire) -> Result<Option<Border>, FieldError> {
    let width = number("/border/width", &border.width, 0.0..=MAX_LENGTH, 0.0)?;
    let colour = coloured("/border", &border.color, &border.opacity, 1.0)?;
    let radius = match border.radius {
        Some(_) => Some(number(
            "/border/radius",
            &border.radius,
            0.0..=MAX_LENGTH,
            0.0,
        )?),
        None => None,
    };
    Ok((width > 0.0).then_some(Border {
        width,
        colour,
        radius,
    }))
}

/// `{at}/color` with `{at}/opacity`; black at `default_alpha` where absent.
fn coloured(
    at: &str,
    value: &Option<Value>,
    opacity: &Option<Value>,
    default_alpha: f64,
) -> Result<Colour, FieldError> {
    let opacity_at = format!("{at}/opacity");
    let alpha = number(&opacity_at, opacity, 0.0..=1.0, default_alpha)?;
    let read = colour(&format!("{at}/color"), value, &opacity_at, opacity)?;
    Ok(Colour {
        alpha,
        ..read.unwrap_or(Colour { rgb: [0; 3], alpha })
    })
}

fn read_padding(value: &Option<Value>) -> Result<[f64; 4], FieldError> {
    let Some(sides @ Value::Object(_)) = value else {
        return number("/padding", value, 0.0..=MAX_LENGTH, 0.0).map(|all| [all; 4]);
    };
    let sides: PaddingWire = serde_json::from_value(sides.clone())
        .map_err(|error| FieldError::new("/padding", sides, error.to_string()))?;
    let side =
        |name: &str, value| number(&format!("/padding/{name}"), value, 0.0..=MAX_LENGTH, 0.0);
    Ok([
        side("top", &sides.top)?,
        side("right", &sides.right)?,
        side("bottom", &sides.bottom)?,
        side("left", &sides.left)?,
    ])
}

fn read_horizontal(at: &str, align: &Option<AlignWire>) -> Result<Horizontal, FieldError> {
    let names = [
        ("left", Horizontal::Left),
        ("center", Horizontal::Center),
        ("right", Horizontal::Right),
    ];
    let value = align.as_ref().and_then(|align| align.horizontal.clone());
    choice(
        &format!("{at}/horizontal"),
        &value,
        &names,
        Horizontal::Center,
    )
}

fn read_vertical(at: &str, align: &Option<AlignWire>) -> Result<Vertical, FieldError> {
    // The deprecated asset calls the middle `center`; both are taken in both.
    let names = [
        ("top", Vertical::Top),
        ("middle", Vertical::Middle),
        ("center", Vertical::Middle),
        ("bottom", Vertical::Bottom),
    ];
    let value = align.as_ref().and_then(|align| align.vertical.clone());
    choice(&format!("{at}/vertical"), &value, &names, Vertical::Middle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;
    use serde_json::json;

    #[test]
    fn a_text_alone_has_the_documented_defaults() {
        let text = RichText::from_value(&json!({"type": "rich-text", "text": "Hi"})).unwrap();
        assert_eq!(text.font.family, "Open Sans");
        assert_eq!(
            (text.font.size, text.font.weight, text.line_height),
            (24.0, 400, 1.2)
        );
        assert_eq!(
            (text.horizontal, text.vertical),
            (Horizontal::Center, Vertical::Middle)
        );
        assert_eq!(text.size((1280, 720)), (1280, 720));
        assert!(text.notes.is_empty());
    }

    #[test]
    fn every_bad_field_is_refused_by_its_pointer() {
        let cases = [
            (json!({}), "/text"),
            (json!({"text": "x".repeat(5001)}), "/text"),
            (json!({"text": "x", "font": {"size": 501}}), "/font/size"),
            (
                json!({"text": "x", "font": {"weight": "heavy"}}),
                "/font/weight",
            ),
            (
                json!({"text": "x", "font": {"color": "red"}}),
                "/font/color",
            ),
            (
                json!({"text": "x", "font": {"stroke": {"width": -1}}}),
                "/font/stroke/width",
            ),
            (
                json!({"text": "x", "style": {"textTransform": "shout"}}),
                "/style/textTransform",
            ),
            (
                json!({"text": "x", "style": {"gradient": {"stops": []}}}),
                "/style/gradient/stops",
            ),
            (
                json!({"text": "x", "style": {"gradient": {"stops": [
                {"offset": 0.5, "color": "#000000"}, {"offset": 0.2, "color": "#000000"}]}}}),
                "/style/gradient/stops/1/offset",
            ),
            (
                json!({"text": "x", "shadow": {"opacity": 1.5}}),
                "/shadow/opacity",
            ),
            (
                json!({"text": "x", "background": {"wrap": "maybe"}}),
                "/background/wrap",
            ),
            (
                json!({"text": "x", "border": {"color": "#80000000"}}),
                "/border/color",
            ),
            (
                json!({"text": "x", "padding": {"left": "wide"}}),
                "/padding/left",
            ),
            (
                json!({"text": "x", "align": {"vertical": "up"}}),
                "/align/vertical",
            ),
            (json!({"text": "x", "width": 0}), "/width"),
            (json!({"text": "x", "font": "big"}), "/font"),
        ];
        for (asset, pointer) in cases {
            let error = RichText::from_value(&asset).unwrap_err();
            assert_eq!(error.pointer, pointer, "{error}");
        }
    }

    #[test]
    fn numbers_as_strings_and_both_paddings_are_read() {
        let text = RichText::from_value(&json!({
            "text": 42, "font": {"size": "36", "weight": "700"}, "padding": {"left": "4", "top": 2},
            "width": "640", "stroke": {"width": 0, "color": "#ff0000"},
        }))
        .unwrap();
        assert_eq!(
            (text.text.as_str(), text.font.size, text.font.weight),
            ("42", 36.0, 700)
        );
        assert_eq!(text.padding, [2.0, 0.0, 0.0, 4.0]);
        assert_eq!(text.size((1280, 720)), (640, 720));
        assert_eq!(text.stroke, None);
    }

    #[test]
    fn the_deprecated_text_has_its_own_fields() {
        let text = RichText::from_text_value(
            &json!({"text": "x", "animation": {"preset": "typewriter"}, "ellipsis": "…",
                    "font": {"lineHeight": "2"}, "alignment": {"vertical": "center"}}),
        )
        .unwrap();
        assert_eq!((text.line_height, text.vertical), (2.0, Vertical::Middle));
        assert_eq!(text.settles(), Time::from_seconds(2));
        assert_eq!(text.drawn_text(), "x…");
        let error =
            RichText::from_text_value(&json!({"text": "x", "animation": {"preset": "fadeIn"}}))
                .unwrap_err();
        assert_eq!(
            error.to_string(),
            "/animation/preset: \"fadeIn\" is not allowed: expected one of typewriter"
        );
    }

    #[test]
    fn the_drawn_text_is_the_one_after_the_change_of_case() {
        let text = RichText::from_value(
            &json!({"text": "straße", "style": {"textTransform": "uppercase"}}),
        )
        .unwrap();
        assert_eq!(text.drawn_text(), "STRASSE");
    }
}
