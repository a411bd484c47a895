//! A spec in words, for people who ask why two chunks differ.

use crate::chunk::spec::{ChunkSpec, GainPoint, Layer, LayerContent, Path, Stretch, UNITY_GAIN};
use crate::time::Time;
use crate::timeline::state::{OPAQUE, SUBPIXELS, State, Turn, Wipe};
use crate::timeline::treatment::Treatment;
use crate::timeline::{Art, Speed};

/// The most corners of a gain that are written out.
const MAX_CORNERS: usize = 8;

/// One property of a spec: which layer it is of, its name and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Property {
    /// The layer's or voice's label; `None` for the chunk as a whole.
    pub layer: Option<String>,
    /// The property.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// A property that two specs do not have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The layer's or voice's label; `None` for the chunk as a whole.
    pub layer: Option<String>,
    /// The property.
    pub name: &'static str,
    /// Its value in the first; `None` if the layer is only in the second.
    pub before: Option<String>,
    /// Its value in the second; `None` if the layer is only in the first.
    pub after: Option<String>,
}

impl ChunkSpec {
    /// The labels of its layers, or of its voices.
    pub fn labels(&self) -> Vec<&str> {
        match self {
            Self::Video(video) => video
                .layers
                .iter()
                .map(|layer| layer.label.as_str())
                .collect(),
            Self::Audio(audio) => audio
                .voices
                .iter()
                .map(|voice| voice.label.as_str())
                .collect(),
        }
    }

    /// All that is part of its identity, in words.
    pub fn properties(&self) -> Vec<Property> {
        let whole = |name, value: String| Property {
            layer: None,
            name,
            value,
        };
        match self {
            Self::Video(video) => {
                let profile = &video.profile;
                let mut properties = vec![
                    whole("frames", video.frames.to_string()),
                    whole("size", format!("{}x{}", profile.width, profile.height)),
                    whole("frame rate", profile.rate.to_string()),
                    whole("quality", format!("CRF {}", profile.quality.crf())),
                    whole(
                        "background",
                        video
                            .background
                            .map_or("hidden".into(), |color| format!("{:?}", color.0)),
                    ),
                ];
                properties.extend(video.layers.iter().enumerate().flat_map(layer));
                properties
            }
            Self::Audio(audio) => {
                let mut properties = vec![
                    whole("AAC frames", audio.frames.to_string()),
                    whole("bit rate", audio.profile.bitrate.to_string()),
                ];
                properties.extend(audio.voices.iter().flat_map(voice));
                properties
            }
        }
    }

    /// What differs between it and `other`; empty if and only if their keys are equal.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let (before, after) = (self.properties(), other.properties());
        let find = |properties: &[Property], like: &Property| {
            let found = properties
                .iter()
                .find(|property| (&property.layer, property.name) == (&like.layer, like.name));
            found.map(|property| property.value.clone())
        };
        let changed = before.iter().filter_map(|property| {
            let now = find(&after, property);
            (now.as_ref() != Some(&property.value)).then(|| Difference {
                layer: property.layer.clone(),
                name: property.name,
                before: Some(property.value.clone()),
                after: now,
            })
        });
        let added = after
            .iter()
            .filter(|property| find(&before, property).is_none())
            .map(|property| Difference {
                layer: property.layer.clone(),
                name: property.name,
                before: None,
                after: Some(property.value.clone()),
            });
        changed.chain(added).collect()
    }
}

fn layer((place, layer): (usize, &Layer)) -> Vec<Property> {
    let of = |name, value: String| Property {
        layer: Some(layer.label.clone()),
        name,
        value,
    };
    let mut properties = vec![of("place in the stack", place.to_string())];
    match &layer.content {
        LayerContent::Footage { asset, from, speed } => {
            properties.push(of("file", asset.short()));
            properties.push(of("in-point", from.to_string()));
            properties.push(of("speed", factor_of(*speed)));
        }
        LayerContent::Still { asset } => properties.push(of("file", asset.short())),
        LayerContent::Drawn { art, moment } => {
            properties.extend(drawn(art).into_iter().map(|(name, value)| of(name, value)));
            if moment.until > Time::ZERO {
                let moves = format!("from {} until {}", moment.from, moment.until);
                properties.push(of("own time", moves));
            }
        }
    }
    if layer.treatment != Treatment::default() {
        properties.push(of("treatment", format!("{:?}", layer.treatment)));
    }
    for matte in &layer.mattes {
        properties.push(of("matte", digest_of(&format!("{matte:?}"))));
    }
    let (first, last) = match &layer.path {
        Path::Rest(state) => (*state, *state),
        Path::Moving(states) => (
            states.first().copied().unwrap_or(State::HIDDEN),
            states.last().copied().unwrap_or(State::HIDDEN),
        ),
    };
    let moves = match &layer.path {
        Path::Rest(_) => place_of(&first),
        // The digest stands for what lies between.
        Path::Moving(states) => {
            let all: String = states.iter().map(place_of).collect();
            format!(
                "from {} to {} ({})",
                place_of(&first),
                place_of(&last),
                digest_of(&all)
            )
        }
    };
    properties.push(of("place and opacity", moves));
    properties
}

