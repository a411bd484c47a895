//! How long markup changes, from its style sheets.
//!
//! No longer than all its animations one after another could take: too long costs some
//! sharing of chunks, too short would be a wrong picture. So what is not plainly understood
//! counts as endless.

use crate::time::Time;

/// Longer than any video: what never stands still.
pub const ENDLESS: Time = Time::from_seconds(86_400);

/// How long the CSS animations of these sources run: style sheets, and markup with style
/// attributes.
pub(crate) fn settles(html: &str, css: &str) -> Time {
    let mut longest = Longest::default();
    let html = html.to_ascii_lowercase();
    let css = without_comments(&css.to_ascii_lowercase());
    // A name that is written in another way could be any name.
    let is_hidden = |source: &str| source.contains('\\') || source.contains("&#");
    let may_move = css.contains("@") || html.contains("anim") || css.contains("anim");
    if may_move && (is_hidden(&css) || is_hidden(&html) && html.contains("style")) {
        return ENDLESS;
    }
    // Utility classes of the rasteriser, which name animations too.
    if html.contains("animate-") {
        return ENDLESS;
    }
    let html = without_comments(&html);
    // The quote that ends a style attribute is no part of its last value.
    let in_html = values(&html).map(|(name, value)| (name, value.trim_end_matches(['"', '\''])));
    for value in values(&css).chain(in_html) {
        if longest.add(value).is_none() {
            return ENDLESS;
        }
    }
    longest.time()
}

/// The longest of each, in seconds.
#[derive(Default)]
struct Longest {
    duration: f64,
    delay: f64,
    times: f64,
}

impl Longest {
    /// Takes in the value of a declaration; `None` where it cannot be told.
    fn add(&mut self, (name, value): (&str, &str)) -> Option<()> {
        let value = plain(value)?;
        // Cut short within a name: what follows is not known.
        if ['"', '\'']
            .iter()
            .any(|quote| value.matches(*quote).count() % 2 == 1)
        {
            return None;
        }
        for animation in value.split(',') {
            let (mut seconds, mut times) = (Vec::new(), 1.0_f64);
            for word in animation.split([' ', '\t', '\n', '\r', '\u{c}', '!']) {
                // A name may be in quotes, and a style attribute is.
                let word = word.trim_matches(['"', '\'']);
                if word == "infinite" {
                    return None;
                } else if let Some(time) = seconds_of(word) {
                    seconds.push(time);
                } else if let Ok(number) = word.parse::<f64>() {
                    times = times.max(number);
                }
            }
            let (duration, delay) = match name {
                "-duration" => (seconds.first(), None),
                "-delay" => (None, seconds.first()),
                _ => (seconds.first(), seconds.get(1)),
            };
            self.duration = self.duration.max(duration.copied().unwrap_or(0.0));
            self.delay = self.delay.max(delay.copied().unwrap_or(0.0));
            self.times = self.times.max(times);
        }
        Some(())
    }

    fn time(&self) -> Time {
        let seconds = self.delay + self.duration * self.times.max(1.0);
        Time::from_decimal_seconds(seconds).map_or(ENDLESS, |time| time.min(ENDLESS))
    }
}

/// The value without its functions; `None` where one of them may stand for a time.
fn plain(value: &str) -> Option<String> {
    let mut plain = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('(') {
        let name_at = rest[..at]
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .map_or(0, |before| before + 1);
        if !matches!(&rest[name_at..at], "cubic-bezier" | "steps" | "linear") {
            return None;
        }
        plain.push_str(&rest[..name_at]);
        rest = &rest[at..];
        let end = rest.find(')')?;
        if rest[1..end].contains('(') {
            return None;
        }
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    Some(plain)
}

fn seconds_of(word: &str) -> Option<f64> {
    match word.strip_suffix("ms") {
        Some(number) => number.parse::<f64>().ok().map(|millis| millis / 1000.0),
        None => word.strip_suffix('s')?.parse().ok(),
    }
}

/// What follows `animation` in the name of each declaration of it, and its value.
fn values(source: &str) -> impl Iterator<Item = (&str, &str)> {
    const NAME: &str = "animation";
    source.match_indices(NAME).filter_map(|(at, _)| {
        let rest = &source[at + NAME.len()..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let value = rest.trim_start().strip_prefix(':')?;
        // A style attribute ends with its tag at the latest.
        let end = value.find([';', '}', '>']).unwrap_or(value.len());
        Some((name, &value[..end]))
    })
}

fn without_comments(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, comment)) = rest.split_once("/*") {
        kept.push_str(before);
        kept.push(' ');
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_settles_when_its_last_animation_has_run() {
        let plain = Time::from_millis;
        for (html, css, expected) in [
            ("<p>animation: none</p>", "p{color:red}", Time::ZERO),
            ("", "p{animation:in 1s ease 0.5s both}", plain(1500)),
            ("", "p{ANIMATION : in .25S 3}", plain(750)),
            ("", "p{animation:a 1s, b 200ms 3s 2}", plain(5000)),
            (
                "",
                "p{animation-name:a;animation-duration:2s}.b{animation-delay:700ms}.c{animation-iteration-count:2.5}",
                plain(5700),
            ),
            (
                "<p style='animation-delay:3s'>",
                "p{animation:a 1s cubic-bezier(0.1, 2, 3, 4)/* 9s */ steps(4,end)}",
                plain(4000),
            ),
            ("", "p{animation:\"a;b\" 1s}", ENDLESS),
            ("", "p{animation:\"a\" 1s}", plain(1000)),
            ("<p style=\"animation:'a' 1s\">9s", "", plain(1000)),
            ("", "p{-webkit-animation:a 1s}", plain(1000)),
            ("", "p{animation:a 1s!important}", plain(1000)),
            ("", "p{animation:spin 1s linear infinite}", ENDLESS),
            ("", "p{animation:a var(--t)}", ENDLESS),
            ("", "p{animation-duration:calc(1s * 3)}", ENDLESS),
            ("", "p{anim\\61tion:a 1s}", ENDLESS),
            ("<p style='anim&#97;tion:a 1s'>", "", ENDLESS),
            ("", "p{animation:a 1e9s}", ENDLESS),
            ("", "p{content:'\\2022'}", Time::ZERO),
            ("", "p{transition:all 1s}", Time::ZERO),
        ] {
            assert_eq!(settles(html, css), expected, "{html} {css}");
        }
    }
}
