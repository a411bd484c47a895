//! Small values (init segments) by name: memory, disk, or made once for all who ask.
//!
//! They are whole or not there, so followers wait for one value, not for parts.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::account::{Asker, Fetch};
use super::flight::{Boarded, Seat};
use super::outcome::{CacheError, FillError};
use super::{FragmentCache, Shared};
use crate::digest::Digest;
use crate::offload::{Cause, Class, Size, Tier};

/// What followers of a small value wait on.
pub(super) type Following = watch::Receiver<Answer>;
type Answer = Option<Result<Bytes, FillError>>;

impl FragmentCache {
    /// The small value called `name`; if there is none, `fill` makes it, once for
    /// all who ask meanwhile. `fill` runs on a thread that may block and outlives
    /// its caller. The store's bounds on small values hold; what is over them is
    /// served but not stored. It is counted as a request of
    /// `traffic`, if it is any.
    pub async fn get_small_or_fill(
        &self,
        name: &str,
        traffic: Option<Arc<Class>>,
        fill: impl FnOnce() -> Result<Bytes, FillError> + Send + 'static,
    ) -> Result<Bytes, CacheError> {
        let shared = &self.0;
        let name: Arc<str> = name.into();
        let key = Digest::of(name.as_bytes());
        let hit = |value: &Bytes| {
            let size = Size::new(value.len() as u64, 0);
            if let Some(traffic) = &traffic {
                shared.account.hit(traffic, &key, size, Tier::Ram, 1);
            }
        };
        let mut led = None;
        let boarded = shared.small_flight.board(
            &name,
            |leading: &Following| {
                let failed = matches!(*leading.borrow(), Some(Err(_)));
                (!failed).then(|| leading.clone())
            },
            || shared.memory.get_small(&name),
            || {
                let (tell, told) = watch::channel(None);
                led = Some((tell, told.clone()));
                told
            },
        );
        let mut follows = false;
        let mut told = match boarded {
            Boarded::Ready(value) => {
                shared.counters.small_hits.add(1);
                hit(&value);
                return Ok(value);
            }
            Boarded::Joined(told) => {
                shared.counters.small_coalesced.add(1);
                follows = true;
                told
            }
            Boarded::Full => {
                shared.counters.refused.add(1);
                return Err(CacheError::Busy {
                    in_flight: shared.small_flight.max(),
                });
            }
            Boarded::Lead(seat) => {
                let (tell, told) = led.expect("who leads has begun a value");
                let account = (key, traffic.clone());
                let leading = shared.clone().lead_small(name, account, seat, tell, fill);
                shared.leaders.spawn(leading);
                told
            }
        };
        let answer = told
            .wait_for(Option::is_some)
            .await
            .map_err(|_| CacheError::ShuttingDown)?;
        match &*answer {
            Some(Ok(value)) => {
                // Who waited a moment for so little is no different from who finds it.
                if follows {
                    hit(value);
                }
                Ok(value.clone())
            }
            Some(Err(error)) => Err(error.clone().into()),
            None => Err(CacheError::ShuttingDown),
        }
    }
}

impl Shared {
    async fn lead_small(
        self: Arc<Self>,
        name: Arc<str>,
        (key, traffic): (Digest, Option<Arc<Class>>),
        seat: Seat<Arc<str>, Following>,
        tell: watch::Sender<Answer>,
        fill: impl FnOnce() -> Result<Bytes, FillError> + Send + 'static,
    ) {
        let (store, wanted) = (self.store.clone(), name.clone());
        let found = self
            .on_store("read a small value", move || store.get_small(&wanted))
            .await
            .flatten();
        if let Some(value) = found {
            self.counters.small_hits.add(1);
            let size = Size::new(value.len() as u64, 0);
            if let Some(traffic) = &traffic {
                self.account.hit(traffic, &key, size, Tier::Disk, 1);
            }
            self.memory.insert_small(name, value.clone());
            tell.send_replace(Some(Ok(value)));
            return drop(seat);
        }
        self.counters.small_misses.add(1);
        // What is nobody's traffic is not counted.
        let counted = traffic.and_then(|traffic| Some((self.account.cause(&key)?, traffic)));
        let patience = self.config.patience;
        let made = tokio::time::timeout(patience, tokio::task::spawn_blocking(fill)).await;
        let made = match made {
            Ok(Ok(made)) => made,
            Ok(Err(_died)) => Err(FillError::SourceGone),
            Err(_elapsed) => Err(FillError::Stalled(patience)),
        };
        if let Ok(value) = &made {
            self.memory.insert_small(name.clone(), value.clone());
        } else {
            self.counters.failed_fills.add(1);
        }
        let bytes = made.as_ref().map_or(0, Bytes::len);
        if let Some((cause, traffic)) = counted {
            let fetch = Fetch {
                cause,
                asker: Asker::Client,
                followers: 0,
                content: None,
            };
            let size = Size::new(bytes as u64, 0);
            self.account.fetched(&traffic, &key, size, fetch);
        }
        if made.is_err() {
            self.account.gone(&key, Cause::Failed);
        }
        tell.send_replace(Some(made.clone()));
        if let Ok(value) = made {
            let store = self.store.clone();
            let stored = self.on_store("store a small value", move || {
                store.put_small(&name, &value)
            });
            if stored.await.is_none() {
                self.account.gone(&key, Cause::NotAdmitted);
            }
        }
        drop(seat);
    }
}
