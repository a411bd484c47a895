//! Videos that are asked for: planned a few at a time, then published.
//!
//! Planning reads files, and fetches those of other servers, which may take minutes.
//! Whoever asks waits for it, or gets the video's id at once and looks how far it is.
//! What was published is the publisher's; an order that failed is remembered for a
//! while, so that whoever asks after it is told why.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::{Semaphore, oneshot, watch};
use uuid::Uuid;

use crate::delivery::{PlanError, Planner};
use crate::partition::PartitionWish;
use crate::publish::registry::PublishError;
use crate::publish::{NewVideo, Publisher, RenderMode, Video, VideoStatus};
use crate::template::merge::Data;

/// The most orders that are not published yet.
pub const MAX_ORDERS: usize = 1000;

/// The most that are planned at a time: enough that some may wait for other servers.
pub const MAX_PLANNED_AT_A_TIME: usize = 32;

/// The most orders remembered that failed; the oldest goes first.
const MAX_FAILED: usize = 1000;

/// The longest Edit that is kept with its video, in bytes, to be shown again.
const MAX_KEPT_EDIT: usize = 64 * 1024;

/// A video that is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The shipped template that its Edit is of.
    pub template: Option<String>,
    /// The Edit.
    pub edit: Value,
    /// One person's data.
    pub data: Data,
    /// Where to cut.
    #[serde(with = "super::cuts")]
    pub partitioning: PartitionWish,
    /// When its chunks are rendered.
    pub mode: RenderMode,
}

/// Why an order came to nothing.
#[derive(Debug, Error)]
pub enum OrderError {
    /// There are as many as may be.
    #[error("{MAX_ORDERS} videos wait to be planned, as many as may")]
    TooMany,
    /// The Edit, its data or its files.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Too much at once, or a fault on this side.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Planning died.
    #[error("planning died: {0}")]
    Died(String),
}

/// How far an order is that is not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Others are planned first.
    Queued,
    /// Its files are read, and fetched where they are on other servers.
    Fetching,
    /// Nothing comes of it, for this reason.
    Failed(String),
}

/// An order that is not published.
#[derive(Clone, Debug)]
pub struct Open {
    /// How far it is.
    pub stage: Stage,
    /// When it was placed.
    pub created: SystemTime,
    /// When its stage changed last.
    pub updated: SystemTime,
    /// The Edit as it was given, if it was kept.
    pub edit: Option<Bytes>,
}

/// How a video ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is all there.
    Done,
    /// It never will be, for this reason.
    Failed(String),
}

/// The orders. Cheap to clone.
#[derive(Clone)]
pub struct Orders {
    shared: Arc<Shared>,
}

struct Shared {
    planner: Planner,
    publisher: Publisher,
    admitted: Arc<Semaphore>,
    planned: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<Uuid, Entry>,
    failed: VecDeque<Uuid>,
}

struct Entry {
    about: Open,
    /// Closed when the entry goes.
    stage: watch::Sender<Stage>,
}

impl Orders {
    /// Plans with `planner` what `publisher` publishes.
    pub fn new(planner: Planner, publisher: Publisher) -> Self {
        Self {
            shared: Arc::new(Shared {
                planner,
                publisher,
                admitted: Arc::new(Semaphore::new(MAX_ORDERS)),
                planned: Semaphore::new(MAX_PLANNED_AT_A_TIME),
                state: Mutex::default(),
            }),
        }
    }

    /// Plans and publishes the video `id`, and waits for that.
    pub async fn make(
        &self,
        id: Uuid,
        order: Order,
        received: Instant,
    ) -> Result<Arc<Video>, OrderError> {
        let admitted = self.shared.admitted.try_acquire();
        let _admitted = admitted.map_err(|_| OrderError::TooMany)?;
        let kept = kept(&order.edit);
        self.shared.carry_out(id, order, kept, received).await
    }

    /// Has the video `id` planned and published, and waits for that as long as
    /// `patience`. What is found wrong by then is said now; later it is told to
    /// whoever asks after the video.
    pub async fn place(
        &self,
        id: Uuid,
        order: Order,
        received: Instant,
        patience: Duration,
    ) -> Result<(), OrderError> {
        let came = self.start(id, order, received)?;
        match tokio::time::timeout(patience, came).await {
            Ok(Ok(Err(error))) => {
                self.shared.state().forget(&id);
                Err(error)
            }
            // Published, or going on; one that died without a word left its reason.
            Ok(Ok(Ok(())) | Err(_)) | Err(_) => Ok(()),
        }
    }

