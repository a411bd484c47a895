//! Which edges a request has come through, so that none goes in circles: `Via`
//! (RFC 9110, 7.6.3) and `CDN-Loop` (RFC 8586).

use http::header::{HeaderMap, HeaderName, HeaderValue, VIA};
use uuid::Uuid;

const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// The most edges a request comes through. A chain of more is taken for a circle of
/// edges that do not tell themselves apart.
const MAX_EDGES: usize = 8;

/// The longest trail that is read, in bytes.
const MAX_BYTES: usize = 2048;

/// What an edge calls itself among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeId(String);

/// A request goes in a circle, or through too many edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looped;

/// The edges that a request has come through, this one included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    cdn_loop: HeaderValue,
    via: HeaderValue,
}

impl EdgeId {
    /// One that no other edge has.
    pub fn new() -> Self {
        Self(format!("loomcast-{}", Uuid::new_v4().simple()))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trail of what this edge asks by itself.
    pub fn own(&self) -> Trail {
        Trail {
            cdn_loop: value(self.0.clone()),
            via: value(format!("1.1 {}", self.0)),
        }
    }

    /// The trail of what is asked because of a request with `headers`.
    pub fn follow(&self, headers: &HeaderMap) -> Result<Trail, Looped> {
        let loops = joined(headers, &CDN_LOOP)?;
        let edges = loops
            .split(',')
            .map(str::trim)
            .filter(|one| !one.is_empty());
        let mut count = 0;
        for edge in edges {
            count += 1;
            let name = edge.split(';').next().unwrap_or_default().trim();
            if name == self.0 || count >= MAX_EDGES {
                return Err(Looped);
            }
        }
        let via = joined(headers, &VIA)?;
        let own = self.own();
        let behind = |before: String, own: &HeaderValue| match (before.is_empty(), own.to_str()) {
            (false, Ok(own)) => value(format!("{before}, {own}")),
            _ => own.clone(),
        };
        Ok(Trail {
            cdn_loop: behind(loops, &own.cdn_loop),
            via: behind(via, &own.via),
        })
    }
}

impl Default for EdgeId {
    fn default() -> Self {
        Self::new()
    }
}

impl Trail {
    /// Says so in the headers of a request to an upstream.
    pub fn mark(&self, headers: &mut HeaderMap) {
        headers.insert(CDN_LOOP, self.cdn_loop.clone());
        headers.insert(VIA, self.via.clone());
    }
}

/// All lines of a header as one. What is too long or no text has no edge's name on it
/// that could be found.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<String, Looped> {
    let mut text = String::new();
    for line in headers.get_all(name) {
        let line = line.to_str().map_err(|_| Looped)?;
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(line);
        if text.len() > MAX_BYTES {
            return Err(Looped);
        }
    }
    Ok(text)
}

/// Made of header values and an identifier, it always is one.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("loomcast"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(trail: &Trail) -> HeaderMap {
        let mut headers = HeaderMap::new();
        trail.mark(&mut headers);
        headers
    }

    #[test]
    fn a_request_that_comes_back_is_known() {
        let (first, second) = (EdgeId::new(), EdgeId::new());
        let trail = first.follow(&HeaderMap::new()).expect("no circle");
        let there = second.follow(&passed(&trail)).expect("another edge");
        let headers = passed(&there);
        let expected = format!("{}, {}", first.as_str(), second.as_str());
        assert_eq!(headers["cdn-loop"], expected);
        assert_eq!(
            headers["via"],
            format!("1.1 {}, 1.1 {}", first.as_str(), second.as_str())
        );
        assert_eq!(first.follow(&headers), Err(Looped));
        assert_eq!(second.follow(&headers), Err(Looped));
    }

    #[test]
    fn a_chain_has_an_end() {
        let mut headers = HeaderMap::new();
        for _ in 0..MAX_EDGES {
            headers = passed(&EdgeId::new().follow(&headers).expect("a short chain"));
        }
        assert_eq!(EdgeId::new().follow(&headers), Err(Looped));
    }

    #[test]
    fn a_trail_that_cannot_be_read_is_a_circle() {
        let id = EdgeId::new();
        for bad in ["x".repeat(MAX_BYTES + 1), "\u{e9}".to_owned()] {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_bytes(bad.as_bytes()).expect("a value");
            headers.insert(CDN_LOOP, value);
            assert_eq!(id.follow(&headers), Err(Looped));
        }
        let mut headers = HeaderMap::new();
        headers.append(CDN_LOOP, HeaderValue::from_static("other; a=1"));
        let own = HeaderValue::from_str(&format!("third , {} ;b", id.as_str()));
        headers.append(CDN_LOOP, own.expect("a value"));
        assert_eq!(id.follow(&headers), Err(Looped));
    }
}
