use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::*;
use crate::broadcast::{HubConfig, PushProtocol, StreamStatus};
use crate::cache::{CacheConfig, FragmentCache};
use crate::live::flv::{TagKind, flv_header, write_tag};
use crate::store::{ChunkStore, StoreConfig};

/// A source that is open: what it writes to, and how it says that it ended.
type Writer = (std::fs::File, oneshot::Sender<Result<(), String>>);

/// Sources that send sound until they are told to break off.
struct Stage {
    pulls: Pulls,
    hub: Hub,
    opened: Arc<AtomicUsize>,
    /// Dropped, what was opened last ends.
    writers: Arc<Mutex<Vec<Writer>>>,
    _folder: TempDir,
}

const CONFIG: PullConfig = PullConfig {
    linger: Duration::from_secs(30),
    rest: Duration::from_secs(3),
    silence: Duration::from_secs(15),
};

fn stage(broken: bool) -> Stage {
    let folder = TempDir::new().expect("a folder");
    let (store, _) = ChunkStore::open(StoreConfig::new(folder.path())).expect("a store");
    let cache = FragmentCache::new(store, CacheConfig::default());
    let hub = Hub::new(cache, HubConfig::default());
    let opened = Arc::new(AtomicUsize::new(0));
    let writers = Arc::new(Mutex::new(Vec::new()));
    let opener: Opener = {
        let (opened, writers) = (Arc::clone(&opened), Arc::clone(&writers));
        Arc::new(move |_| {
            opened.fetch_add(1, Ordering::Relaxed);
            let (sender, bytes) = pipe::pipe()?;
            let mut file = std::fs::File::from(sender.into_blocking_fd()?);
            let (tell, ended) = oneshot::channel();
            if broken {
                tell.send(Err("no such stream".into()))
                    .expect("it is listened to");
            } else {
                file.write_all(&beginning())?;
                let mut writers = writers.lock().expect("whole");
                writers.push((file, tell));
            }
            Ok(Pulled { bytes, ended })
        })
    };
    let path = folder.path().join("sources.json");
    let pulls = Pulls::open(&path, hub.clone(), opener, CONFIG).expect("no sources yet");
    let url = "rtmp://host/show".parse().expect("an address");
    pulls.put("show", Source { url }).expect("kept");
    Stage {
        pulls,
        hub,
        opened,
        writers,
        _folder: folder,
    }
}

/// Two seconds of sound.
fn beginning() -> Vec<u8> {
    let mut file = flv_header(true, false).to_vec();
    let mut tag = |at, body: &[u8]| {
        let tag = write_tag(TagKind::Audio, at, body).expect("small");
        file.extend_from_slice(&tag);
    };
    tag(0, &[0xaf, 0, 0x11, 0x90]);
    (0..94).for_each(|index| tag(index * 1024 / 48, &[0xaf, 1, 5, 6, 7]));
    file
}

impl Stage {
    fn status(&self) -> Option<StreamStatus> {
        self.hub.stream("show").map(|stream| stream.status())
    }

    /// Waits until the stream has another status than this.
    async fn until_not(&self, status: Option<StreamStatus>) {
        while self.status() == status {
            // Time stands still while anything can be done.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn the_first_who_wants_a_stream_starts_its_pull_and_the_rest_share_it() {
    let stage = stage(false);
    assert_eq!(stage.pulls.demand("other"), Demand::NoSource);
    assert_eq!(stage.status(), None);
    for _ in 0..500 {
        assert_eq!(stage.pulls.demand("show"), Demand::Pulling);
    }
    stage.until_not(None).await;
    assert_eq!(stage.status(), Some(StreamStatus::Live));
    assert_eq!(stage.opened.load(Ordering::Relaxed), 1);
    stage.pulls.stop().await;
    assert_eq!(stage.status(), Some(StreamStatus::Away));
}

#[tokio::test(start_paused = true)]
async fn a_pull_ends_when_nobody_has_wanted_it_for_a_while() {
    let stage = stage(false);
    stage.pulls.demand("show");
    stage.until_not(None).await;
    // Someone who is pushed the stream says nothing, and wants it all the same.
    let stream = stage.hub.stream("show").expect("it is there");
    let viewer = stream.audience().enter(PushProtocol::HttpFlv);
    // The source goes on being silent for less than it may be.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(stage.status(), Some(StreamStatus::Live));
    drop(viewer);
    stage.pulls.remove("show").expect("written");
    stage.until_not(Some(StreamStatus::Live)).await;
    assert_eq!(stage.pulls.demand("show"), Demand::NoSource);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_be_had_is_not_asked_again_at_once() {
    let stage = stage(true);
    let mut changes = stage.pulls.changes();
    assert_eq!(stage.pulls.demand("show"), Demand::Pulling);
    changes.changed().await.expect("it fails");
    for _ in 0..500 {
        let failed = Demand::Failed("no such stream".into());
        assert_eq!(stage.pulls.demand("show"), failed);
    }
    assert_eq!(stage.opened.load(Ordering::Relaxed), 1);
    assert_eq!(stage.status(), None, "nothing is left of it");
    tokio::time::sleep(CONFIG.rest).await;
    assert_eq!(stage.pulls.demand("show"), Demand::Pulling);
    changes.changed().await.expect("it fails again");
    assert_eq!(stage.opened.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_breaks_off_is_asked_again_while_somebody_wants_it() {
    let stage = stage(false);
    stage.pulls.demand("show");
    stage.until_not(None).await;
    stage.writers.lock().expect("whole").clear();
    stage.until_not(Some(StreamStatus::Live)).await;
    stage.until_not(Some(StreamStatus::Away)).await;
    assert_eq!(stage.status(), Some(StreamStatus::Live));
    assert_eq!(stage.opened.load(Ordering::Relaxed), 2);
}
