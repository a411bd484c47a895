//! Live streams that are pulled from servers elsewhere: another Loomcast, nginx with
//! its RTMP module, a camera that speaks RTSP.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::live::{FPS, await_status, encoder, folder, frames, recording, server};
use crate::server::{Server, have};
use crate::support::{Scratch, have_ffmpeg};

/// A process that ends with its test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A server that may pull from this machine; its pulls end a second after nobody
/// wants them.
fn edge(data: &TempDir) -> Server {
    let options = [
        "--allow-host",
        "127.0.0.1",
        "--pull-linger",
        "1",
        "--live-linger",
        "1",
    ];
    Server::start_under(&[], data.path(), &options)
}

fn source(server: &Server, name: &str, url: &str) -> Value {
    let body = json!({"name": name, "source": {"url": url}});
    let made = server.post("/v1/live", body.to_string().as_bytes());
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["status"], "idle");
    made.json()
}

/// Pictures and sound.
const BOTH: [&str; 2] = ["0:v", "0:a"];

/// Pictures of a stream that is pulled from `url` are those of `file` from some key
/// frame on.
fn comes_out_as_it_is(url: &str, file: &std::path::Path, tracks: &[&str], scratch: &Scratch) {
    let data = folder();
    let edge = edge(&data);
    source(&edge, "pulled", url);
    let taken = scratch.path("pulled.flv");
    let watching = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-nostdin",
            "-y",
            "-i",
            &edge.url("/live/pulled.flv"),
        ])
        // Sound may come before the first key frame, up to two seconds of it.
        .args(["-c", "copy", "-t", "6"])
        .arg(&taken)
        .spawn()
        .expect("ffmpeg runs");
    let mut watching = Ending(watching);
    // The pull lasts as long as somebody watches.
    let mut doors = Vec::new();
    let status = loop {
        if let Some(status) = watching.0.try_wait().expect("a process") {
            break status;
        }
        let told = edge.get("/v1/live/pulled").json();
        doors.push(told["connections"][0]["door"].clone());
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert!(status.success());
    assert!(doors.contains(&json!("pull")), "{doors:?}");
    for track in tracks {
        let how = [
            "-c",
            "copy",
            "-bsf:v",
            "h264_mp4toannexb,filter_units=remove_types=6-9",
        ];
        let all = frames(file.to_str().expect("a plain path"), track, &how);
        let came = frames(taken.to_str().expect("a plain path"), track, &how);
        assert!(came.len() > 3 * FPS, "{url} {track}: {}", came.len());
        let at = all.windows(came.len()).any(|window| window == came);
        assert!(at, "{url} {track}: something is missing or changed");
    }
    // Nobody watches: it is idle again, and its source is left alone.
    while edge.get("/v1/live/pulled").json()["status"] == "live" {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(edge.delete("/v1/live/pulled").status, 204);
    assert_eq!(edge.get("/live/pulled/index.m3u8").status, 404);
}

#[test]
fn a_stream_is_pulled_from_another_loomcast_by_flv_and_by_hls() {
    if !have_ffmpeg("a_stream_is_pulled_from_another_loomcast_by_flv_and_by_hls") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let origin = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 60);
    let _encoder = Ending(encoder(&file, &origin.rtmp("show")));
    await_status(&origin, "show", "live");
    for path in ["/live/show.flv", "/live/show/index.m3u8"] {
        comes_out_as_it_is(&origin.url(path), &file, &BOTH, &scratch);
    }
}

/// nginx with its RTMP module, its port free.
fn nginx_rtmp(scratch: &Scratch) -> (Ending, u16) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    let folder = scratch.path("nginx");
    fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("nginx.conf");
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n\
         daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;\n\
         events {{}}\n\
         rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}\n",
        folder.display()
    );
    fs::write(&config, text).expect("written");
    let child = Command::new("nginx")
        .arg("-c")
        .arg(&config)
        .arg("-e")
        .arg(folder.join("error.log"))
        .spawn()
        .expect("nginx starts");
    (Ending(child), port)
}

