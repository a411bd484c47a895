//! Who may publish a live stream is decided by a key, a token, or the operator's own
//! server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::live::{await_status, encoder, folder, recording, send, server};
use crate::support::{Scratch, have_ffmpeg};

/// A server that is asked: says no to streams whose name begins with `no`. What it was
/// told.
fn operator() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!(
        "http://{}/live",
        listener.local_addr().expect("its address")
    );
    let (tell, told) = channel();
    // Ends with the test's process: nobody connects any more.
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
            let mut length = 0;
            for line in reader.by_ref().lines().map_while(Result::ok) {
                if line.is_empty() {
                    break;
                }
                let line = line.to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let event: Value = serde_json::from_slice(&body).expect("JSON");
            let refused = event["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("no"));
            let status = if refused {
                "403 Forbidden"
            } else {
                "204 No Content"
            };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            drop(socket.write_all(answer.as_bytes()));
            drop(tell.send(event));
        }
    });
    (url, told)
}

#[test]
fn the_operators_server_is_asked_who_may_publish_and_told_who_goes() {
    if !have_ffmpeg("the_operators_server_is_asked_who_may_publish_and_told_who_goes") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let (url, told) = operator();
    let more = ["--live-hook", &url, "--allow-host", "127.0.0.1"];
    let server = server(&data, "1", &more);
    let file = recording(&scratch, "source.flv", 2);
    let refused = encoder(&file, &server.rtmp("nobody"))
        .wait()
        .expect("it ends");
    assert!(!refused.success());
    assert_eq!(server.get("/v1/live/nobody").status, 404);
    send(&file, &server.rtmp("show"));
    await_status(&server, "show", "ended");
    let events: Vec<Value> = (0..3).map(|_| told.recv().expect("an event")).collect();
    let said = |event: &Value| (event["event"].clone(), event["name"].clone());
    let expected = [
        ("publish", "nobody"),
        ("publish", "show"),
        ("unpublish", "show"),
    ];
    let expected = expected.map(|(event, name)| (event.into(), name.into()));
    assert_eq!(events.iter().map(said).collect::<Vec<_>>(), expected);
    assert_eq!(events[1]["protocol"], "rtmp");
    assert!(
        events[1]["peer"]
            .as_str()
            .is_some_and(|peer| peer.starts_with("127.0.0.1:"))
    );
}

#[test]
fn while_the_operators_server_is_gone_nobody_may_publish() {
    if !have_ffmpeg("while_the_operators_server_is_gone_nobody_may_publish") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let more = [
        "--live-hook",
        "http://127.0.0.1:1/live",
        "--allow-host",
        "127.0.0.1",
    ];
    let server = server(&data, "1", &more);
    let file = recording(&scratch, "source.flv", 2);
    let refused = encoder(&file, &server.rtmp("show"))
        .wait()
        .expect("it ends");
    assert!(!refused.success());
    assert_eq!(server.get("/v1/live/show").status, 404);
}
