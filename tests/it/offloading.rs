//! What caches save and could save, measured where it happens: by servers and edges that
//! real traffic comes to.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use loomcast::offload::trace::{self, Format};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::live::{MOST_LOOKS, folder};
use crate::origin::{Origin, Reply};
use crate::server::{Server, light_edit, shipped, small_edit};

/// A video of `clips` stills, each of another colour: `salt` makes them others than
/// those of any other video.
fn stills(clips: usize, salt: u8) -> Value {
    let clip = |at: usize| {
        let css = format!(
            "p {{ width: 256px; height: 144px; background-color: #{salt:02x}{:02x}{:02x} }}",
            40 + at * 3 % 200,
            at
        );
        json!({
            "asset": {"type": "html", "html": "<p></p>", "css": css, "width": 256, "height": 144},
            "start": at as f64 / 2.0,
            "length": 0.5,
        })
    };
    json!({
        "edit": {
            "timeline": {"tracks": [{"clips": (0..clips).map(clip).collect::<Vec<_>>()}]},
            "output": {"format": "mp4", "size": {"width": 256, "height": 144}, "fps": 25},
        },
        "scheme": "fixed",
        "chunk_max_ms": 500,
        "render": "on_demand",
    })
}

/// The addresses of `count` different chunks of a video, none of which was asked for.
fn distinct(server: &Server, video: &Value, count: usize) -> Vec<String> {
    let made = server.publish(video);
    let chunks = made["chunks"].as_array().expect("chunks");
    let mut seen = BTreeSet::new();
    let keys = chunks.iter().filter(|chunk| chunk["track"] == "video");
    let keys = keys.map(|chunk| chunk["key"].as_str().expect("a key").to_owned());
    let keys: Vec<String> = keys.filter(|key| seen.insert(key.clone())).collect();
    assert!(keys.len() >= count, "{} of {count}", keys.len());
    let address = |key: &String| format!("/c/{key}/0.m4s");
    keys[..count].iter().map(address).collect()
}

/// Waits until all that was made is on its disk, what had to go for it is gone, and all of it
/// is counted.
fn settled(server: &Server) {
    settles(server, "/v1/stats");
}

/// The same of an edge.
fn edge_settled(edge: &Server) {
    settles(edge, "/v1/edge");
}

fn settles(server: &Server, figures: &str) {
    for look in 0.. {
        if server.get(figures).json()["cache"]["in_flight"] == 0 {
            return;
        }
        assert!(look < MOST_LOOKS, "something is in flight for ever");
        thread::sleep(Duration::from_millis(2));
    }
}

/// An origin that keeps one small chunk, and nothing in memory.
fn of_one_chunk(data: &TempDir) -> Server {
    let options = [
        "--memory",
        "0",
        "--cache-size",
        "4096",
        "--eviction",
        "lru",
        "--admission",
        "all",
    ];
    Server::start_under(&[], data.path(), &options)
}

/// Asks for each address so often in a row.
fn ask<'a>(server: &Server, runs: impl Iterator<Item = (&'a String, usize)>) {
    for (address, times) in runs {
        settled(server);
        for _ in 0..times {
            let answer = server.get(address);
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.body.len() < 3500, "{}", answer.body.len());
        }
    }
}

