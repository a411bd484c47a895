//! The canonical encoding of a [`ChunkSpec`], and the key made of it.
//!
//! Tagged, length-prefixed, versioned; integers big-endian. Every field of
//! the spec is in it except labels. Golden vectors below pin it: whoever
//! changes it, or what a renderer makes of a spec, raises [`FORMAT_VERSION`],
//! and every cached chunk is rendered anew.

use crate::chunk::spec::{
    AudioSpec, ChunkSpec, Layer, LayerContent, Matte, Path, Stretch, VideoSpec,
};
use crate::chunk::{
    ChunkKey, LIMITER_AHEAD_FRAMES, LIMITER_PAST_FRAMES, LOOKAHEAD_FRAMES, PREROLL_FRAMES,
};
use crate::digest::Digest;
use crate::profile::{AudioProfile, REORDER_FRAMES, VideoProfile};
use crate::time::{FrameRate, Time};
use crate::timeline::state::{State, Turn, Wipe};
use crate::timeline::treatment::{ChromaKey, Filter, Treatment, Window};
use crate::timeline::{Art, FontUse, Lottie, Markup, Svg};

/// The version of this encoding and of the renderer's pictures and sound.
pub const FORMAT_VERSION: u32 = 3;

/// What encodes the chunks and draws the text. In the key, because another
/// version may give other bytes.
pub const RENDERER: &str = "x264enc veryfast asm=ssse3, slices without vbv/1.22; avenc_aac aac-ms=false/1.22; takumi 2.19.0 / loomcast markup 1; resvg 0.49.0; rasterlottie 0.3.0";

/// The version of initialisation segments: 2 has no edit list.
const INIT_VERSION: i64 = 2;

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
        out.number(INIT_VERSION);
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
        out.number(INIT_VERSION);
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
        out.number(LIMITER_PAST_FRAMES.into());
        out.number(LIMITER_AHEAD_FRAMES.into());
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
        out.option(background.as_ref(), |out, color| out.0.extend(color.0));
        out.number(layers.len() as i64);
        layers.iter().for_each(|layer| layer.encode(out));
    }
}

impl Layer {
    fn encode(&self, out: &mut Encoder) {
        let Self {
            content,
            treatment,
            path,
            mattes,
            label: _,
        } = self;
        content.encode(out);
        out.treatment(treatment);
        path.encode(out, |out, state| out.state(state));
        out.number(mattes.len() as i64);
        for Matte {
            content,
            treatment,
            path,
        } in mattes
        {
            content.encode(out);
            out.treatment(treatment);
            path.encode(out, |out, state| {
                out.option(state.as_ref(), |out, state| out.state(state));
            });
        }
    }
}

impl LayerContent {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::Footage { asset, from, speed } => {
                out.tag(b'f');
                out.digest(asset);
                out.time(*from);
                out.number(speed.ten_thousandths().into());
            }
            Self::Still { asset } => {
                out.tag(b's');
                out.digest(asset);
            }
            Self::Drawn { art, moment } => {
                match art {
                    Art::Markup(markup) => {
                        out.tag(b'm');
                        out.markup(markup);
                    }
                    Art::Svg(svg) => {
                        out.tag(b'g');
                        out.svg(svg);
                    }
                    Art::Lottie(lottie) => {
                        out.tag(b'l');
                        out.lottie(lottie);
                    }
                }
                out.time(moment.from);
                out.time(moment.until);
            }
        }
    }
}

