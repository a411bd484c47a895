//! Captions as pictures.
//!
//! Each picture is complete in itself: the words of the cues that are on, and which of
//! them were said. It knows neither when it is shown nor what else is in the file, so
//! that the same words are the same picture anywhere.

use std::fmt::Write as _;

use super::asset::{Active, CaptionAsset, Look, WordStyle};
use super::page::{Page, Word, pages, words};
use super::{Captions, Face};
use crate::template::markup::moving::{away, millis};
use crate::template::markup::{Figure, Markup, css_string, escape};
use crate::template::richtext::{Colour, RichText, Stroke, TextDecoration};
use crate::time::Time;
use crate::timeline::Speed;

/// The most pictures of one caption asset: some hours of talk, word by word.
pub const MAX_PICTURES: usize = 50_000;

/// How long a word grows.
const POP: Time = Time::from_millis(120);
/// How long a word fades or slides in.
const ENTRY: Time = Time::from_millis(300);
/// How long a word jumps in.
const BOUNCE: Time = Time::from_millis(450);

/// A picture and when it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// By the clip's own time.
    pub start: Time,
    /// How long.
    pub length: Time,
    /// How it is drawn.
    pub markup: Markup,
    /// How long it changes.
    pub settles: Time,
    /// The text in its one face; `None` where it has more than one.
    pub text: Option<RichText>,
}

/// More pictures than can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// The pictures of a clip of `length`, and what is to be told about them.
pub fn pictures(
    captions: &Captions,
    asset: &CaptionAsset,
    length: Time,
) -> Result<(Vec<Picture>, Vec<String>), TooMany> {
    let CaptionAsset {
        trim,
        speed,
        look,
        frame,
        ..
    } = asset;
    let brush = Brush::new(look, *frame);
    let (pages, crowded) = pages(&captions.cues);
    let mut notes = captions.notes.clone();
    if crowded > 0 {
        notes.push(format!(
            "{crowded} of its cues come while {} others are shown: they are left out",
            super::page::MAX_AT_ONCE
        ));
    }
    // When in the clip something of the file is seen.
    let local = |time: Time| speed.takes(time - *trim);
    let mut pictures = Vec::new();
    for page in &pages {
        if page.end <= *trim {
            continue;
        }
        if *speed == Speed::FROZEN {
            if page.start <= *trim {
                let said = said(page, captions, *trim, *speed);
                pictures.push(brush.picture(&said, Time::ZERO, length));
            }
            continue;
        }
        if local(page.start).is_none_or(|start| start >= length) {
            break;
        }
        let times = times(page, captions, look.style, (*trim).max(page.start));
        for pair in times.windows(2) {
            let (Some(start), Some(end)) = (local(pair[0]), local(pair[1])) else {
                continue;
            };
            let end = end.min(length);
            if end <= start {
                continue;
            }
            if pictures.len() == MAX_PICTURES {
                return Err(TooMany);
            }
            let said = said(page, captions, pair[0], *speed);
            pictures.push(brush.picture(&said, start, end - start));
        }
    }
    Ok((pictures, notes))
}

/// When the pictures of a page change, from `start` to its end.
fn times(page: &Page, captions: &Captions, style: WordStyle, start: Time) -> Vec<Time> {
    let mut times = vec![start, page.end];
    if style != WordStyle::None {
        let words = page
            .cues
            .iter()
            .flat_map(|index| words(&captions.cues[*index]));
        times.extend(words.map(|word| word.start));
        times.retain(|time| (start..=page.end).contains(time));
    }
    times.sort_unstable();
    times.dedup();
    times
}

/// A word at some moment.
struct Said {
    word: Word,
    state: State,
    /// How long ago it began to be said, and how long it is, by the clip's time.
    ago: Time,
    lasts: Time,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Coming,
    Active,
    Done,
}

/// The words of a page at a time of the file's clock.
fn said(page: &Page, captions: &Captions, now: Time, speed: Speed) -> Vec<Said> {
    let mut said: Vec<Said> = Vec::new();
    for index in &page.cues {
        let mut words = words(&captions.cues[*index]);
        if let (Some(first), false) = (words.first_mut(), said.is_empty()) {
            first.before = "\n".to_owned();
        }
        said.extend(words.into_iter().map(|word| {
            Said {
                state: match word.start > now {
                    true => State::Coming,
                    false if word.end > now => State::Active,
                    false => State::Done,
                },
                ago: speed
                    .takes((now - word.start).max(Time::ZERO))
                    .unwrap_or_default(),
                lasts: speed.takes(word.end - word.start).unwrap_or_default(),
                word,
            }
        }));
    }
    said
}

/// Draws words in one look.
struct Brush<'a> {
    look: &'a Look,
    base: RichText,
    css: String,
    frame: (u32, u32),
}

