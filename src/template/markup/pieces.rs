//! A text in the pieces that come into sight one after another.
//!
//! Together the pieces are the text: nothing is lost, nothing added, so that it is
//! shaped and broken into lines as the text in one piece is. A space belongs to
//! the piece before it: it is underlined or marked together with that one. A line
//! break stands alone.

use unicode_segmentation::UnicodeSegmentation;

use crate::template::richtext::animation::By;

/// The most letters that come one by one: each costs some time in every frame. A
/// longer text comes by words.
pub(crate) const MAX_LETTERS: usize = 1000;

/// Scripts whose letters join their neighbours or move about them: only whole words
/// of them are taken apart.
const JOINING: &[std::ops::RangeInclusive<char>] = &[
    // Arabic to Myanmar: among them all scripts of India, Thai, Lao and Tibetan.
    '\u{600}'..='\u{109f}',
    // Khmer, Mongolian.
    '\u{1780}'..='\u{18af}',
    // Limbu to Vedic signs.
    '\u{1900}'..='\u{1cff}',
    // Syloti Nagri to Meetei Mayek.
    '\u{a800}'..='\u{abff}',
    // Arabic presentation forms.
    '\u{fb50}'..='\u{fdff}',
    '\u{fe70}'..='\u{fefc}',
    // The historic ones, and Adlam.
    '\u{10a00}'..='\u{11fff}',
    '\u{1e900}'..='\u{1e95f}',
];

/// Scripts that leave no space between words; each letter is one by itself.
const UNSPACED: &[std::ops::RangeInclusive<char>] = &[
    '\u{2e80}'..='\u{9fff}',
    '\u{f900}'..='\u{faff}',
    '\u{20000}'..='\u{3ffff}',
];

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Something seen, with the spaces that follow it.
    Seen(&'a str),
    /// A line break, or spaces before anything is seen.
    Blank(&'a str),
}

/// The pieces of `text`, in the order in which it is read.
pub(crate) fn pieces(text: &str, by: By) -> Vec<Piece<'_>> {
    let by = match by {
        By::Character if text.graphemes(true).count() > MAX_LETTERS => By::Word,
        by => by,
    };
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_blank = |c: char| c.is_whitespace();
        let blank = rest.len() - rest.trim_start_matches(is_blank).len();
        if blank > 0 {
            pieces.push(Piece::Blank(&rest[..blank]));
            rest = &rest[blank..];
            continue;
        }
        let word = rest.find(is_blank).unwrap_or(rest.len());
        let spaces = rest[word..].len()
            - rest[word..]
                .trim_start_matches(|c: char| is_blank(c) && !is_line_break(c))
                .len();
        let (word, with_spaces) = (&rest[..word], &rest[..word + spaces]);
        let whole = word.chars().any(|c| is_of(JOINING, c))
            || by == By::Word && !word.chars().any(stands_alone);
        if whole {
            pieces.push(Piece::Seen(with_spaces));
        } else {
            let mut ends: Vec<usize> = word.grapheme_indices(true).map(|(at, _)| at).collect();
            ends.push(with_spaces.len());
            let letters = ends.windows(2).map(|pair| &with_spaces[pair[0]..pair[1]]);
            pieces.extend(letters.map(Piece::Seen));
        }
        rest = &rest[with_spaces.len()..];
    }
    pieces
}

/// Whether a character is a word by itself: Chinese and Japanese leave no spaces.
pub(crate) fn stands_alone(character: char) -> bool {
    is_of(UNSPACED, character)
}

fn is_line_break(character: char) -> bool {
    matches!(
        character,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

fn is_of(ranges: &[std::ops::RangeInclusive<char>], character: char) -> bool {
    ranges.iter().any(|range| range.contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, by: By) -> Vec<String> {
        pieces(text, by)
            .iter()
            .map(|piece| match piece {
                Piece::Seen(seen) => format!("[{seen}]"),
                Piece::Blank(blank) => format!("{blank:?}"),
            })
            .collect()
    }

    #[test]
    fn letters_are_what_a_reader_takes_for_one_and_joining_scripts_stay_whole() {
        for (text, by, expected) in [
            (
                "Hi you",
                By::Character,
                vec!["[H]", "[i ]", "[y]", "[o]", "[u]"],
            ),
            ("Hi  you", By::Word, vec!["[Hi  ]", "[you]"]),
            (
                "  a \nb",
                By::Word,
                vec!["\"  \"", "[a ]", "\"\\n\"", "[b]"],
            ),
            (
                "e\u{301}👨‍👩‍👧🇩🇪",
                By::Character,
                vec!["[e\u{301}]", "[👨‍👩‍👧]", "[🇩🇪]"],
            ),
            ("مرحبا كم", By::Character, vec!["[مرحبا ]", "[كم]"]),
            ("नमस्ते!", By::Character, vec!["[नमस्ते!]"]),
            ("שלו", By::Character, vec!["[ש]", "[ל]", "[ו]"]),
            ("世界 ok", By::Word, vec!["[世]", "[界 ]", "[ok]"]),
            ("", By::Word, vec![]),
        ] {
            assert_eq!(shown(text, by), expected, "{text:?}");
        }
    }

    #[test]
    fn the_pieces_together_are_the_text() {
        let long = "letters ".repeat(300);
        for text in [" a\r\n\r\n b\tc ", "x\u{200d}\u{200f}y ", &long] {
            for by in [By::Character, By::Word] {
                let joined: String = pieces(text, by)
                    .iter()
                    .map(|piece| match piece {
                        Piece::Seen(text) | Piece::Blank(text) => *text,
                    })
                    .collect();
                assert_eq!(joined, text);
            }
        }
        assert_eq!(pieces(&long, By::Character).len(), 300);
    }
}
