//! Properties that change: a number, or a list of tweens.

use std::ops::RangeInclusive;

use crate::template::asset;
use crate::template::cursor::Object;
use crate::template::error::{EditError, Warning};
use crate::timeline::curve::{Curve, Easing, Tween};

/// The most tweens of one property.
const MAX_TWEENS: usize = 1000;

/// The latest start and the longest length of a tween, in seconds: four hours.
const MAX_SECONDS: f64 = 14_400.0;

/// A property that is a number or a list of tweens.
pub(super) fn curve(
    object: &Object,
    name: &str,
    range: RangeInclusive<f64>,
    default: f64,
    warnings: &mut Vec<Warning>,
) -> Result<Curve, EditError> {
    let Some(cursor) = object.get(name) else {
        return Ok(Curve::constant(default));
    };
    if !cursor.value.is_array() {
        return cursor.number(&range).map(Curve::constant);
    }
    let mut tweens = Vec::new();
    for element in cursor.elements(MAX_TWEENS)? {
        let tween = element.object()?;
        let from = tween.number("from", range.clone(), default)?;
        let seconds =
            |name| asset::seconds(&tween, name, 0.0..=MAX_SECONDS).map(Option::unwrap_or_default);
        tweens.push(Tween {
            from,
            to: tween.number("to", range.clone(), from)?,
            start: seconds("start")?,
            length: seconds("length")?,
            easing: easing(&tween)?,
        });
        tween.finish(warnings);
    }
    Ok(Curve::new(default, tweens))
}

/// `interpolation` says how; `easing` names the curve of a Bézier one.
fn easing(tween: &Object) -> Result<Easing, EditError> {
    let named = tween
        .get("easing")
        .map(|cursor| cursor.choice(&Easing::NAMED))
        .transpose()?;
    let kinds = [
        ("linear", Easing::Linear),
        ("constant", Easing::Hold),
        ("bezier", named.unwrap_or(Easing::NAMED[0].1)),
    ];
    tween.choice("interpolation", &kinds, named.unwrap_or(Easing::Linear))
}
