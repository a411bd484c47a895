//! All channels, by their names.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;

use crate::broadcast::{Hub, LiveStream, Reservation, now};
use crate::casting::CastError;
use crate::casting::air;
use crate::casting::channel::Channel;
use crate::casting::kept::{self, Kept};
use crate::casting::show::{self, Show};
use crate::casting::viewer::{Viewer, Watched};
use crate::casting::viewers::{MAX_WATCHED, watch};
use crate::channel::{Definition, DefinitionError};
use crate::delivery::{Delivery, Planner};
use crate::digest::Digest;
use crate::template::merge::Data;

/// The most channels.
pub const MAX_CHANNELS: usize = 100;

/// Channels and viewers that are planned at a time, and that wait for that.
const PLANNED: usize = 4;
const MAX_PLANNED: usize = 64;

/// How long viewers of a channel that was deleted are told that it has ended.
const AFTERGLOW: Duration = Duration::from_secs(60);

/// The channels; clones share them.
#[derive(Clone)]
pub struct Channels(Arc<Shared>);

struct Shared {
    hub: Hub,
    planner: Planner,
    delivery: Delivery,
    folder: PathBuf,
    state: Mutex<State>,
    /// One plan at a time each; and all that wait for that, too.
    planning: Semaphore,
    planned: Semaphore,
    watching: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    channels: BTreeMap<String, Arc<Channel>>,
    /// Those that were deleted lately.
    gone: VecDeque<(Instant, Arc<Channel>)>,
}

impl Channels {
    /// No channels yet; those that are made are kept in `folder`.
    pub fn new(hub: Hub, planner: Planner, delivery: Delivery, folder: PathBuf) -> Self {
        Self(Arc::new(Shared {
            hub,
            planner,
            delivery,
            folder,
            state: Mutex::default(),
            planning: Semaphore::new(PLANNED),
            planned: Semaphore::new(MAX_PLANNED),
            watching: Arc::new(Semaphore::new(MAX_WATCHED)),
        }))
    }

    /// Goes on with the channels of the folder: each as soon as it is planned.
    pub async fn resume(&self) -> std::io::Result<()> {
        let folder = self.0.folder.clone();
        let kept = tokio::task::spawn_blocking(move || kept::read_all(&folder));
        for kept in kept.await.map_err(std::io::Error::other)?? {
            let reservation = match self.0.hub.reserve(&kept.name) {
                Ok(reservation) => reservation,
                Err(error) => {
                    tracing::warn!(channel = kept.name, %error, "a channel is left out");
                    continue;
                }
            };
            let channel = Arc::new(Channel::new(kept, self.0.delivery.clone()));
            self.state()
                .channels
                .insert(channel.name.clone(), Arc::clone(&channel));
            let (channels, task) = (self.clone(), Arc::clone(&channel));
            let task = tokio::spawn(async move { channels.prepare(task, reservation).await });
            *lock(&channel.task) = Some(task);
        }
        Ok(())
    }

    /// A channel that was made before the server was started.
    async fn prepare(self, channel: Arc<Channel>, reservation: Reservation) {
        let Shared {
            planner, delivery, ..
        } = &*self.0;
        let planned = async {
            let _turn = self.0.planning.acquire().await;
            Show::plan(planner, delivery, &channel.definition, channel.since).await
        };
        let planned = tokio::select! {
            planned = planned => planned,
            () = channel.stop.cancelled() => return,
        };
        match planned {
            Ok(show) => {
                let show = Arc::clone(channel.show.get_or_init(|| Arc::new(show)));
                air::run(channel, show, reservation).await;
            }
            Err(error) => {
                channel.fail(error.to_string());
                // Nobody waits for it.
                reservation.over();
                channel.stop.cancelled().await;
            }
        }
    }

    /// A new channel.
    pub async fn create(
        &self,
        name: String,
        definition: Definition,
    ) -> Result<Arc<Channel>, CastError> {
        definition.check()?;
        if self.state().channels.len() >= MAX_CHANNELS {
            let message = format!("there are {MAX_CHANNELS} channels, as many as allowed");
            return Err(CastError::Unavailable(message));
        }
        let reservation = self.0.hub.reserve(&name)?;
        let Shared {
            planner,
            delivery,
            folder,
            ..
        } = &*self.0;
        let show = self
            .turn(Show::plan(planner, delivery, &definition, now()))
            .await?;
        let kept = Kept {
            name: name.clone(),
            since_unix_ms: show.programme.origin().0,
            secret: Uuid::new_v4(),
            definition,
        };
        let (folder, written) = (folder.clone(), kept.clone());
        let written = tokio::task::spawn_blocking(move || kept::write(&folder, &written));
        let written = written.await.map_err(CastError::internal)?;
        written.map_err(CastError::internal)?;
        let channel = Arc::new(Channel::new(kept, delivery.clone()));
        let show = Arc::clone(channel.show.get_or_init(|| Arc::new(show)));
        let running = air::run(Arc::clone(&channel), show, reservation);
        *lock(&channel.task) = Some(tokio::spawn(running));
        self.state().channels.insert(name, Arc::clone(&channel));
        Ok(channel)
    }

    /// Plans when it is its turn.
    async fn turn<T>(
        &self,
        planning: impl Future<Output = Result<T, CastError>>,
    ) -> Result<T, CastError> {
        let busy = || CastError::Unavailable("too much is being planned".into());
        let _place = self.0.planned.try_acquire().map_err(|_| busy())?;
        // Never closed.
        let _turn = self.0.planning.acquire().await;
        planning.await
    }

