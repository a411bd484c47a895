//! Renders: asked for with an Edit or a template, looked at until they are done.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::envelope::{Failure, OWNER, done};
use crate::http::base::base;
use crate::http::videos::{file_of, find, parse};
use crate::http::{ApiError, AppState, callbacks};
use crate::jobs::orders::{Open, Order, Stage};
use crate::partition::PartitionWish;
use crate::publish::{RenderMode, Video, VideoStatus};
use crate::template::merge::{Data, merge};

/// How long whoever posts a render waits for its plan: what is wrong is found in no
/// time but where other servers are slow to give a file. They are told then that it
/// is being fetched.
const PATIENCE: Duration = Duration::from_secs(3);

/// `POST /render`: an Edit
pub(super) async fn create(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let received = Instant::now();
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let edit: Value = parse(&body)?;
    queued(&state, edit, &headers, received).await
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
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let received = Instant::now();
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let FromTemplate { id, merge } = parse(&body)?;
    let mut edit = super::templates::get(&state, id).await?.template;
    fill_in(&mut edit, merge);
    queued(&state, edit, &headers, received).await
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

async fn queued(
    state: &AppState,
    edit: Value,
    headers: &HeaderMap,
    received: Instant,
) -> Result<Response, Failure> {
    let order = Order {
        template: None,
        edit,
        data: Data::new(),
        partitioning: PartitionWish::default(),
        mode: RenderMode::Ahead,
    };
    let id = Uuid::new_v4();
    let wanted = callbacks::wanted(state, id, &order, None, headers)?;
    state.orders.place(id, order, received, PATIENCE).await?;
    callbacks::promise(state, wanted).await;
    let response = json!({"message": "Render Successfully Queued", "id": id});
    Ok(done(StatusCode::CREATED, "Created", response))
}

/// `GET /render/{id}`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (mut response, edit) = match find(&state, &id) {
        Ok(video) => (report(&video, &headers), video.edit.clone()),
        Err(unknown) => {
            let id = id.parse::<Uuid>().map_err(|_| unknown)?;
            // It may have been published just now.
            match (state.orders.open(&id), state.publisher.video(&id)) {
                (Some(order), _) => (report_open(&id, &order), order.edit),
                (None, Some(video)) => (report(&video, &headers), video.edit.clone()),
                (None, None) => {
                    let message = format!("there is no render {id}");
                    return Err(ApiError::NotFound(message).into());
                }
            }
        }
    };
    // Some clients cannot read it, so it is left out unless it is asked for.
    let query = query.unwrap_or_default();
    if asks_for(&query, "data")
        && let Some(edit) = &edit
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

/// What is told of a render that is not planned yet.
fn report_open(id: &Uuid, order: &Open) -> Value {
    let (status, error) = match &order.stage {
        Stage::Queued => ("queued", None),
        Stage::Fetching => ("fetching", None),
        Stage::Failed(reason) => ("failed", Some(reason)),
    };
    let mut report = about(id, status, order.created, order.updated);
    report["playable"] = false.into();
    if let Some(reason) = error {
        report["error"] = reason.as_str().into();
    }
    report
}

/// What is told of any render.
fn about(id: &Uuid, status: &str, created: SystemTime, updated: SystemTime) -> Value {
    let time = |time| humantime::format_rfc3339_millis(time).to_string();
    let took = updated.duration_since(created);
    json!({
        "id": id,
        "owner": OWNER,
        "plan": "self-hosted",
        "status": status,
        "renderTime": took.map_or(0, |took| took.as_millis() as u64),
        "poster": null,
        "thumbnail": null,
        "created": time(created),
        "updated": time(updated),
    })
}

/// What is told of a render. Members that have no value are left out: clients
/// take a null for a fault.
fn report(video: &Video, headers: &HeaderMap) -> Value {
    let status = match video.status() {
        VideoStatus::Done => "done",
        VideoStatus::Failed => "failed",
        VideoStatus::Rendering if video.first_part().is_none() => "queued",
        VideoStatus::Rendering | VideoStatus::OnDemand => "rendering",
        VideoStatus::Saving => "saving",
    };
    let base = base(headers);
    let mut report = about(&video.id, status, video.created, video.updated());
    report["duration"] = video.plan.timeline.duration().as_seconds().into();
    // Beyond what clients expect: it plays from the first part on.
    report["hls"] = format!("{base}/v1/videos/{}/live.m3u8", video.id).into();
    report["playable"] = video.first_part().is_some().into();
    match status {
        "done" => {
            report["url"] = format!("{base}{}", file_of(video)).into();
            let path = format!("{base}/v1/videos/{}", video.id);
            let output = &video.plan.output;
            if output.poster.is_some() {
                report["poster"] = format!("{path}/poster.jpg").into();
            }
            if output.thumbnail.is_some() {
                report["thumbnail"] = format!("{path}/thumbnail.jpg").into();
            }
        }
        "failed" => report["error"] = video.failure().unwrap_or_default().into(),
        _ => {}
    }
    report
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
}
