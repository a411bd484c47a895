//! Conditions on merge data, as JSON: no language, no functions, nothing that runs long.

use serde_json::Value;

use crate::template::cursor::Cursor;
use crate::template::error::EditError;

/// How deep conditions may be inside one another.
const MAX_DEPTH: usize = 8;

/// The most conditions in an `and` or `or`, and the most values in a list.
const MAX_PARTS: usize = 100;

/// The longest name of a field, in characters.
const MAX_NAME: usize = 200;

const ALLOWED: &str = "one of {\"present\": FIELD}, {\"==\", \"!=\", \"<\", \"<=\", \">\", \">=\": [FIELD, VALUE]}, {\"in\": [FIELD, [VALUES]]}, {\"and\", \"or\": [CONDITIONS]} and {\"not\": CONDITION}";

/// Whether `condition` holds. `value` knows what the data has for a field.
pub(super) fn holds<'v>(
    condition: &Cursor,
    value: &mut dyn FnMut(&str) -> Option<&'v Value>,
) -> Result<bool, EditError> {
    at_depth(condition, value, 1)
}

fn at_depth<'v>(
    condition: &Cursor,
    value: &mut dyn FnMut(&str) -> Option<&'v Value>,
    depth: usize,
) -> Result<bool, EditError> {
    if depth > MAX_DEPTH {
        let found = format!("conditions {depth} deep");
        return Err(EditError::new(
            condition.pointer.clone(),
            found,
            format!("at most {MAX_DEPTH}"),
        ));
    }
    let whole = condition
        .value
        .as_object()
        .filter(|object| object.len() == 1);
    let (name, inner) = whole
        .and_then(|object| object.iter().next())
        .ok_or_else(|| condition.error(ALLOWED))?;
    let inner = Cursor {
        value: inner,
        pointer: condition.pointer.member(name),
    };
    match name.as_str() {
        "present" => Ok(value(inner.text(MAX_NAME)?).is_some_and(is_something)),
        "not" => at_depth(&inner, value, depth + 1).map(|holds| !holds),
        // All parts are read, so that a mistake in one is found whatever the others say.
        "and" => all(&inner, value, depth).map(|parts| parts.iter().all(|holds| *holds)),
        "or" => all(&inner, value, depth).map(|parts| parts.iter().any(|holds| *holds)),
        "in" => {
            let (found, list) = operands(&inner, value)?;
            let list = list.elements(MAX_PARTS)?;
            Ok(found.is_some_and(|found| list.iter().any(|one| is_same(found, one.value))))
        }
        "==" | "!=" => {
            let (found, other) = operands(&inner, value)?;
            let same = found.is_some_and(|found| is_same(found, other.value));
            Ok(same == (name == "=="))
        }
        "<" | "<=" | ">" | ">=" => {
            let (found, other) = operands(&inner, value)?;
            let limit = number(other.value).ok_or_else(|| other.error("a number"))?;
            let Some(found) = found.filter(|found| is_something(found)) else {
                return Ok(false);
            };
            let found = number(found).ok_or_else(|| {
                let shown = crate::template::error::shown(found);
                EditError::new(inner.pointer.clone(), shown, "data that is a number")
            })?;
            Ok(match name.as_str() {
                "<" => found < limit,
                "<=" => found <= limit,
                ">" => found > limit,
                _ => found >= limit,
            })
        }
        _ => Err(condition.error(ALLOWED)),
    }
}

fn all<'v>(
    list: &Cursor,
    value: &mut dyn FnMut(&str) -> Option<&'v Value>,
    depth: usize,
) -> Result<Vec<bool>, EditError> {
    let parts = list.elements(MAX_PARTS)?;
    parts
        .iter()
        .map(|part| at_depth(part, value, depth + 1))
        .collect()
}

