//! Those who mean ill, at every door for live streams: a publisher and a viewer beside
//! them are not harmed, the server's memory is bounded, and its log says what happened.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::live::{await_status, encoder, folder, frames, recording, server};
use crate::server::Server;
use crate::support::{Scratch, have_ffmpeg};

/// What all of them together may make the server hold, in KiB.
const MEMORY_KIB: u64 = 96 << 10;

/// Connections of each kind.
const MANY: usize = 60;

const DOORS: [&str; 4] = ["--dictionary", "127.0.0.1:0", "--srt", "127.0.0.1:0"];

/// Bytes that mean nothing, the same each time.
fn noise(seed: usize, count: usize) -> Vec<u8> {
    let mut state = seed as u32 | 1;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(next).collect()
}

/// A publisher of `show` and a viewer of it, while something else happens.
struct Beside {
    scratch: Scratch,
    source: String,
    publisher: Child,
    viewer: Child,
}

impl Beside {
    fn start(server: &Server) -> Self {
        let scratch = Scratch::new();
        let file = recording(&scratch, "source.flv", 9);
        let publisher = encoder(&file, &server.rtmp("show"));
        await_status(server, "show", "live");
        let viewer = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(server.url("/live/show.flv"))
            .args(["-c", "copy", "-y"])
            .arg(scratch.path("taken.flv"))
            .stdin(Stdio::null())
            .spawn()
            .expect("ffmpeg runs");
        Self {
            source: file.to_str().expect("a plain path").to_owned(),
            scratch,
            publisher,
            viewer,
        }
    }

    /// All that the viewer took is as it was sent, from a key frame to the end.
    fn expect_unharmed(mut self, server: &Server) {
        assert!(self.publisher.wait().expect("it ends").success());
        assert!(self.viewer.wait().expect("it ends").success());
        let taken = self.scratch.path("taken.flv");
        let taken = taken.to_str().expect("a plain path");
        for track in ["0:v", "0:a"] {
            let of =
                |file: &str| frames(file, track, &["-c", "copy", "-bsf:v", "h264_mp4toannexb"]);
            let (went_in, came_out) = (of(&self.source), of(taken));
            assert!(came_out.len() > 100, "{track}: {}", came_out.len());
            assert!(went_in.ends_with(&came_out), "{track}");
        }
        await_status(server, "show", "ended");
    }
}

/// What the process holds in memory, in KiB.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse().ok()).expect("a figure")
}

fn log(data: &TempDir) -> String {
    fs::read_to_string(data.path().join("serve.log")).expect("a log")
}

fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address).expect("it listens")
}

/// Host and port of `rtmp://HOST:PORT/…` and of `srt://HOST:PORT?…`.
fn door(url: &str) -> String {
    let rest = url.split_once("://").expect("an address").1;
    rest.split(['/', '?']).next().expect("a host").to_owned()
}

