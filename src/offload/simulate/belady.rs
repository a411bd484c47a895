//! Belady's cache, which knows what will be asked for.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use crate::policy::{Replay, Request};

/// Runs `requests` against a cache that lets go first what is needed again last, or
/// never. (L. Belady, "A Study of Replacement Algorithms for a Virtual-Storage Computer", IBM
/// Systems Journal, 1966.)
///
/// What is missed is always taken in, even if it is never needed again; so it is in
/// the published results that this is checked against, and leaving it out makes no more than
/// ten misses of difference in them. With objects of different sizes it is no true bound: keeping
/// two small ones may be better than one large one.
pub fn belady(requests: &[Request<u64>], capacity: u64) -> Replay {
    let next = next_uses(requests);
    let mut kept: HashMap<u64, (u64, u64)> = HashMap::new();
    // By next use; of those never used again, the greatest key stays longest.
    let mut order: BTreeSet<(u64, Reverse<u64>)> = BTreeSet::new();
    let mut bytes = 0;
    let mut done = Replay::default();
    for (request, next) in requests.iter().zip(next) {
        let key = request.key;
        let known = kept.get_mut(&key);
        done.note(request.weight, known.is_none());
        if let Some((_, before)) = known {
            order.remove(&(*before, Reverse(key)));
            *before = next;
            order.insert((next, Reverse(key)));
            continue;
        }
        let size = request.weight.bytes;
        if size > capacity {
            continue;
        }
        while bytes + size > capacity {
            let Some((_, Reverse(gone))) = order.pop_last() else {
                break;
            };
            bytes -= kept.remove(&gone).map_or(0, |(size, _)| size);
        }
        bytes += size;
        kept.insert(key, (size, next));
        order.insert((next, Reverse(key)));
    }
    done
}

/// The place of each request's next request for the same key; `u64::MAX` if there is
/// none.
fn next_uses(requests: &[Request<u64>]) -> Vec<u64> {
    let mut next = vec![u64::MAX; requests.len()];
    let mut last = HashMap::new();
    for (at, request) in requests.iter().enumerate().rev() {
        if let Some(later) = last.insert(request.key, at as u64) {
            next[at] = later;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::super::super::simulate::{Algorithm, infinite};
    use super::*;
    use crate::policy::Weight;

    fn requests(keys: &[u64]) -> Vec<Request<u64>> {
        let weight = Weight { bytes: 1, cost: 1 };
        let request = |key: &u64| Request { key: *key, weight };
        keys.iter().map(request).collect()
    }

    #[test]
    fn the_textbook_s_string_has_the_textbook_s_faults() {
        // Silberschatz, "Operating System Concepts": three frames, nine faults.
        let string = [7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1];
        assert_eq!(belady(&requests(&string), 3).misses, 9);
        assert_eq!(infinite(&requests(&string)).misses, 6);
    }

    #[test]
    fn of_equal_sizes_no_policy_has_fewer_misses() {
        let keys: Vec<u64> = (0..5000_u64).map(|at| at * at % 211).collect();
        let requests = requests(&keys);
        for capacity in [5, 20, 60] {
            let least = belady(&requests, capacity).misses;
            for algorithm in Algorithm::all() {
                let misses = algorithm.run(&requests, capacity).misses;
                let bound = algorithm == Algorithm::Infinite || misses >= least;
                assert!(bound, "{algorithm} at {capacity}: {misses}, {least}");
            }
        }
    }
}
