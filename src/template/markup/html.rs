//! The (deprecated) `html` asset and the `html5` asset: markup a template brings along.
//!
//! The markup is put into a body of exactly the asset's size. What could reach
//! outside of the asset, or would run, is refused with a clear error
//! instead of being dropped: scripts, event handlers, frames, pictures and
//! other things with an address. This is honesty towards the template's author:
//! the rasteriser itself runs no scripts and opens no addresses.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Markup, legacy};
use crate::template::cursor::Cursor;
use crate::template::error::{EditError, Warning};
use crate::template::richtext::field::{choice, pixels, text};
use crate::template::richtext::{Colour, DEFAULT_FAMILY, FieldError, MAX_BOX_SIDE, read};

/// The longest HTML or CSS of one asset, in characters.
pub const MAX_SOURCE_CHARS: usize = 100_000;

/// The longest HTML of an `html5` asset, in characters.
pub const MAX_PAGE_CHARS: usize = 1_000_000;
/// The longest style sheet of an `html5` asset, in characters.
pub const MAX_PAGE_CSS_CHARS: usize = 500_000;

/// Elements that run, load or embed something.
const REFUSED_ELEMENTS: &[&str] = &[
    "applet", "audio", "base", "embed", "frame", "frameset", "iframe", "image", "img", "link",
    "object", "picture", "script", "source", "track", "use", "video",
];
/// Attributes that load something. `href` is missing because only `a` can have it here, where it does nothing.
const REFUSED_ATTRIBUTES: &[&str] = &["background", "src", "srcset", "xlink:href"];

/// `{"type": "html", ...}` without its `type`, as an Edit writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HtmlAsset {
    /// The markup. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<Value>,
    /// Its style sheet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub css: Option<Value>,
    /// Width of the box in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Value>,
    /// Height of the box in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Value>,
    /// `transparent`, `#RRGGBB` or `#AARRGGBB`, alpha first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<Value>,
    /// Where the content stands in the box: one of nine anchors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Value>,
}

/// A checked `html` asset.
#[derive(Debug, Clone, PartialEq)]
pub struct HtmlBox {
    /// The markup without its `<style>` elements.
    pub html: String,
    /// The style sheet, followed by the content of the `<style>` elements, in today's CSS.
    pub css: String,
    /// Width of the box; the frame's where absent.
    pub width: Option<u32>,
    /// Height of the box; the frame's where absent.
    pub height: Option<u32>,
    /// Transparent by default.
    pub background: Option<Colour>,
    /// `align-content` and `text-align` of the body; `center` both by default.
    pub position: (&'static str, &'static str),
}

impl HtmlBox {
    /// Reads an `html` asset from its JSON; its `type` is left to the caller.
    pub fn from_value(value: &Value) -> Result<Self, FieldError> {
        read::<HtmlAsset>(value).and_then(|asset| Self::try_from(&asset))
    }

    /// The markup of this asset in a frame of `frame` pixels.
    ///
    /// The body is the box; the asset's own rules follow ours, so they win. The margins
    /// that a paragraph has by itself count between paragraphs only: they would push the
    /// text of a tight box out of it.
    pub fn to_markup(&self, frame: (u32, u32)) -> Markup {
        let (width, height) = (
            self.width.unwrap_or(frame.0),
            self.height.unwrap_or(frame.1),
        );
        let (down, across) = self.position;
        let ground = self.background.map_or(String::new(), |colour| {
            format!("background-color:{colour};")
        });
        let css = format!(
            "html,body{{margin:0;width:{width}px;height:{height}px;}}\n\
             body{{box-sizing:border-box;display:block;align-content:{down};text-align:{across};\
             font-family:\"{DEFAULT_FAMILY}\";font-size:16px;color:#000;{ground}}}\n\
             :where(body>:first-child){{margin-top:0;}}\n:where(body>:last-child){{margin-bottom:0;}}\n{}",
            self.css
        );
        Markup {
            html: format!("<!doctype html><html><body>{}</body></html>", self.html),
            css,
            width,
            height,
        }
    }
}

impl TryFrom<&HtmlAsset> for HtmlBox {
    type Error = FieldError;

