//! A connection that asks one thing after the other: HTTP/1.1, as little of it as the server's
//! answers need. A client that does more would take from the server what is measured.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

pub struct Connection {
    socket: BufReader<TcpStream>,
    line: String,
    agent: String,
}

pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket: BufReader::with_capacity(4 << 10, socket),
            line: String::new(),
            agent: String::new(),
        })
    }

    /// From one who goes by that name.
    pub fn of(mut self, agent: &str) -> Self {
        self.agent = format!("user-agent: {agent}\r\n");
        self
    }

    pub async fn get(&mut self, path: &str) -> io::Result<Answer> {
        let (status, location, length) = self.ask(path, "").await?;
        let mut body = vec![0; length.ok_or_else(|| broken("an answer without a length"))?];
        self.socket.read_exact(&mut body).await?;
        Ok(Answer {
            status,
            location,
            body,
        })
    }

    /// The socket, to read what follows the head of an answer.
    pub async fn stream(mut self, path: &str, headers: &str) -> io::Result<BufReader<TcpStream>> {
        match self.ask(path, headers).await? {
            (101 | 200, _, None) => Ok(self.socket),
            (status, _, _) => Err(broken(&format!("{path}: {status}"))),
        }
    }

    /// Status, where it is to be asked instead, and how long the body is.
    async fn ask(
        &mut self,
        path: &str,
        headers: &str,
    ) -> io::Result<(u16, Option<String>, Option<usize>)> {
        let agent = &self.agent;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{agent}{headers}\r\n");
        self.socket.write_all(request.as_bytes()).await?;
        let mut status = None;
        let (mut location, mut length) = (None, None);
        loop {
            self.line.clear();
            if self.socket.read_line(&mut self.line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = self.line.trim_end();
            if line.is_empty() {
                let status = status.ok_or_else(|| broken("an answer without a status"))?;
                return Ok((status, location, length));
            }
            match line.split_once(": ") {
                None => status = line.split(' ').nth(1).and_then(|code| code.parse().ok()),
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().ok();
                }
                Some((name, value)) if name.eq_ignore_ascii_case("location") => {
                    location = Some(value.to_owned());
                }
                Some(_) => {}
            }
        }
    }
}

pub fn broken(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

/// All that comes of a chunked body, one piece after the other.
pub struct Chunked {
    socket: BufReader<TcpStream>,
    line: String,
    left: usize,
}

impl Chunked {
    pub const fn new(socket: BufReader<TcpStream>) -> Self {
        Self {
            socket,
            line: String::new(),
            left: 0,
        }
    }

    /// Fills `bytes`.
    pub async fn read_exact(&mut self, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.left == 0 {
                self.line.clear();
                self.socket.read_line(&mut self.line).await?;
                let length = usize::from_str_radix(self.line.trim(), 16);
                self.left = length.map_err(|_| broken("no length of a chunk"))?;
                if self.left == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            let most = self.left.min(bytes.len());
            let (now, rest) = bytes.split_at_mut(most);
            self.socket.read_exact(now).await?;
            bytes = rest;
            self.left -= most;
            if self.left == 0 {
                self.socket.read_exact(&mut [0; 2]).await?;
            }
        }
        Ok(())
    }
}
