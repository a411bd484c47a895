//! HLS playlists (RFC 8216, draft-pantos-hls-rfc8216bis-22): snapshots in, text
//! out, and what a snapshot answers to a player's delivery directives.
//!
//! Pure: no clock, no store. Which segments exist, when a playlist changes and
//! how long a request waits do not belong here.
//!
//! Invariants: every string that enters a playlist has a type that cannot break
//! out of its place; every duration is an exact ratio and printed by itself, so
//! that a segment reads the same in every version of a playlist.

mod delivery;
mod media;
mod multivariant;
mod tag;
mod text;

pub use delivery::{BadDirective, DeliveryDirectives, Reload, Skip, decide, last_asked_for};
pub use media::{
    Kind, MediaPlaylist, OpenSegment, PartRef, Prefetch, PreloadHint, RenditionReport, Segment,
    ServerControl, Start, target_duration,
};
pub use multivariant::{MultivariantPlaylist, Rendition, Variant};
pub use tag::{Duration, MAX_VALUE_BYTES, QuotedString, TagError, UnixMillis, Uri};
