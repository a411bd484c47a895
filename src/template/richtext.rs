//! Text as a template asks for it: the `rich-text` asset and the deprecated
//! `text` asset, read into one validated form.
//!
//! Every value is checked here, with an error that names the field, its value
//! and what is allowed; after that nothing about a text can fail but its
//! fonts. What does not belong here: how a text is drawn (`markup`) and which
//! fonts exist (`raster`).

pub mod animation;
pub mod field;
pub(crate) mod read;
pub mod wire;

use serde_json::Value;

pub use self::animation::Animation;
pub use self::field::{Colour, FieldError};
pub(crate) use self::read::read;
pub use self::wire::{RichTextAsset, TextAsset};
use crate::time::Time;

/// The longest text of one asset, in characters.
pub const MAX_TEXT_CHARS: usize = 5000;
/// The longest font family name, in characters.
pub const MAX_FAMILY_CHARS: usize = 200;
/// The largest side of a text box in pixels: two 4K frames side by side.
pub const MAX_BOX_SIDE: u32 = 8192;
/// The most stops of a gradient.
pub const MAX_GRADIENT_STOPS: usize = 32;
/// The longest ellipsis, in characters.
pub const MAX_ELLIPSIS_CHARS: usize = 100;
/// The family of a text that names none.
pub const DEFAULT_FAMILY: &str = "Open Sans";
/// The size of a text that names none, in pixels.
pub const DEFAULT_SIZE: f64 = 24.0;
/// The line height of a text that names none, as a multiple of the size.
pub const DEFAULT_LINE_HEIGHT: f64 = 1.2;

/// A checked text asset.
#[derive(Debug, Clone, PartialEq)]
pub struct RichText {
    /// The text as written; may be empty (a box without text).
    pub text: String,
    /// The face and its colour.
    pub font: Font,
    /// Pixels between letters; 0 by default.
    pub letter_spacing: f64,
    /// Pixels added between words; 0 by default.
    pub word_spacing: f64,
    /// Multiple of the size; 1.2 by default.
    pub line_height: f64,
    /// Change of case; none by default.
    pub transform: TextTransform,
    /// A line with the text; none by default.
    pub decoration: TextDecoration,
    /// Fills the letters instead of the font's colour.
    pub gradient: Option<Gradient>,
    /// An outline around the letters.
    pub stroke: Option<Stroke>,
    /// A shadow behind the letters.
    pub shadow: Option<Shadow>,
    /// What is painted behind the text.
    pub background: Option<Background>,
    /// A line around the background's rectangle.
    pub border: Option<Border>,
    /// Pixels kept free inside the box: top, right, bottom, left; 0 by default.
    pub padding: [f64; 4],
    /// Centre by default.
    pub horizontal: Horizontal,
    /// Middle by default.
    pub vertical: Vertical,
    /// Width of the box; the frame's where absent.
    pub width: Option<u32>,
    /// Height of the box; the frame's where absent.
    pub height: Option<u32>,
    /// How it comes into sight; it is there from the start where absent.
    pub animation: Option<Animation>,
    /// What stands at the end of a text that is cut to fit its box; it is not cut where absent.
    pub ellipsis: Option<String>,
    /// What was understood and is not followed, for the one who wrote the template.
    pub notes: Vec<String>,
}

/// The face of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Font {
    /// Family name, full name or file name without its ending; `Open Sans` by default.
    pub family: String,
    /// Pixels; 24 by default.
    pub size: f64,
    /// 1 to 1000; 400 by default.
    pub weight: u16,
    /// Upright by default.
    pub italic: bool,
    /// Black by default.
    pub colour: Colour,
    /// Painted behind each line.
    pub background: Option<Colour>,
}

/// A change of case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TextTransform {
    None,
    Uppercase,
    Lowercase,
    Capitalize,
}

/// A line with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TextDecoration {
    None,
    Underline,
    LineThrough,
}

