//! Cuts of editing programs into Edits, and Edits into such.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::delivery::Planner;
use crate::http::cache_control::NO_STORE;
use crate::http::videos::{asked_edit, parse};
use crate::http::{ApiError, AppState};
use crate::interchange::otio::{self, Exported, Import, Imported};
use crate::template::edit::Edit;
use crate::template::error::Warning;
use crate::template::merge::{Data, merge};
use crate::template::variant;

/// The largest OTIO file, in bytes: editing programs put much into them.
pub(super) const MAX_FILE_BYTES: usize = 16 << 20;

/// What an OTIO file is sent as.
const OTIO: HeaderValue = HeaderValue::from_static("application/vnd.pixar.opentimelineio+json");

/// What OTIO leaves open.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportQuery {
    resolution: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
}

/// `POST /v1/edits/from-otio`: the body is the file
pub(super) async fn import(
    query: Result<Query<ImportQuery>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::BadRequest {
        field: None,
        message: rejection.body_text(),
        allowed: Some("resolution, or width and height; fps".into()),
    })?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge {
            most: MAX_FILE_BYTES,
        },
        _ => ApiError::body(&rejection),
    })?;
    let made = spawn_blocking(move || imported(&body, &query)).await;
    let Imported { edit, warnings } =
        made.map_err(|error| ApiError::Internal(error.to_string()))??;
    let warnings: Vec<String> = warnings.iter().map(told).collect();
    let answer = Json(json!({"edit": edit, "warnings": warnings}));
    Ok(([(header::CACHE_CONTROL, NO_STORE)], answer).into_response())
}

fn imported(body: &[u8], query: &ImportQuery) -> Result<Imported, ApiError> {
    let file = otio::parse(body).map_err(|error| ApiError::BadRequest {
        field: None,
        message: error.to_string(),
        allowed: None,
    })?;
    let fps = match query.fps {
        Some(fps) => Some(otio::rate_named(fps).ok_or_else(|| {
            let allowed = "12, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94 or 60";
            ApiError::field("fps", format!("{fps} is not allowed"), allowed)
        })?),
        None => None,
    };
    let size = match (query.width, query.height) {
        (None, None) => None,
        (Some(width), Some(height)) => Some((width, height)),
        _ => {
            return Err(ApiError::field(
                "width",
                "one side alone is no size",
                "width and height",
            ));
        }
    };
    let how = Import {
        resolution: query.resolution.as_deref(),
        size,
        fps,
        ..Import::default()
    };
    otio::import(&file, &how).map_err(ApiError::Edit)
}

fn told(warning: &Warning) -> String {
    match warning.pointer.as_str() {
        "" => warning.message.clone(),
        place => format!("{place}: {}", warning.message),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportRequest {
    template: Option<String>,
    edit: Option<Value>,
    #[serde(default)]
    data: Data,
    variant: Option<String>,
}

/// `POST /v1/edits/to-otio`
pub(super) async fn export(
    State(state): State<Arc<AppState>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let request: ExportRequest = parse(&body)?;
    let variant = request.variant.as_deref();
    let edit = asked_edit(&state, request.template.as_deref(), request.edit, variant)?;
    let planner = state.planner.clone();
    let made = spawn_blocking(move || exported(&planner, edit, &request.data)).await;
    let exported = made.map_err(|error| ApiError::Internal(error.to_string()))??;
    let headers = [
        (header::CONTENT_TYPE, OTIO),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    Ok((headers, exported.timeline.to_string()).into_response())
}

/// Files are named as the Edit names them: where they are here is nobody's business.
fn exported(planner: &Planner, edit: Value, data: &Data) -> Result<Exported, ApiError> {
    let edit = variant::choose_own(edit).map_err(ApiError::Edit)?;
    let merged = merge(edit, data).map_err(ApiError::Edit)?;
    let bad = |error| ApiError::Edit(merged.in_template(error));
    let edit = Edit::read(&merged.document, &mut Vec::new()).map_err(bad)?;
    let known = planner.known(&edit, &mut Vec::new());
    otio::export(&merged, &known, &|_| None).map_err(bad)
}
