//! That the measure sees what it is there for: a check that cannot fail is none.

use super::families::FAMILIES;
use super::reel::{HEIGHT, WIDTH};
use super::sheet::{self, Still, apart, rounded};

/// Whether a row differs from another in any still.
pub fn is_row_seen(row: &[Still], other: &[Still]) -> bool {
    let mut pairs = row.iter().zip(other);
    pairs.any(|(a, b)| apart(a, b).is_seen())
}

#[test]
fn no_two_names_of_a_family_look_the_same() {
    let mut same = Vec::new();
    for family in FAMILIES {
        let rows = family.rows();
        let counts: Vec<usize> = rows.iter().map(|row| row.looks.len()).collect();
        let stored = sheet::stored(family.name, &counts).expect("a sheet");
        let mut closest = (f64::INFINITY, String::new());
        for (index, row) in rows.iter().enumerate() {
            for (other, beside) in rows.iter().enumerate().skip(index + 1) {
                let names = (family.name, row.name.as_str(), beside.name.as_str());
                if counts[index] != counts[other] {
                    continue;
                }
                let pairs = stored[index].iter().zip(&stored[other]);
                let times = pairs.map(|(a, b)| apart(a, b).times()).fold(0.0, f64::max);
                if times <= 1.0 {
                    same.push(format!("{names:?}"));
                }
                if times < closest.0 {
                    closest = (times, format!("{} and {}", row.name, beside.name));
                }
            }
        }
        eprintln!(
            "{}: {:.1} times as far apart as is not seen: {}",
            family.name, closest.0, closest.1
        );
    }
    assert!(same.is_empty(), "{same:#?}");
}

/// A box at a place on a ground.
fn boxed(left: usize, colour: [u8; 3]) -> Still {
    let is_in =
        |at: usize| (left..left + 40).contains(&(at % WIDTH)) && (20..50).contains(&(at / WIDTH));
    (0..WIDTH * HEIGHT)
        .flat_map(|at| if is_in(at) { colour } else { [30, 40, 80] })
        .collect()
}

#[test]
fn a_still_that_is_moved_by_a_pixel_or_a_little_darker_is_seen_and_rounding_is_not() {
    let still = boxed(40, [220, 60, 40]);
    assert_eq!(apart(&still, &rounded(&still)), sheet::Apart::default());
    assert!(apart(&boxed(41, [220, 60, 40]), &rounded(&still)).is_seen());
    assert!(apart(&boxed(40, [204, 60, 40]), &rounded(&still)).is_seen());
    assert!(!apart(&boxed(40, [219, 61, 39]), &rounded(&still)).is_seen());
}
