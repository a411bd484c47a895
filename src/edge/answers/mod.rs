//! Playlists from upstream: kept in memory for as long as they are true, and asked for
//! once, however many want the same. So a thousand players that wait for the next part
//! of a live stream are one request that waits upstream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LinkedHashMap;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use thiserror::Error;
use tokio::sync::watch;
use uuid::Uuid;

use crate::cache::{Asker, Fetch};
use crate::digest::Digest;
use crate::edge::Edge;
use crate::edge::answer::Answer;
use crate::edge::report::Met;
use crate::edge::trail::Trail;
use crate::edge::upstream::is_fault;
use crate::offload::{self, Class, Size, Tier};

mod asking;
mod wanted;

use asking::Fetched;
pub use wanted::Wanted;

/// Memory for playlists: those of some ten thousand videos, or all of a thousand live
/// streams that anybody may still ask for.
const MAX_KEPT_BYTES: u64 = 64 << 20;

/// A playlist's usual size in bytes, twice over: sizes the table.
const USUAL_BYTES: u64 = 8 << 10;

/// Different playlists that are asked for at a time.
const MAX_ASKED: usize = 4096;

/// Index playlists for which the edge remembers who it is to their origin.
const MAX_IDENTITIES: usize = 1_000;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// No upstream answered, or had time.
    #[error("{0}")]
    Unavailable(Arc<str>),
    /// What came was no good.
    #[error("{0}")]
    BadGateway(Arc<str>),
}

/// An answer, and whether it is old and given because there is no new one.
#[derive(Clone, Debug)]
pub struct Given {
    /// The answer.
    pub answer: Arc<Answer>,
    /// How it was come by.
    pub met: Met,
}

type Told = Option<Result<(Arc<Answer>, bool), AnswerError>>;

/// The answers of an edge.
pub(super) struct Answers {
    kept: Cache<Arc<str>, Arc<Answer>, Weigh>,
    flight: Mutex<HashMap<Arc<str>, watch::Receiver<Told>>>,
    /// Who this edge is, as a terminal, to the origin of an index.
    identities: Mutex<LinkedHashMap<String, Uuid>>,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<Arc<str>, Arc<Answer>> for Weigh {
    fn weight(&self, key: &Arc<str>, answer: &Arc<Answer>) -> u64 {
        (key.len() + answer.weight()) as u64
    }
}

/// How a request comes to its answer.
enum Boarded {
    Kept(Arc<Answer>),
    /// It is old and given, while somebody asks whether it is as it was: whoever sees
    /// that first.
    Meanwhile(Arc<Answer>, Option<Seat>),
    /// With what was told already.
    Follow(watch::Receiver<Told>, Option<Arc<Answer>>),
    Lead(Seat, watch::Receiver<Told>),
    Full,
}

/// The place of whoever asks upstream for all; left by being dropped.
struct Seat {
    edge: Edge,
    key: Arc<str>,
    tell: watch::Sender<Told>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.edge.answers().flight().remove(&self.key);
    }
}

impl Answers {
    pub fn new() -> Self {
        let items = usize::try_from(MAX_KEPT_BYTES / USUAL_BYTES).unwrap_or(usize::MAX);
        Self {
            kept: Cache::with_weighter(items, MAX_KEPT_BYTES, Weigh),
            flight: Mutex::default(),
            identities: Mutex::default(),
        }
    }

    fn flight(&self) -> MutexGuard<'_, HashMap<Arc<str>, watch::Receiver<Told>>> {
        // Each change is one step.
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identities(&self) -> MutexGuard<'_, LinkedHashMap<String, Uuid>> {
        let identities = self.identities.lock();
        identities.unwrap_or_else(PoisonError::into_inner)
    }

    fn identity(&self, path: &str) -> Option<Uuid> {
        self.identities().to_back(path).copied()
    }

    fn identify(&self, path: &str, id: Uuid) {
        let mut identities = self.identities();
        identities.insert(path.to_owned(), id);
        while identities.len() > MAX_IDENTITIES {
            identities.pop_front();
        }
    }

    /// How many are kept, and what they take in memory.
    pub fn held(&self) -> (u64, u64) {
        (self.kept.len() as u64, self.kept.weight())
    }
}

impl Edge {
    /// The answer to `wanted`: one that is kept and fresh, else one that is asked for
    /// upstream, once for all who want it meanwhile.
    pub async fn answer(&self, wanted: &Wanted, trail: &Trail) -> Result<Given, AnswerError> {
        let key = wanted.key();
        let (mut told, met) = match self.board(&key) {
            Boarded::Kept(answer) => {
                let met = Met::Hit;
                self.note_hit(wanted, &key, &answer);
                return Ok(Given { answer, met });
            }
            Boarded::Meanwhile(answer, seat) => {
                if let Some(seat) = seat {
                    tokio::spawn(lead(seat, wanted.clone(), trail.clone()));
                }
                self.note_hit(wanted, &key, &answer);
                let met = Met::Meanwhile;
                return Ok(Given { answer, met });
            }
            Boarded::Full => {
                let full = format!("{MAX_ASKED} playlists are being asked for, as many as allowed");
                return Err(AnswerError::Unavailable(full.into()));
            }
            Boarded::Follow(told, late) => {
                // Those who waited are counted already.
                if let Some(answer) = late {
                    self.note_hit(wanted, &key, &answer);
                }
                (told, Met::Collapsed)
            }
            Boarded::Lead(seat, told) => {
                // A task of its own: whoever asked may go, the others stay.
                tokio::spawn(lead(seat, wanted.clone(), trail.clone()));
                let met = match wanted.waits() {
                    true => Met::Blocked,
                    false => Met::Miss,
                };
                (told, met)
            }
        };
        let told = tokio::select! {
            told = told.wait_for(Option::is_some) => told.ok().and_then(|told| told.clone()),
            () = self.stopped() => None,
        };
        let gone = || AnswerError::Unavailable("the edge is shutting down".into());
        let (answer, stale) = told.ok_or_else(gone)??;
        let met = if stale { Met::Stale } else { met };
        Ok(Given { answer, met })
    }

