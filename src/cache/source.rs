//! Where chunks come from that are not there.

use std::sync::Arc;

use super::account::Asker;
use super::writer::FragmentWriter;
use crate::chunk::ReuseClass;
use crate::offload::Class;

/// Makes one chunk: a renderer, an upstream, a live stream. Closures over a
/// [`FragmentWriter`] are sources, of chunks that are shared.
pub trait Source: Send + Sync + 'static {
    /// Has the chunk made: hands the writer to whoever makes the bytes. Called on
    /// a thread that may block; once, and again if that writer is dropped before
    /// it is done. What is made then must be the same, byte for byte.
    fn fill(&self, writer: FragmentWriter);

    /// Who else may ask for the chunk.
    fn class(&self) -> ReuseClass;

    /// Whose traffic a request for the chunk is. Asked when the request is counted:
    /// of one that was fetched, when that is over.
    fn traffic(&self) -> Arc<Class> {
        Class::none()
    }

    /// Who asks for it here.
    fn asker(&self) -> Asker {
        Asker::Client
    }
}

impl<F: Fn(FragmentWriter) + Send + Sync + 'static> Source for F {
    fn fill(&self, writer: FragmentWriter) {
        self(writer);
    }

    fn class(&self) -> ReuseClass {
        ReuseClass::Shared
    }
}

/// A source whose chunks are the traffic of a class, and are fetched ahead of all who ask.
pub struct Ahead<S> {
    /// Whose.
    pub traffic: Arc<Class>,
    /// What makes them.
    pub source: S,
}

impl<S: Source> Source for Ahead<S> {
    fn fill(&self, writer: FragmentWriter) {
        self.source.fill(writer);
    }

    fn class(&self) -> ReuseClass {
        self.source.class()
    }

    fn traffic(&self) -> Arc<Class> {
        Arc::clone(&self.traffic)
    }

    fn asker(&self) -> Asker {
        Asker::Ahead
    }
}
