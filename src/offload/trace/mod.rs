//! Traffic that was recorded, in the formats that others use and in our own.
//!
//! | format | a request | from |
//! |---|---|---|
//! | [`Format::OracleGeneral`] | 24 bytes | libCacheSim and the traces published with it |
//! | [`Format::Csv`] | a line | anything |
//! | [`Format::Compact`] | 24 bytes | `loomcast offload record` |

mod compact;
mod csv;
mod oracle;

use std::io::{self, Read};

use thiserror::Error;

pub use compact::{HEADER, RECORD_BYTES, Recorded, Way};

use super::point::Point;
use crate::policy::Request;

/// The most requests of a trace that are read: 1.2 GiB in memory.
pub const MAX_REQUESTS: usize = 50_000_000;

/// How a trace is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// libCacheSim's binary records: time, object, size, next use.
    OracleGeneral,
    /// Lines of time, key, size and perhaps the cost of a miss.
    Csv,
    /// What `loomcast offload record` writes.
    Compact,
}

impl Format {
    /// All of them, with the names they go by.
    pub const NAMED: [(&'static str, Self); 3] = [
        ("oracle-general", Self::OracleGeneral),
        ("csv", Self::Csv),
        ("compact", Self::Compact),
    ];

    /// The format of a file that begins with `beginning`, and is called `name`.
    pub fn guess(name: &str, beginning: &[u8]) -> Self {
        if beginning.starts_with(&HEADER) {
            return Self::Compact;
        }
        let name = name.to_ascii_lowercase();
        let ends = |ending: &str| name.contains(&format!(".{ending}"));
        if ends("csv") || ends("txt") {
            return Self::Csv;
        }
        // Binary records begin with a time, of which hardly all bytes are letters.
        let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
        let text = !beginning.is_empty() && beginning.iter().all(printable);
        if text { Self::Csv } else { Self::OracleGeneral }
    }
}

/// Requests in the order in which they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Each request; what costs nothing to make costs 1, as each miss is one fetch.
    pub requests: Vec<Request<u64>>,
    /// Seconds from the first to the last.
    pub seconds: u64,
    /// Requests that came while it was recorded, and are not in it.
    pub lost: u64,
    /// Whether keys are points already.
    hashed: bool,
}

impl Trace {
    /// Where a key of it falls among all keys.
    pub fn point(&self, key: u64) -> Point {
        match self.hashed {
            true => Point(key),
            false => Point::of(&key.to_le_bytes()),
        }
    }
}

/// Why a trace could not be read.
#[derive(Debug, Error)]
pub enum TraceError {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It ends amid a request.
    #[error("ends amid request {request}: expected {RECORD_BYTES} bytes a request")]
    Cut {
        /// Which, counted from 1.
        request: usize,
    },
    /// It has none.
    #[error("there is no request in it")]
    Empty,
    /// There are too many.
    #[error("there are more than {MAX_REQUESTS} requests in it, the most that are read")]
    TooLong,
    /// A compact trace is of another version, or is none.
    #[error("does not begin as a trace that was recorded here")]
    Header,
    /// A record is none.
    #[error("request {request}: {field} is {value}, expected {expected}")]
    Field {
        /// Which, counted from 1.
        request: usize,
        /// What is wrong in it.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A line is none.
    #[error("line {line}: {message}")]
    Csv {
        /// Which, counted from 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads a trace.
pub fn read(format: Format, from: impl Read) -> Result<Trace, TraceError> {
    let trace = match format {
        Format::OracleGeneral => oracle::read(from),
        Format::Csv => csv::read(from),
        Format::Compact => compact::read(from),
    }?;
    match trace.requests.is_empty() {
        true => Err(TraceError::Empty),
        false => Ok(trace),
    }
}

/// The next record; `None` at the end. `request` is its number, for the error.
fn next_record(
    from: &mut impl Read,
    request: usize,
) -> Result<Option<[u8; RECORD_BYTES]>, TraceError> {
    let mut record = [0; RECORD_BYTES];
    let mut have = 0;
    while have < RECORD_BYTES {
        match from.read(&mut record[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(TraceError::Cut { request }),
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    match request > MAX_REQUESTS {
        true => Err(TraceError::TooLong),
        false => Ok(Some(record)),
    }
}

/// Seconds between two times, however the clock went.
fn between(first: Option<u64>, last: u64) -> u64 {
    first.map_or(0, |first| last.saturating_sub(first))
}
