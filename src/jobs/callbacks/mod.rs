//! Callbacks: whoever asked for a video is told when it is done, or has failed.
//!
//! One message for each video, sent until it arrives or was tried often enough
//! (`schedule`), at least once: whoever is told twice has the id to tell by. What
//! is owed lies on disk (`record`) and survives a restart; a video that was not at
//! its end by then is ordered anew, under its own id, and most of it comes out of the
//! cache. Messages go
//! where files may be fetched from, and nowhere else.

mod post;
mod record;
mod schedule;
mod signature;

pub use schedule::{MAX_ATTEMPTS, MAX_WAIT, wait_after};
pub use signature::{MIN_SECRET_BYTES, SIGNATURE_HEADER, Secret};

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use self::post::{Letter, PostError, post};
use self::record::{Folder, Record};
use crate::fetch::Client;
use crate::jobs::orders::{Order, Orders, Outcome};
use crate::publish::Video;

/// Who owns everything here, as clients want to be told.
pub const OWNER: &str = "loomcast";

/// The most callbacks that are owed.
pub const MAX_OWED: usize = 1000;

/// The most messages sent at a time.
pub const MAX_SENT_AT_A_TIME: usize = 8;

/// How long a receiver may take to answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The longest address.
pub const MAX_URL_BYTES: usize = 2048;

/// Why nobody can be told.
#[derive(Debug, Error)]
pub enum CallbackError {
    /// There are as many as may be.
    #[error("{MAX_OWED} callbacks are owed, as many as may")]
    TooMany,
}

/// Where a video's file is, below the address that the service was asked by.
pub type FileOf = fn(&Video) -> String;

/// How callbacks are sent.
pub struct CallbackConfig {
    /// What sends them, to no address within the server's own network.
    pub client: Client,
    /// What they are signed with.
    pub secret: Option<Secret>,
    /// What waits are divided by: tests have no hour.
    pub hurry: NonZeroU32,
    /// What messages say of where a video is.
    pub file_of: FileOf,
}

/// The callbacks that are owed. Cheap to clone.
#[derive(Clone)]
pub struct Callbacks {
    shared: Arc<Shared>,
}

struct Shared {
    folder: Folder,
    orders: Orders,
    config: CallbackConfig,
    owed: Mutex<HashSet<Uuid>>,
    sending: Semaphore,
}

impl Callbacks {
    /// Keeps them in `folder`, for the videos of `orders`.
    pub fn open(folder: &Path, orders: Orders, config: CallbackConfig) -> std::io::Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                folder: Folder::open(folder)?,
                orders,
                config,
                owed: Mutex::default(),
                sending: Semaphore::new(MAX_SENT_AT_A_TIME),
            }),
        })
    }

    /// Goes on with what was owed before the start; how many there are.
    pub async fn resume(&self) -> std::io::Result<usize> {
        let shared = Arc::clone(&self.shared);
        let read = spawn_blocking(move || shared.folder.read(MAX_OWED)).await;
        let records = read.map_err(std::io::Error::other)??;
        let count = records.len();
        for mut record in records {
            self.shared.owed().insert(record.id);
            if record.message.is_none() {
                let started = record.order.clone().map(|order| {
                    let started = self.shared.orders.start(record.id, order, Instant::now());
                    started.map(drop).map_err(|error| error.to_string())
                });
                if let Some(Err(reason)) = started {
                    self.shared.end(&mut record, &Outcome::Failed(reason));
                }
            }
            tokio::spawn(Arc::clone(&self.shared).keep(record));
        }
        Ok(count)
    }

    /// Room for what is owed for the video `id`.
    pub fn reserve(&self, id: Uuid) -> Result<Slot, CallbackError> {
        let mut owed = self.shared.owed();
        if owed.len() >= MAX_OWED {
            return Err(CallbackError::TooMany);
        }
        owed.insert(id);
        let shared = Some(Arc::clone(&self.shared));
        Ok(Slot { id, shared })
    }

    /// Has somebody told how the video ends that the room was made for, whose order
    /// was placed. That is on disk when this returns, and happens though nobody waits
    /// for it.
    pub async fn promise(&self, mut slot: Slot, owed: Owed) {
        let record = Record {
            id: slot.id,
            url: owed.url,
            base: owed.base,
            order: Some(owed.order),
            message: None,
            failed: 0,
            due: SystemTime::now(),
        };
        slot.shared = None;
        let (tell, kept) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            shared.save(&record).await;
            // An error means that nobody waits for it.
            let _told = tell.send(());
            // It is on disk, and large.
            let record = Record {
                order: None,
                ..record
            };
            shared.keep(record).await;
        });
        // An error means that the service ends.
        let _kept = kept.await;
    }

    /// How many are owed.
    pub fn owed(&self) -> usize {
        self.shared.owed().len()
    }
}

/// Somebody to be told how a video ends.
#[derive(Clone, Debug)]
pub struct Owed {
    /// Where the message goes.
    pub url: String,
    /// By which address the service was asked, without a path.
    pub base: String,
    /// What the video is made of.
    pub order: Order,
}

/// Room for one more that is owed; given back when dropped.
#[must_use]
pub struct Slot {
    id: Uuid,
    shared: Option<Arc<Shared>>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.owed().remove(&self.id);
        }
    }
}

