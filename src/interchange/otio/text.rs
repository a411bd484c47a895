//! OTIO's text: JSON, and now and then numbers that JSON does not have.

use serde_json::Value;

/// What OTIO writes for numbers that are none, the longest first.
const NO_NUMBERS: [&[u8]; 3] = [b"Infinity", b"Inf", b"NaN"];

/// Reads the text of a file. Numbers that are none are taken for 0: they stand in the
/// metadata of other programs.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(text).or_else(|error| match without_no_numbers(text) {
        Some(text) => serde_json::from_slice(&text),
        None => Err(error),
    })
}

/// The text with 0 in place of each such number and as long as it was, so that errors name
/// the right places; `None` if it has none.
fn without_no_numbers(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = text.to_vec();
    let mut found = false;
    let (mut is_string, mut at) = (false, 0);
    while at < text.len() {
        match text[at] {
            b'"' => is_string = !is_string,
            b'\\' if is_string => at += 1,
            b'-' | b'I' | b'N' if !is_string => {
                let number = text[at..].strip_prefix(b"-").unwrap_or(&text[at..]);
                let word = NO_NUMBERS.iter().find(|word| number.starts_with(word));
                if let Some(word) = word {
                    let end = text.len() - number.len() + word.len();
                    out[at..end].fill(b' ');
                    out[at] = b'0';
                    found = true;
                    at = end;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_are_none_do_not_spoil_a_file() {
        let text = r#"{"a": [Inf, -Infinity, NaN, -1], "NaN": "Inf \" NaN", "b": 2}"#;
        let read = parse(text.as_bytes()).expect("reads");
        assert_eq!(
            read,
            json!({"a": [0, 0, 0, -1], "NaN": "Inf \" NaN", "b": 2})
        );
        for text in ["", "{", "Nan", "Info", "\"\\", "[-I]", "nul"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
