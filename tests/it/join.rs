//! Who waits when they join a live stream, and what they get.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::lhls::{signal, stopped_amid_a_segment};
use crate::live::{MOST_LOOKS, await_status, encoder, folder, lines, recording, server};
use crate::server::Server;
use crate::support::{Scratch, have_ffmpeg};

/// Terminals that join at the same time.
const CROWD: usize = 500;

/// The playlists' addresses that a terminal is sent to.
fn terminal(server: &Server) -> String {
    let index = server.get("/live/show/index.m3u8").text();
    let uri = index.lines().find(|line| line.starts_with("video.m3u8"));
    uri.expect("a variant").to_owned()
}

fn joins(server: &Server) -> Value {
    server.get("/v1/live/show").json()["joins"].clone()
}

/// A request that is sent, and not answered yet.
fn ask(server: &Server, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    let host = server.address();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    stream
}

/// Its answer: head and body.
fn answer(mut stream: TcpStream) -> (String, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.to_ascii_lowercase(), body.to_owned())
}

/// The number of the last segment that a playlist lists as whole.
fn last(playlist: &str) -> u64 {
    let first: u64 = lines(playlist, "#EXT-X-MEDIA-SEQUENCE:")[0]
        .parse()
        .expect("a number");
    first + lines(playlist, "#EXTINF:").len() as u64 - 1
}

#[test]
fn a_crowd_that_joins_waits_once_for_the_current_segment_and_gets_one_index() {
    if !have_ffmpeg("a_crowd_that_joins_waits_once_for_the_current_segment_and_gets_one_index") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let options = ["--join-wait", "wait", "--join-deadline", "300"];
    let server = server(&data, "1", &options);
    let file = recording(&scratch, "source.flv", 60);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    // Without an identifier it is answered at once, when there is enough.
    let plain = server.get("/live/show/video.m3u8");
    assert!(lines(&plain.text(), "#EXTINF:").len() >= 2);
    assert_eq!(plain.header("cache-control"), "public, max-age=2");

    let terminals: Vec<String> = (0..CROWD).map(|_| terminal(&server)).collect();
    let distinct: BTreeSet<_> = terminals.iter().collect();
    assert_eq!(distinct.len(), CROWD);
    // Nobody has waited so far but for a stream to become old enough.
    let before = joins(&server);
    assert_eq!(before["waits"], 0);

    let now = stopped_amid_a_segment(&server, &encoder, "video");
    let current = last(&now) + 1;
    let asked: Vec<TcpStream> = terminals
        .iter()
        .map(|uri| ask(&server, &format!("/live/show/{uri}")))
        .collect();
    for look in 0.. {
        if joins(&server)["waiting"] == CROWD {
            break;
        }
        assert!(look < MOST_LOOKS, "they never wait: {}", joins(&server));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // Who asks again is answered at once, though the encoder stands still; so is who
    // has no identifier.
    let again = server.get(&format!("/live/show/{}", terminals[0]));
    assert_eq!(last(&again.text()), current - 1);
    assert_eq!(again.header("cache-control"), "private, max-age=2");
    assert_eq!(
        last(&server.get("/live/show/video.m3u8").text()),
        current - 1
    );

    signal(&encoder, "-CONT");
    let answers: Vec<_> = asked.into_iter().map(answer).collect();
    let (head, index) = &answers[0];
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("cache-control: private, max-age=2"), "{head}");
    assert_eq!(last(index), current, "{index}");
    let first = lines(&now, "#EXT-X-MEDIA-SEQUENCE:");
    assert_eq!(lines(index, "#EXT-X-MEDIA-SEQUENCE:"), first);
    assert!(answers.iter().all(|(_, other)| other == index));
    let after = joins(&server);
    assert_eq!(after["waits"], 1, "{after}");
    assert_eq!(
        (&after["waiting"], &after["timed_out"]),
        (&0.into(), &0.into())
    );
    let served = |joins: &Value| joins["served"].as_u64().expect("a count");
    assert_eq!(served(&after) - served(&before), CROWD as u64);
    // Of an encoder that has gone the segment was whole all the same.
    drop(encoder.kill());
    drop(encoder.wait());
}

