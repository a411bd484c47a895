//! The report: of this node and those that push theirs here, or of one of them.

use std::time::Instant;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::Offload;
use crate::http::ApiError;
use crate::http::cache_control::NO_STORE;
use crate::http::error::internal;
use crate::offload::report::{Counted, Measured, Pair, Report};
use crate::offload::simulate::Miniature;
use crate::offload::{Period, QUARTER_S, QUARTERS};

/// Minutes of a quarter of an hour.
const QUARTER_MIN: u64 = QUARTER_S / 60;

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct Wanted {
    minutes: Option<String>,
    node: Option<String>,
}

/// What one node counted.
type Told = (String, u64, Period);

/// `GET /v1/offload?minutes=60&node=NAME`
pub(in crate::http) async fn show(
    State(state): State<Offload>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let quarters = quarters(wanted.minutes.as_deref())?;
    if !state.account().is_on() {
        let message = "nothing is measured here: it was started with --no-offload";
        return Err(ApiError::NotFound(message.into()));
    }
    let mut others = state.0.nodes.all(Instant::now());
    let own = |quarters| (state.name().to_owned(), 0, state.account().over(quarters));
    let (nodes, is_own): (Vec<Told>, bool) = match wanted.node.as_deref() {
        Some(name) if name == state.name() => (vec![own(quarters)], true),
        Some(name) => {
            others.retain(|(known, ..)| known == name);
            if others.is_empty() {
                let message = format!("no node {name:?} told anything in the last minute");
                return Err(ApiError::NotFound(message));
            }
            (others, false)
        }
        None => {
            // Others tell of the last hour: beside theirs, nothing less is the same time.
            let alone = others.is_empty();
            let own = own(if alone { quarters } else { QUARTERS });
            (std::iter::once(own).chain(others).collect(), true)
        }
    };
    // One who waits for too long is better told so than one more simulation begun.
    let permit = state.0.reports.try_acquire();
    let _permit = permit.map_err(|_| ApiError::Unavailable("reports are being made".into()))?;
    let made = {
        let state = state.clone();
        tokio::task::spawn_blocking(move || report(&state, &nodes, quarters, is_own))
    };
    let report = made.await.map_err(internal)?;
    Ok(([(header::CACHE_CONTROL, NO_STORE)], Json(report)).into_response())
}

fn report(state: &Offload, nodes: &[Told], quarters: usize, is_own: bool) -> Report {
    let seconds = quarters as u64 * QUARTER_S;
    let sample = is_own.then(|| state.account().sample(seconds)).flatten();
    let twins = match is_own {
        true => state.account().twins(),
        false => Vec::new(),
    };
    let counted: Vec<Counted<'_>> = nodes
        .iter()
        .map(|(name, age_s, period)| Counted {
            name,
            age_s: *age_s,
            period,
        })
        .collect();
    Report::of(Measured {
        nodes: &counted,
        sample: &sample.unwrap_or_else(|| Miniature::whole(Vec::new())),
        cache: state.setup(),
        pairs: Pair::all(&twins, |twins| (state.0.differs)(twins)),
    })
}

/// Whole quarters of an hour, as many as so many minutes touch.
fn quarters(minutes: Option<&str>) -> Result<usize, ApiError> {
    let Some(text) = minutes else {
        return Ok(QUARTERS);
    };
    let most = QUARTERS as u64 * QUARTER_MIN;
    let minutes = text.parse::<u64>().ok();
    match minutes.filter(|minutes| (QUARTER_MIN..=most).contains(minutes)) {
        // At most four.
        Some(minutes) => Ok(usize::try_from(minutes.div_ceil(QUARTER_MIN)).unwrap_or(QUARTERS)),
        None => Err(ApiError::field(
            "minutes",
            format!("minutes is {:?}", text.chars().take(40).collect::<String>()),
            format!("{QUARTER_MIN} to {most}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_whole_quarters_of_an_hour() {
        for (minutes, expected) in [
            (None, Some(4)),
            (Some("15"), Some(1)),
            (Some("16"), Some(2)),
            (Some("60"), Some(4)),
            (Some("14"), None),
            (Some("61"), None),
            (Some("x"), None),
        ] {
            assert_eq!(quarters(minutes).ok(), expected, "{minutes:?}");
        }
    }
}
