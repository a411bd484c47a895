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
use crate::template::merge::{Data, merge};

/// `POST /render`: an Edit
pub(super) async fn create(
    State(state): State<Arc<AppState>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let received = Instant::now();
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let edit: Value = parse(&body)?;
    queued(&state, edit, received).await
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
    let mut edit = super::templates::get(&state, id).await?.template;
    fill_in(&mut edit, merge);
    queued(&state, edit, received).await
}

/// Puts these values in the place of the template's own, where it has some: so the
/// Edit says all there is to say of the video.
fn fill_in(edit: &mut Value, merge: Vec<MergeField>) {
    if merge.is_empty() {
        return;
    }
    let Some(members) = edit.as_object_mut() else {
        return;
    };
    let fields = members.entry("merge").or_insert_with(|| json!([]));
    // What is no array is found wrong when the Edit is read.
    let Some(fields) = fields.as_array_mut() else {
        return;
    };
    for MergeField { find, replace } in merge {
        let own = fields.iter_mut().find(|field| field["find"] == *find);
        match own {
            Some(own) => own["replace"] = replace,
            None => fields.push(json!({"find": find, "replace": replace})),
        }
    }
}

async fn queued(state: &AppState, edit: Value, received: Instant) -> Result<Response, Failure> {
    let wish = Wish {
        template: None,
        edit,
        data: Data::new(),
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
    let query = query.unwrap_or_default();
    if asks_for(&query, "data")
        && let Some(edit) = &video.edit
    {
        response["data"] = told(edit, asks_for(&query, "merged"))?;
    }
    Ok(done(StatusCode::OK, "OK", response))
}

/// The Edit as it was given, or with its merge fields filled in.
fn told(edit: &[u8], merged: bool) -> Result<Value, ApiError> {
    let edit = serde_json::from_slice(edit);
    let edit: Value = edit.map_err(|error| ApiError::Internal(error.to_string()))?;
    if !merged {
        return Ok(edit);
    }
    Ok(merge(edit, &Data::new()).map_err(ApiError::Edit)?.document)
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
    fn a_templates_merge_fields_take_the_values_given_and_more_may_be_added() {
        let check = |template: Value, expected: Value| {
            let mut edit = template;
            let field = |find: &str, replace: Value| MergeField {
                find: find.into(),
                replace,
            };
            fill_in(
                &mut edit,
                vec![field("a", json!(2)), field("b", json!("x"))],
            );
            assert_eq!(edit, expected);
        };
        let both = json!([{"find": "a", "replace": 2}, {"find": "b", "replace": "x"}]);
        let own = json!({"merge": [{"find": "a", "replace": 1}]});
        check(own, json!({"merge": both}));
        check(json!({}), json!({"merge": both}));
        // Not mended here.
        check(json!({"merge": 1}), json!({"merge": 1}));
        check(json!([]), json!([]));
    }

    #[test]
    fn an_edit_is_told_as_given_or_with_its_fields_filled_in() {
        let edit = json!({"timeline": "{{ a }}", "merge": [{"find": "a", "replace": 3}]});
        let bytes = edit.to_string();
        assert_eq!(told(bytes.as_bytes(), false).expect("reads"), edit);
        let merged = told(bytes.as_bytes(), true).expect("merges");
        assert_eq!(merged["timeline"], 3);
        assert_eq!(merged["merge"], edit["merge"]);
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