#[test]
fn a_terminal_is_told_apart_by_an_identifier_that_was_given_to_it() {
    if !have_ffmpeg("a_terminal_is_told_apart_by_an_identifier_that_was_given_to_it") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &["--join-wait", "wait"]);
    let file = recording(&scratch, "source.flv", 60);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    for folder in ["", "lhls/"] {
        let path = format!("/live/show/{folder}index.m3u8");
        let id = "11111111-1111-4111-8111-111111111111";
        // None, one that is none, and one that was never given to anybody.
        for query in [
            "?token=a",
            "?viewer=x&token=a",
            &format!("?viewer={id}&token=a"),
        ] {
            let (head, _) = answer(ask(&server, &format!("{path}{query}")));
            assert!(head.starts_with("http/1.1 302"), "{head}");
            assert!(head.contains("cache-control: no-store"), "{head}");
            assert!(
                head.contains("location: index.m3u8?token=a&viewer="),
                "{head}"
            );
            assert!(!head.contains(id), "{head}");
        }
        let index = server.get(&path);
        assert_eq!(index.header("cache-control"), "private, max-age=2");
        let index = index.text();
        assert!(index.contains("URI=\"audio.m3u8?viewer="), "{index}");
        let uri = index.lines().find(|line| line.starts_with("video.m3u8?"));
        let uri = format!("/live/show/{folder}{}", uri.expect("a variant"));
        // Its first request ends with the segment that was current.
        let before = last(&server.get(&uri.replace("viewer=", "other=")).text());
        let first = server.get(&uri).text();
        assert!(last(&first) > before, "{first}");
        assert!(
            lines(&first, "#EXT-X-PART:")
                .iter()
                .all(|part| { !part.contains(&format!("/{}.", last(&first) + 1)) })
        );
    }
    assert_eq!(joins(&server)["waits"], 2);
    drop(encoder.kill());
    drop(encoder.wait());
}

#[test]
fn who_waits_in_vain_is_told_when_to_come_back_and_who_need_not_wait_does_not() {
    if !have_ffmpeg("who_waits_in_vain_is_told_when_to_come_back_and_who_need_not_wait_does_not") {
        return;
    }
    let scratch = Scratch::new();
    let file = recording(&scratch, "source.flv", 60);
    for (policy, least, enough) in [
        ("wait", "2", true),
        ("wait", "9", false),
        ("off", "9", true),
    ] {
        let data = folder();
        let options = ["--join-wait", policy, "--join-min-segments", least];
        let server = server(
            &data,
            "1",
            &[&options[..], &["--join-deadline", "1"]].concat(),
        );
        let mut encoder = encoder(&file, &server.rtmp("show"));
        await_status(&server, "show", "live");
        // Whatever else, there are two.
        let current = |server: &Server| {
            let tracks = server.get("/v1/live/show").json()["tracks"].clone();
            tracks[0]["current_segment"].as_u64().unwrap_or_default()
        };
        while current(&server) < 4 {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        signal(&encoder, "-STOP");
        let uri = terminal(&server);
        let told = server.get(&format!("/live/show/{uri}"));
        if enough {
            assert_eq!(told.status, 200, "{policy} {least}");
            assert!(lines(&told.text(), "#EXTINF:").len() >= 2);
        } else {
            assert_eq!(told.status, 503, "{policy} {least}");
            assert_eq!(told.header("retry-after"), "2");
            assert_eq!(told.json()["error"]["code"], "unavailable");
            assert_eq!(joins(&server)["timed_out"], 1);
        }
        assert_eq!(uri.contains("viewer="), policy == "wait");
        drop(encoder.kill());
        drop(encoder.wait());
    }
}
