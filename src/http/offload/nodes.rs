//! What other nodes counted, as they push it here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::Offload;
use crate::http::ApiError;
use crate::offload::{Figures, Period, Sketch, SketchError, Written, WrittenPeriod};

/// The most nodes that are known at a time, each of up to 110 KiB.
pub const MAX_NODES: usize = 64;

/// For how long what a node pushed counts: four of its pushes.
pub(super) const EXPIRY: Duration = Duration::from_secs(60);

/// The longest name of a node.
const MAX_NAME: usize = 64;

/// The most seconds that a period may cover: what is counted is forgotten after an hour.
const MAX_SECONDS: u64 = 3600;

/// The other nodes, by their names.
#[derive(Default)]
pub(super) struct Nodes(Mutex<BTreeMap<String, Pushed>>);

/// What a node pushed.
pub(super) struct Pushed {
    period: Period,
    came: Instant,
}

impl Nodes {
    /// Notes what `name` counted; `false` if there is no room for one more.
    fn push(&self, name: &str, period: Period, now: Instant) -> bool {
        let mut nodes = self.at(now);
        if nodes.len() >= MAX_NODES && !nodes.contains_key(name) {
            return false;
        }
        let came = now;
        nodes.insert(name.to_owned(), Pushed { period, came });
        true
    }

    /// All that said something lately: its name, how many seconds ago, and what.
    pub fn all(&self, now: Instant) -> Vec<(String, u64, Period)> {
        let nodes = self.at(now);
        let told = nodes.iter().map(|(name, pushed)| {
            let age = now.saturating_duration_since(pushed.came).as_secs();
            (name.clone(), age, pushed.period.clone())
        });
        told.collect()
    }

    fn at(&self, now: Instant) -> MutexGuard<'_, BTreeMap<String, Pushed>> {
        // Each change is one step.
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.retain(|_, pushed| now.saturating_duration_since(pushed.came) < EXPIRY);
        nodes
    }
}

/// Whether a node may be called so; if not, what it may be.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain) {
        true => Ok(()),
        false => Err("expected 1 to 64 letters, digits, points, hyphens and underscores"),
    }
}

/// `POST /v1/offload/nodes/{name}`: what the node of this name counted in the last hour.
pub(in crate::http) async fn push(
    State(state): State<Offload>,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    if let Err(allowed) = check_name(&name) {
        let message = format!("{name:?} is no name of a node");
        return Err(ApiError::field("name", message, allowed));
    }
    if name == state.name() {
        let message = format!("{name:?} is this node itself");
        return Err(ApiError::field("name", message, "another name"));
    }
    let period = read(&body)?;
    match state.0.nodes.push(&name, period, Instant::now()) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::Unavailable(format!(
            "{MAX_NODES} nodes push here, as many as may"
        ))),
    }
}

/// What was pushed, if it is what nodes push.
fn read(body: &[u8]) -> Result<Period, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let written: WrittenPeriod = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let field = match path.as_str() {
            "." => String::new(),
            path => format!("/{}", path.replace(['.', '['], "/").replace(']', "")),
        };
        let message = error.into_inner().to_string();
        ApiError::field(&field, message, "a period, as nodes push it")
    })?;
    if written.seconds > MAX_SECONDS {
        let message = format!("{} seconds are too many", written.seconds);
        return Err(ApiError::field("/seconds", message, "0 to 3600"));
    }
    let sketch = |field: &str, written: &Written| match Sketch::try_from(written) {
        Ok(_) => Ok(()),
        Err(error) => Err(wrong(field, &error)),
    };
    sketch("/all/missed", &written.all.missed)?;
    sketch("/asked", &written.asked)?;
    for (at, class) in written.classes.iter().enumerate() {
        let missed = &class.figures.missed;
        let field = format!("/classes/{at}/figures/missed");
        sketch(&field, missed)?;
        let tally = &class.figures.tally;
        if tally.asked.requests > written.all.tally.asked.requests {
            let field = format!("/classes/{at}/figures/tally/asked/requests");
            let message = format!("{} are more than of all", tally.asked.requests);
            let most = format!("0 to {}", written.all.tally.asked.requests);
            return Err(ApiError::field(&field, message, most));
        }
    }
    let period = Period::try_from(&written).map_err(|error| wrong("", &error))?;
    distinct(&period.all)?;
    Ok(period)
}

/// Of what was fetched, no more is distinct than was fetched.
fn distinct(figures: &Figures) -> Result<(), ApiError> {
    let fetched = figures.tally.fetched().requests;
    let distinct = figures.missed.distinct(crate::offload::Unit::Requests);
    match figures.missed.is_full() || distinct.value <= fetched as f64 {
        true => Ok(()),
        false => Err(ApiError::field(
            "/all/missed/points",
            format!("{} objects of {fetched} fetches", distinct.value),
            "no more than fetches",
        )),
    }
}

fn wrong(field: &str, error: &SketchError) -> ApiError {
    let allowed = "a sketch: k from 3 to 1024, and at most k points of 16 hex digits in order";
    ApiError::field(field, error.to_string(), allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field_of(body: &serde_json::Value) -> String {
        match read(body.to_string().as_bytes()) {
            Err(ApiError::BadRequest { field, .. }) => field.unwrap_or_default(),
            other => panic!("{:?}", other.map(|period| period.seconds)),
        }
    }

    #[test]
    fn what_is_no_period_is_refused_by_the_name_of_its_field() {
        let good = serde_json::to_value(WrittenPeriod::from(&Period::default())).expect("JSON");
        assert!(read(good.to_string().as_bytes()).is_ok());
        let with = |pointer: &str, value: serde_json::Value| {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).expect("it is there") = value;
            bad
        };
        let point = json!([["xyz", 1, 1]]);
        for (pointer, value, field) in [
            ("/seconds", json!(3601), "/seconds"),
            ("/seconds", json!("x"), "/seconds"),
            ("/asked/k", json!(2), "/asked"),
            ("/asked/points", point, "/asked"),
            (
                "/all/missed/points",
                json!([["00000000000000aa", 1, 1]]),
                "/all/missed/points",
            ),
            ("/all/tally/asked", json!(7), "/all/tally/asked"),
        ] {
            assert_eq!(field_of(&with(pointer, value)), field, "{pointer}");
        }
        assert_eq!(field_of(&json!([])), "");
    }

    #[test]
    fn nodes_are_bounded_and_one_that_is_silent_for_a_minute_is_forgotten() {
        let (nodes, now) = (Nodes::default(), Instant::now());
        for at in 0..MAX_NODES {
            assert!(nodes.push(&format!("edge-{at}"), Period::default(), now));
        }
        assert!(!nodes.push("one-too-many", Period::default(), now));
        assert!(nodes.push("edge-3", Period::default(), now + EXPIRY / 2));
        assert_eq!(nodes.all(now + EXPIRY / 2).len(), MAX_NODES);
        let left = nodes.all(now + EXPIRY);
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].0.as_str(), left[0].1), ("edge-3", 30));
    }

    #[test]
    fn a_name_of_a_node_is_short_and_plain() {
        for (name, good) in [
            ("edge-1.fra_2", true),
            ("", false),
            ("a/b", false),
            (&"a".repeat(65), false),
        ] {
            assert_eq!(check_name(name).is_ok(), good, "{name:?}");
        }
    }
}
