//! `svg`: a drawing given as markup.
//!
//! What is drawn is a normal form that holds known elements and attributes only, so
//! that nothing else ever reaches a rasteriser, and white space and comments make
//! no other chunk. What could fetch, run or expand is an error; what is harmless
//! and not drawn, such as text, is left out with a warning.

use std::fmt::Write as _;

use roxmltree::{Document, Node, NodeType, ParsingOptions};

use crate::template::cursor::Object;
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::vector::Vector;

/// The longest markup, in characters.
const MAX_MARKUP: usize = 500_000;

/// The most elements and texts.
const MAX_NODES: u32 = 20_000;

/// The deepest nesting: what draws them recurses.
const MAX_DEPTH: usize = 64;

/// The most warnings about one drawing.
const MAX_WARNINGS: usize = 10;

/// The largest side of a drawing, in pixels.
pub(super) const MAX_SIDE: f64 = 8192.0;

/// The size of a drawing that says none, as browsers have it.
const DEFAULT_SIZE: (f64, f64) = (300.0, 150.0);

const SVG: &str = "http://www.w3.org/2000/svg";

/// What is drawn, or holds or colours what is.
const DRAWN: [&str; 15] = [
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polygon",
    "polyline",
    "defs",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "style",
];

/// What says something about the drawing and is never seen.
const SILENT: [&str; 3] = ["title", "desc", "metadata"];

/// What could run, or show what is elsewhere.
const REFUSED: [&str; 9] = [
    "script",
    "foreignObject",
    "image",
    "feImage",
    "iframe",
    "object",
    "embed",
    "audio",
    "video",
];

/// Attributes that name what is not drawn.
const NOT_DRAWN: [&str; 6] = [
    "filter",
    "mask",
    "marker",
    "marker-start",
    "marker-mid",
    "marker-end",
];

/// Reads the members of an `svg` asset.
pub(super) fn read(object: &Object, warnings: &mut Vec<Warning>) -> Result<Vector, EditError> {
    let src = object.need("src", "SVG markup")?;
    let opacity = object.number("opacity", 0.0..=1.0, 1.0)?;
    let markup = src.text(MAX_MARKUP)?;
    let refused = |what: String, allowed: &str| EditError::new(src.pointer.clone(), what, allowed);
    // What is an entity may expand without end: documents that declare any are not read.
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(markup.trim(), options).map_err(|error| {
        refused(
            error.to_string(),
            "SVG markup without a DTD, of at most 20000 elements",
        )
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" || !is_svg(&root) {
        return Err(refused(
            format!("<{}>", root.tag_name().name()),
            "an <svg> element",
        ));
    }
    let size = size(&root).ok_or_else(|| {
        refused(
            "a width, height or viewBox".into(),
            "lengths of more than 0 and at most 8192 pixels",
        )
    })?;
    let mut writer = Writer {
        out: String::with_capacity(markup.len()),
        pointer: &src.pointer,
        left_out: Vec::new(),
    };
    writer.root(&root, opacity)?;
    warnings.extend(writer.left_out.iter().map(|what| Warning {
        pointer: src.pointer.clone(),
        message: format!("{what} is not drawn"),
    }));
    Ok(Vector {
        what: "svg",
        markup: writer.out,
        size,
        is_boxed: false,
    })
}

fn is_svg(node: &Node) -> bool {
    // Markup without a namespace is meant as if it had the one.
    node.tag_name().namespace().is_none_or(|name| name == SVG)
}

struct Writer<'a> {
    out: String,
    pointer: &'a Pointer,
    left_out: Vec<String>,
}