/// What the data has for the field named first, and what it is compared with.
fn operands<'v, 'c>(
    pair: &Cursor<'c>,
    value: &mut dyn FnMut(&str) -> Option<&'v Value>,
) -> Result<(Option<&'v Value>, Cursor<'c>), EditError> {
    let allowed = || pair.error("[FIELD, VALUE]");
    let mut parts = pair.elements(2).map_err(|_| allowed())?;
    let (Some(other), Some(field)) = (parts.pop(), parts.pop()) else {
        return Err(allowed());
    };
    Ok((value(field.text(MAX_NAME)?), other))
}

/// Whether there is anything: an empty text or list is nothing.
fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        _ => true,
    }
}

/// Whether the data's value is meant by the template's: data is often all texts.
fn is_same(found: &Value, meant: &Value) -> bool {
    match (found, meant) {
        (Value::String(text), Value::Bool(flag)) => text.trim() == flag.to_string(),
        (_, Value::Number(_)) => number(found).is_some() && number(found) == number(meant),
        (Value::Number(_), Value::String(_)) => {
            number(meant).is_some() && number(found) == number(meant)
        }
        _ => found == meant,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(condition: Value) -> Result<bool, String> {
        let data = json!({
            "plan": "gold", "age": "41", "price": 9.5, "vip": "true", "empty": " ",
            "list": [1], "nothing": null,
        });
        let mut value = |name: &str| data.get(name);
        holds(&Cursor::root(&condition), &mut value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_condition_holds_or_not() {
        for (condition, expected) in [
            (json!({"==": ["plan", "gold"]}), true),
            (json!({"==": ["plan", "silver"]}), false),
            (json!({"!=": ["plan", "silver"]}), true),
            (json!({"!=": ["absent", "silver"]}), true),
            (json!({"==": ["absent", "silver"]}), false),
            (json!({"==": ["age", 41]}), true),
            (json!({"==": ["price", "9.50"]}), true),
            (json!({"==": ["vip", true]}), true),
            (json!({"<": ["age", 42]}), true),
            (json!({"<": ["price", "9.5"]}), false),
            (json!({"<=": ["price", 9.5]}), true),
            (json!({">": ["absent", 0]}), false),
            (json!({">=": ["age", 41]}), true),
            (json!({"in": ["plan", ["silver", "gold"]]}), true),
            (json!({"in": ["age", [40, 41]]}), true),
            (json!({"present": "plan"}), true),
            (json!({"present": "list"}), true),
            (json!({"present": "empty"}), false),
            (json!({"present": "nothing"}), false),
            (json!({"not": {"present": "absent"}}), true),
            (
                json!({"and": [{"present": "plan"}, {"<": ["age", 18]}]}),
                false,
            ),
            (
                json!({"or": [{"present": "absent"}, {">": ["age", 18]}]}),
                true,
            ),
        ] {
            assert_eq!(check(condition.clone()), Ok(expected), "{condition}");
        }
    }

    #[test]
    fn a_mistake_in_a_condition_is_named() {
        let mut deep = json!({"present": "plan"});
        for _ in 0..MAX_DEPTH {
            deep = json!({"not": deep});
        }
        for (condition, part) in [
            (json!("plan == 'gold'"), "expected one of {\"present\""),
            (json!({}), "expected one of"),
            (json!({"~": ["plan", 1]}), "expected one of"),
            (
                json!({"==": ["plan"]}),
                "/==: [\"plan\"] is not allowed: expected [FIELD, VALUE]",
            ),
            (json!({"in": ["plan", "gold"]}), "/in/1"),
            (
                json!({"<": ["plan", 5]}),
                "/<: \"gold\" is not allowed: expected data that is a number",
            ),
            (json!({"<": ["age", "x"]}), "/</1: \"x\""),
            (json!({"and": []}), "/and: an array of 0"),
            (
                json!({"or": [{"present": "plan"}, {"present": 5}]}),
                "/or/1/present: 5",
            ),
            (deep, "conditions 9 deep"),
        ] {
            let error = check(condition).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
