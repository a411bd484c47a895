//! Encoded frames to CMAF parts.

use bytes::Bytes;

use crate::chunk::{Part, PartMeta};
use crate::cmaf::{self, Sample};
use crate::render::RenderError;

/// Gathers samples and cuts them into parts: a short first one, so that the
/// first picture is out early, then even ones.
pub(super) struct PartCutter {
    ticks_per_sample: u32,
    /// Samples by which showing lags behind decoding.
    delay: u32,
    first: u32,
    others: u32,
    waiting: Vec<Sample>,
    /// Samples already in parts.
    cut: u32,
}

impl PartCutter {
    pub fn new(ticks_per_sample: u32, delay: u32, first: u32, others: u32) -> Self {
        Self {
            ticks_per_sample,
            delay,
            first,
            others,
            waiting: Vec::new(),
            cut: 0,
        }
    }

    /// Adds the next sample in decoding order, shown as sample number `index`
    /// of the chunk, and returns a part when one is full.
    pub fn push(
        &mut self,
        data: Bytes,
        index: u32,
        sync: bool,
    ) -> Result<Option<Part>, RenderError> {
        let decoded = self.cut + self.waiting.len() as u32;
        let lag = i64::from(index) + i64::from(self.delay) - i64::from(decoded);
        let offset = lag * i64::from(self.ticks_per_sample);
        // A frame shown before it is decoded would shift all others in many players.
        let composition_offset = i32::try_from(offset)
            .ok()
            .filter(|offset| *offset >= 0)
            .ok_or_else(|| RenderError::Package(format!("a composition offset of {offset}")))?;
        self.waiting.push(Sample {
            data,
            duration: self.ticks_per_sample,
            composition_offset,
            sync,
        });
        let full = if self.cut == 0 {
            self.first
        } else {
            self.others
        };
        if self.waiting.len() as u32 >= full {
            self.take()
        } else {
            Ok(None)
        }
    }

    /// What is left as the last part, if anything is.
    pub fn take(&mut self) -> Result<Option<Part>, RenderError> {
        let Some(first) = self.waiting.first() else {
            return Ok(None);
        };
        let independent = first.sync;
        let decode_time = u64::from(self.cut) * u64::from(self.ticks_per_sample);
        let data = cmaf::fragment(decode_time, self.cut + 1, &self.waiting)?;
        let samples = self.waiting.len() as u32;
        self.cut += samples;
        self.waiting.clear();
        let bytes = u32::try_from(data.len())
            .map_err(|_| RenderError::Package("a part over 4 GB".into()))?;
        let meta = PartMeta {
            bytes,
            ticks: samples * self.ticks_per_sample,
            independent,
        };
        Ok(Some(Part { meta, data }))
    }

    /// Samples in all parts so far.
    pub fn samples(&self) -> u32 {
        self.cut
    }
}
