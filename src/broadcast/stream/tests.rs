//! What those get who ask for segments and playlists while the publisher goes on.

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::broadcast::{Door, Hub, Origin, PublishedTrack, Publisher};
use crate::cache::CacheConfig;
use crate::cmaf::{Colours, Track, VideoConfig, VideoTrack};
use crate::live::LiveFrame;
use crate::store::{ChunkStore, StoreConfig};

const CLOCK: u32 = 90_000;

/// Pictures of a segment: 25 a second, for two seconds.
const SEGMENT: i64 = 50;

/// Pictures of a part of a third of a second.
const PART: i64 = 8;

struct Stage {
    publisher: Publisher,
    stream: Arc<LiveStream>,
    next: i64,
    _folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let (store, _) = ChunkStore::open(StoreConfig::new(folder.path())).expect("a store");
        let cache = FragmentCache::new(store, CacheConfig::default());
        let hub = Hub::new(cache, HubConfig::default());
        let origin = Origin::live(Door::Rtmp, None);
        let mut publisher = hub.publish("show", &origin).expect("a seat");
        let track = Track::Video(VideoTrack {
            timescale: CLOCK,
            width: 16,
            height: 16,
            config: VideoConfig::Avc(Bytes::from_static(&[
                1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xeb,
            ])),
            colours: Colours::BT709,
        });
        let tracks = [PublishedTrack {
            kind: LiveTrack::Video,
            track,
        }];
        publisher.begin(&tracks).await.expect("it begins");
        Self {
            stream: Arc::clone(publisher.stream()),
            publisher,
            next: 0,
            _folder: folder,
        }
    }

    /// Publishes up to and without picture `end`.
    async fn up_to(&mut self, end: i64) {
        for index in self.next..end {
            let frame = LiveFrame {
                track: LiveTrack::Video,
                decode_time: index * 3600,
                composition_offset: 0,
                sync: index % SEGMENT == 0,
                data: Bytes::from_static(b"picture"),
            };
            self.publisher.push(frame).await.expect("it is taken");
        }
        self.next = end;
    }
}

/// What is found of a segment, in a word.
async fn found(stream: &LiveStream, number: u64) -> &'static str {
    match stream.segment(LiveTrack::Video, number).await {
        Ok(Sought::There(..)) => "there",
        Ok(Sought::Next) => "next",
        Ok(Sought::Announced) => "announced",
        Ok(Sought::Unknown) => "unknown",
        Err(_) => "an error",
    }
}

#[tokio::test]
async fn a_segment_is_announced_then_next_then_there() {
    let mut stage = Stage::new().await;
    let stream = Arc::clone(&stage.stream);
    assert_eq!(found(&stream, 1).await, "next");
    assert_eq!(found(&stream, 2).await, "announced");
    assert_eq!(found(&stream, 3).await, "unknown");
    stage.up_to(1).await;
    assert_eq!(found(&stream, 1).await, "there");
    assert_eq!(found(&stream, 2).await, "announced");
    stage.up_to(SEGMENT + 1).await;
    assert_eq!(found(&stream, 1).await, "there");
    assert_eq!(found(&stream, 2).await, "there");
    // Its publisher breaks off: what comes next has not begun.
    let left = stage
        .publisher
        .end_stretch(crate::broadcast::Leaving::Orderly);
    left.await.expect("it ends");
    assert_eq!(found(&stream, 3).await, "next");
    stream.dismiss();
    assert_eq!(found(&stream, 3).await, "unknown");
}

/// Looks, a tenth of a second apart, before segments are taken to stay for ever.
const MOST_LOOKS: u32 = 10_000;

#[tokio::test(start_paused = true)]
async fn when_nobody_knows_a_stream_any_more_its_segments_are_gone() {
    let mut stage = Stage::new().await;
    stage.up_to(4 * SEGMENT).await;
    let Stage {
        mut publisher,
        stream,
        _folder,
        ..
    } = stage;
    let left = publisher.end_stretch(crate::broadcast::Leaving::Orderly);
    left.await.expect("it ends");
    let cache = stream.cache().clone();
    cache.drain().await;
    assert_eq!(cache.stats().memory_chunks, 4);
    assert_eq!(cache.store().stats().chunks, 4);
    drop(publisher);
    drop(stream);
    // A handle on it may be held by tasks that end by themselves.
    for look in 0.. {
        if cache.stats().purged == 4 {
            break;
        }
        assert!(look < MOST_LOOKS, "{:?}", cache.stats());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(cache.stats().memory_chunks, 0);
    assert_eq!(cache.store().stats().chunks, 0);
}

/// Segments that are published as fast as they are taken.
const RACES: u64 = 300;

/// How far behind whoever takes them may be.
const BEHIND: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_for_the_first_part_of_the_next_segment_gets_it_whenever_it_begins() {
    let mut stage = Stage::new().await;
    let stream = Arc::clone(&stage.stream);
    let (tell, mut taken) = watch::channel(0);
    let asking = tokio::spawn(async move {
        let mut changes = stream.changes();
        for number in 1..=RACES {
            loop {
                changes.mark_unchanged();
                match stream.segment(LiveTrack::Video, number).await {
                    Ok(Sought::There(fragment, _)) => {
                        let part = fragment.part(0).await.expect("it is written");
                        assert!(part.is_some(), "{number}");
                        tell.send_replace(number);
                        break;
                    }
                    Ok(Sought::Next) => drop(changes.changed().await),
                    // It is the one that is open, or behind it.
                    Ok(Sought::Announced) => drop(changes.changed().await),
                    other => panic!("{number}: {other:?}"),
                }
            }
        }
    });
    for number in 1..=RACES {
        let near = taken.wait_for(|taken| taken + BEHIND >= number);
        drop(near.await.expect("it goes on asking"));
        let end = i64::try_from(number).expect("few") * SEGMENT;
        stage.up_to(end).await;
    }
    // The last picture of all is not known to be whole.
    stage.up_to(stage.next + 1).await;
    asking.await.expect("each is there");
}

#[tokio::test]
async fn a_playlist_up_to_a_segment_is_the_same_whatever_came_since() {
    let mut stage = Stage::new().await;
    stage.up_to(2 * SEGMENT + 1).await;
    let stream = Arc::clone(&stage.stream);
    let up_to = |number| {
        let snapshot = stream.snapshot_up_to(LiveTrack::Video, number);
        snapshot.expect("a track").expect("clean")
    };
    let then = up_to(2);
    assert_eq!(then.playlist.segments.len(), 2);
    assert!(then.playlist.open.is_none());
    stage.up_to(2 * SEGMENT + PART + 2).await;
    let now = stream.snapshot(LiveTrack::Video, Listing::LowLatency);
    let now = now.expect("a track").expect("clean");
    assert_eq!(
        now.playlist
            .open
            .as_ref()
            .map_or(0, |open| open.parts.len()),
        1
    );
    // One for all who ask.
    assert!(Arc::ptr_eq(&then, &up_to(2)));
    assert_eq!(up_to(2).playlist.next_msn(), 3);
    assert!(stream.snapshot_up_to(LiveTrack::Audio, 2).is_none());
}
