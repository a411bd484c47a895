//! Channels: rendered videos as live streams, by the clock; and what a viewer of one sees
//! that is theirs alone.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::live::{MOST_LOOKS, folder, frames, lines, server};
use crate::players::{Viewing, play_in_chromium};
use crate::reload::{Client, Seen, Way, another_parser_takes_them_all};
use crate::server::{Server, have, light_edit, small_edit};
use crate::support::have_ffmpeg;

/// All pictures, each once.
const PICTURES: [&str; 2] = ["-fps_mode", "passthrough"];

/// The pictures of a video of `edit`, by their hashes.
fn pictures(server: &Server, edit: &Value, data: &Value) -> Vec<String> {
    let video = server.publish(&json!({"edit": edit, "data": data}));
    let id = video["id"].as_str().expect("an id");
    server.finished(id);
    frames(
        &server.url(&format!("/v1/videos/{id}.mp4")),
        "0:v",
        &PICTURES,
    )
}

fn create(server: &Server, definition: &Value) -> Value {
    let made = server.post("/v1/channels", definition.to_string().as_bytes());
    assert_eq!(made.status, 201, "{}", made.text());
    let name = definition["name"].as_str().expect("a name");
    assert_eq!(made.header("location"), format!("/v1/channels/{name}"));
    made.json()
}

fn told(server: &Server, name: &str) -> Value {
    server.get(&format!("/v1/channels/{name}")).json()
}

