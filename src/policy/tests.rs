//! What holds for every policy, and what each is for.

use proptest::prelude::*;

use super::*;

fn all(capacity: u64) -> Vec<(PolicyKind, Box<dyn Policy<u16>>)> {
    let build = |(_, kind): (&str, PolicyKind)| (kind, kind.build(capacity));
    PolicyKind::NAMED.into_iter().map(build).collect()
}

fn weight(bytes: u64) -> Weight {
    Weight { bytes, cost: 1 }
}

fn insert(policy: &mut dyn Policy<u16>, key: u16, bytes: u64) -> Insertion<u16> {
    policy.request(&key);
    policy.insert(key, weight(bytes), &none_spared)
}

#[test]
fn names_read_back() {
    for (name, kind) in PolicyKind::NAMED {
        assert_eq!(name.parse(), Ok(kind));
        assert_eq!(kind.to_string(), name);
    }
    let error = "clock".parse::<PolicyKind>().expect_err("is unknown");
    assert!(
        error
            .to_string()
            .contains("expected gdsf, lru, s3-fifo, sieve or fifo")
    );
}

#[test]
fn what_is_larger_than_the_bound_is_not_kept_and_pushes_nothing_out() {
    for (kind, mut policy) in all(100) {
        assert!(insert(&mut *policy, 1, 5).kept, "{kind}");
        let refused = insert(&mut *policy, 2, 101);
        assert_eq!((refused.kept, refused.gone), (false, vec![]), "{kind}");
        assert!(policy.request(&1), "{kind}");
    }
}

#[test]
fn what_is_spared_stays_and_a_cache_of_spared_things_takes_no_more() {
    for (kind, mut policy) in all(100) {
        for key in 0..20 {
            insert(&mut *policy, key, 5);
        }
        let spared = |key: &u16| *key < 19;
        policy.request(&50);
        let first = policy.insert(50, weight(5), &spared);
        assert_eq!((first.kept, first.gone), (true, vec![19]), "{kind}");
        let spared = |_: &u16| true;
        policy.request(&51);
        let second = policy.insert(51, weight(5), &spared);
        assert_eq!((second.kept, second.gone), (false, vec![]), "{kind}");
        assert_eq!((policy.evict(&spared), policy.len()), (None, 20), "{kind}");
    }
}

#[test]
fn gdsf_keeps_what_is_dear_to_make_and_lets_it_age() {
    let mut policy = Gdsf::new(20);
    let cheap = Weight { bytes: 5, cost: 10 };
    let dear = Weight { bytes: 5, cost: 25 };
    policy.insert(1_u16, dear, &none_spared);
    for key in 2..5 {
        policy.insert(key, cheap, &none_spared);
    }
    let gone: Vec<u16> = (5..20)
        .flat_map(|key| policy.insert(key, cheap, &none_spared).gone)
        .collect();
    let aged = gone.iter().position(|key| *key == 1);
    assert!(aged.is_some_and(|place| place > 3), "{gone:?}");
}

#[test]
fn s3_fifo_keeps_what_comes_again_through_a_scan() {
    let mut policy = S3Fifo::new(100);
    for key in 0..20_u16 {
        insert(&mut policy, key, 5);
    }
    for key in 0..4 {
        policy.request(&key);
        policy.request(&key);
    }
    for key in 100..400 {
        insert(&mut policy, key, 5);
    }
    assert!((0..4).any(|key| policy.request(&key)), "the scan took all");
    let mut lru = Queue::lru(100);
    for key in (0..4).chain(100..400) {
        insert(&mut lru, key, 5);
    }
    assert!(!(0..4).any(|key| lru.request(&key)));
}

#[test]
fn sieve_lets_what_is_requested_stay_where_it_is_and_fifo_does_not() {
    let (mut sieve, mut fifo) = (Sieve::new(20), Queue::fifo(20));
    let gone = |policy: &mut dyn Policy<u16>| -> Vec<u16> {
        for key in 0..4 {
            insert(policy, key, 5);
        }
        policy.request(&0);
        policy.request(&2);
        let each = |key| insert(policy, key, 5).gone;
        (10..14).flat_map(each).collect()
    };
    // The hand passes 0 and 2 and goes on to what is new, which nobody requested again.
    assert_eq!(gone(&mut sieve), [1, 3, 10, 11]);
    assert_eq!(gone(&mut fifo), [0, 1, 2, 3]);
}

proptest! {
    #[test]
    fn the_bound_holds_and_what_is_said_to_be_kept_is(
        steps in prop::collection::vec((0..60_u16, 1..40_u64, 1..1000_u64, 0..10_u8), 1..400),
        capacity in 30..400_u64,
    ) {
        for (kind, mut policy) in all(capacity) {
            let mut kept = std::collections::HashMap::new();
            for (key, bytes, cost, action) in &steps {
                match action {
                    0 => prop_assert_eq!(policy.remove(key), kept.remove(key).is_some()),
                    1 => if let Some(key) = policy.evict(&none_spared) {
                        prop_assert!(kept.remove(&key).is_some());
                    } else {
                        prop_assert!(kept.is_empty(), "{}", kind);
                    },
                    _ => if !policy.request(key) {
                        prop_assert!(!kept.contains_key(key));
                        let weight = Weight { bytes: *bytes, cost: *cost };
                        let inserted = policy.insert(*key, weight, &none_spared);
                        for gone in inserted.gone {
                            prop_assert!(kept.remove(&gone).is_some());
                        }
                        if inserted.kept {
                            kept.insert(*key, *bytes);
                        }
                    },
                }
                prop_assert_eq!(policy.bytes(), kept.values().sum::<u64>());
                prop_assert_eq!(policy.len(), kept.len());
                prop_assert!(policy.bytes() <= capacity);
            }
        }
    }
}
