//! The cache dictionary by TCP: a connection says in one line what it wants, is
//! answered in one line, and then media follows, as FLV.
//!
//! A pushing end sends a stream, a subscription end is sent one, a plug-in end is
//! sent one and may send another back, which others then take.

mod take;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::broadcast::audience::PushProtocol;
use crate::broadcast::connections::Door;
use crate::broadcast::dictionary::take::send;
use crate::broadcast::gate::{Ask, Gate};
use crate::broadcast::hooks::Event;
use crate::broadcast::hub::{Hub, MAX_STREAMS, Origin};
use crate::broadcast::intake::{Format, Intake, IntakeError};
use crate::broadcast::listen::listen;
use crate::broadcast::publisher::Leaving;
use crate::broadcast::seldom::{Seldom, warn_seldom};
use crate::broadcast::stream::{LiveStream, StreamStatus};
use crate::live::dictionary::{Answer, FirstLine, Request, RequestError, Role, StreamType};
use crate::live::rtmp::Secret;

/// Connections at a time: many subscription ends a stream.
const MAX_CONNECTIONS: usize = 8 * MAX_STREAMS;

/// How long a connection may take to say what it wants, and to take an answer.
const ASKING: Duration = Duration::from_secs(10);

/// How long a plug-in end may go on giving back when all was taken.
const FINISHING: Duration = Duration::from_secs(10);

/// Who is let in.
#[derive(Clone, Default)]
pub struct Keys {
    /// Pushing ends.
    pub pushing: Gate,
    /// Plug-in ends, with this key. Without one, none is.
    pub plug_in: Option<Secret>,
}

#[derive(Debug, Error)]
enum ConnectionError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("it was sent away: {0}")]
    Refused(#[from] RequestError),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error("it sent nothing for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("it took nothing for {} s", .0.as_secs())]
    Deaf(Duration),
    #[error("it was too slow for the stream too often")]
    TooSlow,
}

/// Lets connections in on `listener` until `stop`.
pub async fn serve(listener: TcpListener, hub: Hub, keys: Keys, stop: CancellationToken) {
    let keys = Arc::new(keys);
    let failed = Arc::new(Seldom::default());
    let handle = |socket, peer, stop: CancellationToken| {
        let (hub, keys, failed) = (hub.clone(), Arc::clone(&keys), Arc::clone(&failed));
        async move {
            if let Err(error) = connection(socket, peer, &hub, &keys, &stop).await {
                warn_seldom!(failed, %peer, %error, "a connection to the cache dictionary failed");
            }
        }
    };
    listen(listener, MAX_CONNECTIONS, stop.clone(), handle).await;
}

async fn connection(
    mut socket: TcpStream,
    peer: SocketAddr,
    hub: &Hub,
    keys: &Keys,
    stop: &CancellationToken,
) -> Result<(), ConnectionError> {
    // Frames are small and urgent.
    socket.set_nodelay(true)?;
    let asked = tokio::select! {
        asked = timeout(ASKING, ask(&mut socket)) => asked,
        () = stop.cancelled() => return Ok(()),
    };
    let (request, more) = match asked.map_err(|_| ConnectionError::Silent(ASKING))? {
        Ok(asked) => asked,
        Err(ConnectionError::Refused(error)) => return refuse(socket, error).await,
        Err(error) => return Err(error),
    };
    match request.role {
        Role::Pushing => pushing(socket, peer, hub, keys, stop, request, &more).await,
        Role::PlugIn | Role::Subscription => {
            taking(socket, peer, hub, keys, stop, request, &more).await
        }
    }
}

/// The first line, and what came after it.
async fn ask(socket: &mut TcpStream) -> Result<(Request, Bytes), ConnectionError> {
    let mut line = FirstLine::default();
    let mut buffer = [0; 1 << 10];
    loop {
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            return Err(line.ended().into());
        }
        if let Some(asked) = line.feed(&buffer[..count])? {
            return Ok(asked);
        }
    }
}

async fn answer(socket: &mut TcpStream, answer: &Answer) -> Result<(), ConnectionError> {
    let line = answer.to_line();
    let written = timeout(ASKING, socket.write_all(line.as_bytes())).await;
    Ok(written.map_err(|_| ConnectionError::Deaf(ASKING))??)
}

async fn refuse(mut socket: TcpStream, error: RequestError) -> Result<(), ConnectionError> {
    answer(&mut socket, &Answer::refused(error.clone())).await?;
    socket.shutdown().await?;
    Err(error.into())
}

