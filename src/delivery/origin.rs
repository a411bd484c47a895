//! Between a render thread and the fragment that it fills.

use crate::cache::{FillError, FragmentWriter};
use crate::chunk::Part;
use crate::render::{PartSink, RenderError, RenderStats};

/// Writes a rendered chunk into its fragment.
pub(super) struct FragmentSink {
    writer: FragmentWriter,
}

impl FragmentSink {
    pub const fn new(writer: FragmentWriter) -> Self {
        Self { writer }
    }
}

impl PartSink for FragmentSink {
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
            Err(error) => {
                tracing::warn!(%error, "a chunk could not be rendered");
                self.writer.fail(FillError::source_failed(error));
            }
        }
    }
}
