//! Parts of a body: byte ranges (RFC 9110, section 14).

use std::ops::RangeInclusive;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};

/// What is asked of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it: no range, several, or one that makes no sense.
    Whole,
    /// These bytes, counted from 0.
    Part(RangeInclusive<u64>),
    /// Bytes that it does not have.
    Beyond,
}

impl Asked {
    /// What `headers` ask of a body of `length` bytes. Where `If-Range` names
    /// another body than `etag`, it is all of this one.
    pub fn of(headers: &HeaderMap, length: u64, etag: Option<&HeaderValue>) -> Self {
        let Some(range) = headers.get(header::RANGE) else {
            return Self::Whole;
        };
        if headers
            .get(header::IF_RANGE)
            .is_some_and(|known| Some(known) != etag)
        {
            return Self::Whole;
        }
        let asked = range
            .to_str()
            .ok()
            .map(|text| parse_range_header(text).and_then(|ranges| ranges.validate(length)));
        match asked {
            Some(Ok(ranges)) => match ranges.as_slice() {
                [one] => Self::Part(one.clone()),
                _ => Self::Whole,
            },
            Some(Err(RangeUnsatisfiableError::Unsatisfiable)) => Self::Beyond,
            Some(Err(_)) | None => Self::Whole,
        }
    }

    /// The bytes to be sent of a body of `length` bytes; `None` if there are none.
    pub fn bytes(&self, length: u64) -> Option<RangeInclusive<u64>> {
        match self {
            Self::Whole => (length > 0).then(|| 0..=length - 1),
            Self::Part(range) => Some(range.clone()),
            Self::Beyond => None,
        }
    }

    /// Makes `response`, whose body are the asked bytes of `length`, say so.
    pub fn label(&self, mut response: Response, length: u64) -> Response {
        let headers = response.headers_mut();
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let sent = self
            .bytes(length)
            .map_or(0, |range| range.end() - range.start() + 1);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(sent));
        if let Self::Part(range) = self {
            let said = format!("bytes {}-{}/{length}", range.start(), range.end());
            // Digits and ASCII always are a header value.
            if let Ok(said) = HeaderValue::from_str(&said) {
                headers.insert(header::CONTENT_RANGE, said);
            }
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        response
    }
}

/// The answer to who asks for bytes that are not there.
pub(super) fn unsatisfiable(length: u64) -> Response {
    let said = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
    (StatusCode::RANGE_NOT_SATISFIABLE, said).into_response()
}

/// The bytes `range` of the body that `pieces` make; nothing is copied.
pub(super) fn cut(pieces: Vec<Bytes>, range: &RangeInclusive<u64>) -> Vec<Bytes> {
    let mut start = 0_u64;
    let mut cut = Vec::new();
    for piece in pieces {
        let end = start + piece.len() as u64;
        let from = (*range.start()).max(start);
        let to = range.end().saturating_add(1).min(end);
        if from < to {
            // Within the piece, whose length is a `usize`.
            cut.push(piece.slice((from - start) as usize..(to - start) as usize));
        }
        start = end;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str, if_range: Option<&'static str>) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().expect("a value"));
        if let Some(known) = if_range {
            headers.insert(header::IF_RANGE, HeaderValue::from_static(known));
        }
        Asked::of(&headers, 1000, Some(&HeaderValue::from_static("\"a\"")))
    }

    #[test]
    fn one_range_is_a_part_and_what_makes_no_sense_is_ignored() {
        for (range, expected) in [
            ("bytes=0-499", Asked::Part(0..=499)),
            ("bytes=500-", Asked::Part(500..=999)),
            ("bytes=-1", Asked::Part(999..=999)),
            ("bytes=0-9999", Asked::Part(0..=999)),
            ("bytes=1000-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=0-1,5-6", Asked::Whole),
            ("bytes=5-1", Asked::Whole),
            ("bytes=x-", Asked::Whole),
            ("seconds=0-1", Asked::Whole),
            ("", Asked::Whole),
        ] {
            assert_eq!(asked(range, None), expected, "{range:?}");
        }
    }

    #[test]
    fn a_range_of_another_body_is_all_of_this_one() {
        assert_eq!(asked("bytes=0-1", Some("\"a\"")), Asked::Part(0..=1));
        assert_eq!(asked("bytes=0-1", Some("\"b\"")), Asked::Whole);
        assert_eq!(asked("bytes=0-1", Some("W/\"a\"")), Asked::Whole);
        assert_eq!(Asked::of(&HeaderMap::new(), 9, None), Asked::Whole);
    }

    #[test]
    fn pieces_are_cut_where_the_range_says() {
        let pieces = || ["abc", "", "defg", "h"].map(Bytes::from).to_vec();
        for (range, expected) in [
            (0..=7, "abcdefgh"),
            (0..=2, "abc"),
            (1..=3, "bcd"),
            (3..=3, "d"),
            (6..=7, "gh"),
            (7..=u64::MAX, "h"),
            (8..=9, ""),
        ] {
            let cut = cut(pieces(), &range).concat();
            assert_eq!(cut, expected.as_bytes(), "{range:?}");
        }
    }
}
