//! What is seen and heard of each clip.

use std::collections::BTreeSet;

use super::schedule::Span;
use super::{AssetInfo, AssetKind, Assets, FontBook, FontChoice, drawn, info};
use crate::template::asset::{Asset, AudioAsset, Fade, ImageAsset, LumaAsset, Source, VideoAsset};
use crate::template::caption::asset::CaptionAsset;
use crate::template::caption::draw;
use crate::template::clip::Clip;
use crate::template::edit::Soundtrack;
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::lottie::LottieAsset;
use crate::template::markup::Markup;
use crate::template::richtext::RichText;
use crate::template::role::Role;
use crate::template::vector::Vector;
use crate::time::Time;
use crate::timeline::curve::Curve;
use crate::timeline::motion::{Fit, Motion};
use crate::timeline::treatment::{Edges, Treatment, Window};
use crate::timeline::{self, Art, Content, Drawing, Footage, Speed, Timeline, Voice};

/// Puts clips on a timeline.
pub(super) struct Placer<'a> {
    pub assets: &'a Assets,
    pub fonts: &'a dyn FontBook,
    pub is_dynamic: &'a dyn Fn(&Pointer) -> bool,
    pub timeline: Timeline,
    pub warnings: &'a mut Vec<Warning>,
    /// Pairs of a matte and a clip that it cuts out, so far.
    pub matted: usize,
}

/// The most pairs of a matte and a clip that it cuts out: each is kept by the other.
const MAX_MATTED: usize = 50_000;

/// What is seen of a clip.
struct Shown {
    what: String,
    content: Content,
    crop: Edges,
    treatment: Treatment,
    /// What its clip's scale is multiplied by: it was drawn that much smaller or larger.
    scale: f64,
}

impl Shown {
    fn new(what: String, content: Content) -> Self {
        Self {
            what,
            content,
            crop: Edges::default(),
            treatment: Treatment::default(),
            scale: 1.0,
        }
    }
}

