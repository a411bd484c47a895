//! An FLV file, read as its bytes come: from a connection, a piece at a time.

use bytes::{Buf as _, Bytes, BytesMut};

use super::write::{FILE_HEADER_LEN, TAG_HEADER_LEN, TAG_OVERHEAD};
use super::{FlvError, TagKind};

/// The longest body that is taken: a key frame of 4K at a high rate is far smaller.
pub const MAX_READ_BODY_BYTES: usize = 8 << 20;

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What it holds.
    pub kind: TagKind,
    /// When, in milliseconds, in 32 bits that go round.
    pub timestamp_ms: u32,
    /// The rest of it.
    pub body: Bytes,
}

/// Bytes in, tags out. After an error it is of no more use.
#[derive(Debug, Default)]
pub struct TagReader {
    buffer: BytesMut,
    begun: bool,
}

impl TagReader {
    /// More bytes. Take all tags before the next: what is buffered is bounded only by
    /// that.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next tag that is whole. Kinds that mean nothing are left out.
    pub fn next_tag(&mut self) -> Result<Option<Tag>, FlvError> {
        if !self.begun {
            if self.buffer.len() < FILE_HEADER_LEN {
                return Ok(None);
            }
            self.head()?;
        }
        loop {
            let Some(head) = self.buffer.first_chunk::<TAG_HEADER_LEN>() else {
                return Ok(None);
            };
            let [code, s2, s1, s0, t2, t1, t0, t3, ..] = *head;
            let length = u32::from_be_bytes([0, s2, s1, s0]) as usize;
            if length > MAX_READ_BODY_BYTES {
                return Err(FlvError::TooLarge {
                    bytes: length,
                    max: MAX_READ_BODY_BYTES,
                });
            }
            if self.buffer.len() < TAG_OVERHEAD + length {
                self.buffer
                    .reserve(TAG_OVERHEAD + length - self.buffer.len());
                return Ok(None);
            }
            let mut tag = self.buffer.split_to(TAG_OVERHEAD + length).freeze();
            tag.advance(TAG_HEADER_LEN);
            tag.truncate(length);
            // Filtered (bit 5) is encrypted, and none of the kinds below.
            if let Some(kind) = TagKind::from_code(code) {
                return Ok(Some(Tag {
                    kind,
                    timestamp_ms: u32::from_be_bytes([t3, t2, t1, t0]),
                    body: tag,
                }));
            }
        }
    }

    fn head(&mut self) -> Result<(), FlvError> {
        let bad = |value: String, expected| FlvError::Unsupported {
            field: "the head of the file",
            value,
            expected,
        };
        if !self.buffer.starts_with(b"FLV\x01") {
            let found = self.buffer[..4].escape_ascii().to_string();
            return Err(bad(format!("`{found}`"), "`FLV` and version 1"));
        }
        let length = &self.buffer[5..9];
        if length != [0, 0, 0, 9] {
            let found = format!("{length:?} long");
            return Err(bad(found, "9 bytes"));
        }
        self.buffer.advance(FILE_HEADER_LEN);
        self.begun = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{flv_header, write_tag};
    use super::*;

    fn tags(reader: &mut TagReader) -> Vec<Tag> {
        std::iter::from_fn(|| reader.next_tag().expect("a file")).collect()
    }

    fn tag(kind: TagKind, timestamp_ms: u32, body: &'static [u8]) -> Tag {
        Tag {
            kind,
            timestamp_ms,
            body: Bytes::from_static(body),
        }
    }

    #[test]
    fn tags_are_read_as_they_were_written_however_they_come() {
        let written = [
            tag(TagKind::Script, 0, b"onMetaData"),
            tag(TagKind::Video, 0xaabb_ccdd, b"\x17\x01picture"),
            tag(TagKind::Audio, 7, b""),
        ];
        let mut file = flv_header(true, true).to_vec();
        for tag in &written {
            let tag = write_tag(tag.kind, tag.timestamp_ms, &tag.body).expect("small");
            file.extend_from_slice(&tag);
        }
        for step in 1..file.len() {
            let mut reader = TagReader::default();
            let mut read = Vec::new();
            for piece in file.chunks(step) {
                reader.feed(piece);
                read.extend(tags(&mut reader));
            }
            assert_eq!(read, written, "{step} bytes at a time");
        }
    }

    #[test]
    fn what_is_no_flv_is_named() {
        let refused = |bytes: &[u8]| {
            let mut reader = TagReader::default();
            reader.feed(bytes);
            reader.next_tag().expect_err("refused").to_string()
        };
        let html = refused(b"<!doctype html>");
        assert!(html.contains("`<!do`: expected `FLV`"), "{html}");
        let mut file = flv_header(true, true).to_vec();
        file.extend_from_slice(b"\x09\xff\xff\xff\0\0\0\0\0\0\0");
        assert!(refused(&file).contains("16777215 bytes"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            head: bool,
            random in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut reader = TagReader::default();
            if head {
                reader.feed(&flv_header(true, true));
            }
            reader.feed(&random);
            while let Ok(Some(_)) = reader.next_tag() {}
        }
    }
}
