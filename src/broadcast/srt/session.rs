//! One peer, from the datagram that brings its cookie back to its last.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use srt_protocol::connection::DuplexConnection;
use srt_protocol::options::{ByteCount, Passphrase, SocketOptions};
use srt_protocol::packet::{
    ControlTypes, CoreRejectReason, HandshakeControlInfo, HandshakeVsInfo, HsV5Info, Packet,
    RejectReason, ServerRejectReason, ShakeType, SrtControlPacket,
};
use srt_protocol::protocol::pending_connection::listen::Listen;
use srt_protocol::protocol::pending_connection::{
    AccessControlRequest, AccessControlResponse, ConnectionResult,
};
use srt_protocol::settings::{ConnInitSettings, KeySettings};
use thiserror::Error;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::broadcast::connections::Door;
use crate::broadcast::gate::{self, Ask, Gate};
use crate::broadcast::hub::{Hub, Origin, PublishError};
use crate::broadcast::intake::{Format, Intake, IntakeError};
use crate::broadcast::publisher::{Leaving, STALL};
use crate::broadcast::seldom::{Seldom, warn_seldom};
use crate::broadcast::srt::Encryption;
use crate::live::srt::{SrtRequest, StreamIdError, known_of, read_stream_id};

/// How long a peer may take to ask, and to be answered.
const ASKING: Duration = Duration::from_secs(10);

/// How long an encoder may send no media, though it is there.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a peer may not be heard of at all.
const AWAY: Duration = Duration::from_secs(5);

/// Bytes of media that wait for what is missing before them: two seconds at 32 Mbit/s.
const MAX_RECEIVED_BYTES: u64 = 8 << 20;

#[derive(Debug, Error)]
enum SessionError {
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error("it sent no media for {} s", .0.as_secs())]
    Silent(Duration),
}

/// A stream that has begun, and its connection.
struct Begun {
    connection: DuplexConnection,
    intake: Intake,
}

/// A peer.
pub(super) struct Session {
    socket: Arc<UdpSocket>,
    peer: SocketAddr,
    datagrams: mpsc::Receiver<Bytes>,
    passphrase: Option<Passphrase>,
    ipv6: bool,
    /// What is logged of those who are not let in.
    strangers: Arc<Seldom>,
}

impl Session {
    pub(super) fn new(
        socket: Arc<UdpSocket>,
        peer: SocketAddr,
        datagrams: mpsc::Receiver<Bytes>,
        encryption: &Encryption,
        strangers: Arc<Seldom>,
    ) -> Self {
        let ipv6 = socket.local_addr().is_ok_and(|local| local.is_ipv6());
        Self {
            socket,
            peer,
            datagrams,
            passphrase: encryption.0.clone(),
            ipv6,
            strangers,
        }
    }

    pub(super) async fn run(mut self, hub: &Hub, gate: &Gate, stop: &CancellationToken) {
        // Who only knocks is not worth a line.
        let Ok(Some(begun)) = timeout(ASKING, self.let_in(hub, gate)).await else {
            return;
        };
        let Begun {
            mut connection,
            mut intake,
        } = begun;
        let taken = tokio::select! {
            taken = self.take(&mut connection, &mut intake) => taken,
            () = stop.cancelled() => Ok(()),
        };
        let leaving = Leaving::after(&taken);
        if let Err(error) = taken {
            tracing::warn!(peer = %self.peer, %error, "an encoder's connection failed");
        }
        // The peer is told, if it is there.
        connection.on_peer_idle_timeout(Instant::now());
        self.flush(&mut connection).await;
        let publisher = intake.end().await;
        tracing::info!(stream = publisher.stream().name(), "an encoder has gone");
        hub.farewell(publisher, leaving).await;
    }

    /// From the datagram that brings the cookie back to the answer.
    async fn let_in(&mut self, hub: &Hub, gate: &Gate) -> Option<Begun> {
        let options = self.options();
        let mut listen = Listen::new(ConnInitSettings::from(options), true);
        let mut secured = None;
        while let Some(datagram) = self.datagrams.recv().await {
            let Some(packet) = self.parse(&datagram) else {
                continue;
            };
            secured = asks_for_encryption(&packet).or(secured);
            let now = Instant::now();
            let Some(packet) = introduced(&mut listen, now, packet, self.peer) else {
                continue;
            };
            match listen.handle_packet(now, Ok((packet, self.peer))) {
                ConnectionResult::SendPacket((packet, _)) => self.send(&packet).await,
                ConnectionResult::RequestAccess(request) => {
                    return self.asked(listen, &request, secured, hub, gate).await;
                }
                ConnectionResult::Failure(_) => return None,
                _ => {}
            }
        }
        None
    }

