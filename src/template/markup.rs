//! From a checked text asset to HTML and CSS: the one form the rasteriser draws.
//!
//! Pure and deterministic: the same asset gives the same bytes, which are part
//! of a chunk's identity. The markup is a box of exactly `width` x `height`
//! with a transparent ground; where the box stands in the frame is not its
//! business. Nothing here knows which fonts exist.

pub mod html;
mod legacy;
pub(crate) mod moving;
pub(crate) mod pieces;
pub mod settle;

use std::fmt::Write as _;

use super::richtext::{
    Background, Gradient, Horizontal, RichText, Shadow, TextDecoration, TextTransform, Vertical,
};

pub(crate) use self::html::POSITIONS;
use crate::time::Time;

pub use self::html::{Html5Page, HtmlAsset, HtmlBox};

/// How far letters reach out of a line of height 1.2, as a fraction of the size.
const LINE_OVERHANG: f64 = 0.15;
/// The same for scripts that stack signs above and below their letters.
const STACKED_OVERHANG: f64 = 0.4;
/// Hebrew to Thai, Tibetan and beyond: the scripts that stack signs.
const STACKING_SCRIPTS: std::ops::RangeInclusive<char> = '\u{590}'..='\u{1cff}';

/// How far a gradient reaches beyond the lines, as a fraction of the size.
const GRADIENT_REACH: f64 = 0.25;

/// What the box of a text holds, and the rules for that.
pub(crate) struct Figure {
    /// The text, as HTML; stands in each of the text's layers.
    pub body: String,
    /// Rules that follow the text's own.
    pub css: String,
    /// Whether the layers move as one, in an element of the class `lines`.
    pub is_grouped: bool,
}

/// What the rasteriser draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markup {
    /// The body.
    pub html: String,
    /// Its style sheet.
    pub css: String,
    /// Width of the box in pixels.
    pub width: u32,
    /// Height of the box in pixels.
    pub height: u32,
}

impl Markup {
    /// How long it changes: no longer than its CSS animations run.
    pub fn settles(&self) -> Time {
        settle::settles(&self.html, &self.css)
    }
}

impl RichText {
    /// The markup of this text in a frame of `frame` pixels. It changes for
    /// [`settles`](RichText::settles).
    pub fn to_markup(&self, frame: (u32, u32)) -> Markup {
        let figure = match self.animation {
            Some(animation) => moving::figure(self, animation, self.size(frame)),
            None => Figure {
                body: escape(&self.text),
                css: String::new(),
                is_grouped: false,
            },
        };
        self.drawn_as(&figure, frame)
    }

    /// The markup of `figure` in this text's style and box.
    pub(crate) fn drawn_as(&self, figure: &Figure, frame: (u32, u32)) -> Markup {
        let (width, height) = self.size(frame);
        Markup {
            html: self.html(figure),
            css: self.css(width, height) + &figure.css,
            width,
            height,
        }
    }

    /// Whether shadow and stroke need a layer of their own below the letters:
    /// a stroke belongs outside the letter's edge, so it is drawn twice as wide
    /// and the letters cover its inner half; and a clipped gradient would be
    /// painted below the shadow of the same element.
    pub(crate) fn has_under_layer(&self) -> bool {
        self.stroke.is_some() || (self.gradient.is_some() && self.shadow.is_some())
    }

    fn html(&self, figure: &Figure) -> String {
        let text = &figure.body;
        // An empty line box would make a box without text as tall as a line.
        let layer = |class: &str| match text.is_empty() {
            true => String::new(),
            false => format!("<div class=\"line {class}\"><span>{text}</span></div>"),
        };
        let under = if self.has_under_layer() {
            layer("under")
        } else {
            String::new()
        };
        let mut layers = format!("{under}{}", layer("over"));
        if figure.is_grouped {
            layers = format!("<div class=\"lines\">{layers}</div>");
        }
        format!("<div class=\"box\"><div class=\"text\">{layers}</div></div>")
    }

