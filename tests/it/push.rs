//! Live streams to those who are pushed them, and the cache dictionary's three
//! parties.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::live::{FPS, await_status, encoder, folder, frames, recording, send, server};
use crate::server::Server;
use crate::support::{Scratch, have_ffmpeg};

/// A connection to the cache dictionary that was answered.
struct Dictionary {
    socket: BufReader<TcpStream>,
    answer: Value,
}

impl Dictionary {
    fn ask(server: &Server, request: &Value) -> Self {
        Self::say(server, format!("{request}\n").as_bytes())
    }

    fn say(server: &Server, said: &[u8]) -> Self {
        let mut socket = TcpStream::connect(server.dictionary()).expect("the dictionary");
        socket.write_all(said).expect("it listens");
        let mut socket = BufReader::new(socket);
        let mut line = String::new();
        socket.read_line(&mut line).expect("an answer");
        let answer = serde_json::from_str(&line).expect("JSON");
        Self { socket, answer }
    }

    /// Sends `bytes` and says that there is no more.
    fn give(&mut self, bytes: &[u8]) {
        let socket = self.socket.get_mut();
        socket.write_all(bytes).expect("it takes them");
        socket.shutdown(Shutdown::Write).expect("it is open");
    }

    /// All that comes, to the end.
    fn take(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        self.socket.read_to_end(&mut all).expect("an end");
        all
    }
}

/// FFmpeg that copies a stream to `file`, to its end.
fn copying(source: &str, file: &Path) -> std::process::Child {
    Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i", source, "-c", "copy", "-y"])
        .arg(file)
        .stdin(Stdio::null())
        .spawn()
        .expect("ffmpeg runs")
}

fn hashes(file: &Path, track: &str) -> Vec<String> {
    let file = file.to_str().expect("a plain path");
    frames(file, track, &["-c", "copy", "-bsf:v", "h264_mp4toannexb"])
}

fn with_dictionary(data: &tempfile::TempDir, linger: &str) -> Server {
    let more = [
        "--dictionary",
        "127.0.0.1:0",
        "--plugin-key",
        "a plug-in key",
    ];
    server(data, linger, &more)
}

#[test]
fn who_takes_flv_over_http_gets_every_frame_as_it_went_in() {
    if !have_ffmpeg("who_takes_flv_over_http_gets_every_frame_as_it_went_in") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 8);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let taken = scratch.path("taken.flv");
    let mut viewer = copying(&server.url("/live/show.flv"), &taken);
    assert!(encoder.wait().expect("it ends").success());
    assert!(viewer.wait().expect("it ends").success());
    // From the key frame at which it began on, nothing is missing or changed.
    for track in ["0:v", "0:a"] {
        let (went_in, came_out) = (hashes(&file, track), hashes(&taken, track));
        assert!(came_out.len() > 4 * FPS, "{track}: {}", came_out.len());
        assert!(went_in.ends_with(&came_out), "{track}");
    }
    let told = server.get("/v1/live/show").json();
    assert_eq!(told["audience"]["ever"]["http_flv"], 1, "{told:#}");
    assert_eq!(told["audience"]["now"]["http_flv"], 0, "{told:#}");
    assert_eq!(told["audience"]["skips"], 0, "{told:#}");
    assert_eq!(server.get("/live/nobody.flv").status, 404);
    assert_eq!(server.get("/live/show.mp4").status, 404);
}

#[test]
fn a_pushing_end_gives_a_stream_that_players_and_subscription_ends_take() {
    if !have_ffmpeg("a_pushing_end_gives_a_stream_that_players_and_subscription_ends_take") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = with_dictionary(&data, "1");
    let file = recording(&scratch, "source.flv", 6);
    let bytes = fs::read(&file).expect("a file");
    let mut pushing = Dictionary::ask(
        &server,
        &json!({"role": "pushing", "type": "replay", "name": "show",
                "identity": "camera 2", "address": "file:source.flv"}),
    );
    assert_eq!(pushing.answer["ok"], true, "{}", pushing.answer);
    // A second one is not let in, and harms nothing.
    let second = Dictionary::ask(
        &server,
        &json!({"role": "pushing", "type": "replay", "name": "show"}),
    );
    assert_eq!(second.answer["field"], "name", "{}", second.answer);
    pushing.give(&bytes);
    assert_eq!(pushing.take(), b"");
    let told = await_status(&server, "show", "ended");
    assert_eq!(
        (&told["type"], &told["identity"]),
        (&json!("replay"), &json!("camera 2"))
    );

    // It is over, but of the type that stays: whoever comes gets all of it.
    for request in [
        json!({"role": "subscription", "name": "show"}),
        json!({"role": "subscription", "name": "show", "type": "replay",
               "identity": "camera 2", "address": "file:source.flv"}),
    ] {
        let mut subscription = Dictionary::ask(&server, &request);
        assert_eq!(subscription.answer["ok"], true, "{}", subscription.answer);
        assert!(subscription.answer["index"].as_u64() > pushing.answer["index"].as_u64());
        let taken = scratch.path("taken.flv");
        fs::write(&taken, subscription.take()).expect("a file");
        let (went_in, came_out) = (hashes(&file, "0:v"), hashes(&taken, "0:v"));
        assert_eq!(came_out, went_in);
    }
    // And so do players of HLS.
    let index = server.url("/live/show/index.m3u8");
    let file = file.to_str().expect("a plain path");
    let pictures = ["-fps_mode", "passthrough"];
    assert_eq!(
        frames(&index, "0:v", &pictures),
        frames(file, "0:v", &pictures)
    );
    assert_eq!(server.delete("/v1/live/show").status, 204);
    assert_eq!(server.get("/v1/live/show").status, 404);
    assert_eq!(server.get("/live/show/index.m3u8").status, 404);
}

