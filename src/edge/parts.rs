//! Cuts what comes from an upstream into the parts it is made of.
//!
//! Pure: bytes in whatever pieces they come, parts out as soon as each is whole. A
//! segment is its parts, one after the other, each a `moof` and an `mdat`; one that is
//! sent as it grows begins with a `styp`. Nothing else is let through.

use bytes::{Buf as _, BytesMut};
use thiserror::Error;

use crate::chunk::{Part, PartMeta};
use crate::cmaf::{CmafError, read_fragment, unplace};
use crate::store::MAX_CHUNK_BYTES;

/// Size and four-cc.
const HEADER: usize = 8;

/// The largest `styp`.
const MAX_STYP: usize = 256;

/// Why bytes are not parts.
#[derive(Debug, Error)]
pub enum PartsError {
    /// A box that has no business there.
    #[error("a box {found:?} of {bytes} bytes at byte {at}: expected {expected}")]
    Box {
        /// Its four-cc.
        found: String,
        /// Its length.
        bytes: u64,
        /// Where it begins.
        at: u64,
        /// What may be there.
        expected: &'static str,
    },
    /// They end within a part.
    #[error("they end within a part, after {0} bytes")]
    Torn(u64),
    /// A part that cannot be read.
    #[error("part {part}: {error}")]
    Part {
        /// Which.
        part: usize,
        /// Why.
        error: CmafError,
    },
}

/// Takes bytes, gives parts.
#[derive(Debug)]
pub struct Parts {
    waiting: BytesMut,
    /// Where `waiting` begins.
    at: u64,
    /// Where the chunk was placed; nothing where parts stay as they are.
    placed_at: Option<u64>,
    given: usize,
}

impl Parts {
    /// Parts of a chunk that was placed at `start`, which is not 0: they are counted
    /// from the chunk's start.
    pub fn placed_at(start: u64) -> Self {
        Self {
            placed_at: Some(start),
            ..Self::as_they_are()
        }
    }

    /// Parts that keep their times.
    pub fn as_they_are() -> Self {
        Self {
            waiting: BytesMut::new(),
            at: 0,
            placed_at: None,
            given: 0,
        }
    }

    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next part; `None` until there is more of it.
    pub fn next(&mut self) -> Result<Option<Part>, PartsError> {
        if self.at == 0 && self.kind(0) == Some(*b"styp") {
            let Some(size) = self.sized(0, b"styp", MAX_STYP)? else {
                return Ok(None);
            };
            if self.waiting.len() < size {
                return Ok(None);
            }
            self.waiting.advance(size);
            self.at += size as u64;
        }
        let largest = usize::try_from(MAX_CHUNK_BYTES).unwrap_or(usize::MAX);
        let Some(moof) = self.sized(0, b"moof", largest)? else {
            return Ok(None);
        };
        let Some(mdat) = self.sized(moof, b"mdat", largest)? else {
            return Ok(None);
        };
        if self.waiting.len() < moof + mdat {
            return Ok(None);
        }
        let mut data = self.waiting.split_to(moof + mdat);
        self.at += data.len() as u64;
        let part = self.given;
        let wrong = |error| PartsError::Part { part, error };
        if let Some(start) = self.placed_at {
            unplace(&mut data, start).map_err(wrong)?;
        }
        let samples = read_fragment(&data).map_err(wrong)?;
        let ticks: u64 = samples.iter().map(|one| u64::from(one.duration)).sum();
        let too_long = |what| wrong(CmafError::Overflow { what });
        let meta = PartMeta {
            bytes: u32::try_from(data.len()).map_err(|_| too_long("a part's length"))?,
            ticks: u32::try_from(ticks).map_err(|_| too_long("a part's duration"))?,
            independent: samples.first().is_some_and(|first| first.sync),
        };
        self.given += 1;
        Ok(Some(Part {
            meta,
            data: data.freeze(),
        }))
    }

    /// How many there were, if they end where a part does.
    pub fn finish(self) -> Result<usize, PartsError> {
        match self.waiting.is_empty() {
            true => Ok(self.given),
            false => Err(PartsError::Torn(self.at + self.waiting.len() as u64)),
        }
    }

    fn kind(&self, offset: usize) -> Option<[u8; 4]> {
        self.waiting
            .get(offset + 4..offset + HEADER)?
            .try_into()
            .ok()
    }

