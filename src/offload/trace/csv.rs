//! Lines of comma-separated fields.
//!
//! The first line may name the columns, in any order and among others: `time` or
//! `timestamp`; `key`, `id`, `obj_id`, `object` or `url`; `size`, `bytes` or `obj_size`; and perhaps
//! `cost`, `render_ms` or `cost_ms`. If its third field is a number, the columns are time, key, size and
//! perhaps cost. Keys may be anything: they are hashed.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::super::point::Point;
use super::{MAX_REQUESTS, Trace, TraceError, between};
use crate::policy::{Request, Weight};

#[derive(Clone, Copy)]
struct Columns {
    time: Option<usize>,
    key: usize,
    size: usize,
    cost: Option<usize>,
}

impl Columns {
    const USUAL: Self = Self {
        time: Some(0),
        key: 1,
        size: 2,
        cost: Some(3),
    };

    fn named(names: &StringRecord) -> Result<Self, TraceError> {
        let find = |known: &[&str]| {
            let is = |name: &str| {
                let name = name.to_ascii_lowercase().replace('-', "_");
                known.contains(&name.as_str())
            };
            names.iter().position(is)
        };
        let missing = |what: &str| TraceError::Csv {
            line: 1,
            message: format!("no column is called {what}, and it is no request either"),
        };
        Ok(Self {
            time: find(&["time", "timestamp"]),
            key: find(&["key", "id", "obj_id", "object", "url"]).ok_or_else(|| missing("key"))?,
            size: find(&["size", "bytes", "obj_size"]).ok_or_else(|| missing("size"))?,
            cost: find(&["cost", "render_ms", "cost_ms"]),
        })
    }
}

pub(super) fn read(from: impl Read) -> Result<Trace, TraceError> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .comment(Some(b'#'))
        .from_reader(from);
    let mut record = StringRecord::new();
    let mut columns = None;
    let mut requests = Vec::new();
    let (mut first, mut last) = (None, 0);
    while reader.read_record(&mut record).map_err(unreadable)? {
        let line = record.position().map_or(0, csv::Position::line);
        let columns = match columns {
            Some(columns) => columns,
            None if record
                .get(2)
                .is_some_and(|size| size.parse::<u64>().is_ok()) =>
            {
                *columns.insert(Columns::USUAL)
            }
            None => {
                columns = Some(Columns::named(&record)?);
                continue;
            }
        };
        if requests.len() >= MAX_REQUESTS {
            return Err(TraceError::TooLong);
        }
        if let Some(at) = columns.time {
            last = time(&record, at, line)?;
            first.get_or_insert(last);
        }
        let key = record.get(columns.key).unwrap_or_default();
        if key.is_empty() {
            let message = "there is no key".to_owned();
            return Err(TraceError::Csv { line, message });
        }
        let cost = columns.cost.filter(|at| record.get(*at).is_some());
        let cost = cost
            .map(|at| number(&record, at, line, "cost"))
            .transpose()?;
        requests.push(Request {
            key: Point::of(key.as_bytes()).0,
            weight: Weight {
                bytes: number(&record, columns.size, line, "size")?.into(),
                cost: u64::from(cost.unwrap_or(1)).max(1),
            },
        });
    }
    Ok(Trace {
        requests,
        seconds: between(first, last),
        lost: 0,
        hashed: true,
    })
}

fn unreadable(error: csv::Error) -> TraceError {
    let line = error.position().map_or(0, csv::Position::line);
    let message = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => TraceError::Io(error),
        _ => TraceError::Csv { line, message },
    }
}

fn number(record: &StringRecord, at: usize, line: u64, name: &str) -> Result<u32, TraceError> {
    let text = record.get(at).unwrap_or_default();
    text.parse().map_err(|_| TraceError::Csv {
        line,
        message: format!(
            "{name} is {text:?}: expected a whole number up to {}",
            u32::MAX
        ),
    })
}

/// Whole seconds, or seconds with a fraction, which is left out.
fn time(record: &StringRecord, at: usize, line: u64) -> Result<u64, TraceError> {
    let text = record.get(at).unwrap_or_default();
    let whole = text.split('.').next().unwrap_or_default();
    whole.parse().map_err(|_| TraceError::Csv {
        line,
        message: format!("time is {text:?}: expected seconds"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(text: &str) -> Vec<(u64, u64)> {
        let trace = read(text.as_bytes()).expect("a trace");
        let weight = |one: &Request<u64>| (one.weight.bytes, one.weight.cost);
        trace.requests.iter().map(weight).collect()
    }

    #[test]
    fn columns_are_found_by_name_or_by_place() {
        let named = "obj-size,Key,extra,render_ms,time\n10, /a,x,5,1.5\n20,/b,x,6,61\n";
        assert_eq!(weights(named), [(10, 5), (20, 6)]);
        assert_eq!(weights("1,/a,10\n61,/b,20\n"), [(10, 1), (20, 1)]);
        assert_eq!(weights("1,/a,10,5\n61,/b,20,6\n"), [(10, 5), (20, 6)]);
        let by_place = read("1,/a,10\n61,/b,20\n62,/a,10".as_bytes()).expect("a trace");
        let by_name = read(named.as_bytes()).expect("a trace");
        assert_eq!(by_place.requests[0].key, by_name.requests[0].key);
        assert_eq!(by_place.requests[0].key, by_place.requests[2].key);
        assert_eq!((by_place.seconds, by_name.seconds), (61, 60));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, expected) in [
            ("a,b\n1,2\n", "line 1: no column is called key"),
            ("key,time\n1,2\n", "line 1: no column is called size"),
            ("1,/a,10\n1,/a,-3\n", "line 2: size is \"-3\""),
            ("1,/a,10\nsoon,/a,3\n", "line 2: time is \"soon\""),
            ("1,/a,10\n1,,3\n", "line 2: there is no key"),
            ("1,/a,10,x\n", "line 1: cost is \"x\""),
            ("1,/a,10\n1,/a\n", "line 2: size is \"\""),
        ] {
            let error = read(text.as_bytes()).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
