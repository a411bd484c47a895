//! Viewers who are pushed a stream, by FLV over HTTP or by WebSocket, and look at every
//! frame that they get.

use std::fs;
use std::io::{self, BufReader, Read, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use loomcast::cmaf::{decode_time, read_fragment};

use super::source::{GROUP, Kind, Source, Tagged, length_of};
use crate::live::FPS;
use crate::server::Server;
use crate::support::Scratch;

/// After this somebody who is given nothing gives up: longer than any room is patient.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far a step may be from the source's, in microseconds: FLV counts milliseconds.
const ROUNDED_US: i64 = 3_000;

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

/// How he is pushed the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    HttpFlv,
    WebSocket,
}

impl Way {
    pub const ALL: [Self; 2] = [Self::HttpFlv, Self::WebSocket];

    fn path(self, name: &str) -> String {
        match self {
            Self::HttpFlv => format!("/live/{name}.flv"),
            Self::WebSocket => format!("/live/{name}/ws"),
        }
    }
}

/// A frame that came.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub kind: Kind,
    /// When it is decoded, in microseconds.
    pub us: i64,
    pub is_key: bool,
    hash: blake3::Hash,
}

/// All that came to one viewer.
#[derive(Debug, Default)]
pub struct Seen {
    pub frames: Vec<Frame>,
    /// Whole tags or fragments, as a file.
    file: Vec<u8>,
    /// It ended as a stream that is over does.
    pub over: bool,
}

/// Somebody who watches.
pub struct Viewer {
    pub way: Way,
    seen: Arc<Mutex<Seen>>,
    socket: TcpStream,
    reading: JoinHandle<()>,
}

impl Viewer {
    /// Joins stream `name`, and waits until he has a frame.
    pub fn join(server: &Server, name: &str, way: Way) -> Self {
        let viewer = Self::ask(server, name, way)
            .unwrap_or_else(|status| panic!("{way:?} {name}: {status}"));
        viewer.until("a frame", |seen| !seen.frames.is_empty());
        viewer
    }

    /// Asks for stream `name`: himself, or the status that refuses him.
    pub fn ask(server: &Server, name: &str, way: Way) -> Result<Self, u16> {
        let mut socket = TcpStream::connect(server.address()).expect("it listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let upgrade = match way {
            Way::HttpFlv => "",
            Way::WebSocket => UPGRADE,
        };
        let path = way.path(name);
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{upgrade}\r\n");
        socket.write_all(request.as_bytes()).expect("it listens");
        let mut from = BufReader::new(socket.try_clone().expect("a socket"));
        let status = status(&mut from);
        if !matches!(status, 101 | 200) {
            return Err(status);
        }
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let to = Arc::clone(&seen);
        let reading = thread::spawn(move || {
            // However it ends: what matters is what had come.
            let read = match way {
                Way::HttpFlv => flv(Chunked { from, left: 0 }, &to),
                Way::WebSocket => web_socket(from, &to),
            };
            to.lock().expect("whole").over = read.is_ok();
        });
        Ok(Self {
            way,
            seen,
            socket,
            reading,
        })
    }

    /// Waits until what he has seen is so.
    pub fn until(&self, what: &str, is_so: impl Fn(&Seen) -> bool) {
        super::until(what, || is_so(&self.seen.lock().expect("whole")));
    }

    /// Waits until he has so many more pictures than now.
    pub fn until_more(&self, pictures: usize) {
        let least = self.seen.lock().expect("whole").pictures() + pictures;
        self.until("more pictures", |seen| seen.pictures() >= least);
    }

    /// Hangs up; what he has seen.
    pub fn leave(self) -> Seen {
        // An error means that the stream has ended already.
        drop(self.socket.shutdown(Shutdown::Both));
        self.ended()
    }

    /// What he has seen, when the stream has ended.
    pub fn ended(self) -> Seen {
        self.reading.join().expect("he reads what can be read");
        let mut seen = self.seen.lock().expect("whole");
        std::mem::take(&mut *seen)
    }
}

impl Seen {
    fn pictures(&self) -> usize {
        let frames = self.frames.iter();
        frames.filter(|frame| frame.kind == Kind::Video).count()
    }

    /// How many frames are missing between those that came. Fails if any came twice, out
    /// of order, or at a time that goes backward or leaves a hole longer than a group of
    /// pictures; and if the first picture is no key frame.
    pub fn missing(&self, source: &Source) -> usize {
        let mut missing = 0;
        for kind in Kind::ALL {
            let frames = self.frames.iter().filter(|frame| frame.kind == kind);
            let frames: Vec<_> = frames.collect();
            let numbers: Vec<usize> = frames
                .iter()
                .map(|frame| {
                    let number = source.number_of(kind, frame.hash);
                    number.unwrap_or_else(|| panic!("{kind:?} at {}: not the source's", frame.us))
                })
                .collect();
            for (pair, numbers) in frames.windows(2).zip(numbers.windows(2)) {
                let ([a, b], [from, to]) = (pair, numbers) else {
                    unreachable!("windows of two");
                };
                assert!(to > from, "{kind:?}: {to} after {from}");
                let step = b.us - a.us;
                assert!(step > 0, "{kind:?} {to}: {} after {}", b.us, a.us);
                let longest = GROUP as i64 * 1_000_000 / FPS as i64;
                let own = source.step_ms(kind, *from, *to) * 1_000;
                assert!(
                    step <= longest + 100_000,
                    "{kind:?} {to}: a hole of {step} us"
                );
                if *to == from + 1 && kind == Kind::Video {
                    let apart = (step - own).abs();
                    assert!(apart <= ROUNDED_US, "{kind:?} {to}: {step} us, not {own}");
                }
                missing += to - from - 1;
            }
        }
        let first = self.frames.iter().find(|frame| frame.kind == Kind::Video);
        assert!(
            first.is_some_and(|first| first.is_key),
            "no key frame first"
        );
        missing
    }

