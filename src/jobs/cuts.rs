//! What is wanted of the cuts, as it is written into files: the scheme by its name,
//! times in flicks, null for what is up to the template.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

use crate::partition::{CHUNK_MAX_RANGE, PartitionWish, Scheme};
use crate::time::Time;

type Written = (Option<String>, Option<i64>);

pub(super) fn serialize<S: Serializer>(cuts: &PartitionWish, to: S) -> Result<S::Ok, S::Error> {
    let named = |scheme: Scheme| {
        let known = Scheme::NAMED.iter().find(|(_, known)| *known == scheme);
        known.map(|(name, _)| (*name).to_owned())
    };
    let written: Written = (
        cuts.scheme.and_then(named),
        cuts.chunk_max.map(Time::flicks),
    );
    written.serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PartitionWish, D::Error> {
    let (name, flicks) = Written::deserialize(from)?;
    let scheme = name.map(|name| {
        let known = Scheme::NAMED.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, scheme)| *scheme)
            .ok_or_else(|| D::Error::custom(format!("no scheme {name:?}")))
    });
    let chunk_max = flicks.map(Time::from_flicks);
    if let Some(chunk_max) = chunk_max.filter(|time| !CHUNK_MAX_RANGE.contains(time)) {
        return Err(D::Error::custom(format!("no chunk is {chunk_max} long")));
    }
    Ok(PartitionWish {
        scheme: scheme.transpose()?,
        chunk_max,
    })
}