#[test]
fn noise_silence_and_huge_messages_at_every_door_harm_nobody_beside_them() {
    if !have_ffmpeg("noise_silence_and_huge_messages_at_every_door_harm_nobody_beside_them") {
        return;
    }
    let data = folder();
    let server = server(&data, "1", &DOORS);
    let beside = Beside::start(&server);
    let before = resident(&server);
    let rtmp = door(&server.rtmp("x"));
    let doors = [rtmp.as_str(), server.dictionary(), server.address()];
    let mut open = Vec::new();
    for seed in 0..MANY {
        for address in doors {
            // Half of a first message, and then nothing.
            open.push(connect(address));
            let mut half = connect(address);
            drop(half.write_all(&[3, 0, 0]));
            open.push(half);
            // Random bytes: who hears them may hang up amid them.
            drop(connect(address).write_all(&noise(seed, 50_000)));
        }
        // A message that is said to be as long as there are any, behind a handshake.
        let mut huge = connect(&rtmp);
        let mut said = vec![3; 1 + 2 * 1536];
        said.extend(b"\x03\0\0\0\xff\xff\xff\x14\0\0\0\0");
        said.extend(noise(seed, 5_000));
        drop(huge.write_all(&said));
        open.push(huge);
        // A line without an end, and one of the wrong types.
        drop(connect(server.dictionary()).write_all(&[b'{'; 100_000]));
        let mut typed = connect(server.dictionary());
        typed
            .write_all(b"{\"role\":7,\"name\":[\"show\"]}\n")
            .expect("it listens");
        let mut answer = String::new();
        typed.read_to_string(&mut answer).expect("an answer");
        assert!(
            answer.contains("\"ok\":false") && answer.contains("role"),
            "{answer}"
        );
        // A head without an end, and an upgrade to what never speaks.
        let mut head = connect(server.address());
        drop(head.write_all(b"GET /live/show.flv HTTP/1.1\r\nx-a: "));
        open.push(head);
        let mut upgraded = connect(server.address());
        upgraded
            .write_all(
                b"GET /live/show/ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            )
            .expect("it listens");
        drop(upgraded.write_all(&noise(seed, 3_000)));
    }
    let after = resident(&server);
    assert!(
        after < before + MEMORY_KIB,
        "{before} KiB became {after} KiB"
    );
    beside.expect_unharmed(&server);
    drop(open);
    let log = log(&data);
    assert!(
        log.contains("a connection to the cache dictionary failed"),
        "{log}"
    );
    // So many of them have a line, and not each.
    let lines = log
        .lines()
        .filter(|line| line.contains("cache dictionary failed"));
    assert!(lines.count() < MANY);
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn strangers_that_knock_by_srt_take_no_place_of_those_who_publish() {
    if !have_ffmpeg("strangers_that_knock_by_srt_take_no_place_of_those_who_publish") {
        return;
    }
    // More than there are places.
    const STRANGERS: usize = 2_500;
    let data = folder();
    let server = server(&data, "1", &DOORS);
    let address = door(&server.srt("x"));
    let mut first = [0; 64];
    first[0] = 0x80;
    (first[19], first[39]) = (4, 1);
    for _ in 0..STRANGERS {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.send_to(&first, &address).expect("sent");
        let mut answer = [0; 100];
        let count = socket.recv(&mut answer).expect("an answer");
        assert!(count <= first.len(), "more came back than was sent");
        // With a cookie that is not its own it comes no further.
        let mut second = first;
        second[36..40].fill(0xff);
        second[44..48].copy_from_slice(&answer[44..48]);
        second[44] ^= 1;
        socket.send_to(&second, &address).expect("sent");
    }
    let scratch = Scratch::new();
    let file = recording(&scratch, "source.flv", 3);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-re", "-i"])
        .arg(&file)
        .args(["-c", "copy", "-f", "mpegts"])
        .arg(format!("{}&linger=5", server.srt("show")))
        .stdin(Stdio::null())
        .status();
    assert!(status.expect("ffmpeg runs").success());
    await_status(&server, "show", "ended");
    assert!(!log(&data).contains("too many"), "{}", log(&data));
}

/// `GET path` on a connection that stays; the status line and the body.
fn ask(socket: &mut BufReader<TcpStream>, path: &str) -> std::io::Result<(String, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    socket.get_mut().write_all(request.as_bytes())?;
    let (mut status, mut length) = (String::new(), 0);
    socket.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        socket.read_line(&mut line)?;
        if let Some(said) = line.strip_prefix("content-length: ") {
            length = said.trim().parse().expect("a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

#[test]
fn one_connection_too_many_by_http_is_told_so_and_the_others_go_on() {
    let data = folder();
    let server = Server::start_under(&[], data.path(), &["--http-connections", "4"]);
    let connect = || BufReader::new(connect(server.address()));
    let mut seated: Vec<_> = (0..4).map(|_| connect()).collect();
    for socket in &mut seated {
        let (status, _) = ask(socket, "/healthz").expect("an answer");
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    }
    let mut told = String::new();
    connect().read_to_string(&mut told).expect("an answer");
    assert!(
        told.starts_with("HTTP/1.1 503") && told.contains("retry-after"),
        "{told}"
    );
    let body = told.split_once("\r\n\r\n").expect("a body").1;
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["error"]["message"], "too many connections");
    // Those who are there are answered on.
    let (_, metrics) = ask(&mut seated[0], "/metrics").expect("an answer");
    assert!(
        metrics.contains("loomcast_http_connections 4\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("loomcast_http_connections_refused_total 1\n"),
        "{metrics}"
    );
    // A place that is given back is another's, as soon as the server knows of it.
    drop(seated.pop());
    let taken = (0..10_000).any(|_| {
        ask(&mut connect(), "/healthz").is_ok_and(|(status, _)| status.starts_with("HTTP/1.1 200"))
    });
    assert!(taken);
    assert!(log(&data).contains("too many connections by HTTP"));
}

#[test]
fn who_speaks_http_2_in_clear_text_is_answered() {
    let data = folder();
    let server = Server::start_in(data.path());
    let output = Command::new("curl")
        .args([
            "-s",
            "--http2-prior-knowledge",
            "-w",
            "%{http_version} %{http_code}",
        ])
        .arg(server.url("/healthz"))
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: who_speaks_http_2_in_clear_text_is_answered needs curl");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.ends_with("2 200"), "{said}");
}
