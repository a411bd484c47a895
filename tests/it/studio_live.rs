//! The studio's page of live streams, and its player by WebSocket in Chromium.

use serde_json::{Value, json};

use crate::live::{FPS, await_status, encoder, folder, recording, server};
use crate::players::{PAGE_DEADLINE, open_in_chromium};
use crate::server::{Server, have};
use crate::support::{Scratch, have_ffmpeg};

/// Looks at an audience before it is taken for stuck: a minute of them.
const MOST_LOOKS: u32 = 1_200;

/// Waits until nobody is pushed stream `name` by WebSocket.
fn await_nobody(server: &Server, name: &str) -> Value {
    for _ in 0..MOST_LOOKS {
        let told = server.get(&format!("/v1/live/{name}")).json();
        if told["audience"]["now"]["websocket"] == 0 {
            return told;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{name} is watched for ever");
}

#[test]
fn the_page_of_live_streams_and_all_its_scripts_are_served() {
    let server = Server::start();
    let page = server.get("/live");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    let text = page.text();
    let mut left: Vec<String> = text
        .split('"')
        .filter_map(|word| word.strip_prefix("/studio/"))
        .map(str::to_owned)
        .collect();
    let mut seen = Vec::new();
    while let Some(name) = left.pop() {
        if seen.contains(&name) {
            continue;
        }
        let file = server.get(&format!("/studio/{name}"));
        assert_eq!(file.status, 200, "{name}");
        if name.ends_with(".js") && !name.ends_with(".min.js") {
            let text = file.text();
            let imports = text.lines().filter(|line| line.starts_with("import "));
            let names = imports.filter_map(|line| line.split("\"./").nth(1));
            left.extend(names.map(|name| name.trim_end_matches("\";").to_owned()));
        }
        seen.push(name);
    }
    assert!(seen.contains(&"push-queue.js".to_owned()), "{seen:?}");
    assert!(server.get("/").text().contains("href=\"/live\""));
}

#[test]
fn a_stream_is_played_by_web_socket_in_chromium_to_its_end() {
    if !have_ffmpeg("a_stream_is_played_by_web_socket_in_chromium_to_its_end") {
        return;
    }
    if !have("chromium", "push.js in Chromium") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 12);
    let page = include_str!("push.html")
        .replace("SERVER", &server.url(""))
        .replace("STREAM", "show")
        .replace("DEADLINE_MS", &PAGE_DEADLINE.as_millis().to_string());
    let mut publishing = None;
    let played = open_in_chromium(page, || {
        publishing = Some(encoder(&file, &server.rtmp("show")));
    });
    let encoder = publishing.as_mut().expect("the page was opened");
    assert!(encoder.wait().expect("it ends").success());
    eprintln!("Chromium by WebSocket: {played}");
    assert_eq!(played["reason"], "The stream is over.", "{played:#}");
    assert_eq!(played["media_error"], Value::Null, "{played:#}");
    assert!(played["first_picture"]["at"].as_f64() >= Some(10.0));
    assert!(played["first_picture"]["taken_unix_ms"].as_f64() > Some(0.0));
    assert_eq!(
        (
            &played["corrupted"],
            &played["dropped"],
            &played["counts"]["holes"],
            &played["counts"]["errors"],
            &played["counts"]["reconnects"]
        ),
        (&json!(0), &json!(0), &json!(0), &json!(0), &json!(0)),
        "{played:#}"
    );
    assert!(played["frames"].as_u64() > Some(FPS as u64), "{played:#}");
    let buffered = played["buffered"].as_array().expect("ranges");
    assert_eq!(buffered.len(), 1, "no hole: {played:#}");
    assert_eq!(
        played["left"],
        json!({"src": false, "socket": null, "source": null}),
        "nothing is left: {played:#}"
    );
    // One watched, and went.
    assert_eq!(played["watched"], 1, "{played:#}");
    let told = await_nobody(&server, "show");
    assert_eq!(told["audience"]["ever"]["websocket"], 1, "{told:#}");
    assert_eq!(await_status(&server, "show", "ended")["name"], "show");
}