async fn pushing(
    mut socket: TcpStream,
    peer: SocketAddr,
    hub: &Hub,
    keys: &Keys,
    stop: &CancellationToken,
    request: Request,
    more: &[u8],
) -> Result<(), ConnectionError> {
    let ask = Ask {
        name: &request.name,
        key: request.authentication.as_ref(),
        door: Door::Dictionary,
        peer,
    };
    if let Err(refusal) = keys.pushing.admit(&ask).await {
        let error = RequestError::new("authentication", refusal.to_string());
        return refuse(socket, error).await;
    }
    let origin = Origin {
        stream_type: request.stream_type.unwrap_or_default(),
        identity: request.identity,
        address: request.address,
        ..Origin::live(Door::Dictionary, Some(peer))
    };
    let publisher = match hub.publish(&request.name, &origin) {
        Ok(publisher) => publisher,
        Err(error) => return refuse(socket, RequestError::new("name", error.to_string())).await,
    };
    let index = publisher.index();
    tracing::info!(%peer, index, stream = request.name, "a pushing end gives a stream");
    let mut intake = Intake::new(publisher, Format::Flv);
    let taken = async {
        answer(&mut socket, &Answer::granted(index)).await?;
        intake.take(more).await?;
        Ok(intake.read(&mut socket).await?)
    };
    let taken = tokio::select! {
        taken = taken => taken,
        () = stop.cancelled() => Ok(()),
    };
    hub.farewell(intake.end().await, Leaving::after(&taken))
        .await;
    tracing::info!(%peer, index, "a pushing end has gone");
    taken
}

async fn taking(
    mut socket: TcpStream,
    peer: SocketAddr,
    hub: &Hub,
    keys: &Keys,
    stop: &CancellationToken,
    request: Request,
    more: &[u8],
) -> Result<(), ConnectionError> {
    let plug_in = request.role == Role::PlugIn;
    if plug_in && let Err(error) = admit_plug_in(keys, &request) {
        return refuse(socket, error).await;
    }
    let stream = match wanted(hub, &request) {
        Ok(stream) => stream,
        Err(error) => return refuse(socket, error).await,
    };
    // What a plug-in end gives back is known by the name that it gives it.
    let result = request.identity.as_ref().filter(|_| plug_in);
    let origin = Origin {
        stream_type: stream.stream_type(),
        role: Role::PlugIn,
        address: Some(request.name.clone()),
        ..Origin::live(Door::Dictionary, Some(peer))
    };
    let publisher = match result.map(|name| hub.publish(name, &origin)).transpose() {
        Ok(publisher) => publisher,
        Err(error) => {
            return refuse(socket, RequestError::new("identity", error.to_string())).await;
        }
    };
    let entry = stream
        .connections()
        .enter(request.role, Door::Dictionary, Some(peer));
    let (index, role) = (entry.index(), request.role.as_str());
    tracing::info!(%peer, index, role, stream = request.name, "a stream is taken");
    let mut intake = publisher.map(|publisher| Intake::new(publisher, Format::Flv));
    let feed = stream.feed();
    let reader = match stream.stream_type() {
        StreamType::Live => feed.join(),
        StreamType::Replay => feed.from_beginning(),
    };
    let viewer = stream.audience().enter(PushProtocol::Dictionary);
    let plays = Event::play(&request.name, PushProtocol::Dictionary, Some(peer));
    hub.hooks().tell(plays);
    let done = async {
        answer(&mut socket, &Answer::granted(index)).await?;
        if let Some(intake) = &mut intake {
            intake.take(more).await?;
        }
        let (mut from, mut to) = socket.split();
        let given = async {
            match &mut intake {
                Some(intake) => Ok(intake.read(&mut from).await?),
                None => Ok(take::until_gone(&mut from).await?),
            }
        };
        tokio::pin!(given);
        tokio::select! {
            sent = send(&mut to, reader, viewer) => sent?,
            given = &mut given => return given,
        }
        // A server that only goes does not say so.
        if stream.status() == StreamStatus::Ended {
            take::say_over(&mut to).await?;
        }
        to.shutdown().await?;
        if plug_in {
            // It may have frames yet of what it took last.
            drop(timeout(FINISHING, given).await);
        }
        Ok(())
    };
    let done = tokio::select! {
        done = done => done,
        () = stop.cancelled() => Ok(()),
    };
    if let Some(intake) = intake {
        hub.farewell(intake.end().await, Leaving::after(&done))
            .await;
    }
    tracing::info!(%peer, index, role, "a stream is no more taken");
    drop(entry);
    done
}

fn admit_plug_in(keys: &Keys, request: &Request) -> Result<(), RequestError> {
    let Some(key) = &keys.plug_in else {
        let message = "this server lets no plug-ins in: it has no key for them";
        return Err(RequestError::new("authentication", message));
    };
    let given = request.authentication.as_ref();
    match given.is_some_and(|given| given == key) {
        true => Ok(()),
        false => Err(RequestError::new("authentication", "wrong or missing")),
    }
}

/// The stream that a request is for: what it says of it must be so.
fn wanted(hub: &Hub, request: &Request) -> Result<Arc<LiveStream>, RequestError> {
    let stream = hub.stream(&request.name).ok_or_else(|| {
        RequestError::new("name", format!("there is no stream {:?}", request.name))
    })?;
    let differs = |field: &str| {
        let message = format!("the stream {:?} has another", request.name);
        Err(RequestError::new(field, message))
    };
    if request
        .stream_type
        .is_some_and(|wanted| wanted != stream.stream_type())
    {
        return differs("type");
    }
    let told = stream.report();
    let subscribes = request.role == Role::Subscription;
    if subscribes && request.identity.is_some() && request.identity != told.identity {
        return differs("identity");
    }
    if request.address.is_some() && request.address != told.address {
        return differs("address");
    }
    Ok(stream)
}
