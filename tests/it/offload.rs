//! `loomcast offload`: simulations of real and of broken traces, reports and recordings of
//! a server; the studio's page and the dashboard.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Server, light_edit};
use crate::support::{Loomcast, Ran, Scratch, have_ffmpeg};

/// CloudPhysics block I/O, as libCacheSim has it; it is not shipped.
const TRACE: &str = "../shared/traces/cloudPhysicsIO.oracleGeneral.bin";

fn cloud_physics() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TRACE);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: there is no trace at {}", path.display());
    None
}

fn simulate(trace: &Path, more: &[&str]) -> Ran {
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    let trace = trace.to_str().expect("a plain name");
    let args = ["offload", "simulate", trace];
    user.run(args.iter().chain(more))
}

/// The misses of `algorithm`, size by size.
fn misses(told: &Value, algorithm: &str, of: &str) -> Vec<u64> {
    let curves = told["curves"].as_array().expect("curves");
    let curve = curves.iter().find(|curve| curve["algorithm"] == algorithm);
    let steps = curve.expect("the algorithm")["steps"].as_array();
    let steps = steps.expect("steps").iter();
    steps
        .map(|step| step[of].as_u64().expect("a count"))
        .collect()
}

#[test]
fn a_real_trace_s_maximum_and_its_misses_by_every_policy_are_the_published_ones() {
    let Some(trace) = cloud_physics() else { return };
    let ran = simulate(&trace, &["--size", "128MiB,512MiB", "--size", "1GiB"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told = ran.json();
    assert_eq!(
        (&told["requests"], &told["objects"]),
        (&113_872.into(), &48_974.into())
    );
    for (unit, published) in [("requests", 0.5699), ("bytes", 0.5353)] {
        let maximum = &told["maximum"][unit];
        let [exact, sketch, error] =
            ["exact", "sketch", "error"].map(|name| maximum[name].as_f64().expect("a part"));
        assert!((exact - published).abs() < 0.00005, "{unit}: {exact}");
        assert!((sketch - exact).abs() <= error && error < 0.05, "{maximum}");
    }
    for (algorithm, published) in [
        ("lru", [93_374, 81_722, 71_704]),
        ("fifo", [93_403, 84_025, 72_140]),
        ("sieve", [91_699, 76_707, 64_376]),
        ("s3-fifo", [90_117, 72_191, 56_045]),
        ("belady", [79_256, 61_594, 48_974]),
        ("infinite", [48_974; 3]),
    ] {
        assert_eq!(misses(&told, algorithm, "misses"), published, "{algorithm}");
    }
    // Ties are broken another way.
    for (own, published) in misses(&told, "gdsf", "misses")
        .into_iter()
        .zip([89_068, 70_488, 58_721])
    {
        assert!(u64::abs_diff(own, published) <= 1, "{own}, {published}");
    }
    assert_eq!(
        misses(&told, "lru", "missed_bytes"),
        [4_214_303_232, 3_660_569_600, 3_061_662_720]
    );
}

#[test]
fn a_sample_of_a_real_trace_tells_about_the_same() {
    let Some(trace) = cloud_physics() else { return };
    let told = simulate(&trace, &["--size", "512MiB", "--objects", "8192"]).json();
    let [lru] = misses(&told, "lru", "misses")[..] else {
        panic!("one size: {told}");
    };
    let off = u64::abs_diff(lru, 81_722) as f64 / 113_872.0;
    assert!(
        off < 0.04 && told["sampled"].as_f64().expect("a part") < 0.2,
        "{off}"
    );
}

#[test]
fn what_is_no_trace_is_bad_input_that_names_the_file_and_the_place() {
    let scratch = Scratch::new();
    let record = |next: i64| -> Vec<u8> {
        let fields: [&[u8]; 4] = [
            &7_u32.to_le_bytes(),
            &1_u64.to_le_bytes(),
            &100_u32.to_le_bytes(),
            &next.to_le_bytes(),
        ];
        fields.concat()
    };
    let cut = [record(1), record(-1)].concat()[..40].to_vec();
    let garbage: Vec<u8> = (0..4800_u32)
        .map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8)
        .collect();
    let none: &[&str] = &[];
    for (name, bytes, more, expected) in [
        ("cut.bin", cut, none, "ends amid request 2"),
        ("garbage.bin", garbage, none, "its next request"),
        ("empty.bin", Vec::new(), none, "no request in it"),
        (
            "a.csv",
            b"1,/a,10\n2,/b,large\n".to_vec(),
            none,
            "line 2: size is \"large\"",
        ),
        (
            "a.bin.zst",
            b"\x28\xb5\x2f\xfd\x04\x00".to_vec(),
            none,
            "compressed (zst)",
        ),
        (
            "a.txt",
            b"1,/a,10\n".to_vec(),
            &["--format", "compact"][..],
            "recorded here",
        ),
        (
            "b.txt",
            b"1,/a,10\n".to_vec(),
            &["--format", "vscsi"][..],
            "oracle, csv or compact",
        ),
        (
            "c.txt",
            b"1,/a,10\n".to_vec(),
            &["--size", "much"][..],
            "--size",
        ),
    ] {
        let path = scratch.path(name);
        fs::write(&path, bytes).expect("writes");
        let ran = simulate(&path, more);
        assert_eq!(ran.code, Some(2), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{name}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{name}: {}", ran.stdout);
    }
    let ran = simulate(&scratch.path("absent"), &[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("absent"), "{}", ran.stderr);
    let ran = simulate(&scratch.path(""), &[]);
    assert_eq!(ran.code, Some(2), "a folder");
}

#[test]
fn traffic_comes_by_standard_input_and_the_table_names_every_policy() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_loomcast"))
        .args(["offload", "simulate", "-", "--size", "20"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(b"time,key,size,cost\n0,/a,10,5\n1,/b,10,5\n60,/a,10,5\n61,/a,10,5\n")
        .expect("is read");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for expected in [
        "4 requests for 2 objects in 1 min 1 s",
        "50.00 %",
        "misses, by render time",
        "gdsf",
        "s3-fifo",
        "belady",
        "infinite",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_server_that_cannot_be_asked_is_a_failure_and_an_address_that_is_none_is_bad_input() {
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    // Nobody listens at a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let gone = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let ran = user.run(["offload", "report", "--server", &gone]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("can be reached"), "{}", ran.stderr);
    let file = scratch.path("a.trace");
    let file = file.to_str().expect("a plain name");
    let ran = user.run(["offload", "record", "--server", &gone, "-o", file]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(!Path::new(file).exists(), "nothing was recorded");
    for args in [["--server", "localhost:8080"], ["--minutes", "5"]] {
        let ran = user.run(["offload", "report"].iter().chain(&args));
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(args[0]), "{}", ran.stderr);
    }
}

#[test]
fn the_page_of_offload_and_all_its_scripts_are_served() {
    let server = Server::start();
    let page = server.get("/offload");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    let names = |text: &str, mark: &str| -> Vec<String> {
        let words = text.split('"').filter_map(|word| word.strip_prefix(mark));
        words.map(str::to_owned).collect()
    };
    let mut left = names(&page.text(), "/studio/");
    assert!(left.contains(&"offload.css".to_owned()), "{left:?}");
    let mut seen = Vec::new();
    while let Some(name) = left.pop() {
        if seen.contains(&name) {
            continue;
        }
        let answer = server.get(&format!("/studio/{name}"));
        assert_eq!(answer.status, 200, "{name}");
        left.extend(
            names(&answer.text(), "./")
                .into_iter()
                .filter(|name| name.ends_with(".js")),
        );
        seen.push(name);
    }
    for name in [
        "offload.js",
        "offload-curve.js",
        "offload-tables.js",
        "api.js",
    ] {
        assert!(seen.iter().any(|seen| seen == name), "{name}: {seen:?}");
    }
}

/// Videos with a name each and much in common: misses, then hits.
fn watched(server: &Server, names: &[&str]) {
    for name in names {
        let edit = light_edit(4, "#204060");
        let video = server.publish(&json!({ "edit": edit, "data": { "name": name } }));
        let id = video["id"].as_str().expect("an id");
        server.finished(id);
        let answer = server.get(&format!("/v1/videos/{id}.mp4"));
        assert_eq!(answer.status, 200, "{name}");
    }
}

#[test]
fn a_server_s_report_is_shown_and_its_traffic_recorded_and_simulated() {
    if !have_ffmpeg("a_server_s_report_is_shown_and_its_traffic_recorded_and_simulated") {
        return;
    }
    let server = Server::start();
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    let url = server.url("");
    let file = scratch.path("a.trace");
    let mut recording = Command::new(env!("CARGO_BIN_EXE_loomcast"))
        .args(["offload", "record", "--json", "--server", &url, "-o"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // The file is made when the server has begun to answer.
    while !file.exists() {
        assert!(
            recording.try_wait().expect("its state").is_none(),
            "it ended"
        );
        thread::sleep(Duration::from_millis(20));
    }
    watched(&server, &["Ana", "Ben", "Ana"]);

    let report = user.json(["offload", "report", "--server", &url]);
    let total = &report["whole"]["offload"]["requests"]["total"];
    let number = |name: &str| total[name].as_u64().expect("a count");
    let (asked, fetched) = (number("asked"), number("fetched"));
    assert!(fetched > 0 && asked > fetched, "{total}");
    assert!(report["whole"]["misses"][0]["cause"] == "cold", "{report}");
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(1));
    let text = Command::new(env!("CARGO_BIN_EXE_loomcast"))
        .args(["offload", "report", "--server", &url, "--minutes", "15"])
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    for expected in ["% now / at most", "all", "a fetch: cold", "render time"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }

    let asked = Command::new("kill")
        .args(["-INT", &recording.id().to_string()])
        .status();
    assert!(asked.is_ok_and(|status| status.success()));
    let ended = recording.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let told: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    let simulated = simulate(&file, &[]).json();
    let requests = simulated["requests"].as_u64().expect("a count");
    assert!(
        requests > 0 && told["requests"].as_u64() >= Some(requests),
        "{told} {simulated}"
    );
    let bytes = fs::read(&file).expect("the recording");
    for key in ["greeting", "Ana", "http"] {
        let named = bytes.windows(key.len()).any(|part| part == key.as_bytes());
        assert!(!named, "it names {key}");
    }
}

#[test]
fn a_recording_ends_by_itself_when_its_time_is_up() {
    let server = Server::start();
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    let (url, file) = (server.url(""), scratch.path("a.trace"));
    let file = file.to_str().expect("a plain name");
    let args = [
        "offload",
        "record",
        "--server",
        &url,
        "-o",
        file,
        "--seconds",
        "1",
    ];
    let told = user.json(args);
    assert_eq!(told["requests"], 0, "{told}");
    let ran = simulate(Path::new(file), &[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("no request in it"), "{}", ran.stderr);
}

#[test]
fn every_figure_of_the_dashboard_is_one_that_servers_and_edges_tell() {
    let board = include_str!("../../docs/grafana-offload.json");
    let board: Value = serde_json::from_str(board).expect("JSON");
    let mut names = BTreeSet::new();
    let panels = board["panels"].as_array().expect("panels");
    for target in panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array())
        .flatten()
    {
        let expr = target["expr"].as_str().expect("a query");
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let found = expr
            .split(word)
            .filter(|word| word.starts_with("loomcast_"));
        names.extend(found.map(str::to_owned));
    }
    assert!(names.len() >= 12, "{names:?}");
    let server = Server::start();
    let folder = TempDir::new().expect("a folder");
    let edge = Server::edge(&[&server.url("")], folder.path(), &[]);
    for (who, told) in [("serve", &server), ("edge", &edge)] {
        let metrics = told.get("/metrics").text();
        for name in &names {
            let counter = name.strip_suffix("_total");
            let line = match counter {
                Some(base) => format!("# TYPE {base} counter"),
                None => format!("# TYPE {name} gauge"),
            };
            assert!(metrics.contains(&line), "{who} has no {name}");
        }
    }
}
