//! A message on its way: over the same guard as files that are fetched.

use std::time::Duration;

use thiserror::Error;

use crate::fetch::{Client, FetchError};
use crate::template::asset::Place;

/// Why a message did not arrive.
#[derive(Debug, Error)]
pub(super) enum PostError {
    /// It never will: nothing is sent to such an address.
    #[error("{0}")]
    Refused(String),
    /// Not this time.
    #[error("{0}")]
    Failed(String),
}

/// What is sent, and where to.
pub(super) struct Letter {
    /// The address.
    pub url: String,
    /// Headers beside those of every JSON body.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// POSTs `letter`, and waits for an answer no longer than `within`; its status. Blocks.
pub(super) fn post(client: &Client, letter: &Letter, within: Duration) -> Result<u16, PostError> {
    let url = Place::address(&letter.url);
    let url = url.ok_or_else(|| PostError::Refused(format!("{:?} is no address", letter.url)))?;
    let posted = client.post(&url, &letter.headers, &letter.body, within);
    posted.map_err(|error| match error {
        FetchError::Refused {
            host,
            address,
            what,
        } => PostError::Refused(format!(
            "{host} is {address} ({what}), which --allow-host does not name"
        )),
        FetchError::TooSlow { .. } => {
            PostError::Failed(format!("no answer within {} s", within.as_secs()))
        }
        error => PostError::Failed(format!("expected {error}")),
    })
}
