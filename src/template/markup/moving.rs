//! A text that comes into sight, as CSS animations.
//!
//! Its letters or words stand in elements of their own, which are moved and shown
//! without being taken out of the line: they are shaped together and broken into
//! lines as the text in one piece is, so that the end of the animation is the
//! still text. What is painted behind the text stands there from the start.

use std::fmt::Write as _;

use super::pieces::{Piece, pieces};
use super::{Figure, escape};
use crate::template::richtext::RichText;
use crate::template::richtext::animation::{Animation, Direction, Preset};
use crate::time::Time;

/// Fast at first, and slow into its place: `easeOutCubic`.
const INTO_PLACE: &str = "cubic-bezier(0.215,0.61,0.355,1)";
/// Past its place and back: `easeOutBack`.
const PAST_PLACE: &str = "cubic-bezier(0.34,1.56,0.64,1)";

/// How something moves that comes piece by piece.
struct Step {
    /// From how far, in heights of the font.
    distance: f64,
    /// The part of the whole duration that each piece moves.
    share: f64,
    easing: &'static str,
}

const ASCEND: Step = Step {
    distance: 1.0,
    share: 0.6,
    easing: INTO_PLACE,
};
const SHIFT: Step = Step {
    distance: 0.4,
    share: 0.4,
    easing: INTO_PLACE,
};
const MOVING_LETTERS: Step = Step {
    distance: 1.5,
    share: 0.5,
    easing: PAST_PLACE,
};

/// `text` as it comes into sight in a box of `size`.
pub(super) fn figure(text: &RichText, animation: Animation, size: (u32, u32)) -> Figure {
    let Animation {
        preset,
        duration,
        by,
        direction,
    } = animation;
    let whole = |motion: String| Figure {
        body: escape(&text.text),
        css: format!(
            ".lines{{animation:come {}ms {INTO_PLACE} both;}}\n@keyframes come{{from{{{motion}}}}}\n",
            millis(duration)
        ),
        is_grouped: true,
    };
    let step = match preset {
        Preset::FadeIn => return whole("opacity:0;".to_owned()),
        Preset::SlideIn => {
            let (x, y) = direction.step();
            let (width, height) = (f64::from(size.0), f64::from(size.1));
            return whole(format!(
                "transform:translate({}px,{}px);",
                -x * width,
                -y * height
            ));
        }
        Preset::Typewriter => None,
        Preset::Ascend => Some(ASCEND),
        Preset::Shift => Some(SHIFT),
        Preset::MovingLetters => Some(MOVING_LETTERS),
    };
    let pieces = pieces(&text.text, by);
    let seen = pieces
        .iter()
        .filter(|piece| matches!(piece, Piece::Seen(_)));
    let seen = seen.count() as i64;
    // A letter that is typed takes no time itself. What moves has to be there at the end.
    let (moving, between) = match &step {
        None => (0, seen),
        Some(_) if seen == 1 => (millis(duration), 1),
        Some(step) => ((millis(duration) as f64 * step.share) as i64, seen - 1),
    };
    let delay = |index: i64| (millis(duration) - moving) * index / between.max(1);
    let css = match &step {
        None => format!(".u{{animation:{SEEN};}}\n{SEEN_FRAMES}"),
        // What a gradient is seen through is the shape of the letters, however
        // faint: they appear and move, but do not fade.
        Some(step) if text.gradient.is_some() => format!(
            ".u{{{AT_REST}animation:come {moving}ms {} both,{SEEN};}}\n\
             @keyframes come{{from{{{}}}}}\n{SEEN_FRAMES}",
            step.easing,
            away(direction, step.distance),
        ),
        Some(step) => format!(
            ".u{{{AT_REST}animation:come {moving}ms {} both;}}\n\
             @keyframes come{{from{{opacity:0;{}}}}}\n",
            step.easing,
            away(direction, step.distance),
        ),
    };
    let mut body = String::with_capacity(text.text.len() + pieces.len() * 48);
    let mut index = 0;
    for piece in pieces {
        match piece {
            Piece::Blank(blank) => body.push_str(&escape(blank)),
            Piece::Seen(seen) => {
                write!(
                    body,
                    "<span class=\"u\" style=\"animation-delay:{}ms\">{}</span>",
                    delay(index),
                    escape(seen)
                )
                .expect("writing to a String cannot fail");
                index += 1;
            }
        }
    }
    Figure {
        body,
        css,
        is_grouped: false,
    }
}

