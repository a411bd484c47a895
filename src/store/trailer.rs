//! What stands behind the payload in every payload file and describes it, so that
//! the index can be rebuilt from the files alone, and a file alone be taken into
//! another store, and the payload still begins at byte 0:
//!
//! | field | bytes |
//! |---|---|
//! | the parts, one after the other | sum of their lengths |
//! | chunk key | 32 |
//! | record (see [`super::record`]) | 46 + 9 per part |
//! | first 8 bytes of BLAKE3(key, record) | 8 |
//! | length of the record | 4 |
//! | version | 4 |
//! | magic `LOOMCHNK` | 8 |

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::error::StoreError;
use super::record::{MAX_RECORD_BYTES, Record};
use crate::chunk::{ChunkKey, ChunkMeta};
use crate::digest::Digest;

const MAGIC: &[u8; 8] = b"LOOMCHNK";
const VERSION: u32 = 1;
const FOOTER: usize = 8 + 4 + 4 + 8;

/// Length of a key.
pub(super) const KEY: usize = 32;

/// The longest trailer.
pub(super) const MAX_TRAILER_BYTES: usize = KEY + MAX_RECORD_BYTES + FOOTER;

/// Length of the trailer of such a chunk.
pub(super) fn len_for(meta: &ChunkMeta) -> usize {
    KEY + Record::len_for(meta) + FOOTER
}

/// Reads what a payload file says of itself, from its end alone; `None` if it is
/// not one of ours, not whole, or of another version. The payload is not verified:
/// [`super::payload::Payloads::read`] does that before a byte is used.
pub(super) fn read(path: &Path) -> Result<Option<(ChunkKey, Record)>, StoreError> {
    let failed = |error| StoreError::io("read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    let tail_len = len.min(MAX_TRAILER_BYTES as u64);
    file.seek(SeekFrom::Start(len - tail_len)).map_err(failed)?;
    let mut tail = Vec::with_capacity(tail_len as usize);
    file.take(tail_len).read_to_end(&mut tail).map_err(failed)?;
    Ok(parse(&tail).filter(|(_, record)| file_len(record) == len))
}

/// The trailer of a chunk.
pub(super) fn encode(key: &ChunkKey, record: &Record) -> Vec<u8> {
    let mut out = Vec::with_capacity(KEY + record.encoded_len() + FOOTER);
    out.extend_from_slice(key.digest().as_bytes());
    record.encode(&mut out);
    let check = *Digest::of(&out).as_bytes();
    out.extend_from_slice(&check[..8]);
    out.extend_from_slice(&(record.encoded_len() as u32).to_le_bytes());
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(MAGIC);
    out
}

/// Reads the trailer that a file ends with, from its end or all of it; `None` if it
/// ends with none of this version. The payload is not looked at.
pub(super) fn parse(tail: &[u8]) -> Option<(ChunkKey, Record)> {
    let (rest, magic) = tail.split_last_chunk::<8>()?;
    let (rest, version) = rest.split_last_chunk::<4>()?;
    let (rest, len) = rest.split_last_chunk::<4>()?;
    let (rest, check) = rest.split_last_chunk::<8>()?;
    if magic != MAGIC || u32::from_le_bytes(*version) != VERSION {
        return None;
    }
    let len = u32::from_le_bytes(*len) as usize;
    let described = &rest[rest.len().checked_sub(KEY.checked_add(len)?)?..];
    if Digest::of(described).as_bytes()[..8] != *check {
        return None;
    }
    let (key, record) = described.split_first_chunk::<KEY>()?;
    Some((
        ChunkKey::new(Digest::from_bytes(*key)),
        Record::decode(record)?,
    ))
}

/// Length of the whole file of `record`.
pub(super) fn file_len(record: &Record) -> u64 {
    record.meta.bytes() + len_for(&record.meta) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::PartMeta;

    fn record() -> Record {
        Record {
            digest: Digest::of(b"abc"),
            created: 5,
            meta: ChunkMeta {
                parts: vec![PartMeta {
                    bytes: 3,
                    ticks: 9,
                    independent: true,
                }],
                cost_ms: 7,
            },
            transient: false,
        }
    }

    #[test]
    fn a_trailer_reads_back_whatever_stands_before_it() {
        let key = ChunkKey::new(Digest::of(b"key"));
        let mut file = b"abc".to_vec();
        file.extend(encode(&key, &record()));
        assert_eq!(parse(&file), Some((key, record())));
        assert_eq!(file.len() as u64, file_len(&record()));
    }

    #[test]
    fn a_trailer_with_any_bit_flipped_or_cut_short_is_refused() {
        let good = encode(&ChunkKey::new(Digest::of(b"key")), &record());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(parse(&bad), None, "bit flipped in byte {at}");
            assert_eq!(parse(&good[..at]), None, "cut at {at}");
        }
    }
}
