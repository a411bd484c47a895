//! What markup asks of the fonts: the characters it shows and the families it names.
//!
//! Rather too much than too little: a character too many may name a fallback
//! that is not drawn, one too few would be a hole in the picture.

use takumi::prelude::{FromHtmlOptions, Node, NodeKind};

use super::engine::MAX_MARKUP_DEPTH;
use crate::template::markup::Markup;

/// What lists and cut lines add by themselves.
const GENERATED: &str = "•◦▪…-.0123456789";

/// Every character the markup may show: its text, the strings that style
/// sheets insert, and both cases where a style changes case.
/// Markup that cannot be parsed shows nothing; rendering it says why.
pub(crate) fn text(markup: &Markup) -> String {
    let options = FromHtmlOptions::builder()
        .max_depth(MAX_MARKUP_DEPTH)
        .build();
    let mut text = String::new();
    if let Ok(root) = takumi::from_html(&markup.html, options) {
        collect(&root, &mut text);
    }
    for source in style_sources(markup) {
        for value in declarations(source, "content") {
            text.push_str(&unescape(value));
        }
    }
    let mentions = |word: &str| markup.css.contains(word) || markup.html.contains(word);
    if mentions("text-transform") {
        text = format!("{text}{}{}", text.to_uppercase(), text.to_lowercase());
    }
    if mentions("<li") || mentions("list-item") || mentions("ellipsis") || mentions("counter") {
        text.push_str(GENERATED);
    }
    text
}

fn collect(node: &Node, text: &mut String) {
    match &node.kind {
        NodeKind::Text(data) => text.push_str(&data.text),
        NodeKind::Container { children } => children.iter().for_each(|child| collect(child, text)),
        _ => {}
    }
}

/// The families of every `font-family` and `font` declaration, as lists in order.
pub(crate) fn font_families(markup: &Markup) -> Vec<Vec<String>> {
    let mut lists = Vec::new();
    for source in style_sources(markup) {
        lists.extend(declarations(source, "font-family").map(names));
        lists.extend(declarations(source, "font").map(|value| names(after_size(value))));
    }
    lists.retain(|list| !list.is_empty());
    lists
}

/// The values that `property` is given in a style sheet or a style attribute.
fn declarations<'a>(source: &'a str, property: &'a str) -> impl Iterator<Item = &'a str> {
    source.match_indices(property).filter_map(move |(at, _)| {
        let is_part_of_name =
            source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
        let rest = source[at + property.len()..].trim_start();
        let value = rest.strip_prefix(':').filter(|_| !is_part_of_name)?;
        Some(&value[..value_length(value)])
    })
}

/// The length of a value: up to a `;` or a `}` outside of strings.
fn value_length(value: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in value.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if quote == Some(character) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(character),
            ';' | '}' if quote.is_none() => return at,
            _ => {}
        }
    }
    value.len()
}

/// The style sheet and the values of all style attributes.
fn style_sources(markup: &Markup) -> impl Iterator<Item = &str> {
    let attributes = markup.html.match_indices("style").filter_map(|(at, name)| {
        let value = markup.html[at + name.len()..]
            .trim_start()
            .strip_prefix('=')?
            .trim_start();
        match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next(),
            _ => value.split(|c: char| c.is_whitespace() || c == '>').next(),
        }
    });
    std::iter::once(markup.css.as_str()).chain(attributes)
}

/// The part of a `font` shorthand that follows the size.
fn after_size(value: &str) -> &str {
    let family_of = |(at, word): (usize, &str)| {
        let is_size = word.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && word.contains(char::is_alphabetic)
            || word.contains('%');
        is_size.then_some(&value[at + word.len()..])
    };
    let mut at = 0;
    let words = value.split(' ').map(|word| {
        let start = at;
        at += word.len() + 1;
        (start, word)
    });
    words.filter_map(family_of).last().unwrap_or("")
}

/// The names of a family list, without quotes.
fn names(list: &str) -> Vec<String> {
    let list = list.replace("!important", "");
    let names = list.split(',').map(|name| unescape(name.trim()));
    let names = names.map(|name| name.trim_matches(['"', '\'']).trim().to_owned());
    names
        .filter(|name| {
            !name.is_empty() && !["inherit", "initial", "unset"].contains(&name.as_str())
        })
        .collect()
}

/// Text in which CSS escapes (`\2713`) are resolved.
fn unescape(css: &str) -> String {
    let mut text = String::new();
    let mut rest = css;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let digits = after
            .bytes()
            .take(6)
            .take_while(u8::is_ascii_hexdigit)
            .count();
        if digits == 0 {
            rest = after;
            continue;
        }
        text.extend(
            u32::from_str_radix(&after[..digits], 16)
                .ok()
                .and_then(char::from_u32),
        );
        rest = after[digits..]
            .strip_prefix(' ')
            .unwrap_or(&after[digits..]);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markup(html: &str, css: &str) -> Markup {
        Markup {
            html: html.to_owned(),
            css: css.to_owned(),
            width: 100,
            height: 100,
        }
    }

    #[test]
    fn every_family_is_found_however_it_is_declared() {
        let found = font_families(&markup(
            "<p style=\"color:red;font-family: 'A B', serif\">x</p><p style='font-family:C'>y</p>",
            "p{font-family:\"D\\\"E\",sans-serif}b{font:italic 700 20px/1.2 \"F G\", H}i{font : bold 1em I !important;}\
             u{--my-font-family:no;font-size:3px;font:inherit}",
        ));
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let expected = [
            &["D\"E", "sans-serif"][..],
            &["F G", "H"],
            &["I"],
            &["A B", "serif"],
            &["C"],
        ];
        assert_eq!(found, expected.map(list));
    }

    #[test]
    fn shown_text_has_entities_inserted_strings_and_both_cases() {
        let shown = text(&markup(
            "<p>&eacute;<b>x</b></p>",
            "p::before{content:\"\\2713 ok\"}b{text-transform:uppercase}",
        ));
        for character in ['é', 'É', 'x', 'X', '✓', 'k'] {
            assert!(shown.contains(character), "{character} in {shown:?}");
        }
        assert!(!text(&markup("<style>y</style><p>x</p>", "p{color:red}")).contains('y'));
    }
}
