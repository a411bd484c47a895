//! Reads a JSON tree field by field, knowing at each step where it is.
//!
//! Why not a derive: an Edit's author needs the pointer, the value *and* what
//! is allowed in every error, and a warning by name for each field that
//! nothing read; tagged unions lose the first and the last.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::template::error::{EditError, Pointer, Warning, shown};

/// A value and where it stands.
pub struct Cursor<'a> {
    /// The value.
    pub value: &'a Value,
    /// Where.
    pub pointer: Pointer,
}

impl<'a> Cursor<'a> {
    /// The root of a document.
    pub fn root(value: &'a Value) -> Self {
        Self {
            value,
            pointer: Pointer::default(),
        }
    }

    /// An error about this value.
    pub fn error(&self, allowed: impl Into<String>) -> EditError {
        EditError::new(self.pointer.clone(), shown(self.value), allowed)
    }

    /// It as an object.
    pub fn object(&self) -> Result<Object<'a>, EditError> {
        let map = self
            .value
            .as_object()
            .ok_or_else(|| self.error("an object"))?;
        Ok(Object {
            map,
            pointer: self.pointer.clone(),
            read: RefCell::default(),
        })
    }

    /// Its elements; between 1 and `max` of them.
    pub fn elements(&self, max: usize) -> Result<Vec<Cursor<'a>>, EditError> {
        let allowed = || format!("an array of 1 to {max} elements");
        let array = self.value.as_array().ok_or_else(|| self.error(allowed()))?;
        if array.is_empty() || array.len() > max {
            let found = format!("an array of {}", array.len());
            return Err(EditError::new(self.pointer.clone(), found, allowed()));
        }
        let cursor = |(index, value)| Cursor {
            value,
            pointer: self.pointer.element(index),
        };
        Ok(array.iter().enumerate().map(cursor).collect())
    }

    /// It as a text of at most `max` characters.
    pub fn text(&self, max: usize) -> Result<&'a str, EditError> {
        self.value
            .as_str()
            .filter(|text| text.chars().count() <= max)
            .ok_or_else(|| self.error(format!("a text of at most {max} characters")))
    }

    /// It as a number within `range`. A text that is a number counts as one:
    /// merge values are often texts.
    pub fn number(&self, range: &RangeInclusive<f64>) -> Result<f64, EditError> {
        let number = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                self.error(format!(
                    "a number from {} to {}",
                    range.start(),
                    range.end()
                ))
            })
    }

    /// It as a whole number within `range`.
    pub fn integer(&self, range: &RangeInclusive<u32>) -> Result<u32, EditError> {
        let allowed = || {
            self.error(format!(
                "a whole number from {} to {}",
                range.start(),
                range.end()
            ))
        };
        let number = self
            .number(&(0.0..=f64::from(u32::MAX)))
            .map_err(|_| allowed())?;
        let whole = number as u32;
        if f64::from(whole) == number && range.contains(&whole) {
            Ok(whole)
        } else {
            Err(allowed())
        }
    }

    /// It as one of these names.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, EditError> {
        let named = |name: &str| {
            choices
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
        };
        self.value.as_str().and_then(named).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.error(format!("one of {}", names.join(", ")))
        })
    }
}

/// An object that remembers which of its members were read.
pub struct Object<'a> {
    map: &'a Map<String, Value>,
    /// Where it stands.
    pub pointer: Pointer,
    read: RefCell<HashSet<&'a str>>,
}

impl<'a> Object<'a> {
    /// The member `name`, if it is there and not null.
    pub fn get(&self, name: &str) -> Option<Cursor<'a>> {
        let (name, value) = self.map.get_key_value(name)?;
        self.read.borrow_mut().insert(name);
        (!value.is_null()).then(|| Cursor {
            value,
            pointer: self.pointer.member(name),
        })
    }

    /// The member `name`, which has to be there.
    pub fn need(&self, name: &str, allowed: &str) -> Result<Cursor<'a>, EditError> {
        self.get(name)
            .ok_or_else(|| EditError::missing(self.pointer.member(name), allowed))
    }

    /// The number `name`, or `default`.
    pub fn number(
        &self,
        name: &str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> Result<f64, EditError> {
        self.get(name)
            .map_or(Ok(default), |cursor| cursor.number(&range))
    }

    /// The choice `name`, or `default`.
    pub fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
        default: T,
    ) -> Result<T, EditError> {
        self.get(name)
            .map_or(Ok(default), |cursor| cursor.choice(choices))
    }

    /// Whether `name` is set; false if it is not there. `"true"` counts too.
    pub fn flag(&self, name: &str) -> Result<bool, EditError> {
        let Some(cursor) = self.get(name) else {
            return Ok(false);
        };
        match cursor.value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(cursor.error("true or false")),
        }
    }

    /// Marks members as read that are understood elsewhere or safe to leave.
    pub fn ignore(&self, names: &[&str]) {
        names.iter().for_each(|name| drop(self.get(name)));
    }

    /// Warns of every member that was not read.
    pub fn finish(self, warnings: &mut Vec<Warning>) {
        let read = self.read.borrow();
        let unknown = self.map.keys().filter(|name| !read.contains(name.as_str()));
        warnings.extend(unknown.map(|name| Warning::unknown(self.pointer.member(name))));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_names_the_place_the_value_and_what_is_allowed() {
        let document = json!({"a/b": [{"size": 7}]});
        let object = Cursor::root(&document).object().expect("object");
        let element = &object
            .get("a/b")
            .expect("there")
            .elements(5)
            .expect("array")[0];
        let error = element
            .object()
            .expect("object")
            .number("size", 0.0..=5.0, 1.0)
            .expect_err("too large");
        assert_eq!(
            error.to_string(),
            "/a~1b/0/size: 7 is not allowed: expected a number from 0 to 5"
        );
    }

    #[test]
    fn members_that_nothing_read_are_warned_about_by_name() {
        let document = json!({"known": 1, "colour": 2, "nothing": null});
        let object = Cursor::root(&document).object().expect("object");
        object.ignore(&["known"]);
        assert!(object.get("nothing").is_none());
        let mut warnings = Vec::new();
        object.finish(&mut warnings);
        let pointers: Vec<&str> = warnings
            .iter()
            .map(|warning| warning.pointer.as_str())
            .collect();
        assert_eq!(pointers, ["/colour"]);
    }

    #[test]
    fn a_text_that_is_a_number_is_one() {
        for (value, expected) in [
            (json!(5), Some(5.0)),
            (json!("5.2"), Some(5.2)),
            (json!(" 1 "), Some(1.0)),
            (json!("five"), None),
            (json!("NaN"), None),
            (json!(true), None),
            (json!(11), None),
        ] {
            assert_eq!(
                Cursor::root(&value).number(&(0.0..=10.0)).ok(),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn an_integer_is_whole_and_in_range() {
        for (value, expected) in [
            (json!(5), Some(5)),
            (json!(5.5), None),
            (json!(-1), None),
            (json!(6), None),
        ] {
            assert_eq!(
                Cursor::root(&value).integer(&(1..=5)).ok(),
                expected,
                "{value}"
            );
        }
    }
}
