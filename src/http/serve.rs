//! The listener: connections are let in up to a bound, each has a while to say what it
//! wants, and all end when the server does.
//!
//! HTTP/1.1, HTTP/2 in clear text by those who know beforehand, and WebSocket.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::http::connections::{Connections, Seated};

/// How long a client may take nothing of its answer before its connection ends.
const TAKING: Duration = Duration::from_secs(60);

/// How long a client may take for the head of a request, or ask for nothing at all.
const ASKING: Duration = Duration::from_secs(30);

/// How often a client by HTTP/2 that says nothing is asked whether it is there, and how
/// long it may take to say so.
const PING: Duration = Duration::from_secs(20);

/// Requests at a time of one connection by HTTP/2: each may wait for a segment.
const MAX_STREAMS: u32 = 200;

/// How long no connection is taken after one could not be: out of sockets, mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// What one too many is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    content-length: 44\r\nretry-after: 2\r\nconnection: close\r\n\r\n\
    {\"error\":{\"message\":\"too many connections\"}}";

/// Serves `app` on `listener` to as many as there are places for, until `shutdown` is
/// done; then lets open requests end.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    connections: Connections,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
                sleep(PAUSE).await;
                continue;
            }
        };
        match connections.seat(stream) {
            Ok(seated) => drop(tasks.spawn(connection(seated, peer, app.clone(), stop.clone()))),
            Err(stream) => send_away(&stream, &connections),
        }
    }
    drop(listener);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Tells one too many that it is, as far as that can be done at once.
fn send_away(stream: &TcpStream, connections: &Connections) {
    if connections.refused().is_power_of_two() {
        let (most, refused) = (connections.most(), connections.refused());
        tracing::warn!(most, refused, "too many connections by HTTP");
    }
    drop(stream.try_write(FULL));
}

async fn connection(seated: Seated, peer: SocketAddr, app: Router, stop: CancellationToken) {
    seated.prepare();
    let asked = Arc::new(AtomicBool::new(false));
    let service = {
        let asked = Arc::clone(&asked);
        service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            asked.store(true, Ordering::Relaxed);
            let app = app.clone();
            async move {
                Ok::<_, Infallible>(
                    app.oneshot(request)
                        .await
                        .unwrap_or_else(|never| match never {}),
                )
            }
        })
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(ASKING);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(MAX_STREAMS)
        // WebSocket over it needs that.
        .enable_connect_protocol();
    let served = builder.serve_connection_with_upgrades(TokioIo::new(seated), service);
    let mut served = pin!(served);
    // Before it is known what a client speaks, nothing else has an eye on it.
    let mut patience = pin!(sleep(ASKING));
    let (mut waits, mut ends) = (true, false);
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::trace!(%error, "a connection failed");
                }
                return;
            }
            () = patience.as_mut(), if waits => {
                if !asked.load(Ordering::Relaxed) {
                    tracing::debug!("a connection asked for nothing");
                    return;
                }
                waits = false;
            }
            () = stop.cancelled(), if !ends => {
                served.as_mut().graceful_shutdown();
                ends = true;
            }
        }
    }
}

impl Seated {
    /// What is set of its socket.
    fn prepare(&self) {
        let stream = self.stream();
        // Parts are small and urgent: never wait to fill a packet.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
        // While nobody takes an answer it is not written on, and nothing would ever
        // notice: the system does.
        let milliseconds = u32::try_from(TAKING.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = set_tcp_user_timeout(stream, milliseconds) {
            tracing::debug!(%error, "a connection waits for ever to be read");
        }
    }
}
