//! Live rooms of an edge between real processes: an encoder, its origin, two servers that
//! the edge has its streams from, and viewers who look at every frame. What happens to one
//! of the servers, or to one of the viewers, the others do not notice.

mod source;
mod viewer;

use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::live::{FPS, MOST_LOOKS, await_status, encoder, folder};
use crate::server::Server;
use crate::support::{Scratch, have_ffmpeg};
use source::Source;
use viewer::{Seen, Viewer, Way};

/// The stream.
const SHOW: &str = "show";

/// How often something happens in a test, unless `LOOMCAST_ROOM_ROUNDS` says otherwise.
const ROUNDS: u32 = 3;

/// Seconds of a recording for each of them: more than one takes on a busy machine.
const ROUND_SECONDS: u32 = 30;

fn rounds() -> u32 {
    let wished = std::env::var("LOOMCAST_ROOM_ROUNDS").ok();
    let wished = wished.map(|wished| wished.parse().expect("LOOMCAST_ROOM_ROUNDS: a number"));
    wished.unwrap_or(ROUNDS)
}

/// Waits until it is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..MOST_LOOKS {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("never {what}");
}

/// An encoder that is gone when the test is.
struct Encoder(Child);

impl Drop for Encoder {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A server between the origin and the edge, which may be hurt alone.
struct Relay {
    server: Option<Server>,
    listens: String,
    origin: String,
    data: TempDir,
}

impl Relay {
    fn start(origin: &Server) -> Self {
        let data = folder();
        let server = Server::edge(&[&origin.url("")], data.path(), &[]);
        Self {
            listens: server.address().to_owned(),
            server: Some(server),
            origin: origin.url(""),
            data,
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listens)
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.server = None;
    }

    fn revive(&mut self) {
        let more = ["--listen", &self.listens];
        self.server = Some(Server::edge(&[&self.origin], self.data.path(), &more));
    }

    fn signal(&self, name: &str) {
        let id = self.server.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }
}

/// All who have part in a stream, but for its viewers.
struct Scene {
    encoder: Encoder,
    edge: Server,
    relays: [Relay; 2],
    origin: Server,
    source: Source,
    scratch: Scratch,
    _folders: [TempDir; 2],
}

impl Scene {
    /// A stream of `seconds`, and an edge with `options` in front of two servers that
    /// have it.
    fn start(seconds: u32, options: &[&str]) -> Self {
        let (scratch, folders) = (Scratch::new(), [folder(), folder()]);
        let source = Source::make(&scratch, "source.flv", seconds, 1);
        let doors = ["--rtmp", "127.0.0.1:0", "--live-linger", "30"];
        let origin = Server::start_under(&[], folders[0].path(), &doors);
        let relays = [Relay::start(&origin), Relay::start(&origin)];
        let urls = relays.each_ref().map(Relay::url);
        let edge = Server::edge(
            &urls.each_ref().map(String::as_str),
            folders[1].path(),
            options,
        );
        let encoder = Encoder(encoder(&source.file, &origin.rtmp(SHOW)));
        await_status(&origin, SHOW, "live");
        Self {
            encoder,
            edge,
            relays,
            origin,
            source,
            scratch,
            _folders: folders,
        }
    }

    fn join(&self, way: Way) -> Viewer {
        Viewer::join(&self.edge, SHOW, way)
    }

    /// What is told of the room; `Null` if there is none.
    fn room(&self) -> Value {
        let told = self.edge.get(&format!("/v1/rooms/{SHOW}"));
        match told.status {
            200 => told.json(),
            _ => Value::Null,
        }
    }

    fn all_rooms(&self) -> Value {
        self.edge.get("/v1/rooms").json()
    }

    fn handovers(&self, reason: &str) -> u64 {
        self.room()["handovers"][reason].as_u64().expect("a number")
    }

