//! What is told of each answer: how the cache met the request (`Cache-Status`, RFC 9211),
//! and what that took (`Server-Timing`).
//!
//! Handlers of what is kept leave a [`Met`] on their answers; whatever has none was not
//! asked of the cache, and is a bypass.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::cache::Fragment;
#[cfg(feature = "media")]
use crate::cache::{Access, Outcome};
use crate::offload::Cause;

pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// How the cache met a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Met {
    how: How,
    cause: Option<Cause>,
    /// What making it took, where that is known by the time the answer begins.
    render_ms: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// With what is kept there.
    Hit(&'static str),
    /// With what was fetched for another.
    Collapsed,
    /// With what was fetched for it, and is kept.
    #[cfg_attr(
        not(any(feature = "media", test)),
        expect(dead_code, reason = "nothing is rendered")
    )]
    Fetched,
    /// Not: it failed a moment ago.
    #[cfg_attr(
        not(any(feature = "media", test)),
        expect(dead_code, reason = "nothing is rendered")
    )]
    Error,
}

impl Met {
    /// With what is kept, wherever that is.
    pub const fn hit(detail: &'static str) -> Self {
        Self {
            how: How::Hit(detail),
            cause: None,
            render_ms: None,
        }
    }

    /// Not at all.
    #[cfg(feature = "media")]
    pub const fn failed() -> Self {
        Self {
            how: How::Error,
            cause: None,
            render_ms: None,
        }
    }

    /// With a fragment that others, too, follow while it comes.
    pub fn following(fragment: &Fragment) -> Self {
        match fragment.complete() {
            Some(_) => Self::hit("live"),
            None => Self {
                how: How::Collapsed,
                ..Self::hit("")
            },
        }
    }

    /// As the cache says.
    #[cfg(feature = "media")]
    pub fn of(access: &Access) -> Self {
        let how = match access.outcome {
            Outcome::HitMemory => How::Hit("memory"),
            Outcome::HitDisk => How::Hit("disk"),
            Outcome::HitShared => How::Hit("peer"),
            Outcome::Coalesced => How::Collapsed,
            Outcome::Filled => How::Fetched,
            Outcome::FailedLately => How::Error,
        };
        let made = (how == How::Fetched).then(|| access.fragment.complete());
        Self {
            how,
            cause: access.cause,
            render_ms: made.flatten().map(|chunk| chunk.meta.cost_ms),
        }
    }

    /// Says so of `response`.
    pub fn mark(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }

    fn word(self) -> &'static str {
        match self.how {
            How::Hit(detail) => detail,
            How::Collapsed => "collapsed",
            How::Fetched => "miss",
            How::Error => "error",
        }
    }
}

/// One member of `Cache-Status`: what the cache called `name` has to say.
fn status(name: &str, met: Option<Met>) -> String {
    let Some(met) = met else {
        return format!("{name}; fwd=bypass");
    };
    match met.how {
        How::Hit(detail) => format!("{name}; hit; detail={detail}"),
        How::Error => format!("{name}; fwd=uri-miss; detail=error"),
        How::Collapsed => format!(
            "{name}; fwd={}; collapsed{}",
            forwarded(met.cause),
            detail(met.cause)
        ),
        How::Fetched => format!(
            "{name}; fwd={}; stored{}",
            forwarded(met.cause),
            detail(met.cause)
        ),
    }
}

/// Why a request went on: what was never there is told from what is not there any more.
pub(super) const fn forwarded(cause: Option<Cause>) -> &'static str {
    match cause {
        None | Some(Cause::Cold | Cause::Fragmented) => "uri-miss",
        Some(Cause::Expired) => "stale",
        Some(_) => "miss",
    }
}

/// The parameter that says why; nothing where nothing is known.
pub(super) fn detail(cause: Option<Cause>) -> String {
    cause.map_or_else(String::new, |cause| format!("; detail={}", cause.as_str()))
}

/// Tells of every answer how it was come by.
pub(super) async fn tell(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let mut response = next.run(request).await;
    let met = response.extensions().get::<Met>().copied();
    let headers = response.headers_mut();
    if let Ok(said) = HeaderValue::try_from(status("loomcast", met)) {
        headers.append(CACHE_STATUS, said);
    }
    let word = met.map(Met::word);
    let rendered = met.and_then(|met| met.render_ms);
    headers.append(SERVER_TIMING, timing(began, word, rendered));
    response
}

/// `Server-Timing`: until the answer began, by what the cache came to if it was asked,
/// and what rendering took.
pub(super) fn timing(began: Instant, word: Option<&str>, render_ms: Option<u32>) -> HeaderValue {
    let micros = began.elapsed().as_micros();
    let (whole, rest) = (micros / 1000, micros % 1000);
    let mut said = match word {
        Some(word) => format!("cache;desc={word};dur={whole}.{rest:03}"),
        None => format!("total;dur={whole}.{rest:03}"),
    };
    if let Some(render_ms) = render_ms {
        said.push_str(&format!(", render;dur={render_ms}"));
    }
    HeaderValue::try_from(said).unwrap_or(HeaderValue::from_static("total"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_there_is_told_from_what_is_not_there_any_more() {
        let met = |how, cause| {
            Some(Met {
                how,
                cause,
                render_ms: None,
            })
        };
        for (met, expected) in [
            (None, "a; fwd=bypass"),
            (met(How::Hit("memory"), None), "a; hit; detail=memory"),
            (met(How::Fetched, None), "a; fwd=uri-miss; stored"),
            (
                met(How::Fetched, Some(Cause::Cold)),
                "a; fwd=uri-miss; stored; detail=cold",
            ),
            (
                met(How::Collapsed, Some(Cause::NotAdmitted)),
                "a; fwd=miss; collapsed; detail=not_admitted",
            ),
            (
                met(How::Fetched, Some(Cause::Expired)),
                "a; fwd=stale; stored; detail=expired",
            ),
            (met(How::Error, None), "a; fwd=uri-miss; detail=error"),
        ] {
            assert_eq!(status("a", met), expected);
        }
    }

    #[test]
    fn times_are_told_in_milliseconds() {
        let said = timing(Instant::now(), Some("miss"), Some(812));
        let said = said.to_str().expect("text");
        assert!(said.starts_with("cache;desc=miss;dur="), "{said}");
        assert!(said.ends_with(", render;dur=812"), "{said}");
        let said = timing(Instant::now(), None, None);
        assert!(said.as_bytes().starts_with(b"total;dur="), "{said:?}");
    }
}
