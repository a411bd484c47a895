//! The door for encoders that speak SRT: one UDP port for all of them.
//!
//! The protocol is `srt-protocol`'s, which has no sockets. Datagrams are told apart
//! here by where they come from, and each peer has a task that reads them: what is
//! wrong with one harms no other. Its own listener knows every address that ever sent
//! a packet, and lets a slow peer stop all; this one knows those that have shown, by the
//! cookie that they were sent, that they are where they say.

mod session;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use srt_protocol::options::Passphrase;
use thiserror::Error;
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::broadcast::gate::Gate;
use crate::broadcast::hub::{Hub, MAX_STREAMS};
use crate::broadcast::seldom::{Seldom, warn_seldom};
use crate::broadcast::srt::session::Session;
use crate::live::srt::{Cookies, Knock, induction_answer};

/// Peers at a time: one a stream, and as many that are not let in yet.
const MAX_PEERS: usize = 2 * MAX_STREAMS;

/// Datagrams of one peer that wait to be read: a third of a second at 32 Mbit/s. More
/// are lost as on the way, and sent again.
const MAX_WAITING: usize = 1024;

/// The longest datagram: no network that SRT is for passes on a longer one.
const MAX_DATAGRAM_BYTES: usize = 1500;

/// Bytes that the system keeps for this port, if it lets.
const SOCKET_BYTES: usize = 4 << 20;

/// Bytes of a passphrase.
const PASSPHRASE_BYTES: std::ops::RangeInclusive<usize> = 10..=79;

/// Why a passphrase is none.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the passphrase has {0} bytes: expected 10 to 79")]
pub struct PassphraseError(usize);

/// How peers encrypt.
#[derive(Clone, Debug, Default)]
pub struct Encryption(Option<Passphrase>);

impl Encryption {
    /// All must, with AES by this passphrase.
    pub fn by(passphrase: String) -> Result<Self, PassphraseError> {
        let bytes = passphrase.len();
        if !PASSPHRASE_BYTES.contains(&bytes) {
            return Err(PassphraseError(bytes));
        }
        let passphrase = Passphrase::try_from(passphrase);
        Ok(Self(Some(passphrase.map_err(|_| PassphraseError(bytes))?)))
    }
}

/// A port for SRT.
pub async fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).await?;
    // With less it works too, as long as nobody bursts.
    if let Err(error) = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BYTES) {
        tracing::info!(%error, "the buffer for SRT stays as it is");
    }
    Ok(socket)
}

/// Lets encoders in on `socket` until `stop`; then ends their streams in good order.
pub async fn serve(
    socket: UdpSocket,
    hub: Hub,
    gate: Gate,
    encryption: Encryption,
    stop: CancellationToken,
) {
    let (socket, gate) = (Arc::new(socket), Arc::new(gate));
    let (cookies, begun) = (Cookies::new(secret()), Instant::now());
    let strangers = Arc::new(Seldom::default());
    let places = Arc::new(Semaphore::new(MAX_PEERS));
    let sessions = TaskTracker::new();
    let mut peers: HashMap<SocketAddr, mpsc::Sender<Bytes>> = HashMap::new();
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = stop.cancelled() => break,
        };
        let (count, peer) = match received {
            Ok(received) => received,
            Err(error) => {
                // A peer that is not there any more, mostly.
                tracing::debug!(%error, "a datagram could not be received");
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
        };
        let datagram = &buffer[..count];
        if let Some(known) = peers.get(&peer) {
            match known.try_send(Bytes::copy_from_slice(datagram)) {
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => continue,
                Err(mpsc::error::TrySendError::Closed(_)) => drop(peers.remove(&peer)),
            }
        }
        let minute = begun.elapsed().as_secs() / 60;
        match Knock::read(datagram) {
            Some(Knock::Induction) => {
                let answer = induction_answer(datagram, cookies.cookie(peer, minute));
                // What cannot be sent at once is lost, as on the way.
                drop(answer.map(|answer| socket.try_send_to(&answer, peer)));
                continue;
            }
            Some(Knock::Conclusion(cookie)) if cookies.are_of(peer, minute, cookie) => {}
            _ => continue,
        }
        if peers.len() >= MAX_PEERS {
            peers.retain(|_, known| !known.is_closed());
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            warn_seldom!(strangers, %peer, most = MAX_PEERS, "too many encoders");
            continue;
        };
        let (sender, datagrams) = mpsc::channel(MAX_WAITING);
        // There is room: it is empty.
        drop(sender.try_send(Bytes::copy_from_slice(datagram)));
        peers.insert(peer, sender);
        let (socket, strangers) = (Arc::clone(&socket), Arc::clone(&strangers));
        let session = Session::new(socket, peer, datagrams, &encryption, strangers);
        let (hub, gate, stop) = (hub.clone(), Arc::clone(&gate), stop.clone());
        sessions.spawn(async move {
            session.run(&hub, &gate, &stop).await;
            drop(place);
        });
    }
    sessions.close();
    sessions.wait().await;
}

/// What cookies are made with: 244 random bits.
fn secret() -> [u8; 32] {
    let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
    *blake3::hash(&[*one.as_bytes(), *other.as_bytes()].concat()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_has_a_length() {
        for (bytes, expected) in [(9, false), (10, true), (79, true), (80, false)] {
            assert_eq!(
                Encryption::by("p".repeat(bytes)).is_ok(),
                expected,
                "{bytes}"
            );
        }
        let error = Encryption::by("short".into())
            .expect_err("short")
            .to_string();
        assert_eq!(error, "the passphrase has 5 bytes: expected 10 to 79");
    }
}
