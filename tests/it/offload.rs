//! `loomcast offload simulate` over real and over broken traces, and the studio's page of
//! origin offload.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::server::Server;
use crate::support::{Loomcast, Ran, Scratch};

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
    for (name, bytes, more, expected) in [
        ("cut.bin", cut, &[][..], "ends amid request 2"),
        ("garbage.bin", garbage, &[], "its next request"),
        ("empty.bin", Vec::new(), &[], "no request in it"),
        (
            "a.csv",
            b"1,/a,10\n2,/b,large\n".to_vec(),
            &[],
            "line 2: size is \"large\"",
        ),
        (
            "a.bin.zst",
            b"\x28\xb5\x2f\xfd\x04\x00".to_vec(),
            &[],
            "compressed (zst)",
        ),
        (
            "a.txt",
            b"1,/a,10\n".to_vec(),
            &["--format", "compact"],
            "recorded here",
        ),
        (
            "b.txt",
            b"1,/a,10\n".to_vec(),
            &["--format", "vscsi"],
            "oracle, csv or compact",
        ),
        (
            "c.txt",
            b"1,/a,10\n".to_vec(),
            &["--size", "much"],
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
