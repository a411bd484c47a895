//! A short answer of an upstream, a playlist, as an edge keeps it: for how long it is
//! true, and what may be done with it when it is not (RFC 9111).

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use http::{Request, Response, StatusCode, response};
use http_cache_semantics::CachePolicy;

use crate::broadcast::Text;

/// How long it is remembered that there is no such thing.
const ABSENT: Duration = Duration::from_secs(1);

/// What is passed on of an answer's head.
const PASSED_ON: [HeaderName; 5] = [CONTENT_TYPE, CACHE_CONTROL, ETAG, DATE, RETRY_AFTER];

/// An answer that nobody changes any more.
#[derive(Debug)]
pub struct Answer {
    /// How it went.
    pub status: StatusCode,
    /// What is passed on of its head.
    pub headers: HeaderMap,
    /// Its text.
    pub text: Text,
    /// The origin has terminals wait when they join this stream.
    pub waits: bool,
    kept: Kept,
    came: Instant,
    lasts: bool,
    /// For how long after it came it is new, and may then be given while it is asked for
    /// anew (RFC 5861).
    renewable: Duration,
}

#[derive(Debug)]
enum Kept {
    /// For nobody but those who wait for it now.
    Not,
    /// For a moment.
    Until(Instant),
    /// For as long as its head says.
    By(Box<CachePolicy>),
}

impl Answer {
    /// What `request` was answered with. `waits` says that it was for one terminal,
    /// which was this edge: it may have it for all of its own.
    pub fn new(request: &Request<()>, mut head: response::Parts, text: Bytes, waits: bool) -> Self {
        if waits {
            publish(&mut head.headers);
        }
        let headers = passed_on(&head.headers);
        let lasts = head.status == StatusCode::OK && !grows(&text);
        let kept = match head.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Kept::Until(Instant::now() + ABSENT),
            StatusCode::OK => {
                let status = head.status;
                let policy = CachePolicy::new(request, &Response::from_parts(head, ()));
                let renewable = renewable(&policy, &headers);
                return Self {
                    kept: match policy.is_storable() {
                        true => Kept::By(Box::new(policy)),
                        false => Kept::Not,
                    },
                    renewable,
                    status,
                    headers,
                    text: Text::of(text),
                    waits,
                    came: Instant::now(),
                    lasts,
                };
            }
            _ => Kept::Not,
        };
        Self {
            status: head.status,
            headers,
            text: Text::of(text),
            waits,
            kept,
            came: Instant::now(),
            lasts,
            renewable: Duration::ZERO,
        }
    }

    /// The same once more: its origin says that it is as it was.
    pub fn renewed(&self, policy: CachePolicy, head: &response::Parts) -> Self {
        let headers = passed_on(&head.headers);
        Self {
            status: self.status,
            renewable: renewable(&policy, &headers),
            headers,
            text: Text::of(self.text.plain()),
            waits: self.waits,
            kept: Kept::By(Box::new(policy)),
            came: Instant::now(),
            lasts: self.lasts,
        }
    }

    /// Whether it is kept at all.
    pub const fn is_kept(&self) -> bool {
        !matches!(self.kept, Kept::Not)
    }

    /// Whether it is as good as a new one.
    pub fn is_fresh(&self) -> bool {
        match &self.kept {
            Kept::Not => false,
            Kept::Until(until) => Instant::now() < *until,
            Kept::By(policy) => !policy.is_stale(SystemTime::now()),
        }
    }

    /// Whether it may be given though it is old, for `allowance` after it came: one that
    /// tells of a whole video may, one of what goes on is not true any more.
    pub fn will_do(&self, allowance: Duration) -> bool {
        self.lasts && self.came.elapsed() <= allowance
    }

    /// Whether it may be given though it is old, while it is asked for anew: its origin
    /// says so, and it tells of a whole video.
    pub fn will_do_meanwhile(&self) -> bool {
        self.lasts && self.came.elapsed() <= self.renewable
    }

    /// By what its freshness is told, where it has a head that says so.
    pub fn policy(&self) -> Option<&CachePolicy> {
        match &self.kept {
            Kept::By(policy) => Some(policy),
            Kept::Not | Kept::Until(_) => None,
        }
    }

    /// How old it is, in seconds, with the time that it spent on the way: what players
    /// tune in by (rfc8216bis, Appendix C).
    pub fn age_s(&self) -> u64 {
        match &self.kept {
            Kept::By(policy) => policy.age(SystemTime::now()).as_secs(),
            Kept::Not | Kept::Until(_) => self.came.elapsed().as_secs(),
        }
    }

    /// What it takes in memory, in bytes.
    pub fn weight(&self) -> usize {
        // With its compressed text, which comes later.
        2 * self.text.plain().len() + 2048
    }
}

