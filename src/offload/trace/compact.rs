//! What `loomcast offload record` writes: who asked for what is not in it, as keys are
//! hashed with a secret that is thrown away.
//!
//! After eight bytes that name the format, records of 24 bytes, little-endian:
//!
//! | bytes | |
//! |---|---|
//! | 0..4 | time in milliseconds since the recording began |
//! | 4..12 | the key's point |
//! | 12..16 | size in bytes |
//! | 16..20 | milliseconds of a render thread that making it takes |
//! | 20 | how it was answered, a [`Way`] |
//! | 21..24 | 0 |
//!
//! A record that is answered in way 5 is none, but tells of how many there is none, in
//! the place of the point: whoever recorded was too slow for them.

use std::io::{BufReader, Read};

use super::super::amount::Size;
use super::super::cause::Cause;
use super::super::point::Point;
use super::super::tally::Tier;
use super::{Trace, TraceError, between, next_record};
use crate::policy::{Request, Weight};

/// What a trace begins with.
pub const HEADER: [u8; 8] = *b"LOOMTRC1";

/// The length of a record.
pub const RECORD_BYTES: usize = 24;

/// The way of a record that tells of requests of which there is none.
const LOST: u8 = 5;

/// Misses are numbered from here, by cause.
const MISSES_FROM: u8 = 16;

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From what was there.
    Hit(Tier),
    /// With another's fetch.
    Collapsed,
    /// By a fetch of what may not be kept.
    Pass,
    /// By a fetch.
    Miss(Cause),
}

impl Way {
    fn number(self) -> u8 {
        match self {
            Self::Hit(tier) => tier as u8,
            Self::Collapsed => 3,
            Self::Pass => 4,
            Self::Miss(cause) => MISSES_FROM + cause as u8,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Hit(Tier::Ram)),
            1 => Some(Self::Hit(Tier::Disk)),
            2 => Some(Self::Hit(Tier::Peer)),
            3 => Some(Self::Collapsed),
            4 => Some(Self::Pass),
            miss => Cause::of_number(miss.checked_sub(MISSES_FROM)?).map(Self::Miss),
        }
    }
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Milliseconds since the recording began.
    pub time_ms: u32,
    /// For what.
    pub point: Point,
    /// What it weighs.
    pub size: Size,
    /// How it was answered.
    pub way: Way,
}

impl Recorded {
    /// The record.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        record[0..4].copy_from_slice(&self.time_ms.to_le_bytes());
        record[4..12].copy_from_slice(&self.point.0.to_le_bytes());
        record[12..16].copy_from_slice(&self.size.bytes.to_le_bytes());
        record[16..20].copy_from_slice(&self.size.render_ms.to_le_bytes());
        record[20] = self.way.number();
        record
    }

    /// The record that tells of so many requests that there is none of them.
    pub fn lost(time_ms: u32, requests: u64) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        record[0..4].copy_from_slice(&time_ms.to_le_bytes());
        record[4..12].copy_from_slice(&requests.to_le_bytes());
        record[20] = LOST;
        record
    }

    /// Of how many requests there is none, if this is a record that tells so.
    pub fn is_lost(record: &[u8; RECORD_BYTES]) -> Option<u64> {
        let [
            _,
            _,
            _,
            _,
            n0,
            n1,
            n2,
            n3,
            n4,
            n5,
            n6,
            n7,
            ..,
            LOST,
            0,
            0,
            0,
        ] = *record
        else {
            return None;
        };
        Some(u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]))
    }

    /// The request of a record; `None` if it is none.
    pub fn decode(record: &[u8; RECORD_BYTES]) -> Option<Self> {
        let [t0, t1, t2, t3, k0, k1, k2, k3, k4, k5, k6, k7, rest @ ..] = *record;
        let [b0, b1, b2, b3, r0, r1, r2, r3, way, 0, 0, 0] = rest else {
            return None;
        };
        Some(Self {
            time_ms: u32::from_le_bytes([t0, t1, t2, t3]),
            point: Point(u64::from_le_bytes([k0, k1, k2, k3, k4, k5, k6, k7])),
            size: Size {
                bytes: u32::from_le_bytes([b0, b1, b2, b3]),
                render_ms: u32::from_le_bytes([r0, r1, r2, r3]),
            },
            way: Way::of_number(way)?,
        })
    }
}

/// Reads the requests for what may be kept.
pub(super) fn read(from: impl Read) -> Result<Trace, TraceError> {
    let mut from = BufReader::new(from);
    let mut header = [0; HEADER.len()];
    if from.read_exact(&mut header).is_err() || header != HEADER {
        return Err(TraceError::Header);
    }
    let mut requests = Vec::new();
    let (mut first, mut last) = (None, 0);
    let (mut number, mut lost) = (0, 0_u64);
    loop {
        number += 1;
        let Some(record) = next_record(&mut from, number)? else {
            break;
        };
        if let Some(requests) = Recorded::is_lost(&record) {
            lost = lost.saturating_add(requests);
            continue;
        }
        let Some(one) = Recorded::decode(&record) else {
            return Err(TraceError::Field {
                request: number,
                field: "its last four bytes",
                value: format!("{:02x?}", &record[20..]),
                expected: "a way to be answered, and three zeros",
            });
        };
        last = u64::from(one.time_ms / 1000);
        first.get_or_insert(last);
        if one.way != Way::Pass {
            requests.push(Request {
                key: one.point.0,
                weight: Weight {
                    bytes: one.size.bytes.into(),
                    cost: u64::from(one.size.render_ms).max(1),
                },
            });
        }
    }
    Ok(Trace {
        requests,
        seconds: between(first, last),
        lost,
        hashed: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways() -> Vec<Way> {
        let hits = Tier::ALL.map(Way::Hit);
        let misses = Cause::ALL.map(Way::Miss);
        let others = [Way::Collapsed, Way::Pass];
        hits.into_iter().chain(misses).chain(others).collect()
    }

    #[test]
    fn a_recording_reads_back_without_what_may_not_be_kept() {
        let mut bytes = HEADER.to_vec();
        for (at, way) in (0..).zip(ways()) {
            let recorded = Recorded {
                time_ms: at * 1000,
                point: Point(u64::from(at) << 40),
                size: Size {
                    bytes: at + 1,
                    render_ms: at,
                },
                way,
            };
            assert_eq!(Recorded::decode(&recorded.encode()), Some(recorded));
            assert_eq!(Recorded::is_lost(&recorded.encode()), None);
            bytes.extend(recorded.encode());
            bytes.extend(Recorded::lost(at * 1000, 100));
        }
        let trace = read(bytes.as_slice()).expect("a recording");
        assert_eq!(trace.requests.len(), ways().len() - 1);
        assert_eq!((trace.seconds, trace.lost), (14, 1500));
        assert_eq!(trace.point(trace.requests[3].key), Point(3 << 40));
    }

    #[test]
    fn what_is_no_recording_is_refused_by_name() {
        let error = read(b"LOOMTRC9".as_slice()).expect_err("another version");
        assert!(matches!(error, TraceError::Header));
        let mut bytes = HEADER.to_vec();
        bytes.extend([0xff; RECORD_BYTES]);
        let error = read(bytes.as_slice()).expect_err("no such way");
        assert!(error.to_string().contains("request 1"), "{error}");
    }
}