impl Writer<'_> {
    fn root(&mut self, root: &Node, opacity: f64) -> Result<(), EditError> {
        if opacity < 1.0 {
            let (width, height) = size(root).unwrap_or(DEFAULT_SIZE);
            _ = write!(
                self.out,
                r#"<svg xmlns="{SVG}" width="{width}" height="{height}"><g opacity="{opacity}">"#
            );
            self.element(root, 2, false)?;
            self.out.push_str("</g></svg>");
            return Ok(());
        }
        self.element(root, 0, true)
    }

    fn element(&mut self, node: &Node, depth: usize, outermost: bool) -> Result<(), EditError> {
        if depth > MAX_DEPTH {
            let found = format!("elements nested {depth} deep");
            return Err(self.error(found, &format!("at most {MAX_DEPTH}")));
        }
        let name = node.tag_name().name();
        _ = write!(self.out, "<{name}");
        if outermost {
            _ = write!(self.out, r#" xmlns="{SVG}""#);
        }
        for attribute in node.attributes() {
            self.attribute(attribute.name(), attribute.namespace(), attribute.value())?;
        }
        self.out.push('>');
        for child in node.children() {
            match child.node_type() {
                NodeType::Element => self.child(&child, depth + 1)?,
                NodeType::Text if name == "style" => {
                    let css = child.text().unwrap_or_default();
                    self.check(css)?;
                    escape(&mut self.out, css);
                }
                _ => {}
            }
        }
        _ = write!(self.out, "</{name}>");
        Ok(())
    }

    fn child(&mut self, node: &Node, depth: usize) -> Result<(), EditError> {
        let name = node.tag_name().name();
        if REFUSED.contains(&name) {
            return Err(self.error(
                format!("<{name}>"),
                "shapes, without anything from elsewhere",
            ));
        }
        if !is_svg(node) || SILENT.contains(&name) {
            return Ok(());
        }
        if !DRAWN.contains(&name) {
            self.leave_out(format!("<{name}>"));
            return Ok(());
        }
        self.element(node, depth, false)
    }

    fn attribute(&mut self, name: &str, space: Option<&str>, value: &str) -> Result<(), EditError> {
        if name == "href" && !value.trim_start().starts_with('#') {
            return Err(self.error(format!("href={value:?}"), "a reference such as #name"));
        }
        if name.starts_with("on") {
            return Err(self.error(name.to_owned(), "shapes, without scripts"));
        }
        // Those of other namespaces are for editors, but for the older way to refer.
        if name != "href" && space.is_some() {
            return Ok(());
        }
        if NOT_DRAWN.contains(&name) && value.trim() != "none" {
            self.leave_out(format!("{name}={value:?}"));
            return Ok(());
        }
        self.check(value)?;
        _ = write!(self.out, r#" {name}=""#);
        escape(&mut self.out, value);
        self.out.push('"');
        Ok(())
    }

    /// Refuses what refers to anything outside of the document.
    fn check(&self, value: &str) -> Result<(), EditError> {
        let lower = value.to_ascii_lowercase();
        let outside = lower.split("url(").skip(1).any(|rest| {
            let target =
                rest.trim_start_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
            !target.starts_with('#')
        });
        // A backslash hides the words that are looked for here.
        if outside || lower.contains("@import") || (lower.contains('\\') && lower.contains('(')) {
            return Err(self.error(value.to_owned(), "references such as url(#name)"));
        }
        Ok(())
    }

    fn leave_out(&mut self, what: String) {
        if self.left_out.len() < MAX_WARNINGS && !self.left_out.contains(&what) {
            self.left_out.push(what);
        }
    }

    fn error(&self, found: String, allowed: &str) -> EditError {
        EditError::new(self.pointer.clone(), found, allowed)
    }
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => out.push(' '),
            other => out.push(other),
        }
    }
}

/// Width and height in pixels: what they say, else the view box, else 300 by 150.
/// One alone takes the other from the view box's shape. `None` if out of bounds.
fn size(root: &Node) -> Option<(f64, f64)> {
    let view = match root.attribute("viewBox") {
        Some(text) => {
            let numbers: Vec<f64> = text
                .split(|c: char| c.is_whitespace() || c == ',')
                .filter(|part| !part.is_empty())
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()?;
            let [_, _, width, height] = numbers[..] else {
                return None;
            };
            Some((width, height))
        }
        None => None,
    };
    let fallback = view.unwrap_or(DEFAULT_SIZE);
    let of = |name, whole: f64| match root.attribute(name) {
        Some(text) => length(text, whole).map(Some),
        None => Some(None),
    };
    let size = match (of("width", fallback.0)?, of("height", fallback.1)?) {
        (Some(width), Some(height)) => (width, height),
        (Some(width), None) => (width, width * fallback.1 / fallback.0),
        (None, Some(height)) => (height * fallback.0 / fallback.1, height),
        (None, None) => fallback,
    };
    let within = |side: f64| side > 0.0 && side <= MAX_SIDE;
    (within(size.0) && within(size.1)).then_some(size)
}

