//! The HTTP API as a client meets it: what is answered to what, and that one
//! address always has the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::live::MOST_LOOKS;
use crate::server::{Answer, Server, have, small_edit};

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// The error of an answer, which must be JSON.
fn error(answer: &Answer) -> Value {
    let body = answer.json();
    assert!(body["error"]["message"].is_string(), "{body}");
    body["error"].clone()
}

fn uris(playlist: &str) -> Vec<&str> {
    let lines = playlist.lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[test]
fn a_posted_video_is_described_rendered_and_downloaded() {
    let server = Server::start();
    let request =
        json!({"edit": small_edit(4, "#ffeedd"), "data": {"name": "Bo"}, "chunk_max_ms": 1000});
    let answer = server.post("/v1/videos", request.to_string().as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let video = answer.json();
    let own = format!("/v1/videos/{}", text(&video, "id"));
    assert_eq!(answer.header("location"), own);
    assert_eq!(answer.header("cache-control"), "no-store");
    for (field, expected) in [
        ("template", Value::Null),
        ("duration_s", json!(4.0)),
        ("frames", json!(100)),
        ("width", json!(256)),
        ("height", json!(144)),
        ("fps", json!("25")),
        ("warnings", json!([])),
        ("error", Value::Null),
        (
            "urls",
            json!({"self": own, "live": format!("{own}/live.m3u8"), "index": format!("{own}/index.m3u8"), "mp4": format!("{own}.mp4")}),
        ),
    ] {
        assert_eq!(video[field], expected, "{field}");
    }

    let done = server.finished(text(&video, "id"));
    assert_eq!(
        (text(&done, "status"), &done["progress"]),
        ("done", &json!(1.0))
    );
    assert!(done["first_part_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    let chunks = done["chunks"].as_array().expect("chunks");
    assert_eq!(json!(chunks.len()), done["chunks_total"]);
    assert_eq!(done["chunks_rendered"], done["chunks_total"]);
    let mut ends = BTreeMap::new();
    for chunk in chunks {
        let end = ends.entry(text(chunk, "track")).or_insert(0.0);
        let start = chunk["start_s"].as_f64().expect("a start");
        assert!((start - *end).abs() < 1e-6, "a gap before {chunk}");
        *end += chunk["duration_s"].as_f64().expect("a duration");
        assert_eq!(
            (text(chunk, "state"), text(chunk, "key").len()),
            ("rendered", 64)
        );
        assert!(chunk["render_ms"].is_u64(), "{chunk}");
    }
    assert!(
        ends.values().all(|end| (end - 4.0).abs() < 0.03),
        "{ends:?}"
    );
    let named = chunks.iter().filter(|chunk| {
        chunk["layers"]
            .as_array()
            .is_some_and(|layers| layers.len() == 2)
    });
    assert!(named.count() >= 2, "from 2 s on the name is seen: {done}");

    let listed = server.get("/v1/videos").json();
    assert_eq!(listed["videos"][0]["id"], video["id"]);
    assert!(listed["videos"][0]["chunks"].is_null());
    let stats = server.get("/v1/stats").json();
    assert_eq!(stats["cache"]["misses"], done["chunks_total"]);
    assert_eq!(stats["render"]["queued"], json!(0));

    let mp4 = server.get(text(&done["urls"], "mp4"));
    assert_eq!((mp4.status, mp4.header("content-type")), (200, "video/mp4"));
    assert_eq!(mp4.header("content-length"), mp4.body.len().to_string());
    if have("ffprobe", "counting the frames of the MP4") {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("video.mp4");
        fs::write(&path, &mp4.body).expect("writes");
        let read = Command::new("ffprobe")
            .args(["-v", "warning", "-count_frames", "-show_entries"])
            .args([
                "stream=codec_type,nb_read_frames,start_time",
                "-of",
                "csv=p=0",
            ])
            .arg(&path)
            .output()
            .expect("ffprobe runs");
        assert_eq!(String::from_utf8_lossy(&read.stderr), "");
        let read = String::from_utf8_lossy(&read.stdout).into_owned();
        assert!(read.contains("video,0.000000,100"), "{read}");
        assert!(read.contains("audio,0.000000,"), "{read}");
    }
}

#[test]
fn one_address_has_the_same_bytes_for_every_recipient_and_may_be_kept_for_ever() {
    let server = Server::start();
    let made = ["Ana", "Bo"].map(|name| {
        let video =
            server.publish(&json!({"edit": small_edit(4, "#ddeeff"), "data": {"name": name}}));
        let id = text(&video, "id").to_owned();
        let done = server.finished(&id);
        let playlist = server
            .get(&format!("/v1/videos/{id}/index/video.m3u8"))
            .text();
        let bytes: BTreeMap<String, Vec<u8>> = uris(&playlist)
            .into_iter()
            .map(|uri| (uri.to_owned(), server.get(uri).body))
            .collect();
        (done, bytes)
    });
    let [(_, ana), (second, bo)] = &made;
    assert_eq!(text(second, "status"), "done");
    let shared: Vec<&String> = ana.keys().filter(|uri| bo.contains_key(*uri)).collect();
    assert!(!shared.is_empty() && shared.len() < ana.len());
    assert!(
        second["chunks_hit"].as_u64() >= Some(shared.len() as u64),
        "{second}"
    );
    for uri in shared {
        assert!(!ana[uri].is_empty() && ana[uri] == bo[uri], "{uri}");
    }

    let (uri, bytes) = bo.first_key_value().expect("a segment");
    let answer = server.get(uri);
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(answer.header("content-type"), "video/mp4");
    assert_eq!(answer.header("content-length"), bytes.len().to_string());
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let etag = answer.header("etag").to_owned();
    let again = server.get_with(uri, &[("if-none-match", &etag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), etag);
    let other = server.get_with(uri, &[("if-none-match", "\"other\"")]);
    assert_eq!((other.status, &other.body), (200, bytes));
}

#[test]
fn ranges_of_segments_init_segments_and_the_mp4_are_parts_of_the_whole() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(3, "#ddeefa")}));
    server.finished(text(&video, "id"));
    let playlist = format!("/v1/videos/{}/index/video.m3u8", text(&video, "id"));
    let playlist = server.get(&playlist).text();
    let map = playlist
        .split("#EXT-X-MAP:URI=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let mp4 = text(&video["urls"], "mp4");
    for uri in [uris(&playlist)[0], map.expect("an init segment"), mp4] {
        let whole = server.get(uri);
        assert_eq!(whole.header("accept-ranges"), "bytes", "{uri}");
        let (length, etag) = (whole.body.len(), whole.header("etag"));
        assert!(!etag.is_empty() && !etag.starts_with("W/"), "{uri}");
        // Within the first piece, over the joints of many, and to the end.
        for (from, to) in [
            (0, 0),
            (10, 99),
            (length / 3, length - 2),
            (length - 5, length - 1),
        ] {
            let range = format!("bytes={from}-{to}");
            let part = server.get_with(uri, &[("range", &range), ("if-range", etag)]);
            assert_eq!(part.status, 206, "{uri} {range}");
            assert!(part.body == whole.body[from..=to], "{uri} {range}");
            assert_eq!(
                part.header("content-range"),
                format!("bytes {from}-{to}/{length}")
            );
            assert_eq!(part.header("content-length"), (to - from + 1).to_string());
        }
        let changed = [("range", "bytes=0-1"), ("if-range", "\"other\"")];
        let changed = server.get_with(uri, &changed);
        assert_eq!((changed.status, changed.body.len()), (200, length), "{uri}");
        let beyond = server.get_with(uri, &[("range", &format!("bytes={length}-"))]);
        assert_eq!(beyond.status, 416, "{uri}");
        assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
    }
}

#[test]
fn the_parts_of_a_segment_joined_are_the_segment() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(3, "#ffddee")}));
    let id = text(&video, "id");
    server.finished(id);
    for track in ["video", "audio"] {
        let playlist = server
            .get(&format!("/v1/videos/{id}/live/{track}.m3u8"))
            .text();
        let map = playlist
            .split("#EXT-X-MAP:URI=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let init = server.get(map.expect("an init segment"));
        assert_eq!(
            init.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(&init.body[4..8], b"ftyp");
        let mut parts = Vec::new();
        let mut segments = 0;
        for line in playlist.lines() {
            if let Some(part) = line.strip_prefix("#EXT-X-PART:") {
                let uri = part
                    .split("URI=\"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next());
                let part = server.get(uri.expect("a part's address"));
                assert_eq!((part.status, &part.body[4..8]), (200, b"moof".as_slice()));
                parts.extend(part.body);
            } else if line.starts_with("/c/") {
                assert!(server.get(line).body == parts, "{track}: {line}");
                parts.clear();
                segments += 1;
            }
        }
        assert!(segments > 0 && parts.is_empty());
    }
}

#[test]
fn a_blocking_reload_waits_for_its_part_and_refuses_what_is_too_far() {
    let server = Server::start();
    // Not started: nothing of it is there until its playlist is asked for.
    let video = server.publish(&json!({"edit": small_edit(8, "#eeffdd"), "render": "on_demand"}));
    let path = format!("/v1/videos/{}/live/video.m3u8", text(&video, "id"));
    let first = server.get(&format!("{path}?_HLS_msn=1&_HLS_part=1"));
    let playlist = first.text();
    assert_eq!(first.status, 200, "{playlist}");
    assert_eq!(
        first.header("content-type"),
        "application/vnd.apple.mpegurl"
    );
    let parts = playlist.matches("#EXT-X-PART:").count();
    assert!(parts >= 2, "the second part was asked for: {playlist}");
    let whole = server.get(&format!("{path}?_HLS_msn=2")).text();
    assert!(
        whole.matches("#EXTINF").count() >= 2,
        "the second segment was asked for: {whole}"
    );

    for (query, why) in [
        ("_HLS_part=0", "a part of no segment"),
        ("_HLS_msn=x", "no number"),
        ("_HLS_msn=-1", "no number"),
    ] {
        let answer = server.get(&format!("{path}?{query}"));
        assert_eq!(answer.status, 400, "{why}: {}", answer.text());
        error(&answer);
    }
    // While it grows; a playlist that has ended is answered as it is.
    let fresh = server.publish(&json!({"edit": small_edit(8, "#eeffde"), "render": "on_demand"}));
    let far = server.get(&format!(
        "/v1/videos/{}/live/video.m3u8?_HLS_msn=50",
        text(&fresh, "id")
    ));
    assert_eq!(far.status, 400, "{}", far.text());
    error(&far);
}

#[test]
fn templates_are_listed_with_their_fields_and_a_still() {
    let server = Server::start();
    let listed = server.get("/v1/templates").json();
    let templates = listed["templates"].as_array().expect("templates");
    let shipped = fs::read_dir(crate::server::shipped("templates")).expect("templates");
    assert_eq!(templates.len(), shipped.count());
    for template in templates {
        let id = text(template, "id");
        assert!(!text(template, "title").is_empty());
        assert!(template["duration_s"].as_f64() > Some(0.0));
        for field in template["fields"].as_array().expect("fields") {
            assert!(!text(field, "find").is_empty() && !text(field, "label").is_empty());
        }
        let edit = server.get(&format!("/v1/templates/{id}"));
        assert!(edit.json()["timeline"].is_object());
    }
    let poster = server.get(&format!(
        "/v1/templates/{}/poster.jpg",
        text(&templates[0], "id")
    ));
    assert_eq!(
        (poster.status, poster.header("content-type")),
        (200, "image/jpeg")
    );
    assert_eq!(&poster.body[..3], [0xff, 0xd8, 0xff]);
    for path in ["/healthz", "/readyz"] {
        let health = server.get(path);
        assert_eq!((health.status, health.text().as_str()), (200, "ok"));
    }
}

#[test]
fn what_is_not_there_is_said_in_json() {
    let server = Server::start();
    let nobody = "00000000-0000-4000-8000-000000000000";
    for path in [
        "/nope".into(),
        "/v1/videos/x".into(),
        format!("/v1/videos/{nobody}"),
        format!("/v1/videos/{nobody}.mp4"),
        format!("/v1/videos/{nobody}/live.m3u8"),
        "/v1/templates/nope".into(),
        "/v1/templates/nope/poster.jpg".into(),
        format!("/c/{}/0.m4s", "0".repeat(64)),
        "/c/xyz/0.m4s".into(),
        format!("/i/{}.mp4", "0".repeat(64)),
        "/studio/nope.js".into(),
    ] {
        let answer = server.get(&path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(error(&answer)["code"], "not_found", "{path}");
    }
    for path in ["/healthz", "/v1/templates/nope/poster.jpg", "/v1/videos/x"] {
        let answer = server.post(path, b"{}");
        assert_eq!(
            (answer.status, &error(&answer)["code"]),
            (405, &json!("method_not_allowed")),
            "{path}"
        );
        assert!(answer.header("allow").contains("GET"), "{path}");
    }
}

#[test]
fn a_bad_request_is_told_which_field_is_wrong() {
    let server = Server::start();
    let mut short = small_edit(4, "#123456");
    short["timeline"]["tracks"][0]["clips"][0]["length"] = json!("x");
    let mut absent = small_edit(4, "#123456");
    absent["timeline"]["tracks"][1]["clips"][0]["asset"]["src"] = json!("media/nope.mp4");
    for (body, status, field) in [
        (json!({"template": 5}), 400, "/template"),
        (json!({}), 400, "/template"),
        (json!({"template": "offer", "edit": {}}), 400, "/template"),
        (
            json!({"template": "offer", "scheme": "diagonal"}),
            400,
            "/scheme",
        ),
        (
            json!({"template": "offer", "chunk_max_ms": 1}),
            400,
            "/chunk_max_ms",
        ),
        (
            json!({"template": "offer", "chunk_max_ms": i64::MAX}),
            400,
            "/chunk_max_ms",
        ),
        (
            json!({"template": "offer", "chunk_max_ms": "2 s"}),
            400,
            "/chunk_max_ms",
        ),
        (
            json!({"template": "offer", "render": "later"}),
            400,
            "/render",
        ),
        (json!({"template": "offer", "data": 5}), 400, "/data"),
        (
            json!({"template": "offer", "tempalte": "x"}),
            400,
            "/tempalte",
        ),
        (
            json!({"edit": short}),
            422,
            "/timeline/tracks/0/clips/0/length",
        ),
        (
            json!({"edit": absent}),
            422,
            "/timeline/tracks/1/clips/0/asset/src",
        ),
    ] {
        let answer = server.post("/v1/videos", body.to_string().as_bytes());
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert_eq!(error(&answer)["field"], field, "{body}");
    }
    let unknown = server.post("/v1/videos", br#"{"template": "nope"}"#);
    assert_eq!(unknown.status, 404);
    assert!(text(&error(&unknown), "message").contains("nope"));
    for body in [
        "",
        "{",
        "{bad",
        "[]",
        "null",
        r#"{"template":"offer"} and more"#,
    ] {
        let answer = server.post("/v1/videos", body.as_bytes());
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text());
        assert!(error(&answer)["field"].is_null(), "{body:?}");
    }
    let huge = server.post("/v1/videos", &vec![b' '; (1 << 20) + 1]);
    assert!(matches!(huge.status, 400 | 413), "{}", huge.status);
    error(&huge);
}

#[test]
fn a_server_that_is_told_to_end_while_it_renders_keeps_what_is_rendered() {
    let data = TempDir::with_prefix("loomcast-it-").expect("a temporary folder");
    let request = json!({"edit": small_edit(24, "#fedcba"), "chunk_max_ms": 500});
    let server = Server::start_in(data.path());
    let video = server.publish(&request);
    let id = text(&video, "id").to_owned();
    // The second segment is there, later ones are not.
    let path = format!("/v1/videos/{id}/live/video.m3u8?_HLS_msn=2");
    server.joined(&path);
    let before = server.get(&format!("/v1/videos/{id}")).json();
    assert_eq!(text(&before, "status"), "rendering", "{before}");
    let kept = before["chunks_rendered"].as_u64().expect("a number");
    assert!(kept >= 2);
    assert!(server.terminate().success());

    let server = Server::start_in(data.path());
    let video = server.publish(&request);
    let done = server.finished(text(&video, "id"));
    assert_eq!(text(&done, "status"), "done");
    assert!(
        done["chunks_hit"].as_u64() >= Some(kept),
        "{kept} were there: {done}"
    );
    assert!(done["chunks_rendered"].as_u64() > Some(0), "{done}");
}

#[test]
fn a_video_rendered_on_demand_tells_which_chunks_are_there() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(3, "#abcdee"), "render": "on_demand"}));
    assert_eq!(text(&video, "status"), "on_demand");
    assert_eq!(video["chunks_hit"], 0, "{video}");
    let chunk = &video["chunks"][0];
    let uri = format!("/c/{}/0.m4s", text(chunk, "key"));
    assert_eq!(server.get(&uri).status, 200);
    let own = text(&video["urls"], "self");
    let one = server.get(own).json();
    assert_eq!(text(&one, "status"), "on_demand");
    assert_eq!(
        (&one["chunks_hit"], &one["chunks"][0]["state"]),
        (&json!(1), &json!("hit"))
    );
    // The whole of it has everything rendered.
    assert_eq!(server.get(text(&video["urls"], "mp4")).status, 200);
    let all = server.get(own).json();
    assert_eq!(text(&all, "status"), "done");
    assert_eq!(all["chunks_hit"], all["chunks_total"]);
}

