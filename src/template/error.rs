//! What can be wrong with an Edit, said so that its author finds the place.

use std::fmt;

use serde_json::Value;
use thiserror::Error;

/// A field that is missing, of the wrong type or out of range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{pointer}: {value} is not allowed: expected {allowed}")]
pub struct EditError {
    /// The JSON pointer (RFC 6901) of the field; empty for the document.
    pub pointer: Pointer,
    /// The value found, as JSON, shortened; `nothing` when the field is missing.
    pub value: String,
    /// What would have been accepted.
    pub allowed: String,
}

impl EditError {
    /// `value` was found where `allowed` was expected.
    pub fn new(pointer: Pointer, value: impl fmt::Display, allowed: impl Into<String>) -> Self {
        Self {
            pointer,
            value: shorten(&value.to_string()),
            allowed: allowed.into(),
        }
    }

    /// Nothing was found where `allowed` was expected.
    pub fn missing(pointer: Pointer, allowed: impl Into<String>) -> Self {
        Self {
            pointer,
            value: "nothing".into(),
            allowed: allowed.into(),
        }
    }

    /// The same error, seen from a document in which this one stands at `base`.
    pub fn within(mut self, base: &Pointer) -> Self {
        self.pointer = base.join(self.pointer.as_str());
        self
    }
}

impl EditError {
    /// The same error, about what stands at `to` where it was at `from`, if it is
    /// about that.
    pub fn moved(mut self, from: &Pointer, to: &Pointer) -> Self {
        self.pointer = self.pointer.moved(from, to);
        self
    }
}

/// Something that was understood but not followed: a field that is not known,
/// a merge value that nothing uses, a font that is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The JSON pointer of the place.
    pub pointer: Pointer,
    /// What about it.
    pub message: String,
}

impl Warning {
    /// A field that nothing reads.
    pub fn unknown(pointer: Pointer) -> Self {
        Self {
            pointer,
            message: "this field is not known and has no effect".into(),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

/// A JSON pointer (RFC 6901).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(String);

impl Pointer {
    /// The member `name` of what this points to.
    pub fn member(&self, name: &str) -> Self {
        Self(format!(
            "{}/{}",
            self.0,
            name.replace('~', "~0").replace('/', "~1")
        ))
    }

    /// The element `index` of what this points to.
    pub fn element(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    /// What `inner`, a pointer, points to inside of what this points to.
    pub fn join(&self, inner: &str) -> Self {
        Self(format!("{}{inner}", self.0))
    }

    /// The text of the pointer.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The place that this is in; `None` for the document.
    pub fn outer(&self) -> Option<Self> {
        let (outer, _) = self.0.rsplit_once('/')?;
        Some(Self(outer.to_owned()))
    }

    /// This place when what is at `from` stands at `to` instead.
    pub fn moved(&self, from: &Self, to: &Self) -> Self {
        match self.0.strip_prefix(from.as_str()) {
            Some(rest) if from.contains(self) => to.join(rest),
            _ => self.clone(),
        }
    }

    /// Whether `other` is this place or inside it.
    pub fn contains(&self, other: &Self) -> bool {
        other
            .0
            .strip_prefix(&self.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl From<&str> for Pointer {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "the Edit"
        } else {
            &self.0
        })
    }
}

/// At most this many characters of a value are repeated in an error.
const SHOWN: usize = 80;

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A JSON value, shown shortened.
pub(crate) fn shown(value: &Value) -> String {
    shorten(&value.to_string())
}
