//! What a finished chunk is made of: CMAF parts and what is known about them.

use bytes::Bytes;

/// What is known about one part (one CMAF fragment: `moof` + `mdat`) without
/// reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartMeta {
    /// Length of the part in bytes.
    pub bytes: u32,
    /// Duration in ticks of the track's timescale.
    pub ticks: u32,
    /// Whether it begins with a random access point (HLS `INDEPENDENT=YES`).
    pub independent: bool,
}

/// One part: its description and its bytes, decode times counted from the
/// start of the chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What is known about it; `meta.bytes` equals `data.len()`.
    pub meta: PartMeta,
    /// `moof` + `mdat`.
    pub data: Bytes,
}

/// What the store keeps beside a chunk's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkMeta {
    /// The parts, in order; their bytes stand one after the other.
    pub parts: Vec<PartMeta>,
    /// CPU time that rendering it cost, in milliseconds: what a miss would cost again.
    pub cost_ms: u32,
}

impl ChunkMeta {
    /// The parts that lie one after the other at the start of `payload`; nothing is
    /// copied. `None` if it is too short for them.
    pub fn split(&self, payload: &Bytes) -> Option<Vec<Part>> {
        let mut start = 0;
        let part = |meta: &PartMeta| {
            let end = start + meta.bytes as usize;
            let data = (end <= payload.len()).then(|| payload.slice(start..end))?;
            start = end;
            Some(Part { meta: *meta, data })
        };
        self.parts.iter().map(part).collect()
    }

    /// Length of the whole chunk in bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.bytes)).sum()
    }

    /// Duration of the whole chunk in ticks of its track's timescale.
    pub fn ticks(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.ticks)).sum()
    }
}
