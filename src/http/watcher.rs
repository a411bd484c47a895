//! What the requests of one player have in common: where they come from, and what it says
//! that it is.
//!
//! What a proxy in front says of where they come from counts as well; who makes that up
//! is counted more than once, and nothing else depends on it. Hashed with a key of this
//! process: nobody's address is kept.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{FORWARDED, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::live::presence::WatcherMark;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Who sends a request, as far as that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watcher(WatcherMark);

impl Watcher {
    /// One who has an address of its own, with `name` in it.
    #[cfg(feature = "media")]
    pub fn called(name: &str) -> Self {
        Self(WatcherMark(KEY.hash_one(name)))
    }

    /// What it is known by: the identifier that it was given, if it was.
    pub fn mark(self, given: Option<Uuid>) -> WatcherMark {
        match given {
            Some(id) => WatcherMark(KEY.hash_one(id)),
            None => self.0,
        }
    }

    /// Who sent a request with those extensions and headers.
    pub fn of(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        Self::from(peer.map(|peer| peer.0), headers)
    }

    fn from(peer: Option<SocketAddr>, headers: &HeaderMap) -> Self {
        let mut hasher = KEY.build_hasher();
        // Its connections have ports of their own.
        peer.map(|peer| peer.ip()).hash(&mut hasher);
        for name in [USER_AGENT, FORWARDED, X_FORWARDED_FOR] {
            let said = headers.get(name).map(HeaderValue::as_bytes);
            said.hash(&mut hasher);
        }
        Self(WatcherMark(hasher.finish()))
    }
}

impl<S: Sync> FromRequestParts<S> for Watcher {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions, &parts.headers))
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn players_are_told_apart_by_address_program_and_what_a_proxy_says() {
        let of = |peer: &str, agent: &'static str, forwarded: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, HeaderValue::from_static(agent));
            if let Some(forwarded) = forwarded {
                headers.insert(X_FORWARDED_FOR, HeaderValue::from_static(forwarded));
            }
            Watcher::from(peer.parse().ok(), &headers)
        };
        let one = of("192.0.2.1:1000", "a", None);
        assert_eq!(of("192.0.2.1:2000", "a", None), one, "another connection");
        for other in [
            of("192.0.2.2:1000", "a", None),
            of("192.0.2.1:1000", "b", None),
            of("192.0.2.1:1000", "a", Some("198.51.100.7")),
        ] {
            assert_ne!(other, one);
        }
    }
}
