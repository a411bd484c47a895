//! Who is seen when: the words of a cue with their times, and the cues that are on
//! at once.

use super::{Cue, Face};
use crate::template::markup::pieces::stands_alone;
use crate::time::Time;

/// The most cues shown at once; of more the latest are left out.
pub const MAX_AT_ONCE: usize = 8;

/// A word of a cue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The spaces and line breaks before it.
    pub before: String,
    /// Its characters, in stretches of one face.
    pub parts: Vec<(String, Face)>,
    /// When it is said, by the file's clock.
    pub start: Time,
    /// When the next one is, or the cue ends.
    pub end: Time,
}

/// The words of a cue. Where the file does not say when each is said, they share the
/// time by their lengths.
pub fn words(cue: &Cue) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut times: Vec<Option<Time>> = Vec::new();
    let mut before = String::new();
    let mut is_open = false;
    for run in &cue.runs {
        let mut at = run.at;
        for character in run.text.chars() {
            if character.is_whitespace() {
                before.push(character);
                is_open = false;
                continue;
            }
            if !is_open || stands_alone(character) {
                words.push(Word {
                    before: std::mem::take(&mut before),
                    parts: Vec::new(),
                    start: cue.start,
                    end: cue.end,
                });
                times.push(at.take());
            }
            is_open = !stands_alone(character);
            // There is one: a word was begun at the latest just now.
            let Some(word) = words.last_mut() else {
                continue;
            };
            match word.parts.last_mut() {
                Some((text, face)) if *face == run.face => text.push(character),
                _ => word.parts.push((character.into(), run.face)),
            }
        }
    }
    share(&mut words, &times, cue);
    words
}

/// Gives each word its time: those that are known, and between two of those by length.
fn share(words: &mut [Word], times: &[Option<Time>], cue: &Cue) {
    let length = |word: &Word| -> i128 {
        let characters = word.parts.iter().map(|(text, _)| text.chars().count());
        // As much again as a letter for the pause after it.
        characters.sum::<usize>() as i128 + 1
    };
    let mut first = 0;
    let mut from = cue.start;
    while first < words.len() {
        if let Some(time) = times[first] {
            from = time.clamp(from, cue.end);
        }
        let later = (first + 1..words.len()).find(|index| times[*index].is_some());
        let next = later.unwrap_or(words.len());
        let until = match later.and_then(|index| times[index]) {
            Some(time) => time.clamp(from, cue.end),
            None => cue.end,
        };
        let all: i128 = words[first..next].iter().map(length).sum();
        let mut sum = 0;
        for word in &mut words[first..next] {
            let at = |sum: i128| {
                let flicks = i128::from((until - from).flicks()) * sum / all.max(1);
                from + Time::from_flicks(flicks as i64)
            };
            word.start = at(sum);
            sum += length(word);
            word.end = at(sum);
        }
        from = until;
        first = next;
    }
}

/// A stretch of time in which the same cues are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// When, by the file's clock.
    pub start: Time,
    /// Until when.
    pub end: Time,
    /// Which, by their place in the file's list.
    pub cues: Vec<usize>,
}

/// The pages of these cues, which are in the order of their beginnings, and how many
/// cues were left out at some time because of too many others.
pub fn pages(cues: &[Cue]) -> (Vec<Page>, usize) {
    let mut times: Vec<Time> = cues.iter().flat_map(|cue| [cue.start, cue.end]).collect();
    times.sort_unstable();
    times.dedup();
    let mut pages = Vec::new();
    let mut on: Vec<usize> = Vec::new();
    let (mut next, mut crowded) = (0, 0);
    for pair in times.windows(2) {
        let (start, end) = (pair[0], pair[1]);
        on.retain(|index| cues[*index].end > start);
        while next < cues.len() && cues[next].start <= start {
            if on.len() < MAX_AT_ONCE {
                on.push(next);
            } else {
                crowded += 1;
            }
            next += 1;
        }
        if !on.is_empty() {
            pages.push(Page {
                start,
                end,
                cues: on.clone(),
            });
        }
    }
    (pages, crowded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::caption::Run;

    fn cue(start: i64, end: i64, text: &str) -> Cue {
        Cue {
            start: Time::from_millis(start),
            end: Time::from_millis(end),
            runs: vec![Run {
                text: text.into(),
                ..Run::default()
            }],
        }
    }

    fn shown(cue: &Cue) -> Vec<(String, i64)> {
        let millis = |time: Time| time.flicks() / Time::from_millis(1).flicks();
        words(cue)
            .iter()
            .map(|word| {
                let text: String = word.parts.iter().map(|(text, _)| text.as_str()).collect();
                (format!("{}{text}", word.before), millis(word.start))
            })
            .collect()
    }

    #[test]
    fn words_share_the_time_of_a_cue_by_their_lengths() {
        let expected = [("I", 1000), (" am", 1200), ("\nhere", 1500)];
        assert_eq!(
            shown(&cue(1000, 2000, "I am\nhere")),
            expected.map(|(text, at)| (text.to_owned(), at))
        );
        let expected = [("世", 0), ("界", 500)];
        assert_eq!(
            shown(&cue(0, 1000, "世界")),
            expected.map(|(text, at)| (text.to_owned(), at))
        );
    }

    #[test]
    fn words_whose_time_is_told_keep_it_and_the_others_fit_between() {
        let mut told = cue(0, 4000, "one two");
        told.runs.push(Run {
            text: " three four".into(),
            at: Some(Time::from_millis(3000)),
            ..Run::default()
        });
        // A time in the middle of a word, before the last one, or after the end.
        told.runs.push(Run {
            text: "teen".into(),
            at: Some(Time::from_millis(3500)),
            ..Run::default()
        });
        told.runs.push(Run {
            text: " x".into(),
            at: Some(Time::from_millis(1000)),
            ..Run::default()
        });
        let starts: Vec<i64> = shown(&told).iter().map(|(_, at)| *at).collect();
        assert_eq!(starts, [0, 1500, 3000, 3000, 3000]);
    }

    #[test]
    fn cues_that_overlap_are_on_together() {
        let cues = [
            cue(0, 3000, "a"),
            cue(1000, 2000, "b"),
            cue(5000, 6000, "c"),
        ];
        let (pages, crowded) = pages(&cues);
        let found: Vec<(i64, Vec<usize>)> = pages
            .iter()
            .map(|page| {
                (
                    (page.end - page.start).flicks() / Time::from_millis(1).flicks(),
                    page.cues.clone(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (1000, vec![0]),
                (1000, vec![0, 1]),
                (1000, vec![0]),
                (1000, vec![2])
            ]
        );
        assert_eq!(crowded, 0);
    }

    #[test]
    fn no_more_cues_are_on_at_once_than_can_be_read() {
        let cues: Vec<Cue> = (0..1000).map(|at| cue(at, 100_000, "x")).collect();
        let (pages, crowded) = pages(&cues);
        assert!(pages.iter().all(|page| page.cues.len() <= MAX_AT_ONCE));
        assert_eq!(crowded, 1000 - MAX_AT_ONCE);
    }
}
