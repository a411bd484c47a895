//! What an encoder says by SRT of the stream that it publishes: its stream id.
//!
//! Either as by RTMP, `NAME` or `NAME?key=KEY`, or in the form of SRT's access control
//! guidelines, `#!::r=NAME,m=publish,key=KEY`, where what has no meaning here is left
//! out.

mod datagram;

use thiserror::Error;

use crate::live::rtmp::Secret;

pub use datagram::{Cookies, Knock, induction_answer, known_of};

/// How the second form begins.
const ACCESS_CONTROL: &str = "#!::";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct SrtRequest {
    /// The stream.
    pub name: String,
    /// What opens the gate.
    pub key: Option<Secret>,
}

/// Why a stream id is no request to publish. Nothing of what the encoder said is in it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum StreamIdError {
    /// There is none, or it names no stream.
    #[error("the stream id names no stream: expected NAME or #!::r=NAME,m=publish")]
    NoName,
    /// Not in pairs.
    #[error("the stream id is no list of KEY=VALUE: expected #!::r=NAME,m=publish")]
    Form,
    /// Something else is wanted than to publish; who says nothing wants to play.
    #[error("the stream id does not ask to publish: expected m=publish")]
    Mode,
    /// Something else than media.
    #[error("the stream id is not for media: expected t=stream")]
    Type,
}

/// Reads a stream id.
pub fn read_stream_id(id: &str) -> Result<SrtRequest, StreamIdError> {
    let request = match id.strip_prefix(ACCESS_CONTROL) {
        Some(list) => access_control(list)?,
        None => {
            let (name, query) = id.split_once('?').unwrap_or((id, ""));
            let mut given = url::form_urlencoded::parse(query.as_bytes());
            let key = given.find(|(name, _)| name == "key");
            SrtRequest {
                name: name.to_owned(),
                key: key.map(|(_, key)| Secret::new(key.into_owned())),
            }
        }
    };
    match request.name.is_empty() {
        true => Err(StreamIdError::NoName),
        false => Ok(request),
    }
}

fn access_control(list: &str) -> Result<SrtRequest, StreamIdError> {
    let (mut name, mut key, mut mode) = ("", None, "request");
    for entry in list.split(',') {
        match entry.split_once('=').ok_or(StreamIdError::Form)? {
            ("r", value) => name = value,
            ("key", value) => key = Some(Secret::new(value.to_owned())),
            ("m", value) => mode = value,
            ("t", value) if value != "stream" => return Err(StreamIdError::Type),
            _ => {}
        }
    }
    if mode != "publish" {
        return Err(StreamIdError::Mode);
    }
    Ok(SrtRequest {
        name: name.to_owned(),
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_id_names_a_stream_and_its_key() {
        for (id, name, key) in [
            ("show", "show", None),
            ("show?key=a%20key", "show", Some("a key")),
            ("show?a=b&key=k", "show", Some("k")),
            ("#!::r=show,m=publish", "show", None),
            (
                "#!::u=me,r=show,t=stream,m=publish,key=a=b",
                "show",
                Some("a=b"),
            ),
        ] {
            let expected = SrtRequest {
                name: name.to_owned(),
                key: key.map(|key| Secret::new(key.into())),
            };
            assert_eq!(read_stream_id(id), Ok(expected), "{id}");
        }
    }

    #[test]
    fn what_does_not_ask_to_publish_is_said_not_to() {
        for (id, error) in [
            ("", StreamIdError::NoName),
            ("?key=k", StreamIdError::NoName),
            ("#!::m=publish", StreamIdError::NoName),
            ("#!::", StreamIdError::Form),
            ("#!::r=show,publish", StreamIdError::Form),
            ("#!::r=show", StreamIdError::Mode),
            ("#!::r=show,m=request", StreamIdError::Mode),
            ("#!::r=show,m=bidirectional", StreamIdError::Mode),
            ("#!::r=show,m=publish,t=file", StreamIdError::Type),
        ] {
            assert_eq!(read_stream_id(id), Err(error), "{id}");
        }
    }
}
