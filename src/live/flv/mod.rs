//! FLV: the tags in which RTMP brings pictures and sound, and in which players
//! over HTTP get them (Adobe Flash Video File Format 10.1, annex E; Enhanced
//! RTMP version 1, and of version 2 the audio header).
//!
//! Pure, and nothing is copied in reading: what a tag holds is a slice of it.
//! Times are of the tag, not of its body, and do not belong here.

mod audio;
mod body;
mod read;
mod video;
mod write;

use bytes::Bytes;
use thiserror::Error;

pub use audio::{AudioCodec, AudioTag, audio_tag};
pub use body::{
    VIDEO_END_BODY, audio_config_body, audio_frame_body, video_config_body, video_frame_body,
};
pub use read::{MAX_READ_BODY_BYTES, Tag, TagReader};
pub use video::{VideoCodec, VideoTag, video_tag};
pub use write::{FILE_HEADER_LEN, MAX_BODY_BYTES, TAG_OVERHEAD, flv_header, write_tag};

/// What a tag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// A name and values, in AMF0: `onMetaData` and what else an encoder says.
    Script,
}

impl TagKind {
    /// As it is written, in a tag as in a message of RTMP.
    pub const fn code(self) -> u8 {
        match self {
            Self::Audio => 8,
            Self::Video => 9,
            Self::Script => 18,
        }
    }

    /// The kind that is written so, if there is one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            8 => Some(Self::Audio),
            9 => Some(Self::Video),
            18 => Some(Self::Script),
            _ => None,
        }
    }
}

/// Why the body of a tag could not be read, or a tag not be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FlvError {
    /// A body that ends within its head.
    #[error("the tag has {found} bytes: expected {expected} or more, to the end of {what}")]
    Short {
        /// What is cut.
        what: &'static str,
        /// How many bytes there are.
        found: usize,
        /// How many there are at least.
        expected: usize,
    },
    /// A way to say it that the format has and Loomcast has not.
    #[error("{field} is {value}: expected {expected}")]
    Unsupported {
        /// Of which field.
        field: &'static str,
        /// What it says, by name where it has one.
        value: String,
        /// What is supported.
        expected: &'static str,
    },
    /// A body whose length does not fit in its field.
    #[error("the tag has {bytes} bytes: expected at most {max}")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
}

/// A body, read from its front.
struct Reader {
    rest: Bytes,
    read: usize,
}

impl Reader {
    fn new(body: &Bytes) -> Self {
        Self {
            rest: body.clone(),
            read: 0,
        }
    }

    /// The next `N` bytes, which are `what`.
    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], FlvError> {
        let Some(bytes) = self.rest.first_chunk::<N>().copied() else {
            return Err(FlvError::Short {
                what,
                found: self.read + self.rest.len(),
                expected: self.read + N,
            });
        };
        let _ = self.rest.split_to(N);
        self.read += N;
        Ok(bytes)
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, FlvError> {
        Ok(self.take::<1>(what)?[0])
    }
}

/// A four-cc as its letters, where it is letters.
fn letters(fourcc: [u8; 4]) -> String {
    format!("`{}`", fourcc.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_they_are_read() {
        for code in 0..=u8::MAX {
            if let Some(kind) = TagKind::from_code(code) {
                assert_eq!(kind.code(), code);
            }
        }
        assert_eq!(TagKind::from_code(15), None, "a script in AMF3");
    }

    #[test]
    fn what_is_read_is_a_slice_of_the_tag() {
        let body = Bytes::from_static(&[0x17, 1, 0, 0, 0, 1, 2, 3]);
        let Ok(VideoTag::Frame { data, .. }) = video_tag(&body) else {
            panic!("not a frame")
        };
        assert_eq!(data.as_ptr(), body[5..].as_ptr());
    }
}
