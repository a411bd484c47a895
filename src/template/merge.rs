//! Merge fields: `{{ KEY }}` in any text of an Edit, filled in from the data.
//!
//! Runs over the whole document before anything else looks at it. White space
//! inside the braces does not count, case does. A placeholder that is alone in
//! its text takes the value's type (so that a number can be filled into
//! `start`); inside a longer text the value's text is put in its place. Values
//! are never searched for placeholders again. Into a field named `html`, and into
//! the markup of an `svg`, they go escaped: a name is text, whatever characters it has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::template::cursor::Cursor;
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::known::Known;
use crate::template::scenes::{self, Expanded};
use crate::time::Time;

/// The values of one recipient, by the name of their field.
pub type Data = BTreeMap<String, Value>;

/// The most merge fields that a template may have.
pub const MAX_FIELDS: usize = 200;

/// The longest a text may be after filling in.
pub const MAX_TEXT: usize = 100_000;

/// A merge field and its default, as the template declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name, without braces.
    pub find: String,
    /// The value where the data has none.
    pub replace: Value,
}

/// The fields that the template declares, in its order.
pub fn fields(document: &Value) -> Result<Vec<Field>, EditError> {
    let Some(merge) = Cursor::root(document).object()?.get("merge") else {
        return Ok(Vec::new());
    };
    if merge.value.as_array().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    merge
        .elements(MAX_FIELDS)?
        .iter()
        .map(|element| {
            let object = element.object()?;
            let find = object
                .need("find", "the name of a merge field")?
                .text(200)?
                .trim()
                .to_owned();
            let replace = object
                .get("replace")
                .map_or(Value::String(String::new()), |cursor| cursor.value.clone());
            Ok(Field { find, replace })
        })
        .collect()
}

/// A document with its placeholders filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The document.
    pub document: Value,
    /// Where there had been placeholders: what is there depends on the recipient.
    pub dynamic: BTreeSet<Pointer>,
    /// When scenes of the template begin and end.
    pub cuts: Vec<Time>,
    /// Data that no placeholder asked for, and rules that are not known.
    pub warnings: Vec<Warning>,
    /// Where in the template that comes from which stands elsewhere in the document.
    origins: BTreeMap<Pointer, Pointer>,
}

impl Merged {
    /// Whether anything at `pointer` or inside it had a placeholder, or is there only
    /// by the data.
    pub fn is_dynamic(&self, pointer: &Pointer) -> bool {
        // In their order, what is inside of a place comes right after its slash.
        let inside = self.dynamic.range(pointer.join("/")..).next();
        self.dynamic.contains(pointer) || inside.is_some_and(|place| pointer.contains(place))
    }

    /// Where in the template `pointer` of the document comes from.
    pub fn origin(&self, pointer: &Pointer) -> Pointer {
        // The deepest that was moved counts: a clip of a moved track was moved with it.
        let mut place = pointer.clone();
        while let Some(outer) = place.outer() {
            if let Some(origin) = self.origins.get(&place) {
                return pointer.moved(&place, origin);
            }
            place = outer;
        }
        pointer.clone()
    }

    /// The error as one about the template.
    pub fn in_template(&self, error: EditError) -> EditError {
        EditError {
            pointer: self.origin(&error.pointer),
            ..error
        }
    }
}

/// Fills `data`, and the template's defaults where it has none, into `document`.
pub fn merge(mut document: Value, data: &Data) -> Result<Merged, EditError> {
    let fields = fields(&document)?;
    let mut values: BTreeMap<&str, &Value> = fields
        .iter()
        .map(|f| (f.find.as_str(), &f.replace))
        .collect();
    values.extend(data.iter().map(|(key, value)| (key.as_str(), value)));
    let mut filler = Filler {
        known: Known::new(values),
        dynamic: BTreeSet::new(),
    };
    let mut expanded = Expanded::default();
    if let Some(object) = document.as_object_mut() {
        for (name, value) in object
            .iter_mut()
            .filter(|(name, _)| *name != "merge" && *name != "loomcast")
        {
            let place = Pointer::default().member(name);
            match value {
                Value::Object(timeline) if name == "timeline" => {
                    expanded = fill_timeline(timeline, &mut filler, &place)?;
                }
                other => filler.fill(other, &place)?,
            }
        }
    }
    let unused = data.keys().filter(|key| !filler.known.is_used(key));
    let warnings = unused
        .map(|key| Warning {
            pointer: Pointer::from("/merge"),
            message: format!(
                "the data has a value for {key:?}, but the template has no such placeholder"
            ),
        })
        .chain(expanded.warnings)
        .collect();
    Ok(Merged {
        document,
        dynamic: filler.dynamic,
        cuts: expanded.cuts,
        warnings,
        origins: expanded.origins,
    })
}

