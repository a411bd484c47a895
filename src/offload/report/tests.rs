//! What reports say of traffic whose truth is known.

use super::super::{Cause, Class, Kind, Meter, Object, Size, Tier, Twins};
use super::*;
use crate::digest::Digest;
use crate::policy::{Policy, none_spared};

const MB: u64 = 1_000_000;

fn object(seed: u64) -> Object {
    Object {
        key: Digest::of(&seed.to_le_bytes()),
        size: Size {
            bytes: 1_000_000,
            render_ms: 100,
        },
    }
}

fn cache(capacity: u64) -> Cache {
    Cache {
        policy: "lru".to_owned(),
        capacity,
        memory: 0,
    }
}

/// The report of one node on what `meter` saw.
fn report(meter: &mut Meter, cache: Cache, pairs: Vec<Pair>) -> Report {
    let period = meter.over(0, 4);
    let sample = meter.sample(0, 3600);
    Report::of(Measured {
        nodes: &[Counted {
            name: "here",
            age_s: 0,
            period: &period,
        }],
        sample: &sample,
        cache,
        pairs,
    })
}

/// Misses `seeds`, each for `cause`.
fn miss(meter: &mut Meter, seeds: std::ops::Range<u64>, cause: Cause) {
    for seed in seeds {
        meter.fetched(0, &Class::other(), &object(seed), cause, 0, None);
    }
}

fn hit(meter: &mut Meter, requests: u64, tier: Tier) {
    for seed in 0..requests {
        meter.hit(0, &Class::other(), &object(seed % 10), tier);
    }
}

fn kinds(report: &Report) -> Vec<AdviceKind> {
    report.advice.iter().map(|advice| advice.kind).collect()
}

#[test]
fn observed_and_maximum_stand_beside_each_other_in_every_unit_and_scope() {
    let mut meter = Meter::new();
    miss(&mut meter, 0..10, Cause::Cold);
    for _ in 0..29 {
        miss(&mut meter, 0..10, Cause::Evicted);
    }
    hit(&mut meter, 700, Tier::Disk);
    for seed in 0..1000 {
        meter.passed(0, &Class::other(), &object(seed));
    }
    let report = report(&mut meter, cache(0), Vec::new());
    for unit in Unit::ALL {
        let Scopes { total, cacheable } = *report.whole.offload.in_unit(unit);
        let scale = object(0).size;
        let scale = match unit {
            Unit::Requests => 1,
            Unit::Bytes => u64::from(scale.bytes),
            Unit::Render => u64::from(scale.render_ms),
        };
        let counted = |value| Range {
            value,
            low: value,
            high: value,
        };
        let part = |value| Range {
            value,
            low: value,
            high: value,
        };
        assert_eq!(
            cacheable,
            Figure {
                asked: 1000 * scale,
                fetched: 300 * scale,
                distinct: counted(10 * scale),
                observed: Some(0.7),
                maximum: Some(part(0.99)),
                headroom: Some(0.29),
            }
        );
        assert_eq!((total.asked, total.fetched), (2000 * scale, 1300 * scale));
        assert_eq!(total.observed, Some(0.35));
        assert_eq!(total.maximum, Some(part(0.495)));
    }
    assert_eq!(report.whole.hits.disk.requests, 700);
    assert_eq!(report.whole.uncacheable.bytes, 1000 * MB);
    let misses = report.whole.misses.iter();
    let misses: Vec<_> = misses.map(|m| (m.cause, m.amount.requests)).collect();
    assert_eq!(misses, [(Cause::Evicted, 290), (Cause::Cold, 10)]);
    assert_eq!(report.curve, None, "a cache without room has no curve");
}

#[test]
fn an_estimate_is_stated_with_its_error_and_stays_within_what_was_fetched() {
    let mut meter = Meter::new();
    miss(&mut meter, 0..20_000, Cause::Cold);
    let figure = report(&mut meter, cache(0), Vec::new())
        .whole
        .offload
        .requests
        .total;
    assert_eq!((figure.asked, figure.fetched), (20_000, 20_000));
    let Range { value, low, high } = figure.distinct;
    assert!(low < value && value <= high && high <= 20_000 && low > 17_000);
    let maximum = figure.maximum.expect("traffic");
    assert!(maximum.low <= maximum.value && maximum.value <= maximum.high);
    assert!(maximum.high <= 1.0);
}

