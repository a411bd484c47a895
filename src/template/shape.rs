//! `shape`: a rectangle, a circle or a line, drawn in the middle of its box.

use crate::template::cursor::{Cursor, Object};
use crate::template::edit;
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::svg::MAX_SIDE;
use crate::template::vector::Vector;
use crate::timeline::Rgb;

/// The widest stroke, in pixels.
const MAX_STROKE: f64 = 1000.0;

/// The width of a stroke that gives none.
const STROKE: f64 = 1.0;

/// The colour of a fill that gives none.
const FILL: Rgb = Rgb([255, 255, 255]);

#[derive(Clone, Copy)]
enum Shape {
    /// Width, height, radius of the corners.
    Rectangle(f64, f64, f64),
    /// Radius.
    Circle(f64),
}

const SHAPES: [(&str, &str); 3] = [
    ("rectangle", "rectangle"),
    ("circle", "circle"),
    ("line", "line"),
];

/// Reads the members of a `shape` asset; `frame` is the size of its box where it
/// gives none.
pub(super) fn read(
    object: &Object,
    frame: (u32, u32),
    warnings: &mut Vec<Warning>,
) -> Result<Vector, EditError> {
    let kind = object
        .need("shape", "rectangle, circle or line")?
        .choice(&SHAPES)?;
    let form = object.need(kind, "the measures of the shape")?.object()?;
    let shape = match kind {
        "rectangle" => Shape::Rectangle(
            side(&form, "width")?,
            side(&form, "height")?,
            form.number("cornerRadius", 0.0..=MAX_SIDE, 0.0)?,
        ),
        "circle" => Shape::Circle(side(&form, "radius")?),
        _ => Shape::Rectangle(side(&form, "length")?, side(&form, "thickness")?, 0.0),
    };
    form.finish(warnings);
    // The measures of the shapes that it is not have no effect.
    object.ignore(&["rectangle", "circle", "line"]);
    let style = Style::read(object, warnings)?;
    if !style.is_seen() {
        warnings.push(Warning {
            pointer: object.pointer.clone(),
            message: "it has neither a fill nor a stroke: nothing of it is seen".into(),
        });
    }
    let (across, down) = match shape {
        Shape::Rectangle(width, height, _) => (width, height),
        Shape::Circle(radius) => (2.0 * radius, 2.0 * radius),
    };
    // Half of the stroke lies outside of the edge, on both sides.
    let stroke = style.stroke.map_or(0.0, |(_, width)| width);
    let of_box = |name, frame: u32, least: f64| {
        let side = object
            .get(name)
            .map(|cursor| measure(&cursor))
            .transpose()?;
        Ok::<_, EditError>(side.unwrap_or(f64::from(frame)).max(least + stroke))
    };
    let size = (
        of_box("width", frame.0, across)?,
        of_box("height", frame.1, down)?,
    );
    within(&object.pointer, size)?;
    Ok(Vector {
        what: "shape",
        markup: markup(shape, &style, size),
        size,
        is_boxed: true,
    })
}

struct Style {
    /// Colour and opacity.
    fill: Option<(Rgb, f64)>,
    /// Colour and width.
    stroke: Option<(Rgb, f64)>,
}

impl Style {
    fn read(object: &Object, warnings: &mut Vec<Warning>) -> Result<Self, EditError> {
        let color = |object: &Object, default| {
            object
                .get("color")
                .map_or(Ok(default), |cursor| edit::color(&cursor))
        };
        let mut style = Self {
            fill: None,
            stroke: None,
        };
        if let Some(cursor) = object.get("fill") {
            let fill = cursor.object()?;
            style.fill = Some((color(&fill, FILL)?, fill.number("opacity", 0.0..=1.0, 1.0)?));
            fill.finish(warnings);
        }
        if let Some(cursor) = object.get("stroke") {
            let stroke = cursor.object()?;
            let width = stroke.number("width", 0.0..=MAX_STROKE, STROKE)?;
            style.stroke = Some((color(&stroke, Rgb::default())?, width));
            stroke.finish(warnings);
        }
        Ok(style)
    }

    fn is_seen(&self) -> bool {
        self.fill.is_some_and(|(_, opacity)| opacity > 0.0)
            || self.stroke.is_some_and(|(_, width)| width > 0.0)
    }