    /// Whose traffic it is, as far as is known.
    pub fn traffic_of(&self, wanted: &Wanted) -> Arc<Class> {
        self.traffic(wanted, &Digest::of(wanted.key().as_bytes()))
    }

    /// The same, of the playlist with this key.
    fn traffic(&self, wanted: &Wanted, key: &Digest) -> Arc<Class> {
        wanted.live().unwrap_or_else(|| self.class_of(key))
    }

    fn note_hit(&self, wanted: &Wanted, key: &str, answer: &Answer) {
        let account = self.cache().account();
        if account.is_on() {
            let key = Digest::of(key.as_bytes());
            account.hit(
                &self.traffic(wanted, &key),
                &key,
                weighs(answer),
                Tier::Ram,
                1,
            );
        }
    }

    /// Notes that somebody was asked for all who waited, and tells them.
    fn tell(&self, seat: &Seat, wanted: &Wanted, cause: Option<offload::Cause>, told: Told) {
        // Nobody joins from the counting to the telling.
        let flight = self.answers().flight();
        // The flight has a receiver, and so has who leads, unless an old one was given meanwhile.
        let followers = (seat.tell.receiver_count() as u64).saturating_sub(2);
        let answer = told.as_ref().and_then(|told| told.as_ref().ok());
        let answer = answer.map(|(answer, _)| Arc::clone(answer));
        seat.tell.send_replace(told);
        drop(flight);
        let Some(cause) = cause else { return };
        let (account, key) = (self.cache().account(), Digest::of(seat.key.as_bytes()));
        let size = answer.as_deref().map(weighs).unwrap_or_default();
        let fetch = Fetch {
            cause,
            asker: Asker::Client,
            followers,
            content: None,
        };
        account.fetched(&self.traffic(wanted, &key), &key, size, fetch);
        // What waited for something is not asked for again: it would fill the memory for
        // what is gone.
        if !wanted.waits() {
            let why = match answer {
                Some(_) => offload::Cause::Expired,
                None => offload::Cause::Failed,
            };
            account.gone(&key, why);
        }
    }

    /// Under the flight's lock, so that nobody asks for what has just come.
    fn board(&self, key: &Arc<str>) -> Boarded {
        let fresh = || self.answers().kept.get(key).filter(|kept| kept.is_fresh());
        if let Some(kept) = fresh() {
            return Boarded::Kept(kept);
        }
        let mut flight = self.answers().flight();
        if let Some(kept) = fresh() {
            return Boarded::Kept(kept);
        }
        let old = self.answers().kept.get(key);
        let old = old.filter(|kept| kept.will_do_meanwhile());
        if let Some(told) = flight.get(key) {
            let late = match &*told.borrow() {
                Some(Ok((answer, _))) => Some(answer.clone()),
                _ => None,
            };
            return match old {
                Some(old) => Boarded::Meanwhile(old, None),
                None => Boarded::Follow(told.clone(), late),
            };
        }
        if flight.len() >= MAX_ASKED {
            return match old {
                Some(old) => Boarded::Meanwhile(old, None),
                None => Boarded::Full,
            };
        }
        let (tell, told) = watch::channel(None);
        flight.insert(key.clone(), told.clone());
        let seat = Seat {
            edge: self.clone(),
            key: key.clone(),
            tell,
        };
        match old {
            Some(old) => Boarded::Meanwhile(old, Some(seat)),
            None => Boarded::Lead(seat, told),
        }
    }
}

/// Asks for all who follow, and keeps what comes.
async fn lead(seat: Seat, wanted: Wanted, trail: Trail) {
    let edge = &seat.edge;
    let kept = edge.answers().kept.get(&seat.key);
    let cause = edge
        .cache()
        .account()
        .cause(&Digest::of(seat.key.as_bytes()));
    let allowance = edge.config().stale_if_error;
    let will_do = || kept.clone().filter(|kept| kept.will_do(allowance));
    let told = match edge.fetch(&wanted, &trail, kept.as_ref()).await {
        Ok(answer) if is_fault(answer.status) => match will_do() {
            Some(kept) => Ok((kept, true)),
            None => Ok((Arc::new(answer), false)),
        },
        Ok(answer) => {
            let answer = Arc::new(answer);
            if answer.is_kept() {
                edge.answers().kept.insert(seat.key.clone(), answer.clone());
            }
            Ok((answer, false))
        }
        Err(failed) => match (will_do(), failed) {
            (Some(kept), _) => Ok((kept, true)),
            (None, Fetched::Unanswered(why)) => Err(AnswerError::Unavailable(why.into())),
            (None, Fetched::Bad(why)) => Err(AnswerError::BadGateway(why.into())),
        },
    };
    edge.tell(&seat, &wanted, cause, Some(told));
}

/// What an answer weighs among the traffic.
fn weighs(answer: &Answer) -> Size {
    Size::new(answer.text.plain().len() as u64, 0)
}
