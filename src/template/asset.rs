//! The assets of an Edit: what its clips show and play.

use crate::template::caption::asset::{self as caption, CaptionAsset};
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Warning};
use crate::template::lottie::LottieAsset;
use crate::template::markup::{Html5Page, HtmlAsset, HtmlBox, Markup};
use crate::template::richtext::read::{read as read_wire, unknown_fields};
use crate::template::richtext::{FieldError, RichText, RichTextAsset, TextAsset};
use crate::template::role::{self, Role};
pub(super) use crate::template::source::source;
pub use crate::template::source::{Place, Source};
use crate::template::vector::Vector;
use crate::template::{edit, generated, lottie, shape, svg, title, tween};
use crate::time::Time;
use crate::timeline::Speed;
use crate::timeline::curve::Curve;
use crate::timeline::treatment::{ChromaKey, Edges};

/// An asset as the Edit names it.
#[derive(Clone, Debug, PartialEq)]
pub enum Asset {
    /// A moving picture, perhaps with sound.
    Video(VideoAsset),
    /// A still picture.
    Image(ImageAsset),
    /// Sound.
    Audio(AudioAsset),
    /// A picture, still or moving, whose brightness cuts out what is on its track.
    Luma(LumaAsset),
    /// Text of one style.
    Text(Box<RichText>, Markup),
    /// A card designed in HTML and CSS.
    Card(Markup),
    /// A shape, or a drawing given as SVG.
    Vector(Vector),
    /// An animation of shapes.
    Lottie(LottieAsset),
    /// What is said, as text.
    Captions(Box<CaptionAsset>),
}

/// `video`
#[derive(Clone, Debug, PartialEq)]
pub struct VideoAsset {
    /// Its file.
    pub src: Source,
    /// Where in it to begin.
    pub trim: Time,
    /// How fast it is played.
    pub speed: Speed,
    /// How loud, 0 to 1, by the clip's own time.
    pub volume: Curve,
    /// Fades of its sound.
    pub fade: Fade,
    /// How its sound stands among the others.
    pub role: Role,
    /// What is cut off.
    pub crop: Edges,
    /// A colour that becomes transparent.
    pub key: Option<ChromaKey>,
}

/// `image`
#[derive(Clone, Debug, PartialEq)]
pub struct ImageAsset {
    /// Its file.
    pub src: Source,
    /// What is cut off.
    pub crop: Edges,
}

/// `audio`
#[derive(Clone, Debug, PartialEq)]
pub struct AudioAsset {
    /// Its file.
    pub src: Source,
    /// Where in it to begin.
    pub trim: Time,
    /// How fast it is played.
    pub speed: Speed,
    /// How loud, 0 to 1, by the clip's own time.
    pub volume: Curve,
    /// Fades.
    pub fade: Fade,
    /// How it stands among the others.
    pub role: Role,
}

/// `luma`
#[derive(Clone, Debug, PartialEq)]
pub struct LumaAsset {
    /// Its file.
    pub src: Source,
    /// Where in it to begin, if it moves.
    pub trim: Time,
}

impl Asset {
    /// The file it needs, if any.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Video(VideoAsset { src, .. })
            | Self::Image(ImageAsset { src, .. })
            | Self::Audio(AudioAsset { src, .. })
            | Self::Luma(LumaAsset { src, .. })
            | Self::Lottie(LottieAsset { src, .. }) => Some(src),
            Self::Captions(captions) => Some(&captions.src),
            Self::Text(..) | Self::Card(_) | Self::Vector(_) => None,
        }
    }
}

/// Which ends of a sound fade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fade {
    /// Up from silence at its start.
    pub fade_in: bool,
    /// Down to silence at its end.
    pub fade_out: bool,
}

impl Fade {
    /// How long a fade of sound takes.
    pub const LENGTH: Time = Time::from_seconds(1);