fn passed_on(head: &HeaderMap) -> HeaderMap {
    let known = PASSED_ON.into_iter();
    known
        .filter_map(|name| head.get(&name).map(|value| (name, value.clone())))
        .collect()
}

/// How long what has just come is new, and then good enough while it is asked for anew.
fn renewable(policy: &CachePolicy, headers: &HeaderMap) -> Duration {
    let fresh = policy.time_to_live(SystemTime::now());
    match stale_while_revalidate(headers) {
        Some(allowance) => fresh.saturating_add(allowance),
        None => Duration::ZERO,
    }
}

/// What `Cache-Control` says of it; nothing where it also says that old answers are not
/// to be given (RFC 9111, 5.2.2).
fn stale_while_revalidate(headers: &HeaderMap) -> Option<Duration> {
    let said = headers.get(CACHE_CONTROL)?.to_str().ok()?;
    let mut seconds = None;
    for directive in said.split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "must-revalidate" | "proxy-revalidate" | "no-cache" | "s-maxage" => return None,
            "stale-while-revalidate" => seconds = value.trim().trim_matches('"').parse().ok(),
            _ => {}
        }
    }
    seconds.map(Duration::from_secs)
}

/// One for a single terminal says that it is private.
fn publish(headers: &mut HeaderMap) {
    let said = headers
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok());
    if let Some(said) = said
        && let Ok(public) = HeaderValue::try_from(said.replace("private", "public"))
    {
        headers.insert(CACHE_CONTROL, public);
    }
}

/// Whether this is a media playlist to which something will be added.
fn grows(text: &[u8]) -> bool {
    let has = |tag: &[u8]| text.windows(tag.len()).any(|window| window == tag);
    has(b"#EXT-X-TARGETDURATION") && !has(b"#EXT-X-ENDLIST")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, lifetime: &'static str, text: &'static str, waits: bool) -> Answer {
        let head = Response::builder()
            .status(status)
            .header(CACHE_CONTROL, lifetime)
            .header("set-cookie", "a=1")
            .body(())
            .expect("a head");
        let (head, ()) = head.into_parts();
        Answer::new(&Request::new(()), head, text.into(), waits)
    }

    const WHOLE: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-ENDLIST\n";
    const GROWING: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n";

    #[test]
    fn an_answer_is_kept_for_as_long_as_it_says() {
        let kept = answer(200, "public, max-age=9", WHOLE, false);
        assert!(kept.is_kept() && kept.is_fresh());
        assert!(!kept.headers.contains_key("set-cookie"));
        let old = answer(200, "public, max-age=0", WHOLE, false);
        assert!(!old.is_fresh());
        for lifetime in ["no-store", "private, max-age=9"] {
            assert!(!answer(200, lifetime, WHOLE, false).is_kept(), "{lifetime}");
        }
        assert!(!answer(503, "public, max-age=9", "", false).is_kept());
        assert!(answer(404, "no-store", "", false).is_fresh());
    }

    #[test]
    fn what_was_for_this_edge_alone_is_for_all_of_its_terminals() {
        let own = answer(200, "private, max-age=2", WHOLE, true);
        assert!(own.is_fresh());
        assert_eq!(own.headers[CACHE_CONTROL], "public, max-age=2");
    }

    #[test]
    fn an_origin_may_allow_that_what_is_old_is_given_while_it_is_asked_for_anew() {
        for (lifetime, text, allowed) in [
            ("max-age=0, stale-while-revalidate=60", WHOLE, true),
            (
                "public, max-age=9, Stale-While-Revalidate=\"5\"",
                WHOLE,
                true,
            ),
            ("max-age=0, stale-while-revalidate=0", WHOLE, false),
            ("max-age=0, stale-while-revalidate=soon", WHOLE, false),
            ("max-age=0", WHOLE, false),
            ("max-age=0, stale-while-revalidate=60", GROWING, false),
            (
                "max-age=0, must-revalidate, stale-while-revalidate=60",
                WHOLE,
                false,
            ),
            ("s-maxage=0, stale-while-revalidate=60", WHOLE, false),
        ] {
            let answer = answer(200, lifetime, text, false);
            assert_eq!(answer.will_do_meanwhile(), allowed, "{lifetime}");
        }
    }

    #[test]
    fn only_what_is_whole_will_do_when_it_is_old() {
        let long = Duration::from_secs(60);
        let old = |text| answer(200, "max-age=0", text, false);
        assert!(old(WHOLE).will_do(long));
        assert!(old("#EXTM3U\nvideo.m3u8\n").will_do(long));
        assert!(!old(GROWING).will_do(long));
        assert!(!old(WHOLE).will_do(Duration::ZERO));
        assert!(!answer(404, "max-age=0", "", false).will_do(long));
    }
}
