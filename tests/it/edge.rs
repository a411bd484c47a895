//! An edge in front of an origin: what it saves, and what becomes of its clients when
//! the origin is gone, slow or lies.

mod between;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::live::{MOST_LOOKS, await_status, encoder, folder, lines, recording, send};
use crate::players::{Viewing, play_in_chromium};
use crate::reload::{Client, Seen, Way};
use crate::server::{Server, have, light_edit, small_edit};
use crate::support::{Scratch, have_ffmpeg};
use between::{Between, Fault};

/// An origin and an edge in front of it.
struct Pair {
    origin: Server,
    edge: Server,
    _folders: [TempDir; 2],
}

impl Pair {
    fn start(options: &[&str]) -> Self {
        let folders = [folder(), folder()];
        let origin = Server::start_under(&[], folders[0].path(), options);
        let edge = Server::edge(&[&origin.url("")], folders[1].path(), &[]);
        Self {
            origin,
            edge,
            _folders: folders,
        }
    }

    fn figures(&self) -> Value {
        self.edge.get("/v1/edge").json()
    }
}

/// A small video of somebody, as it is asked for.
fn video_of(name: &str, colour: &str) -> Value {
    json!({"edit": light_edit(4, colour), "data": {"name": name}})
}

/// Makes a video; all of it is rendered when this returns. The addresses of its segments.
fn published(server: &Server, request: &Value) -> Vec<String> {
    let video = server.publish(request);
    let id = video["id"].as_str().expect("an id");
    server.finished(id);
    segments_of(server, id)
}

/// The addresses that a video's playlists list.
fn segments_of(server: &Server, id: &str) -> Vec<String> {
    let tracks = ["video", "audio"].into_iter();
    let listed = tracks.flat_map(|track| {
        let playlist = server.get(&format!("/v1/videos/{id}/index/{track}.m3u8"));
        assert_eq!(playlist.status, 200, "{}", playlist.text());
        let text = playlist.text();
        let uris = text.lines().filter(|line| !line.starts_with('#'));
        uris.map(str::to_owned).collect::<Vec<_>>()
    });
    listed.collect()
}

/// `/c/{key}/{time}.m4s` at another time, or a part of it.
fn at(segment: &str, file: &str) -> String {
    let (folder, _) = segment.rsplit_once('/').expect("a folder");
    format!("{folder}/{file}.m4s")
}

#[test]
fn what_recipients_share_comes_from_the_origin_once() {
    let pair = Pair::start(&[]);
    let mut distinct = BTreeMap::new();
    let mut listed = 0;
    for name in 0..30 {
        let name = format!("Recipient {name}");
        let video = pair.origin.publish(&video_of(&name, "#a1ffff"));
        let id = video["id"].as_str().expect("an id");
        for segment in segments_of(&pair.edge, id) {
            let there = pair.edge.get(&segment);
            assert_eq!(there.status, 200, "{}", there.text());
            assert_eq!(there.body, pair.origin.get(&segment).body, "{segment}");
            let key = segment.split('/').nth(2).expect("a key").to_owned();
            distinct.insert(key, there.body.len() as u64);
            listed += 1;
        }
    }
    let figures = pair.figures();
    let least: u64 = distinct.values().sum();
    let asked = &figures["upstream_requests"]["chunk"];
    let came = figures["upstream_bytes"]["chunk"]["fill"]
        .as_u64()
        .expect("bytes");
    eprintln!(
        "{listed} segments of 30 recipients are {} chunks: {came} of {least} bytes came",
        distinct.len()
    );
    assert!(distinct.len() < listed);
    assert_eq!(
        asked,
        &json!({"fill": distinct.len(), "revalidate": 0, "retry": 0})
    );
    // A part that begins a track is some bytes longer there than elsewhere.
    assert!(came.abs_diff(least) * 1000 < least, "{came} of {least}");
}