    pub(super) const NAMED: [(&'static str, Self); 4] = [
        (
            "none",
            Self {
                fade_in: false,
                fade_out: false,
            },
        ),
        (
            "fadeIn",
            Self {
                fade_in: true,
                fade_out: false,
            },
        ),
        (
            "fadeOut",
            Self {
                fade_in: false,
                fade_out: true,
            },
        ),
        (
            "fadeInFadeOut",
            Self {
                fade_in: true,
                fade_out: true,
            },
        ),
    ];
}

/// The kinds of asset of the Edit format that this version renders.
const KINDS: &str = "video, image, audio, luma, rich-text, rich-caption, html5, shape, svg, lottie, \
                     text, title, caption or html";

/// The largest `threshold` and `halo` of a chroma key.
const MAX_KEY_DISTANCE: f64 = 250.0;

/// The `threshold` of a chroma key that gives none.
const KEY_THRESHOLD: f64 = 60.0;

/// The `halo` of a chroma key that gives none.
const KEY_HALO: f64 = 30.0;

/// The most seconds to trim or to last: a day is surely a mistake.
const MAX_SECONDS: f64 = 86_400.0;

/// Reads an asset; `frame` is the output's size, which text fills by default.
pub(super) fn read(
    cursor: &Cursor,
    frame: (u32, u32),
    warnings: &mut Vec<Warning>,
) -> Result<Asset, EditError> {
    let object = cursor.object()?;
    let kind = object.need("type", KINDS)?;
    generated::refuse_kind(&kind)?;
    if matches!(kind.value.as_str(), Some("video" | "image" | "audio")) {
        generated::refuse_prompt(&object)?;
        // Everything is decoded here, whatever it is.
        object.ignore(&["transcode"]);
    }
    let asset = match kind.value.as_str() {
        Some("video") => Asset::Video(VideoAsset {
            src: source(&object)?,
            trim: trim(&object)?,
            speed: speed(&object)?,
            volume: volume(&object, warnings)?,
            fade: object.choice("volumeEffect", &Fade::NAMED, Fade::default())?,
            role: role::read(&object, warnings)?,
            crop: crop(&object, warnings)?,
            key: chroma_key(&object, warnings)?,
        }),
        Some("image") => Asset::Image(ImageAsset {
            src: source(&object)?,
            crop: crop(&object, warnings)?,
        }),
        Some("audio") => Asset::Audio(AudioAsset {
            src: source(&object)?,
            trim: trim(&object)?,
            speed: speed(&object)?,
            volume: volume(&object, warnings)?,
            fade: object.choice("effect", &Fade::NAMED, Fade::default())?,
            role: role::read(&object, warnings)?,
        }),
        Some("luma") => Asset::Luma(LumaAsset {
            src: source(&object)?,
            trim: trim(&object)?,
        }),
        Some("shape") => Asset::Vector(shape::read(&object, frame, warnings)?),
        Some("svg") => Asset::Vector(svg::read(&object, warnings)?),
        Some("lottie") => Asset::Lottie(lottie::read(&object)?),
        // These know their own fields.
        Some("rich-text") => return text::<RichTextAsset>(cursor, frame, warnings),
        Some("text") => return text::<TextAsset>(cursor, frame, warnings),
        Some("title") => {
            let (text, markup) = title::read(cursor, frame, warnings)?;
            return Ok(Asset::Text(Box::new(text), markup));
        }
        Some("html") => return html(cursor, frame, warnings),
        Some("html5") => {
            let page = Html5Page::read(cursor, warnings)?;
            return Ok(Asset::Card(page.to_markup(frame)));
        }
        Some("caption") => {
            let captions = caption::read_plain(cursor, frame, warnings)?;
            return Ok(Asset::Captions(Box::new(captions)));
        }
        Some("rich-caption") => {
            let captions = caption::read_rich(cursor, frame, warnings)?;
            return Ok(Asset::Captions(Box::new(captions)));
        }
        _ => return Err(kind.error(KINDS)),
    };
    object.finish(warnings);
    Ok(asset)
}

/// A `rich-text` or `text`, by its wire type.
fn text<T>(
    cursor: &Cursor,
    frame: (u32, u32),
    warnings: &mut Vec<Warning>,
) -> Result<Asset, EditError>
where
    T: serde::de::DeserializeOwned,
    RichText: for<'a> TryFrom<&'a T, Error = FieldError>,
{
    unknown::<T>(cursor, warnings);
    let text = read_wire::<T>(cursor.value)
        .and_then(|asset| RichText::try_from(&asset))
        .map_err(|error| error.within(&cursor.pointer))?;
    let note = |message: &String| Warning {
        pointer: cursor.pointer.clone(),
        message: message.clone(),
    };
    warnings.extend(text.notes.iter().map(note));
    let markup = text.to_markup(frame);
    Ok(Asset::Text(Box::new(text), markup))
}

fn html(
    cursor: &Cursor,
    frame: (u32, u32),
    warnings: &mut Vec<Warning>,
) -> Result<Asset, EditError> {
    unknown::<HtmlAsset>(cursor, warnings);
    let card = HtmlBox::from_value(cursor.value).map_err(|error| error.within(&cursor.pointer))?;
    Ok(Asset::Card(card.to_markup(frame)))
}

/// Warns of the members that the wire type does not know.
fn unknown<T: serde::de::DeserializeOwned>(cursor: &Cursor, warnings: &mut Vec<Warning>) {
    let unknown = unknown_fields::<T>(cursor.value);
    let warning = |pointer: &String| Warning::unknown(cursor.pointer.join(pointer));
    warnings.extend(unknown.iter().map(warning));
}

pub(super) fn trim(object: &Object) -> Result<Time, EditError> {
    seconds(object, "trim", 0.0..=MAX_SECONDS).map(Option::unwrap_or_default)
}

pub(super) fn speed(object: &Object) -> Result<Speed, EditError> {
    object.number("speed", Speed::RANGE, 1.0).map(Speed::new)
}

fn volume(object: &Object, warnings: &mut Vec<Warning>) -> Result<Curve, EditError> {
    tween::curve(object, "volume", 0.0..=1.0, 1.0, warnings)
}

fn crop(object: &Object, warnings: &mut Vec<Warning>) -> Result<Edges, EditError> {
    let Some(cursor) = object.get("crop") else {
        return Ok(Edges::default());
    };
    let crop = cursor.object()?;
    let side = |name| crop.number(name, 0.0..=1.0, 0.0);
    let edges = Edges {
        top: side("top")?,
        right: side("right")?,
        bottom: side("bottom")?,
        left: side("left")?,
    };
    crop.finish(warnings);
    Ok(edges)
}

fn chroma_key(
    object: &Object,
    warnings: &mut Vec<Warning>,
) -> Result<Option<ChromaKey>, EditError> {
    let Some(cursor) = object.get("chromaKey") else {
        return Ok(None);
    };
    let key = cursor.object()?;
    let color = edit::color(&key.need("color", "a colour as #RRGGBB")?)?;
    let distance = |name, default| {
        let number = key.number(name, 0.0..=MAX_KEY_DISTANCE, default)?;
        Ok::<_, EditError>(number.round() as u8)
    };
    let read = ChromaKey {
        color,
        threshold: distance("threshold", KEY_THRESHOLD)?,
        halo: distance("halo", KEY_HALO)?,
    };
    key.finish(warnings);
    Ok(Some(read))
}

/// The member `name` as a time, if it is there.
pub(super) fn seconds(
    object: &Object,
    name: &str,
    range: std::ops::RangeInclusive<f64>,
) -> Result<Option<Time>, EditError> {
    let Some(cursor) = object.get(name) else {
        return Ok(None);
    };
    let seconds = cursor.number(&range)?;
    Time::from_decimal_seconds(seconds)
        .map(Some)
        .ok_or_else(|| cursor.error("a number of seconds"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asset(value: Value) -> Result<Asset, String> {
        read(&Cursor::root(&value), (1280, 720), &mut Vec::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_source_is_a_path_inside_the_assets_folder_or_an_address() {
        for src in ["", "/etc/passwd", "../secret", "file:///x"] {
            let error = asset(json!({"type": "image", "src": src})).expect_err(src);
            assert!(error.contains("/src"), "{error}");
        }
        for src in ["media/a b.png", "https://example.com/a.png"] {
            assert!(asset(json!({"type": "image", "src": src})).is_ok(), "{src}");
        }
    }

    #[test]
    fn a_kind_that_is_not_known_is_refused_by_name() {
        let error = asset(json!({"type": "hologram"})).expect_err("unknown");
        assert_eq!(
            error,
            format!("/type: \"hologram\" is not allowed: expected {KINDS}")
        );
        assert!(
            asset(json!({"src": "a.png"}))
                .expect_err("missing")
                .starts_with("/type: nothing")
        );
    }

    #[test]
    fn unknown_fields_of_text_are_warned_about_by_name() {
        let value =
            json!({"type": "rich-text", "text": "x", "font": {"colour": "#fff"}, "glow": 1});
        let mut warnings = Vec::new();
        read(&Cursor::root(&value), (1280, 720), &mut warnings).expect("reads");
        let places: Vec<&str> = warnings
            .iter()
            .map(|warning| warning.pointer.as_str())
            .collect();
        assert_eq!(places, ["/font/colour", "/glow"]);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let error =
            asset(json!({"type": "video", "src": "a.mp4", "trim": -1})).expect_err("negative");
        assert_eq!(
            error,
            "/trim: -1 is not allowed: expected a number from 0 to 86400"
        );
    }
}