    /// The number of the first picture.
    pub fn first(&self, source: &Source) -> Option<usize> {
        let first = self.frames.iter().find(|frame| frame.kind == Kind::Video)?;
        source.number_of(Kind::Video, first.hash)
    }

    /// Has FFmpeg decode all of it: it finds no fault, and as many pictures as came.
    pub fn decodes(&self, scratch: &Scratch, name: &str) {
        let file = scratch.path(name);
        fs::write(&file, &self.file).expect("a file");
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-xerror", "-i"])
            .arg(&file)
            .args([
                "-map",
                "0:v",
                "-map",
                "0:a",
                "-fps_mode",
                "passthrough",
                "-f",
                "framemd5",
                "-",
            ])
            .output()
            .expect("ffmpeg runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
        let text = String::from_utf8_lossy(&output.stdout);
        let decoded = text.lines().filter(|line| line.starts_with("0,")).count();
        let pictures = self.frames.iter().filter(|frame| frame.kind == Kind::Video);
        // FFmpeg shows a picture when it knows that no earlier one comes.
        assert!(pictures.count() - decoded <= 4, "{name}: {decoded}");
    }
}

fn status(from: &mut impl Read) -> u16 {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte).expect("the head of an answer");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    code.unwrap_or_else(|| panic!("no status: {head}"))
}

/// What a chunked body carries.
struct Chunked {
    from: BufReader<TcpStream>,
    left: usize,
}

impl Chunked {
    /// `Ok(false)` where the body ends before it.
    fn fill(&mut self, mut bytes: &mut [u8]) -> io::Result<bool> {
        while !bytes.is_empty() {
            if self.left == 0 {
                self.left = usize::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
                if self.left == 0 {
                    return Ok(false);
                }
            }
            let (now, rest) = bytes.split_at_mut(self.left.min(bytes.len()));
            self.from.read_exact(now)?;
            self.left -= now.len();
            bytes = rest;
            if self.left == 0 {
                self.line()?;
            }
        }
        Ok(true)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        io::BufRead::read_line(&mut self.from, &mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

fn flv(mut body: Chunked, seen: &Mutex<Seen>) -> io::Result<()> {
    let mut head = [0; 13];
    body.fill(&mut head)?;
    seen.lock().expect("whole").file.extend_from_slice(&head);
    let mut data = Vec::new();
    loop {
        let mut head = [0; 11];
        if !body.fill(&mut head)? {
            return Ok(());
        }
        let length = length_of(&head);
        // Its length again is behind it.
        data.resize(length + 4, 0);
        if !body.fill(&mut data)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut seen = seen.lock().expect("whole");
        seen.file.extend_from_slice(&head);
        seen.file.extend_from_slice(&data);
        if let Some(tag) = Tagged::of(&head, &data[..length]) {
            seen.frames.push(Frame {
                kind: tag.kind,
                us: i64::from(tag.ms) * 1_000,
                is_key: tag.is_key,
                hash: blake3::hash(tag.data),
            });
        }
    }
}

fn web_socket(mut from: BufReader<TcpStream>, seen: &Mutex<Seen>) -> io::Result<()> {
    loop {
        let mut head = [0; 2];
        from.read_exact(&mut head)?;
        let mut wide = [0; 8];
        let length = match head[1] {
            126 => {
                from.read_exact(&mut wide[6..])?;
                u64::from_be_bytes(wide)
            }
            127 => {
                from.read_exact(&mut wide)?;
                u64::from_be_bytes(wide)
            }
            length => length.into(),
        };
        let mut data = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        from.read_exact(&mut data)?;
        let mut seen = seen.lock().expect("whole");
        match head[0] & 0xf {
            2 => {
                seen.file.extend_from_slice(&data);
                if let Some(frame) = fragment(&data) {
                    seen.frames.push(frame);
                }
            }
            8 => return Ok(()),
            _ => {}
        }
    }
}

/// The frame in a fragment; none in an init segment.
fn fragment(data: &[u8]) -> Option<Frame> {
    let at = data.windows(4).position(|window| window == b"tfhd")?;
    // After version and flags.
    let track = u32::from_be_bytes(*data.get(at + 8..)?.first_chunk()?);
    // Pictures come first where both are.
    let (kind, timescale) = match track {
        1 => (Kind::Video, 90_000),
        _ => (Kind::Audio, 48_000),
    };
    let ticks = i64::try_from(decode_time(data).expect("its time")).expect("not for ages");
    let samples = read_fragment(data).expect("samples");
    let [sample] = &samples[..] else {
        panic!("{} frames in a message", samples.len());
    };
    let begins = sample.offset as usize;
    Some(Frame {
        kind,
        us: ticks * 1_000_000 / timescale,
        is_key: sample.sync,
        hash: blake3::hash(&data[begins..begins + sample.size as usize]),
    })
}
