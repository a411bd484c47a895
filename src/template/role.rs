//! How a sound stands among the others: what `loomcast` says of an asset or of the
//! soundtrack. Other services that read an Edit pass over it.

use crate::template::asset;
use crate::template::cursor::{Cursor, Object};
use crate::template::error::{EditError, Warning};
use crate::time::Time;
use crate::timeline::duck::{Duck, Under};

/// How a sound stands among the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Role {
    /// Whether it is speech.
    pub speech: bool,
    /// Whether it goes down while others are heard.
    pub duck: Option<Duck>,
}

/// How many decibels a sound goes down that does not say.
const BY: f64 = 12.0;

/// The most decibels that a sound goes down: nothing is heard of it then.
const MAX_BY: f64 = 60.0;

/// How long a sound takes to go down that does not say.
const ATTACK: Time = Time::from_millis(300);

/// How long a sound takes to come up again that does not say.
const RELEASE: Time = Time::from_millis(1000);

/// The longest way down or up, in seconds.
const MAX_SECONDS: f64 = 10.0;

/// What `loomcast` of an asset or a soundtrack says.
pub(super) fn read(object: &Object, warnings: &mut Vec<Warning>) -> Result<Role, EditError> {
    let Some(cursor) = object.get("loomcast") else {
        return Ok(Role::default());
    };
    let object = cursor.object()?;
    let role = Role {
        speech: object.flag("speech")?,
        duck: object
            .get("duck")
            .map(|cursor| duck(&cursor, warnings))
            .transpose()?,
    };
    if role.speech && role.duck.is_some() {
        warnings.push(Warning {
            pointer: object.pointer.member("speech"),
            message: "it goes down itself, so no other goes down under it".into(),
        });
    }
    object.finish(warnings);
    Ok(role)
}

fn duck(cursor: &Cursor, warnings: &mut Vec<Warning>) -> Result<Duck, EditError> {
    let object = cursor.object()?;
    let under = [("others", Under::Others), ("speech", Under::Speech)];
    let by = object.number("by", 0.0..=MAX_BY, BY)?;
    let seconds = |name, default| {
        asset::seconds(&object, name, 0.0..=MAX_SECONDS).map(|time| time.unwrap_or(default))
    };
    let duck = Duck {
        // Not the machine's own power function: all are to agree to the last bit.
        gain: libm::pow(10.0, -by / 20.0),
        attack: seconds("attack", ATTACK)?,
        release: seconds("release", RELEASE)?,
        under: object.choice("under", &under, Under::Others)?,
    };
    object.finish(warnings);
    Ok(duck)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn role(loomcast: Value) -> Result<(Role, Vec<String>), String> {
        let document = json!({ "loomcast": loomcast });
        let object = Cursor::root(&document).object().expect("object");
        let mut warnings = Vec::new();
        let role = read(&object, &mut warnings).map_err(|error| error.to_string())?;
        Ok((role, warnings.iter().map(Warning::to_string).collect()))
    }

    #[test]
    fn a_sound_that_goes_down_says_how_or_does_as_most_do() {
        let duck = |value| role(json!({ "duck": value })).expect("reads").0.duck;
        let usual = duck(json!({})).expect("goes down");
        assert!((usual.gain - 0.251_19).abs() < 1e-5, "{}", usual.gain);
        assert_eq!((usual.attack, usual.release), (ATTACK, RELEASE));
        let all = json!({"by": 20, "attack": 0, "release": "2.5", "under": "speech"});
        let expected = Duck {
            gain: 0.1,
            attack: Time::ZERO,
            release: Time::from_millis(2500),
            under: Under::Speech,
        };
        assert_eq!(duck(all), Some(expected));
        assert_eq!(role(Value::Null).expect("reads").0, Role::default());
        let (speech, warnings) = role(json!({"speech": true})).expect("reads");
        assert!(speech.speech && speech.duck.is_none() && warnings.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_and_what_is_not_known_warned_of() {
        for (value, part) in [
            (
                json!({"duck": 12}),
                "/loomcast/duck: 12 is not allowed: expected an object",
            ),
            (json!({"duck": {"by": -3}}), "/loomcast/duck/by: -3"),
            (
                json!({"duck": {"by": 61}}),
                "expected a number from 0 to 60",
            ),
            (json!({"duck": {"attack": 11}}), "/loomcast/duck/attack: 11"),
            (
                json!({"duck": {"release": "soon"}}),
                "/loomcast/duck/release",
            ),
            (
                json!({"duck": {"under": "all"}}),
                "expected one of others, speech",
            ),
            (json!({"speech": 1}), "/loomcast/speech: 1"),
        ] {
            let error = role(value).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
        let (_, warnings) = role(json!({"speech": true, "duck": {"to": 1}})).expect("reads");
        assert!(warnings[0].starts_with("/loomcast/duck/to: this field is not known"));
        assert!(warnings[1].starts_with("/loomcast/speech: it goes down itself"));
    }
}
