//! What is known while an Edit is filled in: the data, the template's defaults, and
//! the element of a list for which something is repeated just now.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

/// One element of a list, by the name that placeholders call it.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: String,
    items: Rc<Vec<Value>>,
    at: usize,
    /// Counted from zero, and from one.
    index: Value,
    number: Value,
}

impl Element {
    /// Element `at` of `items`.
    pub fn new(name: &str, items: &Rc<Vec<Value>>, at: usize) -> Self {
        Self {
            name: name.to_owned(),
            items: Rc::clone(items),
            at,
            index: Value::from(at),
            number: Value::from(at + 1),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let rest = name.strip_prefix(self.name.as_str())?;
        let item = self.items.get(self.at)?;
        if rest.is_empty() {
            return Some(item);
        }
        let rest = rest.strip_prefix('.')?;
        inside(item, rest).or(match rest {
            "index" => Some(&self.index),
            "number" => Some(&self.number),
            _ => None,
        })
    }
}

/// Values by the names of their fields.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    values: BTreeMap<&'a str, &'a Value>,
    used: RefCell<BTreeSet<String>>,
    /// The elements that something is repeated for, the innermost at the end.
    pub elements: Vec<Element>,
}

impl<'a> Known<'a> {
    pub fn new(values: BTreeMap<&'a str, &'a Value>) -> Self {
        Self {
            values,
            ..Self::default()
        }
    }

    /// The value of `name`: of the innermost element of that name, else of the field of
    /// that name, else what is inside of the field before the first dot.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let of_element = |element: &'_ Element| element.get(name).is_some();
        if let Some(element) = self
            .elements
            .iter()
            .rev()
            .find(|element| of_element(element))
        {
            return element.get(name);
        }
        let (field, value) = match self.values.get(name) {
            Some(value) => (name, *value),
            None => {
                let (field, rest) = name.split_once('.')?;
                (field, inside(self.values.get(field)?, rest)?)
            }
        };
        self.used.borrow_mut().insert(field.to_owned());
        Some(value)
    }

    /// Whether anything asked for the field `name`.
    pub fn is_used(&self, name: &str) -> bool {
        self.used.borrow().contains(name)
    }
}

/// What `path`, names and numbers with dots between, leads to in `value`.
fn inside<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Object(members) => members.get(step),
        Value::Array(elements) => elements.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_looked_for_in_elements_then_in_fields_then_inside_of_them() {
        let (order, exact) = (
            json!({"lines": [{"sku": "A"}, {"sku": "B"}]}),
            json!("exact"),
        );
        let item = json!("outside");
        let mut known = Known::new(BTreeMap::from([
            ("order", &order),
            ("order.id", &exact),
            ("item", &item),
        ]));
        assert_eq!(known.get("order.lines.1.sku"), Some(&json!("B")));
        assert_eq!(known.get("order.id"), Some(&json!("exact")));
        assert_eq!(known.get("order.lines.7"), None);
        assert_eq!(known.get("item"), Some(&json!("outside")));
        let items = Rc::new(vec![json!({"name": "x", "index": 9}), json!({"name": "y"})]);
        known.elements.push(Element::new("item", &items, 0));
        assert_eq!(known.get("item.name"), Some(&json!("x")));
        assert_eq!(known.get("item.index"), Some(&json!(9)));
        assert_eq!(known.get("item.number"), Some(&json!(1)));
        known.elements.push(Element::new("item", &items, 1));
        assert_eq!(known.get("item.name"), Some(&json!("y")));
        assert_eq!(known.get("item.index"), Some(&json!(1)));
        assert_eq!(known.get("items"), None);
        assert!(known.is_used("order") && !known.is_used("order.lines"));
    }
}
