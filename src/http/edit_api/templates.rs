//! Templates that clients keep: made, listed, looked at, changed, thrown away.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::envelope::{Failure, OWNER, done};
use super::{has_key, native};
use crate::catalogue::{Catalogue, CatalogueError, StoredTemplate};
use crate::http::cache_control::NO_STORE;
use crate::http::videos::parse;
use crate::http::{ApiError, AppState};

#[derive(Deserialize)]
struct Named {
    name: String,
    /// One that is left out is kept empty: an editor fills it in later.
    #[serde(default = "nothing_yet")]
    template: Value,
}

fn nothing_yet() -> Value {
    json!({})
}

fn read(body: Result<Bytes, BytesRejection>) -> Result<Named, ApiError> {
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    parse(&body)
}

/// Calls the catalogue where it may block.
async fn on<T: Send + 'static>(
    state: &AppState,
    call: impl FnOnce(&Catalogue) -> Result<T, CatalogueError> + Send + 'static,
) -> Result<T, ApiError> {
    let catalogue = Arc::clone(&state.catalogue);
    let called = spawn_blocking(move || call(&catalogue)).await;
    Ok(called.map_err(|error| ApiError::Internal(error.to_string()))??)
}

/// The template of this id.
pub(super) async fn get(state: &AppState, id: Uuid) -> Result<StoredTemplate, ApiError> {
    on(state, move |catalogue| catalogue.get(&id)).await
}

fn id(text: &str) -> Result<Uuid, ApiError> {
    let parsed = text.parse();
    parsed.map_err(|_| ApiError::NotFound(format!("there is no template {text:?}")))
}

/// `POST /templates`
pub(super) async fn create(
    State(state): State<Arc<AppState>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let Named { name, template } = read(body)?;
    let id = on(&state, move |catalogue| catalogue.create(&name, template)).await?;
    let response = json!({"message": "Template Successfully Created", "id": id});
    Ok(done(StatusCode::CREATED, "Created", response))
}

/// `GET /templates`
pub(super) async fn list(State(state): State<Arc<AppState>>) -> Result<Response, Failure> {
    let time = |time| humantime::format_rfc3339_millis(time).to_string();
    // Whoever writes a template holds the list meanwhile.
    let all = on(&state, |catalogue| Ok(catalogue.list())).await?;
    let templates: Vec<Value> = all
        .into_iter()
        .map(|about| {
            json!({
                "id": about.id,
                "name": about.name,
                "created": time(about.created),
                "updated": time(about.updated),
            })
        })
        .collect();
    let response = json!({"owner": OWNER, "templates": templates});
    Ok(done(StatusCode::OK, "OK", response))
}

/// `GET /v1/templates`, of either API
pub(super) async fn list_or_native(state: State<Arc<AppState>>, headers: HeaderMap) -> Response {
    if has_key(&headers) {
        list(state).await.into_response()
    } else {
        native::list(state).await
    }
}

/// `GET /templates/{id}`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(asked): Path<String>,
) -> Result<Response, Failure> {
    let stored = get(&state, id(&asked)?).await?;
    let response = json!({
        "id": stored.about.id,
        "name": stored.about.name,
        "owner": OWNER,
        "template": stored.template,
    });
    Ok(done(StatusCode::OK, "OK", response))
}

/// `GET /v1/templates/{id}`, of either API
pub(super) async fn show_or_native(
    state: State<Arc<AppState>>,
    path: Path<String>,
    headers: HeaderMap,
) -> Response {
    if has_key(&headers) {
        show(state, path).await.into_response()
    } else {
        native::show(state, path).await.into_response()
    }
}

/// `PUT /templates/{id}`
pub(super) async fn replace(
    State(state): State<Arc<AppState>>,
    Path(asked): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let id = id(&asked)?;
    let Named { name, template } = read(body)?;
    on(&state, move |catalogue| {
        catalogue.replace(&id, &name, template)
    })
    .await?;
    let response = json!({"message": "Template Successfully Updated", "id": id});
    Ok(done(StatusCode::OK, "OK", response))
}

/// `DELETE /templates/{id}`
pub(super) async fn remove(
    State(state): State<Arc<AppState>>,
    Path(asked): Path<String>,
) -> Result<Response, Failure> {
    let id = id(&asked)?;
    on(&state, move |catalogue| catalogue.remove(&id)).await?;
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, NO_STORE)]).into_response())
}
