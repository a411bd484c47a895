//! Viewers who are pushed the stream frame by frame, and what they get of it.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout_at;

use crate::STREAM;
use crate::http::{Chunked, Connection, broken};
use crate::source::{FPS, VIDEO};

/// Where the time of every stream begins, in milliseconds.
const ORIGIN_MS: u64 = 10_000;

/// Ticks a millisecond of pictures.
const TICKS: u64 = 90;

/// What a slow viewer reads at a time, and how long it rests then.
const SIP: usize = 512;
const REST: Duration = Duration::from_millis(250);

/// The receive buffer of a slow viewer's socket, in bytes.
const SLOW_BUFFER: u32 = 4 << 10;

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

/// How somebody is pushed the stream.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    HttpFlv,
    WebSocket,
    Dictionary,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::HttpFlv, Self::WebSocket, Self::Dictionary];
}

/// A picture that came.
pub struct Frame {
    pub ms: u64,
    pub at: Instant,
}

#[derive(Default)]
pub struct Pushed {
    pub count: u64,
    pub holes: u64,
    /// Those whose connection ended before it was time.
    pub ended: u64,
    /// The pictures that came while it was measured.
    pub frames: Vec<Frame>,
}

impl Pushed {
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.holes += other.holes;
        self.ended += other.ended;
        self.frames.extend(other.frames);
    }

    /// Another picture: a frame after the last one, or something is missing.
    fn picture(&mut self, ms: u64, last: &mut Option<u64>, begin: Instant) {
        let hole = last.is_some_and(|last| last + 1000 / FPS != ms);
        self.holes += u64::from(hole);
        *last = Some(ms);
        self.count += 1;
        let at = Instant::now();
        if at >= begin {
            let ms = ms.saturating_sub(ORIGIN_MS);
            self.frames.push(Frame { ms, at });
        }
    }
}

/// Reads at full speed until `end`.
pub async fn read(
    way: Way,
    address: SocketAddr,
    dictionary: SocketAddr,
    begin: Instant,
    end: Instant,
) -> Pushed {
    let mut pushed = Pushed::default();
    let reading = async {
        match way {
            Way::WebSocket => web_socket(address, &mut pushed, begin).await,
            Way::HttpFlv => {
                let connection = Connection::open(address).await?;
                let path = format!("/live/{STREAM}.flv");
                let body = Chunked::new(connection.stream(&path, "").await?);
                flv(Body::Chunked(body), &mut pushed, begin).await
            }
            Way::Dictionary => {
                let body = subscribed(TcpStream::connect(dictionary).await?).await?;
                flv(Body::Plain(body), &mut pushed, begin).await
            }
        }
    };
    // It goes on for ever: only time may end it.
    if let Ok(ended) = timeout_at(end.into(), reading).await {
        eprintln!("{way:?} ended: {:?}", ended.err());
        pushed.ended += 1;
    }
    pushed
}

/// Reads more slowly than the stream comes, for as long as it is let.
pub async fn read_slowly(way: Way, address: SocketAddr, dictionary: SocketAddr) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SLOW_BUFFER)?;
    let mut socket = match way {
        Way::Dictionary => socket.connect(dictionary).await?,
        Way::HttpFlv | Way::WebSocket => socket.connect(address).await?,
    };
    let request = match way {
        Way::Dictionary => format!("{{\"role\": \"subscription\", \"name\": \"{STREAM}\"}}\n"),
        Way::HttpFlv => format!("GET /live/{STREAM}.flv HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        Way::WebSocket => {
            format!("GET /live/{STREAM}/ws HTTP/1.1\r\nhost: localhost\r\n{UPGRADE}\r\n")
        }
    };
    socket.write_all(request.as_bytes()).await?;
    let mut sip = [0; SIP];
    while socket.read(&mut sip).await? > 0 {
        tokio::time::sleep(REST).await;
    }
    Ok(())
}

/// A subscription end that was answered.
async fn subscribed(mut socket: TcpStream) -> io::Result<BufReader<TcpStream>> {
    let request = format!("{{\"role\": \"subscription\", \"name\": \"{STREAM}\"}}\n");
    socket.write_all(request.as_bytes()).await?;
    let mut socket = BufReader::new(socket);
    while socket.read_u8().await? != b'\n' {}
    Ok(socket)
}

/// The bytes of an FLV file.
enum Body {
    Chunked(Chunked),
    Plain(BufReader<TcpStream>),
}

impl Body {
    async fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Chunked(body) => body.read_exact(bytes).await,
            Self::Plain(body) => body.read_exact(bytes).await.map(drop),
        }
    }
}

async fn flv(mut body: Body, pushed: &mut Pushed, begin: Instant) -> io::Result<()> {
    body.read_exact(&mut [0; 13]).await?;
    let (mut last, mut data) = (None, Vec::new());
    loop {
        let mut head = [0; 11];
        body.read_exact(&mut head).await?;
        let [kind, l0, l1, l2, t0, t1, t2, t3, ..] = head;
        // The length, and that of the tag again behind it.
        data.resize(u32::from_be_bytes([0, l0, l1, l2]) as usize + 4, 0);
        body.read_exact(&mut data).await?;
        if kind == VIDEO && data[1] == 1 {
            let ms = u32::from_be_bytes([t3, t0, t1, t2]);
            pushed.picture(ms.into(), &mut last, begin);
        }
    }
}

async fn web_socket(address: SocketAddr, pushed: &mut Pushed, begin: Instant) -> io::Result<()> {
    let connection = Connection::open(address).await?;
    let mut socket = connection
        .stream(&format!("/live/{STREAM}/ws"), UPGRADE)
        .await?;
    let (mut last, mut data) = (None, Vec::new());
    loop {
        let mut head = [0; 2];
        socket.read_exact(&mut head).await?;
        let length = match head[1] {
            126 => socket.read_u16().await?.into(),
            127 => socket.read_u64().await?,
            length => length.into(),
        };
        data.resize(usize::try_from(length).map_err(io::Error::other)?, 0);
        socket.read_exact(&mut data).await?;
        match head[0] & 0xf {
            2 if data.get(4..8) == Some(b"moof") => {
                let (track, ticks) = placed(&data).ok_or_else(|| broken("no tfhd and tfdt"))?;
                // Pictures come first where both are.
                if track == 1 {
                    pushed.picture(ticks / TICKS, &mut last, begin);
                }
            }
            8 => return Ok(()),
            _ => {}
        }
    }
}

/// Whose a fragment is, and when it is decoded.
fn placed(fragment: &[u8]) -> Option<(u32, u64)> {
    let after = |name: &[u8; 4]| {
        let at = fragment.windows(4).position(|window| window == name)?;
        // Version and flags.
        fragment.get(at + 8..)
    };
    let track = after(b"tfhd")?.first_chunk()?;
    let ticks = after(b"tfdt")?.first_chunk()?;
    Some((u32::from_be_bytes(*track), u64::from_be_bytes(*ticks)))
}