#[test]
fn many_who_ask_for_a_chunk_at_once_share_one_render() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(3, "#abcdef"), "render": "on_demand"}));
    let uri = &format!("/c/{}/0.m4s", text(&video["chunks"][0], "key"));
    let bodies: Vec<Vec<u8>> = thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| server.get(uri).body))
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().expect("answered"))
            .collect()
    });
    assert!(bodies[0].len() > 1000 && bodies.iter().all(|body| *body == bodies[0]));
    let cache = server.get("/v1/stats").json()["cache"].clone();
    let shared = cache["coalesced"].as_u64().zip(cache["hits"].as_u64());
    assert_eq!(cache["misses"], 1, "{cache}");
    assert_eq!(
        shared.map(|(coalesced, hits)| coalesced + hits),
        Some(7),
        "{cache}"
    );
}

#[test]
fn playlists_are_compressed_and_media_is_sent_as_it_is() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(20, "#abcd04"), "render": "on_demand"}));
    let gzip = [("accept-encoding", "gzip")];
    let playlist = format!("/v1/videos/{}/index/video.m3u8", text(&video, "id"));
    let packed = server.get_with(&playlist, &gzip);
    assert_eq!(packed.header("content-encoding"), "gzip");
    let plain = server.get(&playlist);
    assert_eq!(plain.header("content-encoding"), "");
    assert!(packed.body.len() < plain.body.len());
    let chunk = format!("/c/{}/0.m4s", text(&video["chunks"][0], "key"));
    let media = server.get_with(&chunk, &gzip);
    assert_eq!((media.status, media.header("content-encoding")), (200, ""));
}