#[test]
fn a_chunk_at_other_times_and_its_parts_cost_the_origin_nothing() {
    let pair = Pair::start(&[]);
    let segments = published(&pair.origin, &video_of("Ana", "#a2ffff"));
    let segment = &segments[1];
    let first = pair.edge.get(segment);
    assert!(
        first.header("cache-status").contains("fwd=uri-miss"),
        "{:?}",
        first.headers
    );
    let mut parts = Vec::new();
    for time in ["0", "1", "77", "90000", "900719925474099"] {
        let moved = at(segment, time);
        let there = pair.edge.get(&moved);
        assert_eq!(
            there.header("cache-status"),
            "loomcast-edge; hit; detail=memory"
        );
        let origin = pair.origin.get(&moved);
        assert_eq!(there.body, origin.body, "{time}");
        for header in ["etag", "cache-control", "content-type", "content-length"] {
            assert_eq!(there.header(header), origin.header(header), "{header}");
        }
        let known = pair
            .edge
            .get_with(&moved, &[("if-none-match", there.header("etag"))]);
        assert_eq!((known.status, known.body.len()), (304, 0));
        let range = pair.edge.get_with(&moved, &[("range", "bytes=10-19")]);
        assert_eq!((range.status, &range.body[..]), (206, &there.body[10..20]));
        parts = (0..)
            .map(|part| pair.edge.get(&at(segment, &format!("{time}.{part}"))))
            .take_while(|part| part.status == 200)
            .map(|part| part.body)
            .collect();
        assert_eq!(parts.concat(), there.body, "{time}");
    }
    assert!(!parts.is_empty());
    let asked = &pair.figures()["upstream_requests"]["chunk"];
    assert_eq!(asked, &json!({"fill": 1, "revalidate": 0, "retry": 0}));
    for nothing in [
        at(segment, "00"),
        at(segment, "x"),
        "/c/x/0.m4s".into(),
        "/i/x.mp4".into(),
    ] {
        assert_eq!(pair.edge.get(&nothing).status, 404, "{nothing}");
    }
}

#[test]
fn fifty_who_want_a_chunk_at_once_are_one_request_upstream() {
    let pair = Pair::start(&[]);
    let video = pair.origin.publish(&video_of("Ana", "#a3ffff"));
    let id = video["id"].as_str().expect("an id");
    let segments = segments_of(&pair.edge, id);
    // One that is not rendered yet, so that all of them follow it.
    let (segment, edge) = (segments[2].as_str(), &pair.edge);
    let bodies: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..50)
            .map(|_| scope.spawn(move || edge.get(segment).body))
            .collect();
        let answers = asking.into_iter().map(|asked| asked.join());
        answers.map(|body| body.expect("an answer")).collect()
    });
    assert!(bodies.iter().all(|body| body == &bodies[0]));
    assert_eq!(bodies[0], pair.origin.get(segment).body);
    let figures = pair.figures();
    assert_eq!(
        figures["upstream_requests"]["chunk"]["fill"], 1,
        "{figures:#}"
    );
    let met = &figures["requests"]["chunk"];
    assert_eq!(met["error"], 0);
    let all = ["hit", "collapsed", "miss"].map(|how| met[how].as_u64().expect("a number"));
    assert_eq!((all.iter().sum::<u64>(), all[2]), (50, 1), "{met}");
}

