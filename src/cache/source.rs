//! Where chunks come from that are not there.

use super::writer::FragmentWriter;
use crate::chunk::ReuseClass;

/// Makes one chunk: a renderer, an upstream, a live stream. Closures over a
/// [`FragmentWriter`] are sources, of chunks that are shared.
pub trait Source: Send + Sync + 'static {
    /// Has the chunk made: hands the writer to whoever makes the bytes. Called on
    /// a thread that may block; once, and again if that writer is dropped before
    /// it is done. What is made then must be the same, byte for byte.
    fn fill(&self, writer: FragmentWriter);

    /// Who else may ask for the chunk.
    fn class(&self) -> ReuseClass;
}

impl<F: Fn(FragmentWriter) + Send + Sync + 'static> Source for F {
    fn fill(&self, writer: FragmentWriter) {
        self(writer);
    }

    fn class(&self) -> ReuseClass {
        ReuseClass::Shared
    }
}
