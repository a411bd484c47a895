//! Files made when somebody wants them: one making for all who want the same, a few
//! at a time, and none for nobody.
//!
//! An [`FileOrder`] is a wish that holds as long as it is kept. The last that is dropped
//! ends the making at its next frame.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::delivery::files::{FileStore, KeptFile};
use crate::delivery::make::make;
use crate::delivery::recipe::Recipe;
use crate::digest::Digest;
use crate::render::{RenderError, Renderer};

/// The most files that are wanted at a time.
pub const MAX_ORDERS: usize = 4096;

/// The longest that one file may take. Four hours of 4K take this long on a busy machine.
pub const MAKE_DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// How often a file that went before it was read is made again.
const TRIES: usize = 3;

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FileError {
    /// Too many are wanted at once.
    #[error("{0} files are being made, as many as may")]
    Busy(usize),
    /// It is not made any more: the process ends.
    #[error("no more files are made")]
    Stopped,
    /// It cannot be made.
    #[error("{0}")]
    Failed(Arc<str>),
}

/// How far a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Making {
    /// It waits for its turn.
    Waiting,
    /// It is being made.
    Begun,
    /// It is there.
    Ready,
    /// It cannot be made.
    Failed(Arc<str>),
}

impl Making {
    /// Whether it stays as it is.
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed(_))
    }
}

/// All files that are wanted; clones share them.
#[derive(Clone)]
pub struct FileOrders {
    shared: Arc<Shared>,
}

struct Shared {
    renderer: Arc<Renderer>,
    store: FileStore,
    /// Room for long makings, and for single pictures, which do not wait for those.
    long: Arc<Semaphore>,
    short: Arc<Semaphore>,
    open: Mutex<HashMap<Digest, Weak<Wanted>>>,
    stopping: CancellationToken,
}

/// Somebody wants a file.
struct Wanted {
    name: String,
    frames: u32,
    done: Arc<AtomicU32>,
    state: watch::Sender<Making>,
    /// Dropped with the last order, it ends the making.
    _wanted: DropGuard,
}

/// A file that is wanted for as long as this is kept; clones want the same.
#[derive(Clone)]
pub struct FileOrder {
    wanted: Arc<Wanted>,
}

impl FileOrder {
    /// How far it is.
    pub fn state(&self) -> Making {
        self.wanted.state.borrow().clone()
    }

    /// The share of it that is done, 0 to 1.
    pub fn progress(&self) -> f64 {
        match self.state() {
            Making::Ready => 1.0,
            _ => {
                let done = self.wanted.done.load(Ordering::Relaxed);
                f64::from(done.min(self.wanted.frames)) / f64::from(self.wanted.frames.max(1))
            }
        }
    }

    /// Tells of every change of its state, and wants nothing itself.
    pub fn changes(&self) -> watch::Receiver<Making> {
        self.wanted.state.subscribe()
    }

    /// Waits until it is there.
    async fn ready(&self) -> Result<(), FileError> {
        let mut state = self.wanted.state.subscribe();
        match state.wait_for(Making::is_over).await.as_deref() {
            Ok(Making::Failed(reason)) => Err(FileError::Failed(Arc::clone(reason))),
            Ok(_) => Ok(()),
            Err(_) => Err(FileError::Stopped),
        }
    }
}

