//! The assets of an Edit: what its clips show and play.

use std::path::{Component, Path};

use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::markup::{HtmlAsset, HtmlBox, Markup};
use crate::template::richtext::read::unknown_fields;
use crate::template::richtext::{FieldError, RichText, RichTextAsset, TextAsset};
use crate::time::Time;

/// An asset as the Edit names it.
#[derive(Clone, Debug, PartialEq)]
pub enum Asset {
    /// A moving picture, perhaps with sound.
    Video {
        /// Its file.
        src: Source,
        /// Where in it to begin.
        trim: Time,
        /// How loud, 0 to 1.
        volume: f64,
    },
    /// A still picture.
    Image {
        /// Its file.
        src: Source,
    },
    /// Sound.
    Audio {
        /// Its file.
        src: Source,
        /// Where in it to begin.
        trim: Time,
        /// How loud, 0 to 1.
        volume: f64,
        /// Fades.
        fade: Fade,
    },
    /// Text of one style.
    Text(Box<RichText>, Markup),
    /// A card designed in HTML and CSS.
    Card(Markup),
}

impl Asset {
    /// The file it needs, if any.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Video { src, .. } | Self::Image { src } | Self::Audio { src, .. } => Some(src),
            Self::Text(..) | Self::Card(_) => None,
        }
    }
}

/// A file among the assets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Relative to the assets folder; never out of it.
    pub path: String,
    /// Where the Edit names it.
    pub pointer: Pointer,
}

impl Source {
    /// What a path may be.
    pub const ALLOWED: &str = "a path inside the assets folder, such as media/greeting-30/bg.mp4";

    /// Whether a path, which may come from anywhere, stays inside the assets folder.
    pub fn is_inside(path: &str) -> bool {
        let parts = Path::new(path).components().collect::<Vec<_>>();
        let inside = !parts.is_empty()
            && parts
                .iter()
                .all(|part| matches!(part, Component::Normal(_)));
        inside && !path.contains("://") && !path.contains('\0')
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
const KINDS: &str = "video, image, audio, html, rich-text or text";

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
    let asset = match kind.value.as_str() {
        Some("video") => {
            let (src, trim) = (source(&object)?, trim(&object)?);
            Asset::Video {
                src,
                trim,
                volume: object.number("volume", 0.0..=1.0, 1.0)?,
            }
        }
        Some("image") => Asset::Image {
            src: source(&object)?,
        },
        Some("audio") => {
            let (src, trim) = (source(&object)?, trim(&object)?);
            let volume = object.number("volume", 0.0..=1.0, 1.0)?;
            Asset::Audio {
                src,
                trim,
                volume,
                fade: object.choice("effect", &Fade::NAMED, Fade::default())?,
            }
        }
        Some(kind @ ("rich-text" | "text" | "html")) => {
            let at = |error: FieldError| {
                EditError::new(
                    Pointer::from(error.pointer.as_str()),
                    error.value,
                    error.expected,
                )
                .within(&cursor.pointer)
            };
            let unknown = match kind {
                "rich-text" => unknown_fields::<RichTextAsset>(cursor.value),
                "text" => unknown_fields::<TextAsset>(cursor.value),
                _ => unknown_fields::<HtmlAsset>(cursor.value),
            };
            warnings.extend(
                unknown
                    .iter()
                    .map(|pointer| Warning::unknown(cursor.pointer.join(pointer))),
            );
            let text = match kind {
                "rich-text" => RichText::from_value(cursor.value),
                "text" => RichText::from_text_value(cursor.value),
                _ => {
                    let card = HtmlBox::from_value(cursor.value).map_err(at)?;
                    return Ok(Asset::Card(card.to_markup(frame)));
                }
            };
            let text = text.map_err(at)?;
            let note = |message: &String| Warning {
                pointer: cursor.pointer.clone(),
                message: message.clone(),
            };
            warnings.extend(text.notes.iter().map(note));
            let markup = text.to_markup(frame);
            return Ok(Asset::Text(Box::new(text), markup));
        }
        _ => return Err(kind.error(KINDS)),
    };
    object.finish(warnings);
    Ok(asset)
}

fn trim(object: &Object) -> Result<Time, EditError> {
    seconds(object, "trim", 0.0..=MAX_SECONDS).map(Option::unwrap_or_default)
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

/// Reads `src`: a path inside the assets folder.
pub(super) fn source(object: &Object) -> Result<Source, EditError> {
    let cursor = object.need("src", Source::ALLOWED)?;
    let path = cursor.text(1000)?;
    if !Source::is_inside(path) {
        return Err(cursor.error(Source::ALLOWED));
    }
    Ok(Source {
        path: path.to_owned(),
        pointer: cursor.pointer.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asset(value: Value) -> Result<Asset, String> {
        read(&Cursor::root(&value), (1280, 720), &mut Vec::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_source_stays_inside_the_assets_folder() {
        for path in [
            "",
            "/etc/passwd",
            "../secret",
            "media/../../x",
            "https://example.com/a.mp4",
            "file:///x",
            "./a",
            "a\0b",
        ] {
            let error = asset(json!({"type": "image", "src": path})).expect_err(path);
            assert!(error.contains("/src"), "{error}");
        }
        assert!(asset(json!({"type": "image", "src": "media/a b.png"})).is_ok());
    }

    #[test]
    fn a_kind_that_is_not_known_is_refused_by_name() {
        let error = asset(json!({"type": "text-to-image"})).expect_err("unknown");
        assert_eq!(
            error,
            format!("/type: \"text-to-image\" is not allowed: expected {KINDS}")
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