impl<'a> Brush<'a> {
    fn new(look: &'a Look, frame: (u32, u32)) -> Self {
        let mut base = look.base.clone();
        let active = &look.active;
        let strokes = active.stroke.is_some_and(|stroke| stroke.is_some());
        let shadows = base.shadow.is_some() || active.shadow.is_some_and(|shadow| shadow.is_some());
        if base.stroke.is_none() && (strokes || look.style == WordStyle::Karaoke && shadows) {
            // A layer of its own for the stroke of the active word, and for the shadow of
            // letters that are filled by their ground: it would cover that.
            base.stroke = Some(Stroke {
                width: 0.0,
                colour: Colour {
                    rgb: [0; 3],
                    alpha: 0.0,
                },
            });
        }
        Self {
            css: css(look, &base),
            look,
            base,
            frame,
        }
    }

    fn picture(&self, said: &[Said], start: Time, length: Time) -> Picture {
        let mut body = String::new();
        let mut settles = Time::ZERO;
        for word in said {
            body.push_str(&escape(&word.word.before));
            settles = settles.max(self.word(&mut body, word));
        }
        let figure = Figure {
            body,
            css: self.css.clone(),
            is_grouped: false,
        };
        let faces = |word: &Said| {
            word.word
                .parts
                .iter()
                .any(|(_, face)| *face != Face::default())
        };
        let active = &self.look.active;
        let is_plain =
            active.family.is_none() && active.weight.is_none() && !said.iter().any(faces);
        let text = is_plain.then(|| RichText {
            text: said
                .iter()
                .flat_map(|word| word.word.parts.iter())
                .map(|(text, _)| text.as_str())
                .collect(),
            ..self.base.clone()
        });
        Picture {
            start,
            length,
            markup: self.base.drawn_as(&figure, self.frame),
            settles,
            text,
        }
    }

    /// Writes a word; how long it changes.
    fn word(&self, body: &mut String, said: &Said) -> Time {
        let mut inner = String::new();
        for (text, face) in &said.word.parts {
            let text = escape(text);
            let names = [
                (face.bold, "fb"),
                (face.italic, "fi"),
                (face.underlined, "fu"),
            ];
            let names: Vec<&str> = names
                .iter()
                .filter(|(on, _)| *on)
                .map(|(_, name)| *name)
                .collect();
            match names.is_empty() {
                true => inner.push_str(&text),
                false => push(
                    &mut inner,
                    format_args!("<span class=\"{}\">{text}</span>", names.join(" ")),
                ),
            }
        }
        let style = self.look.style;
        let entry = match style {
            WordStyle::Fade | WordStyle::Slide => ENTRY,
            WordStyle::Bounce => BOUNCE,
            _ => Time::ZERO,
        };
        let waits = matches!(
            style,
            WordStyle::Fade | WordStyle::Slide | WordStyle::Bounce | WordStyle::Typewriter
        );
        let (class, lasts) = match said.state {
            _ if style == WordStyle::None => ("", Time::ZERO),
            State::Coming if waits => ("n", Time::ZERO),
            State::Coming => ("", Time::ZERO),
            State::Active if style == WordStyle::Pop => ("a p", POP),
            State::Active if entry > said.ago => ("a m", entry),
            State::Active if style == WordStyle::Karaoke => ("a", said.lasts),
            State::Active => ("a", Time::ZERO),
            State::Done if entry > said.ago => ("m", entry),
            State::Done if style == WordStyle::Karaoke => ("d", Time::ZERO),
            State::Done => ("", Time::ZERO),
        };
        let left = (lasts - said.ago).max(Time::ZERO);
        let ago = match millis(said.ago) {
            0 => String::new(),
            ago => format!("animation-delay:-{ago}ms;"),
        };
        match class {
            "" => body.push_str(&inner),
            "a" if style == WordStyle::Karaoke => push(
                body,
                format_args!(
                    "<span class=\"a\"><span class=\"k{}\" style=\"animation-duration:{}ms;{ago}\">{inner}</span></span>",
                    if is_right_to_left(&said.word) {
                        " r"
                    } else {
                        ""
                    },
                    millis(said.lasts).max(1),
                ),
            ),
            "n" | "d" | "a" => push(body, format_args!("<span class=\"{class}\">{inner}</span>")),
            moving => push(
                body,
                format_args!("<span class=\"{moving}\" style=\"{ago}\">{inner}</span>"),
            ),
        }
        left
    }
}