/// Waits until the edge would ask its upstream again.
fn recovered(edge: &Server) {
    for look in 0.. {
        if edge.get("/readyz").status == 200 {
            return;
        }
        assert!(look < MOST_LOOKS, "the upstream rests for ever");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Upstreams that give nothing are given up soon.
const SOON: [&str; 2] = ["--upstream-patience", "2"];

const RECIPIENTS: [&str; 6] = ["Ana", "Ben", "Cleo", "Dora", "Emil", "Frida"];

#[test]
fn what_does_not_verify_is_neither_served_nor_kept_and_what_is_kept_is_served_on() {
    let folders = [folder(), folder()];
    let origin = Server::start_under(&[], folders[0].path(), &[]);
    let between = Between::start(origin.address());
    let edge = Server::edge(&[&between.url()], folders[1].path(), &SOON);
    let mut segments = Vec::new();
    for name in RECIPIENTS {
        segments.extend(published(&origin, &video_of(name, "#a4ffff")));
    }
    segments.sort_unstable();
    segments.dedup();
    let kept = segments.remove(0);
    let expected = origin.get(&kept).body;
    assert_eq!(edge.get(&kept).body, expected);
    assert!(segments.len() >= Fault::ALL.len(), "{segments:?}");
    for (fault, segment) in Fault::ALL.into_iter().zip(&segments) {
        recovered(&edge);
        between.set(fault);
        let refused = edge.get(segment);
        assert!(
            matches!(refused.status, 502 | 503),
            "{fault:?}: {}",
            refused.status
        );
        assert!(refused.json()["error"]["message"].is_string());
        assert_eq!(edge.get(&kept).body, expected, "{fault:?}");
        between.set(Fault::None);
        recovered(&edge);
        let again = edge.get(segment);
        assert_eq!(again.status, 200, "{fault:?}: {}", again.text());
        assert_eq!(again.body, origin.get(segment).body, "{fault:?}");
    }
    let unverified = edge.get("/v1/edge").json()["unverified"].as_u64();
    assert!(unverified >= Some(3), "{unverified:?}");
}

#[test]
fn another_upstream_takes_over_whatever_is_wrong_with_the_first() {
    let folders = [folder(), folder()];
    let origin = Server::start_under(&[], folders[0].path(), &[]);
    let between = Between::start(origin.address());
    let upstreams = [between.url(), origin.url("")];
    let upstreams = upstreams.each_ref().map(String::as_str);
    let edge = Server::edge(&upstreams, folders[1].path(), &SOON);
    let mut segments = Vec::new();
    for name in RECIPIENTS {
        segments.extend(published(&origin, &video_of(name, "#a5ffff")));
    }
    segments.sort_unstable();
    segments.dedup();
    assert!(segments.len() >= Fault::ALL.len(), "{segments:?}");
    for (fault, segment) in Fault::ALL.into_iter().zip(&segments) {
        between.set(fault);
        let there = edge.get(segment);
        assert_eq!(there.status, 200, "{fault:?}: {}", there.text());
        assert_eq!(there.body, origin.get(segment).body, "{fault:?}");
    }
    let figures = edge.get("/v1/edge").json();
    assert!(
        figures["upstreams"][0]["failures"].as_u64() > Some(0),
        "{figures:#}"
    );
    assert_eq!(figures["upstreams"][1]["failures"], 0, "{figures:#}");
}

#[test]
fn playlists_and_init_segments_that_do_not_verify_are_neither_served_nor_kept() {
    let folders = [folder(), folder()];
    let origin = Server::start_under(&[], folders[0].path(), &[]);
    let between = Between::start(origin.address());
    let edge = Server::edge(&[&between.url()], folders[1].path(), &SOON);
    let video = origin.publish(&video_of("Ana", "#aaffff"));
    let id = video["id"].as_str().expect("an id");
    let index = format!("/v1/videos/{id}/index.m3u8");
    let playlist = format!("/v1/videos/{id}/index/video.m3u8");
    let text = origin.get(&playlist).text();
    let init = lines(&text, "#EXT-X-MAP:URI=\"")[0].trim_end_matches('"');
    for wanted in [index.as_str(), &playlist, init] {
        for fault in Fault::ALL {
            recovered(&edge);
            between.set(fault);
            let refused = edge.get(wanted);
            let told = (refused.status, refused.text());
            assert!(matches!(told.0, 502 | 503), "{wanted} {fault:?}: {told:?}");
        }
        between.set(Fault::None);
        recovered(&edge);
        let there = edge.get(wanted);
        assert_eq!(there.status, 200, "{wanted}: {}", there.text());
        assert_eq!(there.body, origin.get(wanted).body, "{wanted}");
    }
}

#[test]
fn all_who_wait_for_an_origin_that_hangs_are_told_so_and_it_is_asked_again_when_it_is_back() {
    let folders = [folder(), folder()];
    let origin = Server::start_under(&[], folders[0].path(), &[]);
    let between = Between::start(origin.address());
    let edge = Server::edge(&[&between.url()], folders[1].path(), &SOON);
    let segments = published(&origin, &video_of("Ana", "#abffff"));
    for (fault, segment) in [Fault::Hangs, Fault::HangsMidway]
        .into_iter()
        .zip(&segments)
    {
        recovered(&edge);
        between.set(fault);
        let statuses: Vec<u16> = thread::scope(|scope| {
            let asking: Vec<_> = (0..20)
                .map(|_| scope.spawn(|| edge.get(segment).status))
                .collect();
            let answers = asking.into_iter().map(|asked| asked.join());
            answers.map(|status| status.expect("an answer")).collect()
        });
        let told = |status: &u16| matches!(status, 502..=504);
        assert!(statuses.iter().all(told), "{fault:?}: {statuses:?}");
        let figures = edge.get("/v1/edge").json();
        assert_eq!(figures["cache"]["in_flight"], 0, "{fault:?}: {figures:#}");
        between.set(Fault::None);
        recovered(&edge);
        let again = edge.get(segment);
        assert_eq!(again.status, 200, "{fault:?}: {}", again.text());
        assert_eq!(again.body, origin.get(segment).body, "{fault:?}");
    }
}

#[test]
fn a_playlist_that_is_old_is_given_while_it_is_asked_for_anew_if_its_origin_allows_it() {
    let folders = [folder(), folder()];
    let origin = Server::start_under(&[], folders[0].path(), &[]);
    let between = Between::start(origin.address());
    // Longer than a few requests take anywhere.
    let patience = ["--upstream-patience", "10"];
    let edge = Server::edge(&[&between.url()], folders[1].path(), &patience);
    let video = origin.publish(&video_of("Ana", "#acffff"));
    let id = video["id"].as_str().expect("an id");
    let [free, strict] =
        ["index/video", "index/audio"].map(|track| format!("/v1/videos/{id}/{track}.m3u8"));
    // Old as soon as it is there.
    between.relabel("public, max-age=0, stale-while-revalidate=600");
    let first = edge.get(&free);
    assert!(
        first.header("cache-status").contains("fwd=uri-miss"),
        "{:?}",
        first.headers
    );
    between.relabel("public, max-age=0");
    assert_eq!(edge.get(&strict).status, 200);
    let asked = || edge.get("/v1/edge").json()["upstream_requests"]["playlist"].clone();
    assert_eq!(asked(), json!({"fill": 2, "revalidate": 0, "retry": 0}));
    // Whoever asks meanwhile has it at once, and one asks for all of them.
    between.set(Fault::Hangs);
    for _ in 0..30 {
        let there = edge.get(&free);
        assert_eq!((there.status, &there.body), (200, &first.body));
        let status = there.header("cache-status");
        assert_eq!(
            status,
            "loomcast-edge; hit; ttl=-1; detail=stale-while-revalidate"
        );
    }
    assert_eq!(asked()["revalidate"], 1);
    // Without leave it is given when nobody answers, and not before.
    let there = edge.get(&strict);
    let status = there.header("cache-status");
    assert_eq!(
        (there.status, status),
        (200, "loomcast-edge; hit; ttl=-1; detail=stale-if-error")
    );
    between.relabel("public, max-age=600, stale-while-revalidate=600");
    between.set(Fault::None);
    recovered(&edge);
    for look in 0.. {
        let there = edge.get(&free);
        assert_eq!((there.status, &there.body), (200, &first.body));
        if there.header("cache-status") == "loomcast-edge; hit; detail=memory" {
            break;
        }
        assert!(look < MOST_LOOKS, "it stays old");
        thread::sleep(Duration::from_millis(50));
    }
    let meanwhile = edge.get("/v1/edge").json()["requests"]["playlist"]["meanwhile"].as_u64();
    assert!(meanwhile >= Some(30), "{meanwhile:?}");
}

#[test]
fn a_video_plays_on_from_the_edge_when_its_origin_is_dead() {
    if !have_ffmpeg("a_video_plays_on_from_the_edge_when_its_origin_is_dead") {
        return;
    }
    let Pair {
        origin,
        edge,
        _folders,
    } = Pair::start(&[]);
    let video = origin.publish(&video_of("Ana", "#a6ffff"));
    let id = video["id"].as_str().expect("an id").to_owned();
    let index = edge.url(&format!("/v1/videos/{id}/index.m3u8"));
    let play = || {
        let arguments = ["-v", "error", "-i", &index, "-f", "framemd5", "-"];
        let output = Command::new("ffmpeg").args(arguments).output();
        let output = output.expect("ffmpeg runs");
        assert!(
            output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    };
    let first = play();
    assert!(first.lines().filter(|line| !line.starts_with('#')).count() > 90);
    drop(origin);
    assert_eq!(play(), first);
    // What it never had it cannot give, and says when to come back.
    let other = edge.get("/v1/videos/00000000-0000-4000-8000-000000000000/index.m3u8");
    assert_eq!((other.status, other.header("retry-after")), (503, "2"));
    let passed = edge.get(&format!("/v1/videos/{id}"));
    assert!(matches!(passed.status, 502 | 503), "{}", passed.status);
}

/// A port that nobody has just now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it listens").port()
}

#[test]
fn edges_can_be_chained_and_a_circle_of_them_is_refused() {
    let Pair {
        origin,
        edge,
        _folders,
    } = Pair::start(&[]);
    let folders = [folder(), folder(), folder()];
    let outer = Server::edge(&[&edge.url("")], folders[0].path(), &[]);
    let video = origin.publish(&video_of("Ana", "#a7ffff"));
    let id = video["id"].as_str().expect("an id");
    for segment in segments_of(&outer, id) {
        let there = outer.get(&segment);
        assert_eq!(there.status, 200, "{}", there.text());
        assert_eq!(there.body, origin.get(&segment).body);
        let init = outer.get(&segment);
        assert_eq!(
            init.header("cache-status"),
            "loomcast-edge; hit; detail=memory"
        );
    }
    let shown = outer.get(&format!("/v1/videos/{id}"));
    assert_eq!(shown.json()["id"], id);
    let statuses = shown.headers.get_all("cache-status").iter().count();
    assert_eq!(statuses, 3, "one of each edge, and of the origin");

    let [here, there] = [free_port(), free_port()];
    let [listens, looks] = [here, there].map(|port| format!("127.0.0.1:{port}"));
    let [to_here, to_there] = [here, there].map(|port| format!("http://127.0.0.1:{port}"));
    let one = Server::edge(&[&to_there], folders[1].path(), &["--listen", &listens]);
    let _two = Server::edge(&[&to_here], folders[2].path(), &["--listen", &looks]);
    let circle = one.get("/v1/videos/x");
    assert_eq!(circle.status, 508, "{}", circle.text());
    assert_eq!(circle.json()["error"]["code"], "loop_detected");
}

#[test]
fn an_edge_changes_nothing_unless_it_is_told_to() {
    let Pair {
        origin,
        edge,
        _folders,
    } = Pair::start(&[]);
    let request = video_of("Ana", "#a8ffff").to_string();
    let refused = edge.post("/v1/videos", request.as_bytes());
    assert_eq!(
        (refused.status, refused.header("allow")),
        (405, "GET, HEAD")
    );
    let data = folder();
    let writing = Server::edge(&[&origin.url("")], data.path(), &["--pass-writes"]);
    let made = writing.post("/v1/videos", request.as_bytes());
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(edge.get(&format!("/v1/videos/{id}")).status, 200);
    assert_eq!(edge.get("/").text(), origin.get("/").text());
}

#[test]
fn options_of_an_edge_that_make_no_sense_end_it_with_2_and_say_why() {
    let data = folder();
    for (options, words) in [
        (&[][..], &["--upstream"][..]),
        (&["--upstream", "origin:8080"], &["http://", "origin:8080"]),
        (&["--upstream", "http://a:b@c"], &["password"]),
        (
            &["--upstream", "http://a", "--memory", "much"],
            &["--memory"],
        ),
        (&["--upstream", "http://a", "--eviction", "x"], &["gdsf"]),
        (
            &["--upstream", "http://a", "--stale-if-error", "soon"],
            &["stale"],
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_loomcast"))
            .arg("edge")
            .args(options)
            .arg("--data-dir")
            .arg(data.path())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{options:?}: {said}");
        }
    }
}

#[test]
fn an_edge_that_is_asked_to_end_lets_nobody_wait() {
    let pair = Pair::start(&["--rtmp", "127.0.0.1:0"]);
    // A stream of nobody, and a wait that would take ten seconds.
    assert_eq!(pair.edge.get("/live/show/index.m3u8").status, 404);
    let Pair { edge, origin, .. } = pair;
    assert!(edge.terminate().success());
    assert!(origin.terminate().success());
}

/// An origin that lets encoders in, with `more` options, an edge, and a recording.
fn live_pair(more: &[&str], seconds: u32) -> (Pair, PathBuf, Scratch) {
    let options = [&["--rtmp", "127.0.0.1:0", "--live-linger", "2"][..], more].concat();
    let scratch = Scratch::new();
    let file = recording(&scratch, "source.flv", seconds);
    (Pair::start(&options), file, scratch)
}

#[test]
fn live_playlists_keep_the_rules_through_an_edge() {
    if !have_ffmpeg("live_playlists_keep_the_rules_through_an_edge") {
        return;
    }
    let (pair, file, _scratch) = live_pair(&[], 12);
    let seen = Seen::default();
    thread::scope(|scope| {
        let address = pair.origin.rtmp("show");
        let publishing = scope.spawn(move || send(&file, &address));
        await_status(&pair.origin, "show", "live");
        let mut clients = Vec::new();
        for track in ["video", "audio"] {
            for way in Way::ALL {
                let client = Client::new(&pair.edge, track, way, &seen);
                clients.push(scope.spawn(move || client.follow()));
            }
        }
        publishing.join().expect("it publishes");
        for client in clients {
            client.join().expect("it follows the stream to its end");
        }
    });
    let figures = pair.figures();
    eprintln!("{figures:#}");
    // However many followed, each segment of each track came once.
    let asked = figures["upstream_requests"]["segment"]["fill"].as_u64();
    let segments: u64 = ["video", "audio"]
        .iter()
        .map(|track| {
            let playlist = pair.origin.get(&format!("/live/show/{track}.m3u8")).text();
            lines(&playlist, "#EXTINF:").len() as u64
        })
        .sum();
    // A segment that is announced when the stream ends never comes, for each listing.
    assert!(asked <= Some(segments + 4), "{asked:?} of {segments}");
}

#[test]
fn waits_for_the_next_part_are_one_request_upstream() {
    if !have_ffmpeg("waits_for_the_next_part_are_one_request_upstream") {
        return;
    }
    let (pair, file, _scratch) = live_pair(&[], 20);
    let mut encoder = encoder(&file, &pair.origin.rtmp("show"));
    await_status(&pair.origin, "show", "live");
    let now = pair.edge.get("/live/show/video.m3u8").text();
    let first: u64 = lines(&now, "#EXT-X-MEDIA-SEQUENCE:")[0]
        .parse()
        .expect("a number");
    let next = first + lines(&now, "#EXTINF:").len() as u64 + 1;
    let before = pair.figures()["upstream_requests"]["playlist"].clone();
    let (path, edge) = (format!("/live/show/video.m3u8?_HLS_msn={next}"), &pair.edge);
    let path = path.as_str();
    let bodies: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..100)
            .map(|_| scope.spawn(move || edge.get(path)))
            .collect();
        let answers = asking.into_iter().map(|asked| asked.join());
        answers.map(|answer| answer.expect("an answer")).collect()
    });
    for answer in &bodies {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.body, bodies[0].body);
        let age: u64 = answer.header("age").parse().expect("an age");
        assert!(age < 60, "{age}");
    }
    let after = pair.figures()["upstream_requests"]["playlist"].clone();
    let asked = |figures: &Value| figures["fill"].as_u64().expect("a number");
    assert_eq!(asked(&after) - asked(&before), 1, "{before} {after}");
    let refused = pair.edge.get("/live/show/video.m3u8?_HLS_part=1");
    assert_eq!(refused.status, 400, "{}", refused.text());
    encoder.kill().expect("it runs");
    encoder.wait().expect("it ends");
}