    fn attributes(&self) -> String {
        let hex = |Rgb([r, g, b])| format!("#{r:02x}{g:02x}{b:02x}");
        let mut attributes = match self.fill {
            Some((color, opacity)) => {
                format!(r#"fill="{}" fill-opacity="{opacity}""#, hex(color))
            }
            None => r#"fill="none""#.to_owned(),
        };
        if let Some((color, width)) = self.stroke.filter(|(_, width)| *width > 0.0) {
            attributes += &format!(r#" stroke="{}" stroke-width="{width}""#, hex(color));
        }
        attributes
    }
}

fn markup(shape: Shape, style: &Style, (width, height): (f64, f64)) -> String {
    let (x, y) = (width / 2.0, height / 2.0);
    let style = style.attributes();
    let element = match shape {
        Shape::Rectangle(across, down, radius) => {
            let radius = radius.min(across / 2.0).min(down / 2.0);
            let (left, top) = (x - across / 2.0, y - down / 2.0);
            format!(
                r#"<rect x="{left}" y="{top}" width="{across}" height="{down}" rx="{radius}" {style}/>"#
            )
        }
        Shape::Circle(radius) => format!(r#"<circle cx="{x}" cy="{y}" r="{radius}" {style}/>"#),
    };
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{element}</svg>"#
    )
}

fn side(object: &Object, name: &str) -> Result<f64, EditError> {
    measure(&object.need(name, "a number of pixels")?)
}

/// A length in whole or broken pixels, of more than nothing.
fn measure(cursor: &Cursor) -> Result<f64, EditError> {
    const LEAST: f64 = 0.1;
    cursor.number(&(LEAST..=MAX_SIDE))
}

fn within(pointer: &Pointer, (width, height): (f64, f64)) -> Result<(), EditError> {
    if width <= MAX_SIDE && height <= MAX_SIDE {
        return Ok(());
    }
    Err(EditError::new(
        pointer.clone(),
        format!("a box of {width}x{height} with the stroke"),
        format!("sides of at most {MAX_SIDE} pixels"),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shape(value: Value) -> Result<(Vector, Vec<String>), String> {
        let mut warnings = Vec::new();
        let object = Cursor::root(&value).object().expect("an object");
        let read = read(&object, (640, 360), &mut warnings).map_err(|error| error.to_string())?;
        object.finish(&mut warnings);
        Ok((read, warnings.iter().map(Warning::to_string).collect()))
    }

    #[test]
    fn a_shape_stands_in_the_middle_of_its_box_which_has_room_for_its_stroke() {
        for (value, size, element) in [
            (
                json!({"shape": "rectangle", "rectangle": {"width": 100, "height": 50, "cornerRadius": 80},
                       "fill": {"color": "#ff0000", "opacity": 0.5}}),
                (640.0, 360.0),
                r##"<rect x="270" y="155" width="100" height="50" rx="25" fill="#ff0000" fill-opacity="0.5"/>"##,
            ),
            (
                json!({"shape": "circle", "circle": {"radius": 10}, "width": 5, "height": 100,
                       "stroke": {"width": 4}}),
                (24.0, 100.0),
                r##"<circle cx="12" cy="50" r="10" fill="none" stroke="#000000" stroke-width="4"/>"##,
            ),
            (
                json!({"shape": "line", "line": {"length": 30, "thickness": 2}, "fill": {}, "width": 30, "height": 2}),
                (30.0, 2.0),
                r##"<rect x="0" y="0" width="30" height="2" rx="0" fill="#ffffff" fill-opacity="1"/>"##,
            ),
        ] {
            let (vector, warnings) = shape(value).expect("reads");
            assert_eq!(vector.size, size);
            assert!(vector.markup.contains(element), "{}", vector.markup);
            assert_eq!(warnings, [""; 0]);
        }
    }

    #[test]
    fn what_a_shape_lacks_is_named() {
        for (value, part) in [
            (json!({"shape": "star"}), "/shape: \"star\""),
            (json!({"shape": "circle"}), "/circle: nothing"),
            (
                json!({"shape": "circle", "circle": {"radius": 0}}),
                "/circle/radius: 0",
            ),
            (
                json!({"shape": "line", "line": {"length": 8192, "thickness": 2}, "stroke": {"width": 2}}),
                "a box of 8194x",
            ),
        ] {
            let error = shape(value).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
        let unseen = json!({"shape": "circle", "circle": {"radius": 5}, "rectangle": {}});
        let (_, warnings) = shape(unseen).expect("reads");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }
}
