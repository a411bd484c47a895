//! Where a stream is pulled from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// The longest address, in bytes.
pub const MAX_SOURCE_BYTES: usize = 2_000;

/// What streams are pulled by.
const SCHEMES: [&str; 7] = ["rtmp", "rtmps", "rtsp", "rtsps", "srt", "http", "https"];

/// The address of a stream source: RTMP, RTSP, SRT (as the caller), or by HTTP an FLV
/// or a playlist of HLS.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceUrl(Url);

/// Not the address of a stream source. Nothing of it is told: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceUrlError {
    /// It is longer than addresses are.
    #[error("{0} bytes are not allowed: expected at most {MAX_SOURCE_BYTES}")]
    Long(usize),
    /// It is no address.
    #[error("not an address: expected rtmp, rtmps, rtsp, rtsps, srt, http or https, then ://HOST")]
    Url,
    /// It is one that streams are not pulled by.
    #[error("the scheme is not allowed: expected rtmp, rtmps, rtsp, rtsps, srt, http or https")]
    Scheme,
}

impl SourceUrl {
    /// The whole address, with what is secret in it.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// By what it is pulled.
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// The host, as it stands there.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port; of those that have a usual one, that.
    pub fn port(&self) -> Option<u16> {
        let usual = match self.scheme() {
            "rtmp" => Some(1935),
            "rtmps" => Some(443),
            "rtsp" => Some(554),
            "rtsps" => Some(322),
            _ => self.0.port_or_known_default(),
        };
        self.0.port().or(usual)
    }
}

impl FromStr for SourceUrl {
    type Err = SourceUrlError;

    fn from_str(text: &str) -> Result<Self, SourceUrlError> {
        if text.len() > MAX_SOURCE_BYTES {
            return Err(SourceUrlError::Long(text.len()));
        }
        let url = Url::parse(text).map_err(|_| SourceUrlError::Url)?;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(SourceUrlError::Scheme);
        }
        match url.host_str() {
            Some(host) if !host.is_empty() => Ok(Self(url)),
            _ => Err(SourceUrlError::Url),
        }
    }
}

impl TryFrom<String> for SourceUrl {
    type Error = SourceUrlError;

    fn try_from(text: String) -> Result<Self, SourceUrlError> {
        text.parse()
    }
}

impl From<SourceUrl> for String {
    fn from(url: SourceUrl) -> Self {
        url.0.into()
    }
}

/// Without what may be secret: who asks, and the query.
impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.host())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.0.path())
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_how_and_from_whom() {
        for (text, host, port) in [
            ("rtmp://media.example/live/show", "media.example", 1935),
            ("rtsp://user:pass@10.0.0.7:8554/2", "10.0.0.7", 8554),
            ("http://media.example/live/show.flv", "media.example", 80),
            ("https://media.example/a.m3u8?token=1", "media.example", 443),
            (
                "srt://media.example:9000?streamid=show",
                "media.example",
                9000,
            ),
        ] {
            let url: SourceUrl = text.parse().expect(text);
            assert_eq!((url.host(), url.port()), (host, Some(port)));
            assert_eq!(url.expose(), text);
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let url: SourceUrl = "rtsp://user:pass@10.0.0.7:8554/2?key=k"
            .parse()
            .expect("one");
        assert_eq!(url.to_string(), "rtsp://10.0.0.7:8554/2");
        assert_eq!(format!("{url:?}"), "rtsp://10.0.0.7:8554/2");
    }

    #[test]
    fn what_is_no_source_is_refused() {
        let refused = |text: &str| text.parse::<SourceUrl>().expect_err(text);
        assert_eq!(refused("file:///etc/passwd"), SourceUrlError::Scheme);
        assert_eq!(refused("concat:a|b"), SourceUrlError::Scheme);
        assert_eq!(refused("show"), SourceUrlError::Url);
        assert_eq!(refused("rtmp:///live"), SourceUrlError::Url);
        let long = format!("rtmp://host/{}", "x".repeat(MAX_SOURCE_BYTES));
        assert!(matches!(refused(&long), SourceUrlError::Long(_)));
    }
}
