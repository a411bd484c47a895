//! What a clip refers to: a file, a sequence of them, or something made up.

use serde_json::Value;

use super::rational::{self, Rate, Span};
use super::read::{MAX_NAME, Reader, own, schema, text};
use super::schema::{File, Generator, Media, Sequence};
use crate::template::cursor::{Cursor, Object};
use crate::template::error::EditError;

/// The longest address, in characters.
const MAX_ADDRESS: usize = 8192;

/// The widest number of a file of a sequence.
const MAX_DIGITS: u32 = 20;

impl Reader<'_> {
    /// The reference of a clip that is in use.
    pub(super) fn media(&mut self, object: &Object) -> Result<Media, EditError> {
        let references = object.get("media_references");
        let reference = match &references {
            Some(references) => {
                let key = object.get("active_media_reference_key");
                let key = match &key {
                    Some(key) => key.text(MAX_NAME)?,
                    None => "DEFAULT_MEDIA",
                };
                references.object()?.get(key)
            }
            None => object.get("media_reference"),
        };
        let Some(cursor) = reference else {
            return Ok(Media::Missing);
        };
        let reference = cursor.object()?;
        let available = rational::span(&reference, "available_range")?;
        Ok(match schema(&reference)? {
            "ExternalReference" => match reference.get("target_url") {
                Some(url) if url.value != "" => Media::File(File {
                    url: url.text(MAX_ADDRESS)?.to_owned(),
                    pointer: url.pointer,
                    available,
                    own: own(&reference),
                }),
                _ => Media::Missing,
            },
            "ImageSequenceReference" => Media::Sequence(sequence(&cursor, &reference, available)?),
            "GeneratorReference" => Media::Generator(Generator {
                kind: text(&reference, "generator_kind", MAX_NAME)?,
                parameters: reference
                    .get("parameters")
                    .map_or(Value::Null, |cursor| cursor.value.clone()),
                available,
            }),
            "MissingReference" => Media::Missing,
            other => {
                self.warn(&cursor.pointer, format!("a {other} is not known"));
                Media::Missing
            }
        })
    }
}

fn sequence(
    cursor: &Cursor,
    object: &Object,
    available: Option<Span>,
) -> Result<Sequence, EditError> {
    let whole = |name: &str, default: i64| {
        let Some(cursor) = object.get(name) else {
            return Ok(default);
        };
        let number = cursor.number(&(-1e9..=1e9))?;
        if number.fract() == 0.0 {
            Ok(number as i64)
        } else {
            Err(cursor.error("a whole number"))
        }
    };
    let rate = object.need("rate", "a number above 0")?;
    let number = rate.number(&(0.0..=1000.0))?;
    let folder = text(object, "target_url_base", MAX_ADDRESS)?;
    let slash = if folder.is_empty() || folder.ends_with('/') {
        ""
    } else {
        "/"
    };
    let prefix = text(object, "name_prefix", MAX_NAME)?;
    let digits = match object.get("frame_zero_padding") {
        Some(cursor) => cursor.integer(&(0..=MAX_DIGITS))? as usize,
        None => 0,
    };
    Ok(Sequence {
        pointer: cursor.pointer.clone(),
        before: format!("{folder}{slash}{prefix}"),
        after: text(object, "name_suffix", MAX_NAME)?,
        first: whole("start_frame", 1)?,
        step: whole("frame_step", 1)?.max(1),
        digits,
        rate: Rate::of(number).ok_or_else(|| rate.error("a number above 0"))?,
        available,
    })
}