impl<S> Path<S> {
    fn encode(&self, out: &mut Encoder, state: impl Fn(&mut Encoder, &S)) {
        match self {
            Self::Rest(rest) => {
                out.tag(b'r');
                state(out, rest);
            }
            Self::Moving(states) => {
                out.tag(b'p');
                out.number(states.len() as i64);
                states.iter().for_each(|moving| state(out, moving));
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
            speed,
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
            out.number(speed.ten_thousandths().into());
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
            turn: Turn { xx, xy, yx, yy },
            wipe,
            opacity,
        } = *state;
        let numbers = |out: &mut Self, numbers: &[i32]| {
            numbers
                .iter()
                .for_each(|number| out.0.extend(number.to_be_bytes()));
        };
        numbers(self, &[x, y, width, height, xx, xy, yx, yy]);
        self.option(wipe.as_ref(), |out, Wipe { none, all }| {
            numbers(out, &[*none, *all]);
        });
        self.0.extend(opacity.to_be_bytes());
    }

    fn option<T>(&mut self, value: Option<&T>, encode: impl FnOnce(&mut Self, &T)) {
        self.tag(u8::from(value.is_some()));
        if let Some(value) = value {
            encode(self, value);
        }
    }

    fn treatment(&mut self, treatment: &Treatment) {
        let Treatment {
            window,
            key,
            filter,
        } = treatment;
        self.option(window.as_ref(), |out, window| {
            let Window {
                x,
                y,
                width,
                height,
            } = *window;
            [x, y, width, height]
                .into_iter()
                .for_each(|number| out.number(number.into()));
        });
        self.option(key.as_ref(), |out, key| {
            let ChromaKey {
                color,
                threshold,
                halo,
            } = *key;
            out.0.extend(color.0);
            out.0.extend([threshold, halo]);
        });
        self.option(filter.as_ref(), |out, filter| {
            out.tag(match filter {
                Filter::Blur => b'b',
                Filter::Boost => b'B',
                Filter::Contrast => b'c',
                Filter::Darken => b'd',
                Filter::Greyscale => b'g',
                Filter::Lighten => b'l',
                Filter::Muted => b'm',
                Filter::Negative => b'n',
            });
        });
    }

    fn svg(&mut self, svg: &Svg) {
        let Svg {
            markup,
            width,
            height,
        } = svg;
        self.text(markup);
        self.number((*width).into());
        self.number((*height).into());
    }

    fn lottie(&mut self, lottie: &Lottie) {
        let Lottie {
            asset,
            width,
            height,
            speed,
            cycle,
        } = lottie;
        self.digest(asset);
        self.number((*width).into());
        self.number((*height).into());
        self.number(speed.ten_thousandths().into());
        self.option(cycle.as_ref(), |out, cycle| out.time(*cycle));
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
    use crate::chunk::spec::{GainPoint, Moment};
    use crate::profile::Quality;
    use crate::timeline::{Rgb, Speed};

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
                        speed: Speed::NORMAL,
                    },
                    treatment: Treatment::default(),
                    mattes: vec![],
                    path: Path::Rest(State::full(1280, 720)),
                    label: "background".into(),
                },
                Layer {
                    content: LayerContent::Still {
                        asset: Digest::of(b"logo"),
                    },
                    treatment: Treatment::default(),
                    mattes: vec![Matte {
                        content: LayerContent::Still {
                            asset: Digest::of(b"matte"),
                        },
                        treatment: Treatment::default(),
                        path: Path::Rest(Some(State::full(12, 12))),
                    }],
                    path: Path::Moving(vec![State::full(12, 12), State::HIDDEN]),
                    label: String::new(),
                },
                Layer {
                    content: LayerContent::Drawn {
                        art: Art::Markup(Markup {
                            html: "<p>Hello</p>".into(),
                            css: String::new(),
                            width: 400,
                            height: 100,
                            fonts: vec![FontUse {
                                face: Digest::of(b"font"),
                                family: "Open Sans".into(),
                            }],
                        }),
                        moment: Moment::default(),
                    },
                    treatment: Treatment::default(),
                    mattes: vec![],
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
                speed: Speed::NORMAL,
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
        1493d35bf90107a593715b6839ffb7ce38ebb0aaec8dd8121275eeaa3807e53f
        a0e0f092834a15e20a77c402b9e8646ea8a7f27d50b05f3c5a05ad75daed185e
        122ef48f9b1b03525505d7ebbf08fdc837fe8c638a0b1cb1c0a23136579c9e59
        00e60dd821fb01c51be7a3c091be65699e5fb295e9776cd2c28a4ce6f1e17e05
        ");
    }

