//! Between the cache, which wants a chunk, and the render thread that makes it.

use std::sync::Arc;

use crate::cache::{Asker, FillError, FragmentWriter, Source};
use crate::chunk::{Part, ReuseClass};
use crate::delivery::{Shared, Wanted};
use crate::offload::Class;
use crate::render::{Job, PartSink, RenderError, RenderStats, Urgency};

/// Renders one chunk.
pub(super) struct RenderSource {
    pub shared: Arc<Shared>,
    pub wanted: Wanted,
    pub urgency: Urgency,
    pub asker: Asker,
}

impl Source for RenderSource {
    fn fill(&self, writer: FragmentWriter) {
        let job = Job {
            spec: Arc::clone(&self.wanted.spec),
            shared: self.wanted.shared,
            sink: Box::new(FragmentSink { writer }),
        };
        self.shared.pool.submit(self.urgency, job);
    }

    fn class(&self) -> ReuseClass {
        self.wanted.class
    }

    fn traffic(&self) -> Arc<Class> {
        Arc::clone(&self.wanted.traffic)
    }

    fn asker(&self) -> Asker {
        self.asker
    }
}

/// Writes a rendered chunk into its fragment.
struct FragmentSink {
    writer: FragmentWriter,
}

impl PartSink for FragmentSink {
    fn is_wanted(&self) -> bool {
        self.writer.is_wanted()
    }

    fn part(&mut self, part: Part) -> Result<(), RenderError> {
        // It fails when the fragment has been given up meanwhile.
        self.writer.push(part).map_err(|_| RenderError::Cancelled)
    }

    fn done(self: Box<Self>, outcome: Result<RenderStats, RenderError>) {
        match outcome {
            Ok(stats) => {
                let cost_ms = u32::try_from(stats.elapsed.as_millis()).unwrap_or(u32::MAX);
                if let Err(error) = self.writer.finish(cost_ms) {
                    tracing::warn!(%error, "a rendered chunk was not accepted");
                }
            }
            // The fragment says why already, or has none who would care.
            Err(RenderError::Cancelled) => {}
            Err(error @ RenderError::Busy(_)) => {
                self.writer.fail(FillError::Busy(error.to_string().into()));
            }
            // Dropped without a word, so that another try is made: it may have been
            // the moment and not the chunk.
            Err(error @ RenderError::Panicked(_)) => {
                tracing::error!(%error, "a chunk's rendering died");
            }
            Err(error) => {
                tracing::warn!(%error, "a chunk could not be rendered");
                self.writer.fail(FillError::source_failed(error));
            }
        }
    }
}
