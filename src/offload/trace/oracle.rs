//! libCacheSim's "oracleGeneral": packed records of 24 bytes, little-endian.
//!
//! | bytes | |
//! |---|---|
//! | 0..4 | time in seconds |
//! | 4..12 | object |
//! | 12..16 | its size in bytes |
//! | 16..24 | number of its next request, -1 for none: not needed here, but what is no such number tells that this is another file |

use std::io::{BufReader, Read};

use super::{Trace, TraceError, between, next_record};
use crate::policy::{Request, Weight};

/// Numbers of requests are below this: no trace has so many.
const MAX_NUMBER: i64 = 1 << 48;

/// No next request: -1, or in some traces the largest number.
const NONE: [i64; 2] = [-1, i64::MAX];

pub(super) fn read(from: impl Read) -> Result<Trace, TraceError> {
    let mut from = BufReader::new(from);
    let mut requests = Vec::new();
    let (mut first, mut last) = (None, 0);
    while let Some(record) = next_record(&mut from, requests.len() + 1)? {
        let [t0, t1, t2, t3, rest @ ..] = record;
        let [k0, k1, k2, k3, k4, k5, k6, k7, s0, s1, s2, s3, next @ ..] = rest;
        let next = i64::from_le_bytes(next);
        if !(0..MAX_NUMBER).contains(&next) && !NONE.contains(&next) {
            return Err(TraceError::Field {
                request: requests.len() + 1,
                field: "its next request",
                value: next.to_string(),
                expected: "the number of a request, or -1: is this an oracleGeneral trace?",
            });
        }
        last = u64::from(u32::from_le_bytes([t0, t1, t2, t3]));
        first.get_or_insert(last);
        requests.push(Request {
            key: u64::from_le_bytes([k0, k1, k2, k3, k4, k5, k6, k7]),
            weight: Weight {
                bytes: u32::from_le_bytes([s0, s1, s2, s3]).into(),
                cost: 1,
            },
        });
    }
    Ok(Trace {
        requests,
        seconds: between(first, last),
        lost: 0,
        hashed: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(time: u32, key: u64, size: u32) -> Vec<u8> {
        let fields: [&[u8]; 4] = [
            &time.to_le_bytes(),
            &key.to_le_bytes(),
            &size.to_le_bytes(),
            &(-1_i64).to_le_bytes(),
        ];
        fields.concat()
    }

    #[test]
    fn records_are_read_to_the_last_and_a_cut_one_is_named() {
        let mut bytes = [record(100, 7, 512), record(160, 8, 1024)].concat();
        let trace = read(bytes.as_slice()).expect("two records");
        assert_eq!((trace.requests.len(), trace.seconds), (2, 60));
        assert_eq!(trace.requests[1].key, 8);
        assert_eq!(trace.requests[1].weight.bytes, 1024);
        bytes.truncate(30);
        let error = read(bytes.as_slice()).expect_err("is cut");
        assert!(matches!(error, TraceError::Cut { request: 2 }), "{error}");
    }

    #[test]
    fn another_file_is_no_trace_however_long_it_is() {
        let text = b"The quick brown fox jumps over the lazy dog, again..";
        let error = read(text.as_slice()).expect_err("is a text");
        assert!(error.to_string().starts_with("request 1: its next request"));
        for next in [0, 1 << 40, -1, i64::MAX] {
            let mut one = record(1, 2, 3);
            one[16..].copy_from_slice(&i64::to_le_bytes(next));
            assert!(read(one.as_slice()).is_ok(), "{next}");
        }
    }
}
