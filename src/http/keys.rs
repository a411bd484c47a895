//! Who may ask for work: requests that make, change or list something carry a key, if
//! the server was given any.
//!
//! Players carry none. What they ask for has an address that nobody can guess, and
//! stays open.

#[cfg(feature = "media")]
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
#[cfg(feature = "media")]
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use thiserror::Error;

use crate::http::ApiError;
#[cfg(feature = "media")]
use crate::http::AppState;
use crate::http::cors::KEY_HEADER;

/// The most keys.
pub const MAX_KEYS: usize = 1000;

/// The shortest key, in bytes: one that is shorter is soon guessed.
pub const MIN_KEY_BYTES: usize = 8;

/// Keys that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeysError {
    /// One of them is too short.
    #[error("an API key of {0} bytes is not allowed: expected at least {MIN_KEY_BYTES}")]
    Short(usize),
    /// There are too many.
    #[error("{0} API keys are not allowed: expected at most {MAX_KEYS}")]
    Many(usize),
}

/// The keys that are known. With none, nobody needs one.
#[derive(Clone, Debug, Default)]
pub struct ApiKeys {
    digests: Vec<blake3::Hash>,
}

impl ApiKeys {
    /// These keys; white space around them does not count, and empty ones are none.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, KeysError> {
        let keys = keys
            .into_iter()
            .map(str::trim)
            .filter(|key| !key.is_empty());
        let mut digests = Vec::new();
        for key in keys {
            if key.len() < MIN_KEY_BYTES {
                return Err(KeysError::Short(key.len()));
            }
            digests.push(blake3::hash(key.as_bytes()));
        }
        match digests.len() {
            count if count > MAX_KEYS => Err(KeysError::Many(count)),
            _ => Ok(Self { digests }),
        }
    }

    /// Whether whoever sends these headers may ask for work.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if self.digests.is_empty() {
            return Ok(());
        }
        let Some(key) = headers.get(KEY_HEADER) else {
            let message = format!("a key is needed, in the header {KEY_HEADER}");
            return Err(ApiError::Unauthorised(message));
        };
        // How long looking takes tells nothing: these are compared in constant time,
        // and all of them are.
        let asked = blake3::hash(key.as_bytes());
        let known = self.digests.iter().filter(|known| **known == asked).count();
        if known == 0 {
            let message = format!("the key in {KEY_HEADER} is none that is known here");
            return Err(ApiError::Forbidden(message));
        }
        Ok(())
    }
}

/// Turns away, in front of what an edge tells operators, who has no key; whoever wants to
/// change something needs one even where none is known.
pub(super) async fn guard_operators(
    State(keys): State<ApiKeys>,
    request: Request,
    next: Next,
) -> Response {
    let looks = request.method().is_safe();
    match keys.admit(request.headers()) {
        Err(error) => error.into_response(),
        Ok(()) if keys.digests.is_empty() && !looks => {
            let message = "this edge was given no --api-key: nothing can be changed here";
            ApiError::Forbidden(message.into()).into_response()
        }
        Ok(()) => next.run(request).await,
    }
}

/// Turns away, in front of the native API, who needs a key and has none.
#[cfg(feature = "media")]
pub(super) async fn guard(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let needed = is_work(request.method(), request.uri().path());
    match state.keys.admit(request.headers()) {
        Err(error) if needed => error.into_response(),
        _ => next.run(request).await,
    }
}

/// Whether this makes, changes or lists something.
#[cfg(feature = "media")]
fn is_work(method: &Method, path: &str) -> bool {
    let looks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    // Whoever knows the address of a video or stream may see it; the list tells all.
    // What recordings are called can be guessed.
    let recorded = path == "/v1/recordings"
        || path.starts_with("/v1/recordings/")
        || path.starts_with("/v1/live/") && path.ends_with("/recording");
    // The classes of the traffic name templates and streams.
    let measured = path == "/v1/offload" || path.starts_with("/v1/offload/");
    // What a channel fills in may be meant for nobody else.
    let cast = path == "/v1/channels" || path.starts_with("/v1/channels/");
    !looks || path == "/v1/videos" || path == "/v1/live" || recorded || measured || cast
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(key: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(KEY_HEADER, HeaderValue::from_static(key));
        headers
    }

    #[test]
    fn a_key_is_needed_and_must_be_known_if_there_are_any() {
        let keys = ApiKeys::new([" first-key ", "", "second-key"]).unwrap();
        for key in ["first-key", "second-key"] {
            assert!(keys.admit(&with(key)).is_ok(), "{key}");
        }
        for key in ["first-ke", "first-key2", "", "First-key"] {
            let refused = keys.admit(&with(key));
            assert!(matches!(refused, Err(ApiError::Forbidden(_))), "{key}");
        }
        let none = keys.admit(&HeaderMap::new());
        assert!(matches!(none, Err(ApiError::Unauthorised(_))));
        let open = ApiKeys::new([""]).unwrap();
        assert!(open.admit(&HeaderMap::new()).is_ok());
        assert!(open.admit(&with("any")).is_ok());
    }

    #[test]
    fn keys_that_are_soon_guessed_are_refused() {
        assert_eq!(ApiKeys::new(["short"]).err(), Some(KeysError::Short(5)));
    }

    #[cfg(feature = "media")]
    #[test]
    fn looking_at_one_video_is_no_work() {
        for (method, path, expected) in [
            (Method::GET, "/v1/videos/x/live.m3u8", false),
            (Method::GET, "/v1/videos", true),
            (Method::GET, "/v1/live", true),
            (Method::GET, "/v1/live/show", false),
            (Method::GET, "/v1/live/show/recording", true),
            (Method::GET, "/v1/channels", true),
            (Method::GET, "/v1/channels/shop", true),
            (Method::GET, "/live/shop/for/x/index.m3u8", false),
            (Method::GET, "/v1/recordings", true),
            (
                Method::GET,
                "/v1/recordings/show-20260102T030405Z.mp4",
                true,
            ),
            (Method::GET, "/live/show/thumbnail.jpg", false),
            (Method::GET, "/live/show/index.m3u8", false),
            (Method::HEAD, "/c/x/0.m4s", false),
            (Method::POST, "/v1/videos", true),
            (Method::DELETE, "/v1/videos/x", true),
            (Method::GET, "/", false),
            (Method::GET, "/v1/offload", true),
            (Method::GET, "/v1/offload/trace", true),
            (Method::POST, "/v1/offload/nodes/edge-1", true),
        ] {
            assert_eq!(is_work(&method, path), expected, "{method} {path}");
        }
    }
}
