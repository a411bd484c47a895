use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::broadcast::{Ended, Feed, Pushed};
use crate::cmaf::{AudioConfig, AudioTrack, Colours, Track, VideoConfig, VideoTrack};
use crate::edge::EdgeId;
use crate::live::{LiveFrame, LiveTrack};
use crate::playlist::UnixMillis;
use crate::room::{Reason, Role, RoomState};

/// 1280 by 720, High.
const AVCC: &[u8] = &[
    0x01, 0x64, 0x00, 0x1f, 0xff, 0xe1, 0x00, 0x1a, 0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50,
    0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x83,
    0x19, 0x60, 0x01, 0x00, 0x06, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0, 0xfd, 0xf8, 0xf8, 0x00,
];

/// A picture every 40 ms, and a key frame every second.
const PICTURE: Duration = Duration::from_millis(40);
const GROUP: i64 = 25;

/// The name of the stream.
const SHOW: &str = "show";

/// What becomes of a stream that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Flows,
    Stalls,
    Breaks,
}

/// An origin of one stream, by the feed and the FLV of a real one.
#[derive(Default)]
struct Origin {
    feed: Mutex<Option<Arc<Feed>>>,
    /// Streams that were ever asked for, and those that are open.
    asked: AtomicUsize,
    open: Arc<AtomicUsize>,
    lines: Mutex<Vec<watch::Sender<Fate>>>,
}

/// Counts a stream as open.
struct Line(Arc<AtomicUsize>);

impl Drop for Line {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Streams for Arc<Origin> {
    fn open(&self, ask: StreamAsk) -> BoxFuture<'static, Result<StreamAnswer, NoStream>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let feed = self.feed.lock().expect("whole").clone();
        let Some(feed) = feed.filter(|_| ask.name == SHOW) else {
            return async { Err(NoStream::Missing) }.boxed();
        };
        let (fate, told) = watch::channel(Fate::Flows);
        self.lines.lock().expect("whole").push(fate);
        self.open.fetch_add(1, Ordering::Relaxed);
        let line = Line(Arc::clone(&self.open));
        async move {
            let mut reader = feed.join();
            // As a server does: the head, when it is known what is in it.
            let first = match reader.next().await {
                Ok(Pushed::Setup(setup)) => {
                    let setup_tags = setup.flv().cloned().unwrap_or_default();
                    [setup.flv_head(), setup_tags]
                }
                _ => return Err(NoStream::Missing),
            };
            let rest = stream::unfold(Some((reader, told, line)), |state| async {
                let (mut reader, mut told, line) = state?;
                let bytes = loop {
                    let fate = *told.borrow_and_update();
                    let next = async {
                        match fate {
                            Fate::Flows => reader.next().await,
                            Fate::Stalls | Fate::Breaks => std::future::pending().await,
                        }
                    };
                    if fate == Fate::Breaks {
                        return Some((Err("reset by peer".to_owned()), None));
                    }
                    tokio::select! {
                        next = next => match next {
                            Ok(Pushed::Packet(packet)) => break packet.flv().cloned()?,
                            Ok(Pushed::Setup(setup)) => break setup.flv().cloned()?,
                            Err(_) => return None,
                        },
                        changed = told.changed() => changed.expect("the origin is there"),
                    }
                };
                Some((Ok(bytes), Some((reader, told, line))))
            });
            let first = stream::iter(first.map(Ok));
            Ok(StreamAnswer {
                from: "origin".into(),
                body: Box::pin(futures_util::StreamExt::chain(first, rest)),
            })
        }
        .boxed()
    }

    fn has_other_than(&self, _: &str) -> bool {
        false
    }
}

impl Origin {
    fn streaming(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn fate(&self, line: usize, fate: Fate) {
        self.lines.lock().expect("whole")[line].send_replace(fate);
    }
}

/// An encoder, the origin that it publishes to, and the rooms of an edge.
struct Scene {
    origin: Arc<Origin>,
    rooms: Rooms,
    id: EdgeId,
    /// The number of the next picture, and of the next frame of sound.
    picture: i64,
    sound: i64,
}

impl Scene {
    fn new(masters: usize) -> Self {
        let origin = Arc::new(Origin::default());
        let config = RoomsConfig {
            room: RoomConfig {
                masters,
                ..RoomConfig::default()
            },
            ..RoomsConfig::default()
        };
        let scene = Self {
            rooms: Rooms::new(origin.clone(), config),
            origin,
            id: EdgeId::new(),
            picture: 0,
            sound: 0,
        };
        scene.publish();
        scene
    }

