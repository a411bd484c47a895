//! What this node counted, told to another every few seconds, which puts the figures of
//! all its nodes together.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use tokio::time::{MissedTickBehavior, interval};

use crate::cache::Account;
use crate::edge::client::{Client, whole};
use crate::edge::upstream::Upstream;
use crate::offload::{QUARTERS, WrittenPeriod};

/// How often it is told.
const EVERY: Duration = Duration::from_secs(15);

/// How long the other may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is read of its answer.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// The header that a key comes in.
const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Whom to tell, and as whom.
#[derive(Debug)]
pub struct Telling {
    /// The node that puts figures together.
    pub to: Upstream,
    /// What this node is called.
    pub name: String,
    /// A key of the other's, where it wants one.
    pub key: Option<HeaderValue>,
    /// Who asks.
    pub client: Client,
}

impl Telling {
    /// Tells what `account` comes to, for ever. A failure is logged once, until it is told
    /// again; nothing is made up for, as each telling is of the whole last hour.
    pub async fn go_on(self, account: Account) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            match (self.tell(&account).await, failing) {
                (Ok(()), _) => failing = false,
                (Err(error), false) => {
                    failing = true;
                    let to = self.to.name();
                    tracing::warn!(%to, error, "what is counted here could not be told");
                }
                (Err(_), true) => {}
            }
        }
    }

    async fn tell(&self, account: &Account) -> Result<(), String> {
        let period = WrittenPeriod::from(&account.over(QUARTERS));
        let body = serde_json::to_vec(&period).map_err(|error| error.to_string())?;
        let path: PathAndQuery = format!("/v1/offload/nodes/{}", self.name)
            .parse()
            .map_err(|_| format!("{:?} is no name of a node", self.name))?;
        let uri = self.to.uri(&path).map_err(|error| error.to_string())?;
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
        let mut request = Request::new(body.boxed_unsync());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            headers.insert(KEY, key.clone());
        }
        let answer = self.client.ask(request, PATIENCE).await;
        let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
        // Read, so that the connection can be used again.
        let said = whole(body, MAX_ANSWER_BYTES, PATIENCE).await;
        let (said, _) = said.map_err(|error| error.to_string())?;
        match head.status.is_success() {
            true => Ok(()),
            false => Err(format!(
                "it answers {}: {}",
                head.status,
                String::from_utf8_lossy(&said[..said.len().min(500)])
            )),
        }
    }
}