#[test]
fn http_2_gives_the_same_bytes() {
    if !have("curl", "http_2_gives_the_same_bytes") {
        return;
    }
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(3, "#abcd05"), "render": "on_demand"}));
    let chunk = format!("/c/{}/0.m4s", text(&video["chunks"][0], "key"));
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("chunk");
    // While it is rendered, and when it is there.
    for _ in 0..2 {
        let said = Command::new("curl")
            .args([
                "-s",
                "--http2-prior-knowledge",
                "-w",
                "%{http_version} %{http_code}",
                "-o",
            ])
            .arg(&file)
            .arg(server.url(&chunk))
            .output()
            .expect("curl runs");
        assert_eq!(String::from_utf8_lossy(&said.stdout), "2 200");
        assert!(fs::read(&file).expect("is there") == server.get(&chunk).body);
    }
}

/// The states of a track's chunks, in order.
fn states(video: &Value, track: &str) -> Vec<String> {
    let chunks = video["chunks"].as_array().expect("chunks");
    let of_track = chunks.iter().filter(|chunk| chunk["track"] == track);
    of_track
        .map(|chunk| text(chunk, "state").to_owned())
        .collect()
}

#[test]
fn a_seek_has_what_follows_rendered_and_not_what_was_skipped() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(120, "#abcd01"), "render": "on_demand"}));
    let own = text(&video["urls"], "self").to_owned();
    let playlist = format!("/v1/videos/{}/index/video.m3u8", text(&video, "id"));
    let playlist = server.get(&playlist).text();
    let uris = uris(&playlist);
    let to = uris.len() / 2;
    // Whoever has the playlist is about to watch, nobody knows where.
    assert_eq!(server.get(uris[to]).status, 200);
    let there = |video: &Value| {
        let states = states(video, "video");
        let there = |state: &String| state == "hit" || state == "rendered";
        states.iter().map(there).collect::<Vec<bool>>()
    };
    // Chunks of two seconds: ten of them are within the horizon.
    let mut seen = there(&server.get(&own).json());
    while !seen[to..=to + 9].iter().all(|there| *there) {
        thread::sleep(Duration::from_millis(50));
        seen = there(&server.get(&own).json());
    }
    assert!(seen[..to].iter().all(|there| !there), "{seen:?}");
    assert!(seen[to + 12..].iter().all(|there| !there), "{seen:?}");
}

