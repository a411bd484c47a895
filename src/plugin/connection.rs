//! A connection to a cache dictionary that was answered.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::live::dictionary::{Answer, Request, RequestError};
use crate::plugin::PlugInError;

/// How long connecting may take, and being answered.
const ANSWERING: Duration = Duration::from_secs(10);

/// The longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 16 << 10;

/// How much of a strange answer is told, in bytes.
const TOLD_BYTES: usize = 60;

/// After this long without a byte the system asks whether the server is still there,
/// this often, before it takes the connection for lost.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TRIES: u32 = 3;

/// Where a plug-in end goes, and what it asks for.
#[derive(Clone, Debug)]
pub struct Target {
    /// `HOST:PORT` of the cache dictionary.
    pub address: String,
    /// The first line.
    pub request: Request,
}

/// A request that was granted.
#[derive(Debug)]
pub struct Connection {
    /// Media follows, either way.
    pub socket: TcpStream,
    /// What came of it already.
    pub first: Vec<u8>,
}

impl Connection {
    /// Connects, asks, and is answered.
    pub(super) async fn open(target: &Target) -> Result<Self, PlugInError> {
        let late = |_| Error::from(ErrorKind::TimedOut);
        let connected = timeout(ANSWERING, TcpStream::connect(&target.address)).await;
        let connected = connected.map_err(late).flatten();
        let mut socket = connected.map_err(|error| PlugInError::Connect {
            address: target.address.clone(),
            error,
        })?;
        // Frames are small and urgent.
        socket.set_nodelay(true)?;
        keep_alive(&socket)?;
        let answered = timeout(ANSWERING, ask(&mut socket, target)).await;
        let first = answered.map_err(late)??;
        Ok(Self { socket, first })
    }
}

/// A stream may pause for long; a server that is gone without a word is noticed.
fn keep_alive(socket: &TcpStream) -> std::io::Result<()> {
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEP_ALIVE)?;
    sockopt::set_tcp_keepintvl(socket, KEEP_ALIVE)?;
    Ok(sockopt::set_tcp_keepcnt(socket, KEEP_ALIVE_TRIES)?)
}

/// What came after the answer, if it was a grant.
async fn ask(socket: &mut TcpStream, target: &Target) -> Result<Vec<u8>, PlugInError> {
    socket
        .write_all(target.request.to_line().as_bytes())
        .await?;
    let mut said = Vec::with_capacity(1 << 10);
    let strange = |said: &[u8]| PlugInError::Answer {
        address: target.address.clone(),
        said: String::from_utf8_lossy(&said[..said.len().min(TOLD_BYTES)]).into_owned(),
    };
    let end = loop {
        if let Some(end) = said.iter().position(|byte| *byte == b'\n') {
            break end;
        }
        if said.len() > MAX_ANSWER_BYTES {
            return Err(strange(&said));
        }
        if socket.read_buf(&mut said).await? == 0 {
            return Err(match said.is_empty() {
                true => Error::from(ErrorKind::UnexpectedEof).into(),
                false => strange(&said),
            });
        }
    };
    let first = said.split_off(end + 1);
    match serde_json::from_slice(&said) {
        Ok(Answer::Granted { ok: true, .. }) => Ok(first),
        Ok(Answer::Refused { field, message, .. }) => {
            Err(PlugInError::Refused(RequestError { field, message }))
        }
        Ok(Answer::Granted { .. }) | Err(_) => Err(strange(&said)),
    }
}