#[test]
fn an_edge_gives_its_terminals_identifiers_of_its_own() {
    if !have_ffmpeg("an_edge_gives_its_terminals_identifiers_of_its_own") {
        return;
    }
    let (pair, file, _scratch) = live_pair(&["--join-wait", "wait"], 40);
    let mut encoder = encoder(&file, &pair.origin.rtmp("show"));
    await_status(&pair.origin, "show", "live");
    // Old enough to begin with.
    assert_eq!(pair.origin.get("/live/show/video.m3u8").status, 200);
    let address = |server: &Server| {
        let index = server.get("/live/show/index.m3u8").text();
        let uri = index
            .lines()
            .find(|line| line.starts_with("video.m3u8?viewer="));
        uri.unwrap_or_else(|| panic!("no identifier: {index}"))
            .to_owned()
    };
    let uris: Vec<String> = (0..20).map(|_| address(&pair.edge)).collect();
    let distinct: std::collections::BTreeSet<_> = uris.iter().collect();
    assert_eq!(distinct.len(), uris.len());
    let edge = &pair.edge;
    let indices: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = uris
            .iter()
            .map(|uri| scope.spawn(move || edge.get(&format!("/live/show/{uri}"))))
            .collect();
        let answers = asking.into_iter().map(|asked| asked.join());
        answers.map(|answer| answer.expect("an answer")).collect()
    });
    for index in &indices {
        assert_eq!(index.status, 200, "{}", index.text());
        assert!(
            index.header("cache-control").starts_with("private"),
            "{:?}",
            index.headers
        );
    }
    // All have one address and one name: by their identifiers they are told apart.
    let rooms = pair.edge.get("/v1/rooms/show").json();
    assert_eq!(rooms["viewers"]["hls"], 20, "{rooms:#}");
    let joins = pair.origin.get("/v1/live/show").json()["joins"].clone();
    eprintln!("{joins}");
    // All of one moment waited in one wait there; the crowd may have straddled two.
    assert!(joins["served"].as_u64() <= Some(3), "{joins}");
    assert!(joins["served"].as_u64() >= Some(1), "{joins}");
    encoder.kill().expect("it runs");
    encoder.wait().expect("it ends");
}

