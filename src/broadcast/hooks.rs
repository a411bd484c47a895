//! The operator's own server, told of what happens and asked who may publish: one
//! POST of JSON for each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::sync::Semaphore;
use url::Url;

use crate::broadcast::audience::PushProtocol;
use crate::broadcast::connections::Door;

/// How long the hook may take to answer.
pub const ANSWERING: Duration = Duration::from_secs(5);

/// Posts at a time. What happens while as many are on their way is not told.
const MAX_POSTS: usize = 64;

/// What happened, or is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Somebody wants to publish: answered with a status of 200 to 299 they may.
    Publish,
    /// The publisher has gone.
    Unpublish,
    /// Somebody begins to watch, by a protocol that pushes.
    Play,
}

/// The body of a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// What.
    pub event: Happened,
    /// Of which stream.
    pub name: String,
    /// By which door or protocol.
    pub protocol: &'static str,
    /// From where, if that is known.
    pub peer: Option<SocketAddr>,
}

impl Event {
    /// `peer` wants to publish stream `name`.
    pub fn publish(name: &str, door: Door, peer: Option<SocketAddr>) -> Self {
        Self::new(Happened::Publish, name, door.as_str(), peer)
    }

    /// Who published stream `name` has gone.
    pub fn unpublish(name: &str, door: Door, peer: Option<SocketAddr>) -> Self {
        Self::new(Happened::Unpublish, name, door.as_str(), peer)
    }

    /// Somebody begins to watch stream `name`.
    pub fn play(name: &str, protocol: PushProtocol, peer: Option<SocketAddr>) -> Self {
        Self::new(Happened::Play, name, protocol.as_str(), peer)
    }

    fn new(event: Happened, name: &str, protocol: &'static str, peer: Option<SocketAddr>) -> Self {
        Self {
            event,
            name: name.to_owned(),
            protocol,
            peer,
        }
    }
}

/// The hook cannot be asked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HookError {
    /// It did not answer as it should.
    #[error("{0}")]
    Failed(String),
    /// There are as many posts on their way as may be.
    #[error("{MAX_POSTS} posts are on their way already, as many as allowed")]
    Busy,
}

/// Posts a body to an address within a time; the status of the answer. Blocks.
pub type Post = Arc<dyn Fn(&Url, &[u8], Duration) -> Result<u16, String> + Send + Sync>;

/// Where to post, or nowhere; clones are the same.
#[derive(Clone, Default)]
pub struct Hooks(Option<Arc<Shared>>);

struct Shared {
    url: Url,
    post: Post,
    places: Arc<Semaphore>,
}

impl Hooks {
    /// Posts to `url`.
    pub fn new(url: Url, post: Post) -> Self {
        Self(Some(Arc::new(Shared {
            url,
            post,
            places: Arc::new(Semaphore::new(MAX_POSTS)),
        })))
    }

    /// Whether the hook agrees; without one, it does.
    pub async fn ask(&self, event: Event) -> Result<bool, HookError> {
        let Some(shared) = &self.0 else {
            return Ok(true);
        };
        let status = post(shared, &event).await?;
        Ok((200..300).contains(&status))
    }

    /// Tells, and does not wait. What cannot be told is logged.
    pub fn tell(&self, event: Event) {
        let Some(shared) = self.0.clone() else {
            return;
        };
        let told = async move {
            if let Err(error) = post(&shared, &event).await {
                tracing::warn!(?event, %error, "the hook was not told");
            }
        };
        // Without a runtime the process ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(told);
        }
    }
}

async fn post(shared: &Arc<Shared>, event: &Event) -> Result<u16, HookError> {
    let place = Arc::clone(&shared.places).try_acquire_owned();
    let place = place.map_err(|_| HookError::Busy)?;
    let body = serde_json::to_vec(event).map_err(|error| HookError::Failed(error.to_string()))?;
    let shared = Arc::clone(shared);
    let posted = tokio::task::spawn_blocking(move || {
        let posted = (shared.post)(&shared.url, &body, ANSWERING);
        drop(place);
        posted
    });
    let posted = posted
        .await
        .map_err(|error| HookError::Failed(error.to_string()))?;
    posted.map_err(HookError::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(status: Result<u16, String>) -> Hooks {
        let url = Url::parse("http://hook.example/live").expect("an address");
        Hooks::new(url, Arc::new(move |_, _, _| status.clone()))
    }

    fn event() -> Event {
        Event::publish("show", Door::Srt, None)
    }

    #[tokio::test]
    async fn the_hook_agrees_by_its_status() {
        assert_eq!(Hooks::default().ask(event()).await, Ok(true));
        for (status, expected) in [(200, true), (204, true), (302, false), (403, false)] {
            assert_eq!(hooks(Ok(status)).ask(event()).await, Ok(expected));
        }
        let failed = hooks(Err("no answer".into())).ask(event()).await;
        assert_eq!(failed, Err(HookError::Failed("no answer".into())));
    }

    #[test]
    fn an_event_says_what_where_and_who() {
        let json = serde_json::to_value(event()).expect("JSON");
        let expected = serde_json::json!({
            "event": "publish", "name": "show", "protocol": "srt", "peer": null,
        });
        assert_eq!(json, expected);
    }
}
