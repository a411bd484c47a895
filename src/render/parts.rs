//! Encoded frames to CMAF parts.

use bytes::Bytes;

use crate::chunk::{Part, PartMeta};
use crate::cmaf::{self, Sample};
use crate::render::RenderError;

/// How a chunk is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cutting {
    pub ticks_per_sample: u32,
    /// Samples by which showing lags behind decoding.
    pub delay: u32,
    /// Samples of the whole chunk.
    pub total: u32,
    /// Samples of the longest part.
    pub longest: u32,
    /// Samples of the shortest part that a clean cut may leave.
    pub least: u32,
}

/// Gathers samples and cuts them into parts of about the same length: players
/// that look for the next part by time pass over short ones.
///
/// A cut is clean where all that was decoded is all that is shown up to there;
/// elsewhere what is buffered would end with a frame whose neighbours are in
/// the next part. Cuts are moved back to a clean place where one is near.
pub(super) struct PartCutter {
    cutting: Cutting,
    waiting: Vec<Sample>,
    /// Samples already in parts.
    cut: u32,
    /// One more than the latest sample shown so far.
    shown: u32,
    /// How many of the waiting samples stand before the last clean cut.
    clean: u32,
}

impl PartCutter {
    pub const fn new(cutting: Cutting) -> Self {
        Self {
            cutting,
            waiting: Vec::new(),
            cut: 0,
            shown: 0,
            clean: 0,
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
        let Cutting {
            ticks_per_sample,
            delay,
            least,
            ..
        } = self.cutting;
        let decoded = self.cut + self.waiting.len() as u32;
        let lag = i64::from(index) + i64::from(delay) - i64::from(decoded);
        let offset = lag * i64::from(ticks_per_sample);
        // A frame shown before it is decoded would shift all others in many players.
        let composition_offset = i32::try_from(offset)
            .ok()
            .filter(|offset| *offset >= 0)
            .ok_or_else(|| RenderError::Package(format!("a composition offset of {offset}")))?;
        self.waiting.push(Sample {
            data,
            duration: ticks_per_sample,
            composition_offset,
            sync,
        });
        self.shown = self.shown.max(index + 1);
        let waiting = self.waiting.len() as u32;
        if self.shown == self.cut + waiting {
            self.clean = waiting;
        }
        let full = self.full();
        if waiting < full {
            return Ok(None);
        }
        let near = self.clean >= least && self.clean * 4 >= full * 3;
        self.take(if near { self.clean } else { waiting })
    }

    /// What is left as the last part, if anything is.
    pub fn take_rest(&mut self) -> Result<Option<Part>, RenderError> {
        self.take(self.waiting.len() as u32)
    }

    /// Samples in all parts so far.
    pub const fn samples(&self) -> u32 {
        self.cut
    }

    /// Samples of the next part, so that what is left is shared evenly.
    fn full(&self) -> u32 {
        let left = self.cutting.total.saturating_sub(self.cut).max(1);
        left.div_ceil(left.div_ceil(self.cutting.longest.max(1)))
    }

    /// The first `count` waiting samples as a part.
    fn take(&mut self, count: u32) -> Result<Option<Part>, RenderError> {
        let rest = self.waiting.split_off(count as usize);
        let samples = std::mem::replace(&mut self.waiting, rest);
        let Some(first) = samples.first() else {
            return Ok(None);
        };
        let independent = first.sync;
        let ticks = self.cutting.ticks_per_sample;
        let decode_time = u64::from(self.cut) * u64::from(ticks);
        let data = cmaf::fragment(decode_time, self.cut + 1, &samples)?;
        self.cut += count;
        self.clean = self.clean.saturating_sub(count);
        let bytes = u32::try_from(data.len())
            .map_err(|_| RenderError::Package("a part over 4 GB".into()))?;
        let meta = PartMeta {
            bytes,
            ticks: count * ticks,
            independent,
        };
        Ok(Some(Part { meta, data }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the parts that samples shown in this order are cut into.
    fn cut(order: &[u32], longest: u32) -> Vec<u32> {
        let mut cutter = PartCutter::new(Cutting {
            ticks_per_sample: 1,
            delay: 2,
            total: order.len() as u32,
            longest,
            least: 2,
        });
        let mut parts = Vec::new();
        for (place, index) in order.iter().enumerate() {
            let data = Bytes::from_static(b"x");
            parts.extend(cutter.push(data, *index, place == 0).expect("fits"));
        }
        parts.extend(cutter.take_rest().expect("fits"));
        parts.iter().map(|part| part.meta.ticks).collect()
    }

    #[test]
    fn what_is_shown_in_order_is_cut_evenly() {
        for (total, expected) in [(15, vec![15]), (16, vec![8, 8]), (40, vec![14, 13, 13])] {
            let order: Vec<u32> = (0..total).collect();
            assert_eq!(cut(&order, 15), expected, "{total}");
        }
    }

    #[test]
    fn a_cut_is_moved_back_to_where_all_that_is_decoded_is_shown() {
        // One P-frame ahead of three B-frames, twice.
        let order = [0, 4, 2, 1, 3, 8, 6, 5, 7];
        assert_eq!(cut(&order, 6), [5, 4]);
    }
}
