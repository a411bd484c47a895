//! Many clients at once.

use std::thread;

use serde_json::{Value, json};

use crate::server::{Answer, Server, light_edit};

/// Clients that each post a render, look at it until it is done, and fetch it.
const CLIENTS: usize = 50;

const KEY: [(&str, &str); 1] = [("x-api-key", "any")];

fn response(answer: &Answer, status: u16) -> Value {
    let body = answer.json();
    assert_eq!(answer.status, status, "{body:#}");
    body["response"].clone()
}

/// One client, as the SDKs go about it.
fn visit(server: &Server, number: usize) {
    let mut edit = light_edit(3, "#c20d01");
    edit["merge"] = json!([{"find": "name", "replace": format!("client {number}")}]);
    let queued = server.post_with("/edit/v1/render", &edit, &KEY);
    let id = response(&queued, 201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let own = format!("/edit/v1/render/{id}");
    let url = loop {
        let render = response(&server.get_with(&own, &KEY), 200);
        match render["status"].as_str() {
            Some("done") => break render["url"].as_str().expect("an address").to_owned(),
            Some("queued" | "fetching" | "rendering" | "saving") => {}
            _ => panic!("client {number}: {render:#}"),
        }
        // Answered when there is news.
        server.get(&format!("/v1/videos/{id}/live/video.m3u8?_HLS_msn=9"));
    };
    let path = url.strip_prefix(&server.url("")).expect("of this server");
    let file = server.get(path);
    assert_eq!((file.status, &file.body[4..8]), (200, &b"ftyp"[..]));
    let listed = server.get_with("/edit/v1/templates", &KEY);
    assert!(response(&listed, 200)["templates"].is_array());
}

#[test]
fn fifty_clients_post_poll_and_fetch_at_once_without_an_error() {
    let server = Server::start();
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || visit(server, number));
        }
    });
    let videos = server.get("/v1/videos").json();
    let videos = videos["videos"].as_array().expect("videos");
    assert_eq!(videos.len(), CLIENTS);
    assert!(videos.iter().all(|video| video["status"] == "done"));
    // What they share was rendered once.
    let stats = server.get("/v1/stats").json();
    assert_eq!(stats["cache"]["failed"], 0, "{stats:#}");
}
