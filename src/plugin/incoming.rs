//! What a server sends: FLV, to tracks and frames.

use crate::live::demux::{Demuxed, Demuxer};
use crate::live::flv::{TagKind, TagReader, VideoTag, video_tag};
use crate::plugin::PlugInError;

/// Bytes in, tracks and frames out.
#[derive(Default)]
pub struct Incoming {
    tags: TagReader,
    demuxer: Demuxer,
    any: bool,
    over: bool,
}

impl Incoming {
    /// The next bytes.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Demuxed>, PlugInError> {
        self.tags.feed(bytes);
        let mut all = Vec::new();
        while let Some(tag) = self.tags.next_tag()? {
            if tag.kind == TagKind::Video && video_tag(&tag.body)? == VideoTag::End {
                self.over = true;
                continue;
            }
            let demuxed = self.demuxer.push(tag.kind, tag.timestamp_ms, &tag.body)?;
            self.any |= !demuxed.is_empty();
            all.extend(demuxed);
        }
        Ok(all)
    }

    /// Whether anything came.
    pub const fn any(&self) -> bool {
        self.any
    }

    /// Whether the server said that the stream is over, and not only that it goes.
    pub const fn is_over(&self) -> bool {
        self.over
    }
}
