//! The few `Cache-Control` values there are, and why.

use axum::http::HeaderValue;

/// Named by its content: never another.
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Changes at any time.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// May be kept, but asked about each time: the studio's own files, whose names
/// stay when they change.
#[cfg(feature = "media")]
pub const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// A VOD playlist: complete from the start, but gone with its video. Caches need keep
/// nobody waiting while they ask whether it is.
#[cfg(feature = "media")]
pub const VOD_PLAYLIST: HeaderValue =
    HeaderValue::from_static("public, max-age=3600, stale-while-revalidate=600");

/// For `seconds`.
pub fn seconds(seconds: u32) -> HeaderValue {
    lifetime("public", seconds)
}

/// For `seconds`, and for the one who asked alone.
pub fn private_seconds(seconds: u32) -> HeaderValue {
    lifetime("private", seconds)
}

fn lifetime(whose: &str, seconds: u32) -> HeaderValue {
    // Digits and ASCII letters always are a header value.
    HeaderValue::from_str(&format!("{whose}, max-age={seconds}")).unwrap_or(NO_STORE)
}
