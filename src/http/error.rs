//! What goes wrong, as HTTP: a status and a JSON body. The one place that
//! knows both.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::cache::FillError;
use crate::template::error::EditError;

/// The largest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// How long a client that was turned away should wait, in seconds.
const RETRY_AFTER_S: u32 = 2;

/// A request that cannot be answered as asked.
#[derive(Debug)]
pub enum ApiError {
    /// There is no such thing.
    NotFound(String),
    /// It is there, but not for this method.
    WrongMethod(String),
    /// A key is needed, and none was sent.
    Unauthorised(String),
    /// The key is none that is known.
    Forbidden(String),
    /// The request itself is wrong.
    BadRequest {
        /// JSON pointer of the field, where there is one.
        field: Option<String>,
        /// What is wrong.
        message: String,
        /// What would have been right.
        allowed: Option<String>,
    },
    /// The body is longer than is read.
    TooLarge {
        /// The most bytes.
        most: usize,
    },
    /// The Edit or its data is wrong.
    Edit(EditError),
    /// Too much at once, or not yet: try again.
    Unavailable(String),
    /// Another server, whose stream or file is needed, did not give it.
    BadGateway(String),
    /// The request went in a circle of servers that pass it on.
    Looped(String),
    /// It is there already.
    Conflict(String),
    /// A fault on this side.
    Internal(String),
}

impl ApiError {
    /// A body that could not be read.
    pub fn body(rejection: &BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge {
                most: MAX_BODY_BYTES,
            },
            _ => Self::BadRequest {
                field: None,
                message: rejection.body_text(),
                allowed: None,
            },
        }
    }

    /// A fault in the field `field` of the request.
    pub fn field(field: &str, message: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self::BadRequest {
            field: Some(field.into()),
            message: message.into(),
            allowed: Some(allowed.into()),
        }
    }
}

impl ApiError {
    /// The status, and what is told: `code`, `message`, and where they apply `field`,
    /// `value` and `allowed`.
    pub(super) fn into_parts(self) -> (StatusCode, Value) {
        let (status, code, body) = match self {
            Self::NotFound(message) => (
                StatusCode::NOT_FOUND,
                "not_found",
                json!({"message": message}),
            ),
            Self::WrongMethod(message) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                json!({"message": message}),
            ),
            Self::Unauthorised(message) => (
                StatusCode::UNAUTHORIZED,
                "unauthorised",
                json!({"message": message}),
            ),
            Self::Forbidden(message) => (
                StatusCode::FORBIDDEN,
                "forbidden",
                json!({"message": message}),
            ),
            Self::BadRequest {
                field,
                message,
                allowed,
            } => {
                let body = json!({"message": message, "field": field, "allowed": allowed});
                (StatusCode::BAD_REQUEST, "bad_request", body)
            }
            Self::TooLarge { most } => {
                let message = format!("the body is longer than {most} bytes");
                (
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too_large",
                    json!({"message": message}),
                )
            }
            Self::Edit(error) => {
                let body = json!({
                    "message": error.to_string(),
                    "field": error.pointer.as_str(),
                    "value": error.value,
                    "allowed": error.allowed,
                });
                (StatusCode::UNPROCESSABLE_ENTITY, "bad_edit", body)
            }
            Self::Unavailable(message) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                json!({"message": message}),
            ),
            Self::BadGateway(message) => (
                StatusCode::BAD_GATEWAY,
                "bad_gateway",
                json!({"message": message}),
            ),
            Self::Looped(message) => (
                StatusCode::LOOP_DETECTED,
                "loop_detected",
                json!({"message": message}),
            ),
            Self::Conflict(message) => (
                StatusCode::CONFLICT,
                "conflict",
                json!({"message": message}),
            ),
            Self::Internal(message) => {
                tracing::error!(%message, "a request failed");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    json!({"message": message}),
                )
            }
        };
        let mut error = body;
        if let Some(members) = error.as_object_mut() {
            members.insert("code".into(), code.into());
            members.retain(|_, value| !value.is_null());
        }
        (status, error)
    }

    /// After how many seconds to come back, if that may help.
    pub(super) fn retry_after(status: StatusCode) -> Option<u32> {
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_S)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error) = self.into_parts();
        let mut response = (status, Json(json!({"error": error}))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = Self::retry_after(status) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<FillError> for ApiError {
    fn from(error: FillError) -> Self {
        match error {
            FillError::Absent(what) => Self::NotFound(what.to_string()),
            passing if passing.is_passing() => Self::Unavailable(passing.to_string()),
            error => Self::Internal(error.to_string()),
        }
    }
}

pub(super) fn internal(error: impl std::fmt::Display) -> ApiError {
    ApiError::Internal(error.to_string())
}
