//! Style sheets as the deprecated `html` asset has them.
//!
//! Its templates were written for a renderer that reads two things otherwise than browsers
//! do, and public templates rest on both: a value in quotes (`color: "#25d3d0"`) is that value,
//! and a line height without a unit (`line-height: 78`) is a percentage. Here both are
//! turned into what CSS calls them; all else is left as it is.

/// From here on a line height without a unit is a percentage: no line is ten letters high.
const LEAST_PERCENT: f64 = 10.0;

/// Properties whose values are texts.
const TEXTS: &[&str] = &["font-family", "font", "content", "quotes"];

/// The style sheet in today's CSS.
pub(super) fn to_css(source: &str) -> String {
    let mut css = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let end = declaration_length(rest);
        css.push_str(&declaration(&rest[..end]));
        rest = &rest[end..];
        if let Some(mark) = rest.chars().next() {
            css.push(mark);
            rest = &rest[mark.len_utf8()..];
        }
    }
    css
}

/// The length of what stands before the next `{`, `}` or `;` outside of strings and comments.
fn declaration_length(source: &str) -> usize {
    let mut quote = None;
    let mut comment = false;
    let mut before = ' ';
    for (at, character) in source.char_indices() {
        match character {
            '/' if comment && before == '*' => comment = false,
            _ if comment => {}
            '*' if before == '/' && quote.is_none() => comment = true,
            _ if before == '\\' => {}
            _ if quote == Some(character) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(character),
            '{' | '}' | ';' if quote.is_none() => return at,
            _ => {}
        }
        before = character;
    }
    source.len()
}

/// One declaration, or whatever it is.
fn declaration(source: &str) -> String {
    let Some((name, value)) = source.split_once(':') else {
        return source.to_owned();
    };
    let property = name.rsplit("*/").next().unwrap_or(name).trim();
    let property = property.to_ascii_lowercase();
    let plain = value.trim();
    if property == "line-height"
        && plain
            .parse::<f64>()
            .is_ok_and(|number| number >= LEAST_PERCENT)
    {
        return format!("{name}:{plain}%");
    }
    let quoted = ['"', '\''].iter().find_map(|quote| {
        let inner = plain.strip_prefix(*quote)?.strip_suffix(*quote)?;
        (!inner.contains(['"', '\'', ';', '{', '}', '\\'])).then_some(inner)
    });
    match quoted {
        Some(inner) if !TEXTS.contains(&property.as_str()) => format!("{name}:{inner}"),
        _ => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_and_line_heights_become_css() {
        for (source, expected) in [
            (
                "h1 { color: \"#25d3d0\"; font-family: \"Kanit ExtraBold\" }",
                "h1 { color:#25d3d0; font-family: \"Kanit ExtraBold\" }",
            ),
            (
                "p { font-size: '24px'; line-height: 78; }",
                "p { font-size:24px; line-height:78%; }",
            ),
            ("p{line-height:1.5}", "p{line-height:1.5}"),
            ("p{line-height:78px}", "p{line-height:78px}"),
            ("p::before{content:\";}\"}", "p::before{content:\";}\"}"),
            ("p{color:\"a;b\"}", "p{color:\"a;b\"}"),
            ("/* a: \"b */ p{color:'red'}", "/* a: \"b */ p{color:red}"),
            (
                "@media (min-width: 3px){p{x:\"y\"}}",
                "@media (min-width: 3px){p{x:y}}",
            ),
            ("a:hover{color:red", "a:hover{color:red"),
            ("", ""),
            ("p{color:\"\u{e9}\\\"", "p{color:\"\u{e9}\\\""),
        ] {
            assert_eq!(to_css(source), expected);
        }
    }
}
