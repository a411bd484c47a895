//! The stream: a clip that FFmpeg made, sent again and again at the speed at which it
//! plays, and when each picture of it was sent.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::{STREAM, Shared};

/// How long the clip is: whole frames of sound and of pictures, so that it can be repeated.
const CLIP_MS: u64 = 16_000;

/// Pictures a second.
pub const FPS: u64 = 25;

/// The head of an FLV file, and of each of its tags.
const HEAD: usize = 13;
const TAG_HEAD: usize = 11;

/// The kind of a tag with a picture in it.
pub const VIDEO: u8 = 9;

/// A clip, as the tags that it is sent as.
pub struct Clip {
    head: Vec<u8>,
    tags: Vec<Tag>,
}

struct Tag {
    kind: u8,
    ms: u64,
    body: Vec<u8>,
}

impl Tag {
    /// Whether it says how frames are coded, or is no frame at all.
    fn is_setup(&self) -> bool {
        self.kind != VIDEO && self.kind != 8 || self.body.get(1) == Some(&0)
    }
}

impl Clip {
    /// `None` if FFmpeg is not there.
    pub fn make(folder: &Path, kbit: u32) -> Option<Self> {
        let file = folder.join("clip.flv");
        let seconds = CLIP_MS / 1000 + 1;
        let rate = format!("{kbit}k");
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i"])
            .arg(format!(
                "testsrc2=size=640x360:rate={FPS}:duration={seconds}"
            ))
            .args(["-f", "lavfi", "-i"])
            .arg(format!("sine=sample_rate=48000:duration={seconds}"))
            .args([
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
                "-tune",
                "zerolatency",
            ])
            .args([
                "-g",
                "50",
                "-keyint_min",
                "50",
                "-sc_threshold",
                "0",
                "-b:v",
                &rate,
            ])
            .args([
                "-maxrate", &rate, "-bufsize", &rate, "-c:a", "aac", "-b:a", "96k",
            ])
            .arg(&file)
            .stdin(Stdio::null())
            .status()
            .ok()?;
        assert!(status.success(), "ffmpeg: {status}");
        let bytes = std::fs::read(&file).expect("it was written");
        Some(Self::read(&bytes))
    }

    fn read(bytes: &[u8]) -> Self {
        let (head, mut rest) = bytes.split_at(HEAD);
        let mut tags = Vec::new();
        while let Some((fields, after)) = rest.split_at_checked(TAG_HEAD) {
            let number = |range: std::ops::Range<usize>| {
                fields[range]
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
            };
            let length = usize::try_from(number(1..4)).expect("small");
            let (body, after) = after.split_at(length);
            let tag = Tag {
                kind: fields[0],
                ms: number(4..7),
                body: body.to_vec(),
            };
            if tag.is_setup() || tag.ms < CLIP_MS {
                tags.push(tag);
            }
            rest = &after[4..];
        }
        Self {
            head: head.to_vec(),
            tags,
        }
    }
}

/// A clip on its way.
pub struct Source {
    /// When each picture was sent, by its time in milliseconds.
    sent: Shared<Vec<(u64, Instant)>>,
}

impl Source {
    /// Sends `clip` for as long as this process runs.
    pub async fn start(dictionary: SocketAddr, clip: Clip) -> Self {
        let socket = TcpStream::connect(dictionary).await.expect("it listens");
        socket.set_nodelay(true).expect("a socket");
        let mut socket = BufReader::new(socket);
        let request = format!("{{\"role\": \"pushing\", \"name\": \"{STREAM}\"}}\n");
        socket
            .write_all(request.as_bytes())
            .await
            .expect("it listens");
        let mut answer = String::new();
        socket.read_line(&mut answer).await.expect("it answers");
        assert!(answer.contains("true"), "{answer}");
        let sent = Shared::default();
        tokio::spawn(send(socket, clip, Arc::clone(&sent)));
        Self { sent }
    }

    /// When the first picture at `ms` or later was sent.
    pub fn sent_at(&self, ms: u64) -> Option<Instant> {
        let sent = self.sent.lock().expect("no panic");
        let index = sent.partition_point(|(sent, _)| *sent < ms);
        sent.get(index).map(|(_, at)| *at)
    }
}

async fn send(mut socket: BufReader<TcpStream>, clip: Clip, sent: Shared<Vec<(u64, Instant)>>) {
    socket.write_all(&clip.head).await.expect("it is taken");
    let begun = Instant::now();
    for turn in 0_u64.. {
        for tag in clip.tags.iter().filter(|tag| turn == 0 || !tag.is_setup()) {
            let ms = turn * CLIP_MS + tag.ms;
            tokio::time::sleep_until((begun + Duration::from_millis(ms)).into()).await;
            let written = written(tag, ms);
            if socket.write_all(&written).await.is_err() {
                return;
            }
            if tag.kind == VIDEO && !tag.is_setup() {
                sent.lock().expect("no panic").push((ms, Instant::now()));
            }
        }
    }
}

fn written(tag: &Tag, ms: u64) -> Vec<u8> {
    let length = u32::try_from(tag.body.len()).expect("small");
    let ms = u32::try_from(ms)
        .expect("it does not run for weeks")
        .to_be_bytes();
    let mut bytes = vec![tag.kind];
    bytes.extend_from_slice(&length.to_be_bytes()[1..]);
    bytes.extend_from_slice(&ms[1..]);
    bytes.extend_from_slice(&[ms[0], 0, 0, 0]);
    bytes.extend_from_slice(&tag.body);
    bytes.extend_from_slice(&(length + TAG_HEAD as u32).to_be_bytes());
    bytes
}
