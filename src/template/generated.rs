//! Assets that another service would make from words: not made here, and said so.

use crate::template::cursor::{Cursor, Object};
use crate::template::error::EditError;

/// The kinds that are nothing but words, and the kind of file to give instead.
const KINDS: [(&str, &str); 3] = [
    ("text-to-image", "image"),
    ("image-to-video", "video"),
    ("text-to-speech", "audio"),
];

/// Refuses a kind of asset that is made from words.
pub(super) fn refuse_kind(kind: &Cursor) -> Result<(), EditError> {
    let found = KINDS
        .iter()
        .find(|(name, _)| kind.value.as_str() == Some(name));
    match found {
        Some((_, instead)) => Err(kind.error(format!(
            "a file that is there: nothing is generated here, so give \"type\": \"{instead}\" with the src of the finished file"
        ))),
        None => Ok(()),
    }
}

/// Refuses a video, picture or sound that has words where its file should be.
pub(super) fn refuse_prompt(object: &Object) -> Result<(), EditError> {
    if object.get("src").is_some() {
        return Ok(());
    }
    match ["prompt", "model"].iter().find_map(|name| object.get(name)) {
        Some(words) => Err(words.error("src, with a finished file: nothing is generated here")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_be_generated_is_refused_with_what_to_give_instead() {
        for (kind, instead) in KINDS {
            let value = json!(kind);
            let error = refuse_kind(&Cursor::root(&value)).expect_err(kind);
            assert!(
                error
                    .to_string()
                    .contains(&format!("\"type\": \"{instead}\"")),
                "{error}"
            );
        }
        assert_eq!(refuse_kind(&Cursor::root(&json!("image"))), Ok(()));
        let words = json!({"type": "image", "prompt": "a cat", "model": "x"});
        let error = refuse_prompt(&Cursor::root(&words).object().expect("object"));
        let error = error.expect_err("no file").to_string();
        assert!(
            error.starts_with("/prompt: \"a cat\"") && error.contains("src"),
            "{error}"
        );
        let file = json!({"type": "image", "src": "a.png", "prompt": "a cat"});
        assert_eq!(
            refuse_prompt(&Cursor::root(&file).object().expect("object")),
            Ok(())
        );
    }
}
