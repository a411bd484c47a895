//! The first line of a connection, put together from its bytes as they come.

use bytes::{Bytes, BytesMut};

use super::{MAX_LINE_BYTES, Request, RequestError, too_long};

/// Bytes in, until there is a line; then a request and what came behind it. What is
/// kept is bounded by [`MAX_LINE_BYTES`] and by what is fed at a time.
#[derive(Debug, Default)]
pub struct FirstLine(BytesMut);

impl FirstLine {
    /// The next bytes; the request, once its line has ended, and what media follows it
    /// already. After either, and after an error, it is of no more use.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<(Request, Bytes)>, RequestError> {
        // What was looked at has no end.
        let seen = self.0.len();
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return match seen + bytes.len() > MAX_LINE_BYTES {
                true => Err(too_long()),
                false => {
                    self.0.extend_from_slice(bytes);
                    Ok(None)
                }
            };
        };
        let (line, media) = bytes.split_at(end + 1);
        if seen + line.len() > MAX_LINE_BYTES {
            return Err(too_long());
        }
        self.0.extend_from_slice(line);
        let request = Request::parse(&self.0)?;
        Ok(Some((request, Bytes::copy_from_slice(media))))
    }

    /// No more comes, and there is no line.
    pub fn ended(&self) -> RequestError {
        RequestError::new("request", "not ended: expected one line of JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"{\"role\":\"pushing\",\"name\":\"show\"}\n";

    #[test]
    fn a_line_is_read_however_its_bytes_come_and_media_follows_it() {
        let all = [LINE, b"FLV\x01\n"].concat();
        for size in 1..=all.len() {
            let mut line = FirstLine::default();
            let mut pieces = all.chunks(size);
            let (request, mut media) = loop {
                let piece = pieces.next().expect("a line ends");
                if let Some((request, media)) = line.feed(piece).expect("a request") {
                    break (request, media.to_vec());
                }
            };
            media.extend(pieces.flatten());
            assert_eq!(request.name, "show");
            assert_eq!(media, b"FLV\x01\n", "{size} at a time");
        }
    }

    #[test]
    fn a_line_that_does_not_end_is_not_kept() {
        let mut line = FirstLine::default();
        assert_eq!(line.feed(&[b' '; MAX_LINE_BYTES]), Ok(None));
        let error = line.feed(b" ").expect_err("too long");
        assert!(error.message.contains("longer than 4096 bytes"), "{error}");
        let at_once = FirstLine::default().feed(&[LINE, &[b' '; MAX_LINE_BYTES]].concat());
        let (_, media) = at_once.expect("a request").expect("a line");
        assert_eq!(media.len(), MAX_LINE_BYTES, "what follows is no line");
        let long = [&[b' '; MAX_LINE_BYTES], LINE].concat();
        assert!(FirstLine::default().feed(&long).is_err());
    }
}
