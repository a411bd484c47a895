//! The shipped templates: listed, shown, with a still of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::OnceCell;

use crate::delivery::{Plan, Planner};
use crate::http::cache_control::{self, REVALIDATE};
use crate::http::{ApiError, AppState};
use crate::partition::PartitionWish;
use crate::template::merge::{Data, fields};
use crate::template::variant;

/// The most templates in the folder.
const MAX_TEMPLATES: usize = 1000;

/// How long a still may be kept, in seconds.
const POSTER_LIFETIME_S: u32 = 3600;

/// Why the templates folder cannot be used.
#[derive(Debug, Error)]
#[error("{}: {error}", path.display())]
pub struct ShelfError {
    path: PathBuf,
    error: std::io::Error,
}

/// The templates, read once at the start; clones share them.
#[derive(Clone)]
pub struct Shelf {
    templates: Arc<BTreeMap<String, Template>>,
}

struct Template {
    edit: Value,
    plan: Plan,
    summary: Value,
    poster: OnceCell<Bytes>,
}

impl Shelf {
    /// Reads every `*.json` in `folder`. One that is no template is left out,
    /// and said so.
    pub fn load(folder: &FilePath, planner: &Planner) -> Result<Self, ShelfError> {
        let failed = |error| ShelfError {
            path: folder.to_owned(),
            error,
        };
        let mut templates = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(failed)?.take(MAX_TEMPLATES) {
            let path = entry.map_err(failed)?.path();
            let is_json = path.extension().is_some_and(|ending| ending == "json");
            let Some(id) = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .filter(|_| is_json)
            else {
                continue;
            };
            match Template::read(&path, id, planner) {
                Ok(template) => drop(templates.insert(id.to_owned(), template)),
                Err(reason) => tracing::warn!(template = id, reason, "left out"),
            }
        }
        Ok(Self {
            templates: Arc::new(templates),
        })
    }

    /// The Edit of the template `id`.
    pub fn edit(&self, id: &str) -> Option<Value> {
        self.templates.get(id).map(|template| template.edit.clone())
    }
}

impl Template {
    fn read(path: &FilePath, id: &str, planner: &Planner) -> Result<Self, String> {
        let text = fs::read(path).map_err(|error| error.to_string())?;
        let edit: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let plan = planner
            .plan(edit.clone(), &Data::new(), &PartitionWish::default())
            .map_err(|error| error.to_string())?;
        let fields = fields(&edit).map_err(|error| error.to_string())?;
        let about = &edit["loomcast"];
        let label = |name: &str| about["labels"][name].as_str().unwrap_or(name).to_owned();
        let fields: Vec<Value> = fields
            .iter()
            .map(|field| json!({"find": field.find, "label": label(&field.find), "default": field.replace}))
            .collect();
        let video = &plan.timeline.video;
        let summary = json!({
            "id": id,
            "title": about["title"].as_str().unwrap_or(id),
            "description": about["description"].as_str().unwrap_or_default(),
            "width": video.width,
            "height": video.height,
            "fps": video.rate.to_string(),
            "duration_s": plan.timeline.duration().as_seconds(),
            "fields": fields,
            "variants": variant::names(&edit),
        });
        Ok(Self {
            edit,
            plan,
            summary,
            poster: OnceCell::new(),
        })
    }
}

/// `GET /v1/templates`
pub(super) async fn list(State(state): State<Arc<AppState>>) -> Response {
    let templates: Vec<&Value> = state
        .shelf
        .templates
        .values()
        .map(|template| &template.summary)
        .collect();
    (
        [(header::CACHE_CONTROL, REVALIDATE)],
        Json(json!({"templates": templates})),
    )
        .into_response()
}

/// `GET /v1/templates/{id}`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let edit = state.shelf.edit(&id).ok_or_else(|| unknown(&id))?;
    Ok(([(header::CACHE_CONTROL, REVALIDATE)], Json(edit)).into_response())
}

/// `GET /v1/templates/{id}/poster.jpg`: a frame in which the template's own
/// text is seen, with its defaults.
pub(super) async fn poster(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let template = state.shelf.templates.get(&id).ok_or_else(|| unknown(&id))?;
    let renderer = Arc::clone(state.publisher.delivery().pool().renderer());
    let draw = || async {
        let chunks = &template.plan.partition.video;
        let personal: Vec<_> = chunks.iter().filter(|chunk| chunk.dynamic).collect();
        let chunk = personal.get(personal.len() / 2).copied().or(chunks.first());
        let spec = chunk
            .map(|chunk| chunk.spec.clone())
            .ok_or_else(|| ApiError::Internal("no chunk".into()))?;
        let drawn = tokio::task::spawn_blocking(move || renderer.still(&spec)).await;
        let jpeg = drawn.map_err(|error| ApiError::Internal(error.to_string()))?;
        jpeg.map(Bytes::from)
            .map_err(|error| ApiError::Internal(error.to_string()))
    };
    let jpeg = template.poster.get_or_try_init(draw).await?.clone();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (
            header::CACHE_CONTROL,
            cache_control::seconds(POSTER_LIFETIME_S),
        ),
    ];
    Ok((headers, jpeg).into_response())
}

fn unknown(id: &str) -> ApiError {
    ApiError::NotFound(format!("no template {id:?}"))
}
