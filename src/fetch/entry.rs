//! What is remembered of an address: which file it gave, and for how long that
//! may be used without asking again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A file is used for at least this long before its server is asked again, whatever
/// it says: a batch of a thousand videos is one request.
pub const MIN_FRESH: Duration = Duration::from_secs(60);

/// And for at most this long.
pub const MAX_FRESH: Duration = Duration::from_secs(24 * 3600);

/// The longest validator that is kept, in bytes.
const MAX_VALIDATOR: usize = 1024;

/// What an address gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The digest of its bytes, in hexadecimal digits.
    digest: String,
    /// How many these are.
    pub bytes: u64,
    /// What the server said of it.
    #[serde(flatten)]
    pub validity: Validity,
    /// When that was, in milliseconds since 1970.
    asked_ms: u64,
}

/// What a server says of how long its answer holds, and how to ask again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// `ETag`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// How long it may be used, in seconds.
    pub fresh_s: u64,
}

impl Validity {
    /// Out of the headers of an answer.
    pub fn of<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let kept = |name| {
            let value: Option<&str> = header(name);
            value
                .filter(|value| value.len() <= MAX_VALIDATOR)
                .map(str::to_owned)
        };
        let age = header("age").and_then(|age| age.trim().parse().ok());
        Self {
            etag: kept("etag"),
            last_modified: kept("last-modified"),
            fresh_s: fresh(
                header("cache-control").unwrap_or_default(),
                age.unwrap_or(0),
            ),
        }
    }

    /// The same, where the answer that the file is unchanged said nothing newer.
    pub fn or(self, older: &Self) -> Self {
        Self {
            etag: self.etag.or_else(|| older.etag.clone()),
            last_modified: self.last_modified.or_else(|| older.last_modified.clone()),
            fresh_s: self.fresh_s,
        }
    }
}

/// For how many seconds an answer may be used that says so in `Cache-Control` and is `age` seconds old.
fn fresh(cache_control: &str, age: u64) -> u64 {
    let directives = || cache_control.split(',').map(str::trim);
    let seconds = |name: &str| {
        let values = directives().filter_map(|directive| directive.split_once('='));
        let mut named = values.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        named.find_map(|(_, value)| value.trim().trim_matches('"').parse::<u64>().ok())
    };
    let forbidden = directives().any(|directive| {
        ["no-cache", "no-store"]
            .iter()
            .any(|name| directive.eq_ignore_ascii_case(name))
    });
    // This cache is shared by all who render here.
    let said = seconds("s-maxage").or_else(|| seconds("max-age"));
    let said = said.filter(|_| !forbidden).unwrap_or(0);
    said.saturating_sub(age)
        .clamp(MIN_FRESH.as_secs(), MAX_FRESH.as_secs())
}

impl Entry {
    /// A file that was asked for, or asked about, at `now`.
    pub fn new(digest: &Digest, bytes: u64, validity: Validity, now: SystemTime) -> Self {
        Self {
            digest: digest.to_string(),
            bytes,
            validity,
            asked_ms: millis(now),
        }
    }

    /// The digest of its bytes; `None` if the entry is damaged.
    pub fn digest(&self) -> Option<Digest> {
        self.digest.parse().ok()
    }

    /// Whether it may be used at `now` without asking again.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        // One that comes from the future is of a clock that was put back.
        let age = millis(now).checked_sub(self.asked_ms);
        age.is_some_and(|age| age < self.validity.fresh_s.saturating_mul(1000))
    }

    /// How long ago it was asked for.
    pub fn age(&self, now: SystemTime) -> Duration {
        Duration::from_millis(millis(now).saturating_sub(self.asked_ms))
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_how_long_its_answer_holds() {
        for (cache_control, age, expected) in [
            ("", 0, 60),
            ("max-age=600", 0, 600),
            ("public, Max-Age=\"600\", immutable", 0, 600),
            ("max-age=600", 500, 100),
            ("max-age=600", 700, 60),
            ("max-age=600, s-maxage=300", 0, 300),
            ("max-age=1", 0, 60),
            ("max-age=600, no-cache", 0, 60),
            ("no-store", 0, 60),
            ("max-age=99999999", 0, 86_400),
            ("max-age=99999999999999999999999", 0, 60),
            ("max-age=-1", 0, 60),
            ("max-age", 0, 60),
        ] {
            assert_eq!(fresh(cache_control, age), expected, "{cache_control}");
        }
    }

    #[test]
    fn an_entry_is_fresh_for_a_time_and_survives_on_disk() {
        let validity = Validity::of(|name| match name {
            "etag" => Some("\"a\""),
            "cache-control" => Some("max-age=100"),
            _ => None,
        });
        let then = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let entry = Entry::new(&Digest::of(b"x"), 1, validity, then);
        let read: Entry =
            serde_json::from_slice(&serde_json::to_vec(&entry).expect("JSON")).expect("reads");
        assert_eq!(read, entry);
        assert_eq!(read.digest(), Some(Digest::of(b"x")));
        for (seconds, expected) in [(0, true), (99, true), (100, false), (-1, false)] {
            let now = UNIX_EPOCH + Duration::from_secs((1_000_000 + seconds) as u64);
            assert_eq!(read.is_fresh(now), expected, "{seconds}");
        }
        let unchanged = Validity::default().or(&read.validity);
        assert_eq!(unchanged.etag.as_deref(), Some("\"a\""));
    }
}
