//! The bytes of a file as text.

/// What Windows-1252 has where Latin-1 has control characters; `\0` for none.
const WINDOWS: &str = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";

/// The text, and what was guessed about it. UTF-8, UTF-16 by its mark, and the
/// western code page for all else, which older programs write.
pub(super) fn text(bytes: &[u8]) -> (String, Option<&'static str>) {
    match bytes {
        [0xff, 0xfe, rest @ ..] => (wide(rest, u16::from_le_bytes), None),
        [0xfe, 0xff, rest @ ..] => (wide(rest, u16::from_be_bytes), None),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => (text.to_owned(), None),
                // Cut off within a character, as the head of a file is.
                Err(error) if error.error_len().is_none() => {
                    let whole = &bytes[..error.valid_up_to()];
                    (String::from_utf8_lossy(whole).into_owned(), None)
                }
                Err(_) => (
                    western(bytes),
                    Some("it is neither UTF-8 nor UTF-16: read as Windows-1252"),
                ),
            }
        }
    }
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn western(bytes: &[u8]) -> String {
    let windows: Vec<char> = WINDOWS.chars().collect();
    let character = |byte: &u8| match byte {
        0x80..=0x9f => windows[usize::from(byte - 0x80)],
        byte => char::from(*byte),
    };
    bytes.iter().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_the_encodings_that_captions_come_in() {
        for (bytes, expected, guessed) in [
            ("Grüße".as_bytes(), "Grüße", false),
            (b"\xef\xbb\xbfHi", "Hi", false),
            (b"\xff\xfeH\0i\0", "Hi", false),
            (b"\xfe\xff\0H\0i", "Hi", false),
            (b"\xff\xfeH\0\x3d\xd8", "H\u{fffd}", false),
            (b"Gr\xfc\xdfe \x93x\x94 \x80", "Grüße “x” €", true),
            (b"cut \xc3", "cut ", false),
            (b"", "", false),
        ] {
            let (text, note) = text(bytes);
            assert_eq!(text, expected);
            assert_eq!(note.is_some(), guessed, "{expected}");
        }
        assert_eq!(WINDOWS.chars().count(), 32);
    }
}