    fn options(&self) -> SocketOptions {
        let mut options = SocketOptions::default();
        options.session.peer_idle_timeout = AWAY;
        options.receiver.buffer_size = ByteCount(MAX_RECEIVED_BYTES);
        options
    }

    /// The stream's seat is taken last: who knows no passphrase leaves no trace.
    async fn asked(
        &mut self,
        mut listen: Listen,
        request: &AccessControlRequest,
        secured: Option<Secured>,
        hub: &Hub,
        gate: &Gate,
    ) -> Option<Begun> {
        let admitted = self.admitted(request, secured, gate).await;
        let wanted = match admitted {
            Ok(wanted) => wanted,
            Err(refusal) => {
                self.refuse(&mut listen, refusal).await;
                return None;
            }
        };
        let keys = self.passphrase.clone().map(|passphrase| KeySettings {
            key_size: request.key_size,
            passphrase,
        });
        let accepted = AccessControlResponse::Accepted(keys);
        match listen.handle_access_control_response(Instant::now(), accepted) {
            ConnectionResult::Connected(answer, connection) => {
                let origin = Origin::live(Door::Srt, Some(self.peer));
                let publisher = match hub.publish(&wanted.name, &origin) {
                    Ok(publisher) => publisher,
                    Err(error) => {
                        self.refuse(&mut listen, error.into()).await;
                        return None;
                    }
                };
                tracing::info!(peer = %self.peer, stream = wanted.name, "an encoder publishes");
                if let Some((answer, _)) = answer {
                    self.send(&answer).await;
                }
                Some(Begun {
                    connection: DuplexConnection::new(connection),
                    intake: Intake::new(publisher, Format::MpegTs),
                })
            }
            ConnectionResult::Reject(answer, _) => {
                warn_seldom!(self.strangers, peer = %self.peer, "an encoder without the passphrase was sent away");
                if let Some((answer, _)) = answer {
                    self.send(&answer).await;
                }
                None
            }
            _ => None,
        }
    }

    async fn admitted(
        &self,
        request: &AccessControlRequest,
        secured: Option<Secured>,
        gate: &Gate,
    ) -> Result<SrtRequest, Refusal> {
        match (&self.passphrase, secured) {
            (Some(_), Some(Secured::WithKeys)) | (None, None) => {}
            _ => return Err(Refusal::Encryption),
        }
        let id = request.stream_id.as_ref().map_or("", |id| id.as_str());
        let wanted = read_stream_id(id)?;
        let ask = Ask {
            name: &wanted.name,
            key: wanted.key.as_ref(),
            door: Door::Srt,
            peer: self.peer,
        };
        gate.admit(&ask).await?;
        Ok(wanted)
    }

    async fn refuse(&self, listen: &mut Listen, refusal: Refusal) {
        warn_seldom!(self.strangers, peer = %self.peer, error = %refusal, "an encoder was sent away");
        let rejected = AccessControlResponse::Rejected(refusal.reason());
        let answer = listen.handle_access_control_response(Instant::now(), rejected);
        if let ConnectionResult::Reject(Some((answer, _)), _) = answer {
            self.send(&answer).await;
        }
    }

    /// Takes media until the peer goes.
    async fn take(
        &mut self,
        connection: &mut DuplexConnection,
        intake: &mut Intake,
    ) -> Result<(), SessionError> {
        let mut heard = Instant::now();
        let mut stalled = false;
        while connection.is_open() {
            self.flush(connection).await;
            while let Some((_, media)) = connection.next_data(Instant::now()) {
                heard = Instant::now();
                stalled = false;
                intake.take(&media).await?;
            }
            if heard.elapsed() > STALL && !std::mem::replace(&mut stalled, true) {
                intake.stalled().await.map_err(IntakeError::from)?;
            }
            if heard.elapsed() > SILENCE {
                return Err(SessionError::Silent(SILENCE));
            }
            let wake = connection.check_timers(Instant::now());
            // What the timers have to say is said first.
            self.flush(connection).await;
            let datagram = tokio::select! {
                datagram = self.datagrams.recv() => datagram,
                () = sleep_until(wake.into()) => continue,
            };
            let Some(datagram) = datagram else {
                return Ok(());
            };
            if let Some(packet) = self.parse(&datagram).filter(is_expected) {
                connection.handle_packet_input(Instant::now(), Ok((packet, self.peer)));
            }
        }
        Ok(())
    }

    fn parse(&self, datagram: &[u8]) -> Option<Packet> {
        let known = known_of(datagram)?;
        Packet::parse(&mut Cursor::new(&known[..]), self.ipv6).ok()
    }