/// The tracks have rules of their own; all else is filled in as it is.
fn fill_timeline(
    timeline: &mut Map<String, Value>,
    filler: &mut Filler,
    place: &Pointer,
) -> Result<Expanded, EditError> {
    let expanded = scenes::expand(timeline, filler)?;
    let others = timeline.iter_mut();
    for (name, value) in others.filter(|(name, value)| *name != "tracks" || !value.is_array()) {
        filler.fill(value, &place.member(name))?;
    }
    Ok(expanded)
}

pub(super) struct Filler<'a> {
    pub known: Known<'a>,
    pub dynamic: BTreeSet<Pointer>,
}

impl Filler<'_> {
    /// Fills in what is in `value`, which stands at `pointer`.
    pub fn fill(&mut self, value: &mut Value, pointer: &Pointer) -> Result<(), EditError> {
        self.fill_in(value, pointer, pointer.as_str().ends_with("/html"))
    }

    /// `markup` says whether a text is markup, in which values are escaped.
    fn fill_in(
        &mut self,
        value: &mut Value,
        pointer: &Pointer,
        markup: bool,
    ) -> Result<(), EditError> {
        match value {
            Value::String(text) => {
                if let Some(filled) = self.fill_text(text, markup, pointer)? {
                    self.dynamic.insert(pointer.clone());
                    *value = filled;
                }
                Ok(())
            }
            Value::Array(elements) => elements
                .iter_mut()
                .enumerate()
                .try_for_each(|(i, element)| self.fill(element, &pointer.element(i))),
            Value::Object(members) => {
                let is_svg = members.get("type").and_then(Value::as_str) == Some("svg");
                members.iter_mut().try_for_each(|(name, member)| {
                    let markup = name == "html" || (is_svg && name == "src");
                    self.fill_in(member, &pointer.member(name), markup)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    /// The text with its placeholders filled in, or `None` if it has none.
    fn fill_text(
        &mut self,
        text: &str,
        markup: bool,
        pointer: &Pointer,
    ) -> Result<Option<Value>, EditError> {
        let mut filled = String::new();
        let mut rest = text;
        let mut found = false;
        while let Some((before, name, after)) = next_placeholder(rest) {
            let value = self.known.get(name).ok_or_else(|| {
                EditError::new(
                    pointer.clone(),
                    format_args!("{{{{ {name} }}}}"),
                    format!("a value for {name:?} in the data, or a default in /merge"),
                )
            })?;
            found = true;
            let alone =
                before.trim().is_empty() && after.trim().is_empty() && filled.trim().is_empty();
            if alone && !markup {
                return Ok(Some(value.clone()));
            }
            filled.push_str(before);
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            filled.push_str(&if markup { escape(&text) } else { text });
            if filled.len() > MAX_TEXT {
                let found = format!("a text of more than {MAX_TEXT} bytes after merging");
                return Err(EditError::new(pointer.clone(), found, "less"));
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(found.then_some(Value::String(filled)))
    }
}

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Splits `text` at its first placeholder: what is before, the name, what is after.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find("{{")?;
        let close = open + 2 + text[open + 2..].find("}}")?;
        let name = text[open + 2..close].trim();
        // CSS and JSON have double braces too; a field's name has none of these.
        let is_name = !name.is_empty() && !name.contains(['{', '}', '\n', ':', ';', '"']);
        if is_name {
            return Some((&text[..open], name, &text[close + 2..]));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data(value: Value) -> Data {
        value
            .as_object()
            .expect("object")
            .clone()
            .into_iter()
            .collect()
    }

    fn check(text: &str, values: Value, expected: Value) {
        let merged = merge(json!({"text": text}), &data(values)).expect("merges");
        assert_eq!(merged.document["text"], expected, "{text}");
    }

    #[test]
    fn placeholders_are_filled_in() {
        check(
            "Hello, {{ name }}!",
            json!({"name": "Zoë O'Neil"}),
            json!("Hello, Zoë O'Neil!"),
        );
        check(
            "{{a}}{{ a }} and {{  a}}",
            json!({"a": "x"}),
            json!("xx and x"),
        );
        check(
            "costs {{ price }} €",
            json!({"price": 12.5}),
            json!("costs 12.5 €"),
        );
        check("{{ a }}", json!({"a": "{{ a }}"}), json!("{{ a }}"));
        check("a{b{color:red}}", json!({}), json!("a{b{color:red}}"));
        check("{{ open", json!({}), json!("{{ open"));
    }

    #[test]
    fn a_placeholder_alone_takes_the_type_of_its_value() {
        check("{{ start }}", json!({"start": 5.2}), json!(5.2));
        check(" {{ on }} ", json!({"on": true}), json!(true));
        check("{{ list }}", json!({"list": [1]}), json!([1]));
    }

    #[test]
    fn in_html_a_value_is_text_and_never_markup() {
        let document = json!({"asset": {"html": "<p>{{ name }}</p>", "text": "{{ name }}"}});
        let merged = merge(document, &data(json!({"name": "<b>Tom & Jo's</b>"}))).expect("merges");
        assert_eq!(
            merged.document["asset"]["html"],
            "<p>&lt;b&gt;Tom &amp; Jo&#39;s&lt;/b&gt;</p>"
        );
        assert_eq!(merged.document["asset"]["text"], "<b>Tom & Jo's</b>");
        let document =
            json!({"a": {"type": "svg", "src": "<rect fill='{{ name }}'/>", "name": "{{ name }}"}});
        let merged = merge(document, &data(json!({"name": "'/><g"}))).expect("merges");
        assert_eq!(
            merged.document["a"]["src"],
            "<rect fill='&#39;/&gt;&lt;g'/>"
        );
        assert_eq!(merged.document["a"]["name"], "'/><g");
    }

    #[test]
    fn the_data_comes_before_the_default_of_the_template() {
        let document = json!({"text": "{{ a }} {{ b }}", "merge": [{"find": "a", "replace": "A"}, {"find": "b", "replace": "B"}]});
        let merged = merge(document, &data(json!({"b": "data"}))).expect("merges");
        assert_eq!(merged.document["text"], "A data");
    }

    #[test]
    fn a_missing_value_is_an_error_that_names_it() {
        let error = merge(
            json!({"a": [{"b": "x {{ Name }}"}]}),
            &data(json!({"name": ""})),
        )
        .expect_err("missing");
        assert_eq!(
            error.to_string(),
            "/a/0/b: {{ Name }} is not allowed: expected a value for \"Name\" in the data, or a default in /merge"
        );
    }

    #[test]
    fn what_had_a_placeholder_is_known_whatever_its_value() {
        let merged = merge(
            json!({"a": {"b": "{{ x }}"}, "c": "x"}),
            &data(json!({"x": "x"})),
        )
        .expect("merges");
        assert!(merged.is_dynamic(&"/a".into()) && merged.is_dynamic(&"/a/b".into()));
        assert!(!merged.is_dynamic(&"/c".into()) && !merged.is_dynamic(&"/a/b/c".into()));
    }

    #[test]
    fn data_that_nothing_asks_for_is_warned_about() {
        let merged = merge(json!({}), &data(json!({"nmae": "Ana"}))).expect("merges");
        assert!(merged.warnings[0].message.contains("nmae"));
    }
}
