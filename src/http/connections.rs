//! Connections of clients: how many there may be, and how many there are.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at a time unless it is told otherwise.
pub const DEFAULT_CONNECTIONS: usize = 20_000;

/// Places for connections; clones share them.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Places>);

#[derive(Debug)]
struct Places {
    most: usize,
    free: Arc<Semaphore>,
    refused: AtomicU64,
}

impl Connections {
    /// So many places.
    pub fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Places {
            most,
            free: Arc::new(Semaphore::new(most)),
            refused: AtomicU64::new(0),
        }))
    }

    /// How many there may be.
    pub fn most(&self) -> usize {
        self.0.most
    }

    /// How many there are.
    pub fn there(&self) -> u64 {
        (self.0.most - self.0.free.available_permits()) as u64
    }

    /// How many were sent away since the start.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Gives `stream` a place, which it has until it is closed, whatever is spoken on it
    /// by then; or gives it back, if there is none.
    pub(super) fn seat(&self, stream: TcpStream) -> Result<Seated, TcpStream> {
        match Arc::clone(&self.0.free).try_acquire_owned() {
            Ok(place) => Ok(Seated {
                stream,
                _place: place,
            }),
            Err(_) => {
                self.0.refused.fetch_add(1, Ordering::Relaxed);
                Err(stream)
            }
        }
    }
}

/// A connection that has a place.
#[derive(Debug)]
pub(super) struct Seated {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl Seated {
    /// The connection itself.
    pub(super) const fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for Seated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Seated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_has_its_place_until_it_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Connections::new(1);
        let connect = || TcpStream::connect(address);
        let seated = connections.seat(connect().await.expect("one"));
        let seated = seated.expect("a place");
        assert_eq!((connections.there(), connections.refused()), (1, 0));
        let second = connections.seat(connect().await.expect("two"));
        assert!(second.is_err());
        assert_eq!((connections.there(), connections.refused()), (1, 1));
        drop(seated);
        assert_eq!(connections.there(), 0);
        assert!(connections.seat(connect().await.expect("three")).is_ok());
    }
}
