//! Which playlist is wanted, and in which form: what tells one from another, and how it is
//! asked for upstream.

use std::sync::Arc;

use http::header::HeaderValue;
use http::uri::{InvalidUri, PathAndQuery};
use uuid::Uuid;

use crate::edge::relay::live;
use crate::edge::terminals::VIEWER;
use crate::offload::Class;

/// What players that want at least two segments call themselves.
const WANTS_MORE: &[u8] = b"GStreamer";

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub(super) path: String,
    query: String,
    pub(super) form: Form,
    pub(super) wants_more: bool,
}

/// In which form a playlist is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is for everybody.
    Plain,
    /// The index of a live stream, for which an origin may want to know who asks.
    Index,
    /// What a terminal is given that joins.
    Join,
}

impl Wanted {
    /// The playlist at `path`. Of `query` only what delays or shortens it counts.
    pub fn new(path: &str, query: &str, agent: Option<&HeaderValue>) -> Self {
        let mut pairs: Vec<&str> = query
            .split('&')
            .filter(|pair| pair.starts_with("_HLS_"))
            .collect();
        pairs.sort_unstable();
        Self {
            path: path.to_owned(),
            query: pairs.join("&"),
            form: Form::Plain,
            wants_more: agent.is_some_and(|agent| agent.as_bytes().starts_with(WANTS_MORE)),
        }
    }

    /// The index of a live stream at `path`.
    pub fn index(path: &str) -> Self {
        Self {
            form: Form::Index,
            ..Self::new(path, "", None)
        }
    }

    /// What whoever joins is given of the playlist at `path` once the segment is whole
    /// that is current now.
    pub fn join(path: &str) -> Self {
        Self {
            form: Form::Join,
            ..Self::new(path, "", None)
        }
    }

    /// Whether it waits upstream for something that has not come yet.
    pub fn waits(&self) -> bool {
        self.form == Form::Join || self.query.contains("_HLS_msn=")
    }

    /// The live stream whose traffic it is; `None` for a playlist of a video, whose address
    /// does not tell.
    pub(super) fn live(&self) -> Option<Arc<Class>> {
        let rest = self.path.strip_prefix("/live/")?;
        Some(live(rest.split('/').next().unwrap_or_default()))
    }

    pub(super) fn key(&self) -> Arc<str> {
        let Self { path, query, .. } = self;
        let how = match (self.form, self.wants_more) {
            (Form::Join, _) => "#join",
            (_, true) => "#more",
            (_, false) => "",
        };
        format!("{path}?{query}{how}").into()
    }

    /// The address for `id`, which counts before whatever else is asked with.
    pub(super) fn address(&self, id: Option<Uuid>) -> Result<PathAndQuery, InvalidUri> {
        let id = id.map(|id| format!("{VIEWER}={id}"));
        let pairs = id.as_deref().into_iter().chain([self.query.as_str()]);
        let pairs: Vec<&str> = pairs.filter(|pair| !pair.is_empty()).collect();
        let address = match pairs.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, pairs.join("&")),
        };
        address.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_delays_or_shortens_a_playlist_tells_it_from_another() {
        let key = |query| Wanted::new("/live/show/video.m3u8", query, None).key();
        let blocking = key("_HLS_msn=7&_HLS_part=2");
        for same in [
            "_HLS_part=2&_HLS_msn=7",
            "viewer=x&_HLS_msn=7&_HLS_part=2",
            "a=1&_HLS_msn=7&b&_HLS_part=2",
        ] {
            assert_eq!(key(same), blocking, "{same}");
        }
        assert_ne!(key("_HLS_msn=7"), blocking);
        assert_eq!(key("viewer=x"), key(""));
        let gst = HeaderValue::from_static("GStreamer souphttpsrc 1.22");
        let more = Wanted::new("/live/show/video.m3u8", "", Some(&gst));
        assert_ne!(more.key(), key(""));
        assert_ne!(Wanted::join("/live/show/video.m3u8").key(), key(""));
    }

    #[test]
    fn an_origin_is_asked_without_what_it_need_not_know() {
        let wanted = Wanted::new("/v", "viewer=x&_HLS_skip=YES&_HLS_msn=7&y", None);
        let address = |id| wanted.address(id).ok().map(|address| address.to_string());
        assert_eq!(
            address(None).as_deref(),
            Some("/v?_HLS_msn=7&_HLS_skip=YES")
        );
        let id = Uuid::from_u128(7);
        let expected = format!("/v?viewer={id}&_HLS_msn=7&_HLS_skip=YES");
        assert_eq!(address(Some(id)), Some(expected));
        assert!(wanted.waits() && !Wanted::new("/v", "_HLS_skip=YES", None).waits());
    }
}
