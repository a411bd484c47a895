//! Who may publish: decided before a byte of media is taken, in the same way at
//! every door.

use std::net::SocketAddr;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use thiserror::Error;

use crate::broadcast::connections::Door;
use crate::broadcast::hooks::{Event, Hooks};
use crate::live::rtmp::Secret;

/// The shortest secret that tokens are signed with, in bytes (RFC 7518, 3.2).
pub const MIN_TOKEN_SECRET_BYTES: usize = 32;

/// Who wants to publish what.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The stream's name.
    pub name: &'a str,
    /// The key or token that was given.
    pub key: Option<&'a Secret>,
    /// At which door.
    pub door: Door,
    /// From where.
    pub peer: SocketAddr,
}

/// Why somebody may not publish.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// Neither the key nor a token that is good for the stream.
    #[error("the key is wrong or missing")]
    Key,
    /// The hook says no.
    #[error("the stream is not allowed")]
    Hook,
    /// The hook cannot be asked.
    #[error("it cannot be asked now whether the stream is allowed")]
    HookFailed,
}

/// What asks for a key, a token, and the operator's own server; clones are the same
/// gate. Without any of them everybody who reaches a door may publish.
#[derive(Clone, Default)]
pub struct Gate {
    key: Option<Secret>,
    tokens: Option<Arc<DecodingKey>>,
    hooks: Hooks,
}

/// What a token says (RFC 7519): which stream, and until when.
#[derive(Debug, Deserialize)]
struct Claims {
    /// The stream's name.
    sub: String,
}

impl Gate {
    /// Asks for `key`, where there is one; and then `hooks`.
    pub fn new(key: Option<String>, hooks: Hooks) -> Self {
        Self {
            key: key.map(Secret::new),
            tokens: None,
            hooks,
        }
    }

    /// Lets in too who has a token that is signed with `secret` (HS256), has the stream's
    /// name as `sub`, and has not expired (`exp`).
    pub fn with_tokens(self, secret: &[u8]) -> Self {
        Self {
            tokens: Some(Arc::new(DecodingKey::from_secret(secret))),
            ..self
        }
    }

    /// Whether who asks may publish.
    pub async fn admit(&self, ask: &Ask<'_>) -> Result<(), Refusal> {
        if !self.has_key(ask) {
            return Err(Refusal::Key);
        }
        let event = Event::publish(ask.name, ask.door, Some(ask.peer));
        match self.hooks.ask(event).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::Hook),
            Err(error) => {
                tracing::warn!(%error, "the hook cannot be asked who may publish");
                Err(Refusal::HookFailed)
            }
        }
    }

    fn has_key(&self, ask: &Ask) -> bool {
        if self.key.is_none() && self.tokens.is_none() {
            return true;
        }
        let Some(given) = ask.key else { return false };
        let key = self.key.as_ref().is_some_and(|key| key == given);
        key || self.has_token(ask.name, given)
    }

    fn has_token(&self, name: &str, given: &Secret) -> bool {
        let Some(key) = &self.tokens else {
            return false;
        };
        // A token says until when it is good, and is signed by who shares the secret: no
        // other algorithm, and none at all, is taken.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        let claims = decode::<Claims>(given.expose(), key, &validation);
        claims.is_ok_and(|token| token.claims.sub == name)
    }
}

/// The key or token in a query: `key=KEY` or `token=TOKEN`.
pub fn key_in(query: &str) -> Option<Secret> {
    let mut given = url::form_urlencoded::parse(query.as_bytes());
    let found = given.find(|(name, _)| name == "key" || name == "token");
    found.map(|(_, value)| Secret::new(value.into_owned()))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &[u8] = b"a secret of thirty-two bytes, and more";

    async fn admitted(gate: &Gate, name: &str, key: Option<&str>) -> bool {
        let key = key.map(|key| Secret::new(key.to_owned()));
        let ask = Ask {
            name,
            key: key.as_ref(),
            door: Door::Rtmp,
            peer: ([127, 0, 0, 1], 1).into(),
        };
        gate.admit(&ask).await.is_ok()
    }

    fn token(claims: &serde_json::Value, algorithm: Algorithm, secret: &[u8]) -> String {
        let header = Header::new(algorithm);
        encode(&header, claims, &EncodingKey::from_secret(secret)).expect("a token")
    }

    #[tokio::test]
    async fn a_gate_with_a_key_lets_in_who_has_it() {
        let gate = Gate::new(Some("open sesame".into()), Hooks::default());
        assert!(admitted(&gate, "show", Some("open sesame")).await);
        assert!(!admitted(&gate, "show", Some("open")).await);
        assert!(!admitted(&gate, "show", None).await);
        assert!(admitted(&Gate::default(), "show", None).await);
    }

    #[test]
    fn a_key_is_found_in_a_query_as_forms_write_it() {
        let found = |query: &str| key_in(query).map(|key| key.expose().to_owned());
        assert_eq!(found("key=open%20sesame").as_deref(), Some("open sesame"));
        assert_eq!(found("a=b&token=x.y.z").as_deref(), Some("x.y.z"));
        assert_eq!(found("keys=x"), None);
    }

    #[tokio::test]
    async fn a_token_is_good_for_its_stream_until_it_expires() {
        let gate = Gate::default().with_tokens(SECRET);
        let later = 4_102_444_800_u64;
        let good = json!({"sub": "show", "exp": later});
        let table = [
            (token(&good, Algorithm::HS256, SECRET), true),
            (token(&good, Algorithm::HS512, SECRET), false),
            (token(&good, Algorithm::HS256, b"another secret"), false),
            (
                token(
                    &json!({"sub": "other", "exp": later}),
                    Algorithm::HS256,
                    SECRET,
                ),
                false,
            ),
            (
                token(
                    &json!({"sub": "show", "exp": 1_000_000}),
                    Algorithm::HS256,
                    SECRET,
                ),
                false,
            ),
            (
                token(&json!({"sub": "show"}), Algorithm::HS256, SECRET),
                false,
            ),
            ("no token".to_owned(), false),
        ];
        for (token, expected) in table {
            assert_eq!(
                admitted(&gate, "show", Some(&token)).await,
                expected,
                "{token}"
            );
        }
        assert!(!admitted(&gate, "show", None).await);
    }
}