#[test]
fn what_the_dictionary_does_not_grant_is_said_by_field() {
    let data = folder();
    let server = with_dictionary(&data, "1");
    let refused = |request: &Value, field: &str| {
        let mut refused = Dictionary::ask(&server, request);
        assert_eq!(refused.answer["ok"], false, "{request}");
        assert_eq!(refused.answer["field"], field, "{}", refused.answer);
        assert_eq!(refused.take(), b"", "it is hung up on");
    };
    refused(&json!({"role": "viewer", "name": "show"}), "role");
    refused(&json!({"role": "subscription", "name": "show"}), "name");
    refused(&json!({"role": "pushing", "name": "no name"}), "name");
    refused(
        &json!({"role": "plug-in", "name": "show"}),
        "authentication",
    );
    refused(
        &json!({"role": "plug-in", "name": "show", "authentication": "another"}),
        "authentication",
    );
    let long = Dictionary::say(&server, &[b'x'; 5000]);
    assert_eq!(long.answer["field"], "request", "{}", long.answer);
    let http = Dictionary::say(&server, b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(http.answer["field"], "request", "{}", http.answer);
    // What is not FLV ends the stream, and no more than that.
    let mut pushing = Dictionary::ask(&server, &json!({"role": "pushing", "name": "noise"}));
    pushing.give(&[7; 5000]);
    assert_eq!(pushing.take(), b"");
    assert_eq!(server.get("/healthz").status, 200);
    let log = fs::read_to_string(data.path().join("serve.log")).expect("a log");
    assert!(!log.contains("a plug-in key"), "{log}");
}

#[test]
fn what_a_plug_in_end_gives_back_is_a_stream_of_its_own() {
    if !have_ffmpeg("what_a_plug_in_end_gives_back_is_a_stream_of_its_own") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = with_dictionary(&data, "2");
    let file = recording(&scratch, "source.flv", 6);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    // The simplest of all: it gives back what it takes.
    let plug_in = Dictionary::ask(
        &server,
        &json!({"role": "plug-in", "type": "live", "name": "show",
                "authentication": "a plug-in key", "identity": "again"}),
    );
    assert_eq!(plug_in.answer["ok"], true, "{}", plug_in.answer);
    let told = server.get("/v1/live/show").json();
    let connections = told["connections"].as_array().expect("a list").clone();
    let roles: Vec<_> = connections
        .iter()
        .map(|known| known["role"].clone())
        .collect();
    assert_eq!(roles, [json!("pushing"), json!("plug-in")], "{told:#}");
    assert_eq!(connections[1]["index"], plug_in.answer["index"]);
    let echo = std::thread::spawn(move || {
        let mut to = plug_in.socket.get_ref().try_clone().expect("a socket");
        let mut from = plug_in.socket;
        std::io::copy(&mut from, &mut to).expect("it takes what it gave");
        to.shutdown(Shutdown::Write).expect("it is open");
    });
    assert!(encoder.wait().expect("it ends").success());
    await_status(&server, "show", "ended");
    echo.join().expect("the plug-in ends");
    await_status(&server, "again", "ended");
    let source = frames(
        &server.url("/live/show/index.m3u8"),
        "0:v",
        &["-fps_mode", "passthrough"],
    );
    let again = frames(
        &server.url("/live/again/index.m3u8"),
        "0:v",
        &["-fps_mode", "passthrough"],
    );
    // It came when the stream was there already, but for its last key frame.
    assert!(
        again.len() > 2 * FPS && source.ends_with(&again),
        "{}",
        again.len()
    );
}

#[test]
fn a_stream_that_is_deleted_sends_its_encoder_away() {
    if !have_ffmpeg("a_stream_that_is_deleted_sends_its_encoder_away") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "30", &[]);
    let file = recording(&scratch, "source.flv", 60);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let taken = scratch.path("taken.flv");
    let mut viewer = copying(&server.url("/live/show.flv"), &taken);
    while server.get("/v1/live/show").json()["audience"]["now"]["http_flv"] != 1 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(server.delete("/v1/live/show").status, 204);
    assert!(!encoder.wait().expect("it ends").success());
    assert!(viewer.wait().expect("it ends").success());
    // The name is free.
    let short = recording(&scratch, "short.flv", 2);
    send(&short, &server.rtmp("show"));
    await_status(&server, "show", "away");
    assert_eq!(server.delete("/v1/live/nobody").status, 404);
}