    /// The length of the box at `offset`, which must be a `kind` of at most `most`
    /// bytes; `None` while its header has not come.
    fn sized(
        &self,
        offset: usize,
        kind: &'static [u8; 4],
        most: usize,
    ) -> Result<Option<usize>, PartsError> {
        let (Some(found), Some(size)) = (
            self.kind(offset),
            self.waiting
                .get(offset..)
                .and_then(|rest| rest.first_chunk()),
        ) else {
            return Ok(None);
        };
        let size = u32::from_be_bytes(*size);
        let fits = usize::try_from(size)
            .ok()
            .filter(|size| (HEADER..=most).contains(size));
        match fits {
            Some(size) if found == *kind => Ok(Some(size)),
            _ => Err(PartsError::Box {
                found: String::from_utf8_lossy(&found).into_owned(),
                bytes: size.into(),
                at: self.at + offset as u64,
                expected: match kind {
                    b"styp" => "a short styp",
                    b"moof" => "a moof",
                    _ => "an mdat",
                },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::cmaf::{Retimed, SEGMENT_TYPE, Sample, fragment, placed};

    /// Two parts of a chunk, counted from its start.
    fn chunk() -> [Bytes; 2] {
        let sample = |bytes: &'static [u8], sync| Sample {
            data: bytes.into(),
            duration: 3000,
            composition_offset: 0,
            sync,
        };
        [
            fragment(0, 1, &[sample(b"key", true), sample(b"more", false)]),
            fragment(6000, 1, &[sample(b"last", false)]),
        ]
        .map(|part| part.expect("a part"))
    }

    fn at(start: u64) -> Vec<u8> {
        let parts = chunk().map(|part| placed(&part, start).expect("placed"));
        let pieces = parts
            .into_iter()
            .flat_map(|Retimed { head, tail }| [head, tail]);
        pieces.collect::<Vec<_>>().concat()
    }

    /// What comes of `bytes` in pieces of these lengths.
    fn cut(mut parts: Parts, bytes: &[u8], lengths: &[usize]) -> Result<Vec<Part>, PartsError> {
        let mut cut = Vec::new();
        let mut rest = bytes;
        let mut lengths = lengths.iter().copied().cycle();
        while !rest.is_empty() {
            let length = lengths.next().unwrap_or(rest.len()).clamp(1, rest.len());
            parts.push(&rest[..length]);
            rest = &rest[length..];
            while let Some(part) = parts.next()? {
                cut.push(part);
            }
        }
        parts.finish()?;
        Ok(cut)
    }

    #[test]
    fn a_part_comes_out_when_it_is_whole_and_counted_from_the_chunks_start() {
        let bytes = at(7);
        let whole = cut(Parts::placed_at(7), &bytes, &[]).expect("parts");
        for length in [1, 3, 8, 100, 1000] {
            let cut = cut(Parts::placed_at(7), &bytes, &[length]).expect("parts");
            assert_eq!(cut, whole, "{length}");
        }
        let data: Vec<_> = whole.iter().map(|part| part.data.clone()).collect();
        assert_eq!(data, chunk());
        let told: Vec<_> = whole
            .iter()
            .map(|part| (part.meta.ticks, part.meta.independent))
            .collect();
        assert_eq!(told, [(6000, true), (3000, false)]);
    }

    #[test]
    fn a_growing_segment_begins_with_its_type_and_keeps_its_times() {
        let parts = at(90_000);
        let grown = [SEGMENT_TYPE.as_ref(), &parts].concat();
        let cut = cut(Parts::as_they_are(), &grown, &[5]).expect("parts");
        let data: Vec<_> = cut.iter().map(|part| part.data.as_ref()).collect();
        assert_eq!(data.concat(), parts);
    }

    #[test]
    fn what_is_no_part_is_refused_as_soon_as_it_is_seen() {
        let whole = at(7);
        let cases: [(&str, Vec<u8>); 6] = [
            ("a page", b"<html><body>".to_vec()),
            ("a second type", [SEGMENT_TYPE, SEGMENT_TYPE].concat()),
            ("no mdat", [&whole[..100], b"\0\0\0\x08free"].concat()),
            ("a size of 0", b"\0\0\0\0moof".to_vec()),
            ("a size of 64 bits", b"\0\0\0\x01moof".to_vec()),
            ("a size over the bound", b"\x7f\0\0\0moof".to_vec()),
        ];
        for (what, bytes) in cases {
            let mut parts = Parts::as_they_are();
            parts.push(&bytes);
            let told = loop {
                match parts.next() {
                    Ok(Some(_)) => {}
                    other => break other.is_err() || parts.finish().is_err(),
                }
            };
            assert!(told, "{what}");
        }
    }

    #[test]
    fn every_end_within_a_part_is_torn() {
        let whole = at(7);
        let first = u32::from_be_bytes(*whole.first_chunk().expect("a size")) as usize;
        let mdat = u32::from_be_bytes(*whole[first..].first_chunk().expect("a size")) as usize;
        for end in 1..whole.len() {
            let cut = cut(Parts::placed_at(7), &whole[..end], &[]);
            assert_eq!(cut.is_ok(), end == first + mdat, "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            patches in prop::collection::vec((0usize..400, any::<u8>()), 0..6),
            lengths in prop::collection::vec(1usize..60, 1..6),
        ) {
            let mut bytes = at(7);
            for (at, byte) in patches {
                if let Some(target) = bytes.get_mut(at) {
                    *target = byte;
                }
            }
            drop(cut(Parts::placed_at(7), &bytes, &lengths));
            drop(cut(Parts::as_they_are(), &bytes, &lengths));
        }
    }
}
