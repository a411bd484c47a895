//! An FLV file, written tag by tag: its head, then tags, each followed by its
//! length.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{FlvError, TagKind};

/// Bytes of what [`flv_header`] writes: nine, and the length of the tag before
/// the first, of which there is none.
pub const FILE_HEADER_LEN: usize = 9 + 4;

/// Bytes in front of a tag's body.
pub(super) const TAG_HEADER_LEN: usize = 11;

/// Bytes of a tag around its body: the head in front, the length behind.
pub const TAG_OVERHEAD: usize = TAG_HEADER_LEN + 4;

/// The longest body that a tag can have: its length has 24 bits.
pub const MAX_BODY_BYTES: usize = 0xff_ffff;

/// The head of a file with sound, pictures or both.
pub const fn flv_header(audio: bool, video: bool) -> [u8; FILE_HEADER_LEN] {
    let flags = (audio as u8) << 2 | video as u8;
    [b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0]
}

/// A tag of `body`, copied once, and the length that follows it. All viewers of
/// a broadcast can be given the same.
pub fn write_tag(kind: TagKind, timestamp_ms: u32, body: &[u8]) -> Result<Bytes, FlvError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(FlvError::TooLarge {
            bytes: body.len(),
            max: MAX_BODY_BYTES,
        });
    }
    let mut out = BytesMut::with_capacity(TAG_OVERHEAD + body.len());
    out.put_u8(kind.code());
    out.put_uint(body.len() as u64, 3);
    // The low 24 bits, then the high 8.
    out.put_uint(u64::from(timestamp_ms & 0xff_ffff), 3);
    out.put_u8((timestamp_ms >> 24) as u8);
    // The number of the stream: always 0.
    out.put_uint(0, 3);
    out.put_slice(body);
    out.put_u32((TAG_HEADER_LEN + body.len()) as u32);
    Ok(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_says_what_is_in_the_file() {
        for (audio, video, flags) in [
            (true, true, 5),
            (true, false, 4),
            (false, true, 1),
            (false, false, 0),
        ] {
            let expected = [b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0];
            assert_eq!(flv_header(audio, video), expected);
        }
    }

    #[test]
    fn tags_are_written_as_annex_e_says() {
        let table: [(TagKind, u32, &[u8], &[u8]); 4] = [
            (
                TagKind::Audio,
                0,
                b"\xaf\x01",
                b"\x08\0\0\x02\0\0\0\0\0\0\0\xaf\x01\0\0\0\x0d",
            ),
            (
                TagKind::Video,
                0x0001_0203,
                b"\x17",
                b"\x09\0\0\x01\x01\x02\x03\0\0\0\0\x17\0\0\0\x0c",
            ),
            // More than four and a half hours: the high bits come last.
            (
                TagKind::Video,
                0xaabb_ccdd,
                b"\x17",
                b"\x09\0\0\x01\xbb\xcc\xdd\xaa\0\0\0\x17\0\0\0\x0c",
            ),
            (
                TagKind::Script,
                0,
                b"",
                b"\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\x0b",
            ),
        ];
        for (kind, timestamp_ms, body, expected) in table {
            let tag = write_tag(kind, timestamp_ms, body).unwrap();
            assert_eq!(tag, expected, "{kind:?} at {timestamp_ms}");
            assert_eq!(tag.len(), TAG_OVERHEAD + body.len());
        }
    }

    #[test]
    fn a_body_whose_length_has_more_than_24_bits_is_refused() {
        let mut body = vec![0; MAX_BODY_BYTES + 1];
        let error = write_tag(TagKind::Video, 0, &body).unwrap_err();
        assert!(matches!(error, FlvError::TooLarge { .. }));
        body.pop();
        let tag = write_tag(TagKind::Video, 0, &body).unwrap();
        assert_eq!(tag[1..4], [0xff; 3]);
        assert_eq!(
            tag[tag.len() - 4..],
            (MAX_BODY_BYTES as u32 + 11).to_be_bytes()
        );
    }
}
