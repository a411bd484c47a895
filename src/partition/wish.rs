//! What a template and a request want of the cuts.

use serde_json::Value;

use crate::partition::{CHUNK_MAX_RANGE, Partitioning, Scheme};
use crate::template::cursor::Cursor;
use crate::template::error::{EditError, Pointer, Warning};
use crate::time::Time;

/// What a request wants; the rest is up to the template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionWish {
    /// Where the cuts fall.
    pub scheme: Option<Scheme>,
    /// The longest video chunk. Within [`CHUNK_MAX_RANGE`].
    pub chunk_max: Option<Time>,
}

impl PartitionWish {
    /// The partitioning of `document`: what is wanted here, else what stands in its
    /// `/loomcast/partition`, else the default.
    pub fn settle(
        self,
        document: &Value,
        warnings: &mut Vec<Warning>,
    ) -> Result<Partitioning, EditError> {
        let default = Partitioning::default();
        let of_template = match document.pointer("/loomcast/partition") {
            Some(value) => read(value, warnings)?,
            None => Self::default(),
        };
        Ok(Partitioning {
            scheme: self.scheme.or(of_template.scheme).unwrap_or(default.scheme),
            chunk_max: self
                .chunk_max
                .or(of_template.chunk_max)
                .unwrap_or(default.chunk_max),
        })
    }
}

fn read(value: &Value, warnings: &mut Vec<Warning>) -> Result<PartitionWish, EditError> {
    let cursor = Cursor {
        value,
        pointer: Pointer::from("/loomcast/partition"),
    };
    let object = cursor.object()?;
    let scheme = object.get("scheme");
    let chunk_max = object.get("chunkMax").map(|cursor| {
        let range = CHUNK_MAX_RANGE.start().as_seconds()..=CHUNK_MAX_RANGE.end().as_seconds();
        let seconds = cursor.number(&range)?;
        Time::from_decimal_seconds(seconds).ok_or_else(|| cursor.error("a number of seconds"))
    });
    let wish = PartitionWish {
        scheme: scheme
            .map(|cursor| cursor.choice(&Scheme::NAMED))
            .transpose()?,
        chunk_max: chunk_max.transpose()?,
    };
    object.finish(warnings);
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_comes_before_the_template_and_that_before_the_default() {
        let template =
            json!({"loomcast": {"partition": {"scheme": "objects", "chunkMax": 4, "x": 1}}});
        let mut warnings = Vec::new();
        let mut settle = |wish: PartitionWish, document: &Value| {
            wish.settle(document, &mut warnings).expect("settles")
        };
        let nothing = PartitionWish::default();
        assert_eq!(settle(nothing, &json!({})), Partitioning::default());
        let of_template = Partitioning {
            scheme: Scheme::Objects,
            chunk_max: Time::from_seconds(4),
        };
        assert_eq!(settle(nothing, &template), of_template);
        let wish = PartitionWish {
            scheme: Some(Scheme::Fixed),
            chunk_max: None,
        };
        let both = Partitioning {
            scheme: Scheme::Fixed,
            ..of_template
        };
        assert_eq!(settle(wish, &template), both);
        assert_eq!(warnings[0].pointer.as_str(), "/loomcast/partition/x");
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        for (partition, part) in [
            (
                json!({"scheme": "even"}),
                "/loomcast/partition/scheme: \"even\"",
            ),
            (json!({"chunkMax": 60}), "/loomcast/partition/chunkMax: 60"),
            (json!(5), "/loomcast/partition: 5"),
        ] {
            let document = json!({"loomcast": {"partition": partition}});
            let error = PartitionWish::default().settle(&document, &mut Vec::new());
            let error = error.expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
