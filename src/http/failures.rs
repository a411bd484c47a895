//! What goes wrong while videos are planned, made and published, as HTTP.

use crate::delivery::{DeliveryError, FileError, MovieError, PlanError};
use crate::http::ApiError;
use crate::jobs::callbacks::CallbackError;
use crate::jobs::orders::OrderError;
use crate::publish::registry::PublishError;

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::TooMany => Self::Unavailable(error.to_string()),
            OrderError::Plan(error) => error.into(),
            OrderError::Publish(error) => error.into(),
            OrderError::Died(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<CallbackError> for ApiError {
    fn from(error: CallbackError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<PlanError> for ApiError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Edit(error) => Self::Edit(error),
            PlanError::Unavailable(message) => Self::Unavailable(message),
        }
    }
}

impl From<DeliveryError> for ApiError {
    fn from(error: DeliveryError) -> Self {
        if error.is_passing() {
            Self::Unavailable(error.to_string())
        } else {
            Self::Internal(error.to_string())
        }
    }
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::TooMany(error) => Self::Unavailable(error.to_string()),
            PublishError::Delivery(error) => error.into(),
            PublishError::File(error) => error.into(),
        }
    }
}

impl From<FileError> for ApiError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Busy(_) | FileError::Stopped => Self::Unavailable(error.to_string()),
            FileError::Failed(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<MovieError> for ApiError {
    fn from(error: MovieError) -> Self {
        match error {
            MovieError::Delivery(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}
