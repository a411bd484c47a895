//! How to cut, as it is written into files: the scheme by its name, times in flicks.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

use crate::partition::{CHUNK_MAX_RANGE, Partitioning, Scheme};
use crate::time::Time;

pub(super) fn serialize<S: Serializer>(cuts: &Partitioning, to: S) -> Result<S::Ok, S::Error> {
    let named = Scheme::NAMED
        .iter()
        .find(|(_, known)| *known == cuts.scheme);
    let name = named.map_or(Scheme::NAMED[0].0, |(name, _)| *name);
    (name, cuts.chunk_max.flicks()).serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Partitioning, D::Error> {
    let (name, flicks) = <(String, i64)>::deserialize(from)?;
    let named = Scheme::NAMED.iter().find(|(known, _)| *known == name);
    let (_, scheme) = named.ok_or_else(|| D::Error::custom(format!("no scheme {name:?}")))?;
    let chunk_max = Time::from_flicks(flicks);
    if !CHUNK_MAX_RANGE.contains(&chunk_max) {
        return Err(D::Error::custom(format!("no chunk is {chunk_max} long")));
    }
    Ok(Partitioning {
        scheme: *scheme,
        chunk_max,
    })
}
