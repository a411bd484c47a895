//! The traffic as it comes, for `loomcast offload record`.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::Offload;
use crate::http::ApiError;
use crate::http::cache_control::NO_STORE;
use crate::offload::trace::HEADER;

/// The longest that a recording lasts, in seconds: a day.
const MAX_SECONDS: u64 = 86_400;

/// How it is asked for.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct Wanted {
    seconds: Option<String>,
}

/// `GET /v1/offload/trace?seconds=N`: each request from now on, as a compact trace, for so
/// many seconds, or until whoever asks goes.
pub(in crate::http) async fn trace(
    State(state): State<Offload>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let text = wanted.seconds.unwrap_or_default();
    let seconds = text.parse().ok();
    let seconds = seconds.filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        let value: String = text.chars().take(40).collect();
        let allowed = format!("1 to {MAX_SECONDS}");
        ApiError::field("seconds", format!("seconds is {value:?}"), allowed)
    })?;
    if !state.account().is_on() {
        let message = "nothing is measured here: it was started with --no-offload";
        return Err(ApiError::NotFound(message.into()));
    }
    let recording = state.account().record();
    let recording =
        recording.ok_or_else(|| ApiError::Unavailable("as many recordings go on as may".into()))?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let (stop, first) = (state.0.stop.clone(), Bytes::from_static(&HEADER));
    let records = stream::unfold(recording, move |mut recording| {
        let stop = stop.clone();
        async move {
            tokio::select! {
                records = recording.next() => Some((records?, recording)),
                () = sleep_until(until) => None,
                () = stop.cancelled() => None,
            }
        }
    });
    let whole = stream::iter([first]).chain(records);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    let body = Body::from_stream(whole.map(Ok::<_, Infallible>));
    Ok((headers, body).into_response())
}