#[test]
fn chromium_plays_a_live_stream_and_a_video_through_an_edge() {
    if !have("chromium", "hls.js in Chromium") {
        return;
    }
    let (pair, file, _scratch) = live_pair(&[], 14);
    let mut encoder = encoder(&file, &pair.origin.rtmp("show"));
    await_status(&pair.origin, "show", "live");
    let played = play_in_chromium(&pair.edge, "/live/show/index.m3u8", Viewing::default());
    assert!(encoder.wait().expect("it ends").success());
    let video = pair
        .origin
        .publish(&json!({"edit": small_edit(6, "#a9ffff"), "render": "on_demand"}));
    let source = video["urls"]["live"].as_str().expect("an address");
    let again = play_in_chromium(&pair.edge, source, Viewing::default());
    for played in [played, again] {
        assert_eq!(played["reason"], "ended", "{played:#}");
        assert_eq!(played["fatal"], json!([]), "{played:#}");
        assert_eq!(played["media_error"], Value::Null, "{played:#}");
        assert_eq!(played["corrupted"], 0, "{played:#}");
        let buffered = played["buffered"].as_array().expect("ranges");
        assert_eq!(buffered.len(), 1, "no hole: {played:#}");
    }
}

#[test]
fn a_live_playlist_is_not_given_when_it_is_not_true_any_more() {
    if !have_ffmpeg("a_live_playlist_is_not_given_when_it_is_not_true_any_more") {
        return;
    }
    let (pair, file, _scratch) = live_pair(&[], 30);
    let mut encoder = encoder(&file, &pair.origin.rtmp("show"));
    await_status(&pair.origin, "show", "live");
    assert_eq!(pair.edge.get("/live/show/video.m3u8").status, 200);
    let Pair { origin, edge, .. } = pair;
    drop(origin);
    for look in 0.. {
        let answer = edge.get("/live/show/video.m3u8");
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), "2");
            break;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(look < MOST_LOOKS, "it is given for ever");
        thread::sleep(Duration::from_millis(50));
    }
    drop(encoder.kill());
    encoder.wait().expect("it ends");
}
