//! What is written down about one chunk: the same bytes stand in its index row
//! and in the trailer of its payload file, so that either can make the other.
//!
//! Hand-encoded, little-endian, no padding; 46 bytes and 9 per part:
//!
//! | field | bytes |
//! |---|---|
//! | BLAKE3 of the payload | 32 |
//! | created, seconds since 1970 | 8 |
//! | cost_ms | 4 |
//! | number of parts | 2 |
//! | per part: bytes, ticks, flags (bit 0: independent; bit 1, of the first: transient) | 4 + 4 + 1 |
//!
//! Decoding checks every bound, so a decoded record may size an allocation.
//! The version of this layout is kept by those who embed it.

use super::{MAX_CHUNK_BYTES, MAX_PARTS};
use crate::chunk::{ChunkMeta, PartMeta};
use crate::digest::Digest;

const FIXED: usize = 32 + 8 + 4 + 2;
const PER_PART: usize = 9;
const INDEPENDENT: u8 = 1;
const TRANSIENT: u8 = 2;

/// The longest record: what a reader of trailers must be ready for.
pub(super) const MAX_RECORD_BYTES: usize = FIXED + MAX_PARTS * PER_PART;

/// What is known about a stored chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// BLAKE3 of the payload: all parts, one after the other.
    pub digest: Digest,
    /// When it was first stored, in seconds since 1970.
    pub created: u64,
    /// Parts and cost.
    pub meta: ChunkMeta,
    /// Whether nobody can ask for it when the process that stored it has ended.
    pub transient: bool,
}

impl Record {
    /// Appends the encoding to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let parts =
            u16::try_from(self.meta.parts.len()).expect("put refuses more than MAX_PARTS parts");
        out.extend_from_slice(self.digest.as_bytes());
        out.extend_from_slice(&self.created.to_le_bytes());
        out.extend_from_slice(&self.meta.cost_ms.to_le_bytes());
        out.extend_from_slice(&parts.to_le_bytes());
        for (place, part) in self.meta.parts.iter().enumerate() {
            let independent = if part.independent { INDEPENDENT } else { 0 };
            let transient = if self.transient && place == 0 {
                TRANSIENT
            } else {
                0
            };
            out.extend_from_slice(&part.bytes.to_le_bytes());
            out.extend_from_slice(&part.ticks.to_le_bytes());
            out.push(independent | transient);
        }
    }

    /// Length of the encoding in bytes.
    pub fn encoded_len(&self) -> usize {
        Self::len_for(&self.meta)
    }

    /// Length of the encoding of a record about this chunk.
    pub fn len_for(meta: &ChunkMeta) -> usize {
        FIXED + meta.parts.len() * PER_PART
    }

    /// Reads a record that is exactly `bytes`; `None` if that is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (digest, rest) = bytes.split_first_chunk::<32>()?;
        let (created, rest) = rest.split_first_chunk::<8>()?;
        let (cost_ms, rest) = rest.split_first_chunk::<4>()?;
        let (count, rest) = rest.split_first_chunk::<2>()?;
        let count = usize::from(u16::from_le_bytes(*count));
        if count == 0 || count > MAX_PARTS || rest.len() != count * PER_PART {
            return None;
        }
        let mut parts = Vec::with_capacity(count);
        let mut transient = false;
        for (place, part) in rest.chunks_exact(PER_PART).enumerate() {
            let (bytes, part) = part.split_first_chunk::<4>()?;
            let (ticks, flags) = part.split_first_chunk::<4>()?;
            let bytes = u32::from_le_bytes(*bytes);
            let allowed = if place == 0 {
                INDEPENDENT | TRANSIENT
            } else {
                INDEPENDENT
            };
            if bytes == 0 || flags[0] & !allowed != 0 {
                return None;
            }
            transient |= flags[0] & TRANSIENT != 0;
            parts.push(PartMeta {
                bytes,
                ticks: u32::from_le_bytes(*ticks),
                independent: flags[0] & INDEPENDENT != 0,
            });
        }
        let meta = ChunkMeta {
            parts,
            cost_ms: u32::from_le_bytes(*cost_ms),
        };
        (meta.bytes() <= MAX_CHUNK_BYTES).then(|| Self {
            digest: Digest::from_bytes(*digest),
            created: u64::from_le_bytes(*created),
            meta,
            transient,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(parts: &[u32]) -> Record {
        Record {
            digest: Digest::of(b"payload"),
            created: 1_700_000_000,
            meta: ChunkMeta {
                parts: parts
                    .iter()
                    .enumerate()
                    .map(|(i, &bytes)| PartMeta {
                        bytes,
                        ticks: 45_000,
                        independent: i == 0,
                    })
                    .collect(),
                cost_ms: 321,
            },
            transient: false,
        }
    }

    fn encoded(record: &Record) -> Vec<u8> {
        let mut out = Vec::new();
        record.encode(&mut out);
        out
    }

    #[test]
    fn a_record_reads_back() {
        for parts in [&[1][..], &[10, 20, 30], &[7; MAX_PARTS]] {
            for transient in [false, true] {
                let record = Record {
                    transient,
                    ..record(parts)
                };
                let bytes = encoded(&record);
                assert_eq!(bytes.len(), record.encoded_len());
                assert_eq!(Record::decode(&bytes), Some(record));
            }
        }
    }

    #[test]
    fn what_is_not_exactly_a_record_is_refused() {
        let good = encoded(&record(&[10, 20]));
        for end in 0..good.len() {
            assert_eq!(Record::decode(&good[..end]), None, "cut at {end}");
        }
        let mut longer = good.clone();
        longer.push(0);
        assert_eq!(Record::decode(&longer), None);
        for (at, flag, what) in [
            (FIXED + 8, 4, "an unknown flag"),
            (FIXED + PER_PART + 8, 2, "a flag of the first part"),
        ] {
            let mut flags = good.clone();
            flags[at] = flag;
            assert_eq!(Record::decode(&flags), None, "{what}");
        }
    }

    #[test]
    fn no_parts_an_empty_part_and_too_many_bytes_are_refused() {
        assert_eq!(Record::decode(&encoded(&record(&[]))), None);
        assert_eq!(Record::decode(&encoded(&record(&[5, 0]))), None);
        assert_eq!(Record::decode(&encoded(&record(&[u32::MAX]))), None);
        assert_eq!(Record::decode(&encoded(&record(&[1; MAX_PARTS + 1]))), None);
    }
}