    fn publish(&self) {
        let feed = Feed::new(GopLimits::default());
        let video = Track::Video(VideoTrack {
            timescale: 90_000,
            width: 1280,
            height: 720,
            config: VideoConfig::Avc(Bytes::from_static(AVCC)),
            colours: Colours::BT709,
        });
        let audio = Track::Audio(AudioTrack {
            timescale: 48_000,
            channels: 2,
            config: AudioConfig::Aac(Bytes::from_static(&[0x11, 0x90])),
            bitrate: 128_000,
        });
        let tracks = vec![(LiveTrack::Video, video), (LiveTrack::Audio, audio)];
        feed.begin(tracks, UnixMillis(1_790_000_000_000));
        *self.origin.feed.lock().expect("whole") = Some(Arc::new(feed));
    }

    fn unpublish(&self) {
        let feed = self.origin.feed.lock().expect("whole").take();
        let feed = feed.expect("published");
        feed.pause();
        feed.close();
    }

    /// The encoder sends for so long.
    async fn run(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() / PICTURE.as_millis() {
            let feed = self.origin.feed.lock().expect("whole").clone();
            let feed = feed.expect("published");
            let time = 10_000 * 90 + self.picture * 3_600;
            let sync = self.picture % GROUP == 0;
            feed.push(frame(LiveTrack::Video, time, sync, self.picture));
            while (10_000 * 48 + self.sound * 1_024) * 15 < time * 8 {
                let time = 10_000 * 48 + self.sound * 1_024;
                feed.push(frame(LiveTrack::Audio, time, true, self.sound));
                self.sound += 1;
            }
            self.picture += 1;
            sleep(PICTURE).await;
        }
    }

    fn join(&self) -> Result<Watcher, JoinError> {
        self.rooms.join(SHOW, PushProtocol::HttpFlv, self.id.own())
    }

    fn watch(&self) -> Viewing {
        Viewing::of(self.join().expect("a seat"))
    }

    fn report(&self) -> LiveRoomReport {
        self.rooms.room(SHOW).expect("a room")
    }

    fn handovers(&self, reason: Reason) -> u64 {
        let index = Reason::HANDOVERS.iter().position(|known| *known == reason);
        self.rooms.totals().handovers[index.expect("a hand-over")]
    }
}

/// A frame that says which it is.
fn frame(track: LiveTrack, time: i64, sync: bool, number: i64) -> LiveFrame {
    let mut data = vec![0, 0, 0, 9, if sync { 0x65 } else { 0x41 }];
    data.extend_from_slice(&number.to_be_bytes());
    LiveFrame {
        track,
        decode_time: time,
        composition_offset: 0,
        sync,
        data: data.into(),
    }
}

/// A viewer who takes what he is given.
struct Viewing {
    role: Role,
    given: Arc<Mutex<Vec<LiveFrame>>>,
    ended: JoinHandle<Ended>,
    seat: Option<Seat>,
}

impl Viewing {
    fn of(watcher: Watcher) -> Self {
        let Watcher {
            mut reader,
            viewer,
            mut seat,
        } = watcher;
        let given: Arc<Mutex<Vec<LiveFrame>>> = Arc::default();
        let (to, role) = (Arc::clone(&given), seat.role());
        seat.given();
        let ended = tokio::spawn(async move {
            let _counted = viewer;
            loop {
                match reader.next().await {
                    Ok(Pushed::Packet(packet)) => {
                        to.lock().expect("whole").push(packet.frame().clone());
                    }
                    Ok(Pushed::Setup(_)) => {}
                    Err(ended) => return ended,
                }
            }
        });
        Self {
            role,
            given,
            ended,
            seat: Some(seat),
        }
    }

    fn leave(mut self) {
        self.ended.abort();
        self.seat = None;
    }

