//! Who is to be told how a video ends, as a request says it.

use axum::http::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::base::base;
use crate::http::{ApiError, AppState};
use crate::jobs::callbacks::{MAX_URL_BYTES, Owed, Slot};
use crate::jobs::orders::Order;
use crate::template::asset::Place;
use crate::template::merge::merge;

/// What an address may be.
const ALLOWED: &str = "an address as https://example.com/done, of at most 2048 bytes";

/// The callback that is wanted for the video `id` of `order`: `asked` of the request,
/// else that of its Edit. There is room for it then.
pub(super) fn wanted(
    state: &AppState,
    id: Uuid,
    order: &Order,
    asked: Option<String>,
    headers: &HeaderMap,
) -> Result<Option<(Slot, Owed)>, ApiError> {
    let url = match asked {
        Some(url) => Some(checked(url)?),
        None => of_edit(order)?,
    };
    let Some(url) = url else {
        return Ok(None);
    };
    let slot = state.callbacks.reserve(id)?;
    let owed = Owed {
        url,
        base: base(headers),
        order: order.clone(),
    };
    Ok(Some((slot, owed)))
}

/// Has it sent, once the video is on its way.
pub(super) async fn promise(state: &AppState, wanted: Option<(Slot, Owed)>) {
    if let Some((slot, owed)) = wanted {
        state.callbacks.promise(slot, owed).await;
    }
}

/// The Edit's callback, its merge fields filled in.
fn of_edit(order: &Order) -> Result<Option<String>, ApiError> {
    let Some(callback) = order.edit.get("callback") else {
        return Ok(None);
    };
    let merge_fields = order.edit.get("merge").unwrap_or(&Value::Null);
    let mut part = json!({"callback": callback});
    if !merge_fields.is_null() {
        part["merge"] = merge_fields.clone();
    }
    let merged = merge(part, &order.data).map_err(ApiError::Edit)?;
    match &merged.document["callback"] {
        // An empty one is as none: forms leave them so.
        Value::Null => Ok(None),
        Value::String(url) if url.is_empty() => Ok(None),
        Value::String(url) => checked(url.clone()).map(Some),
        other => Err(refused(&other.to_string())),
    }
}

fn checked(url: String) -> Result<String, ApiError> {
    let usable = url.len() <= MAX_URL_BYTES && Place::address(&url).is_some();
    if usable { Ok(url) } else { Err(refused(&url)) }
}

fn refused(found: &str) -> ApiError {
    let shown: String = found.chars().take(200).collect();
    ApiError::field("/callback", format!("{shown:?} is not allowed"), ALLOWED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::PartitionWish;
    use crate::publish::RenderMode;

    fn of(edit: Value) -> Result<Option<String>, ApiError> {
        of_edit(&Order {
            template: None,
            edit,
            data: [("id".to_owned(), json!(7))].into(),
            partitioning: PartitionWish::default(),
            mode: RenderMode::Ahead,
        })
    }

    #[test]
    fn an_edits_callback_is_an_address_with_its_fields_filled_in() {
        for (callback, expected) in [
            (json!("https://a.example/x"), Some("https://a.example/x")),
            (
                json!("https://a.example/{{ id }}"),
                Some("https://a.example/7"),
            ),
            (json!(""), None),
            (Value::Null, None),
        ] {
            let found = of(json!({"callback": callback})).expect("allowed");
            assert_eq!(found.as_deref(), expected, "{callback}");
        }
        let long = format!("https://a.example/{}", "x".repeat(MAX_URL_BYTES));
        for callback in [
            json!("a.example"),
            json!("/x"),
            json!("file:///x"),
            json!("https://user:word@a.example"),
            json!("https://"),
            json!(long),
            json!(5),
        ] {
            let refused = of(json!({"callback": callback.clone()}));
            assert!(
                matches!(refused, Err(ApiError::BadRequest { field: Some(field), .. }) if field == "/callback"),
                "{callback}"
            );
        }
        assert!(of(json!({"callback": "{{ none }}"})).is_err());
        assert_eq!(of(json!({})).expect("allowed"), None);
    }
}
