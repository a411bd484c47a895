//! Renders: asked for with an Edit or a template, looked at until they are done.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::envelope::{Failure, OWNER, done};
use crate::http::videos::{Wish, find, parse, publish};
use crate::http::{ApiError, AppState};
use crate::partition::Partitioning;
use crate::publish::{RenderMode, Video, VideoStatus};
use crate::template::merge::Data;

/// `POST /render`: an Edit
pub(super) async fn create(
    State(state): State<Arc<AppState>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let received = Instant::now();
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let edit: Value = parse(&body)?;
    queued(&state, edit, Data::new(), received).await
}

#[derive(Deserialize)]
struct FromTemplate {
    id: Uuid,
    #[serde(default)]
    merge: Vec<MergeField>,
}

#[derive(Deserialize)]
struct MergeField {
    find: String,
    replace: Value,
}

/// `POST /templates/render`: a template's id, and values of its merge fields
pub(super) async fn create_from_template(
    State(state): State<Arc<AppState>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let received = Instant::now();
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let FromTemplate { id, merge } = parse(&body)?;
    let stored = super::templates::get(&state, id).await?;
    let fields = merge.into_iter().map(|field| (field.find, field.replace));
    queued(&state, stored.template, fields.collect(), received).await
}

async fn queued(
    state: &AppState,
    edit: Value,
    data: Data,
    received: Instant,
) -> Result<Response, Failure> {
    let wish = Wish {
        template: None,
        edit,
        data,
        partitioning: Partitioning::default(),
        mode: RenderMode::Ahead,
        received,
    };
    let video = publish(state, wish).await?;
    let response = json!({"message": "Render Successfully Queued", "id": video.id});
    Ok(done(StatusCode::CREATED, "Created", response))
}

/// `GET /render/{id}`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let video = find(&state, &id)?;
    let mut response = report(&video, &headers);
    // Some clients cannot read it, so it is left out unless it is asked for.
    if asks_for(&query.unwrap_or_default(), "data")
        && let Some(edit) = &video.edit
    {
        let edit: Value = serde_json::from_slice(edit).unwrap_or_default();
        response["data"] = edit;
    }
    Ok(done(StatusCode::OK, "OK", response))
}

/// Whether `name` is set to true, however that is spelt.
fn asks_for(query: &str, name: &str) -> bool {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .any(|(key, value)| key == name && value.eq_ignore_ascii_case("true"))
}

/// What is told of a render. Members that have no value are left out: clients
/// take a null for a fault.
fn report(video: &Video, headers: &HeaderMap) -> Value {
    let status = match video.status() {
        VideoStatus::Done => "done",
        VideoStatus::Failed => "failed",
        VideoStatus::Rendering if video.first_part().is_none() => "queued",
        VideoStatus::Rendering | VideoStatus::OnDemand => "rendering",
    };
    let time = |time| humantime::format_rfc3339_millis(time).to_string();
    let took = video.updated().duration_since(video.created);
    let base = base(headers);
    let path = format!("{base}/v1/videos/{}", video.id);
    let mut report = json!({
        "id": video.id,
        "owner": OWNER,
        "plan": "self-hosted",
        "status": status,
        "duration": video.plan.timeline.duration().as_seconds(),
        "renderTime": took.map_or(0, |took| took.as_millis() as u64),
        "poster": null,
        "thumbnail": null,
        "created": time(video.created),
        "updated": time(video.updated()),
        // Beyond what clients expect: it plays from the first part on.
        "hls": format!("{path}/live.m3u8"),
        "playable": video.first_part().is_some(),
    });
    match status {
        "done" => report["url"] = format!("{path}.mp4").into(),
        "failed" => report["error"] = video.failure().unwrap_or_default().into(),
        _ => {}
    }
    report
}

/// The address by which the client came: what a proxy says of it counts more.
fn base(headers: &HeaderMap) -> String {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match said("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    let host = said("x-forwarded-host").or_else(|| said(header::HOST.as_str()));
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_is_true_however_it_is_spelt() {
        for (query, expected) in [
            ("data=true", true),
            ("data=True&merged=False", true),
            ("merged=True&data=False", false),
            ("data", false),
            ("", false),
        ] {
            assert_eq!(asks_for(query, "data"), expected, "{query}");
        }
    }

    #[test]
    fn addresses_are_those_by_which_the_client_came() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                let name = axum::http::HeaderName::from_static(name);
                (name, axum::http::HeaderValue::from_static(value))
            });
            base(&headers.collect())
        };
        assert_eq!(of(&[("host", "here:8080")]), "http://here:8080");
        let proxied = [
            ("host", "10.0.0.1"),
            ("x-forwarded-host", "video.example"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(of(&proxied), "https://video.example");
    }
}
