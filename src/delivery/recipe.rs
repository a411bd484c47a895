//! What a file that is not put together from chunks is made of, and its identity.

use std::sync::Arc;

use crate::chunk::ChunkSpec;
use crate::chunk::spec::VideoSpec;
use crate::delivery::Plan;
use crate::digest::Digest;
use crate::partition::picture;
use crate::profile::Quality;
use crate::template::output::{Format, Thumbnail};
use crate::time::Time;

/// Raised when files come out otherwise for what is in the key.
const VERSION: u32 = 1;

/// A file to be made.
#[derive(Clone)]
pub struct Recipe {
    pub(super) format: Format,
    pub(super) content: Content,
}

#[derive(Clone)]
pub(super) enum Content {
    /// All that a plan shows, or what is heard in it.
    Whole(Arc<Plan>),
    /// One frame of it, at this size in pixels.
    Frame {
        spec: Arc<VideoSpec>,
        size: (u32, u32),
        /// Keeps the files that were fetched for it.
        _plan: Arc<Plan>,
    },
}

impl Recipe {
    /// The whole of `plan` in `format`; a picture is of its first frame. `None` for
    /// what is put together from chunks, and for sound alone where there is none.
    pub fn whole(plan: &Arc<Plan>, format: Format) -> Option<Self> {
        if format.is_chunks() || (format == Format::Mp3 && plan.timeline.audio.is_none()) {
            return None;
        }
        let content = if format.is_picture() {
            let video = &plan.timeline.video;
            Content::Frame {
                spec: Arc::new(picture(&plan.timeline, plan.timeline.excerpt.first)),
                size: (video.width, video.height),
                _plan: Arc::clone(plan),
            }
        } else {
            Content::Whole(Arc::clone(plan))
        };
        Some(Self { format, content })
    }

    /// What is seen at `time` of the whole timeline, as JPEG, its sides `scale` times
    /// those of the video.
    pub fn still(plan: &Arc<Plan>, time: Time, scale: f64) -> Self {
        let timeline = &plan.timeline;
        let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
        Self {
            format: Format::Jpg,
            content: Content::Frame {
                spec: Arc::new(picture(timeline, timeline.frame_at(time))),
                size: (side(timeline.video.width), side(timeline.video.height)),
                _plan: Arc::clone(plan),
            },
        }
    }

    /// The poster that the Edit asks for.
    pub fn poster(plan: &Arc<Plan>) -> Option<Self> {
        plan.output.poster.map(|time| Self::still(plan, time, 1.0))
    }

    /// The thumbnail that the Edit asks for.
    pub fn thumbnail(plan: &Arc<Plan>) -> Option<Self> {
        let Thumbnail { capture, scale } = plan.output.thumbnail?;
        Some(Self::still(plan, capture, scale))
    }

    /// The kind of file.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Frames to be composed, or as many as the sound lasts.
    pub fn frames(&self) -> u32 {
        match &self.content {
            Content::Whole(plan) => plan.timeline.frames,
            Content::Frame { .. } => 1,
        }
    }

    pub(super) fn quality(&self) -> Quality {
        match &self.content {
            Content::Whole(plan) => plan.timeline.video.quality,
            Content::Frame { spec, .. } => spec.profile.quality,
        }
    }

    /// Its identity: what is shown and heard, and how it is written.
    pub fn key(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        let mut put = |bytes: &[u8]| {
            hasher.update(bytes);
        };
        put(b"loomcast file");
        put(&VERSION.to_be_bytes());
        put(self.format.name().as_bytes());
        put(&[0]);
        put(&self.quality().crf().to_be_bytes());
        match &self.content {
            Content::Whole(plan) => {
                put(&[0, u8::from(plan.output.repeat)]);
                put(&plan.timeline.frames.to_be_bytes());
                for chunks in [&plan.partition.video, &plan.partition.audio] {
                    put(&(chunks.len() as u64).to_be_bytes());
                    for chunk in chunks {
                        put(chunk.key.digest().as_bytes());
                    }
                }
            }
            Content::Frame { spec, size, .. } => {
                put(&[1]);
                put(&size.0.to_be_bytes());
                put(&size.1.to_be_bytes());
                let key = ChunkSpec::Video(VideoSpec::clone(spec)).key();
                put(key.digest().as_bytes());
            }
        }
        hasher.finalize().into()
    }

    /// The name under which it is kept.
    pub(super) fn file_name(&self) -> String {
        format!("{}.{}", self.key(), self.format.name())
    }
}