    /// The same without waiting; what is returned tells how it went.
    pub fn start(
        &self,
        id: Uuid,
        order: Order,
        received: Instant,
    ) -> Result<oneshot::Receiver<Result<(), OrderError>>, OrderError> {
        let admitted = Arc::clone(&self.shared.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|_| OrderError::TooMany)?;
        let kept = kept(&order.edit);
        self.shared.state().open(id, kept.clone());
        let (tell, came) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let carried_out = shared.carry_out(id, order, kept, received).await;
            // Told before it is forgotten here: who looks finds one of the two.
            let result = match carried_out {
                Ok(_) => {
                    shared.state().forget(&id);
                    Ok(())
                }
                Err(error) => {
                    let reason = Stage::Failed(error.to_string());
                    shared.state().set(&id, reason);
                    Err(error)
                }
            };
            drop(admitted);
            drop(tell.send(result));
        });
        Ok(came)
    }

    /// The order, if it is not published.
    pub fn open(&self, id: &Uuid) -> Option<Open> {
        let state = self.shared.state();
        state.open.get(id).map(|entry| entry.about.clone())
    }

    /// How the video ends, when it does; `None` if it is not known, or forgotten
    /// before its end.
    pub async fn outcome(&self, id: &Uuid) -> Option<Outcome> {
        let stage = self.shared.state().stage(id);
        if let Some(mut stage) = stage {
            let failed = stage.wait_for(|stage| matches!(stage, Stage::Failed(_)));
            if let Ok(stage) = failed.await
                && let Stage::Failed(reason) = &*stage
            {
                return Some(Outcome::Failed(reason.clone()));
            }
        }
        let video = self.shared.publisher.video(id)?;
        let mut changes = video.changes();
        loop {
            match video.status() {
                VideoStatus::Done => return Some(Outcome::Done),
                VideoStatus::Failed => {
                    let reason = video.failure().unwrap_or_default();
                    return Some(Outcome::Failed(reason));
                }
                VideoStatus::Rendering | VideoStatus::Saving | VideoStatus::OnDemand => {}
            }
            tokio::select! {
                changed = changes.changed() => changed.ok()?,
                () = video.stopped() => return None,
            }
        }
    }

    /// Whether the service ends, and videos with it.
    pub fn is_stopping(&self) -> bool {
        self.shared.publisher.is_stopping()
    }

    /// The published video.
    pub fn video(&self, id: &Uuid) -> Option<Arc<Video>> {
        self.shared.publisher.video(id)
    }
}

impl Shared {
    async fn carry_out(
        self: &Arc<Self>,
        id: Uuid,
        order: Order,
        kept: Option<Bytes>,
        received: Instant,
    ) -> Result<Arc<Video>, OrderError> {
        let slot = self.planned.acquire().await;
        // Never closed.
        let slot = slot.map_err(|error| OrderError::Died(error.to_string()))?;
        self.state().set(&id, Stage::Fetching);
        let Order {
            template,
            edit,
            data,
            partitioning,
            mode,
        } = order;
        let planner = self.planner.clone();
        let planned = tokio::task::spawn_blocking(move || planner.plan(edit, &data, &partitioning));
        let plan = planned
            .await
            .map_err(|error| OrderError::Died(error.to_string()))??;
        drop(slot);
        let new = NewVideo {
            id,
            template,
            edit: kept,
            plan,
            mode,
            received,
        };
        Ok(self.publisher.publish(new).await?)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is in it is changed by code that does not panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open(&mut self, id: Uuid, edit: Option<Bytes>) {
        let now = SystemTime::now();
        let about = Open {
            stage: Stage::Queued,
            created: now,
            updated: now,
            edit,
        };
        let stage = watch::Sender::new(Stage::Queued);
        self.open.insert(id, Entry { about, stage });
    }

    fn set(&mut self, id: &Uuid, stage: Stage) {
        let Some(entry) = self.open.get_mut(id) else {
            return;
        };
        entry.about.stage = stage.clone();
        entry.about.updated = SystemTime::now();
        let failed = matches!(stage, Stage::Failed(_));
        entry.stage.send_replace(stage);
        if failed {
            self.failed.push_back(*id);
            if self.failed.len() > MAX_FAILED
                && let Some(oldest) = self.failed.pop_front()
            {
                self.open.remove(&oldest);
            }
        }
    }

    fn stage(&self, id: &Uuid) -> Option<watch::Receiver<Stage>> {
        self.open.get(id).map(|entry| entry.stage.subscribe())
    }

    fn forget(&mut self, id: &Uuid) {
        self.open.remove(id);
        self.failed.retain(|failed| failed != id);
    }
}

fn kept(edit: &Value) -> Option<Bytes> {
    let edit = serde_json::to_vec(edit).ok();
    let edit = edit.filter(|edit| edit.len() <= MAX_KEPT_EDIT);
    edit.map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_failures_are_forgotten_first() {
        let mut state = State::default();
        let ids: Vec<Uuid> = (0..MAX_FAILED as u128 + 2).map(Uuid::from_u128).collect();
        for id in &ids {
            state.open(*id, None);
            state.set(id, Stage::Fetching);
            state.set(id, Stage::Failed("no".into()));
        }
        assert_eq!(state.open.len(), MAX_FAILED);
        assert!(state.stage(&ids[1]).is_none() && state.stage(&ids[2]).is_some());
        state.forget(&ids[2]);
        assert_eq!(
            (state.open.len(), state.failed.len()),
            (MAX_FAILED - 1, MAX_FAILED - 1)
        );
    }

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let order = Order {
            template: Some("greeting".into()),
            edit: serde_json::json!({"timeline": {}}),
            data: [("name".to_owned(), Value::from("Zoë"))].into(),
            partitioning: PartitionWish {
                scheme: None,
                chunk_max: Some(crate::time::Time::from_millis(1500)),
            },
            mode: RenderMode::OnDemand,
        };
        let text = serde_json::to_string(&order).unwrap();
        let read: Order = serde_json::from_str(&text).unwrap();
        assert_eq!(read.partitioning, order.partitioning);
        assert_eq!((read.edit, read.data), (order.edit, order.data));
        assert_eq!((read.template, read.mode), (order.template, order.mode));
    }
}