    fn css(&self, width: u32, height: u32) -> String {
        let mut css = String::new();
        let ground = self.ground_css();
        let wraps = self.background.is_some_and(|background| background.wrap);
        let inset = self.background.map_or(0.0, |background| background.padding);
        let (box_ground, text_ground) = if wraps {
            ("", ground.as_str())
        } else {
            (ground.as_str(), "")
        };
        let (box_inset, text_inset) = if wraps { (0.0, inset) } else { (inset, 0.0) };
        let [top, right, bottom, left] = self.box_padding(box_inset, text_inset);
        let across = match self.horizontal {
            Horizontal::Left => ("flex-start", "left"),
            Horizontal::Center => ("center", "center"),
            Horizontal::Right => ("flex-end", "right"),
        };
        let down = match self.vertical {
            Vertical::Top => "flex-start",
            Vertical::Middle => "center",
            Vertical::Bottom => "flex-end",
        };
        write_rule(
            &mut css,
            ".box",
            format_args!(
                "box-sizing:border-box;width:{width}px;height:{height}px;display:flex;flex-direction:column;\
             align-items:{};justify-content:{down};padding:{}px {}px {}px {}px;{box_ground}",
                across.0, top, right, bottom, left,
            ),
        );
        write_rule(
            &mut css,
            ".text",
            format_args!(
                "box-sizing:border-box;flex:none;max-width:100%;display:grid;padding:{text_inset}px;{text_ground}"
            ),
        );
        write_rule(
            &mut css,
            ".line",
            format_args!("grid-area:1/1;{}text-align:{};", self.font_css(), across.1),
        );
        if self.animation.is_some() {
            write_rule(&mut css, ".lines", format_args!("display:grid;"));
        }
        if let Some(ellipsis) = &self.ellipsis {
            let room = f64::from(height) - top - bottom - 2.0 * text_inset;
            let lines = (room / (self.font.size * self.line_height))
                .floor()
                .max(1.0);
            write_rule(
                &mut css,
                ".line",
                format_args!("line-clamp:{lines} {};", css_string(ellipsis)),
            );
        }
        if self.has_under_layer() {
            write_rule(
                &mut css,
                ".under",
                format_args!("{}{}", self.stroke_css(), self.shadow_css()),
            );
        }
        write_rule(&mut css, ".over", format_args!("{}", self.letters_css()));
        if self.gradient.is_some() {
            // A clipped gradient ends with its element's box, and letters reach
            // out of theirs: a larger box that takes no more room.
            write_rule(
                &mut css,
                ".line",
                format_args!("padding:{GRADIENT_REACH}em;margin:-{GRADIENT_REACH}em;"),
            );
        }
        if let Some(colour) = self.font.background {
            // Only the lowest layer, or it would cover the one below.
            let layer = if self.has_under_layer() {
                ".under>span"
            } else {
                ".over>span"
            };
            write_rule(&mut css, layer, format_args!("background-color:{colour};"));
        }
        css
    }

    /// Padding of the box: top, right, bottom, left. On the side where the text
    /// stands it leaves at least what letters reach out of their line (many
    /// faces are taller than a line of 1.2) and what a stroke adds, because
    /// the sprite ends with the box.
    fn box_padding(&self, box_inset: f64, text_inset: f64) -> [f64; 4] {
        let stroke = self.stroke.map_or(0.0, |stroke| stroke.width);
        let reach = |is_aligned: bool, reach: f64| {
            if is_aligned {
                (reach + stroke - text_inset).max(0.0)
            } else {
                0.0
            }
        };
        let is_stacked = self
            .text
            .chars()
            .any(|character| STACKING_SCRIPTS.contains(&character));
        let overhang = if is_stacked {
            STACKED_OVERHANG
        } else {
            LINE_OVERHANG
        };
        let overhang = self.font.size * overhang;
        let least = [
            reach(self.vertical == Vertical::Top, overhang),
            reach(self.horizontal == Horizontal::Right, 0.0),
            reach(self.vertical == Vertical::Bottom, overhang),
            reach(self.horizontal == Horizontal::Left, 0.0),
        ];
        std::array::from_fn(|side| (self.padding[side] + box_inset).max(least[side]))
    }

    /// Background and border of the rectangle that has them.
    fn ground_css(&self) -> String {
        let mut css = String::new();
        if let Some(Background {
            colour: Some(colour),
            ..
        }) = self.background
        {
            push(&mut css, format_args!("background-color:{colour};"));
        }
        if let Some(border) = self.border {
            push(
                &mut css,
                format_args!("border:{}px solid {};", border.width, border.colour),
            );
        }
        let radius = self
            .border
            .and_then(|border| border.radius)
            .or(self.background.map(|ground| ground.radius));
        if let Some(radius) = radius.filter(|radius| *radius > 0.0) {
            push(&mut css, format_args!("border-radius:{radius}px;"));
        }
        css
    }

    fn font_css(&self) -> String {
        let font = &self.font;
        // `plaintext`: every paragraph finds its own direction, so a sentence in
        // Hebrew keeps its full stop on the left whatever language the template is in.
        format!(
            "font-family:{};font-size:{}px;font-weight:{};font-style:{};letter-spacing:{}px;word-spacing:{}px;\
             line-height:{};text-transform:{};white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;",
            css_string(&font.family),
            font.size,
            font.weight,
            if font.italic { "italic" } else { "normal" },
            self.letter_spacing,
            self.word_spacing,
            self.line_height,
            match self.transform {
                TextTransform::None => "none",
                TextTransform::Uppercase => "uppercase",
                TextTransform::Lowercase => "lowercase",
                TextTransform::Capitalize => "capitalize",
            },
        )
    }