    async fn flush(&self, connection: &mut DuplexConnection) {
        while let Some((packet, _)) = connection.next_packet(Instant::now()) {
            self.send(&packet).await;
        }
    }

    /// What cannot be sent is lost, as on the way.
    async fn send(&self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.serialize(&mut bytes);
        if let Err(error) = self.socket.send_to(&bytes, self.peer).await {
            tracing::debug!(peer = %self.peer, %error, "a datagram could not be sent");
        }
    }
}

/// A handshake as the library wants it. It knows a peer by its first datagram, of which
/// nothing was kept: it is shown one that was made of this, and this with the cookie that
/// it has for the peer.
fn introduced(
    listen: &mut Listen,
    now: Instant,
    packet: Packet,
    peer: SocketAddr,
) -> Option<Packet> {
    let Packet::Control(mut control) = packet else {
        return None;
    };
    let ControlTypes::Handshake(shake) = &control.control_type else {
        return None;
    };
    let first = HandshakeControlInfo {
        shake_type: ShakeType::Induction,
        info: HandshakeVsInfo::V5(HsV5Info::default()),
        ..shake.clone()
    };
    let mut induction = control.clone();
    induction.control_type = ControlTypes::Handshake(first);
    let answered = listen.handle_packet(now, Ok((induction.into(), peer)));
    let ConnectionResult::SendPacket((Packet::Control(answer), _)) = answered else {
        return None;
    };
    let ControlTypes::Handshake(HandshakeControlInfo { syn_cookie, .. }) = answer.control_type
    else {
        return None;
    };
    if let ControlTypes::Handshake(shake) = &mut control.control_type {
        shake.syn_cookie = syn_cookie;
    }
    Some(control.into())
}

/// Whether a peer sends the keys of its encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secured {
    WithKeys,
    Otherwise,
}

fn asks_for_encryption(packet: &Packet) -> Option<Secured> {
    let Packet::Control(control) = packet else {
        return None;
    };
    let ControlTypes::Handshake(shake) = &control.control_type else {
        return None;
    };
    let HandshakeVsInfo::V5(info) = &shake.info else {
        return None;
    };
    match info.ext_km.as_ref()? {
        SrtControlPacket::KeyRefreshRequest(_) => Some(Secured::WithKeys),
        _ => Some(Secured::Otherwise),
    }
}

/// Whether a packet is one that an encoder sends. Of others the library says that they
/// are not implemented; and nothing is sent here that could be acknowledged.
const fn is_expected(packet: &Packet) -> bool {
    match packet {
        Packet::Data(_) => true,
        Packet::Control(control) => match &control.control_type {
            ControlTypes::Handshake(_)
            | ControlTypes::KeepAlive
            | ControlTypes::Ack2(_)
            | ControlTypes::DropRequest { .. }
            | ControlTypes::Shutdown => true,
            ControlTypes::Srt(control) => matches!(
                control,
                SrtControlPacket::HandshakeRequest(_) | SrtControlPacket::KeyRefreshRequest(_)
            ),
            _ => false,
        },
    }
}

/// Why a peer is sent away.
#[derive(Debug, Error)]
enum Refusal {
    #[error("it encrypts and there is no passphrase here, or the other way round")]
    Encryption,
    #[error("{0}: expected NAME?key=KEY or #!::r=NAME,m=publish,key=KEY")]
    Gate(#[from] gate::Refusal),
    #[error(transparent)]
    StreamId(#[from] StreamIdError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Refusal {
    /// As SRT says it.
    const fn reason(&self) -> RejectReason {
        let reason = match self {
            Self::Encryption => return RejectReason::Core(CoreRejectReason::Unsecure),
            Self::Gate(gate::Refusal::Key) => ServerRejectReason::Unauthorized,
            Self::Gate(gate::Refusal::Hook) => ServerRejectReason::Forbidden,
            Self::Gate(gate::Refusal::HookFailed) => ServerRejectReason::Overload,
            Self::StreamId(StreamIdError::Mode) => ServerRejectReason::BadMode,
            Self::StreamId(StreamIdError::Type) => ServerRejectReason::NotSupMedia,
            Self::StreamId(_) | Self::Publish(PublishError::Name { .. }) => {
                ServerRejectReason::BadRequest
            }
            Self::Publish(PublishError::Busy { .. } | PublishError::Type { .. }) => {
                ServerRejectReason::Conflict
            }
            Self::Publish(PublishError::TooMany) => ServerRejectReason::Overload,
        };
        RejectReason::Server(reason)
    }
}
