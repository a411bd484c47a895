//! What every answer of this API is wrapped in.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::catalogue::CatalogueError;
use crate::http::ApiError;
use crate::http::cache_control::NO_STORE;
use crate::http::error::MAX_BODY_BYTES;

pub(super) use crate::jobs::callbacks::OWNER;

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
        let retry_after = ApiError::retry_after(status);
        let status = as_known(status);
        let message = status.canonical_reason().unwrap_or_default();
        // Clients look for a text, people for the place.
        let response = json!({"message": error["message"], "error": error});
        let body = json!({"success": false, "message": message, "response": response});
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The status that clients of this API know for it: 400 for whatever is wrong with
/// an Edit, 429 for too much at once, after which they come back by themselves.
fn as_known(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        StatusCode::SERVICE_UNAVAILABLE => StatusCode::TOO_MANY_REQUESTS,
        other => other,
    }
}

impl From<CatalogueError> for ApiError {
    fn from(error: CatalogueError) -> Self {
        let message = error.to_string();
        match error {
            CatalogueError::Unknown(_) => Self::NotFound(message),
            CatalogueError::Name(_) => Self::field("/name", message, "a text"),
            CatalogueError::TooLarge(_) => Self::TooLarge {
                most: MAX_BODY_BYTES,
            },
            CatalogueError::Full => Self::Unavailable(message),
            CatalogueError::Io { .. } => Self::Internal(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_turned_away_is_told_in_words_that_clients_know_and_when_to_come_back() {
        let too_much = ApiError::Unavailable("too much".into());
        let response = Failure(too_much).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
        let unknown = Failure(ApiError::NotFound("no".into())).into_response();
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
        assert!(!unknown.headers().contains_key(header::RETRY_AFTER));
    }
}
