//! The door for encoders: RTMP over TCP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::broadcast::connections::Door;
use crate::broadcast::gate::{Ask, Gate, key_in};
use crate::broadcast::hub::{Hub, MAX_STREAMS, Origin};
use crate::broadcast::listen::listen;
use crate::broadcast::publisher::{Leaving, Publisher, PublishingError, STALL};
use crate::broadcast::seldom::{Seldom, warn_seldom};
use crate::live::demux::{DemuxError, Demuxed, Demuxer};
use crate::live::rtmp::{Publishing, RtmpError, RtmpEvent, Secret};

/// Connections at a time: one a stream, and as many that are not let in yet.
const MAX_CONNECTIONS: usize = 2 * MAX_STREAMS;

/// How long an encoder may be silent. Some send nothing while a scene is still.
const SILENCE: Duration = Duration::from_secs(30);

/// How long an encoder may take to ask, and to take an answer.
const ASKING: Duration = Duration::from_secs(10);

/// How long an encoder that has been answered for the last time may take to close.
const HANGING_UP: Duration = Duration::from_secs(1);

/// What is read at a time, in bytes.
const READ_BYTES: usize = 64 << 10;

#[derive(Debug, Error)]
enum ConnectionError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Rtmp(#[from] RtmpError),
    #[error(transparent)]
    Demux(#[from] DemuxError),
    #[error(transparent)]
    Publishing(#[from] PublishingError),
    #[error("it sent nothing for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("it took no answer for {} s", .0.as_secs())]
    Deaf(Duration),
}

/// Lets encoders in on `listener` until `stop`; then ends their streams in good order.
pub async fn serve(listener: TcpListener, hub: Hub, gate: Gate, stop: CancellationToken) {
    let gate = Arc::new(gate);
    let strangers = Arc::new(Seldom::default());
    let handle = |socket, peer, stop: CancellationToken| {
        let (hub, gate) = (hub.clone(), Arc::clone(&gate));
        let mut connection = Connection::new(socket, peer, Arc::clone(&strangers));
        async move {
            let ended = tokio::select! {
                ended = connection.run(&hub, &gate) => ended,
                () = stop.cancelled() => Ok(()),
            };
            if let Err(error) = ended {
                connection.failed(&error);
            }
            connection.farewell(&hub, Leaving::Lost).await;
        }
    };
    listen(listener, MAX_CONNECTIONS, stop.clone(), handle).await;
}

struct Connection {
    socket: TcpStream,
    peer: SocketAddr,
    session: Publishing,
    demuxer: Demuxer,
    publisher: Option<Publisher>,
    /// What is logged of those who are not let in.
    strangers: Arc<Seldom>,
}

impl Connection {
    fn new(socket: TcpStream, peer: SocketAddr, strangers: Arc<Seldom>) -> Self {
        Self {
            socket,
            peer,
            session: Publishing::new(),
            demuxer: Demuxer::default(),
            publisher: None,
            strangers,
        }
    }

    fn failed(&self, error: &ConnectionError) {
        let peer = self.peer;
        match &self.publisher {
            Some(publisher) => {
                let stream = publisher.stream().name();
                tracing::warn!(%peer, stream, %error, "an encoder's connection failed");
            }
            None => warn_seldom!(self.strangers, %peer, %error, "an encoder's connection failed"),
        }
    }

    async fn run(&mut self, hub: &Hub, gate: &Gate) -> Result<(), ConnectionError> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = self.read(&mut buffer).await?;
            if count == 0 {
                self.session.close();
                self.farewell(hub, Leaving::Lost).await;
                return Ok(());
            }
            // What it says in error is still sent.
            let fed = self.session.feed(&buffer[..count]);
            let done = self.events(hub, gate).await;
            let output = self.session.take_output();
            // It is little; who does not even take that is not there.
            let written = timeout(ASKING, self.socket.write_all(&output)).await;
            written.map_err(|_| ConnectionError::Deaf(ASKING))??;
            fed?;
            done?;
            if self.session.ended() {
                return self.hang_up(&mut buffer).await;
            }
        }
    }

    /// What comes next; 0 at the end.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ConnectionError> {
        let Some(publisher) = &mut self.publisher else {
            let read = timeout(ASKING, self.socket.read(buffer)).await;
            return Ok(read.map_err(|_| ConnectionError::Silent(ASKING))??);
        };
        if let Ok(read) = timeout(STALL, self.socket.read(buffer)).await {
            return Ok(read?);
        }
        publisher.stalled().await?;
        let read = timeout(SILENCE - STALL, self.socket.read(buffer)).await;
        Ok(read.map_err(|_| ConnectionError::Silent(SILENCE))??)
    }

    /// Lets the peer close first: a reset could overtake the last answer.
    async fn hang_up(&mut self, buffer: &mut [u8]) -> Result<(), ConnectionError> {
        let until_closed = async {
            while self.socket.read(buffer).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        // Who talks on has heard enough.
        match timeout(HANGING_UP, until_closed).await {
            Ok(closed) => Ok(closed?),
            Err(_) => Ok(self.socket.shutdown().await?),
        }
    }

    async fn events(&mut self, hub: &Hub, gate: &Gate) -> Result<(), ConnectionError> {
        while let Some(event) = self.session.next_event() {
            match event {
                RtmpEvent::Publish { key, query, .. } => {
                    self.asked(hub, gate, &key, query.as_ref()).await?;
                }
                RtmpEvent::Tag {
                    kind,
                    timestamp_ms,
                    body,
                } => {
                    for demuxed in self.demuxer.push(kind, timestamp_ms, &body)? {
                        self.publish(demuxed).await?;
                    }
                }
                RtmpEvent::Unpublish => self.farewell(hub, Leaving::Orderly).await,
            }
        }
        Ok(())
    }

    /// The stream's name is what encoders call its key; the key to the gate is asked
    /// for beside it, as names are seen by all who watch.
    async fn asked(
        &mut self,
        hub: &Hub,
        gate: &Gate,
        name: &Secret,
        query: Option<&Secret>,
    ) -> Result<(), ConnectionError> {
        let key = query.and_then(|query| key_in(query.expose()));
        let ask = Ask {
            name: name.expose(),
            key: key.as_ref(),
            door: Door::Rtmp,
            peer: self.peer,
        };
        if let Err(refusal) = gate.admit(&ask).await {
            warn_seldom!(self.strangers, peer = %self.peer, %refusal, "an encoder was sent away");
            let message = format!("{refusal}: expected NAME?key=KEY");
            return Ok(self.session.reject(&message)?);
        }
        match hub.publish(name.expose(), &Origin::live(Door::Rtmp, Some(self.peer))) {
            Ok(publisher) => {
                tracing::info!(peer = %self.peer, stream = name.expose(), "an encoder publishes");
                self.demuxer = Demuxer::default().with_others(publisher.others());
                self.publisher = Some(publisher);
                Ok(self.session.accept()?)
            }
            Err(error) => {
                warn_seldom!(self.strangers, peer = %self.peer, %error, "an encoder was sent away");
                Ok(self.session.reject(&error.to_string())?)
            }
        }
    }

    async fn publish(&mut self, demuxed: Demuxed) -> Result<(), ConnectionError> {
        let Some(publisher) = &mut self.publisher else {
            return Ok(());
        };
        Ok(publisher.take(demuxed).await?)
    }

    async fn farewell(&mut self, hub: &Hub, leaving: Leaving) {
        if let Some(publisher) = self.publisher.take() {
            tracing::info!(stream = publisher.stream().name(), "an encoder has gone");
            hub.farewell(publisher, leaving).await;
        }
    }
}