#[test]
fn each_cause_that_costs_a_point_has_its_advice_and_no_other_has() {
    for (cause, expected) in [
        (Cause::Fragmented, AdviceKind::FragmentedKeys),
        (Cause::NotAdmitted, AdviceKind::Admission),
        (Cause::Expired, AdviceKind::Expiry),
        (Cause::Purged, AdviceKind::Purges),
        (Cause::Damaged, AdviceKind::Damage),
        (Cause::Lost, AdviceKind::Damage),
        (Cause::Failed, AdviceKind::Failures),
        (Cause::Abandoned, AdviceKind::Abandoned),
    ] {
        let mut meter = Meter::new();
        miss(&mut meter, 0..20, Cause::Cold);
        miss(&mut meter, 0..20, cause);
        hit(&mut meter, 960, Tier::Ram);
        let report = report(&mut meter, cache(100 * MB), Vec::new());
        assert_eq!(kinds(&report), [expected], "{cause:?}");
        let advice = &report.advice[0];
        assert_eq!(advice.gain, Some(0.02), "{cause:?}");
        assert!(!advice.evidence.is_empty() && !advice.text.contains("{}"));
    }
}

#[test]
fn where_what_is_fetched_is_new_nothing_is_to_be_gained() {
    let mut meter = Meter::new();
    miss(&mut meter, 0..700, Cause::Cold);
    hit(&mut meter, 300, Tier::Ram);
    let report = report(&mut meter, cache(10_000 * MB), Vec::new());
    assert_eq!(kinds(&report), [AdviceKind::Cold]);
    let text = &report.advice[0].text;
    assert!(text.contains("30.0 %"), "{text}");
}

#[test]
fn of_a_few_requests_nothing_is_concluded() {
    let mut meter = Meter::new();
    miss(&mut meter, 0..50, Cause::Failed);
    let few = report(&mut meter, cache(MB), Vec::new());
    assert_eq!(kinds(&few), [AdviceKind::LittleTraffic]);
    let nothing = report(&mut Meter::new(), cache(MB), Vec::new());
    assert_eq!(kinds(&nothing), [AdviceKind::LittleTraffic]);
    let offload = nothing.whole.offload.bytes.total;
    assert_eq!((offload.observed, offload.maximum), (None, None));
    assert_eq!((nothing.curve, nothing.unbounded.bytes), (None, None));
}

/// A loop of `objects` through LRU with room for `room` of them.
fn looped(objects: u64, room: u64, rounds: u64) -> Meter {
    let mut meter = Meter::new();
    let mut policy: Box<dyn Policy<Digest>> = PolicyKind::Lru.build(room * MB);
    for seed in (0..rounds).flat_map(|_| 0..objects) {
        let object = object(seed);
        if policy.request(&object.key) {
            meter.hit(0, &Class::other(), &object, Tier::Disk);
            continue;
        }
        let cause = meter.cause(&object.key);
        meter.fetched(0, &Class::other(), &object, cause, 0, None);
        let weight = crate::policy::Weight {
            bytes: MB,
            cost: 100,
        };
        for gone in policy.insert(object.key, weight, &none_spared).gone {
            meter.gone(&gone, Cause::Evicted);
        }
    }
    meter
}

#[test]
fn more_disk_is_advised_with_the_gain_that_it_would_bring() {
    // Of a loop, LRU has nothing left when it comes round, unless all of it fits.
    let mut meter = looped(400, 300, 5);
    let report = report(&mut meter, cache(300 * MB), Vec::new());
    let chart = report.curve.as_ref().expect("a curve");
    assert_eq!(chart.capacity, 300 * MB);
    assert_eq!(chart.gain.more_bytes, GAIN_BYTES);
    assert!((chart.gain.offload.requests - 0.8).abs() < 1e-6);
    for curve in &chart.curves {
        let sizes: Vec<u64> = curve.steps.iter().map(|step| step.capacity).collect();
        assert!(sizes.is_sorted() && sizes.contains(&(300 * MB)));
        assert!(sizes.contains(&(300 * MB + GAIN_BYTES)));
    }
    let names: Vec<&str> = chart.curves.iter().map(|c| &*c.algorithm).collect();
    assert_eq!(names, ["lru", "belady", "infinite"]);
    let now = chart.policy("lru").expect("the policy that runs");
    assert_eq!(now.requests, 1.0);
    // Others keep some of a loop: that is said too.
    let kinds = kinds(&report);
    assert_eq!(kinds[0], AdviceKind::MoreDisk, "{kinds:?}");
    assert!(kinds.contains(&AdviceKind::OtherPolicy), "{kinds:?}");
    assert!(!kinds.contains(&AdviceKind::Cold), "{kinds:?}");
    assert!(
        report.advice[0].text.contains("+80.0"),
        "{}",
        report.advice[0].text
    );
}

#[test]
fn small_memory_is_noticed_by_what_is_read_from_disk() {
    let mut meter = looped(400, 400, 5);
    let small = Cache {
        memory: 250 * MB,
        ..cache(400 * MB)
    };
    let large = Cache {
        memory: 450 * MB,
        ..cache(400 * MB)
    };
    let advised = kinds(&report(&mut meter, small, Vec::new()));
    assert!(advised.contains(&AdviceKind::MoreMemory), "{advised:?}");
    let advised = kinds(&report(&mut meter, large, Vec::new()));
    assert!(!advised.contains(&AdviceKind::MoreMemory), "{advised:?}");
}