/// What a drawn picture is made of.
fn drawn(art: &Art) -> Vec<(&'static str, String)> {
    match art {
        Art::Markup(markup) => {
            let fonts: Vec<String> = markup
                .fonts
                .iter()
                .map(|font| format!("{} {}", font.family, font.face.short()))
                .collect();
            vec![
                ("text", markup.html.clone()),
                ("style", markup.css.clone()),
                ("box", format!("{}x{}", markup.width, markup.height)),
                ("fonts", fonts.join(", ")),
            ]
        }
        Art::Svg(svg) => vec![
            ("shapes", svg.markup.clone()),
            ("box", format!("{}x{}", svg.width, svg.height)),
        ],
        Art::Lottie(lottie) => {
            let factor = f64::from(lottie.speed.ten_thousandths()) / 10_000.0;
            let repeats = lottie
                .cycle
                .map_or("no".into(), |cycle| format!("every {cycle}"));
            vec![
                ("file", lottie.asset.short()),
                ("box", format!("{}x{}", lottie.width, lottie.height)),
                ("speed", factor.to_string()),
                ("repeats", repeats),
            ]
        }
    }
}

/// Stands for a text that is too long to be shown.
fn digest_of(text: &str) -> String {
    crate::digest::Digest::of(text.as_bytes()).short()
}

fn place_of(state: &State) -> String {
    let pixels = |value: i32| f64::from(value) / f64::from(SUBPIXELS);
    let percent = f64::from(state.opacity) * 100.0 / f64::from(OPAQUE);
    let State {
        x,
        y,
        width,
        height,
        turn,
        wipe,
        ..
    } = *state;
    let mut place = format!(
        "{}x{} at {},{} opacity {percent} %",
        pixels(width),
        pixels(height),
        pixels(x),
        pixels(y)
    );
    if turn != Turn::NONE {
        place.push_str(&format!(" turned by {:?}", turn.factors()));
    }
    if let Some(Wipe { none, all }) = wipe {
        let share = |n: i32| f64::from(n) / f64::from(Wipe::UNIT);
        place.push_str(&format!(" wiped from {} to {}", share(none), share(all)));
    }
    place
}

fn factor_of(speed: Speed) -> String {
    (f64::from(speed.ten_thousandths()) / 10_000.0).to_string()
}

fn voice(voice: &Stretch) -> Vec<Property> {
    let of = |name, value: String| Property {
        layer: Some(voice.label.clone()),
        name,
        value,
    };
    let corner = |point: &GainPoint| {
        let factor = f64::from(point.gain) / f64::from(UNITY_GAIN);
        format!("{factor:.3} at {}", point.at)
    };
    let gain = match &voice.gain[..] {
        // The digest stands for what lies between.
        [first, .., last] if voice.gain.len() > MAX_CORNERS => {
            let all = digest_of(&format!("{:?}", voice.gain));
            format!("{} to {} ({all})", corner(first), corner(last))
        }
        few => few.iter().map(corner).collect::<Vec<_>>().join(", "),
    };
    vec![
        of("file", voice.asset.short()),
        of("samples", format!("{} to {}", voice.start, voice.end)),
        of("in-point", format!("sample {}", voice.from)),
        of("speed", factor_of(voice.speed)),
        of("gain", gain),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::spec::VideoSpec;
    use crate::digest::Digest;
    use crate::profile::{Quality, VideoProfile};
    use crate::time::FrameRate;

    fn spec(layers: &[(&str, &[u8])]) -> ChunkSpec {
        let layer = |(label, bytes): &(&str, &[u8])| Layer {
            content: LayerContent::Still {
                asset: Digest::of(bytes),
            },
            treatment: Treatment::default(),
            path: Path::Rest(State::full(16, 16)),
            mattes: Vec::new(),
            label: (*label).into(),
        };
        let rate = FrameRate::new(30, 1).expect("supported");
        ChunkSpec::Video(VideoSpec {
            profile: VideoProfile {
                width: 16,
                height: 16,
                rate,
                quality: Quality::Medium,
            },
            frames: 30,
            background: None,
            layers: layers.iter().map(layer).collect(),
        })
    }

    #[test]
    fn a_difference_names_the_layer_and_the_property() {
        let differences = spec(&[("logo", b"a")]).differences(&spec(&[("logo", b"b")]));
        assert_eq!(differences.len(), 1);
        assert_eq!(
            (differences[0].layer.as_deref(), differences[0].name),
            (Some("logo"), "file")
        );
    }

    #[test]
    fn a_layer_that_only_one_has_is_named() {
        let differences =
            spec(&[("logo", b"a")]).differences(&spec(&[("logo", b"a"), ("name", b"b")]));
        assert!(
            differences
                .iter()
                .all(|d| d.layer.as_deref() == Some("name") && d.before.is_none()),
            "{differences:?}"
        );
        assert!(!differences.is_empty());
    }

    #[test]
    fn equal_specs_have_no_difference() {
        assert_eq!(
            spec(&[("logo", b"a")]).differences(&spec(&[("logo", b"a")])),
            []
        );
    }
}