    fn try_from(asset: &HtmlAsset) -> Result<Self, FieldError> {
        let source = text("/html", &asset.html, MAX_SOURCE_CHARS)?
            .ok_or_else(|| FieldError::new("/html", "nothing", "HTML"))?;
        let mut css = text("/css", &asset.css, MAX_SOURCE_CHARS)?.unwrap_or_default();
        check_css("/css", &css)?;
        let (html, style) = check_html(&source)?;
        if !style.is_empty() {
            css.push('\n');
            css.push_str(&style);
        }
        let background = match &asset.background {
            None => None,
            Some(value) => match value.as_str() {
                Some("transparent" | "") => None,
                Some(hex) if Colour::from_rgb_hex(hex).is_some() => Colour::from_rgb_hex(hex),
                Some(hex) if Colour::from_argb_hex(hex).is_some() => Colour::from_argb_hex(hex),
                _ => {
                    return Err(FieldError::new(
                        "/background",
                        value,
                        "transparent, #RRGGBB or #AARRGGBB, alpha first",
                    ));
                }
            },
        };
        Ok(Self {
            html,
            css: legacy::to_css(&css),
            width: pixels("/width", &asset.width, 1..=MAX_BOX_SIDE)?,
            height: pixels("/height", &asset.height, 1..=MAX_BOX_SIDE)?,
            background,
            position: choice(
                "/position",
                &asset.position,
                POSITIONS,
                ("center", "center"),
            )?,
        })
    }
}

/// `align-content` and `text-align` of each place.
pub(crate) const POSITIONS: &[(&str, (&str, &str))] = &[
    ("center", ("center", "center")),
    ("top", ("start", "center")),
    ("topRight", ("start", "right")),
    ("right", ("center", "right")),
    ("bottomRight", ("end", "right")),
    ("bottom", ("end", "center")),
    ("bottomLeft", ("end", "left")),
    ("left", ("center", "left")),
    ("topLeft", ("start", "left")),
];

/// A checked `html5` asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Html5Page {
    /// The markup without its `<style>` elements.
    pub html: String,
    /// The style sheet, followed by the content of the `<style>` elements.
    pub css: String,
}

impl Html5Page {
    /// Reads an `html5` asset.
    pub(crate) fn read(cursor: &Cursor, warnings: &mut Vec<Warning>) -> Result<Self, EditError> {
        let object = cursor.object()?;
        object.ignore(&["type"]);
        let source = object.need("html", "HTML")?;
        let at = |error: FieldError| error.within(&cursor.pointer);
        let (html, style) = check_html(source.text(MAX_PAGE_CHARS)?).map_err(at)?;
        let mut css = match object.get("css") {
            Some(css) => css.text(MAX_PAGE_CSS_CHARS)?.to_owned(),
            None => String::new(),
        };
        check_css("/css", &css).map_err(at)?;
        if !style.is_empty() {
            css.push('\n');
            css.push_str(&style);
        }
        if let Some(script) = object.get("js")
            && script
                .value
                .as_str()
                .is_none_or(|script| !script.trim().is_empty())
        {
            return Err(script.error(
                "no script: what moves has to move by CSS animations, which run by the clip's time",
            ));
        }
        object.finish(warnings);
        Ok(Self { html, css })
    }

    /// The markup of this page in a frame of `frame` pixels, which is its size.
    pub(crate) fn to_markup(&self, frame: (u32, u32)) -> Markup {
        let (width, height) = frame;
        let css = format!(
            "html,body{{margin:0;width:{width}px;height:{height}px;}}\n\
             body{{display:block;font-family:\"{DEFAULT_FAMILY}\";font-size:16px;color:#000;}}\n{}",
            self.css
        );
        Markup {
            html: format!("<!doctype html><html><body>{}</body></html>", self.html),
            css,
            width,
            height,
        }
    }
}

/// Refuses what the module header says; gives the markup without its
/// `<style>` elements, and what those held.
fn check_html(source: &str) -> Result<(String, String), FieldError> {
    let (mut html, mut style) = (String::with_capacity(source.len()), String::new());
    let mut rest = source;
    while let Some(at) = rest.find('<') {
        html.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let tag_length = check_tag(rest)?;
        let (tag, after) = rest.split_at(tag_length);
        rest = after;
        if element_name(tag) == Some("style".to_owned()) && !tag.starts_with("</") {
            // Lower-casing ASCII only keeps every byte in its place.
            let end = rest
                .to_ascii_lowercase()
                .find("</style")
                .unwrap_or(rest.len());
            check_css("/html", &rest[..end])?;
            style.push_str(&rest[..end]);
            rest = &rest[end..];
            rest = rest.split_once('>').map_or("", |(_, after)| after);
        } else {
            html.push_str(tag);
        }
    }
    html.push_str(rest);
    Ok((html, style))
}

