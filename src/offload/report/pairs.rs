//! Keys that tell apart what is the same.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::super::twins::Twins;

/// Two keys of the same bytes, and what making them twice has cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The key that was made first, 64 hex digits.
    pub first: String,
    /// The key that need not have been.
    pub second: String,
    /// How often it was made all the same.
    pub times: u64,
    /// Bytes that were made for nothing.
    pub bytes: u64,
    /// Milliseconds of a render thread that went into them.
    pub render_ms: u64,
    /// The parameters that the two keys differ in, as `layers[0].text`; empty where that is
    /// not known.
    #[serde(default)]
    pub differs: Vec<String>,
}

impl Pair {
    /// The pairs of `twins`, each once. `differs` says in what their keys do.
    pub fn all<'a>(
        twins: impl IntoIterator<Item = &'a Twins>,
        differs: impl Fn(&Twins) -> Vec<String>,
    ) -> Vec<Self> {
        let mut pairs: Vec<Self> = Vec::new();
        let mut places = HashMap::new();
        for one in twins {
            let place = *places.entry((one.first, one.second)).or_insert_with(|| {
                pairs.push(Self {
                    first: one.first.to_string(),
                    second: one.second.to_string(),
                    times: 0,
                    bytes: 0,
                    render_ms: 0,
                    differs: differs(one),
                });
                pairs.len() - 1
            });
            let pair = &mut pairs[place];
            pair.times += 1;
            pair.bytes = pair.bytes.saturating_add(one.bytes);
            pair.render_ms = pair.render_ms.saturating_add(one.render_ms);
        }
        pairs
    }
}
