//! What an address of a server is, and so how an edge answers it.
//!
//! Pure: a path in, what it names out. Whatever is none of what an edge keeps is passed
//! on to the origin as it is.

use crate::chunk::ChunkKey;
use crate::digest::Digest;
use crate::live::window::LEGACY_SUFFIX;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A chunk of a video, or a part of it, at a decode time.
    Chunk(ChunkKey, ChunkFile),
    /// The init segment with this digest.
    Init(Digest),
    /// An init segment of a live stream, which never changes.
    LiveInit,
    /// A segment of a live stream, or a part of it.
    Segment(SegmentName, SegmentWish),
    /// A playlist of a live stream.
    LivePlaylist(LivePlaylist),
    /// A playlist of a video.
    VideoPlaylist,
    /// Something that has no such address.
    Nothing,
    /// Anything else.
    Other,
}

/// `{decode_time}.m4s` or `{decode_time}.{part}.m4s`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkFile {
    /// Where the chunk begins, in ticks of its track.
    pub decode_time: u64,
    /// The part, if it is not all of them.
    pub part: Option<usize>,
}

/// The address of a live segment without what is wanted of it:
/// `/live/{name}/{epoch}/{track}/{number}`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SegmentName(String);

/// What is wanted of a live segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentWish {
    /// All of it, when it is all there.
    Whole,
    /// One of its parts.
    Part(usize),
    /// Its header and its parts as they come, as legacy low-latency players want it.
    Growing,
}

/// A playlist of a live stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePlaylist {
    /// The stream's name.
    pub stream: String,
    /// Whether it is the one that terminals begin with.
    pub is_index: bool,
    /// The folder it is in, with a slash at the end.
    pub folder: String,
}

impl Address {
    /// What `path` names.
    pub fn of(path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["c", key, file] => match (key.parse(), ChunkFile::parse(file)) {
                (Ok(key), Some(file)) => Self::Chunk(key, file),
                _ => Self::Nothing,
            },
            ["i", file] => {
                let name = file.strip_suffix(".mp4").and_then(|name| name.parse().ok());
                name.map_or(Self::Nothing, Self::Init)
            }
            ["live", rest @ ..] if !rest.iter().all(|one| is_plain(one)) => Self::Other,
            // What a viewer of a channel sees is theirs alone.
            ["live", _, "for", _, ..] => Self::Other,
            ["live", stream, between @ .., file] if file.ends_with(".m3u8") => {
                if between.len() > 1 {
                    return Self::Nothing;
                }
                let end = path.len() - file.len();
                Self::LivePlaylist(LivePlaylist {
                    stream: (*stream).to_owned(),
                    is_index: *file == "index.m3u8",
                    folder: path[..end].to_owned(),
                })
            }
            ["live", _, _, file] if file.ends_with(".mp4") => Self::LiveInit,
            ["live", stream, epoch, track, file] if file.ends_with(".m4s") => {
                let parsed = SegmentWish::parse(file);
                parsed.map_or(Self::Nothing, |(number, wish)| {
                    let name = format!("/live/{stream}/{epoch}/{track}/{number}");
                    Self::Segment(SegmentName(name), wish)
                })
            }
            ["v1", "videos", _, .., file] if file.ends_with(".m3u8") => Self::VideoPlaylist,
            _ => Self::Other,
        }
    }
}

/// Whether a piece of a path has one spelling, and says nothing of folders.
fn is_plain(piece: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !piece.is_empty() && piece != "." && piece != ".." && piece.bytes().all(plain)
}

/// One spelling a number, or one thing would have many addresses.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl ChunkFile {
    /// The file called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".m4s")?;
        let (time, part) = match name.split_once('.') {
            None => (name, None),
            Some((time, part)) => (time, Some(usize::try_from(number(part)?).ok()?)),
        };
        Some(Self {
            decode_time: number(time)?,
            part,
        })
    }
}

impl SegmentWish {
    fn parse(file: &str) -> Option<(u64, Self)> {
        if let Some(name) = file.strip_suffix(LEGACY_SUFFIX) {
            return Some((number(name)?, Self::Growing));
        }
        let name = file.strip_suffix(".m4s")?;
        match name.split_once('.') {
            None => Some((number(name)?, Self::Whole)),
            Some((name, part)) => {
                let part = usize::try_from(number(part)?).ok()?;
                Some((number(name)?, Self::Part(part)))
            }
        }
    }
}

