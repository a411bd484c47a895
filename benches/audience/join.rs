//! Many who join one stream at the same moment.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::STREAM;
use crate::figures::Delays;
use crate::http::Connection;
use crate::playlist::Playlist;
use crate::server::Server;
use crate::source::{Clip, Source};

/// How much later each round begins in the segment that is current, so that they meet it at all
/// stages.
const PHASE_MS: u64 = 370;

/// How long a segment is.
const SEGMENT_MS: u64 = 2_000;

/// One first request, and its answer.
struct Joined {
    asked: Instant,
    asked_unix: SystemTime,
    answered: Instant,
    answered_unix: SystemTime,
    text: String,
}

pub async fn measure(folder: &Path, clip: Clip, joiners: usize, rounds: usize) -> ExitCode {
    let server = Server::start(folder, &["--join-wait", "wait"]);
    let _source = Source::start(server.dictionary(), clip).await;
    tokio::time::sleep(Duration::from_millis(5 * SEGMENT_MS)).await;
    let mut connections = Vec::new();
    for _ in 0..joiners {
        connections.push(
            Connection::open(server.address())
                .await
                .expect("it listens"),
        );
    }
    let (mut waited, mut joined_at, mut others_at) = (Vec::new(), Vec::new(), Vec::new());
    let mut whole = true;
    for round in 0..rounds as u64 {
        // Each is another terminal in each round.
        let mut terminals = Vec::new();
        for mut connection in connections.drain(..) {
            let path = format!("/live/{STREAM}/index.m3u8");
            let answer = connection.get(&path).await.expect("it answers");
            let to = answer.location.expect("a redirect");
            let (_, query) = to.split_once('?').expect("an identifier");
            let path = format!("/live/{STREAM}/video.m3u8?{query}");
            terminals.push((connection, path));
        }
        // The last one ended with a segment.
        let phase = Duration::from_millis(PHASE_MS * round % SEGMENT_MS);
        tokio::time::sleep(phase).await;
        let before = server.told().await;
        let current = current(&before);
        let mut asking = JoinSet::new();
        for (mut connection, path) in terminals {
            asking.spawn(async move {
                let (asked, asked_unix) = (Instant::now(), SystemTime::now());
                let answer = connection.get(&path).await.expect("it answers");
                let joined = Joined {
                    asked,
                    asked_unix,
                    answered: Instant::now(),
                    answered_unix: SystemTime::now(),
                    text: String::from_utf8(answer.body).expect("text"),
                };
                (connection, joined)
            });
        }
        let mut all = Vec::new();
        while let Some(one) = asking.join_next().await {
            let (connection, joined) = one.expect("a joiner does not panic");
            connections.push(connection);
            all.push(joined);
        }
        let after = server.told().await;
        let waits = count(&after, "waits") - count(&before, "waits");
        let first = &all[0];
        // Each has an identifier of its own in nothing but the request.
        let same = all.iter().all(|joined| joined.text == first.text);
        let playlist = Playlist::read(&first.text);
        let (last, duration_us) = *playlist.segments.last().expect("a segment");
        let contains = last == current;
        whole &= same && contains && waits == 1;
        println!(
            "round {round}: {waits} wait, {}, {}",
            if same {
                "one index for all"
            } else {
                "DIFFERENT INDEXES"
            },
            if contains {
                "with what was current"
            } else {
                "WITHOUT WHAT WAS CURRENT"
            },
        );
        // When the first picture of what is played was taken.
        let taken = playlist.last_taken.expect("a date");
        let begun = humantime::parse_rfc3339(taken).expect("a date");
        for joined in &all {
            waited.push(joined.answered - joined.asked);
            let since =
                |then: SystemTime, at: SystemTime| at.duration_since(then).unwrap_or_default();
            joined_at.push(since(begun, joined.answered_unix));
            // What was whole when it asked began a segment earlier.
            let before = begun - Duration::from_micros(duration_us);
            others_at.push(since(before, joined.asked_unix));
        }
    }
    println!("{joiners} joiners at a time, {rounds} rounds");
    println!(
        "the first request waits                       {}",
        Delays::of(waited.into_iter())
    );
    println!(
        "behind the source, with what was current      {}",
        Delays::of(joined_at.into_iter())
    );
    println!(
        "behind it, with what was whole when it asked  {}",
        Delays::of(others_at.into_iter())
    );
    match whole {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn current(told: &Value) -> u64 {
    let tracks = told["tracks"].as_array().expect("tracks");
    let video = tracks.iter().find(|track| track["track"] == "video");
    video
        .and_then(|track| track["current_segment"].as_u64())
        .expect("pictures")
}

fn count(told: &Value, what: &str) -> u64 {
    told["joins"][what].as_u64().expect("a number")
}
