//! What Prometheus is told of the traffic: counters by class, from which offload follows;
//! and the offload of the last hour, for those who only want to look.
//!
//! Labels are bounded: there are at most sixteen classes at a time, and ten causes.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;

use super::Offload;
use crate::cache::CacheStats;
use crate::http::figures::{count_of, family, gauge_of, part_of, seconds_of};
use crate::offload::{Amount, Cause, Class, Figures, Period, QUARTERS, Scope, Tally, Tier, Unit};
use crate::store::StoreStats;

/// What counts for all classes together.
const ALL: &str = "all";

/// Everything at one moment.
#[derive(Debug)]
pub(in crate::http) struct OffloadFigures {
    totals: Vec<(Class, Tally)>,
    hour: Period,
    cache: CacheStats,
    store: StoreStats,
    memory_limit: u64,
    /// Bytes that measuring takes.
    measuring: u64,
}

impl OffloadFigures {
    /// What `state` stands at; `None` where nothing is measured.
    pub fn of(state: &Offload) -> Option<Self> {
        let (account, cache) = (state.account(), &state.0.cache);
        account.is_on().then(|| Self {
            totals: account.totals(),
            hour: account.over(QUARTERS),
            cache: cache.stats(),
            store: cache.store().stats(),
            memory_limit: cache.config().ram_bytes,
            measuring: account.memory() as u64,
        })
    }

    /// Tells all of it.
    pub fn encode(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        self.requests(to)?;
        self.fetches(to)?;
        self.render(to)?;
        self.last_hour(to)?;
        self.kept(to)
    }

    fn requests(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Requests for what is kept, by class and how they were met";
        let mut requests = family(to, "cache_requests", help, MetricType::Counter)?;
        for (class, tally) in &self.totals {
            let class = class.to_string();
            for (result, tier, count) in met(tally) {
                let labels = [
                    ("class", class.as_str()),
                    ("result", result),
                    ("tier", tier),
                ];
                count_of(&mut requests, &labels, count)?;
            }
        }
        let help = "Bytes of what was asked for, by class and where they came from";
        let mut bytes = family(to, "cache_response_bytes", help, MetricType::Counter)?;
        for (class, tally) in &self.totals {
            let class = class.to_string();
            for tier in Tier::ALL {
                let labels = [("class", class.as_str()), ("tier", tier.as_str())];
                count_of(&mut bytes, &labels, tally.hits[tier as usize].bytes)?;
            }
            // Who waits for a fetch is given what comes of it.
            let found: Amount = tally.hits.iter().copied().sum();
            let fetched = tally.asked.bytes.saturating_sub(found.bytes);
            let labels = [("class", class.as_str()), ("tier", "origin")];
            count_of(&mut bytes, &labels, fetched)?;
        }
        Ok(())
    }

    fn fetches(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Fetches from the origin, by class and cause";
        let mut fetches = family(to, "cache_origin_fetches", help, MetricType::Counter)?;
        self.by_cause(&mut fetches, |fetches, labels, amount| {
            count_of(fetches, labels, amount.requests)
        })?;
        let help = "Bytes fetched from the origin, by class and cause";
        let mut bytes = family(to, "cache_origin_bytes", help, MetricType::Counter)?;
        self.by_cause(&mut bytes, |bytes, labels, amount| {
            count_of(bytes, labels, amount.bytes)
        })?;
        let help = "Seconds of render threads that fetches took, by class and cause";
        let mut render = family(to, "cache_render_seconds", help, MetricType::Counter)?;
        self.by_cause(&mut render, |render, labels, amount| {
            seconds_of(render, labels, amount.render_ms)
        })
    }

    fn by_cause(
        &self,
        to: &mut MetricEncoder,
        tell: impl Fn(&mut MetricEncoder, &[(&str, &str)], Amount) -> fmt::Result,
    ) -> fmt::Result {
        for (class, tally) in &self.totals {
            let class = class.to_string();
            for cause in Cause::ALL {
                let amount = tally.missed[cause as usize];
                // Of most classes there are few.
                if !amount.is_nothing() {
                    let labels = [("class", class.as_str()), ("cause", cause.as_str())];
                    tell(to, &labels, amount)?;
                }
            }
        }
        Ok(())
    }

