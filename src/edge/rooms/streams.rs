//! Where rooms have their streams from.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use thiserror::Error;

use crate::edge::Trail;

/// A stream that is asked for.
#[derive(Clone, Debug)]
pub struct StreamAsk {
    /// Its name, as it can stand in an address.
    pub name: String,
    /// How the request of the viewer came here for whom it is asked.
    pub trail: Trail,
    /// Which server had better not be asked, where there is another: it gives the room
    /// a stream already, and both should not go with it.
    pub apart_from: Option<Arc<str>>,
}

/// A stream that was granted.
pub struct StreamAnswer {
    /// Which server gives it.
    pub from: Arc<str>,
    /// FLV as it comes. It ends with the stream; an error says that it broke off.
    pub body: BoxStream<'static, Result<Bytes, String>>,
}

/// Why a stream was not granted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoStream {
    /// There is none of the name.
    #[error("there is no such stream")]
    Missing,
    /// Nobody could be asked, or the answer was none.
    #[error("{0}")]
    Failed(String),
}

/// Whoever gives streams.
pub trait Streams: Send + Sync + 'static {
    /// Asks for a stream. Whoever waits for it watches the time.
    fn open(&self, ask: StreamAsk) -> BoxFuture<'static, Result<StreamAnswer, NoStream>>;

    /// Whether another server than `server` is known to be well.
    fn has_other_than(&self, server: &str) -> bool;
}
