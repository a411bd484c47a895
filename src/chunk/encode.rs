//! The canonical encoding of a [`ChunkSpec`], and the key made of it.
//!
//! Tagged, length-prefixed, versioned; integers big-endian. Every field of
//! the spec is in it except labels. Golden vectors below pin it: whoever
//! changes it, or what a renderer makes of a spec, raises [`FORMAT_VERSION`],
//! and every cached chunk is rendered anew.

use crate::chunk::spec::{AudioSpec, ChunkSpec, LayerContent, Path, Stretch, VideoSpec};
use crate::chunk::{ChunkKey, LOOKAHEAD_FRAMES, PREROLL_FRAMES};
use crate::digest::Digest;
use crate::profile::{AudioProfile, REORDER_FRAMES, VideoProfile};
use crate::time::{FrameRate, Time};
use crate::timeline::motion::State;
use crate::timeline::{FontUse, Markup};

/// The version of this encoding and of the renderer's pictures and sound.
pub const FORMAT_VERSION: u32 = 1;

/// What encodes the chunks and draws the text. In the key, because another
/// version may give other bytes.
pub const RENDERER: &str = "x264enc veryfast asm=ssse3, slices without vbv/1.22; avenc_aac/1.22; takumi 2.19.0 / loomcast markup 1";

impl ChunkSpec {
    /// The chunk's identity.
    pub fn key(&self) -> ChunkKey {
        ChunkKey::new(Digest::of(&self.encode()))
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::start("loomcast chunk");
        match self {
            Self::Video(video) => video.encode(&mut out),
            Self::Audio(audio) => audio.encode(&mut out),
        }
        out.0
    }
}

impl VideoProfile {
    /// The identity of the initialisation segment that all chunks of this profile share.
    pub fn init_key(&self) -> Digest {
        let mut out = Encoder::start("loomcast init");
        self.encode(&mut out);
        Digest::of(&out.0)
    }

    fn encode(&self, out: &mut Encoder) {
        out.tag(b'V');
        out.number(self.width.into());
        out.number(self.height.into());
        out.rate(self.rate);
        out.number(self.quality.crf().into());
        out.number(self.least_part_frames().into());
        out.number(self.part_frames().into());
        out.number(REORDER_FRAMES.into());
    }
}

impl AudioProfile {
    /// The identity of the initialisation segment that all chunks of this profile share.
    pub fn init_key(&self) -> Digest {
        let mut out = Encoder::start("loomcast init");
        self.encode(&mut out);
        Digest::of(&out.0)
    }

    fn encode(&self, out: &mut Encoder) {
        out.tag(b'A');
        out.number(self.sample_rate.get().into());
        out.number(self.channels.into());
        out.number(self.bitrate.into());
        out.number(self.part_frames().into());
        out.number(PREROLL_FRAMES.into());
        out.number(LOOKAHEAD_FRAMES.into());
    }
}

impl VideoSpec {
    fn encode(&self, out: &mut Encoder) {
        let Self {
            profile,
            frames,
            background,
            layers,
        } = self;
        profile.encode(out);
        out.number((*frames).into());
        match background {
            None => out.tag(0),
            Some(color) => {
                out.tag(1);
                out.0.extend(color.0);
            }
        }
        out.number(layers.len() as i64);
        for layer in layers {
            match &layer.content {
                LayerContent::Footage { asset, from } => {
                    out.tag(b'f');
                    out.digest(asset);
                    out.time(*from);
                }
                LayerContent::Still { asset } => {
                    out.tag(b's');
                    out.digest(asset);
                }
                LayerContent::Markup(markup) => {
                    out.tag(b'm');
                    out.markup(markup);
                }
            }
            match &layer.path {
                Path::Rest(state) => {
                    out.tag(b'r');
                    out.state(state);
                }
                Path::Moving(states) => {
                    out.tag(b'p');
                    out.number(states.len() as i64);
                    states.iter().for_each(|state| out.state(state));
                }
            }
        }
    }
}

impl AudioSpec {
    fn encode(&self, out: &mut Encoder) {
        let Self {
            profile,
            frames,
            voices,
        } = self;
        profile.encode(out);
        out.number((*frames).into());
        out.number(voices.len() as i64);
        for Stretch {
            asset,
            start,
            end,
            from,
            gain,
            label: _,
        } in voices
        {
            out.tag(b'v');
            out.digest(asset);
            [start, end, from]
                .into_iter()
                .for_each(|number| out.number(*number));
            out.number(gain.len() as i64);
            for point in gain {
                out.number(point.at);
                out.number(point.gain.into());
            }
        }
    }
}

struct Encoder(Vec<u8>);

impl Encoder {
    fn start(kind: &str) -> Self {
        let mut out = Self(Vec::with_capacity(512));
        out.text(kind);
        out.number(FORMAT_VERSION.into());
        out.text(RENDERER);
        out
    }

    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn number(&mut self, number: i64) {
        self.0.extend(number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as i64);
        self.0.extend(text.as_bytes());
    }

    fn digest(&mut self, digest: &Digest) {
        self.0.extend(digest.as_bytes());
    }

    fn time(&mut self, time: Time) {
        self.number(time.flicks());
    }

    fn rate(&mut self, rate: FrameRate) {
        self.number(rate.num().into());
        self.number(rate.den().into());
    }