/// The rules for words.
fn css(look: &Look, base: &RichText) -> String {
    let mut css = String::from(
        ".fb{font-weight:bold}.fi{font-style:italic}.fu{text-decoration-line:underline}\n",
    );
    if look.style == WordStyle::None {
        return css;
    }
    css.push_str(&active_css(look, base));
    let plain = base.font.colour;
    match look.style {
        WordStyle::None | WordStyle::Highlight => {}
        WordStyle::Karaoke => {
            let filled = look.active.colour.unwrap_or(plain);
            // Letters of a gradient are seen through where the word is not filled yet.
            let empty = match &base.gradient {
                Some(_) => "transparent".to_owned(),
                None => plain.to_string(),
            };
            push(
                &mut css,
                format_args!(
                    ".over .d{{color:{filled};}}\n.k{{animation:fill 1ms linear both;}}\n\
                     .over .k{{color:transparent;background-image:linear-gradient(90deg,{filled} 50%,{empty} 50%);\
                     background-size:200% 100%;background-clip:text;}}\n\
                     .over .r{{background-image:linear-gradient(90deg,{empty} 50%,{filled} 50%);animation-direction:reverse;}}\n\
                     @keyframes fill{{from{{background-position:100% 0;}}to{{background-position:0% 0;}}}}\n",
                ),
            );
        }
        WordStyle::Pop => push(
            &mut css,
            format_args!(
                ".p{{display:inline-block;animation:pop {}ms ease-out both;}}\n\
                 @keyframes pop{{from{{transform:scale(1);}}to{{transform:scale(1.15);}}}}\n",
                millis(POP)
            ),
        ),
        WordStyle::Typewriter => css.push_str(WAITING),
        WordStyle::Fade => push(
            &mut css,
            format_args!(
                "{WAITING}.m{{animation:come {}ms linear both;}}\n@keyframes come{{from{{opacity:0;}}}}\n",
                millis(ENTRY)
            ),
        ),
        WordStyle::Slide => push(
            &mut css,
            format_args!(
                "{WAITING}.m{{position:relative;left:0;top:0;animation:come {}ms ease-out both;}}\n\
                 @keyframes come{{from{{opacity:0;{}}}}}\n",
                millis(ENTRY),
                away(look.direction, 0.6),
            ),
        ),
        WordStyle::Bounce => push(
            &mut css,
            format_args!(
                "{WAITING}.m{{position:relative;top:0;animation:come {}ms ease-out both;}}\n\
                 @keyframes come{{from{{opacity:0;top:0.6em;}}40%{{opacity:1;top:-0.25em;}}70%{{top:0.1em;}}to{{top:0;}}}}\n",
                millis(BOUNCE)
            ),
        ),
    }
    css
}

/// Words that were not said yet.
const WAITING: &str = ".n{visibility:hidden;}\n";

/// The rules for the word that is said.
fn active_css(look: &Look, base: &RichText) -> String {
    let Active {
        family,
        weight,
        size,
        colour,
        background,
        decoration,
        stroke,
        shadow,
    } = &look.active;
    let (mut both, mut over, mut under) = (String::new(), String::new(), String::new());
    if let Some(family) = family {
        push(
            &mut both,
            format_args!("font-family:{};", css_string(family)),
        );
    }
    if let Some(weight) = weight {
        push(&mut both, format_args!("font-weight:{weight};"));
    }
    if let Some(size) = size {
        push(&mut both, format_args!("font-size:{size}px;"));
    }
    let letters = match (colour, &base.gradient) {
        (Some(colour), _) => Some(*colour),
        // What is taken out of its line is not reached by the gradient behind it.
        (None, Some(gradient)) if look.style == WordStyle::Pop => Some(gradient.stops[0].1),
        (None, _) => None,
    };
    if let Some(colour) = letters {
        push(&mut over, format_args!("color:{colour};"));
    }
    match decoration {
        Some(TextDecoration::Underline) => over.push_str("text-decoration-line:underline;"),
        Some(TextDecoration::LineThrough) => over.push_str("text-decoration-line:line-through;"),
        Some(TextDecoration::None) | None => {}
    }
    let has_under = base.has_under_layer();
    match stroke {
        Some(Some(stroke)) => push(
            &mut under,
            format_args!(
                "color:{0};-webkit-text-stroke:{1}px {0};",
                stroke.colour,
                stroke.width * 2.0
            ),
        ),
        Some(None) => under.push_str("color:transparent;-webkit-text-stroke:0px transparent;"),
        None => {}
    }
    let lowest = if has_under { &mut under } else { &mut over };
    if let Some(background) = background {
        push(lowest, format_args!("background-color:{background};"));
    }
    match shadow {
        Some(Some(shadow)) => push(
            lowest,
            format_args!(
                "text-shadow:{}px {}px {}px {};",
                shadow.offset.0, shadow.offset.1, shadow.blur, shadow.colour
            ),
        ),
        Some(None) => lowest.push_str("text-shadow:none;"),
        None => {}
    }
    format!(".a{{{both}}}\n.over .a{{{over}}}\n.under .a{{{under}}}\n")
}

