//! A door of TCP: connections are let in up to a bound, each has a task, and all end
//! when the server does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broadcast::seldom::{Seldom, warn_seldom};

/// How long the door stays shut after a connection could not be taken. Out of
/// sockets, mostly: others close theirs.
const PAUSE: Duration = Duration::from_millis(100);

/// Gives each connection to `handle`, with a token that says when to end it, until
/// `stop`; then waits for all. At most `most` are in at a time, one too many is hung
/// up on.
pub(super) async fn listen<F, T>(
    listener: TcpListener,
    most: usize,
    stop: CancellationToken,
    handle: F,
) where
    F: Fn(TcpStream, SocketAddr, CancellationToken) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(most));
    let strangers = Seldom::default();
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn_seldom!(strangers, %error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            warn_seldom!(strangers, %peer, most, "too many connections");
            continue;
        };
        let handled = handle(socket, peer, stop.clone());
        connections.spawn(async move {
            handled.await;
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}