impl SegmentName {
    /// What it is called in an edge's cache.
    pub fn key(&self) -> ChunkKey {
        ChunkKey::new(Digest::of(format!("edge {}", self.0).as_bytes()))
    }

    /// The stream that it is of.
    pub fn stream(&self) -> &str {
        self.0.split('/').nth(2).unwrap_or_default()
    }

    /// Where the origin gives it as it grows.
    pub fn growing(&self) -> String {
        format!("{}{LEGACY_SUFFIX}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_path_says_what_it_names() {
        let key: ChunkKey = KEY.parse().expect("a key");
        let digest: Digest = KEY.parse().expect("a digest");
        let chunk = |decode_time, part| Address::Chunk(key, ChunkFile { decode_time, part });
        let segment = |wish| Address::Segment(SegmentName("/live/show/3f/video/7".into()), wish);
        let playlist = |is_index, folder: &str| {
            Address::LivePlaylist(LivePlaylist {
                stream: "show".into(),
                is_index,
                folder: folder.into(),
            })
        };
        for (path, expected) in [
            (format!("/c/{KEY}/0.m4s"), chunk(0, None)),
            (format!("/c/{KEY}/180000.2.m4s"), chunk(180_000, Some(2))),
            (format!("/c/{KEY}/00.m4s"), Address::Nothing),
            (format!("/c/{KEY}/1.mp4"), Address::Nothing),
            ("/c/x/0.m4s".into(), Address::Nothing),
            (format!("/i/{KEY}.mp4"), Address::Init(digest)),
            (format!("/i/{KEY}"), Address::Nothing),
            (
                "/live/show/index.m3u8".into(),
                playlist(true, "/live/show/"),
            ),
            (
                "/live/show/video.m3u8".into(),
                playlist(false, "/live/show/"),
            ),
            (
                "/live/show/lhls/audio.m3u8".into(),
                playlist(false, "/live/show/lhls/"),
            ),
            ("/live/show/a/b/audio.m3u8".into(), Address::Nothing),
            ("/live/show/3f/video.1.mp4".into(), Address::LiveInit),
            (
                "/live/show/3f/video/7.m4s".into(),
                segment(SegmentWish::Whole),
            ),
            (
                "/live/show/3f/video/7.2.m4s".into(),
                segment(SegmentWish::Part(2)),
            ),
            (
                "/live/show/3f/video/7.lhls.m4s".into(),
                segment(SegmentWish::Growing),
            ),
            ("/live/show/3f/video/07.m4s".into(), Address::Nothing),
            ("/live/show/3f/video/x.m4s".into(), Address::Nothing),
            ("/live/sh%6fw/3f/video/7.m4s".into(), Address::Other),
            ("/live/../3f/video/7.m4s".into(), Address::Other),
            ("/live/show.flv".into(), Address::Other),
            ("/live/show/ws".into(), Address::Other),
            ("/live".into(), Address::Other),
            ("/v1/videos/7/index.m3u8".into(), Address::VideoPlaylist),
            (
                "/v1/videos/7/live/video.m3u8".into(),
                Address::VideoPlaylist,
            ),
            ("/v1/videos/7.mp4".into(), Address::Other),
            ("/".into(), Address::Other),
            (String::new(), Address::Other),
        ] {
            assert_eq!(Address::of(&path), expected, "{path}");
        }
    }

    #[test]
    fn all_that_is_wanted_of_a_segment_is_one_fragment() {
        let name = |path: &str| match Address::of(path) {
            Address::Segment(name, _) => name,
            other => panic!("{other:?}"),
        };
        let whole = name("/live/show/3f/video/7.m4s");
        assert_eq!(whole.key(), name("/live/show/3f/video/7.0.m4s").key());
        assert_ne!(whole.key(), name("/live/show/40/video/7.0.m4s").key());
        assert_eq!(whole.stream(), "show");
        assert_eq!(whole.growing(), "/live/show/3f/video/7.lhls.m4s");
    }
}
