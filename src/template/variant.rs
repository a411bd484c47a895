//! Variants: one template in several shapes, each said as what differs.

use serde_json::{Map, Value};

use crate::template::cursor::Cursor;
use crate::template::error::{EditError, Pointer};

/// The most variants of a template.
const MAX_VARIANTS: usize = 100;

/// What a variant may change.
const PARTS: [&str; 2] = ["output", "timeline"];

/// The template as its variant `name` has it: `output` and `timeline` of
/// `/loomcast/variants/NAME`, merged into the template's own as JSON merge patches
/// (RFC 7386). An error where there is no such variant.
pub fn choose(mut document: Value, name: &str) -> Result<Value, EditError> {
    let variants = document
        .pointer("/loomcast/variants")
        .and_then(Value::as_object)
        .filter(|variants| variants.len() <= MAX_VARIANTS);
    let names = || {
        let names = variants.iter().flat_map(|variants| variants.keys());
        names.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let pointer = Pointer::from("/loomcast/variants").member(name);
    let Some(patch) = variants.and_then(|variants| variants.get(name)) else {
        let allowed = match names() {
            none if none.is_empty() => "no variant: the template has none".to_owned(),
            names => format!("one of {names}"),
        };
        return Err(EditError::new(
            pointer,
            format!("the variant {name:?}"),
            allowed,
        ));
    };
    let cursor = Cursor {
        value: patch,
        pointer,
    };
    let patch = patch.as_object().ok_or_else(|| cursor.error("an object"))?;
    if let Some(other) = patch.keys().find(|key| !PARTS.contains(&key.as_str())) {
        let place = cursor.pointer.member(other);
        return Err(EditError::new(place, "a change of it", PARTS.join(" and ")));
    }
    let patch = patch.clone();
    let whole = Map::new();
    let Some(document) = document.as_object_mut() else {
        return Ok(Value::Object(whole));
    };
    for (part, change) in patch {
        apply(document.entry(part).or_insert(Value::Null), change);
    }
    Ok(Value::Object(std::mem::take(document)))
}

/// RFC 7386. No deeper than JSON is read.
fn apply(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else {
        return;
    };
    for (name, change) in patch {
        if change.is_null() {
            target.shift_remove(&name);
        } else {
            apply(target.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_are_applied_as_rfc_7386_has_it() {
        // Its appendix A, and what is nested.
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!(["a", "b"]), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut patched = target.clone();
            apply(&mut patched, patch);
            assert_eq!(patched, expected, "{target}");
        }
    }

    #[test]
    fn a_variant_changes_output_and_timeline_only() {
        let template = json!({
            "timeline": {"background": "#000000", "tracks": [1]},
            "output": {"resolution": "hd", "aspectRatio": "16:9"},
            "loomcast": {"variants": {
                "square": {"output": {"aspectRatio": "1:1"}, "timeline": {"background": null}},
                "odd": {"merge": []},
                "flat": 5,
            }},
        });
        let square = choose(template.clone(), "square").expect("there");
        assert_eq!(
            square["output"],
            json!({"resolution": "hd", "aspectRatio": "1:1"})
        );
        assert_eq!(square["timeline"], json!({"tracks": [1]}));
        for (name, part) in [
            ("round", "one of square, odd, flat"),
            ("odd", "/loomcast/variants/odd/merge"),
            ("flat", "expected an object"),
        ] {
            let error = choose(template.clone(), name).expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = choose(json!({}), "square").expect_err("none").to_string();
        assert!(error.contains("the template has none"), "{error}");
    }
}