    fn state(&mut self, state: &State) {
        let State {
            x,
            y,
            width,
            height,
            opacity,
        } = *state;
        [x, y, width, height]
            .into_iter()
            .for_each(|n| self.0.extend(n.to_be_bytes()));
        self.0.extend(opacity.to_be_bytes());
    }

    fn markup(&mut self, markup: &Markup) {
        let Markup {
            html,
            css,
            width,
            height,
            fonts,
        } = markup;
        self.text(html);
        self.text(css);
        self.number((*width).into());
        self.number((*height).into());
        self.number(fonts.len() as i64);
        for FontUse { face, family } in fonts {
            self.digest(face);
            self.text(family);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::spec::{GainPoint, Layer};
    use crate::profile::Quality;
    use crate::timeline::Rgb;

    fn video() -> VideoSpec {
        VideoSpec {
            profile: VideoProfile {
                width: 1280,
                height: 720,
                rate: FrameRate::new(30, 1).expect("supported"),
                quality: Quality::Medium,
            },
            frames: 60,
            background: Some(Rgb([1, 2, 3])),
            layers: vec![
                Layer {
                    content: LayerContent::Footage {
                        asset: Digest::of(b"bg"),
                        from: Time::from_seconds(2),
                    },
                    path: Path::Rest(State::full(1280, 720)),
                    label: "background".into(),
                },
                Layer {
                    content: LayerContent::Still {
                        asset: Digest::of(b"logo"),
                    },
                    path: Path::Moving(vec![State::full(12, 12), State::HIDDEN]),
                    label: String::new(),
                },
                Layer {
                    content: LayerContent::Markup(Markup {
                        html: "<p>Hello</p>".into(),
                        css: String::new(),
                        width: 400,
                        height: 100,
                        fonts: vec![FontUse {
                            face: Digest::of(b"font"),
                            family: "Open Sans".into(),
                        }],
                    }),
                    path: Path::Rest(State::full(12, 12)),
                    label: String::new(),
                },
            ],
        }
    }

    fn audio() -> AudioSpec {
        AudioSpec {
            profile: AudioProfile::default(),
            frames: 188,
            voices: vec![Stretch {
                asset: Digest::of(b"music"),
                start: -8192,
                end: 194_560,
                from: 0,
                gain: vec![
                    GainPoint { at: 0, gain: 0 },
                    GainPoint {
                        at: 48_000,
                        gain: 65_536,
                    },
                ],
                label: "soundtrack".into(),
            }],
        }
    }

    #[test]
    fn golden_vectors_hold() {
        let keys = [
            ChunkSpec::Video(video()).key().to_string(),
            ChunkSpec::Audio(audio()).key().to_string(),
            video().profile.init_key().to_string(),
            AudioProfile::default().init_key().to_string(),
        ];
        insta::assert_snapshot!(keys.join("\n"), @r"
        ee9ff46bc54e5e358eaad51fff76d6251830191d966afbf7e80bde160029b614
        976c68b7c8fcc80970ada17e24f4b2400ca4c551f50fa3161c3f58e4cde7224a
        068366e39dfe4ef8c040f60a39a599aa9ff1e2ec99cb98752a98b5147accfa73
        e32ded55068731064cc9f4b77824c042ea3f1288b22c02c7ad58cf5a9883ce38
        ");
    }

    #[test]
    fn every_field_but_a_label_changes_the_key() {
        let key = |spec: &VideoSpec| ChunkSpec::Video(spec.clone()).key();
        type Change = fn(&mut VideoSpec);
        let changes: [(&str, Change); 12] = [
            ("width", |s| s.profile.width = 1282),
            ("height", |s| s.profile.height = 722),
            ("rate", |s| {
                s.profile.rate = FrameRate::new(30_000, 1001).expect("supported")
            }),
            ("quality", |s| s.profile.quality = Quality::High),
            ("frames", |s| s.frames = 61),
            ("background", |s| s.background = Some(Rgb([1, 2, 4]))),
            ("no background", |s| s.background = None),
            ("order", |s| s.layers.swap(0, 1)),
            ("in-point", |s| {
                s.layers[0].content = LayerContent::Footage {
                    asset: Digest::of(b"bg"),
                    from: Time::from_millis(2001),
                };
            }),
            ("asset", |s| {
                s.layers[1].content = LayerContent::Still {
                    asset: Digest::of(b"other"),
                }
            }),
            ("place", |s| {
                s.layers[2].path = Path::Rest(State::full(13, 12))
            }),
            ("layers", |s| drop(s.layers.pop())),
        ];
        for (what, change) in changes {
            let mut other = video();
            change(&mut other);
            assert_ne!(key(&video()), key(&other), "{what}");
        }
        let mut relabelled = video();
        relabelled.layers[0].label = "another name".into();
        assert_eq!(key(&video()), key(&relabelled));
    }

    #[test]
    fn text_cannot_run_over_into_the_next_field() {
        let key = |html: &str, css: &str| {
            let mut spec = video();
            spec.layers.truncate(1);
            spec.layers[0].content = LayerContent::Markup(Markup {
                html: html.into(),
                css: css.into(),
                width: 1,
                height: 1,
                fonts: vec![],
            });
            ChunkSpec::Video(spec).key()
        };
        assert_ne!(key("ab", "c"), key("a", "bc"));
    }

    #[test]
    fn sound_and_pictures_never_share_a_key() {
        assert_ne!(
            ChunkSpec::Video(video()).key(),
            ChunkSpec::Audio(audio()).key()
        );
    }
}