/// A CSS length in pixels.
fn length(text: &str, whole: f64) -> Option<f64> {
    const UNITS: [(&str, f64); 8] = [
        ("px", 1.0),
        ("pt", 96.0 / 72.0),
        ("pc", 16.0),
        ("in", 96.0),
        ("cm", 96.0 / 2.54),
        ("mm", 96.0 / 25.4),
        ("em", 16.0),
        ("", 1.0),
    ];
    let text = text.trim();
    if let Some(share) = text.strip_suffix('%') {
        return share
            .trim()
            .parse::<f64>()
            .ok()
            .map(|share| whole * share / 100.0);
    }
    let (number, unit) = UNITS
        .iter()
        .find_map(|(unit, pixels)| Some((text.strip_suffix(unit)?, pixels)))?;
    number
        .trim()
        .parse::<f64>()
        .ok()
        .map(|number| number * unit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::cursor::Cursor;

    fn svg(src: &str) -> Result<(Vector, Vec<String>), String> {
        let mut warnings = Vec::new();
        let asset = json!({"src": src});
        let object = Cursor::root(&asset).object().expect("an object");
        let read = read(&object, &mut warnings).map_err(|error| error.to_string())?;
        Ok((read, warnings.iter().map(Warning::to_string).collect()))
    }

    #[test]
    fn white_space_comments_and_what_editors_add_make_no_other_drawing() {
        let plain = svg(r#"<svg width="10" height="20"><circle cx="5" cy="5" r="4"/></svg>"#);
        let edited = svg(r#"<?xml version="1.0"?> <!-- made by hand -->
            <svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://x" width="10" x:label="a" height="20">
              <title>T</title> <x:view/> <circle cx="5" cy="5" r="4"></circle>
            </svg>"#);
        let (plain, _) = plain.expect("reads");
        assert_eq!(plain, edited.expect("reads").0);
        assert_eq!(plain.size, (10.0, 20.0));
    }

    #[test]
    fn the_size_is_what_it_says_else_its_view_box() {
        for (attributes, expected) in [
            (r#"width="20" height="10""#, Some((20.0, 10.0))),
            (r#"width="1in" height="3pt""#, Some((96.0, 4.0))),
            (r#"viewBox="0 0 40,30""#, Some((40.0, 30.0))),
            (r#"width="80" viewBox="0 0 40 30""#, Some((80.0, 60.0))),
            (r#"height="60" viewBox="0 0 40 30""#, Some((80.0, 60.0))),
            (
                r#"width="100%" height="50%" viewBox="0 0 40 30""#,
                Some((40.0, 15.0)),
            ),
            ("", Some((300.0, 150.0))),
            (r#"width="0" height="5""#, None),
            (r#"width="-5" height="5""#, None),
            (r#"width="9000" height="5""#, None),
            (r#"width="wide" height="5""#, None),
            (r#"viewBox="0 0 0 5""#, None),
            (r#"width="5" viewBox="0 0 NaN 5""#, None),
        ] {
            let read = svg(&format!("<svg {attributes}/>")).ok();
            assert_eq!(
                read.map(|(vector, _)| vector.size),
                expected,
                "{attributes}"
            );
        }
    }

    #[test]
    fn what_could_fetch_run_or_expand_is_refused() {
        let deep = format!("<svg>{}{}</svg>", "<g>".repeat(70), "</g>".repeat(70));
        let many = format!("<svg>{}</svg>", "<g/>".repeat(20_001));
        for (src, part) in [
            ("<svg><script>x</script></svg>", "<script>"),
            ("<svg><g><foreignObject/></g></svg>", "<foreignObject>"),
            (r#"<svg><image href="a.png"/></svg>"#, "<image>"),
            (r#"<svg><rect onclick="x()"/></svg>"#, "onclick"),
            (r#"<svg><linearGradient href="http://x/#a"/></svg>"#, "href"),
            (
                r#"<svg><rect fill="url(http://x)"/></svg>"#,
                "url(http://x)",
            ),
            (
                r#"<svg><rect style="fill: URL( 'x.svg#a' )"/></svg>"#,
                "URL(",
            ),
            (
                r#"<svg><style>rect { fill: \75rl(x) }</style></svg>"#,
                "fill",
            ),
            ("<svg><style>@import 'x';</style></svg>", "@import"),
            (r#"<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>"#, "DTD"),
            ("<svg><g></svg>", "expected SVG markup"),
            ("<div/>", "<div>"),
            ("", "/src"),
            (&deep, "nested 65 deep"),
            (&many, "limit"),
        ] {
            let error = svg(src).expect_err(part);
            assert!(error.contains(part) && error.starts_with("/src"), "{error}");
        }
    }

    #[test]
    fn what_is_harmless_and_not_drawn_is_left_out_with_a_warning() {
        let (vector, warnings) = svg(
            r##"<svg><text>Hi</text><text/><rect filter="url(#a)" fill="url(#b)" width="5"/></svg>"##,
        )
        .expect("reads");
        assert!(
            vector
                .markup
                .ends_with(r#"<rect fill="url(#b)" width="5"></rect></svg>"#),
            "{}",
            vector.markup
        );
        assert_eq!(
            warnings,
            [
                "/src: <text> is not drawn",
                r##"/src: filter="url(#a)" is not drawn"##
            ]
        );
    }
}