/// Waits until channel `name` is `status`.
fn await_status(server: &Server, name: &str, status: &str) -> Value {
    for _ in 0..MOST_LOOKS {
        let told = told(server, name);
        if told["status"] == status {
            return told;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("{name} is never {status}: {}", told(server, name));
}

/// How often something was made for the cache since the start.
fn made(server: &Server) -> u64 {
    let stats = server.get("/v1/stats").json();
    stats["cache"]["misses"].as_u64().expect("a number")
}

/// How many live segments a channel that is over made of its chunks.
fn put_on_the_air(over: &Value) -> u64 {
    2 * over["segments"]["played"].as_u64().expect("a number")
}

/// Where `found` is in what is repeated without end; it is there whole.
fn place(found: &[String], round: &[String]) -> usize {
    let fits = |from: &usize| {
        let expected = round.iter().cycle().skip(*from);
        found.iter().zip(expected).all(|(is, wanted)| is == wanted)
    };
    let places: Vec<usize> = (0..round.len()).filter(fits).collect();
    assert_eq!(places.len(), 1, "{} pictures", found.len());
    places[0]
}

fn viewer(server: &Server, name: &str, data: &Value) -> Value {
    let body = json!({"data": data}).to_string();
    let made = server.post(&format!("/v1/channels/{name}/viewers"), body.as_bytes());
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

#[test]
fn a_loop_shows_the_pictures_of_its_videos_again_and_again_and_renders_none_twice() {
    if !have_ffmpeg("a_loop_shows_the_pictures_of_its_videos_again_and_again") {
        return;
    }
    let server = Server::start();
    let (one, two) = (light_edit(4, "#11aa01"), light_edit(3, "#11aa02"));
    let round = [
        pictures(&server, &one, &json!({})),
        pictures(&server, &two, &json!({"name": "Bo"})),
    ]
    .concat();
    assert_eq!(round.len(), 7 * 25);
    let before = made(&server);
    let channel = create(
        &server,
        &json!({"name": "shop", "render": "always", "rounds": 3, "entries": [
            {"edit": one}, {"edit": two, "data": {"name": "Bo"}},
        ]}),
    );
    assert_eq!(channel["entries"][0]["milliseconds"], 4000);
    assert_eq!(channel["entries"][1]["width"], 256);
    let over = await_status(&server, "shop", "over");
    // It is listed to its end, from its very beginning, as all was there.
    let playlist = server.get("/live/shop/video.m3u8").text();
    assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
    assert!(playlist.contains("#EXT-X-MEDIA-SEQUENCE:1\n"), "{playlist}");
    for wrong in ["#EXT-X-GAP", "#EXT-X-DISCONTINUITY"] {
        assert!(!playlist.contains(wrong), "{playlist}");
    }
    assert_eq!(over["segments"]["late"], 0, "{over}");
    let index = server.url("/live/shop/index.m3u8");
    let shown = frames(&index, "0:v", &PICTURES);
    assert_eq!(shown.len(), 3 * round.len());
    assert_eq!(place(&shown, &round), 0);
    // Sound goes on without a hole: each frame begins where the one before ended.
    let sound = frames(&index, "0:a:0", &["-c", "copy"]);
    assert_eq!(sound.len(), (21 * 48_000_usize + 512) / 1024);
    let rendered = made(&server) - before - put_on_the_air(&over);
    assert_eq!(rendered, 0, "all was rendered for the videos");
}

#[test]
fn a_channel_that_begins_with_nothing_rendered_begins_later_and_not_with_a_gap() {
    if !have_ffmpeg("a_channel_that_begins_with_nothing_rendered_begins_later") {
        return;
    }
    let server = Server::start();
    let (one, two) = (light_edit(4, "#11ab01"), light_edit(3, "#11ab02"));
    let entries = json!([{"edit": one}, {"edit": two}]);
    create(&server, &json!({"name": "cold", "entries": entries}));
    assert_eq!(told(&server, "cold")["status"], "idle");
    // The first who asks has it go on the air.
    server.joined("/live/cold/index.m3u8");
    await_status(&server, "cold", "on_air");
    let first = server.joined("/live/cold/video.m3u8").text();
    let before = first.split(".m4s").next().unwrap_or_default();
    assert!(!before.contains("GAP"), "{first}");
    // When all was played once all is there, over every seam.
    let round = [one, two].map(|edit| pictures(&server, &edit, &json!({})));
    for _ in 0..MOST_LOOKS {
        drop(server.get("/live/cold/video.m3u8"));
        if told(&server, "cold")["segments"]["played"].as_u64() >= Some(10) {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    let index = server.url("/live/cold/index.m3u8");
    let shown = frames(&index, "0:v", &["-t", "9", "-fps_mode", "passthrough"]);
    place(&shown, &round.concat());
    assert_eq!(server.delete("/v1/channels/cold").status, 204);
    assert_eq!(server.get("/v1/channels/cold").status, 404);
    let ended = server.get("/live/cold/video.m3u8").text();
    assert!(ended.contains("#EXT-X-ENDLIST"), "{ended}");
    // Its name is free.
    create(&server, &json!({"name": "cold", "entries": entries}));
}

#[test]
fn playlists_of_a_channel_and_of_its_viewers_keep_the_rules() {
    if !have_ffmpeg("playlists_of_a_channel_and_of_its_viewers_keep_the_rules") {
        return;
    }
    let data = folder();
    let server = server(&data, "1", &["--live-window", "26"]);
    let mut other = light_edit(3, "#11ac02");
    other["output"]["size"] = json!({"width": 320, "height": 180});
    let entries = json!([
        {"edit": light_edit(4, "#11ac01"), "personal": ["name"]},
        {"edit": light_edit(5, "#11ac03")},
        {"edit": other},
    ]);
    create(
        &server,
        &json!({"name": "show", "render": "always", "entries": entries}),
    );
    let viewer = viewer(&server, "show", &json!({"name": "Ada"}));
    let id = viewer["id"].as_str().expect("an id");
    let theirs = format!("/live/show/for/{id}");
    server.joined(&format!("{theirs}/video.m3u8"));
    server.joined(&format!("{theirs}/audio.m3u8"));
    // One that began with a later number than 1 is short at first, though nothing has left it.
    while told(&server, "show")["segments"]["played"].as_u64() < Some(14) {
        drop(server.get(&format!("{theirs}/video.m3u8")));
        sleep(Duration::from_millis(500));
    }
    let seen = Seen::default();
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for track in ["video", "audio"] {
            for way in Way::ALL {
                let client = Client::new(&server, track, way, &seen);
                clients.push(scope.spawn(move || client.follow()));
            }
            // What left the list of a viewer has one of two addresses: it is not looked for.
            for way in [Way::Parts, Way::Deltas, Way::Plain] {
                let client = Client::at(&server, &theirs, (track, way), &seen);
                clients.push(scope.spawn(move || client.follow()));
            }
        }
        // Longer than the window.
        sleep(Duration::from_secs(34));
        assert_eq!(server.delete("/v1/channels/show").status, 204);
        for client in clients {
            assert!(client.join().expect("it follows the stream to its end") > 5);
        }
    });
    another_parser_takes_them_all(&seen.into_inner().expect("no panic"));
}

#[test]
fn a_viewer_sees_their_own_where_the_channel_is_personal_and_shares_the_rest() {
    if !have_ffmpeg("a_viewer_sees_their_own_where_the_channel_is_personal") {
        return;
    }
    let server = Server::start();
    // The name is there from the first second to the third.
    let (one, two) = (light_edit(6, "#11ad01"), light_edit(4, "#11ad02"));
    let of_all: Vec<_> = [&two, &one]
        .into_iter()
        .flat_map(|edit| pictures(&server, edit, &json!({})))
        .collect();
    let before = made(&server);
    create(
        &server,
        &json!({"name": "shop", "render": "always", "rounds": 2, "entries": [
            {"edit": two}, {"edit": one, "personal": ["name"]},
        ]}),
    );
    let ada = viewer(&server, "shop", &json!({"name": "Ada"}));
    let again = viewer(&server, "shop", &json!({"name": "Ada"}));
    assert_eq!(ada, again);
    let index = ada["urls"]["index"].as_str().expect("an address");
    server.joined(index);
    let path = index.replace("index", "video");
    let mut listed = BTreeSet::new();
    while told(&server, "shop")["status"] != "over" {
        let playlist = server.get(&path).text();
        let uris = playlist.lines().filter(|line| line.ends_with(".m4s"));
        listed.extend(uris.map(str::to_owned));
        assert!(!playlist.contains("GAP"), "{playlist}");
        sleep(Duration::from_millis(300));
    }
    // All in one segment or two of each round is theirs, and nothing of the sound.
    let own = |uris: &BTreeSet<String>| uris.iter().filter(|uri| uri.contains("/for/")).count();
    assert!((1..=6).contains(&own(&listed)), "{listed:?}");
    assert!(own(&listed) < listed.len());
    let sound = server.get(&index.replace("index", "audio")).text();
    assert!(!sound.contains("/for/"), "{sound}");

    let over = told(&server, "shop");
    let rendered = made(&server) - before - put_on_the_air(&over);
    let own_chunks = ada["own_chunks"].as_u64().expect("a number");
    assert!(own_chunks >= 1, "{ada}");
    assert_eq!(rendered, own_chunks, "only theirs, and once");
    let theirs: Vec<_> = [(&two, json!({})), (&one, json!({"name": "Ada"}))]
        .into_iter()
        .flat_map(|(edit, data)| pictures(&server, edit, &data))
        .collect();
    assert_ne!(theirs, of_all);
    let shown = frames(&server.url(index), "0:v", &PICTURES);
    place(&shown, &theirs);
    let shown = frames(&server.url("/live/shop/index.m3u8"), "0:v", &PICTURES);
    assert_eq!(place(&shown, &of_all), 0);

    // What is no viewer's, or would be another video, is refused.
    for (data, field) in [
        (json!({"team": "red"}), "/data/team"),
        (json!("Ada"), "/data"),
    ] {
        let body = json!({"data": data}).to_string();
        let refused = server.post("/v1/channels/shop/viewers", body.as_bytes());
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert_eq!(refused.json()["error"]["field"], field);
    }
    let unknown = server.get("/live/shop/for/00112233/index.m3u8");
    assert_eq!(unknown.status, 404);
}

#[test]
fn data_of_a_viewer_that_would_change_the_length_is_refused() {
    let server = Server::start();
    let mut edit = small_edit(4, "#11ae01");
    edit["timeline"]["tracks"][1]["clips"][0]["length"] = json!("{{ seconds }}");
    edit["merge"] = json!([{"find": "name", "replace": "Ana"}, {"find": "seconds", "replace": 4}]);
    create(
        &server,
        &json!({"name": "shop", "entries": [{"edit": edit, "personal": ["name", "seconds"]}]}),
    );
    viewer(&server, "shop", &json!({"name": "Ada", "seconds": 4}));
    let body = json!({"data": {"seconds": 5}}).to_string();
    let refused = server.post("/v1/channels/shop/viewers", body.as_bytes());
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(refused.json()["error"]["field"], "/data");
}

#[test]
fn what_is_wrong_with_a_channel_is_said_by_its_pointer() {
    let server = Server::start();
    let edit = || small_edit(2, "#11af01");
    let mut silent = edit();
    let timeline = silent["timeline"].as_object_mut().expect("an object");
    timeline.remove("soundtrack");
    let mut broken = edit();
    broken["timeline"]["tracks"][1]["clips"][0]["length"] = json!(-1);
    let mut short = edit();
    short["timeline"]["tracks"] = json!([{"clips": [{
        "asset": {"type": "video", "src": "media/greeting-30/bg.mp4", "volume": 0},
        "start": 0, "length": 0.2,
    }]}]);
    let entries = |edit: Value| json!([{"edit": edit}]);
    let item = |at: u64, entry: usize| json!({"at_unix_ms": at, "entry": entry});
    for (definition, field) in [
        (json!({"entries": entries(edit())}), "/name"),
        (json!({"name": "a/b", "entries": entries(edit())}), "/name"),
        (json!({"name": 7, "entries": entries(edit())}), "/name"),
        (json!({"name": "x", "entries": []}), "/entries"),
        (json!({"name": "x", "entries": [{}]}), "/entries/0/template"),
        (
            json!({"name": "x", "entries": [{"edit": edit()}, {"template": "nothing"}]}),
            "/entries/1/template",
        ),
        (
            json!({"name": "x", "entries": [{"edit": edit(), "personal": 5}]}),
            "/entries/0/personal",
        ),
        (
            json!({"name": "x", "entries": entries(broken)}),
            "/entries/0/edit/timeline/tracks/1/clips/0/length",
        ),
        (
            json!({"name": "x", "entries": [{"edit": edit()}, {"edit": silent}]}),
            "/entries/1/edit",
        ),
        (
            json!({"name": "x", "entries": entries(short)}),
            "/entries/0/edit",
        ),
        (
            json!({"name": "x", "entries": entries(edit()), "rounds": 0}),
            "/rounds",
        ),
        (
            json!({"name": "x", "entries": entries(edit()), "render": "never"}),
            "/render",
        ),
        (
            json!({"name": "x", "entries": entries(edit()),
                "schedule": {"items": [item(5, 3)], "filler": 0}}),
            "/schedule/items/0/entry",
        ),
    ] {
        let refused = server.post("/v1/channels", definition.to_string().as_bytes());
        assert_eq!(refused.status, 400, "{field}: {}", refused.text());
        let error = &refused.json()["error"];
        assert_eq!(error["field"], field, "{error}");
    }
    assert_eq!(server.get("/v1/channels").json()["channels"], json!([]));
    assert_eq!(server.get("/v1/channels/x").status, 404);
    assert_eq!(server.delete("/v1/channels/x").status, 404);
    assert_eq!(server.get("/live/x/index.m3u8").status, 404);
}

#[test]
fn a_channel_has_its_name_to_itself() {
    let server = Server::start();
    let definition = json!({"name": "shop", "entries": [{"edit": small_edit(2, "#11b001")}]});
    create(&server, &definition);
    let again = server.post("/v1/channels", definition.to_string().as_bytes());
    assert_eq!(again.status, 409, "{}", again.text());
    let pulled = json!({"name": "shop", "source": {"url": "rtmp://127.0.0.1:1/live/x"}});
    let pulled = server.post("/v1/live", pulled.to_string().as_bytes());
    assert_eq!(pulled.status, 409, "{}", pulled.text());
    assert_eq!(server.delete("/v1/live/shop").status, 409);
    assert_eq!(server.delete("/v1/channels/shop").status, 204);
    let source = json!({"name": "shop", "source": {"url": "rtmp://127.0.0.1:1/live/x"}});
    assert_eq!(
        server
            .post("/v1/live", source.to_string().as_bytes())
            .status,
        201
    );
    let taken = server.post("/v1/channels", definition.to_string().as_bytes());
    assert_eq!(taken.status, 409, "{}", taken.text());
}

/// When each segment that is listed is on, by its number, in milliseconds since 1970.
fn dated(playlist: &str) -> BTreeMap<u64, u64> {
    let number = lines(playlist, "#EXT-X-MEDIA-SEQUENCE:");
    let mut number: u64 = number[0].parse().expect("a number");
    let (mut on, mut dates) = (0, BTreeMap::new());
    for line in playlist.lines() {
        if let Some(date) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            let date = humantime::parse_rfc3339(date).expect("a date");
            let since = date.duration_since(std::time::UNIX_EPOCH);
            on = u64::try_from(since.expect("it is later").as_millis()).expect("a time");
        }
        if let Some(lasts) = line.strip_prefix("#EXTINF:") {
            dates.insert(number, on);
            let seconds: f64 = lasts.trim_end_matches(',').parse().expect("seconds");
            on += (seconds * 1000.0).round() as u64;
            number += 1;
        }
    }
    dates
}

#[test]
fn a_channel_goes_on_by_the_clock_over_a_restart() {
    let data = folder();
    let server = Server::start_in(data.path());
    let entries = json!([{"edit": light_edit(4, "#11b101"), "personal": ["name"]}]);
    let definition = json!({"name": "shop", "entries": entries});
    let made = create(&server, &definition);
    let address = viewer(&server, "shop", &json!({"name": "Ada"}))["urls"]["index"].clone();
    let before = dated(&server.joined("/live/shop/video.m3u8").text());
    assert!(server.terminate().success());
    let server = Server::start_in(data.path());
    let resumed = await_status(&server, "shop", "idle");
    assert_eq!(resumed["since_unix_ms"], made["since_unix_ms"]);
    assert_eq!(resumed["entries"], made["entries"]);
    let after = dated(&server.joined("/live/shop/video.m3u8").text());
    // Three segments are one round: the name enters after one second and leaves after three.
    let began = made["since_unix_ms"].as_u64().expect("a time");
    for (number, date) in before.iter().chain(&after) {
        let (round, place) = ((number - 1) / 3, (number - 1) % 3);
        let on = began + 4000 * round + [0, 1000, 3000][usize::try_from(place).expect("few")];
        assert_eq!(*date, on, "{before:?} {after:?}");
    }
    // Viewers' data is not kept; the same data has the same address.
    let path = address.as_str().expect("an address");
    assert_eq!(server.get(path).status, 404);
    let again = viewer(&server, "shop", &json!({"name": "Ada"}));
    assert_eq!(again["urls"]["index"], address);
    server.joined(path);
}

#[test]
fn hls_js_plays_a_viewers_own_stream_over_the_seams_of_its_videos() {
    let test = "hls_js_plays_a_viewers_own_stream_over_the_seams_of_its_videos";
    if !have("chromium", test) {
        return;
    }
    let server = Server::start();
    // Of two sizes.
    let mut other = light_edit(3, "#11b202");
    other["output"]["size"] = json!({"width": 320, "height": 180});
    let entries = json!([
        {"edit": light_edit(4, "#11b201"), "personal": ["name"]},
        {"edit": other},
    ]);
    create(
        &server,
        &json!({"name": "show", "render": "always", "rounds": 3, "entries": entries}),
    );
    let made = viewer(&server, "show", &json!({"name": "Ada"}));
    let theirs = made["urls"]["index"].as_str().expect("an address");
    server.joined(&theirs.replace("index", "video"));
    let played = play_in_chromium(&server, theirs, Viewing::default());
    assert!(played["time"].as_f64() > Some(15.0), "{played:#}");
    assert_eq!(played["fatal"], json!([]), "{played:#}");
    assert_eq!(played["media_error"], Value::Null, "{played:#}");
    assert_eq!(played["corrupted"], 0, "{played:#}");
}