#[test]
fn what_nobody_watches_any_more_is_rendered_no_further() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(120, "#abcd02"), "render": "on_demand"}));
    let own = text(&video["urls"], "self").to_owned();
    let live = format!("/v1/videos/{}/live/video.m3u8", text(&video, "id"));
    assert_eq!(server.get(&live).status, 200);
    assert_eq!(text(&server.get(&own).json(), "status"), "rendering");
    // It goes on for half a minute, then the player is taken to be gone.
    let mut left = server.get(&own).json();
    while text(&left, "status") == "rendering" {
        thread::sleep(Duration::from_millis(200));
        left = server.get(&own).json();
    }
    assert_eq!(text(&left, "status"), "on_demand");
    assert!(left["progress"].as_f64() < Some(0.3), "{left:#}");
    // What was begun is finished, and nothing is queued after it.
    let queued = || server.get("/v1/stats").json()["render"]["queued"].clone();
    let emptied = (0..MOST_LOOKS).any(|_| {
        thread::sleep(Duration::from_millis(50));
        queued() == 0
    });
    assert!(emptied, "{} are queued for ever", queued());
    // It comes back.
    server.joined(&format!("{live}?_HLS_msn=13"));
    assert_eq!(text(&server.get(&own).json(), "status"), "rendering");
}

#[test]
fn a_deleted_video_is_gone_and_not_rendered_any_further() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": small_edit(120, "#abcd03")}));
    let own = text(&video["urls"], "self").to_owned();
    let chunk = text(&video["chunks"][0], "key").to_owned();
    assert_eq!(server.get(&format!("/c/{chunk}/0.m4s")).status, 200);
    let deleted = server.delete(&own);
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(server.get(&own).status, 404);
    assert_eq!(server.delete(&own).status, 404);
    // What is there stays there; what waited is dropped when its turn comes.
    assert_eq!(server.get(&format!("/c/{chunk}/0.m4s")).status, 200);
    loop {
        let stats = server.get("/v1/stats").json();
        if stats["render"] == json!({"threads": 2, "busy": 0, "queued": 0}) {
            let stored = stats["store"]["chunks"].as_u64();
            assert!(stored < video["chunks_total"].as_u64(), "{stats}");
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