    fn letters_css(&self) -> String {
        let mut css = match &self.gradient {
            Some(gradient) => format!(
                "color:transparent;opacity:{};background-image:{};background-clip:text;",
                self.font.colour.alpha,
                gradient_css(gradient)
            ),
            None => format!("color:{};", self.font.colour),
        };
        match self.decoration {
            TextDecoration::None => {}
            TextDecoration::Underline => css.push_str("text-decoration-line:underline;"),
            TextDecoration::LineThrough => css.push_str("text-decoration-line:line-through;"),
        }
        if let (Some(gradient), false) = (&self.gradient, self.decoration == TextDecoration::None) {
            // Transparent like the letters otherwise.
            push(
                &mut css,
                format_args!("text-decoration-color:{};", gradient.stops[0].1),
            );
        }
        if !self.has_under_layer() {
            css.push_str(&self.shadow_css());
        }
        css
    }

    fn stroke_css(&self) -> String {
        match self.stroke {
            Some(stroke) => {
                // Filled too, so that the shadow is that of a whole letter.
                format!(
                    "color:{0};-webkit-text-stroke:{1}px {0};",
                    stroke.colour,
                    stroke.width * 2.0
                )
            }
            None => "color:transparent;".to_owned(),
        }
    }

    fn shadow_css(&self) -> String {
        let Some(Shadow {
            offset: (x, y),
            blur,
            colour,
        }) = self.shadow
        else {
            return String::new();
        };
        format!("text-shadow:{x}px {y}px {blur}px {colour};")
    }
}

/// Degrees run from left to right at 0 and clockwise; CSS has upwards at 0.
fn gradient_css(gradient: &Gradient) -> String {
    let stops: Vec<String> = gradient
        .stops
        .iter()
        .map(|(offset, colour)| format!("{colour} {}%", offset * 100.0))
        .collect();
    let stops = stops.join(",");
    match gradient.radial {
        true => format!("radial-gradient({stops})"),
        false => format!("linear-gradient({}deg,{stops})", gradient.angle + 90.0),
    }
}

fn write_rule(css: &mut String, selector: &str, declarations: std::fmt::Arguments<'_>) {
    push(css, format_args!("{selector}{{{declarations}}}\n"));
}

fn push(css: &mut String, text: std::fmt::Arguments<'_>) {
    css.write_fmt(text)
        .expect("writing to a String cannot fail");
}

/// Text as HTML, with one kind of line end.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\r' => html.push('\n'),
            '\0' => html.push('\u{fffd}'),
            other => html.push(other),
        }
    }
    html
}

/// Text as a CSS string, quotes included.
pub(crate) fn css_string(text: &str) -> String {
    let mut css = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => css.extend(['\\', character]),
            control if control.is_control() => {
                push(&mut css, format_args!("\\{:x} ", u32::from(control)))
            }
            other => css.push(other),
        }
    }
    css.push('"');
    css
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn markup(asset: serde_json::Value) -> Markup {
        RichText::from_value(&asset).unwrap().to_markup((1280, 720))
    }

    #[test]
    fn text_cannot_become_markup() {
        let markup = markup(
            json!({"text": "</div><b>\"Tom\" & 'Ann'\r\n2", "font": {"family": "a\"}b{x:y"}}),
        );
        assert!(
            markup
                .html
                .contains("&lt;/div&gt;&lt;b&gt;&quot;Tom&quot; &amp; 'Ann'\n2"),
            "{}",
            markup.html
        );
        assert!(
            markup.css.contains("font-family:\"a\\\"}b{x:y\";"),
            "{}",
            markup.css
        );
    }

    #[test]
    fn the_same_asset_gives_the_same_markup() {
        let asset = json!({"text": "Hi", "font": {"size": 33.3, "opacity": 0.1}});
        assert_eq!(markup(asset.clone()), markup(asset));
    }

    #[test]
    fn a_wrapping_background_belongs_to_the_text_and_another_to_the_box() {
        let ground = |wrap: bool| {
            let css = markup(json!({"text": "Hi", "background": {"color": "#102030", "opacity": 0.5, "wrap": wrap}})).css;
            let rule = |name: &str| {
                css.lines()
                    .find(|line| line.starts_with(name))
                    .unwrap()
                    .to_owned()
            };
            (
                rule(".box").contains("rgba(16,32,48,0.5)"),
                rule(".text").contains("rgba(16,32,48,0.5)"),
            )
        };
        assert_eq!(ground(false), (true, false));
        assert_eq!(ground(true), (false, true));
    }

    #[test]
    fn a_stroke_is_drawn_below_the_letters() {
        let plain = markup(json!({"text": "Hi", "shadow": {"blur": 3}}));
        assert_eq!(plain.html.matches("Hi").count(), 1);
        let stroked = markup(json!({"text": "Hi", "stroke": {"width": 3, "color": "#ff0000"}}));
        assert_eq!(stroked.html.matches("Hi").count(), 2);
        assert!(
            stroked
                .css
                .contains("-webkit-text-stroke:6px rgba(255,0,0,1)")
        );
    }
}