impl FileOrders {
    /// Makes files with `renderer`, at most `at_a_time` long ones, and keeps them in `store`.
    pub fn new(renderer: Arc<Renderer>, store: FileStore, at_a_time: usize) -> Self {
        let at_a_time = at_a_time.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            shared: Arc::new(Shared {
                renderer,
                store,
                long: Arc::new(Semaphore::new(at_a_time)),
                short: Arc::new(Semaphore::new(at_a_time)),
                open: Mutex::default(),
                stopping: CancellationToken::new(),
            }),
        }
    }

    /// Makes nothing more: what is being made ends at its next frame.
    pub fn stop(&self) {
        self.shared.stopping.cancel();
    }

    /// Wants a file, which is made unless it is there. Needs a runtime.
    pub fn order(&self, recipe: Recipe) -> Result<FileOrder, FileError> {
        let key = recipe.key();
        let mut open = self.open();
        if let Some(wanted) = open.get(&key).and_then(Weak::upgrade)
            && !matches!(*wanted.state.borrow(), Making::Failed(_))
        {
            return Ok(FileOrder { wanted });
        }
        if open.len() >= MAX_ORDERS {
            open.retain(|_, wanted| wanted.strong_count() > 0);
        }
        if open.len() >= MAX_ORDERS {
            return Err(FileError::Busy(open.len()));
        }
        if self.shared.stopping.is_cancelled() {
            return Err(FileError::Stopped);
        }
        let given_up = self.shared.stopping.child_token();
        let wanted = Arc::new(Wanted {
            name: recipe.file_name(),
            frames: recipe.frames(),
            done: Arc::default(),
            state: watch::Sender::new(Making::Waiting),
            _wanted: given_up.clone().drop_guard(),
        });
        open.insert(key, Arc::downgrade(&wanted));
        drop(open);
        let work = Work {
            shared: Arc::clone(&self.shared),
            wanted: Arc::downgrade(&wanted),
            done: Arc::clone(&wanted.done),
            name: wanted.name.clone(),
            given_up,
            recipe,
        };
        tokio::spawn(work.run());
        Ok(FileOrder { wanted })
    }

    /// The file, made first if it is not there.
    pub async fn file(&self, recipe: &Recipe) -> Result<KeptFile, FileError> {
        for _ in 0..TRIES {
            let order = self.order(recipe.clone())?;
            order.ready().await?;
            let (store, name) = (self.shared.store.clone(), order.wanted.name.clone());
            let read = tokio::task::spawn_blocking(move || store.get(&name)).await;
            match read {
                Ok(Ok(Some(file))) => return Ok(file),
                // It had to go meanwhile, or somebody deleted it.
                Ok(Ok(None)) => self.forget(recipe),
                Ok(Err(error)) => return Err(FileError::Failed(error.to_string().into())),
                Err(error) => return Err(FileError::Failed(error.to_string().into())),
            }
        }
        Err(FileError::Failed(
            "it was deleted each time it was made".into(),
        ))
    }

    fn forget(&self, recipe: &Recipe) {
        self.open().remove(&recipe.key());
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Digest, Weak<Wanted>>> {
        // Each change is one step.
        self.shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One making.
struct Work {
    shared: Arc<Shared>,
    wanted: Weak<Wanted>,
    done: Arc<AtomicU32>,
    name: String,
    given_up: CancellationToken,
    recipe: Recipe,
}

impl Work {
    async fn run(self) {
        let wanted = self.wanted.clone();
        let tell = move |state: Making| {
            if let Some(wanted) = wanted.upgrade() {
                wanted.state.send_replace(state);
            }
        };
        let (store, name) = (self.shared.store.clone(), self.name.clone());
        let found = tokio::task::spawn_blocking(move || store.get(&name)).await;
        if matches!(found, Ok(Ok(Some(_)))) {
            return tell(Making::Ready);
        }
        let room = if self.recipe.frames() > 1 {
            &self.shared.long
        } else {
            &self.shared.short
        };
        let turn = tokio::select! {
            turn = Arc::clone(room).acquire_owned() => turn,
            () = self.given_up.cancelled() => {
                return tell(Making::Failed(FileError::Stopped.to_string().into()));
            }
        };
        tell(Making::Begun);
        let made = tokio::task::spawn_blocking(move || {
            let made = self.make();
            drop(turn);
            made
        });
        match made.await {
            Ok(Ok(())) => tell(Making::Ready),
            Ok(Err(RenderError::Cancelled)) => {
                tell(Making::Failed(FileError::Stopped.to_string().into()));
            }
            Ok(Err(error)) => tell(Making::Failed(error.to_string().into())),
            // A bug in making one file takes nothing else along.
            Err(error) => tell(Making::Failed(error.to_string().into())),
        }
    }

    fn make(&self) -> Result<(), RenderError> {
        let started = Instant::now();
        let io = |error: std::io::Error| {
            RenderError::Media(crate::media::MediaError::Io(error.to_string()))
        };
        let temporary = self.shared.store.temporary().map_err(io)?;
        let mut watch = |done: u32| {
            self.done.store(done, Ordering::Relaxed);
            if self.given_up.is_cancelled() {
                return Err(RenderError::Cancelled);
            }
            if started.elapsed() > MAKE_DEADLINE {
                return Err(RenderError::Deadline(MAKE_DEADLINE));
            }
            Ok(())
        };
        let renderer = &self.shared.renderer;
        make(renderer, &self.recipe, temporary.path(), &mut watch)?;
        self.shared.store.keep(temporary, &self.name).map_err(io)
    }
}
