//! Assets by their addresses: fetched once, from nowhere that is private, kept
//! whole or not at all.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use loomcast::fetch::{Download, Downloads, FetchConfig, FetchError, Freshness, Patience};

use crate::origin::{Origin, Reply};
use crate::server::{Server, shipped};
use crate::support::{Loomcast, Scratch, files};

const LOOPBACK: [&str; 2] = ["--allow-host", "127.0.0.1"];

fn logo() -> Vec<u8> {
    fs::read(shipped("assets/media/greeting-30/logo.png")).expect("shipped media")
}

/// A second of a picture that is at `src`.
fn picture(src: &str) -> Value {
    json!({
        "timeline": {"tracks": [{"clips": [
            {"asset": {"type": "image", "src": src}, "start": 0, "length": 1, "fit": "contain"}
        ]}]},
        "output": {"format": "mp4", "size": {"width": 64, "height": 64}, "fps": 25},
    })
}

/// The same, whose server is asked each time.
fn asked_each_time(src: &str) -> Value {
    let mut edit = picture(src);
    edit["timeline"]["cache"] = json!(false);
    edit
}

/// The names in the folder of downloads.
fn kept(data: &Path) -> Vec<String> {
    let folder = data.join("downloads");
    if !folder.exists() {
        return Vec::new();
    }
    let name = |path: &Path| path.to_string_lossy().into_owned();
    files(&folder).iter().map(|(path, _)| name(path)).collect()
}

#[test]
fn a_file_is_fetched_once_for_all_who_want_it() {
    let origin = Origin::start();
    origin.file("/logo", &logo());
    let scratch = Scratch::new();
    let edit = scratch.edit("t.json", &picture(&origin.url("/logo")));
    let user = Loomcast::new(&scratch, "data");
    let first = user.render(&edit, &scratch.path("a.mp4"), &LOOPBACK);
    assert_eq!(first.frames, 25);
    // Another process, the same folder.
    let again = user.render(&edit, &scratch.path("b.mp4"), &LOOPBACK);
    assert_eq!(again.video, 0);
    assert_eq!(origin.asked("/logo").len(), 1);
    assert_eq!(
        origin.asked("/logo")[0].header("accept-encoding"),
        Some("identity")
    );
    // The same bytes beside the template are the same chunks.
    fs::write(scratch.path("own.png"), logo()).expect("writes");
    let own = scratch.edit("own.json", &picture("own.png"));
    let keys = |edit| -> Vec<String> {
        let planned = user.plan(edit, &LOOPBACK);
        planned.into_iter().map(|chunk| chunk.key).collect()
    };
    assert_eq!(keys(&own), keys(&edit));
    assert_eq!(kept(&scratch.path("data")).len(), 2, "a file and its entry");
}

#[test]
fn a_server_gets_one_request_for_many_videos_at_once_and_few_for_a_bad_address() {
    let origin = Origin::start();
    origin.file("/logo", &logo());
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("data")).expect("a folder");
    let server = Server::start_under(&[], &scratch.path("data"), &LOOPBACK);
    let good = json!({"edit": picture(&origin.url("/logo"))});
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| server.publish(&good));
        }
    });
    assert_eq!(origin.asked("/logo").len(), 1);

    let bad = json!({"edit": picture(&origin.url("/none"))}).to_string();
    for _ in 0..3 {
        let answer = server.post("/v1/videos", bad.as_bytes());
        let error = &answer.json()["error"];
        assert_eq!(answer.status, 422, "{error}");
        assert_eq!(error["field"], "/timeline/tracks/0/clips/0/asset/src");
        assert_eq!(error["value"], json!(format!("{:?}", origin.url("/none"))));
        let allowed = error["allowed"].as_str().expect("a text");
        assert!(allowed.contains("404"), "{allowed}");
    }
    assert_eq!(origin.asked("/none").len(), 1);

    let name = origin.url("/logo").replace(':', "%3A").replace('/', "%2F");
    let probed = server.get(&format!("/edit/v1/probe/{name}"));
    assert_eq!(probed.status, 200, "{}", probed.text());
    let stream = &probed.json()["response"]["metadata"]["streams"][0];
    assert_eq!(stream["codec_name"], "png");
    assert_eq!(origin.asked("/logo").len(), 1);
}