#[test]
fn what_may_not_be_kept_is_noticed() {
    let mut meter = Meter::new();
    hit(&mut meter, 900, Tier::Ram);
    for seed in 0..100 {
        meter.passed(0, &Class::other(), &object(seed));
    }
    let advised = kinds(&report(&mut meter, cache(MB), Vec::new()));
    assert!(advised.contains(&AdviceKind::Uncacheable), "{advised:?}");
}

#[test]
fn fragmented_keys_name_the_parameter_that_most_of_them_differ_in() {
    let mut meter = Meter::new();
    let twins: Vec<Twins> = (0..30_u64)
        .map(|at| Twins {
            first: object(at % 3).key,
            second: object(at % 3 + 100).key,
            bytes: MB,
            render_ms: 100,
        })
        .collect();
    miss(&mut meter, 0..30, Cause::Fragmented);
    hit(&mut meter, 300, Tier::Ram);
    let pairs = Pair::all(&twins, |twins| match twins.first == object(0).key {
        true => vec!["seed".to_owned()],
        false => vec!["query.utm".to_owned()],
    });
    assert_eq!(pairs.len(), 3);
    assert_eq!((pairs[0].times, pairs[0].bytes), (10, 10 * MB));
    assert_eq!(pairs[0].first, object(0).key.to_string());
    let report = report(&mut meter, cache(100 * MB), pairs);
    assert_eq!(kinds(&report), [AdviceKind::FragmentedKeys]);
    let text = &report.advice[0].text;
    assert!(text.contains("differ in query.utm"), "{text}");
}

#[test]
fn advice_names_the_class_that_it_is_mostly_about() {
    let mut meter = Meter::new();
    let live = Class::new(Kind::Live, "stage");
    for seed in 0..50 {
        meter.fetched(0, &live, &object(seed), Cause::Failed, 0, None);
    }
    hit(&mut meter, 300, Tier::Ram);
    let report = report(&mut meter, cache(0), Vec::new());
    assert_eq!(report.advice[0].class.as_deref(), Some("live/stage"));
    let classes: Vec<&str> = report.classes.iter().map(|one| &*one.class).collect();
    assert_eq!(classes, ["other", "live/stage"], "most requests first");
}

#[test]
fn nodes_that_fetch_the_same_are_told_and_their_figures_are_added_not_averaged() {
    let (mut one, mut other) = (Meter::new(), Meter::new());
    for meter in [&mut one, &mut other] {
        miss(meter, 0..100, Cause::Cold);
        hit(meter, 100, Tier::Ram);
    }
    hit(&mut other, 600, Tier::Ram);
    let periods = [one.over(0, 4), other.over(0, 4)];
    let counted = |(name, age_s, period)| Counted {
        name,
        age_s,
        period,
    };
    let nodes = [("here", 0, &periods[0]), ("there", 30, &periods[1])].map(counted);
    let report = Report::of(Measured {
        nodes: &nodes,
        sample: &one.sample(0, 3600),
        cache: cache(1000 * MB),
        pairs: Vec::new(),
    });
    let figure = report.whole.offload.requests.total;
    assert_eq!((figure.asked, figure.fetched), (1000, 200));
    assert_eq!(figure.distinct.value, 100);
    assert_eq!(figure.observed, Some(0.8));
    assert_eq!(report.nodes[1].requests.total.observed, Some(0.875));
    assert_eq!(
        (&*report.nodes[1].name, report.nodes[1].age_s),
        ("there", 30)
    );
    assert_eq!(kinds(&report), [AdviceKind::NodesOverlap]);
    assert_eq!(report.advice[0].gain, Some(0.1));
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    let mut meter = looped(400, 300, 5);
    let twins = [Twins {
        first: object(1).key,
        second: object(2).key,
        bytes: MB,
        render_ms: 1,
    }];
    let pairs = Pair::all(&twins, |_| vec!["seed".to_owned()]);
    let report = report(&mut meter, cache(300 * MB), pairs);
    let text = serde_json::to_string(&report).expect("is written");
    let read: Report = serde_json::from_str(&text).expect("is read");
    assert_eq!(read, report);
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        value["whole"]["offload"]["requests"]["total"]["asked"],
        2000
    );
    assert_eq!(value["whole"]["misses"][0]["cause"], "evicted");
    assert_eq!(value["whole"]["misses"][0]["requests"], 1600);
    assert_eq!(value["classes"][0]["class"], "other");
    assert_eq!(value["classes"][0]["hits"]["ram"]["requests"], 0);
    assert_eq!(value["advice"][0]["kind"], "more_disk");
    assert_eq!(
        value["curve"]["curves"][0]["steps"][0]["capacity"],
        37_500_000
    );
}
