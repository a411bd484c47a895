//! What every answer of this API is wrapped in.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::catalogue::CatalogueError;
use crate::http::ApiError;
use crate::http::cache_control::NO_STORE;

/// Who owns everything here, as clients want to be told.
pub(super) const OWNER: &str = "loomcast";

/// `{success, message, response}`
pub(super) fn done(status: StatusCode, message: &str, response: Value) -> Response {
    let body = json!({"success": true, "message": message, "response": response});
    (status, [(header::CACHE_CONTROL, NO_STORE)], Json(body)).into_response()
}

/// A request that failed, in the same shape.
pub(super) struct Failure(ApiError);

impl<E: Into<ApiError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, error) = self.0.into_parts();
        // Clients of this API know 400 for whatever is wrong with an Edit.
        let status = match status {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            other => other,
        };
        let message = status.canonical_reason().unwrap_or_default();
        let body = json!({"success": false, "message": message, "response": {"error": error}});
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        if let Some(seconds) = ApiError::retry_after(status) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<CatalogueError> for ApiError {
    fn from(error: CatalogueError) -> Self {
        let message = error.to_string();
        match error {
            CatalogueError::Unknown(_) => Self::NotFound(message),
            CatalogueError::Name(_) => Self::field("/name", message, "a text"),
            CatalogueError::TooLarge(_) => Self::TooLarge,
            CatalogueError::Full => Self::Unavailable(message),
            CatalogueError::Io { .. } => Self::Internal(message),
        }
    }
}
