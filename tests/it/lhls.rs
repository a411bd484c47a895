//! Legacy low-latency HLS: segments that are sent while they are made, to a loader
//! that sees what comes when, and to players that know nothing of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::live::{
    FPS, MOST_LOOKS, await_status, encoder, folder, frames, lines, recording, send, server,
};
use crate::server::Server;
use crate::support::{Scratch, have_ffmpeg};

/// A segment that is loaded, box by box as it comes.
struct Loader {
    reader: BufReader<TcpStream>,
    head: String,
    /// What came and is not part of a whole box yet.
    rest: Vec<u8>,
    /// All boxes so far.
    read: Vec<u8>,
}

impl Loader {
    /// Asks for `path`; the answer has begun.
    fn open(server: &Server, path: &str) -> Self {
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        let host = server.address();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = reader.read_line(&mut head).expect("an answer");
            assert!(read > 0, "{path}: {head}");
        }
        Self {
            reader,
            head: head.to_ascii_lowercase(),
            rest: Vec::new(),
            read: Vec::new(),
        }
    }

    /// The kind of the next box, when all of it is there; `None` at the end.
    fn next(&mut self) -> Option<String> {
        loop {
            if let Some(size) = self.rest.first_chunk::<4>() {
                let size = u32::from_be_bytes(*size) as usize;
                if self.rest.len() >= size {
                    let kind = String::from_utf8_lossy(&self.rest[4..8]).into_owned();
                    self.read.extend(self.rest.drain(..size));
                    return Some(kind);
                }
            }
            let chunk = self.chunk();
            if chunk.is_empty() {
                assert!(self.rest.is_empty(), "it ends within a box");
                return None;
            }
            self.rest.extend(chunk);
        }
    }

    /// A chunk of the transfer coding; the last is empty.
    fn chunk(&mut self) -> Vec<u8> {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a chunk");
        let size = usize::from_str_radix(line.trim(), 16);
        let size = size.unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).expect("all of it");
        chunk.truncate(size);
        chunk
    }

    /// All of it, to its end.
    fn all(mut self) -> Vec<u8> {
        while self.next().is_some() {}
        self.read
    }
}

/// Sends `name` to a process.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
}

/// What a legacy playlist announces.
fn announced(playlist: &str) -> Vec<String> {
    let found = lines(playlist, "#EXT-X-PREFETCH:");
    found.into_iter().map(str::to_owned).collect()
}

#[test]
fn a_legacy_player_has_a_segment_part_by_part_before_it_is_finished() {
    if !have_ffmpeg("a_legacy_player_has_a_segment_part_by_part_before_it_is_finished") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 60);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let index = server.get("/live/show/lhls/index.m3u8").text();
    assert!(index.contains("\nvideo.m3u8") && index.contains("URI=\"audio.m3u8\""));
    for track in ["video", "audio"] {
        let path = format!("/live/show/lhls/{track}.m3u8");
        assert!(server.get(&path).text().contains("#EXTINF:"));
        // The encoder holds its breath where a segment has begun, so that this
        // segment cannot be finished.
        let now = stopped_amid_a_segment(&server, &encoder, track);
        let uris = announced(&now);
        assert_eq!(uris.len(), 2, "{now}");
        assert!(!now.contains("#EXT-X-PART") && !now.contains("#EXT-X-PRELOAD-HINT"));

        let mut current = Loader::open(&server, &uris[0]);
        assert!(current.head.contains("transfer-encoding: chunked"));
        let boxes: Vec<_> = (0..3).map(|_| current.next().expect("a box")).collect();
        assert_eq!(boxes, ["styp", "moof", "mdat"]);
        // Of the next there is not a frame.
        let mut next = Loader::open(&server, &uris[1]);
        assert!(next.head.starts_with("http/1.1 200"), "{}", next.head);
        assert_eq!(next.next().expect("a box"), "styp");
        // By then the first was not finished.
        assert_eq!(announced(&server.get(&path).text()), uris);

        signal(&encoder, "-CONT");
        let (current, next) = (current.all(), next.all());
        let after = server.get(&path).text();
        for (uri, bytes) in uris.iter().zip([&current, &next]) {
            // It is an entry now, and the same bytes for who asks again.
            assert!(after.lines().any(|line| line == uri), "{uri}: {after}");
            let again = server.get(uri);
            assert!(again.header("content-length") == bytes.len().to_string());
            assert!(again.body == *bytes, "{uri}");
            // A header, and then what others have as a segment.
            let other = server.get(&uri.replace(".lhls.m4s", ".m4s")).body;
            assert!(bytes[24..] == other, "{uri}");
        }
        let first = |playlist: &str| lines(playlist, "#EXT-X-MEDIA-SEQUENCE:")[0].to_owned();
        assert_eq!(first(&after), first(&now));
    }
    // What was announced and never comes has a header and an end.
    let now = stopped_amid_a_segment(&server, &encoder, "video");
    let never = Loader::open(&server, &announced(&now)[1]);
    let far = announced(&now)[1].replace(".lhls.m4s", "9.lhls.m4s");
    assert_eq!(server.get(&far).status, 404);
    drop(encoder.kill());
    drop(encoder.wait());
    assert_eq!(never.all().len(), 24);
    await_status(&server, "show", "ended");
    let ended = server.get("/live/show/lhls/video.m3u8").text();
    assert!(ended.contains("#EXT-X-ENDLIST") && announced(&ended).is_empty());
}