#[test]
fn a_stream_is_pulled_from_nginx_by_rtmp() {
    if !have_ffmpeg("a_stream_is_pulled_from_nginx_by_rtmp") || !have("nginx", "pulls by RTMP") {
        return;
    }
    let scratch = Scratch::new();
    let (_nginx, port) = nginx_rtmp(&scratch);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let file = recording(&scratch, "source.flv", 60);
    let url = format!("rtmp://127.0.0.1:{port}/live/show");
    let _encoder = Ending(encoder(&file, &url));
    comes_out_as_it_is(&url, &file, &BOTH, &scratch);
}

/// A camera: the pictures of a file, played by GStreamer's RTSP server. With sound beside
/// them, that server answers now and then with 503, or dies, as one of the two has not
/// begun when it is asked how fast both play (gst-rtsp-server 1.22).
fn camera(file: &std::path::Path) -> Option<(Ending, String)> {
    let script = r#"
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch("( filesrc location=%s ! queue ! flvdemux name=d d.video ! queue ! h264parse ! rtph264pay name=pay0 pt=96 )" % sys.argv[1])
server.get_mount_points().add_factory("/camera", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"#;
    let child = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut child = Ending(child);
    let mut line = String::new();
    let stdout = child.0.stdout.take()?;
    BufReader::new(stdout).read_line(&mut line).ok()?;
    let port: u16 = line.trim().parse().ok()?;
    Some((child, format!("rtsp://127.0.0.1:{port}/camera")))
}

#[test]
fn a_stream_is_pulled_from_a_camera_by_rtsp() {
    if !have_ffmpeg("a_stream_is_pulled_from_a_camera_by_rtsp") {
        return;
    }
    let scratch = Scratch::new();
    let file: PathBuf = recording(&scratch, "source.flv", 30);
    let Some((_camera, url)) = camera(&file) else {
        eprintln!("skipped: GStreamer's RTSP server is not installed for Python");
        return;
    };
    comes_out_as_it_is(&url, &file, &BOTH[..1], &scratch);
}

#[test]
fn a_source_that_is_wrong_or_gone_is_told_to_whoever_watches() {
    let data = folder();
    let edge = edge(&data);
    let refused = |body: Value, field: &str| {
        let refused = edge.post("/v1/live", body.to_string().as_bytes());
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert_eq!(
            refused.json()["error"]["field"],
            field,
            "{}",
            refused.text()
        );
    };
    let url = "rtmp://127.0.0.1:1/live/show";
    refused(json!({"name": "a b", "source": {"url": url}}), "/name");
    refused(
        json!({"name": "show", "source": {"url": "file:///etc/passwd"}}),
        "/source/url",
    );
    refused(
        json!({"name": "show", "source": {"uri": url}}),
        "/source/uri",
    );
    source(&edge, "show", url);
    let again = edge.post(
        "/v1/live",
        json!({"name": "show", "source": {"url": url}})
            .to_string()
            .as_bytes(),
    );
    assert_eq!(again.status, 409, "{}", again.text());
    for path in ["/live/show/index.m3u8", "/live/show.flv"] {
        let answer = edge.get(path);
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
    // Not allowed: a private address that was not named.
    source(&edge, "private", "rtmp://10.255.255.1/live/show?key=secret");
    let answer = edge.get("/live/private/index.m3u8");
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("--allow-host"), "{}", answer.text());
    assert!(!edge.get("/v1/live").text().contains("secret"));
    // It is there again after a restart.
    assert!(edge.terminate().success());
    let edge = self::edge(&data);
    assert_eq!(edge.get("/v1/live/show").json()["status"], "idle");
    let log = fs::read_to_string(data.path().join("serve.log")).expect("a log");
    assert!(!log.contains("secret"), "{log}");
}