/// Checks the tag that `source` begins with and gives its length; 1 where the `<` begins none.
fn check_tag(source: &str) -> Result<usize, FieldError> {
    let Some(name) = element_name(source) else {
        return Ok(1);
    };
    let refused = |what: String| {
        Err(FieldError::new(
            "/html",
            what,
            "markup complete in itself: no scripts, frames, pictures or addresses",
        ))
    };
    if REFUSED_ELEMENTS.contains(&name.as_str()) {
        return refused(format!("<{name}>"));
    }
    // Past `<` or `</` and the name, which is ASCII where it has this form at all.
    let mut rest = source[1..]
        .trim_start_matches('/')
        .trim_start_matches(|c: char| !(c.is_whitespace() || c == '>' || c == '/'));
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return Ok(source.len());
        }
        if let Some(after) = rest.strip_prefix('>') {
            return Ok(source.len() - after.len());
        }
        // At least one character, so that a stray `=` is passed too.
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_whitespace() || "=>/".contains(*c));
        let (attribute, after) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        let attribute = attribute.to_ascii_lowercase();
        let value;
        (value, rest) = match after.trim_start().strip_prefix('=') {
            Some(after) => attribute_value(after.trim_start()),
            None => ("", after),
        };
        if attribute.starts_with("on") || REFUSED_ATTRIBUTES.contains(&attribute.as_str()) {
            return refused(format!("{attribute}={value:?}"));
        }
        if attribute == "style" {
            check_css("/html", value)?;
        }
    }
}

/// The name of the element whose opening or closing tag `source` begins with.
fn element_name(source: &str) -> Option<String> {
    let rest = source.strip_prefix('<')?;
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let end = rest
        .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .unwrap_or(rest.len());
    Some(rest[..end].to_ascii_lowercase())
}

/// An attribute's value, and what follows it.
fn attribute_value(source: &str) -> (&str, &str) {
    match source.chars().next() {
        Some(quote @ ('"' | '\'')) => source[1..].split_once(quote).unwrap_or((&source[1..], "")),
        _ => source.split_at(
            source
                .find(|c: char| c.is_whitespace() || c == '>')
                .unwrap_or(source.len()),
        ),
    }
}

/// Refuses style sheets that load something.
fn check_css(pointer: &str, css: &str) -> Result<(), FieldError> {
    let css = css.to_ascii_lowercase();
    if css.contains("@import") {
        return Err(FieldError::new(
            pointer,
            "@import",
            "a style sheet that is complete in itself",
        ));
    }
    if css.contains("@font-face") {
        return Err(FieldError::new(
            pointer,
            "@font-face",
            "fonts in the template's /timeline/fonts",
        ));
    }
    for (at, _) in css.match_indices("url(") {
        let target = css[at + "url(".len()..]
            .trim_start()
            .trim_start_matches(['"', '\'']);
        if !target.starts_with('#') {
            let shown: String = css[at..].chars().take(60).collect();
            return Err(FieldError::new(
                pointer,
                shown,
                "no url() but a fragment such as url(#name)",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(html: &str, css: &str) -> Result<HtmlBox, FieldError> {
        HtmlBox::from_value(&json!({"type": "html", "html": html, "css": css}))
    }

    #[test]
    fn what_runs_or_loads_something_is_refused_with_its_field() {
        let cases = [
            ("<script>x</script>", "", "/html"),
            ("a<b><SCRIPT src=x>", "", "/html"),
            ("<p onclick=\"x()\">a</p>", "", "/html"),
            ("<p class='a' OnLoad = x>a</p>", "", "/html"),
            ("<p/onclick=x>a</p>", "", "/html"),
            ("<iframe></iframe>", "", "/html"),
            ("<img src='x.png'>", "", "/html"),
            (
                "<p style=\"background:url(http://x/y.png)\">a</p>",
                "",
                "/html",
            ),
            ("<style>@import 'x'</style>", "", "/html"),
            ("<p>a</p>", "p{background:URL( 'x.png')}", "/css"),
            ("<p>a</p>", "@import url(#x);", "/css"),
            ("<p>a</p>", "@font-face{font-family:x}", "/css"),
        ];
        for (html, css, pointer) in cases {
            let error = read(html, css).expect_err(html);
            assert_eq!(error.pointer, pointer, "{error}");
        }
    }

    #[test]
    fn plain_markup_passes_unchanged() {
        let html = "<p class=\"a > b\" style='color:red'>1 < 2 &amp; <b>on</b>line=yes</p><a href=\"#\">x</a>";
        let read = read(html, "p{fill:url(#g)}").unwrap();
        assert_eq!(read.html, html);
    }

    #[test]
    fn style_elements_move_into_the_style_sheet() {
        let read = read(
            "<STYLE>p{color:red}</style ><p>a</p><!-- <script> -->",
            "p{margin:0}",
        )
        .unwrap();
        assert_eq!(
            (read.html.as_str(), read.css.as_str()),
            ("<p>a</p>", "p{margin:0}\np{color:red}")
        );
    }

    #[test]
    fn the_background_has_its_alpha_first() {
        let ground = |value: &str| {
            HtmlBox::from_value(&json!({"html": "", "background": value})).map(|b| b.background)
        };
        assert_eq!(ground("#80ff0000").unwrap().unwrap().rgb, [255, 0, 0]);
        assert_eq!(ground("#00ff00").unwrap().unwrap().alpha, 1.0);
        assert_eq!(ground("transparent").unwrap(), None);
        assert_eq!(ground("red").unwrap_err().pointer, "/background");
    }
}