    #[test]
    fn every_field_but_a_label_changes_the_key() {
        let key = |spec: &VideoSpec| ChunkSpec::Video(spec.clone()).key();
        type Change = fn(&mut VideoSpec);
        let changes: [(&str, Change); 21] = [
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
                    speed: Speed::NORMAL,
                };
            }),
            ("speed", |s| {
                s.layers[0].content = LayerContent::Footage {
                    asset: Digest::of(b"bg"),
                    from: Time::from_seconds(2),
                    speed: Speed::new(2.0),
                };
            }),
            ("window", |s| {
                s.layers[0].treatment.window = Some(Window::whole((5, 5)));
            }),
            ("key", |s| {
                s.layers[0].treatment.key = Some(ChromaKey {
                    color: Rgb([0, 255, 0]),
                    threshold: 5,
                    halo: 5,
                });
            }),
            ("filter", |s| {
                s.layers[0].treatment.filter = Some(Filter::Muted);
            }),
            ("turn", |s| {
                let turn = Turn::new(1.0, (0.0, 0.0), (false, false));
                s.layers[2].path = Path::Rest(State {
                    turn,
                    ..State::full(12, 12)
                });
            }),
            ("wipe", |s| {
                let wipe = Some(Wipe { none: 5, all: 9 });
                s.layers[2].path = Path::Rest(State {
                    wipe,
                    ..State::full(12, 12)
                });
            }),
            ("no matte", |s| s.layers[1].mattes.clear()),
            ("matte off", |s| {
                s.layers[1].mattes[0].path = Path::Rest(None)
            }),
            ("moment", |s| {
                if let LayerContent::Drawn { moment, .. } = &mut s.layers[2].content {
                    *moment = Moment::new(Time::ZERO, Time::from_seconds(1));
                }
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
    fn every_field_of_a_drawing_changes_the_key() {
        let key = |art: &Art| {
            let mut spec = video();
            spec.layers[0].content = LayerContent::Drawn {
                art: art.clone(),
                moment: Moment::default(),
            };
            ChunkSpec::Video(spec).key()
        };
        let svg = |markup: &str, width, height| {
            Art::Svg(Svg {
                markup: markup.into(),
                width,
                height,
            })
        };
        let lottie = |asset: &[u8], width, height, speed, cycle| {
            Art::Lottie(Lottie {
                asset: Digest::of(asset),
                width,
                height,
                speed: Speed::new(speed),
                cycle,
            })
        };
        let second = Some(Time::from_seconds(1));
        let arts = [
            svg("<svg/>", 10, 20),
            svg("<svg />", 10, 20),
            svg("<svg/>", 11, 20),
            svg("<svg/>", 10, 21),
            lottie(b"a", 10, 20, 1.0, None),
            lottie(b"b", 10, 20, 1.0, None),
            lottie(b"a", 11, 20, 1.0, None),
            lottie(b"a", 10, 21, 1.0, None),
            lottie(b"a", 10, 20, 1.1, None),
            lottie(b"a", 10, 20, 1.0, second),
        ];
        let keys: std::collections::HashSet<_> = arts.iter().map(key).collect();
        assert_eq!(keys.len(), arts.len());
    }

    #[test]
    fn every_field_of_sound_but_a_label_changes_the_key() {
        let key = |spec: &AudioSpec| ChunkSpec::Audio(spec.clone()).key();
        type Change = fn(&mut AudioSpec);
        let changes: [(&str, Change); 12] = [
            ("bit rate", |s| s.profile.bitrate = 96_000),
            ("channels", |s| s.profile.channels = 1),
            ("frames", |s| s.frames = 187),
            ("no voice", |s| s.voices.clear()),
            ("asset", |s| s.voices[0].asset = Digest::of(b"other")),
            ("start", |s| s.voices[0].start += 1),
            ("end", |s| s.voices[0].end += 1),
            ("speed", |s| s.voices[0].speed = Speed::new(1.5)),
            ("in-point", |s| s.voices[0].from += 1),
            ("when a gain is", |s| s.voices[0].gain[1].at += 1),
            ("gain", |s| s.voices[0].gain[1].gain -= 1),
            ("gains", |s| s.voices[0].gain.truncate(1)),
        ];
        for (what, change) in changes {
            let mut other = audio();
            change(&mut other);
            assert_ne!(key(&audio()), key(&other), "{what}");
        }
        let mut relabelled = audio();
        relabelled.voices[0].label = "another name".into();
        assert_eq!(key(&audio()), key(&relabelled));
    }

    #[test]
    fn text_cannot_run_over_into_the_next_field() {
        let key = |html: &str, css: &str| {
            let mut spec = video();
            spec.layers.truncate(1);
            spec.layers[0].content = LayerContent::Drawn {
                art: Art::Markup(Markup {
                    html: html.into(),
                    css: css.into(),
                    width: 1,
                    height: 1,
                    fonts: vec![],
                }),
                moment: Moment::default(),
            };
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
