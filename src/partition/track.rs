//! The tracks of a video: its pictures, its sound, and its pictures once more in
//! smaller sizes.

use std::fmt;
use std::str::FromStr;

/// Which of a video's tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// Pictures, as the video has them.
    Video,
    /// Sound.
    Audio,
    /// The same pictures this many pixels high: a rung of the ladder.
    Rung(u32),
}

impl TrackKind {
    /// Whether it has pictures.
    pub const fn is_pictures(self) -> bool {
        matches!(self, Self::Video | Self::Rung(_))
    }

    /// Whether it is a smaller size of another.
    pub const fn is_rung(self) -> bool {
        matches!(self, Self::Rung(_))
    }
}

/// Its name in addresses and reports: `video`, `audio`, `video-360`.
impl fmt::Display for TrackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Video => f.pad("video"),
            Self::Audio => f.pad("audio"),
            Self::Rung(height) => f.pad(&format!("video-{height}")),
        }
    }
}

impl FromStr for TrackKind {
    type Err = ();

    /// Reads a name; each track has one.
    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "video" => Ok(Self::Video),
            "audio" => Ok(Self::Audio),
            _ => {
                let height = name.strip_prefix("video-").and_then(|it| it.parse().ok());
                let kind = height.map(Self::Rung).ok_or(())?;
                (kind.to_string() == name).then_some(kind).ok_or(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_has_one_name() {
        for kind in [TrackKind::Video, TrackKind::Audio, TrackKind::Rung(360)] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for name in ["", "Video", "video-", "video-0360", "video-+5", "video-x"] {
            assert_eq!(name.parse::<TrackKind>(), Err(()), "{name}");
        }
    }
}
