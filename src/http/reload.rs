//! Playlists that are asked for again and again: what they are, how long a request
//! for a later one waits, and how long one is kept.

use axum::http::HeaderValue;

use crate::playlist::MediaPlaylist;

/// Target durations after which a blocking request is given up
/// (rfc8216bis, 6.2.5.2).
pub(super) const MAX_BLOCK_TARGETS: u32 = 3;

/// How long a playlist is kept that announces segments, in seconds: it is the only
/// way to learn of the next.
const ANNOUNCING_S: u32 = 1;

pub(super) const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/vnd.apple.mpegurl");

/// Lifetimes as rfc8216bis, Appendix B.1 has them: what a blocking request
/// names never changes, anything else is old after half a target duration; what
/// announces segments, sooner.
pub(super) const fn lifetime_s(playlist: &MediaPlaylist, blocking: bool) -> u32 {
    let target = playlist.target_duration_s;
    match playlist.prefetch.is_empty() {
        false => ANNOUNCING_S,
        true if blocking => 6 * target,
        true => target / 2,
    }
}