    /// Waits until one stream is given and another stands by, each from a server of its own.
    fn settled(&self) {
        until("two masters, from two servers", || {
            let room = self.room();
            let masters = room["masters"].as_array().expect("a list");
            let flows = |master: &Value| master["state"] == "flowing";
            room["state"] == "live"
                && masters.len() == 2
                && masters.iter().all(flows)
                && masters[0]["upstream"] != masters[1]["upstream"]
        });
    }

    /// Which server gives the stream that viewers are given.
    fn primary(&self) -> usize {
        let room = self.room();
        let from = room["masters"][0]["upstream"].as_str().expect("an address");
        let found = self.relays.iter().position(|relay| relay.url() == from);
        found.unwrap_or_else(|| panic!("not from {from}"))
    }

    /// How many streams the origin gives.
    fn streams_of_origin(&self) -> u64 {
        let told = self.origin.get(&format!("/v1/live/{SHOW}")).json();
        told["audience"]["now"]["http_flv"]
            .as_u64()
            .expect("a number")
    }

    /// All viewers leave, and nobody has missed a frame.
    fn nobody_missed_anything(&self, viewers: Vec<Viewer>) {
        for (index, viewer) in viewers.into_iter().enumerate() {
            let way = viewer.way;
            let seen = viewer.leave();
            self.judge(&seen, way, &format!("{index}"));
        }
    }

