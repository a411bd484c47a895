//! Whatever an Edit says, planning it ends in a plan or in an error that names a place:
//! it never panics, and a made-up Edit of the language's grammar is always a plan.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use crate::choices::Choices;
use crate::generate::{Size, edit, mutate};
use crate::pipeline::{MEDIA, plan, timeline};

/// Edits tried, unless `LOOMCAST_FUZZ_RUNS` says otherwise.
const RUNS: u64 = 20_000;

const SMALL: Size = Size {
    tracks: 4,
    clips: 4,
    seconds: 4.0,
    frame: (320, 320),
};

/// How many are tried: so many, unless `LOOMCAST_FUZZ_RUNS` says otherwise.
pub fn runs(otherwise: u64) -> u64 {
    let wanted = std::env::var("LOOMCAST_FUZZ_RUNS").ok();
    wanted.map_or(otherwise, |runs| runs.parse().expect("a number of runs"))
}

fn made_up(seed: u64) -> (Choices<'static>, Value) {
    let mut choices = Choices::seeded(seed);
    let document = edit(&mut choices, &MEDIA, &SMALL);
    (choices, document)
}

#[test]
fn every_edit_of_the_grammar_is_planned() {
    for seed in 0..runs(RUNS) / 100 {
        let (_, document) = made_up(seed);
        if let Err(error) = timeline(document.clone()) {
            // The one thing that the grammar does not know: footage may end too early.
            assert!(
                error.pointer.as_str().ends_with("/trim"),
                "seed {seed}: {error}\n{document:#}"
            );
        }
    }
}

#[test]
fn no_edit_makes_planning_panic() {
    let (mut planned, mut refused) = (0, 0);
    for seed in 0..runs(RUNS) {
        let (mut choices, mut document) = made_up(seed);
        for _ in 0..choices.below(5) {
            mutate(&mut choices, &mut document);
        }
        let text = document.to_string();
        match catch_unwind(AssertUnwindSafe(|| plan(document))) {
            Err(_) => panic!("seed {seed} panics: {text}"),
            Ok(Ok(_)) => planned += 1,
            Ok(Err(error)) => {
                assert!(!error.allowed.is_empty(), "seed {seed}: {error}");
                refused += 1;
            }
        }
    }
    eprintln!("{planned} planned, {refused} refused");
    // Both happen: neither all that is tried is nonsense, nor is all of it sound.
    assert!(planned > 0 && refused > 0);
}
