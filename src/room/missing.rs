//! Streams that were asked for lately and are not there: whoever asks again is told so
//! at once, and upstream is left alone.

use std::collections::HashMap;
use std::time::Duration;

/// How many names are remembered.
pub const MAX_MISSING: usize = 1_024;

/// Names of streams that are not there, each for a while.
#[derive(Debug)]
pub struct Missing {
    /// How long a name is remembered.
    ttl: Duration,
    until: HashMap<String, Duration>,
}

impl Missing {
    /// None yet; each will be remembered for `ttl`.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            until: HashMap::new(),
        }
    }

    /// There is no stream `name` at `now`.
    pub fn insert(&mut self, name: &str, now: Duration) {
        if self.until.len() >= MAX_MISSING {
            self.until.retain(|_, until| *until > now);
        }
        // Who asks for thousands of names in seconds is after something else: they are
        // asked for upstream each time.
        if self.until.len() < MAX_MISSING {
            self.until.insert(name.to_owned(), now + self.ttl);
        }
    }

    /// Whether it is still known at `now` that there is no stream `name`.
    pub fn contains(&mut self, name: &str, now: Duration) -> bool {
        let known = self.until.get(name).is_some_and(|until| *until > now);
        if !known {
            self.until.remove(name);
        }
        known
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.until.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.until.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(2);

    #[test]
    fn a_missing_stream_is_remembered_for_a_while() {
        let mut missing = Missing::new(TTL);
        missing.insert("gone", Duration::from_secs(10));
        assert!(missing.contains("gone", Duration::from_millis(11_999)));
        assert!(!missing.contains("other", Duration::from_secs(11)));
        assert!(!missing.contains("gone", Duration::from_secs(12)));
        assert!(missing.is_empty());
    }

    #[test]
    fn names_that_are_made_up_by_the_thousand_take_no_more_room() {
        let mut missing = Missing::new(TTL);
        for index in 0..3 * MAX_MISSING {
            missing.insert(&format!("made-up-{index}"), Duration::ZERO);
        }
        assert_eq!(missing.len(), MAX_MISSING);
        missing.insert("gone", Duration::from_secs(5));
        assert_eq!(missing.len(), 1);
        assert!(missing.contains("gone", Duration::from_secs(6)));
    }
}