#[test]
fn a_file_is_asked_about_and_fetched_again_only_if_it_changed() {
    let origin = Origin::start();
    let with = |etag| {
        vec![
            ("etag", etag),
            ("last-modified", "Mon, 02 Jan 2023 03:04:05 GMT"),
        ]
    };
    origin.put("/logo", Reply::File(logo(), with("\"one\"")));
    let scratch = Scratch::new();
    let edit = scratch.edit("t.json", &asked_each_time(&origin.url("/logo")));
    let user = Loomcast::new(&scratch, "data");
    let before = user.plan(&edit, &LOOPBACK);
    assert_eq!(user.plan(&edit, &LOOPBACK), before);
    let asked = origin.asked("/logo");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].header("if-none-match"), None);
    assert_eq!(asked[1].header("if-none-match"), Some("\"one\""));
    assert_eq!(
        asked[1].header("if-modified-since"),
        Some("Mon, 02 Jan 2023 03:04:05 GMT")
    );

    let other = fs::read(shipped("assets/media/greeting-30/bg.mp4")).expect("shipped media");
    origin.put("/logo", Reply::File(other, with("\"two\"")));
    let ran = user.run([
        "plan".as_ref(),
        edit.as_os_str(),
        LOOPBACK[0].as_ref(),
        LOOPBACK[1].as_ref(),
    ]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("(a video)"),
        "known by what it holds: {}",
        ran.stderr
    );
}

#[test]
fn a_server_that_is_gone_does_no_harm_where_its_file_is_there() {
    let mut origin = Origin::start();
    origin.file("/logo", &logo());
    let scratch = Scratch::new();
    let edit = scratch.edit("t.json", &asked_each_time(&origin.url("/logo")));
    let user = Loomcast::new(&scratch, "data");
    let before = user.plan(&edit, &LOOPBACK);
    origin.put("/logo", Reply::Status(503));
    assert_eq!(user.plan(&edit, &LOOPBACK), before);
    origin.stop();
    let args = ["render", "t.json", "-o", "v.mp4"].map(|arg| {
        if arg.contains('.') {
            scratch.path(arg).into_os_string()
        } else {
            arg.into()
        }
    });
    let report = user.json(args.into_iter().chain(LOOPBACK.map(Into::into)));
    let warning = report["warnings"][0].as_str().expect("a warning");
    assert!(
        warning.contains("/clips/0/asset/src") && warning.contains("is used"),
        "{warning}"
    );
    // Where it says that there is no such file, that is believed.
    let origin = Origin::start();
    origin.file("/logo", &logo());
    let edit = scratch.edit("t.json", &asked_each_time(&origin.url("/logo")));
    user.plan(&edit, &LOOPBACK);
    origin.put("/logo", Reply::Status(404));
    refused(&user, &edit, &LOOPBACK, &["404"]);
}

/// Plans, which must be refused with all `words`.
fn refused(user: &Loomcast, edit: &Path, options: &[&str], words: &[&str]) {
    let first = ["plan".as_ref(), edit.as_os_str()];
    let ran = user.run(first.into_iter().chain(options.iter().map(AsRef::as_ref)));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    for word in ["/timeline/tracks/0/clips/0/asset/src"].iter().chain(words) {
        assert!(ran.stderr.contains(word), "no {word:?} in {}", ran.stderr);
    }
}

