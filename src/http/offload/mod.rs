//! What the caches save, told to operators: the report of this node, or of all that push
//! theirs here; the traffic as it is recorded; and the removal of a chunk.
//!
//! The same on an origin and on an edge.

mod figures;
mod nodes;
mod show;
mod trace;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::cache::{Account, CacheError, FragmentCache};
use crate::chunk::ChunkKey;
use crate::http::ApiError;
use crate::http::error::internal;
use crate::offload::Twins;
use crate::offload::report;
use crate::policy::PolicyKind;

pub use nodes::{MAX_NODES, check_name};

pub(super) use figures::OffloadFigures;
pub(super) use nodes::push;
pub(super) use show::show;
pub(super) use trace::trace;

use nodes::Nodes;

/// Reports that are made at a time: each may simulate for some tenths of a second.
const MAX_REPORTS: usize = 2;

/// In what two keys differ, for those who can tell.
type Differs = dyn Fn(&Twins) -> Vec<String> + Send + Sync;

/// A handle on what is measured here and told from elsewhere; clones share it.
#[derive(Clone)]
pub struct Offload(Arc<Shared>);

struct Shared {
    name: String,
    cache: FragmentCache,
    policy: PolicyKind,
    nodes: Nodes,
    reports: Semaphore,
    stop: CancellationToken,
    differs: Box<Differs>,
}

impl Offload {
    /// Of the node called `name`, whose `cache` lets chunks go by `policy`.
    pub fn new(name: &str, cache: FragmentCache, policy: PolicyKind) -> Self {
        Self::telling_apart(name, cache, policy, |_| Vec::new())
    }

    /// The same, where `differs` says which parameters two keys of the same bytes differ in.
    pub fn telling_apart(
        name: &str,
        cache: FragmentCache,
        policy: PolicyKind,
        differs: impl Fn(&Twins) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            name: name.to_owned(),
            cache,
            policy,
            nodes: Nodes::default(),
            reports: Semaphore::new(MAX_REPORTS),
            stop: CancellationToken::new(),
            differs: Box::new(differs),
        }))
    }

    /// What this node is called.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Ends the recordings that go on.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    fn account(&self) -> &Account {
        self.0.cache.account()
    }

    fn setup(&self) -> report::Cache {
        report::Cache {
            policy: self.0.policy.to_string(),
            capacity: self.0.cache.store().stats().max_bytes,
            memory: self.0.cache.config().ram_bytes,
        }
    }
}

/// `DELETE /v1/cache/{key}`: the chunk is in neither memory nor disk any more.
pub(super) async fn purge(
    State(state): State<Offload>,
    Path(key): Path<String>,
) -> Result<StatusCode, ApiError> {
    let absent = || ApiError::NotFound(format!("no chunk {key:?} is kept"));
    let parsed: ChunkKey = key.parse().map_err(|_| absent())?;
    match state.0.cache.purge(&parsed).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(absent()),
        Err(error @ CacheError::Busy { .. }) => Err(ApiError::Unavailable(error.to_string())),
        Err(error) => Err(internal(error)),
    }
}
