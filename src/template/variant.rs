//! Variants: one template in several shapes, each said as what differs.

use serde_json::{Map, Value};

use crate::template::cursor::Cursor;
use crate::template::error::{EditError, Pointer};

/// The most variants of a template.
const MAX_VARIANTS: usize = 100;

/// What a variant may change.
const PARTS: [&str; 2] = ["output", "timeline"];

/// The names of the variants of a template.
pub fn names(document: &Value) -> Vec<&str> {
    let variants = document.pointer("/loomcast/variants");
    let variants = variants.and_then(Value::as_object).into_iter().flatten();
    variants.map(|(name, _)| name.as_str()).collect()
}

/// The template as the variant has it that it names itself, in `/loomcast/variant`: for
/// those who can say so in their Edit alone. Unchanged where it names none.
pub fn choose_own(document: Value) -> Result<Value, EditError> {
    let Some(named) = document.pointer("/loomcast/variant") else {
        return Ok(document);
    };
    match named.as_str().map(str::to_owned) {
        Some(name) => choose(document, &name),
        None => Err(Cursor {
            value: named,
            pointer: Pointer::from("/loomcast/variant"),
        }
        .error("the name of a variant")),
    }
}

/// The template as its variant `name` has it, whatever it names itself: `output` and `timeline` of
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
    // It is chosen.
    if let Some(own) = document.get_mut("loomcast").and_then(Value::as_object_mut) {
        own.shift_remove("variant");
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

    #[test]
    fn a_template_may_choose_a_variant_itself_and_a_request_comes_first() {
        let template = json!({
            "output": {"aspectRatio": "16:9"},
            "loomcast": {"variant": "tall", "variants": {
                "tall": {"output": {"aspectRatio": "9:16"}},
                "square": {"output": {"aspectRatio": "1:1"}},
            }},
        });
        let ratio = |document: &Value| document["output"]["aspectRatio"].clone();
        let own = choose_own(template.clone()).expect("there");
        assert_eq!(ratio(&own), "9:16");
        let square = choose(template.clone(), "square").expect("there");
        let square = choose_own(square).expect("nothing more to choose");
        assert_eq!(ratio(&square), "1:1");
        assert_eq!(
            choose_own(json!({"a": 1})).expect("as it is"),
            json!({"a": 1})
        );
        for (variant, part) in [
            (json!("round"), "one of tall, square"),
            (json!(3), "/loomcast/variant: 3 is not allowed"),
        ] {
            let mut template = template.clone();
            template["loomcast"]["variant"] = variant;
            let error = choose_own(template).expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
