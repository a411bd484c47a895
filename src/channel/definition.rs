//! What a channel plays, as it is asked for and kept.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::template::merge::{Data, MAX_FIELDS};

/// The most videos of a channel.
pub const MAX_ENTRIES: usize = 50;

/// The most items of a schedule.
pub const MAX_ITEMS: usize = 1_000;

/// How far apart two items of a schedule begin at least, in milliseconds.
pub const MIN_ITEM_MS: u64 = 1_000;

/// The most rounds of a loop that ends.
pub const MAX_ROUNDS: u32 = 1_000_000;

/// The latest that an item may begin: the end of the year 2099.
pub const MAX_UNIX_MS: u64 = 4_102_444_800_000;

/// A channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The videos that it plays.
    pub entries: Vec<Entry>,
    /// When; without one they are played in a loop, in their order.
    pub schedule: Option<Schedule>,
    /// After how many rounds of the loop it is over; without a number it never is.
    pub rounds: Option<u32>,
    /// When it is on the air.
    #[serde(default)]
    pub render: Rendering,
}

/// One video of a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The template that it was made from, for people.
    pub template: Option<String>,
    /// The Edit.
    #[serde(default)]
    pub edit: Value,
    /// What is filled into it for all who watch.
    #[serde(default)]
    pub data: Data,
    /// The merge fields that may be filled in otherwise for a viewer.
    #[serde(default)]
    pub personal: Vec<String>,
}

/// What is played when; what is not scheduled is filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// What begins when, in the order in which it does. An item that is longer than the
    /// time until the next is cut.
    pub items: Vec<Item>,
    /// The entry that is played, again and again, where there is no item.
    pub filler: usize,
}

/// One showing of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// When it begins, in milliseconds since 1970 (UTC).
    pub at_unix_ms: u64,
    /// Which entry.
    pub entry: usize,
}

/// When a channel is on the air.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rendering {
    /// While somebody watches.
    #[default]
    OnDemand,
    /// Always.
    Always,
}

/// What is wrong with a definition.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct DefinitionError {
    /// JSON pointer of what is wrong.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// What is allowed.
    pub allowed: String,
}

impl DefinitionError {
    /// `value` at `field` is not allowed, `allowed` is.
    pub fn new(
        field: impl Into<String>,
        value: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        let (field, allowed) = (field.into(), allowed.into());
        Self {
            message: format!("{field}: {value} is not allowed: expected {allowed}"),
            field,
            allowed,
        }
    }
}

impl Definition {
    /// Whether all that can be known without planning it makes sense.
    pub fn check(&self) -> Result<(), DefinitionError> {
        let count = self.entries.len();
        if !(1..=MAX_ENTRIES).contains(&count) {
            let allowed = format!("1 to {MAX_ENTRIES} entries");
            return Err(DefinitionError::new(
                "/entries",
                format!("{count} of them"),
                allowed,
            ));
        }
        for (index, entry) in self.entries.iter().enumerate() {
            let field = format!("/entries/{index}/personal");
            let fields = entry.personal.len();
            if fields > MAX_FIELDS {
                let allowed = format!("at most {MAX_FIELDS} names");
                return Err(DefinitionError::new(field, fields, allowed));
            }
            let distinct: BTreeSet<_> = entry.personal.iter().collect();
            if distinct.len() != fields || distinct.iter().any(|name| name.trim().is_empty()) {
                return Err(DefinitionError::new(
                    field,
                    format!("{:?}", entry.personal),
                    "the names of merge fields, each once",
                ));
            }
        }
        if let Some(rounds) = self.rounds {
            let field = "/rounds";
            if self.schedule.is_some() {
                let allowed = "none where there is a schedule, which has no end";
                return Err(DefinitionError::new(field, rounds, allowed));
            }
            if !(1..=MAX_ROUNDS).contains(&rounds) {
                let allowed = format!("1 to {MAX_ROUNDS}");
                return Err(DefinitionError::new(field, rounds, allowed));
            }
        }
        match &self.schedule {
            Some(schedule) => schedule.check(count),
            None => Ok(()),
        }
    }

    /// The fields that may be filled in for a viewer, in any entry.
    pub fn personal_fields(&self) -> BTreeSet<&str> {
        let entries = self.entries.iter();
        entries
            .flat_map(|entry| entry.personal.iter().map(String::as_str))
            .collect()
    }

    /// Whether a viewer's data has but fields that may be filled in for viewers.
    pub fn check_viewer(&self, data: &Data) -> Result<(), DefinitionError> {
        let allowed = self.personal_fields();
        let other = data.keys().find(|name| !allowed.contains(name.as_str()));
        match other {
            Some(name) => {
                // As RFC 6901 writes names.
                let escaped = name.replace('~', "~0").replace('/', "~1");
                let known: Vec<_> = allowed.into_iter().collect();
                let known = match known.is_empty() {
                    true => "none: no entry of the channel is personal".to_owned(),
                    false => known.join(", "),
                };
                Err(DefinitionError::new(
                    format!("/data/{escaped}"),
                    format!("{name:?}"),
                    known,
                ))
            }
            None => Ok(()),
        }
    }
}

