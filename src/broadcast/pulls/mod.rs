//! Streams that are pulled from elsewhere when somebody wants to watch them.
//!
//! The first viewer starts a pull, and when nobody has wanted it for a while it ends.
//! A source that cannot be had is not asked again at once, however many want it.

mod run;
mod sources;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broadcast::hub::Hub;
use crate::live::source::SourceUrl;

pub use sources::{MAX_SOURCES, Source, SourcesError};

/// A source that is open: its stream, as it comes.
pub struct Pulled {
    /// The stream, as FLV.
    pub bytes: pipe::Receiver,
    /// How it ended, told after the last byte.
    pub ended: oneshot::Receiver<Result<(), String>>,
}

/// Opens sources. It must not block.
pub type Opener = Arc<dyn Fn(&SourceUrl) -> std::io::Result<Pulled> + Send + Sync>;

/// How sources are pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullConfig {
    /// How long a pull goes on when nobody wants it any more.
    pub linger: Duration,
    /// How long a source that could not be had is not asked again.
    pub rest: Duration,
    /// How long a source may be silent, at its beginning too.
    pub silence: Duration,
}

impl Default for PullConfig {
    /// 30 s without viewers; 3 s of rest; 15 s of silence.
    fn default() -> Self {
        Self {
            linger: Duration::from_secs(30),
            rest: Duration::from_secs(3),
            silence: Duration::from_secs(15),
        }
    }
}

/// What becomes of a wish to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// There is no source of that name.
    NoSource,
    /// It is being pulled.
    Pulling,
    /// It could not be had a moment ago.
    Failed(String),
}

/// The sources, and what is pulled of them; clones share all.
#[derive(Clone)]
pub struct Pulls(Arc<Shared>);

struct Shared {
    hub: Hub,
    opener: Opener,
    config: PullConfig,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

struct State {
    sources: sources::Sources,
    pulls: HashMap<String, Pull>,
}

/// What is known of a source that was wanted.
struct Pull {
    /// When it was wanted last.
    wanted: Instant,
    phase: Phase,
    stop: CancellationToken,
}

enum Phase {
    Pulling,
    Failed { until: Instant, error: String },
}

impl Pulls {
    /// The sources in the file at `path`, to be published at `hub`.
    pub fn open(
        path: &Path,
        hub: Hub,
        opener: Opener,
        config: PullConfig,
    ) -> Result<Self, SourcesError> {
        let state = State {
            sources: sources::Sources::open(path)?,
            pulls: HashMap::new(),
        };
        Ok(Self(Arc::new(Shared {
            hub,
            opener,
            config,
            state: Mutex::new(state),
            changed: watch::channel(0).0,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })))
    }

    /// Somebody wants to watch stream `name`, now. A pull begins if there is a source
    /// and none goes on.
    pub fn demand(&self, name: &str) -> Demand {
        let mut state = self.state();
        let State { sources, pulls } = &mut *state;
        let Some(source) = sources.get(name) else {
            return Demand::NoSource;
        };
        let now = Instant::now();
        if let Some(pull) = pulls.get_mut(name) {
            pull.wanted = now;
            match &pull.phase {
                Phase::Pulling => return Demand::Pulling,
                Phase::Failed { until, error } if now < *until => {
                    return Demand::Failed(error.clone());
                }
                Phase::Failed { .. } => {}
            }
        }
        if self.0.stop.is_cancelled() {
            return Demand::Failed("the server stops".into());
        }
        let stop = self.0.stop.child_token();
        let pull = Pull {
            wanted: now,
            phase: Phase::Pulling,
            stop: stop.clone(),
        };
        pulls.insert(name.to_owned(), pull);
        let run = run::run(self.clone(), name.to_owned(), source.url.clone(), stop);
        self.0.tasks.spawn(run);
        Demand::Pulling
    }

    /// Tells of each pull that begins, comes, fails or ends.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// The source of stream `name`.
    pub fn source(&self, name: &str) -> Option<Source> {
        self.state().sources.get(name).cloned()
    }

    /// All sources, by the names of their streams.
    pub fn sources(&self) -> Vec<(String, Source)> {
        let state = self.state();
        let all = state.sources.all();
        all.map(|(name, source)| (name.clone(), source.clone()))
            .collect()
    }

    /// Stream `name` is pulled from `source` from now on. Blocks for as long as it
    /// takes to write that down.
    pub fn put(&self, name: &str, source: Source) -> Result<(), SourcesError> {
        let mut state = self.state();
        state.sources.put(name, source)?;
        if let Some(pull) = state.pulls.remove(name) {
            pull.stop.cancel();
        }
        Ok(())
    }

    /// Stream `name` is no more pulled; whether it was. Blocks as [`Self::put`] does.
    pub fn remove(&self, name: &str) -> Result<bool, SourcesError> {
        let mut state = self.state();
        let removed = state.sources.remove(name)?;
        if let Some(pull) = state.pulls.remove(name) {
            pull.stop.cancel();
        }
        Ok(removed)
    }

    /// Ends all pulls, and waits for them.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn tell(&self) {
        self.0.changed.send_modify(|version| *version += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
