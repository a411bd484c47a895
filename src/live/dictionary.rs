//! What the parties of the cache dictionary say before media: one line of JSON each.
//!
//! A *pushing end* gives a stream, a *subscription end* takes one, a *plug-in end*
//! takes one and may give another back. Media then is FLV, either way.

mod line;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::live::rtmp::Secret;

pub use line::FirstLine;

/// The longest line, in bytes.
pub const MAX_LINE_BYTES: usize = 4 << 10;

/// The longest of its texts, in bytes.
pub const MAX_TEXT_BYTES: usize = 256;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Gives a stream.
    Pushing,
    /// Takes a stream, and may give another back.
    PlugIn,
    /// Takes a stream.
    Subscription,
}

impl Role {
    /// Its name in requests and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pushing => "pushing",
            Self::PlugIn => "plug-in",
            Self::Subscription => "subscription",
        }
    }
}

/// What becomes of a stream when its pushing end goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamType {
    /// Its cache goes too, once nobody has come back.
    #[default]
    Live,
    /// It stays, whole, until it is deleted; whoever takes it begins at its beginning.
    Replay,
}

impl StreamType {
    /// Its name in requests and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Replay => "replay",
        }
    }
}

/// The first line of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who speaks.
    pub role: Role,
    /// Of a pushing end: what the stream is, beside its name. Of a subscription end:
    /// what it must be. Of a plug-in end: the name of the stream that it gives back;
    /// without it gives none.
    pub identity: Option<String>,
    /// What kind of stream. Of those who take one: what it must be.
    pub stream_type: Option<StreamType>,
    /// The stream's name.
    pub name: String,
    /// Of a pushing end: where the stream comes from. Of a subscription end: where it
    /// must come from.
    pub address: Option<String>,
    /// The key that the server asks for.
    pub authentication: Option<Secret>,
}

/// As it stands on the line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    stream_type: Option<StreamType>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authentication: Option<String>,
}

/// Why a request cannot be granted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{field}: {message}")]
pub struct RequestError {
    /// Which field, or `request`.
    pub field: String,
    /// What is wrong with it and what was expected.
    pub message: String,
}

impl RequestError {
    /// `field` is wrong as `message` says.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl Request {
    /// Reads a line, with or without its end.
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        if line.len() > MAX_LINE_BYTES {
            return Err(too_long());
        }
        let mut json = serde_json::Deserializer::from_slice(line);
        let line: Line = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            // A list is read as one, and is none of these; and a field may have no name.
            let whole = field == "." || field.is_empty() || field.starts_with('[');
            let field = if whole { "request".into() } else { field };
            RequestError::new(field, error.into_inner().to_string())
        })?;
        json.end()
            .map_err(|error| RequestError::new("request", error.to_string()))?;
        let texts = [
            ("identity", line.identity.as_ref()),
            ("name", Some(&line.name)),
            ("address", line.address.as_ref()),
            ("authentication", line.authentication.as_ref()),
        ];
        for (field, text) in texts {
            let length = text.map_or(0, String::len);
            if length > MAX_TEXT_BYTES {
                let message = format!("{length} bytes: expected at most {MAX_TEXT_BYTES}");
                return Err(RequestError::new(field, message));
            }
        }
        if line.role == Role::PlugIn && line.address.is_some() {
            let message = "given: expected none from a plug-in end";
            return Err(RequestError::new("address", message));
        }
        Ok(Self {
            role: line.role,
            identity: line.identity,
            stream_type: line.stream_type,
            name: line.name,
            address: line.address,
            authentication: line.authentication.map(Secret::new),
        })
    }

    /// Writes the line, with its end.
    pub fn to_line(&self) -> String {
        let line = Line {
            role: self.role,
            identity: self.identity.clone(),
            stream_type: self.stream_type,
            name: self.name.clone(),
            address: self.address.clone(),
            authentication: self
                .authentication
                .as_ref()
                .map(|secret| secret.expose().to_owned()),
        };
        // Texts and names of variants: nothing that could fail.
        serde_json::to_string(&line).unwrap_or_default() + "\n"
    }
}

