//! One viewer of the room: how long he waited for his first key frame, and what he missed.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout_at;

use loomcast::cmaf::{decode_time, read_fragment};

use crate::STREAM;
use crate::http::{Chunked, Connection, broken};
use crate::source::{FPS, VIDEO};

/// Ticks a millisecond of pictures.
const TICKS: u64 = 90;

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
}

/// What viewers saw.
#[derive(Default)]
pub struct Viewed {
    pub pictures: u64,
    pub holes: u64,
    /// Those whose stream ended before it was time, or never began.
    pub ended: u64,
    /// From asking, with a connection that is new, to all of the first key frame.
    first: Vec<(Way, Duration)>,
}

impl Viewed {
    pub fn add(&mut self, other: Self) {
        self.pictures += other.pictures;
        self.holes += other.holes;
        self.ended += other.ended;
        self.first.extend(other.first);
    }

    /// Of those who watch in this way, or of all.
    pub fn delays(&self, way: Option<Way>) -> impl Iterator<Item = Duration> {
        let known = move |known: &Way| way.is_none_or(|way| way == *known);
        let own = self.first.iter().filter(move |(way, _)| known(way));
        own.map(|(_, delay)| *delay)
    }
}

/// What one viewer keeps of it.
struct Viewing {
    way: Way,
    asked: Instant,
    last: Option<u64>,
    viewed: Viewed,
}

/// Watches until `end`.
pub async fn watch(way: Way, address: SocketAddr, end: Instant) -> Viewed {
    let mut viewing = Viewing {
        way,
        asked: Instant::now(),
        last: None,
        viewed: Viewed::default(),
    };
    let watching = async {
        match way {
            Way::HttpFlv => viewing.flv(address).await,
            Way::WebSocket => viewing.web_socket(address).await,
        }
    };
    // It goes on for ever: only time may end it.
    if let Ok(ended) = timeout_at(end.into(), watching).await {
        eprintln!("{way:?} ended: {:?}", ended.err());
        viewing.viewed.ended += 1;
    }
    let mut viewed = viewing.viewed;
    viewed.ended += u64::from(viewed.first.is_empty());
    viewed
}

impl Viewing {
    /// Another picture: a frame after the last one, or something is missing.
    fn picture(&mut self, ms: u64, is_key: bool) {
        if self.viewed.first.is_empty() {
            // Nothing can be decoded before it.
            self.viewed.holes += u64::from(!is_key);
            self.viewed.first.push((self.way, self.asked.elapsed()));
        }
        let hole = self.last.is_some_and(|last| last + 1000 / FPS != ms);
        self.viewed.holes += u64::from(hole);
        self.last = Some(ms);
        self.viewed.pictures += 1;
    }

    async fn flv(&mut self, address: SocketAddr) -> io::Result<()> {
        let connection = Connection::open(address).await?;
        let path = format!("/live/{STREAM}.flv");
        let mut body = Chunked::new(connection.stream(&path, "").await?);
        body.read_exact(&mut [0; 13]).await?;
        let mut data = Vec::new();
        loop {
            let mut head = [0; 11];
            body.read_exact(&mut head).await?;
            let [kind, l0, l1, l2, t0, t1, t2, t3, ..] = head;
            // The length, and that of the tag again behind it.
            data.resize(u32::from_be_bytes([0, l0, l1, l2]) as usize + 4, 0);
            body.read_exact(&mut data).await?;
            if kind == VIDEO && data[1] == 1 {
                let ms = u32::from_be_bytes([t3, t0, t1, t2]);
                self.picture(ms.into(), data[0] >> 4 == 1);
            }
        }
    }

    async fn web_socket(&mut self, address: SocketAddr) -> io::Result<()> {
        let connection = Connection::open(address).await?;
        let path = format!("/live/{STREAM}/ws");
        let mut socket = connection.stream(&path, UPGRADE).await?;
        let mut data = Vec::new();
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
                    let samples = read_fragment(&data).map_err(io::Error::other)?;
                    let ticks = decode_time(&data).map_err(io::Error::other)?;
                    let track = track(&data).ok_or_else(|| broken("no tfhd"))?;
                    // Pictures come first where both are.
                    if track == 1 {
                        let is_key = samples.first().is_some_and(|sample| sample.sync);
                        self.picture(ticks / TICKS, is_key);
                    }
                }
                8 => return Ok(()),
                _ => {}
            }
        }
    }
}

/// Whose a fragment is.
fn track(fragment: &[u8]) -> Option<u32> {
    let at = fragment.windows(4).position(|window| window == b"tfhd")?;
    // After version and flags.
    let track = fragment.get(at + 8..)?.first_chunk()?;
    Some(u32::from_be_bytes(*track))
}
