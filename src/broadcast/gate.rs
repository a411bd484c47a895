//! Who may publish: the same for every door.

use crate::live::rtmp::Secret;

/// Who may publish.
#[derive(Clone, Debug, Default)]
pub enum Gate {
    /// Everybody who reaches the port.
    #[default]
    Open,
    /// Who gives this key beside the stream's name.
    Key(Secret),
}

impl Gate {
    /// Lets in who gives `key`.
    pub const fn with_key(key: String) -> Self {
        Self::Key(Secret::new(key))
    }

    /// Whether who gives this key may publish.
    pub(super) fn admits(&self, given: Option<&Secret>) -> bool {
        match self {
            Self::Open => true,
            Self::Key(key) => given.is_some_and(|given| given == key),
        }
    }

    /// Whether an encoder with this query may publish.
    pub(super) fn lets_in(&self, query: Option<&Secret>) -> bool {
        let Self::Key(key) = self else { return true };
        let Some(query) = query else { return false };
        let given = url::form_urlencoded::parse(query.expose().as_bytes());
        let mut keys = given.filter(|(name, _)| name == "key");
        keys.any(|(_, value)| key.is(&value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_with_a_key_lets_in_who_has_it() {
        let gate = Gate::Key(Secret::new("open sesame".into()));
        let asked = |query: &str| gate.lets_in(Some(&Secret::new(query.into())));
        assert!(asked("key=open%20sesame") && asked("a=b&key=open+sesame"));
        assert!(!asked("key=open") && !asked("keys=open%20sesame") && !asked(""));
        assert!(!gate.lets_in(None));
        assert!(Gate::Open.lets_in(None));
    }
}
