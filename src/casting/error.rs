//! Why a channel, or a viewer of it, cannot be had.

use thiserror::Error;

use crate::broadcast::PublishError;
use crate::channel::DefinitionError;
use crate::delivery::{DeliveryError, PlanError};
use crate::template::error::EditError;

/// What is wrong with what is asked for, or with the moment.
#[derive(Debug, Error)]
pub enum CastError {
    /// The definition, or a viewer's data.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The Edit of an entry, or what is filled into it.
    #[error("entry {entry}: {error}")]
    Edit {
        /// Which.
        entry: usize,
        /// What is wrong with it.
        error: EditError,
    },
    /// Nothing is wrong with it, but it is not to be had just now.
    #[error("{0}")]
    Unavailable(String),
    /// The name is none, or taken.
    #[error(transparent)]
    Name(#[from] PublishError),
    /// There is no such channel or viewer.
    #[error("{0}")]
    Unknown(String),
    /// A fault on this side.
    #[error("{0}")]
    Internal(String),
}

impl CastError {
    /// Why entry `entry` could not be planned.
    pub(super) fn plan(entry: usize, error: PlanError) -> Self {
        match error {
            PlanError::Edit(error) => Self::Edit { entry, error },
            PlanError::Unavailable(message) => Self::Unavailable(message),
        }
    }

    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<DeliveryError> for CastError {
    fn from(error: DeliveryError) -> Self {
        match error.is_passing() {
            true => Self::Unavailable(error.to_string()),
            false => Self::Internal(error.to_string()),
        }
    }
}