/// A line that has not ended where it has to.
fn too_long() -> RequestError {
    let message = format!("longer than {MAX_LINE_BYTES} bytes: expected one line of JSON");
    RequestError::new("request", message)
}

/// What the server answers, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// Media follows.
    Granted {
        /// Always true.
        ok: bool,
        /// The number of this connection in the dictionary. Never given twice.
        index: u64,
    },
    /// The connection is closed.
    Refused {
        /// Always false.
        ok: bool,
        /// Which field is wrong.
        field: String,
        /// Why, and what was expected.
        message: String,
    },
}

impl Answer {
    /// The connection is number `index`.
    pub const fn granted(index: u64) -> Self {
        Self::Granted { ok: true, index }
    }

    /// It is not let in.
    pub fn refused(error: RequestError) -> Self {
        Self::Refused {
            ok: false,
            field: error.field,
            message: error.message,
        }
    }

    /// The line, with its end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_party_says_what_it_wants_in_one_line() {
        let request = Request::parse(
            br#"{"role":"pushing","identity":"camera 2","type":"live","name":"show","address":"rtsp://10.0.0.7/2","authentication":"open sesame"}"#,
        )
        .expect("a request");
        assert_eq!(request.role, Role::Pushing);
        assert_eq!(request.identity.as_deref(), Some("camera 2"));
        assert_eq!(request.stream_type, Some(StreamType::Live));
        assert_eq!(request.address.as_deref(), Some("rtsp://10.0.0.7/2"));
        assert!(
            request
                .authentication
                .as_ref()
                .is_some_and(|key| key.is("open sesame"))
        );
        assert_eq!(Request::parse(request.to_line().as_bytes()), Ok(request));
        let least = Request::parse(b"{\"role\":\"subscription\",\"name\":\"show\"}\r\n");
        assert_eq!(least.expect("a request").stream_type, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!(r#"{{"role":"pushing","name":"{}"}}"#, "x".repeat(257));
        let table: [(&[u8], &str, &str); 10] = [
            (b"", "request", "EOF"),
            (b"GET / HTTP/1.1", "request", "expected value"),
            (b"[1]", "request", "expected"),
            (br#"{"role":"pushing"}"#, "request", "missing field `name`"),
            (br#"{"role":"viewer","name":"a"}"#, "role", "`plug-in`"),
            (
                br#"{"role":"pushing","name":7}"#,
                "name",
                "expected a string",
            ),
            (
                br#"{"role":"pushing","name":"a","type":"vod"}"#,
                "type",
                "`replay`",
            ),
            (
                br#"{"role":"pushing","name":"a","nmae":"b"}"#,
                "nmae",
                "unknown field",
            ),
            (
                br#"{"role":"pushing","name":"a","":1}"#,
                "request",
                "unknown field",
            ),
            (long.as_bytes(), "name", "257 bytes: expected at most 256"),
        ];
        for (line, field, message) in table {
            let error = Request::parse(line).expect_err("refused");
            assert_eq!(error.field, field, "{error}");
            assert!(error.message.contains(message), "{error}");
        }
        let address = br#"{"role":"plug-in","name":"a","address":"b"}"#;
        assert_eq!(
            Request::parse(address).expect_err("refused").field,
            "address"
        );
    }

    #[test]
    fn answers_are_one_line() {
        assert_eq!(Answer::granted(7).to_line(), "{\"ok\":true,\"index\":7}\n");
        let refused = Answer::refused(RequestError::new("name", "no \"stream\""));
        let line = refused.to_line();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(
            serde_json::from_str::<Answer>(&line).expect("JSON"),
            refused
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
            drop(Request::parse(&line));
        }
    }
}
