//! Reading one field of an asset: a value, the range it may have, and an error
//! that names the field.
//!
//! Numbers may come as strings (`"36"`), because merge values and older
//! templates write them so. What does not belong here: what a field means.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::Value;
use thiserror::Error;

use crate::template::error::{EditError, Pointer};

/// The longest stretch of a bad value that an error repeats.
const SHOWN_VALUE: usize = 80;

/// A field whose value is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{pointer}: {value} is not allowed: expected {expected}")]
pub struct FieldError {
    /// Where the field is: a JSON pointer relative to the asset, such as `/font/size`.
    pub pointer: String,
    /// The value that was found, shortened.
    pub value: String,
    /// What is allowed there.
    pub expected: String,
}

impl FieldError {
    /// An error at `pointer`, where `value` was found.
    pub fn new(pointer: &str, value: impl fmt::Display, expected: impl Into<String>) -> Self {
        let value = value.to_string();
        let mut shown: String = value.chars().take(SHOWN_VALUE).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self {
            pointer: pointer.to_owned(),
            value: shown,
            expected: expected.into(),
        }
    }
}

impl FieldError {
    /// The same error, seen from the Edit in which the asset stands at `base`.
    pub(crate) fn within(self, base: &Pointer) -> EditError {
        let pointer = Pointer::from(self.pointer.as_str());
        EditError::new(pointer, self.value, self.expected).within(base)
    }
}

/// A colour with straight alpha.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour {
    /// Red, green and blue.
    pub rgb: [u8; 3],
    /// Opacity, 0 to 1.
    pub alpha: f64,
}

impl Colour {
    /// Reads `#RRGGBB`.
    pub fn from_rgb_hex(text: &str) -> Option<Self> {
        let [r, g, b] = hex_bytes::<3>(text)?;
        Some(Self {
            rgb: [r, g, b],
            alpha: 1.0,
        })
    }

    /// Reads `#AARRGGBB`, alpha first.
    pub fn from_argb_hex(text: &str) -> Option<Self> {
        let [a, r, g, b] = hex_bytes::<4>(text)?;
        Some(Self {
            rgb: [r, g, b],
            alpha: f64::from(a) / 255.0,
        })
    }
}

/// The colour as CSS writes it.
impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.rgb;
        write!(f, "rgba({r},{g},{b},{})", self.alpha)
    }
}

fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix('#')?.as_bytes();
    if digits.len() != N * 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A number in `range`, or `default` where the field is absent.
pub(crate) fn number(
    pointer: &str,
    value: &Option<Value>,
    range: RangeInclusive<f64>,
    default: f64,
) -> Result<f64, FieldError> {
    let Some(value) = value else {
        return Ok(default);
    };
    let expected = || format!("a number from {} to {}", range.start(), range.end());
    let found = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match found {
        Some(number) if range.contains(&number) => Ok(number),
        _ => Err(FieldError::new(pointer, value, expected())),
    }
}

/// A whole number of pixels in `range`; `None` where the field is absent.
pub(crate) fn pixels(
    pointer: &str,
    value: &Option<Value>,
    range: RangeInclusive<u32>,
) -> Result<Option<u32>, FieldError> {
    if value.is_none() {
        return Ok(None);
    }
    let range = f64::from(*range.start())..=f64::from(*range.end());
    // In range, so the rounded number fits.
    number(pointer, value, range, 0.0).map(|number| Some(number.round() as u32))
}

/// One of the names of `choices`, or `default` where the field is absent.
pub(crate) fn choice<T: Copy>(
    pointer: &str,
    value: &Option<Value>,
    choices: &[(&str, T)],
    default: T,
) -> Result<T, FieldError> {
    let Some(value) = value else {
        return Ok(default);
    };
    choices
        .iter()
        .find(|(name, _)| value.as_str() == Some(name))
        .map(|(_, choice)| *choice)
        .ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            FieldError::new(pointer, value, format!("one of {}", names.join(", ")))
        })
}

/// True or false, also as a string; `default` where the field is absent.
pub(crate) fn flag(
    pointer: &str,
    value: &Option<Value>,
    default: bool,
) -> Result<bool, FieldError> {
    match value {
        None => Ok(default),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(other) => Err(FieldError::new(pointer, other, "true or false")),
    }
}

/// A text of at most `max` characters; `None` where the field is absent.
/// Numbers and truth values are taken as they are written, because a
/// placeholder alone in a string takes the type of its replacement.
pub(crate) fn text(
    pointer: &str,
    value: &Option<Value>,
    max: usize,
) -> Result<Option<String>, FieldError> {
    let text = match value {
        None => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(scalar @ (Value::Number(_) | Value::Bool(_))) => scalar.to_string(),
        Some(other) => return Err(FieldError::new(pointer, other, "a text")),
    };
    let count = text.chars().count();
    if count > max {
        return Err(FieldError::new(
            pointer,
            format_args!("a text of {count} characters"),
            format!("at most {max} characters"),
        ));
    }
    Ok(Some(text))
}

/// `#RRGGBB` with the opacity of a second field; `None` where the colour is absent.
pub(crate) fn colour(
    pointer: &str,
    value: &Option<Value>,
    opacity_pointer: &str,
    opacity: &Option<Value>,
) -> Result<Option<Colour>, FieldError> {
    let alpha = number(opacity_pointer, opacity, 0.0..=1.0, 1.0)?;
    let Some(value) = value else { return Ok(None) };
    value
        .as_str()
        .and_then(Colour::from_rgb_hex)
        .map(|colour| Some(Colour { alpha, ..colour }))
        .ok_or_else(|| FieldError::new(pointer, value, "a colour as #RRGGBB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_may_come_as_a_string() {
        for (value, expected) in [
            (json!(36), 36.0),
            (json!("36"), 36.0),
            (json!(" 1.5 "), 1.5),
        ] {
            assert_eq!(number("/n", &Some(value), 0.0..=100.0, 7.0), Ok(expected));
        }
        assert_eq!(number("/n", &None, 0.0..=100.0, 7.0), Ok(7.0));
    }

    #[test]
    fn a_number_out_of_range_is_refused_by_name_value_and_range() {
        for bad in [
            json!(501),
            json!("0"),
            json!("NaN"),
            json!("inf"),
            json!("big"),
            json!([1]),
        ] {
            let error = number("/font/size", &Some(bad.clone()), 1.0..=500.0, 48.0).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("/font/size: {bad} is not allowed: expected a number from 1 to 500")
            );
        }
    }

    #[test]
    fn colours_have_one_spelling_each() {
        let black = Colour {
            rgb: [0, 0, 0],
            alpha: 1.0,
        };
        assert_eq!(Colour::from_rgb_hex("#000000"), Some(black));
        assert_eq!(
            Colour::from_argb_hex("#80ff0010"),
            Some(Colour {
                rgb: [255, 0, 16],
                alpha: 128.0 / 255.0
            })
        );
        for bad in [
            "000000",
            "#000",
            "#00000g",
            "#80ff0010",
            "#+10000",
            "",
            "#é0000",
        ] {
            assert_eq!(Colour::from_rgb_hex(bad), None, "{bad}");
        }
    }
}