impl Shared {
    async fn keep(self: Arc<Self>, mut record: Record) {
        if record.message.is_none() {
            match self.orders.outcome(&record.id).await {
                Some(outcome) => self.end(&mut record, &outcome),
                // What is on disk is gone on with after the start.
                None if self.orders.is_stopping() => return,
                None => return self.settle(&record.id).await,
            }
            self.save(&record).await;
        }
        let Some(body) = record.message.as_ref().map(Value::to_string) else {
            return;
        };
        loop {
            let wait = record.due.duration_since(SystemTime::now());
            // A clock that was set back makes nobody wait for it.
            tokio::time::sleep(wait.unwrap_or_default().min(MAX_WAIT)).await;
            let Ok(slot) = self.sending.acquire().await else {
                return;
            };
            let sent = self.send(&record.url, body.as_bytes()).await;
            drop(slot);
            let (id, failed) = (record.id, record.failed.saturating_add(1));
            let reason = match sent {
                Ok(200..400) => return self.settle(&record.id).await,
                Err(PostError::Refused(reason)) => {
                    tracing::warn!(%id, reason, "a callback is not sent");
                    return self.settle(&record.id).await;
                }
                Ok(status) => format!("the answer is {status}"),
                Err(PostError::Failed(reason)) => reason,
            };
            let Some(wait) = wait_after(failed) else {
                tracing::warn!(%id, reason, attempts = failed, "a callback is given up");
                return self.settle(&record.id).await;
            };
            tracing::info!(%id, reason, ?wait, "a callback did not arrive");
            record.failed = failed;
            record.due = SystemTime::now() + wait / self.config.hurry.get();
            self.save(&record).await;
        }
    }

    /// Sets down what is sent about how the video ended.
    fn end(&self, record: &mut Record, outcome: &Outcome) {
        let path = self.orders.video(&record.id);
        let path = path.map(|video| (self.config.file_of)(&video));
        record.message = Some(message(record, outcome, path.as_deref(), SystemTime::now()));
        record.order = None;
        record.due = SystemTime::now();
    }

    async fn send(self: &Arc<Self>, url: &str, body: &[u8]) -> Result<u16, PostError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let secret = self.config.secret.as_ref();
        let signature = secret.and_then(|secret| secret.sign(now, body));
        let letter = Letter {
            url: url.to_owned(),
            headers: signature
                .map(|signature| (SIGNATURE_HEADER, signature))
                .into_iter()
                .collect(),
            body: body.to_owned(),
        };
        let shared = Arc::clone(self);
        let post = move || post(&shared.config.client, &letter, ANSWER_WITHIN);
        let posted = spawn_blocking(post).await;
        posted.map_err(|error| PostError::Failed(error.to_string()))?
    }

    async fn write(self: &Arc<Self>, record: &Record) -> std::io::Result<()> {
        let (shared, record) = (Arc::clone(self), record.clone());
        let written = spawn_blocking(move || shared.folder.write(&record)).await;
        written.map_err(std::io::Error::other)?
    }

    /// A disk that fails costs the callback its durability only.
    async fn save(self: &Arc<Self>, record: &Record) {
        if let Err(error) = self.write(record).await {
            tracing::warn!(id = %record.id, %error, "a callback could not be kept");
        }
    }

    /// Nothing is owed for this video any more.
    async fn settle(self: &Arc<Self>, id: &Uuid) {
        let (shared, at) = (Arc::clone(self), *id);
        let removed = spawn_blocking(move || shared.folder.remove(&at)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%id, %error, "a callback's file could not be removed");
        }
        self.owed().remove(id);
    }

    fn owed(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        // A set of ids is whole at any time.
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told of a video that ended.
fn message(record: &Record, outcome: &Outcome, path: Option<&str>, at: SystemTime) -> Value {
    let (status, error) = match outcome {
        Outcome::Done => ("done", None),
        Outcome::Failed(reason) => ("failed", Some(reason)),
    };
    let (id, base) = (record.id, &record.base);
    let url = path.filter(|_| status == "done");
    json!({
        "type": "edit",
        "action": "render",
        "id": id,
        "owner": OWNER,
        "status": status,
        "url": url.map(|path| format!("{base}{path}")),
        "error": error,
        "completed": humantime::format_rfc3339_millis(at).to_string(),
        // Beyond what clients of that API expect.
        "hls": url.map(|_| format!("{base}/v1/videos/{id}/index.m3u8")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_how_a_video_ended_and_where_it_is() {
        let id = Uuid::from_u128(7);
        let record = Record {
            id,
            url: "https://example.com".into(),
            base: "https://here".into(),
            order: None,
            message: None,
            failed: 0,
            due: UNIX_EPOCH,
        };
        let done = message(&record, &Outcome::Done, Some("/x.mp4"), UNIX_EPOCH);
        assert_eq!(
            done,
            json!({
                "type": "edit", "action": "render", "id": id, "owner": "loomcast",
                "status": "done", "url": "https://here/x.mp4", "error": null,
                "completed": "1970-01-01T00:00:00.000Z",
                "hls": format!("https://here/v1/videos/{id}/index.m3u8"),
            })
        );
        let why = Outcome::Failed("why".into());
        let failed = message(&record, &why, Some("/x.mp4"), UNIX_EPOCH);
        assert_eq!(
            (&failed["status"], &failed["url"], &failed["error"]),
            (&json!("failed"), &Value::Null, &json!("why"))
        );
    }
}