impl Entry {
    /// What is filled in for a viewer: their own where it may be theirs.
    pub fn data_for(&self, viewer: &Data) -> Data {
        let mut data = self.data.clone();
        let own = self.personal.iter().filter_map(|name| {
            let value = viewer.get(name)?;
            Some((name.clone(), value.clone()))
        });
        data.extend(own);
        data
    }
}

impl Schedule {
    fn check(&self, entries: usize) -> Result<(), DefinitionError> {
        let known = |field: String, entry: usize| match entry < entries {
            true => Ok(()),
            false => {
                let allowed = format!("the number of an entry, 0 to {}", entries - 1);
                Err(DefinitionError::new(field, entry, allowed))
            }
        };
        known("/schedule/filler".into(), self.filler)?;
        let count = self.items.len();
        if !(1..=MAX_ITEMS).contains(&count) {
            let allowed = format!("1 to {MAX_ITEMS} items");
            let found = format!("{count} of them");
            return Err(DefinitionError::new("/schedule/items", found, allowed));
        }
        let mut before = None;
        for (index, item) in self.items.iter().enumerate() {
            let place = format!("/schedule/items/{index}");
            known(format!("{place}/entry"), item.entry)?;
            let least = before.map_or(0, |before: u64| before + MIN_ITEM_MS);
            if !(least..=MAX_UNIX_MS).contains(&item.at_unix_ms) {
                return Err(DefinitionError::new(
                    format!("{place}/at_unix_ms"),
                    item.at_unix_ms,
                    format!("{least} to {MAX_UNIX_MS}, each a second or more after the one before"),
                ));
            }
            before = Some(item.at_unix_ms);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(personal: &[&str]) -> Value {
        json!({"template": null, "edit": {}, "data": {"name": "you", "team": "red"}, "personal": personal})
    }

    fn read(definition: Value) -> Definition {
        serde_json::from_value(definition).expect("a definition")
    }

    #[test]
    fn what_is_wrong_with_a_definition_is_said_by_its_pointer() {
        let item = |at: u64, entry: usize| json!({"at_unix_ms": at, "entry": entry});
        let scheduled = |items: Vec<Value>, filler: usize| json!({"entries": [entry(&[])], "schedule": {"items": items, "filler": filler}});
        let many = |count: usize| json!({"entries": vec![entry(&[]); count]});
        let spaced = |count: u64| (0..count).map(|n| item(n * MIN_ITEM_MS, 0)).collect();
        let table = [
            (many(0), "/entries"),
            (many(MAX_ENTRIES), ""),
            (many(MAX_ENTRIES + 1), "/entries"),
            (
                json!({"entries": [entry(&["name", "name"])]}),
                "/entries/0/personal",
            ),
            (
                json!({"entries": [entry(&["a"]), entry(&[" "])]}),
                "/entries/1/personal",
            ),
            (scheduled(vec![item(5, 0)], 1), "/schedule/filler"),
            (scheduled(vec![], 0), "/schedule/items"),
            (
                scheduled(vec![item(5, 0), item(1_005, 1)], 0),
                "/schedule/items/1/entry",
            ),
            (scheduled(vec![item(5, 0), item(1_005, 0)], 0), ""),
            (
                scheduled(vec![item(5, 0), item(1_004, 0)], 0),
                "/schedule/items/1/at_unix_ms",
            ),
            (
                scheduled(vec![item(MAX_UNIX_MS + 1, 0)], 0),
                "/schedule/items/0/at_unix_ms",
            ),
            (scheduled(spaced(MAX_ITEMS as u64), 0), ""),
            (
                scheduled(spaced(MAX_ITEMS as u64 + 1), 0),
                "/schedule/items",
            ),
            (json!({"entries": [entry(&[])], "rounds": 0}), "/rounds"),
            (json!({"entries": [entry(&[])], "rounds": 1}), ""),
            (
                json!({"entries": [entry(&[])], "rounds": MAX_ROUNDS + 1}),
                "/rounds",
            ),
            (
                json!({"entries": [entry(&[])], "rounds": 2,
                    "schedule": {"items": [item(5, 0)], "filler": 0}}),
                "/rounds",
            ),
        ];
        for (definition, field) in table {
            let found = read(definition).check().err();
            let found = found.map_or(String::new(), |error| error.field);
            assert_eq!(found, field);
        }
    }

    #[test]
    fn a_viewer_fills_in_what_is_personal_and_nothing_else() {
        let definition = read(json!({"entries": [entry(&["name"]), entry(&["a/b"])]}));
        let data: Data = serde_json::from_value(json!({"name": "Ada", "a/b": 1})).expect("data");
        assert_eq!(definition.check_viewer(&data), Ok(()));
        let first = definition.entries[0].data_for(&data);
        assert_eq!(
            (&first["name"], &first["team"]),
            (&json!("Ada"), &json!("red"))
        );
        assert!(!first.contains_key("a/b"));
        for (name, field) in [("team", "/data/team"), ("x/y", "/data/x~1y")] {
            let data = Data::from([(name.to_owned(), json!("blue"))]);
            let refused = definition.check_viewer(&data).expect_err("not personal");
            assert_eq!(
                (refused.field.as_str(), refused.allowed.as_str()),
                (field, "a/b, name")
            );
        }
        let nobodys = read(json!({"entries": [entry(&[])]}));
        let refused = nobodys.check_viewer(&data).expect_err("not personal");
        assert!(refused.allowed.starts_with("none"), "{refused}");
    }
}