    fn render(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Seconds of render threads that requests were met without, by class";
        let mut saved = family(to, "cache_render_saved_seconds", help, MetricType::Counter)?;
        for (class, tally) in &self.totals {
            let hits = tally.hits.iter().copied().sum::<Amount>();
            let spared = (hits + tally.collapsed).render_ms;
            let class = class.to_string();
            seconds_of(&mut saved, &[("class", &class)], spared)?;
        }
        Ok(())
    }

    fn last_hour(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        let classes: Vec<(String, &Figures)> = std::iter::once((ALL.to_owned(), &self.hour.all))
            .chain(
                self.hour
                    .classes
                    .iter()
                    .map(|(class, figures)| (class.to_string(), figures)),
            )
            .collect();
        for (name, help, unit) in [
            (
                "cache_unique_missed_objects",
                "Objects among what was fetched in the last hour",
                Unit::Requests,
            ),
            (
                "cache_unique_missed_bytes",
                "Bytes of the objects that were fetched in the last hour, each once",
                Unit::Bytes,
            ),
        ] {
            let mut unique = family(to, name, help, MetricType::Gauge)?;
            for (class, figures) in &classes {
                // A count, rounded to one.
                let value = figures.missed.distinct(unit).value.round() as u64;
                gauge_of(&mut unique, &[("class", class)], value)?;
            }
        }
        let help = "Offload of the last hour: observed, and the most that this traffic allows";
        let mut ratio = family(to, "cache_offload_ratio", help, MetricType::Gauge)?;
        for (class, figures) in &classes {
            for (unit, scope) in Unit::ALL
                .into_iter()
                .flat_map(|unit| Scope::ALL.map(|scope| (unit, scope)))
            {
                let Some(offload) = figures.tally.offload(&figures.missed, unit, scope) else {
                    continue;
                };
                for (kind, value) in [
                    ("observed", offload.observed),
                    ("max", offload.maximum.value),
                ] {
                    let labels = [
                        ("class", class.as_str()),
                        ("unit", unit.as_str()),
                        ("kind", kind),
                        ("scope", scope.as_str()),
                    ];
                    part_of(&mut ratio, &labels, value)?;
                }
            }
        }
        Ok(())
    }

    fn kept(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        let (cache, store) = (&self.cache, &self.store);
        for (name, help, ram, disk) in [
            (
                "cache_stored_bytes",
                "Bytes of chunks, by where they are kept",
                cache.memory_bytes,
                store.disk_bytes,
            ),
            (
                "cache_limit_bytes",
                "Bytes that chunks may take, by where they are kept",
                self.memory_limit,
                store.max_bytes,
            ),
            (
                "cache_objects",
                "Chunks, by where they are kept",
                cache.memory_chunks,
                store.chunks,
            ),
        ] {
            let mut kept = family(to, name, help, MetricType::Gauge)?;
            gauge_of(&mut kept, &[("tier", "ram")], ram)?;
            gauge_of(&mut kept, &[("tier", "disk")], disk)?;
        }
        let help = "Chunks that went for others, by where they were kept";
        let mut evictions = family(to, "cache_evictions", help, MetricType::Counter)?;
        let labels = |tier| [("tier", tier), ("reason", "capacity")];
        count_of(&mut evictions, &labels("ram"), cache.demoted)?;
        count_of(&mut evictions, &labels("disk"), store.evicted)?;
        let help = "Chunks that were not kept on disk";
        let mut refused = family(to, "cache_admission_rejections", help, MetricType::Counter)?;
        count_of(&mut refused, &[], store.refused)?;
        let help = "Memory that measuring takes";
        let mut measuring = family(to, "cache_measuring_bytes", help, MetricType::Gauge)?;
        gauge_of(&mut measuring, &[], self.measuring)
    }
}

/// How requests were met: the result, where from, and how many. What was fetched ahead
/// is no request.
fn met(tally: &Tally) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
    let hits = Tier::ALL.map(|tier| ("hit", tier.as_str(), tally.hits[tier as usize].requests));
    let found: Amount = tally.hits.iter().copied().sum();
    let others = found + tally.collapsed + tally.uncacheable;
    let led = tally.asked.requests.saturating_sub(others.requests);
    let others = [
        ("collapsed", "origin", tally.collapsed.requests),
        ("miss", "origin", led),
        ("bypass", "origin", tally.uncacheable.requests),
    ];
    hits.into_iter().chain(others)
}