    /// Channel `name`.
    pub fn channel(&self, name: &str) -> Result<Arc<Channel>, CastError> {
        let found = self.state().channels.get(name).map(Arc::clone);
        found.ok_or_else(|| CastError::Unknown(format!("no channel {name:?}")))
    }

    /// All channels, by name.
    pub fn all(&self) -> Vec<Arc<Channel>> {
        self.state().channels.values().map(Arc::clone).collect()
    }

    /// Ends channel `name` and forgets it.
    pub async fn delete(&self, name: &str) -> Result<(), CastError> {
        let channel = self.channel(name)?;
        let (folder, file) = (self.0.folder.clone(), name.to_owned());
        let removed = tokio::task::spawn_blocking(move || kept::remove(&folder, &file));
        let removed = removed.await.map_err(CastError::internal)?;
        removed.map_err(CastError::internal)?;
        {
            let mut state = self.state();
            let same = state.channels.get(name);
            if same.is_some_and(|same| Arc::ptr_eq(same, &channel)) {
                state.channels.remove(name);
            }
            state.gone.retain(|(since, _)| since.elapsed() < AFTERGLOW);
            state.gone.push_back((Instant::now(), Arc::clone(&channel)));
            while state.gone.len() > MAX_CHANNELS {
                state.gone.pop_front();
            }
        }
        channel.stop.cancel();
        let task = lock(&channel.task).take();
        if let Some(task) = task {
            // One that died has let go of its name as well.
            drop(task.await);
        }
        Ok(())
    }

    /// The server ends: nothing more is played, and nobody is told that it is over, as it
    /// is not.
    pub fn stop(&self) {
        for channel in self.all() {
            if let Some(task) = lock(&channel.task).take() {
                task.abort();
            }
        }
    }

    /// Makes `data` known as that of a viewer. The same data is the same viewer, at the same
    /// address, even if it was forgotten in between.
    pub async fn viewer(&self, name: &str, data: Data) -> Result<Arc<Viewer>, CastError> {
        let channel = self.channel(name)?;
        channel.definition.check_viewer(&data)?;
        let show = ready(&channel)?;
        let id = id_of(&channel, &data)?;
        if let Some(known) = channel.viewers.get(&id) {
            return Ok(known);
        }
        let planning = self.plan_viewer(&channel, &show, id, &data);
        let viewer = self.turn(planning).await?;
        channel.viewers.put(viewer)
    }

    async fn plan_viewer(
        &self,
        channel: &Channel,
        show: &Show,
        id: String,
        data: &Data,
    ) -> Result<Viewer, CastError> {
        let (mut own, mut held) = (std::collections::HashMap::new(), Vec::new());
        for (index, entry) in channel.definition.entries.iter().enumerate() {
            let filled = entry.data_for(data);
            if filled == entry.data {
                continue;
            }
            let planned = show::plan(&self.0.planner, (index, entry), filled).await;
            let plan = planned.map_err(|error| match error {
                CastError::Edit { error, .. } => {
                    let found = format!("what makes entry {index} wrong ({error})");
                    DefinitionError::new("/data", found, error.allowed).into()
                }
                other => other,
            })?;
            let (video, encoding) = show::video(&self.0.delivery, plan).await?;
            let base = &show.videos[index];
            let same = show.encodings[base.encoding].names == encoding.names;
            if !same || !base.reel.fits(&video.reel) {
                let found = format!("what would change the size, length or cuts of entry {index}");
                let allowed = "what changes only how it looks and sounds";
                return Err(DefinitionError::new("/data", found, allowed).into());
            }
            Viewer::differing(&mut own, (index, base), &video);
            held.extend(video.held);
        }
        Ok(Viewer::new(id, own, held))
    }

    /// Viewer `id` of channel `name`, who has asked for something. The viewers of one that
    /// was deleted are known for a while yet.
    pub fn known_viewer(
        &self,
        name: &str,
        id: &str,
    ) -> Result<(Arc<Channel>, Arc<Viewer>), CastError> {
        let state = self.state();
        let gone = state.gone.iter().rev();
        let gone = gone.filter(|(since, gone)| gone.name == name && since.elapsed() < AFTERGLOW);
        let channels = state.channels.get(name).into_iter();
        let mut channels = channels.chain(gone.map(|(_, gone)| gone));
        let found = channels.find_map(|channel| {
            let viewer = channel.viewers.get(id)?;
            Some((Arc::clone(channel), viewer))
        });
        found.ok_or_else(|| {
            let message = format!("channel {name:?} knows no such viewer (any more)");
            CastError::Unknown(message)
        })
    }

    /// What a viewer of `channel` sees of its stream, as soon as what they begin with is
    /// there.
    pub async fn watch(
        &self,
        (channel, viewer): &(Arc<Channel>, Arc<Viewer>),
        stream: Arc<LiveStream>,
    ) -> Result<Arc<Watched>, CastError> {
        let show = ready(channel)?;
        let place = || Arc::clone(&self.0.watching).try_acquire_owned().ok();
        watch(channel, &show, viewer, stream, place).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

/// What is in these locks is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ready(channel: &Channel) -> Result<Arc<Show>, CastError> {
    let show = channel.show.get().map(Arc::clone);
    show.ok_or_else(|| {
        let message = format!("channel {:?} is not planned (yet)", channel.name);
        CastError::Unavailable(message)
    })
}

/// What nobody can guess who does not know the channel's secret, whatever they know of the
/// data.
fn id_of(channel: &Channel, data: &Data) -> Result<String, CastError> {
    let data = serde_json::to_vec(data).map_err(CastError::internal)?;
    let mut named = channel.secret.as_bytes().to_vec();
    named.extend(data);
    let digest = Digest::of(&named).to_string();
    Ok(digest.chars().take(32).collect())
}