impl Placer<'_> {
    /// Places the clips of a track above all that was placed before.
    pub fn track(&mut self, clips: &[Clip], spans: &[Span]) -> Result<(), EditError> {
        let mut mattes = Vec::new();
        for (clip, span) in clips.iter().zip(spans) {
            if let Asset::Luma(luma) = &clip.asset {
                let shown = self.luma(luma)?;
                mattes.extend(self.layer(clip, *span, shown));
            }
        }
        for (clip, span) in clips.iter().zip(spans) {
            let layers = match &clip.asset {
                Asset::Captions(captions) => self.captions(clip, *span, captions)?,
                _ => {
                    let shown = self.shown(clip, *span)?;
                    let layer = shown.and_then(|shown| self.layer(clip, *span, shown));
                    layer.into_iter().collect()
                }
            };
            let overlaps = |matte: &&timeline::Clip| {
                matte.start < span.end() && span.start < matte.start + matte.length
            };
            let mattes: Vec<timeline::Clip> = mattes.iter().filter(overlaps).cloned().collect();
            self.matted += mattes.len() * layers.len();
            if self.matted > MAX_MATTED {
                return Err(EditError::new(
                    clip.pointer.clone(),
                    format!(
                        "{} pairs of a luma and a clip that it cuts out",
                        self.matted
                    ),
                    format!("at most {MAX_MATTED} such pairs"),
                ));
            }
            let dynamic = mattes.iter().any(|matte| matte.dynamic);
            let layers = layers.into_iter().map(|layer| timeline::Clip {
                dynamic: layer.dynamic || dynamic,
                mattes: mattes.clone(),
                ..layer
            });
            self.timeline.layers.extend(layers);
        }
        Ok(())
    }

    /// Music under the video, which ends at `end`.
    pub fn soundtrack(&mut self, soundtrack: &Soundtrack, end: Time) -> Result<(), EditError> {
        let Soundtrack {
            src,
            volume,
            fade,
            role,
        } = soundtrack;
        let pointer = Pointer::from("/timeline/soundtrack");
        self.count_ducks(&pointer, *role)?;
        let (info, duration) = sounding(src, self.assets)?;
        self.timeline.voices.push(Voice {
            label: format!("soundtrack {}", src.file_name()),
            asset: info.digest,
            start: Time::ZERO,
            length: duration.min(end),
            trim: Time::ZERO,
            speed: Speed::NORMAL,
            volume: Curve::constant(*volume),
            fade_in: fade_time(fade.fade_in),
            fade_out: fade_time(fade.fade_out),
            speech: role.speech,
            duck: role.duck,
            dynamic: (self.is_dynamic)(&pointer),
        });
        Ok(())
    }

    /// What is seen of a clip; its sound is placed at once. `None` where nothing is.
    fn shown(&mut self, clip: &Clip, span: Span) -> Result<Option<Shown>, EditError> {
        Ok(match &clip.asset {
            Asset::Video(video) => Some(self.video(clip, span, video)?),
            Asset::Image(ImageAsset { src, crop }) => {
                let AssetInfo { digest, kind } = info(src, self.assets)?;
                let AssetKind::Image { size, opaque } = *kind else {
                    return Err(wrong_kind(src, kind, "a picture"));
                };
                let content = Content::Still {
                    asset: *digest,
                    size,
                    opaque,
                };
                Some(Shown {
                    crop: *crop,
                    ..Shown::new(format!("image {}", src.file_name()), content)
                })
            }
            Asset::Audio(audio) => {
                let AudioAsset {
                    src,
                    trim,
                    speed,
                    volume,
                    fade,
                    role,
                } = audio;
                sounding(src, self.assets)?;
                self.voice(clip, span, (src, *trim, *speed), (volume, *fade, *role))?;
                None
            }
            // It cuts out what is on its track, and is not seen itself.
            Asset::Luma(_) => None,
            // Many pictures, not one.
            Asset::Captions(_) => None,
            Asset::Text(text, markup) => {
                let choice = self.fonts.for_text(text);
                Some(self.markup(clip, markup, choice, text.settles()))
            }
            Asset::Card(markup) => {
                let choice = self.fonts.for_card(markup);
                Some(self.markup(clip, markup, choice, markup.settles()))
            }
            Asset::Vector(vector) => Some(self.vector(clip, vector)),
            Asset::Lottie(lottie) => Some(self.lottie(clip, span, lottie)?),
        })
    }

    fn video(&mut self, clip: &Clip, span: Span, video: &VideoAsset) -> Result<Shown, EditError> {
        let VideoAsset {
            src,
            trim,
            speed,
            volume,
            fade,
            role,
            crop,
            key,
        } = video;
        let AssetInfo { digest, kind } = info(src, self.assets)?;
        let AssetKind::Video {
            size,
            sound,
            duration,
            opaque,
        } = *kind
        else {
            return Err(wrong_kind(src, kind, "a video"));
        };
        let lasts = speed.takes(duration - *trim);
        if let Some(lasts) = lasts.filter(|lasts| span.length > *lasts) {
            self.warnings.push(Warning {
                pointer: clip.pointer.clone(),
                message: format!(
                    "lasts {}, but its video only {lasts}: the last picture is held",
                    span.length
                ),
            });
        }
        if sound {
            self.voice(clip, span, (src, *trim, *speed), (volume, *fade, *role))?;
        }
        let content = Content::Footage(Footage {
            asset: *digest,
            size,
            trim: *trim,
            speed: *speed,
            opaque,
        });
        Ok(Shown {
            crop: *crop,
            treatment: Treatment {
                key: *key,
                ..Treatment::default()
            },
            ..Shown::new(format!("video {}", src.file_name()), content)
        })
    }

    fn luma(&self, luma: &LumaAsset) -> Result<Shown, EditError> {
        let LumaAsset { src, trim } = luma;
        let AssetInfo { digest, kind } = info(src, self.assets)?;
        let asset = *digest;
        let content = match *kind {
            AssetKind::Image { size, opaque } => Content::Still {
                asset,
                size,
                opaque,
            },
            AssetKind::Video { size, opaque, .. } => Content::Footage(Footage {
                asset,
                size,
                trim: *trim,
                speed: Speed::NORMAL,
                opaque,
            }),
            AssetKind::Audio { .. } | AssetKind::Lottie { .. } | AssetKind::Captions(_) => {
                return Err(wrong_kind(src, kind, "a picture or a video"));
            }
        };
        Ok(Shown::new(format!("luma {}", src.file_name()), content))
    }

    /// What is said, one layer a picture; they move as one.
    fn captions(
        &mut self,
        clip: &Clip,
        span: Span,
        captions: &CaptionAsset,
    ) -> Result<Vec<timeline::Clip>, EditError> {
        let src = &captions.src;
        let AssetInfo { kind, .. } = info(src, self.assets)?;
        let AssetKind::Captions(file) = kind else {
            return Err(wrong_kind(src, kind, CaptionAsset::ALLOWED));
        };
        let (pictures, notes) = draw::pictures(file, captions, span.length).map_err(|_| {
            let found = format!("captions of more than {} pictures", draw::MAX_PICTURES);
            EditError::new(src.pointer.clone(), found, "fewer: a shorter clip or file")
        })?;
        let note = |message| Warning {
            pointer: src.pointer.clone(),
            message,
        };
        self.warnings.extend(notes.into_iter().map(note));
        let mut last: Option<(RichText, FontChoice)> = None;
        let mut told = BTreeSet::new();
        let mut layers = Vec::with_capacity(pictures.len());
        for picture in pictures {
            // The pictures of a cue differ in what was said of it, not in their letters.
            let mut choice = match (&picture.text, &last) {
                (Some(text), Some((known, choice))) if known == text => choice.clone(),
                (Some(text), _) => self.fonts.for_text(text),
                (None, _) => self.fonts.for_card(&picture.markup),
            };
            last = picture.text.map(|text| (text, choice.clone()));
            choice
                .warnings
                .retain(|warning| told.insert(warning.clone()));
            let shown = self.markup(clip, &picture.markup, choice, picture.settles);
            let own = Span {
                start: span.start + picture.start,
                length: picture.length,
            };
            let layer = self.layer(clip, own, shown);
            layers.extend(layer.map(|layer| timeline::Clip {
                part_of: Some(timeline::Whole {
                    start: span.start,
                    length: span.length,
                }),
                ..layer
            }));
        }
        Ok(layers)
    }

    fn markup(&mut self, clip: &Clip, markup: &Markup, choice: FontChoice, settles: Time) -> Shown {
        let pointer = clip.pointer.member("asset");
        let warning = |message| Warning {
            pointer: pointer.clone(),
            message,
        };
        self.warnings
            .extend(choice.warnings.into_iter().map(warning));
        let markup = timeline::Markup {
            html: markup.html.clone(),
            css: markup.css.clone(),
            width: markup.width,
            height: markup.height,
            fonts: choice.fonts,
        };
        let drawing = Drawing {
            art: Art::Markup(markup),
            settles,
        };
        Shown::new("text".to_owned(), Content::Drawn(drawing))
    }

    fn vector(&self, clip: &Clip, vector: &Vector) -> Shown {
        let frame = self.timeline.canvas;
        let ((width, height), scale) =
            drawn::drawn(vector.size, &clip.motion, frame, drawn::STILL_PIXELS);
        let art = Art::Svg(timeline::Svg {
            markup: vector.markup.clone(),
            width,
            height,
        });
        let content = Content::Drawn(Drawing::still(art));
        Shown {
            scale,
            ..Shown::new(vector.what.to_owned(), content)
        }
    }

    fn lottie(
        &mut self,
        clip: &Clip,
        span: Span,
        lottie: &LottieAsset,
    ) -> Result<Shown, EditError> {
        let LottieAsset {
            src,
            repeats,
            speed,
        } = lottie;
        let AssetInfo { digest, kind } = info(src, self.assets)?;
        let AssetKind::Lottie {
            size,
            duration,
            left_out,
        } = kind
        else {
            return Err(wrong_kind(src, kind, "a Lottie animation"));
        };
        self.warnings.extend(left_out.iter().map(|what| Warning {
            pointer: src.pointer.clone(),
            message: format!("not drawn: {what}"),
        }));
        let lasts = speed.takes(*duration);
        if let Some(lasts) = lasts.filter(|lasts| span.length > *lasts && !repeats) {
            self.warnings.push(Warning {
                pointer: clip.pointer.clone(),
                message: format!(
                    "lasts {}, but its animation only {lasts}: the last picture is held",
                    span.length
                ),
            });
        }
        let frame = self.timeline.canvas;
        let natural = (f64::from(size.0), f64::from(size.1));
        let ((width, height), scale) =
            drawn::drawn(natural, &clip.motion, frame, drawn::MOVING_PIXELS);
        let art = Art::Lottie(timeline::Lottie {
            asset: *digest,
            width,
            height,
            speed: *speed,
            cycle: lasts.filter(|_| *repeats),
        });
        let settles = match lasts {
            // One that stands still is a still.
            None => Time::ZERO,
            Some(_) if *repeats => Drawing::FOREVER,
            Some(lasts) => lasts,
        };
        let content = Content::Drawn(Drawing { art, settles });
        Ok(Shown {
            scale,
            ..Shown::new(format!("lottie {}", src.file_name()), content)
        })
    }

    /// The clip that shows this; `None` if nothing of it is left to be seen.
    fn layer(&mut self, clip: &Clip, span: Span, shown: Shown) -> Option<timeline::Clip> {
        let Shown {
            what,
            content,
            crop,
            treatment,
            scale,
        } = shown;
        let whole = Window::whole(content.size());
        let Some(mut window) = whole.cropped(crop) else {
            self.warnings.push(Warning {
                pointer: clip.pointer.member("asset").member("crop"),
                message: "nothing is left of the picture: it is not shown".into(),
            });
            return None;
        };
        if clip.motion.fit == Fit::Crop {
            window = window.shaped(clip.motion.bounds_in(self.timeline.canvas));
        }
        Some(timeline::Clip {
            label: format!("{what} ({})", clip.pointer),
            start: span.start,
            length: span.length,
            content,
            treatment: Treatment {
                window: (window != whole).then_some(window),
                filter: clip.filter,
                ..treatment
            },
            part_of: None,
            mattes: Vec::new(),
            motion: Motion {
                scale: clip.motion.scale.clone().times(scale),
                ..clip.motion.clone()
            },
            dynamic: (self.is_dynamic)(&clip.pointer),
        })
    }

    /// An error if one that goes down is one too many.
    fn count_ducks(&self, asset: &Pointer, role: Role) -> Result<(), EditError> {
        let ducked = |voice: &&Voice| voice.duck.is_some();
        if role.duck.is_none() || self.timeline.voices.iter().filter(ducked).count() < MAX_DUCKS {
            return Ok(());
        }
        Err(EditError::new(
            asset.member("loomcast").member("duck"),
            format!("sound number {} that goes down", MAX_DUCKS + 1),
            format!("at most {MAX_DUCKS}"),
        ))
    }

    /// What is heard of a clip, if anything is.
    fn voice(
        &mut self,
        clip: &Clip,
        span: Span,
        (src, trim, speed): (&Source, Time, Speed),
        (volume, fade, role): (&Curve, Fade, Role),
    ) -> Result<(), EditError> {
        if volume.is_never_above(0.0) || speed == Speed::FROZEN {
            return Ok(());
        }
        self.count_ducks(&clip.pointer.member("asset"), role)?;
        self.timeline.voices.push(Voice {
            label: format!("audio {} ({})", src.file_name(), clip.pointer),
            asset: info(src, self.assets)?.digest,
            start: span.start,
            length: span.length,
            trim,
            speed,
            volume: volume.clone(),
            fade_in: fade_time(fade.fade_in),
            fade_out: fade_time(fade.fade_out),
            speech: role.speech,
            duck: role.duck,
            dynamic: (self.is_dynamic)(&clip.pointer),
        });
        Ok(())
    }
}

/// The most sounds that go down under others: each is held against all others.
const MAX_DUCKS: usize = 100;

fn fade_time(on: bool) -> Time {
    if on { Fade::LENGTH } else { Time::ZERO }
}

fn sounding<'a>(src: &Source, assets: &'a Assets) -> Result<(&'a AssetInfo, Time), EditError> {
    let info = info(src, assets)?;
    match info.kind {
        AssetKind::Audio { duration }
        | AssetKind::Video {
            duration,
            sound: true,
            ..
        } => Ok((info, duration)),
        AssetKind::Video { sound: false, .. }
        | AssetKind::Image { .. }
        | AssetKind::Lottie { .. }
        | AssetKind::Captions(_) => Err(wrong_kind(src, &info.kind, "a file with sound")),
    }
}

fn wrong_kind(src: &Source, kind: &AssetKind, wanted: &str) -> EditError {
    EditError::new(
        src.pointer.clone(),
        format!("{:?} ({})", src.name(), kind.name()),
        wanted,
    )
}
