//! What is published, frame by frame, so that each frame that a viewer gets is known again.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::live::FPS;
use crate::support::Scratch;

/// Frames from one key frame to the next.
pub const GROUP: usize = 2 * FPS;

/// The head of an FLV file, and of each of its tags.
const HEAD: usize = 13;
const TAG_HEAD: usize = 11;

/// A track, as FLV numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Audio = 8,
    Video = 9,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Audio, Self::Video];
}

/// A frame in an FLV tag.
pub struct Tagged<'a> {
    pub kind: Kind,
    pub ms: u32,
    pub is_key: bool,
    pub data: &'a [u8],
}

impl<'a> Tagged<'a> {
    /// The frame in the tag with this head and body; none in what sets decoders up.
    pub fn of(head: &[u8; TAG_HEAD], body: &'a [u8]) -> Option<Self> {
        let [kind, _, _, _, t0, t1, t2, t3, ..] = *head;
        let is_frame = body.get(1) == Some(&1);
        let (kind, skip) = match kind {
            8 => (Kind::Audio, 2),
            9 => (Kind::Video, 5),
            _ => return None,
        };
        Some(Self {
            kind,
            ms: u32::from_be_bytes([t3, t0, t1, t2]),
            is_key: body[0] >> 4 == 1,
            data: body.get(skip..).filter(|_| is_frame)?,
        })
    }
}

/// How long the body of the tag with this head is.
pub fn length_of(head: &[u8; TAG_HEAD]) -> usize {
    u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize
}

/// A recording that never repeats itself, and where each of its frames is in it.
pub struct Source {
    pub file: PathBuf,
    known: HashMap<(Kind, blake3::Hash), usize>,
    ms: HashMap<Kind, Vec<u32>>,
}

impl Source {
    /// `seconds` long, with other frames than one of another `seed`.
    pub fn make(scratch: &Scratch, name: &str, seconds: u32, seed: u32) -> Self {
        let pictures = format!("testsrc2=size=320x180:rate={FPS}:duration={seconds},hue=h={seed}");
        let sound = format!("anoisesrc=r=48000:a=0.2:duration={seconds}:seed={seed}");
        let group = GROUP.to_string();
        let how = [
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-bf",
            "2",
            "-g",
            &group,
            "-keyint_min",
            &group,
            "-sc_threshold",
            "0",
            "-c:a",
            "aac",
            "-ac",
            "2",
        ];
        let file = scratch.make(name, &[&pictures, &sound], &how);
        Self::read(&file)
    }

    fn read(file: &Path) -> Self {
        let bytes = fs::read(file).expect("a file");
        let (mut known, mut ms) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        let mut rest = &bytes[HEAD..];
        while let Some((head, after)) = rest.split_first_chunk::<TAG_HEAD>() {
            let length = length_of(head);
            if let Some(frame) = Tagged::of(head, &after[..length]) {
                let times = ms.entry(frame.kind).or_default();
                let before = known.insert((frame.kind, blake3::hash(frame.data)), times.len());
                assert_eq!(
                    before,
                    None,
                    "{:?} {}: a frame twice",
                    frame.kind,
                    times.len()
                );
                times.push(frame.ms);
            }
            rest = &after[length + 4..];
        }
        Self {
            file: file.to_owned(),
            known,
            ms,
        }
    }

    /// Which frame of its track the one with these bytes is.
    pub fn number_of(&self, kind: Kind, hash: blake3::Hash) -> Option<usize> {
        self.known.get(&(kind, hash)).copied()
    }

    /// How long after another a frame is decoded, in milliseconds.
    pub fn step_ms(&self, kind: Kind, from: usize, to: usize) -> i64 {
        let ms = &self.ms[&kind];
        i64::from(ms[to]) - i64::from(ms[from])
    }
}