/// Where the lines stand across.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Horizontal {
    Left,
    Center,
    Right,
}

/// Where the lines stand down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Vertical {
    Top,
    Middle,
    Bottom,
}

/// A gradient over the letters.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// From the centre outwards instead of along a line.
    pub radial: bool,
    /// Degrees: 0 runs from left to right, 90 from top to bottom.
    pub angle: f64,
    /// Offset (0 to 1, not falling) and colour.
    pub stops: Vec<(f64, Colour)>,
}

/// An outline outside the letter's edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// Pixels.
    pub width: f64,
    /// Black by default.
    pub colour: Colour,
}

/// A shadow behind the letters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shadow {
    /// Pixels right and down.
    pub offset: (f64, f64),
    /// Radius in pixels.
    pub blur: f64,
    /// Black at half opacity by default.
    pub colour: Colour,
}

/// What is painted behind the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    /// Transparent where none is given: padding and wrap still count.
    pub colour: Option<Colour>,
    /// Pixels.
    pub radius: f64,
    /// Pixels between the text and the background's edge.
    pub padding: f64,
    /// Hugs the text instead of filling the box.
    pub wrap: bool,
}

/// A line around the background's rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Border {
    /// Pixels.
    pub width: f64,
    /// Black by default.
    pub colour: Colour,
    /// Pixels; the background's radius where absent.
    pub radius: Option<f64>,
}

impl RichText {
    /// `text` with the defaults of a `rich-text`.
    pub(crate) fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            font: Font {
                family: DEFAULT_FAMILY.to_owned(),
                size: DEFAULT_SIZE,
                weight: 400,
                italic: false,
                colour: Colour {
                    rgb: [0; 3],
                    alpha: 1.0,
                },
                background: None,
            },
            letter_spacing: 0.0,
            word_spacing: 0.0,
            line_height: DEFAULT_LINE_HEIGHT,
            transform: TextTransform::None,
            decoration: TextDecoration::None,
            gradient: None,
            stroke: None,
            shadow: None,
            background: None,
            border: None,
            padding: [0.0; 4],
            horizontal: Horizontal::Center,
            vertical: Vertical::Middle,
            width: None,
            height: None,
            animation: None,
            ellipsis: None,
            notes: Vec::new(),
        }
    }

    /// Reads a `rich-text` asset from its JSON; its `type` is left to the caller.
    pub fn from_value(value: &Value) -> Result<Self, FieldError> {
        read::<RichTextAsset>(value).and_then(|asset| Self::try_from(&asset))
    }

    /// Reads a deprecated `text` asset from its JSON; its `type` is left to the caller.
    pub fn from_text_value(value: &Value) -> Result<Self, FieldError> {
        read::<TextAsset>(value).and_then(|asset| Self::try_from(&asset))
    }

    /// The box in pixels, in a frame of `frame`.
    pub fn size(&self, frame: (u32, u32)) -> (u32, u32) {
        (
            self.width.unwrap_or(frame.0),
            self.height.unwrap_or(frame.1),
        )
    }

    /// How long it changes.
    pub fn settles(&self) -> Time {
        self.animation
            .map_or(Time::ZERO, |animation| animation.duration)
    }

    /// Every character that drawing this text may need: the text itself, what a
    /// change of case makes of it, and what stands for the rest of it.
    pub fn drawn_text(&self) -> String {
        let drawn = self.cased_text();
        match &self.ellipsis {
            Some(ellipsis) => drawn + ellipsis,
            None => drawn,
        }
    }

    fn cased_text(&self) -> String {
        match self.transform {
            TextTransform::None => self.text.clone(),
            TextTransform::Uppercase => self.text.to_uppercase(),
            TextTransform::Lowercase => self.text.to_lowercase(),
            // Which letters begin a word is the rasteriser's to say.
            TextTransform::Capitalize => format!("{}{}", self.text, self.text.to_uppercase()),
        }
    }
}