/// Whether a word is read from right to left, by its first letter.
fn is_right_to_left(word: &Word) -> bool {
    let mut letters = word.parts.iter().flat_map(|(text, _)| text.chars());
    let first = letters.find(|character| character.is_alphabetic());
    first.is_some_and(|first| {
        matches!(first, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    })
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more)
        .expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::template::caption::{asset, read};
    use crate::template::cursor::Cursor;

    const SRT: &str =
        "00:00:01,000 --> 00:00:03,000\nOne two\n\n00:00:05,000 --> 00:00:06,000\nthree";

    fn drawn(srt: &str, more: Value, seconds: i64) -> Vec<Picture> {
        let mut value = json!({"type": "rich-caption", "src": "a.srt"});
        for (name, member) in more.as_object().expect("an object") {
            value[name] = member.clone();
        }
        let asset = asset::read_rich(&Cursor::root(&value), (640, 360), &mut Vec::new());
        let captions = read(srt.as_bytes()).expect("captions");
        pictures(
            &captions,
            &asset.expect("reads"),
            Time::from_seconds(seconds),
        )
        .expect("few enough")
        .0
    }

    /// Start and length of each picture, and how long it changes, in milliseconds.
    fn times(pictures: &[Picture]) -> Vec<(i64, i64, i64)> {
        let times = |picture: &Picture| {
            (
                millis(picture.start),
                millis(picture.length),
                millis(picture.settles),
            )
        };
        pictures.iter().map(times).collect()
    }

    #[test]
    fn there_is_a_picture_for_each_cue_or_word() {
        let style = |style: &str| json!({"animation": {"style": style}});
        for (name, expected) in [
            ("none", vec![(1000, 2000, 0), (5000, 1000, 0)]),
            (
                "highlight",
                vec![(1000, 1000, 0), (2000, 1000, 0), (5000, 1000, 0)],
            ),
            (
                "karaoke",
                vec![(1000, 1000, 1000), (2000, 1000, 1000), (5000, 1000, 1000)],
            ),
            (
                "pop",
                vec![(1000, 1000, 120), (2000, 1000, 120), (5000, 1000, 120)],
            ),
            (
                "slide",
                vec![(1000, 1000, 300), (2000, 1000, 300), (5000, 1000, 300)],
            ),
        ] {
            assert_eq!(times(&drawn(SRT, style(name), 10)), expected, "{name}");
        }
    }

    #[test]
    fn trim_speed_and_the_clips_length_are_followed() {
        for (more, seconds, expected) in [
            (json!({"trim": 2}), 10, vec![(0, 1000, 0), (3000, 1000, 0)]),
            (
                json!({"speed": 2}),
                10,
                vec![(500, 1000, 0), (2500, 500, 0)],
            ),
            (json!({}), 2, vec![(1000, 1000, 0)]),
            (json!({"speed": 0, "trim": 1.5}), 4, vec![(0, 4000, 0)]),
            (json!({"speed": 0, "trim": 4}), 4, vec![]),
        ] {
            assert_eq!(
                times(&drawn(SRT, more.clone(), seconds)),
                expected,
                "{more}"
            );
        }
    }

    #[test]
    fn a_word_that_still_moves_goes_on_where_it_was() {
        let quick = "00:00:00,000 --> 00:00:00,200\na b";
        let style = json!({"animation": {"style": "slide"}});
        let pictures = drawn(quick, style, 1);
        assert_eq!(times(&pictures), [(0, 100, 300), (100, 100, 300)]);
        let second = &pictures[1].markup.html;
        assert!(
            second.contains(
                "<span class=\"m\" style=\"animation-delay:-100ms;\">a</span> \
                             <span class=\"a m\" style=\"\">b</span>"
            ),
            "{second}"
        );
    }

    #[test]
    fn the_same_words_are_the_same_picture_in_any_file() {
        let later = format!(
            "00:00:00,100 --> 00:00:00,300\nBefore\n\n{SRT}\n\n00:00:09,000 --> 00:00:10,000\nAfter"
        );
        let style = || json!({"animation": {"style": "highlight"}});
        let (one, other) = (drawn(SRT, style(), 20), drawn(&later, style(), 20));
        assert_eq!(one[..], other[1..4]);
    }

    #[test]
    fn text_of_more_than_one_face_is_told_from_plain_text() {
        let faces = "00:00:01,000 --> 00:00:03,000\n<b>Bold</b> & <i>so</i>";
        let pictures = drawn(faces, json!({}), 5);
        assert_eq!(pictures[0].text, None);
        assert!(
            pictures[0]
                .markup
                .html
                .contains("<span class=\"fb\">Bold</span> &amp; <span class=\"fi\">so</span>")
        );
        let plain = drawn(SRT, json!({}), 5);
        assert_eq!(
            plain[0].text.as_ref().map(|text| text.text.as_str()),
            Some("Onetwo")
        );
        assert!(plain[0].markup.html.contains("<span>One two</span>"));
    }
}