    fn judge(&self, seen: &Seen, way: Way, name: &str) {
        assert_eq!(seen.missing(&self.source), 0, "{name} by {way:?}");
        let file = match way {
            Way::HttpFlv => format!("{name}.flv"),
            Way::WebSocket => format!("{name}.mp4"),
        };
        seen.decodes(&self.scratch, &file);
    }
}

/// What happens to the server of the primary master, again and again.
fn misfortunes(reason: &str, happens: impl Fn(&mut Scene, usize, u64)) {
    let rounds = rounds();
    let mut scene = Scene::start(40 + rounds * ROUND_SECONDS, &[]);
    let viewers: Vec<_> = Way::ALL
        .repeat(2)
        .into_iter()
        .map(|way| scene.join(way))
        .collect();
    for round in 0..rounds {
        scene.settled();
        let before = scene.handovers(reason);
        // Somewhere in a group of pictures.
        sleep(Duration::from_millis(u64::from(round) * 370 % 2_000));
        let primary = scene.primary();
        happens(&mut scene, primary, before + 1);
        viewers[3].until_more(1);
    }
    scene.settled();
    let told = scene.room();
    assert_eq!(told["handovers"][reason], rounds, "{told:#}");
    assert_eq!(told["viewers_ever"], 4, "{told:#}");
    scene.nobody_missed_anything(viewers);
}

#[test]
fn a_server_that_is_killed_takes_no_viewer_of_its_stream_along() {
    if !have_ffmpeg("a_server_that_is_killed_takes_no_viewer_of_its_stream_along") {
        return;
    }
    misfortunes("failed", |scene, primary, count| {
        scene.relays[primary].kill();
        until("handed over", || scene.handovers("failed") == count);
        scene.relays[primary].revive();
    });
}

#[test]
fn a_server_that_stalls_keeps_no_viewer_of_its_stream_waiting_for_long() {
    if !have_ffmpeg("a_server_that_stalls_keeps_no_viewer_of_its_stream_waiting_for_long") {
        return;
    }
    misfortunes("stalled", |scene, primary, count| {
        scene.relays[primary].signal("-STOP");
        until("handed over", || scene.handovers("stalled") == count);
        scene.relays[primary].signal("-CONT");
    });
}

#[test]
fn a_server_that_hangs_when_a_room_is_opened_is_left_for_the_next() {
    if !have_ffmpeg("a_server_that_hangs_when_a_room_is_opened_is_left_for_the_next") {
        return;
    }
    let scene = Scene::start(60, &[]);
    scene.relays[0].signal("-STOP");
    let viewer = scene.join(Way::HttpFlv);
    assert_eq!(scene.primary(), 1);
    viewer.until_more(2 * FPS);
    scene.relays[0].signal("-CONT");
    let second = scene.join(Way::WebSocket);
    scene.settled();
    scene.nobody_missed_anything(vec![viewer, second]);
}

#[test]
fn masters_who_leave_take_nobody_along() {
    if !have_ffmpeg("masters_who_leave_take_nobody_along") {
        return;
    }
    let rounds = rounds();
    let scene = Scene::start(40 + rounds * ROUND_SECONDS, &[]);
    // By the numbers that the room gives them.
    let mut viewers = Vec::new();
    let mut joined = 0..;
    let mut join = |viewers: &mut Vec<(u64, Viewer)>, way| {
        let number = joined.next().expect("few");
        viewers.push((number, scene.join(way)));
    };
    for way in Way::ALL.repeat(2) {
        join(&mut viewers, way);
    }
    let leave = |viewers: &mut Vec<(u64, Viewer)>, master: &Value, name: &str| {
        let number = master["viewer"].as_u64().expect("somebody's");
        let index = viewers.iter().position(|(known, _)| *known == number);
        let (_, viewer) = viewers.remove(index.expect("he watches"));
        let way = viewer.way;
        (viewer.leave(), way, name.to_owned())
    };
    let mut left = Vec::new();
    for round in 0..rounds {
        scene.settled();
        let before = scene.handovers("left");
        sleep(Duration::from_millis(u64::from(round) * 370 % 2_000));
        let room = scene.room();
        left.push(leave(
            &mut viewers,
            &room["masters"][0],
            &format!("left-{round}"),
        ));
        until("handed over", || scene.handovers("left") == before + 1);
        join(&mut viewers, left[left.len() - 1].1);
    }
    scene.settled();
    // All masters at once: only slaves are left, and their stream goes on.
    let room = scene.room();
    for (index, master) in room["masters"]
        .as_array()
        .expect("a list")
        .iter()
        .enumerate()
    {
        left.push(leave(&mut viewers, master, &format!("last-{index}")));
    }
    scene.settled();
    assert_eq!(viewers.len(), 2);
    viewers[0].1.until_more(2 * FPS);
    assert_eq!(scene.room()["generation"], room["generation"]);
    for (seen, way, name) in &left {
        scene.judge(seen, *way, name);
    }
    scene.nobody_missed_anything(viewers.into_iter().map(|(_, viewer)| viewer).collect());
}

#[test]
fn the_only_masters_server_is_killed_and_his_slaves_watch_on() {
    if !have_ffmpeg("the_only_masters_server_is_killed_and_his_slaves_watch_on") {
        return;
    }
    let mut scene = Scene::start(60, &["--masters", "1"]);
    let viewers: Vec<_> = Way::ALL
        .repeat(2)
        .into_iter()
        .map(|way| scene.join(way))
        .collect();
    let room = scene.room();
    assert_eq!(
        (&room["slaves"], room["masters"].as_array().map(Vec::len)),
        (&json!(3), Some(1))
    );
    let primary = scene.primary();
    scene.relays[primary].kill();
    until("handed over", || scene.handovers("failed") == 1);
    assert_ne!(scene.primary(), primary);
    viewers[0].until_more(FPS);
    for viewer in viewers {
        let way = viewer.way;
        let seen = viewer.leave();
        // Nobody stood by: of what came meanwhile at most a group of pictures may be lost.
        let missing = seen.missing(&scene.source);
        eprintln!("{way:?}: {missing} frames are missing");
        seen.decodes(&scene.scratch, "taken");
    }
}

#[test]
fn a_room_without_viewers_lingers_and_whoever_comes_within_that_time_is_in_it() {
    if !have_ffmpeg("a_room_without_viewers_lingers_and_whoever_comes_within_that_time_is_in_it") {
        return;
    }
    let scene = Scene::start(90, &["--room-linger", "4"]);
    let others: Vec<_> = Way::ALL.into_iter().map(|way| scene.join(way)).collect();
    scene.settled();
    let room = scene.room();
    for viewer in others {
        let way = viewer.way;
        scene.judge(&viewer.leave(), way, "first");
    }
    // One stream is kept, for nobody yet.
    until("lingering", || scene.room()["state"] == "lingering");
    until("one stream", || {
        let masters = scene.room()["masters"].as_array().map(Vec::len);
        masters == Some(1)
    });
    // Others' edges break within three seconds.
    for wait in [0, 900, 2_000] {
        sleep(Duration::from_millis(wait));
        let viewer = scene.join(Way::HttpFlv);
        viewer.until_more(FPS);
        assert_eq!(
            scene.room()["generation"],
            room["generation"],
            "after {wait} ms"
        );
        let seen = viewer.leave();
        scene.judge(&seen, Way::HttpFlv, "again");
    }
    // And then nothing is pulled for nobody, and nothing is left of it.
    until("closed", || scene.room() == Value::Null);
    until("no stream", || scene.streams_of_origin() == 0);
    let told = scene.all_rooms();
    assert_eq!(
        (&told["rooms"], &told["held_bytes"]),
        (&json!([]), &json!(0)),
        "{told:#}"
    );
    assert_eq!(told["closed"]["deserted"], 1, "{told:#}");
    // The next is another one.
    let viewer = scene.join(Way::WebSocket);
    assert_ne!(scene.room()["generation"], room["generation"]);
    scene.judge(&viewer.leave(), Way::WebSocket, "another");
}

#[test]
fn a_stream_that_is_unpublished_ends_for_its_viewers_and_leaves_nothing_behind() {
    if !have_ffmpeg("a_stream_that_is_unpublished_ends_for_its_viewers_and_leaves_nothing_behind") {
        return;
    }
    let scene = Scene::start(60, &["--room-linger", "1"]);
    let viewers: Vec<_> = Way::ALL
        .repeat(2)
        .into_iter()
        .map(|way| scene.join(way))
        .collect();
    scene.settled();
    assert_eq!(scene.origin.delete(&format!("/v1/live/{SHOW}")).status, 204);
    for viewer in viewers {
        let way = viewer.way;
        let seen = viewer.ended();
        assert!(seen.over, "{way:?}: it broke off");
        scene.judge(&seen, way, "all");
    }
    until("closed", || scene.room() == Value::Null);
    let told = scene.all_rooms();
    assert_eq!(
        (&told["rooms"], &told["held_bytes"]),
        (&json!([]), &json!(0)),
        "{told:#}"
    );
    assert_eq!(
        Viewer::ask(&scene.edge, SHOW, Way::HttpFlv).err(),
        Some(404)
    );
}

#[test]
fn asking_for_a_stream_that_is_not_there_again_and_again_costs_upstream_next_to_nothing() {
    let data = [folder(), folder()];
    let doors = ["--rtmp", "127.0.0.1:0"];
    let origin = Server::start_under(&[], data[0].path(), &doors);
    let edge = Server::edge(&[&origin.url("")], data[1].path(), &[]);
    for index in 0..400 {
        let way = Way::ALL[index % 2];
        assert_eq!(
            Viewer::ask(&edge, "nobody", way).err(),
            Some(404),
            "{index}"
        );
    }
    until("no room", || {
        edge.get("/v1/rooms").json()["rooms"] == json!([])
    });
    let told = edge.get("/v1/rooms").json();
    // One question every two seconds.
    let (asked, known) = (&told["upstream_requests"], &told["known_missing"]);
    eprintln!("{asked} asked upstream, {known} knew");
    assert_eq!(
        asked.as_u64().zip(known.as_u64()).map(|(a, b)| a + b),
        Some(400)
    );
    assert!(asked.as_u64() < Some(40), "{told:#}");
    assert_eq!(told["held_bytes"], 0, "{told:#}");
}

#[test]
fn whoever_comes_while_an_encoder_is_away_is_not_given_what_came_before() {
    if !have_ffmpeg("whoever_comes_while_an_encoder_is_away_is_not_given_what_came_before") {
        return;
    }
    let mut scene = Scene::start(60, &[]);
    let next = Source::make(&scene.scratch, "next.flv", 20, 90);
    let early = scene.join(Way::HttpFlv);
    scene.join(Way::WebSocket).leave();
    early.until_more(4 * FPS);
    drop(scene.encoder.0.kill());
    until("interrupted", || scene.room()["state"] == "interrupted");
    let late = std::thread::scope(|scope| {
        let edge = &scene.edge;
        let joining = scope.spawn(move || Viewer::join(edge, SHOW, Way::HttpFlv));
        until("he is there", || scene.room()["viewers"]["http_flv"] == 2);
        scene.encoder = Encoder(encoder(&next.file, &scene.origin.rtmp(SHOW)));
        joining.join().expect("he joins")
    });
    late.until_more(FPS);
    // Nothing of the first recording: all that he has is the second's.
    let seen = late.leave();
    assert_eq!((seen.missing(&next), seen.first(&next)), (0, Some(0)));
    seen.decodes(&scene.scratch, "late.flv");
    early.leave().decodes(&scene.scratch, "early.flv");
}

#[test]
fn players_of_hls_count_as_slaves_and_what_a_room_saves_its_edge_saves() {
    if !have_ffmpeg("players_of_hls_count_as_slaves_and_what_a_room_saves_its_edge_saves") {
        return;
    }
    let scene = Scene::start(60, &[]);
    for agent in ["hls.js", "AVPlayer", "hls.js"] {
        for track in ["video", "audio"] {
            let path = format!("/live/{SHOW}/{track}.m3u8");
            let answer = scene.edge.get_with(&path, &[("user-agent", agent)]);
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    // A name that is made up has no players.
    assert_eq!(scene.edge.get("/live/nobody/video.m3u8").status, 404);
    let alone = scene.all_rooms();
    let rooms = alone["rooms"].as_array().expect("a list");
    assert_eq!(
        (rooms.len(), &alone["viewers"]),
        (1, &json!(2)),
        "{alone:#}"
    );
    assert_eq!(
        (&rooms[0]["name"], &rooms[0]["state"]),
        (&json!(SHOW), &json!("segments"))
    );
    assert_eq!(
        (&rooms[0]["slaves"], &rooms[0]["viewers"]["hls"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(scene.room(), rooms[0]);

    let viewers: Vec<_> = Way::ALL
        .repeat(2)
        .into_iter()
        .map(|way| scene.join(way))
        .collect();
    scene.settled();
    viewers[0].until_more(4 * FPS);
    let room = scene.room();
    // Two of the four have streams of their own.
    assert_eq!(room["slaves"], 4, "{room:#}");
    assert_eq!(
        (&room["viewers"]["hls"], &room["viewers"]["websocket"]),
        (&json!(2), &json!(2))
    );
    scene.nobody_missed_anything(viewers);
    until("nothing is sent", || scene.room()["state"] == "lingering");
    let (rooms, figures) = (scene.all_rooms(), scene.edge.get("/v1/edge").json());
    let met = &figures["requests"]["room"];
    assert_eq!(
        (&met["miss"], &met["hit"]),
        (&json!(1), &json!(3)),
        "{figures:#}"
    );
    assert_eq!(figures["egress_bytes"]["room"], rooms["egress_bytes"]);
    assert_eq!(
        figures["upstream_requests"]["room"]["fill"],
        rooms["upstream_requests"]
    );
    let sum = |field: &str| -> u64 {
        let kinds = figures[field].as_object().expect("by kind").values();
        let numbers = kinds.flat_map(|kind| match kind.as_object() {
            Some(causes) => causes.values().filter_map(Value::as_u64).collect(),
            None => vec![kind.as_u64().expect("a number")],
        });
        numbers.sum()
    };
    let saved = 1.0 - sum("upstream_bytes") as f64 / sum("egress_bytes") as f64;
    let told = figures["offload"]["bytes"].as_f64().expect("a number");
    assert!((saved - told).abs() < 0.002, "{saved} {told}");
    assert!(
        figures["upstream_bytes"]["room"]["fill"].as_u64() > Some(0),
        "{figures:#}"
    );
}