/// Hidden until its time comes.
const SEEN: &str = "seen 1ms step-end both";
const SEEN_FRAMES: &str = "@keyframes seen{from{visibility:hidden}to{visibility:visible}}\n";
/// In its place, from which it may be moved.
const AT_REST: &str = "position:relative;left:0;top:0;";

/// The declarations of a place from which something comes by moving that way.
pub(crate) fn away(direction: Direction, distance: f64) -> String {
    let (x, y) = direction.step();
    match direction {
        Direction::Left | Direction::Right => format!("left:{}em;", -x * distance),
        Direction::Up | Direction::Down => format!("top:{}em;", -y * distance),
    }
}

/// The nearest millisecond, which is what CSS is told.
pub(crate) const fn millis(time: Time) -> i64 {
    const CLOCK: std::num::NonZeroU32 = std::num::NonZeroU32::new(1000).expect("not zero");
    time.to_ticks(CLOCK)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::template::markup::Markup;

    fn markup(mut asset: Value, animation: Value) -> Markup {
        asset["animation"] = animation;
        RichText::from_value(&asset).unwrap().to_markup((1280, 720))
    }

    /// The rules that follow those of the still text.
    fn rules(markup: &Markup) -> String {
        let rules = markup.css.lines();
        let is_ours = |rule: &&str| rule.contains("animation") || rule.starts_with("@keyframes");
        rules.filter(is_ours).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn letters_come_one_after_another_and_the_last_is_there_at_the_end() {
        let moving = markup(
            json!({"text": "Hi <ö"}),
            json!({"preset": "shift", "duration": 1, "direction": "left"}),
        );
        insta::assert_snapshot!(moving.html, @r#"<div class="box"><div class="text"><div class="line over"><span><span class="u" style="animation-delay:0ms">H</span><span class="u" style="animation-delay:200ms">i </span><span class="u" style="animation-delay:400ms">&lt;</span><span class="u" style="animation-delay:600ms">ö</span></span></div></div></div>"#);
        insta::assert_snapshot!(rules(&moving), @r"
        .u{position:relative;left:0;top:0;animation:come 400ms cubic-bezier(0.215,0.61,0.355,1) both;}
        @keyframes come{from{opacity:0;left:0.4em;}}
        ");
    }

    #[test]
    fn a_typed_letter_is_there_at_once_and_one_of_a_gradient_does_not_fade() {
        let typed = markup(json!({"text": "ab"}), json!({"preset": "typewriter"}));
        assert!(typed.html.contains("delay:0ms\">a<") && typed.html.contains("delay:1000ms\">b<"));
        let stops = json!([{"offset": 0, "color": "#ff0000"}, {"offset": 1, "color": "#0000ff"}]);
        let filled = markup(
            json!({"text": "ab", "style": {"gradient": {"stops": stops}}}),
            json!({"preset": "ascend", "direction": "down"}),
        );
        insta::assert_snapshot!(rules(&filled), @r"
        .u{position:relative;left:0;top:0;animation:come 1000ms cubic-bezier(0.215,0.61,0.355,1) both,seen 1ms step-end both;}
        @keyframes come{from{top:-1em;}}
        @keyframes seen{from{visibility:hidden}to{visibility:visible}}
        ");
    }

    #[test]
    fn the_longest_text_in_letters_is_short_enough_to_be_drawn() {
        let text = "a ".repeat(2500);
        for style in ["character", "word"] {
            let moving = markup(
                json!({"text": text, "stroke": {"width": 1}}),
                json!({"preset": "typewriter", "style": style}),
            );
            assert!(moving.html.len() + moving.css.len() < 1 << 20);
        }
    }
}