    /// Which frames of a track there were, by number, and when.
    fn frames(&self, track: LiveTrack) -> Vec<(i64, i64)> {
        let given = self.given.lock().expect("whole");
        let own = given.iter().filter(|frame| frame.track == track);
        own.map(|frame| {
            let number = frame.data[5..].try_into().expect("a number");
            (i64::from_be_bytes(number), frame.decode_time)
        })
        .collect()
    }

    /// Each frame once, in order, at its time, from a key frame on.
    fn is_flawless(&self) {
        for track in LiveTrack::ALL {
            let frames = self.frames(track);
            for pair in frames.windows(2) {
                assert_eq!(pair[1].0, pair[0].0 + 1, "{track:?}: a frame, and the next");
                let step = pair[1].1 - pair[0].1;
                let lasts = match track {
                    LiveTrack::Audio => 1_024,
                    _ => 3_600,
                };
                assert_eq!(step, lasts, "{track:?} {}", pair[0].0);
            }
        }
        let pictures = self.frames(LiveTrack::Video);
        assert_eq!(pictures.first().expect("pictures").0 % GROUP, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn all_viewers_of_a_room_are_given_what_its_masters_are_sent() {
    let mut scene = Scene::new(2);
    let mut viewers: Vec<_> = (0..20).map(|_| scene.watch()).collect();
    scene.run(Duration::from_secs(3)).await;
    viewers.extend((0..480).map(|_| scene.watch()));
    scene.run(Duration::from_secs(3)).await;
    assert_eq!((scene.origin.streaming(), scene.origin.asked()), (2, 2));
    let roles: Vec<_> = viewers.iter().take(3).map(|viewer| viewer.role).collect();
    assert_eq!(roles, [Role::Primary, Role::Secondary, Role::Slave]);
    for viewer in &viewers {
        viewer.is_flawless();
    }
    let report = scene.report();
    assert_eq!((report.room.masters.len(), report.room.slaves), (2, 498));
    assert_eq!(report.room.state, RoomState::Live);
}

#[tokio::test(start_paused = true)]
async fn who_joins_a_room_that_is_live_has_its_last_group_of_pictures_at_once() {
    let mut scene = Scene::new(2);
    let _first = scene.watch();
    scene.run(Duration::from_millis(2_600)).await;
    let mut late = scene.join().expect("a seat");
    let mut numbers = Vec::new();
    // Nothing is waited for.
    while let Some(Ok(pushed)) = late.reader.next().now_or_never() {
        if let Pushed::Packet(packet) = pushed
            && packet.frame().track == LiveTrack::Video
        {
            numbers.push(packet.frame().data[12]);
        }
    }
    let expected: Vec<u8> = (50..65).collect();
    assert_eq!(numbers, expected);
}

/// 50 times, something happens to the primary master while others watch.
async fn hand_overs(masters: usize, reason: Reason) {
    let mut scene = Scene::new(masters);
    let mut viewers = vec![scene.watch()];
    scene.run(Duration::from_secs(2)).await;
    viewers.extend((0..=masters).map(|_| scene.watch()));
    for round in 1..=50 {
        // Somewhere in a group of pictures.
        scene.run(PICTURE * (25 + round * 7 % 25)).await;
        let primary = scene.report().room.masters[0];
        match reason {
            Reason::Failed => scene.origin.fate(line(primary.upstream.0), Fate::Breaks),
            Reason::Stalled => scene.origin.fate(line(primary.upstream.0), Fate::Stalls),
            _ => {
                let owner = primary.viewer.expect("there");
                let index = viewers.iter().position(|viewer| is(viewer, owner.0));
                let viewer = viewers.remove(index.expect("he watches"));
                viewer.is_flawless();
                viewer.leave();
                viewers.push(scene.watch());
            }
        }
        scene.run(Duration::from_millis(2_600)).await;
        assert_eq!(scene.handovers(reason), u64::from(round), "{reason:?}");
        assert_eq!(scene.report().room.state, RoomState::Live);
    }
    scene.run(Duration::from_secs(1)).await;
    for viewer in &viewers {
        viewer.is_flawless();
        let pictures = viewer.frames(LiveTrack::Video);
        assert_eq!(pictures.last().expect("pictures").0, scene.picture - 1);
    }
    assert!(
        scene.origin.streaming() <= masters + 1,
        "{}",
        scene.origin.streaming()
    );
}

/// Streams are granted in the order in which they are asked for.
fn line(upstream: u64) -> usize {
    usize::try_from(upstream).expect("few")
}

fn is(viewer: &Viewing, id: u64) -> bool {
    let seat = format!("{:?}", viewer.seat);
    seat.contains(&format!("ViewerId({id})"))
}

#[tokio::test(start_paused = true)]
async fn the_primary_masters_stream_is_killed_and_no_viewer_notices() {
    hand_overs(2, Reason::Failed).await;
}

#[tokio::test(start_paused = true)]
async fn the_primary_masters_stream_stalls_and_no_viewer_notices_but_the_pause() {
    hand_overs(2, Reason::Stalled).await;
}

#[tokio::test(start_paused = true)]
async fn the_primary_master_leaves_and_no_viewer_notices() {
    hand_overs(2, Reason::Left).await;
}

#[tokio::test(start_paused = true)]
async fn the_only_masters_stream_is_killed_and_a_slaves_own_takes_over() {
    hand_overs(1, Reason::Failed).await;
}

#[tokio::test(start_paused = true)]
async fn the_only_master_leaves_and_a_slaves_own_takes_over() {
    hand_overs(1, Reason::Left).await;
}

#[tokio::test(start_paused = true)]
async fn a_short_stall_changes_nothing() {
    let mut scene = Scene::new(2);
    let viewer = scene.watch();
    let _other = scene.watch();
    scene.run(Duration::from_secs(2)).await;
    scene.origin.fate(0, Fate::Stalls);
    scene.run(Duration::from_millis(1_600)).await;
    scene.origin.fate(0, Fate::Flows);
    scene.run(Duration::from_secs(2)).await;
    assert_eq!(scene.rooms.totals().handovers, [0; 4]);
    viewer.is_flawless();
}

#[tokio::test(start_paused = true)]
async fn who_joins_within_three_seconds_of_the_last_viewers_leaving_sees_the_stream() {
    let mut scene = Scene::new(2);
    scene.watch().leave();
    for wait in [0, 40, 1_000, 2_960] {
        let viewer = scene.watch();
        scene.run(Duration::from_secs(2)).await;
        viewer.leave();
        scene.run(Duration::from_millis(wait)).await;
        let begun = scene.picture;
        let again = scene.watch();
        scene.run(Duration::from_secs(1)).await;
        again.is_flawless();
        let first = again.frames(LiveTrack::Video)[0].0;
        assert!(first >= begun - GROUP, "{first} of {begun} is not live");
        again.leave();
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_pulled_on_with_no_viewer() {
    let mut scene = Scene::new(2);
    let viewers: Vec<_> = (0..4).map(|_| scene.watch()).collect();
    scene.run(Duration::from_secs(2)).await;
    assert_eq!(scene.origin.streaming(), 2);
    viewers.into_iter().for_each(Viewing::leave);
    scene.run(Duration::from_millis(200)).await;
    assert_eq!(scene.origin.streaming(), 1, "none stands by for nobody");
    scene.run(Duration::from_millis(9_600)).await;
    assert_eq!(scene.origin.streaming(), 1);
    scene.run(Duration::from_millis(400)).await;
    assert_eq!(scene.origin.streaming(), 0);
    assert!(scene.rooms.room(SHOW).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_unpublished_ends_for_its_viewers() {
    let mut scene = Scene::new(2);
    let viewers: Vec<_> = (0..4).map(|_| scene.watch()).collect();
    scene.run(Duration::from_secs(2)).await;
    scene.unpublish();
    for viewer in viewers {
        let ended = timeout(Duration::from_secs(3), viewer.ended).await;
        assert_eq!(ended.expect("soon").expect("it ran"), Ended::Over);
        let why = viewer.seat.map(|seat| seat.ended());
        assert_eq!(why, Some(JoinError::Over));
    }
}

#[tokio::test(start_paused = true)]
async fn rooms_are_freed_when_they_are_over() {
    let mut scene = Scene::new(2);
    for round in 0..20 {
        let viewer = scene.watch();
        scene.run(Duration::from_secs(1)).await;
        scene.unpublish();
        sleep(Duration::from_secs(1)).await;
        drop(viewer);
        assert_eq!(scene.origin.streaming(), 0, "round {round}");
        let totals = scene.rooms.totals();
        assert_eq!(
            (totals.rooms, totals.upstreams, totals.held_bytes),
            (0, 0, 0)
        );
        scene.publish();
        // Long enough that nobody is told that it is missing.
        sleep(MISSING).await;
    }
    // Only the origin itself and the rooms' own handle are left of it.
    assert_eq!(Arc::strong_count(&scene.origin), 2);
    assert_eq!(Arc::strong_count(&scene.rooms.0), 1);
}

#[tokio::test(start_paused = true)]
async fn asking_again_and_again_for_a_missing_stream_leaves_nothing_behind() {
    let scene = Scene::new(2);
    let ask = || {
        scene
            .rooms
            .join("gone", PushProtocol::HttpFlv, scene.id.own())
    };
    let mut refused = 0;
    for _ in 0..1_000 {
        match ask() {
            Ok(mut watcher) => {
                let ended = watcher.reader.next().await.err();
                assert_eq!(ended, Some(Ended::Over));
                assert_eq!(watcher.seat.ended(), JoinError::Missing);
            }
            Err(error) => {
                assert_eq!(error, JoinError::Missing);
                refused += 1;
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
    // Ten seconds of it cost upstream one question in two.
    assert!(scene.origin.asked() <= 6, "{}", scene.origin.asked());
    assert!(refused >= 990, "{refused}");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (scene.origin.streaming(), scene.rooms.totals().rooms),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_published_before_is_not_replayed_after_publishing_stopped() {
    let mut scene = Scene::new(2);
    let _viewer = scene.watch();
    scene.run(Duration::from_secs(3)).await;
    // The encoder stops, and the origin waits for it to come back.
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.report().room.state, RoomState::Interrupted);
    let late = scene.watch();
    sleep(Duration::from_millis(500)).await;
    assert!(late.frames(LiveTrack::Video).is_empty(), "it is over");
    let resumed = scene.picture;
    scene.run(Duration::from_secs(3)).await;
    let first = late.frames(LiveTrack::Video)[0].0;
    assert!(first >= resumed, "{first} was before {resumed}");
}

#[tokio::test(start_paused = true)]
async fn who_joins_a_room_that_closes_at_that_moment_opens_another() {
    let mut scene = Scene::new(1);
    let first = scene.watch();
    scene.run(Duration::from_secs(1)).await;
    let generation = first.seat.as_ref().map(Seat::generation);
    scene.rooms.room(SHOW).expect("a room");
    for room in scene.rooms.rooms() {
        room.shut();
    }
    let again = scene.watch();
    assert!(again.seat.as_ref().map(Seat::generation) > generation);
    scene.run(Duration::from_secs(1)).await;
    again.is_flawless();
    assert_eq!(scene.origin.streaming(), 1);
}

#[tokio::test(start_paused = true)]
async fn there_are_no_more_rooms_than_there_may_be() {
    let scene = Scene::new(1);
    let join = |index: usize| {
        let name = format!("room-{index}");
        scene
            .rooms
            .join(&name, PushProtocol::WebSocket, scene.id.own())
    };
    let seats: Vec<_> = (0..MAX_ROOMS)
        .map(|index| join(index).expect("a room"))
        .collect();
    assert_eq!(join(MAX_ROOMS).err(), Some(JoinError::TooManyRooms));
    drop(seats);
}

#[tokio::test(start_paused = true)]
async fn an_edge_that_stops_ends_its_rooms() {
    let mut scene = Scene::new(2);
    let viewer = scene.watch();
    scene.run(Duration::from_secs(1)).await;
    scene.rooms.stop();
    assert_eq!(viewer.ended.await.expect("it ran"), Ended::Over);
    assert!(scene.join().is_err());
    assert_eq!(scene.origin.streaming(), 0);
}