fn report(server: &Server) -> Value {
    let answer = server.get("/v1/offload");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// How often something was fetched for each cause but that it was new; and of these, how
/// many the maximum says could have been spared.
fn repeats(report: &Value) -> (u64, u64) {
    let misses = report["whole"]["misses"].as_array().expect("misses");
    let is_new = |one: &&Value| one["cause"] == "cold" || one["cause"] == "fragmented";
    let again = misses.iter().filter(|one| !is_new(one));
    let again = again.map(|one| one["requests"].as_u64().expect("a count"));
    let total = &report["whole"]["offload"]["requests"]["cacheable"];
    let fetched = total["fetched"].as_u64().expect("a count");
    let distinct = total["distinct"]["value"].as_u64().expect("a count");
    (again.sum(), fetched - distinct)
}

fn missed(report: &Value, cause: &str) -> u64 {
    let misses = report["whole"]["misses"].as_array().expect("misses");
    let found = misses.iter().find(|one| one["cause"] == cause);
    found.map_or(0, |one| one["requests"].as_u64().expect("a count"))
}

fn check(report: &Value, asked: u64, fetched: u64, distinct: u64, ratios: (f64, f64)) {
    for scope in ["total", "cacheable"] {
        let figure = &report["whole"]["offload"]["requests"][scope];
        assert_eq!(figure["asked"], asked, "{report:#}");
        assert_eq!(figure["fetched"], fetched, "{report:#}");
        assert_eq!(figure["distinct"]["value"], distinct, "{report:#}");
        assert_eq!(figure["observed"], ratios.0);
        assert_eq!(figure["maximum"]["value"], ratios.1);
        assert_eq!(figure["maximum"]["low"], figure["maximum"]["high"]);
    }
    assert_eq!(repeats(report), (fetched - distinct, fetched - distinct));
    assert_eq!(missed(report, "cold"), distinct);
    assert_eq!(missed(report, "evicted"), fetched - distinct);
}

#[test]
fn ten_objects_fetched_three_hundred_times_could_have_been_spared_nearly_all_of_it() {
    let data = folder();
    let server = of_one_chunk(&data);
    let chunks = distinct(&server, &stills(12, 0x10), 10);
    // 300 turns of 1000 requests: each drives out what the one before has left.
    let times = |turn: usize| if turn.is_multiple_of(3) { 4 } else { 3 };
    let runs = (0..300).map(|turn| (&chunks[turn % 10], times(turn)));
    ask(&server, runs);
    settled(&server);
    let report = report(&server);
    check(&report, 1000, 300, 10, (0.7, 0.99));
    let bytes = &report["whole"]["offload"]["bytes"]["total"];
    let most = bytes["maximum"]["value"].as_f64().expect("a part");
    assert!(most > 0.98, "{bytes}");
    let advice = report["advice"].as_array().expect("advice");
    assert!(
        advice.iter().any(|one| one["kind"] == "more_disk"),
        "{report:#}"
    );
    let last = server.get(&chunks[0]);
    assert_eq!(
        last.header("cache-status"),
        "loomcast; fwd=miss; stored; detail=evicted"
    );
}

#[test]
fn where_nearly_all_that_is_fetched_is_new_there_is_nothing_to_gain() {
    let data = folder();
    let server = of_one_chunk(&data);
    let chunks = distinct(&server, &stills(70, 0x20), 65);
    // The second of the worked examples, a tenth of its size: 70 turns of 100 requests,
    // 5 of them for what was there before.
    let turns = chunks.iter().chain(&chunks[..5]).enumerate();
    ask(
        &server,
        turns.map(|(turn, chunk)| (chunk, 1 + usize::from(turn < 30))),
    );
    settled(&server);
    check(&report(&server), 100, 70, 65, (0.3, 0.35));
}

#[test]
fn what_is_removed_by_hand_is_fetched_again_because_of_that() {
    let server = Server::start();
    let chunk = &distinct(&server, &stills(3, 0x30), 1)[0];
    let first = server.get(chunk);
    let said = "loomcast; fwd=uri-miss; stored; detail=cold";
    assert_eq!((first.status, first.header("cache-status")), (200, said));
    assert!(first.header("server-timing").contains("cache;desc=miss"));
    settled(&server);
    let second = server.get(chunk);
    assert_eq!(
        second.header("cache-status"),
        "loomcast; hit; detail=memory"
    );
    let key = chunk.split('/').nth(2).expect("a key");
    let address = format!("/v1/cache/{key}");
    assert_eq!(server.delete(&address).status, 204);
    assert_eq!(server.delete(&address).status, 404);
    let third = server.get(chunk);
    assert_eq!(
        third.header("cache-status"),
        "loomcast; fwd=miss; stored; detail=purged"
    );
    assert_eq!(third.body, first.body);
    settled(&server);
    let report = report(&server);
    assert_eq!((missed(&report, "cold"), missed(&report, "purged")), (1, 1));
    assert_eq!(repeats(&report), (1, 1));
}

#[test]
fn of_many_who_want_a_chunk_at_once_one_is_told_that_it_was_made_for_it() {
    let server = Server::start();
    let request = json!({"edit": small_edit(4, "#0ff10a"), "render": "on_demand"});
    let chunk = &distinct(&server, &request, 2)[1];
    let statuses: Vec<String> = thread::scope(|scope| {
        let ask = || server.get(chunk).header("cache-status").to_owned();
        let asking: Vec<_> = (0..30).map(|_| scope.spawn(ask)).collect();
        let told = asking.into_iter().map(|asked| asked.join());
        told.map(|said| said.expect("an answer")).collect()
    });
    let of = |what: &str| statuses.iter().filter(|said| said.contains(what)).count();
    assert_eq!(of("; stored"), 1, "{statuses:?}");
    assert!(of("; collapsed") >= 1, "{statuses:?}");
    assert_eq!(of("; collapsed") + of("; hit"), 29, "{statuses:?}");
    settled(&server);
    let report = report(&server);
    let figure = &report["whole"]["offload"]["requests"]["total"];
    assert_eq!(
        (&figure["asked"], &figure["fetched"]),
        (&json!(30), &json!(1))
    );
    assert_eq!(report["whole"]["collapsed"]["requests"], of("; collapsed"));
}

#[test]
fn what_is_rendered_ahead_and_watched_once_is_no_saving() {
    let server = Server::start();
    let video = server.publish(&json!({"edit": light_edit(4, "#0ff10b")}));
    server.finished(video["id"].as_str().expect("an id"));
    settled(&server);
    let chunks = video["chunks"].as_array().expect("chunks");
    let keys: BTreeSet<&str> = chunks
        .iter()
        .map(|chunk| chunk["key"].as_str().expect("a key"))
        .collect();
    for key in &keys {
        assert_eq!(server.get(&format!("/c/{key}/0.m4s")).status, 200);
    }
    let report = report(&server);
    let figure = &report["whole"]["offload"]["requests"]["total"];
    assert_eq!(figure["asked"], keys.len(), "{figure}");
    assert_eq!(figure["fetched"], keys.len(), "{figure}");
    assert_eq!(figure["observed"], 0.0);
}

#[test]
fn every_answer_says_how_the_cache_met_it_and_what_it_took() {
    let folders = [folder(), folder()];
    let origin = Server::start_under(&[], folders[0].path(), &[]);
    let edge = Server::edge(&[&origin.url("")], folders[1].path(), &[]);
    let chunk = distinct(&origin, &stills(3, 0x40), 1).remove(0);
    let video = origin.get("/v1/videos").json();
    let id = video["videos"][0]["id"].as_str().expect("an id").to_owned();
    let playlist = format!("/v1/videos/{id}/index.m3u8");
    for path in [
        "/",
        "/healthz",
        "/metrics",
        "/v1/offload",
        "/v1/stats",
        "/nothing/there",
        "/c/x/0.m4s",
        "/live/nobody/index.m3u8",
        &playlist,
        &chunk,
    ] {
        for (server, name) in [(&origin, "loomcast"), (&edge, "loomcast-edge")] {
            let answer = server.get(path);
            let said = answer.headers.get_all("cache-status").iter().next_back();
            let said = said.and_then(|said| said.to_str().ok()).unwrap_or_default();
            let words = [
                format!("{name}; hit"),
                format!("{name}; fwd=bypass"),
                format!("{name}; fwd=uri-miss"),
            ];
            assert!(
                words.iter().any(|word| said.starts_with(word)),
                "{name} {path}: {said:?}"
            );
            assert!(answer.header("server-timing").contains("dur="), "{path}");
        }
    }
    assert_eq!(
        origin.get("/healthz").header("cache-status"),
        "loomcast; fwd=bypass"
    );
    assert!(
        edge.get(&chunk)
            .header("cache-status")
            .ends_with("hit; detail=memory")
    );
}

/// The report on one node, once it told of `asked` requests.
fn told(aggregator: &Server, node: &str, asked: usize) -> Value {
    for look in 0.. {
        let answer = aggregator.get(&format!("/v1/offload?node={node}"));
        if answer.status == 200 {
            let report = answer.json();
            if report["whole"]["offload"]["requests"]["total"]["asked"] == asked {
                return report;
            }
        }
        assert!(look < MOST_LOOKS, "{node} never told");
        thread::sleep(Duration::from_millis(50));
    }
    unreachable!("it is counted")
}

#[test]
fn what_several_nodes_count_is_put_together_as_if_one_had_counted_it() {
    let folders = [folder(), folder(), folder()];
    let origin = Server::start_under(&[], folders[0].path(), &[]);
    let chunks = distinct(&origin, &stills(8, 0x50), 6);
    let url = origin.url("");
    let edge = |name: &str, data: &TempDir| {
        let options = ["--node-name", name, "--offload-push", &url];
        Server::edge(&[&url], data.path(), &options)
    };
    let edges = [edge("one", &folders[1]), edge("other", &folders[2])];
    // Both have two chunks in the middle; each asks twice for all of its own.
    for (edge, own) in edges.iter().zip([&chunks[..4], &chunks[2..]]) {
        for chunk in own.iter().chain(own) {
            assert_eq!(edge.get(chunk).status, 200);
        }
    }
    for name in ["one", "other"] {
        let report = told(&origin, name, 8);
        let figure = &report["whole"]["offload"]["requests"]["total"];
        assert_eq!(
            (&figure["fetched"], &figure["observed"]),
            (&json!(4), &json!(0.5))
        );
        assert_eq!(report["nodes"][0]["name"], name);
    }
    // The origin was asked eight times, for six chunks.
    let own = origin.get("/v1/offload?node=origin").json();
    let figure = &own["whole"]["offload"]["requests"]["total"];
    assert_eq!(figure["asked"], 8, "{figure}");
    assert_eq!(
        (&figure["fetched"], &figure["distinct"]["value"]),
        (&json!(6), &json!(6))
    );
    let all = report(&origin);
    let figure = &all["whole"]["offload"]["requests"]["total"];
    assert_eq!(
        (&figure["asked"], &figure["fetched"]),
        (&json!(24), &json!(14))
    );
    assert_eq!(figure["distinct"]["value"], 6, "what two fetch is one");
    let nodes = all["nodes"].as_array().expect("nodes");
    let names: Vec<&str> = nodes
        .iter()
        .filter_map(|node| node["name"].as_str())
        .collect();
    assert_eq!(names, ["origin", "one", "other"]);
    assert_eq!(origin.get("/v1/offload?node=nobody").status, 404);
}

#[test]
fn what_an_edge_fetches_again_is_what_observed_and_maximum_differ_by() {
    let folders = [folder(), folder()];
    let origin = Server::start_under(&[], folders[0].path(), &[]);
    let options = ["--memory", "0", "--cache-size", "8192", "--eviction", "lru"];
    let edge = Server::edge(&[&origin.url("")], folders[1].path(), &options);
    let chunks = distinct(&origin, &stills(9, 0x60), 7);
    for round in 0..4 {
        for chunk in chunks.iter().skip(round) {
            assert_eq!(edge.get(chunk).status, 200);
        }
    }
    edge_settled(&edge);
    let figures = edge.get("/v1/edge").json();
    let report = report(&edge);
    let figure = &report["whole"]["offload"]["requests"]["cacheable"];
    assert_eq!(figure["asked"], 7 + 6 + 5 + 4);
    assert_eq!(
        figure["fetched"], figures["upstream_requests"]["chunk"]["fill"],
        "{report:#}"
    );
    assert_eq!(missed(&report, "cold"), 7);
    let (again, spared) = repeats(&report);
    assert_eq!(again, spared, "{report:#}");
    assert!(again > 0, "{report:#}");
    let metrics = edge.get("/metrics").text();
    let line = r#"loomcast_cache_origin_fetches_total{class="other",cause="cold"} 7"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn an_edge_counts_chunks_and_playlists_as_the_traffic_of_the_template_that_they_are_of() {
    let folders = [folder(), folder()];
    let origin = Server::start_under(&[], folders[0].path(), &[]);
    let edge = Server::edge(&[&origin.url("")], folders[1].path(), &[]);
    let request = json!({"template": "greeting-30", "render": "on_demand"});
    let made = origin.publish(&request);
    let chunks = made["chunks"].as_array().expect("chunks");
    // Sound is soon made.
    let sound = chunks.iter().find(|chunk| chunk["track"] == "audio");
    let key = sound.expect("it has sound")["key"].as_str().expect("a key");
    for _ in 0..3 {
        let answer = edge.get(&format!("/c/{key}/0.m4s"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("traffic-class"), "", "nobody asked for it");
    }
    let id = made["id"].as_str().expect("an id");
    for _ in 0..2 {
        let playlist = edge.get(&format!("/v1/videos/{id}/index/audio.m3u8"));
        assert_eq!(playlist.status, 200, "{}", playlist.text());
    }
    settled(&origin);
    edge_settled(&edge);
    for server in [&origin, &edge] {
        let report = report(server);
        assert_eq!(report["classes"][0]["class"], "template/greeting-30");
        assert_eq!(report["classes"].as_array().map(Vec::len), Some(1));
    }
    let figure = &report(&edge)["classes"][0]["offload"]["requests"]["total"];
    assert_eq!(
        (&figure["asked"], &figure["fetched"]),
        (&json!(5), &json!(2))
    );
}

#[test]
fn files_of_other_servers_are_a_class_and_one_that_is_as_it_was_is_no_fetch() {
    let (origin, data) = (Origin::start(), folder());
    let logo = fs::read(shipped("assets/media/greeting-30/logo.png")).expect("shipped media");
    let tagged = Reply::File(logo.clone(), vec![("etag", "\"one\"")]);
    origin.put("/logo", tagged);
    let server = Server::start_under(&[], data.path(), &["--allow-host", "127.0.0.1"]);
    let of = |cache: bool| {
        json!({"render": "on_demand", "edit": {
            "timeline": {"cache": cache, "tracks": [{"clips": [
                {"asset": {"type": "image", "src": origin.url("/logo")}, "start": 0, "length": 1},
            ]}]},
            "output": {"format": "mp4", "size": {"width": 64, "height": 64}, "fps": 25},
        }})
    };
    // Fetched, used as it is, asked about.
    for cache in [true, true, false] {
        server.publish(&of(cache));
    }
    assert_eq!(origin.asked("/logo").len(), 2);
    let report = report(&server);
    let classes = report["classes"].as_array().expect("classes");
    let files = classes.iter().find(|class| class["class"] == "asset");
    let offload = &files.expect("a class of files")["offload"];
    let bytes = logo.len() as u64;
    for (unit, each) in [("requests", 1), ("bytes", bytes)] {
        let figure = &offload[unit]["total"];
        assert_eq!(figure["asked"], 3 * each, "{unit}: {figure}");
        assert_eq!(figure["fetched"], each, "{unit}: {figure}");
    }
}

#[test]
fn what_is_pushed_and_is_no_period_is_refused_by_the_name_of_its_field() {
    let server = Server::start();
    let push = |name: &str, body: &[u8]| {
        let answer = server.post(&format!("/v1/offload/nodes/{name}"), body);
        let field = answer.json()["error"]["field"].clone();
        (answer.status, field.as_str().unwrap_or_default().to_owned())
    };
    for body in [&b"{"[..], b"[]", b"\xff", b""] {
        assert_eq!(push("edge-1", body).0, 400);
    }
    assert_eq!(
        push("edge-1", br#"{"seconds": -1}"#),
        (400, "/seconds".into())
    );
    assert_eq!(push("a%20b", b"{}"), (400, "name".into()));
    assert_eq!(push("origin", b"{}"), (400, "name".into()));
    for (query, field) in [("minutes=14", "minutes"), ("minutes=x", "minutes")] {
        let answer = server.get(&format!("/v1/offload?{query}"));
        assert_eq!(
            (answer.status, answer.json()["error"]["field"].as_str()),
            (400, Some(field))
        );
    }
    assert_eq!(server.get("/v1/offload/trace?seconds=0").status, 400);
    let big = vec![b' '; 2 << 20];
    let answer = server.post("/v1/offload/nodes/edge-1", &big);
    assert_eq!(answer.status, 413, "{}", answer.text());
}

#[test]
fn traffic_is_recorded_as_it_comes_and_names_nothing_that_was_asked_for() {
    let server = Server::start();
    let chunks = distinct(&server, &stills(5, 0x70), 3);
    let recorded = thread::scope(|scope| {
        let recording = scope.spawn(|| server.get("/v1/offload/trace?seconds=4"));
        // Until it goes on: what comes before is not in it.
        thread::sleep(Duration::from_secs(1));
        for chunk in chunks.iter().chain(&chunks) {
            assert_eq!(server.get(chunk).status, 200);
        }
        recording.join().expect("a recording")
    });
    assert_eq!(recorded.header("content-type"), "application/octet-stream");
    let read = trace::read(Format::Compact, recorded.body.as_slice()).expect("a trace");
    assert_eq!((read.requests.len(), read.lost), (6, 0));
    let keys: BTreeSet<u64> = read.requests.iter().map(|one| one.key).collect();
    assert_eq!(keys.len(), 3);
    for chunk in &chunks {
        let key = chunk.split('/').nth(2).expect("a key");
        let point = u64::from_str_radix(&key[..16], 16).expect("hex");
        assert!(!keys.contains(&point), "{key}");
    }
}

#[test]
fn operators_alone_are_told_of_the_traffic_where_there_are_keys() {
    let folders = [folder(), folder()];
    let options = ["--api-key", "operator-key"];
    let origin = Server::start_under(&[], folders[0].path(), &options);
    let edge = Server::edge(&[&origin.url("")], folders[1].path(), &options);
    let key = [("x-api-key", "operator-key")];
    for server in [&origin, &edge] {
        for path in ["/v1/offload", "/v1/offload/trace?seconds=1"] {
            assert_eq!(server.get(path).status, 401, "{path}");
            assert_eq!(server.get_with(path, &key).status, 200, "{path}");
        }
    }
    // An edge without keys is looked at by anybody, and changed by nobody.
    let open = folder();
    let open_edge = Server::edge(&[&origin.url("")], open.path(), &[]);
    assert_eq!(open_edge.get("/v1/offload").status, 200);
    assert_eq!(open_edge.delete("/v1/cache/0").status, 403);
    assert_eq!(open_edge.post("/v1/offload/nodes/a", b"{}").status, 403);
}

#[test]
fn a_server_that_measures_nothing_says_so_and_serves_as_ever() {
    let data = folder();
    let server = Server::start_under(&[], data.path(), &["--no-offload"]);
    let chunk = &distinct(&server, &stills(3, 0x80), 1)[0];
    let answer = server.get(chunk);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("cache-status"),
        "loomcast; fwd=uri-miss; stored"
    );
    assert_eq!(server.get("/v1/offload").status, 404);
    assert!(
        !server
            .get("/metrics")
            .text()
            .contains("cache_origin_fetches")
    );
}