#[test]
fn nothing_private_is_asked_by_any_name() {
    let origin = Origin::start();
    origin.file("/x.png", &logo());
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    let port = origin.port();
    for (host, word) in [
        ("127.0.0.1", "127.0.0.1 (loopback)"),
        ("2130706433", "127.0.0.1 (loopback)"),
        ("0x7f.1", "127.0.0.1 (loopback)"),
        ("[::ffff:127.0.0.1]", "(loopback)"),
        ("[::1]", "(loopback)"),
        ("0.0.0.0", "this very machine"),
        ("169.254.169.254", "link-local"),
        ("10.0.0.1", "private"),
        // A name that leads to it.
        ("localhost", "(loopback)"),
    ] {
        let edit = scratch.edit("t.json", &picture(&format!("http://{host}:{port}/x.png")));
        refused(&user, &edit, &[], &[word, "--allow-host"]);
    }
    assert_eq!(origin.connections(), 0);
    let edit = scratch.edit(
        "t.json",
        &picture(&format!("http://localhost:{port}/x.png")),
    );
    assert!(!user.plan(&edit, &["--allow-host", "LocalHost"]).is_empty());
    refused(&user, &edit, &["--no-fetch"], &["nothing is fetched"]);
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_redirect_leads_to_nothing_private_and_not_for_ever() {
    let origin = Origin::start();
    let other = Origin::start_at("127.0.0.2");
    other.file("/x.png", &logo());
    origin.file("/x.png", &logo());
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    let to = |target: &str| {
        origin.put("/r", Reply::Redirect(target.to_owned()));
        scratch.edit("t.json", &picture(&origin.url("/r")))
    };
    refused(&user, &to(&other.url("/x.png")), &LOOPBACK, &["127.0.0.2"]);
    refused(
        &user,
        &to("http://169.254.169.254/latest/meta-data"),
        &LOOPBACK,
        &["link-local"],
    );
    refused(
        &user,
        &to("file:///etc/passwd"),
        &LOOPBACK,
        &["file:///etc/passwd"],
    );
    refused(&user, &to("/r"), &LOOPBACK, &["redirected 6 times"]);
    assert_eq!(origin.asked("/r").len(), 3 + 6);
    assert_eq!(other.connections(), 0);
    assert!(!user.plan(&to("/x.png"), &LOOPBACK).is_empty());
    let net = ["--allow-host", "127.0.0.0/8"];
    assert!(
        !user.plan(&to(&other.url("/x.png")), &LOOPBACK).is_empty(),
        "still fresh"
    );
    let edit = scratch.edit("t.json", &asked_each_time(&origin.url("/r")));
    assert!(!user.plan(&edit, &net).is_empty());
    assert_eq!(other.asked("/x.png").len(), 1);
}

#[test]
fn a_file_that_is_too_large_is_broken_off_and_leaves_nothing() {
    let origin = Origin::start();
    origin.put("/endless", Reply::Endless);
    origin.file("/large", &vec![7; 200_000]);
    let scratch = Scratch::new();
    let user = Loomcast::new(&scratch, "data");
    let options = [LOOPBACK.as_slice(), &["--max-download", "100KB"]].concat();
    for path in ["/endless", "/large"] {
        let edit = scratch.edit("t.json", &picture(&origin.url(path)));
        refused(&user, &edit, &options, &["at most 100000 bytes"]);
        origin.wait_ended(path);
    }
    assert_eq!(kept(&scratch.path("data")), [""; 0]);
}

/// Downloads of a test's own that lose patience soon.
fn impatient(scratch: &Scratch, idle: Duration, total: Duration) -> Downloads {
    let config = FetchConfig {
        allowed: vec!["127.0.0.1".parse().expect("an address")],
        patience: Patience {
            idle,
            total,
            ..Patience::default()
        },
        ..FetchConfig::default()
    };
    Downloads::new(&scratch.path("data/downloads"), config)
}

fn get(downloads: &Downloads, url: &str) -> Result<Download, FetchError> {
    let deadline = Instant::now() + Duration::from_secs(600);
    downloads.get(&url.parse().expect(url), Freshness::AsSaid, deadline)
}

#[test]
fn a_server_that_falls_silent_is_not_waited_for() {
    let origin = Origin::start();
    origin.put("/stalled", Reply::Stalled(vec![7; 100_000]));
    let scratch = Scratch::new();
    let (soon, long) = (Duration::from_millis(300), Duration::from_secs(600));
    for (idle, total, within) in [(soon, long, soon), (long, soon, soon)] {
        let downloads = impatient(&scratch, idle, total);
        let error = get(&downloads, &origin.url("/stalled")).expect_err("never whole");
        assert!(
            matches!(error, FetchError::TooSlow { within: said, .. } if said == within),
            "{error}"
        );
    }
    assert_eq!(kept(&scratch.path("data")), [""; 0]);
}

#[test]
fn half_a_file_is_none() {
    let origin = Origin::start();
    origin.put("/cut", Reply::Cut(logo()));
    origin.put(
        "/zipped",
        Reply::File(logo(), vec![("content-encoding", "gzip")]),
    );
    let scratch = Scratch::new();
    let patience = Duration::from_secs(60);
    let downloads = impatient(&scratch, patience, patience);
    for (path, word) in [
        ("/cut", "a server that can be reached"),
        ("/zipped", "gzip"),
    ] {
        let error = get(&downloads, &origin.url(path)).expect_err(path);
        assert!(error.to_string().contains(word), "{error}");
    }
    assert_eq!(kept(&scratch.path("data")), [""; 0]);
}

#[test]
fn a_process_that_is_killed_amid_a_download_leaves_no_broken_file() {
    let origin = Origin::start();
    origin.put("/logo", Reply::Stalled(logo()));
    let scratch = Scratch::new();
    let edit = scratch.edit("t.json", &picture(&origin.url("/logo")));
    let data = scratch.path("data");
    let mut child = Command::new(env!("CARGO_BIN_EXE_loomcast"))
        .arg("plan")
        .arg(&edit)
        .args(LOOPBACK)
        .env("LOOMCAST_ASSETS", shipped("assets"))
        .env("LOOMCAST_DATA", &data)
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    origin.wait_stalled();
    // SIGKILL.
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    origin.wait_ended("/logo");
    let whole = |name: &String| name.starts_with("files");
    assert!(!kept(&data).iter().any(whole), "{:?}", kept(&data));
    origin.file("/logo", &logo());
    let user = Loomcast::new(&scratch, "data");
    assert!(!user.plan(&edit, &LOOPBACK).is_empty());
    let left = kept(&data);
    assert!(left.len() == 2 && left.iter().any(whole), "{left:?}");
}

#[test]
fn media_music_and_fonts_come_from_servers_under_any_name() {
    let origin = Origin::start();
    let media = |name: &str| fs::read(shipped("assets").join(name)).expect("shipped media");
    origin.file("/v", &media("media/greeting-30/bg.mp4"));
    origin.file("/m?x=.png", &media("media/greeting-30/music.flac"));
    origin.file("/f/MyFace.ttf", &media("fonts/DejaVuSans-Bold.ttf"));
    let scratch = Scratch::new();
    let edit = json!({
        "timeline": {
            "fonts": [{"src": origin.url("/f/MyFace.ttf")}],
            "soundtrack": {"src": origin.url("/m?x=.png")},
            "tracks": [
                {"clips": [{"asset": {"type": "rich-text", "text": "Hello", "font": {"family": "MyFace"}},
                    "start": 0, "length": 1}]},
                {"clips": [{"asset": {"type": "video", "src": origin.url("/v")}, "start": 0, "length": 1}]},
            ],
        },
        "output": {"format": "mp4", "size": {"width": 128, "height": 72}, "fps": 25},
    });
    let edit = scratch.edit("t.json", &edit);
    let user = Loomcast::new(&scratch, "data");
    let options = LOOPBACK.map(AsRef::as_ref);
    let first = ["plan".as_ref(), edit.as_os_str()];
    let ran = user.run(first.into_iter().chain(options));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "no warning");
    let rendered = user.render(&edit, &scratch.path("v.mp4"), &LOOPBACK);
    assert_eq!(rendered.frames, 25);
    for path in ["/v", "/m?x=.png", "/f/MyFace.ttf"] {
        assert_eq!(origin.asked(path).len(), 1, "{path}");
    }
}