/// Stops the encoder when the current segment of `track` has a part; gives the legacy
/// playlist, which does not change until the encoder goes on.
pub fn stopped_amid_a_segment(server: &Server, encoder: &Child, track: &str) -> String {
    for _ in 0..MOST_LOOKS {
        signal(encoder, "-STOP");
        let read = |folder: &str| {
            server
                .get(&format!("/live/show/{folder}{track}.m3u8"))
                .text()
        };
        let mut before = read("");
        // What is still on its way arrives.
        loop {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let after = read("");
            if after == before {
                break;
            }
            before = after;
        }
        let whole = before.rfind("#EXTINF").unwrap_or_default();
        if before[whole..].contains("#EXT-X-PART:") {
            return read("lhls/");
        }
        signal(encoder, "-CONT");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{track} has no part");
}

#[test]
fn players_that_know_nothing_of_announced_segments_play_the_finished_ones() {
    if !have_ffmpeg("players_that_know_nothing_of_announced_segments_play_the_finished_ones") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "1", &[]);
    let file = recording(&scratch, "source.flv", 9);
    let mut encoder = encoder(&file, &server.rtmp("show"));
    await_status(&server, "show", "live");
    let url = server.url("/live/show/lhls/index.m3u8");
    let player = Command::new("ffmpeg")
        .args([
            "-v",
            "fatal",
            "-nostdin",
            "-live_start_index",
            "0",
            "-i",
            &url,
        ])
        .args([
            "-map",
            "0:v",
            "-fps_mode",
            "passthrough",
            "-f",
            "framemd5",
            "-",
        ])
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg runs");
    assert!(encoder.wait().expect("it ends").success());
    assert!(player.status.success());
    let played = String::from_utf8_lossy(&player.stdout);
    let played: Vec<_> = played
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit(',').next())
        .map(|hash| hash.trim().to_owned())
        .collect();
    let source = file.to_str().expect("a plain path");
    let went_in = frames(source, "0:v", &["-fps_mode", "passthrough"]);
    assert_eq!(went_in.len(), 9 * FPS);
    assert_eq!(played, went_in);
}

#[test]
fn a_legacy_playlist_says_where_a_stream_was_broken_off() {
    if !have_ffmpeg("a_legacy_playlist_says_where_a_stream_was_broken_off") {
        return;
    }
    let (data, scratch) = (folder(), Scratch::new());
    let server = server(&data, "5", &[]);
    let file = recording(&scratch, "source.flv", 3);
    send(&file, &server.rtmp("show"));
    let away = server.get("/live/show/lhls/video.m3u8").text();
    assert!(
        away.contains("#EXT-X-PREFETCH-DISCONTINUITY\n#EXT-X-PREFETCH:"),
        "{away}"
    );
    let mut encoder = encoder(&file, &server.rtmp("show"));
    let came = Loader::open(&server, &announced(&away)[0]).all();
    assert!(came.len() > 24);
    assert!(encoder.wait().expect("it ends").success());
    await_status(&server, "show", "ended");
    let ended = server.get("/live/show/lhls/video.m3u8").text();
    let broken = ended.find("#EXT-X-DISCONTINUITY\n").expect("a break");
    let uri = announced(&away)[0].clone();
    assert!(ended[broken..].contains(&uri), "{ended}");
}
