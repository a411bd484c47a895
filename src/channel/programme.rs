//! Which segment of which video is on when.
//!
//! A programme is a row of *runs*: one without end for a loop; for a schedule, its items
//! and the filler between them. In a run the same videos are played again and again, so
//! that any moment, and any segment by its number, is found by division, however long
//! the channel has been there.

use crate::channel::definition::Schedule;
use crate::channel::reel::LEAST_TAIL;
use crate::playlist::UnixMillis;
use crate::time::Time;

/// The number of a channel's first segment. Not 0: hls.js (1.7) takes a part of
/// segment 0 for no part.
pub const FIRST_NUMBER: u64 = 1;

/// Time between two items that is not filled: it is too short for a segment.
const LEAST_AIRING: Time = Time::from_millis(100);

/// How long a video is, cut into segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Length {
    /// In all.
    pub duration: Time,
    /// When each segment begins; the first at 0.
    pub segments: Vec<Time>,
    /// Which encoding it has: where this changes, decoders begin anew.
    pub encoding: usize,
}

impl Length {
    /// How many segments it has if it is cut off after `lasts`.
    fn counted(&self, lasts: Time) -> u64 {
        let more = self.segments.iter().skip(1);
        let more = more.take_while(|start| **start + LEAST_TAIL <= lasts);
        1 + more.count() as u64
    }
}

/// One segment of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its number, [`FIRST_NUMBER`] or more.
    pub number: u64,
    /// Which entry it is of, and which segment of that.
    pub entry: usize,
    /// See `entry`.
    pub segment: usize,
    /// When the entry began, since the channel did.
    pub airing: Time,
    /// When the segment begins, since the channel did.
    pub start: Time,
    /// When it ends.
    pub end: Time,
    /// Whether it is encoded otherwise than the one before.
    pub discontinuity: bool,
    /// How often that was so before this segment.
    pub discontinuities: u64,
}

/// Videos that are played one after the other, again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cycle {
    entries: Vec<usize>,
    /// When each begins, and which number its first segment has.
    begins: Vec<(Time, u64)>,
    /// How many seams there are up to the beginning of each where the encoding changes;
    /// the first is that with the last.
    changes: Vec<u64>,
    duration: Time,
    segments: u64,
}

impl Cycle {
    fn new(entries: Vec<usize>, lengths: &[Length]) -> Self {
        let mut cycle = Self::default();
        let mut before = entries.last().copied();
        let mut changes = 0;
        for entry in &entries {
            let length = &lengths[*entry];
            cycle.begins.push((cycle.duration, cycle.segments));
            let changed = before.is_some_and(|before| lengths[before].encoding != length.encoding);
            changes += u64::from(changed);
            cycle.changes.push(changes);
            cycle.duration = cycle.duration + length.duration;
            cycle.segments += length.segments.len() as u64;
            before = Some(*entry);
        }
        cycle.entries = entries;
        cycle
    }

    /// How many seams change the encoding from the second video on to the beginning of
    /// video `index` of round `round`.
    fn changes_to(&self, round: u64, index: usize) -> u64 {
        let of_a_round = self.changes.last().copied().unwrap_or(0);
        let first = self.changes.first().copied().unwrap_or(0);
        round * of_a_round + self.changes[index] - first
    }

    /// Whether the encoding changes at the beginning of video `index`.
    fn changes_at(&self, index: usize) -> bool {
        let before = index
            .checked_sub(1)
            .map_or(0, |before| self.changes[before]);
        self.changes[index] > before
    }
}

/// A stretch of time in which one cycle is played.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    start: Time,
    /// Where it is cut off. Cycles that are have one video, or are so between two rounds.
    end: Option<Time>,
    cycle: usize,
    /// The number of its first segment.
    first: u64,
    /// Whether the encoding changes at its beginning, and how often it did before.
    seam: bool,
    discontinuities: u64,
}

/// What is on when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programme {
    /// When the channel began.
    origin: UnixMillis,
    lengths: Vec<Length>,
    /// One for each entry, and one of all.
    cycles: Vec<Cycle>,
    /// In their order, the last without an end, unless the programme has one.
    runs: Vec<Run>,
}

impl Programme {
    /// The programme of a channel that began at `origin`, whose entries are so long.
    /// There is at least one, each lasts [`LEAST_TAIL`] or longer, and a schedule was
    /// checked for as many.
    pub fn new(origin: UnixMillis, lengths: Vec<Length>, schedule: Option<&Schedule>) -> Self {
        let single = (0..lengths.len()).map(|entry| vec![entry]);
        let entries = single.chain([(0..lengths.len()).collect()]);
        let cycles = entries.map(|entries| Cycle::new(entries, &lengths));
        let cycles: Vec<_> = cycles.collect();
        let first = schedule.and_then(|schedule| schedule.items.first());
        // Nothing is played before the channel begins.
        let origin = first.map_or(origin, |item| UnixMillis(origin.0.min(item.at_unix_ms)));
        let mut programme = Self {
            origin,
            lengths,
            cycles,
            runs: Vec::new(),
        };
        match schedule {
            Some(schedule) => programme.schedule(schedule),
            None => programme.run(Time::ZERO, None, programme.cycles.len() - 1),
        }
        programme
    }

    /// The programme of a channel that began at `origin` and is over when the entries were
    /// played in a loop for so many rounds, one or more.
    pub fn of_rounds(origin: UnixMillis, lengths: Vec<Length>, rounds: u32) -> Self {
        let mut programme = Self::new(origin, lengths, None);
        let cycle = programme.cycles.len() - 1;
        let end = programme.cycles[cycle].duration * i64::from(rounds.max(1));
        programme.runs.clear();
        programme.run(Time::ZERO, Some(end), cycle);
        programme
    }

    /// The number of the last segment; `None` if there is always another.
    pub fn last(&self) -> Option<u64> {
        let run = self.runs.last()?;
        run.end.map(|_| self.last_of(run).number)
    }

    fn schedule(&mut self, schedule: &Schedule) {
        let origin = self.origin.0;
        let at = |unix_ms: u64| {
            let since = i64::try_from(unix_ms.saturating_sub(origin)).unwrap_or(i64::MAX);
            Time::from_millis(since)
        };
        let mut reached = Time::ZERO;
        for (index, item) in schedule.items.iter().enumerate() {
            let start = at(item.at_unix_ms);
            if start - reached >= LEAST_AIRING {
                self.run(reached, Some(start), schedule.filler);
            }
            let whole = start + self.lengths[item.entry].duration;
            let next = schedule.items.get(index + 1);
            reached = next.map_or(whole, |next| whole.min(at(next.at_unix_ms)));
            self.run(start, Some(reached), item.entry);
        }
        self.run(reached, None, schedule.filler);
    }

    /// Another run behind those that there are.
    fn run(&mut self, start: Time, end: Option<Time>, cycle: usize) {
        let (entry, played) = (self.cycles[cycle].entries[0], self.cycles[cycle].duration);
        // What is left of a last round that is too short is left out.
        let end = end.map(|end| {
            let rest = (end - start).flicks() % played.flicks();
            let rest = Time::from_flicks(rest);
            match rest < LEAST_AIRING && end - start >= played {
                true => end - rest,
                false => end,
            }
        });
        let last = self.runs.last().map(|last| {
            let last_slot = self.last_of(last);
            let changed = self.lengths[last_slot.entry].encoding != self.lengths[entry].encoding;
            let discontinuities = last_slot.discontinuities + u64::from(last_slot.discontinuity);
            (last_slot.number + 1, changed, discontinuities)
        });
        let (first, seam, discontinuities) = last.unwrap_or((FIRST_NUMBER, false, 0));
        self.runs.push(Run {
            start,
            end,
            cycle,
            first,
            seam,
            discontinuities,
        });
    }

    /// The last segment of a run that has an end.
    fn last_of(&self, run: &Run) -> Slot {
        let end = run.end.unwrap_or(run.start);
        self.on_in(run, end - Time::from_flicks(1))
    }

    /// When the channel began: what has time 0 is on then.
    pub const fn origin(&self) -> UnixMillis {
        self.origin
    }

    /// The segment that is on at a time since the channel began; where nothing is, the
    /// one before.
    pub fn on(&self, time: Time) -> Slot {
        let run = self.runs.partition_point(|run| run.start <= time);
        let run = &self.runs[run.saturating_sub(1)];
        self.on_in(run, time.max(run.start))
    }

    /// The first segment that begins at `time` or later.
    pub fn from(&self, time: Time) -> Slot {
        let on = self.on(time);
        match on.start >= time {
            true => on,
            false => self.slot(on.number + 1),
        }
    }

    /// Segment `number`; the first for a number that there is not.
    pub fn slot(&self, number: u64) -> Slot {
        let number = number.max(FIRST_NUMBER);
        let run = self.runs.partition_point(|run| run.first <= number);
        let run = &self.runs[run.saturating_sub(1)];
        let cycle = &self.cycles[run.cycle];
        let local = number - run.first;
        let (round, rest) = (local / cycle.segments, local % cycle.segments);
        let index = cycle.begins.partition_point(|(_, first)| *first <= rest) - 1;
        let segment = rest - cycle.begins[index].1;
        self.slot_in(run, round, index, segment as usize)
    }

    fn on_in(&self, run: &Run, time: Time) -> Slot {
        let cycle = &self.cycles[run.cycle];
        let last = run.end.map(|end| end - Time::from_flicks(1));
        let time = last.map_or(time, |last| time.min(last));
        let since = (time - run.start).flicks();
        let (round, rest) = (
            since / cycle.duration.flicks(),
            since % cycle.duration.flicks(),
        );
        let rest = Time::from_flicks(rest);
        let index = cycle.begins.partition_point(|(begins, _)| *begins <= rest) - 1;
        let rest = rest - cycle.begins[index].0;
        let length = &self.lengths[cycle.entries[index]];
        let segment = length.segments.partition_point(|start| *start <= rest) - 1;
        let round = u64::try_from(round).unwrap_or(0);
        let airing = self.airing(run, round, index);
        let counted = length.counted(self.lasts(run, airing, length));
        let segment = segment.min(counted as usize - 1);
        self.slot_in(run, round, index, segment)
    }

    /// When a video of a run begins.
    fn airing(&self, run: &Run, round: u64, index: usize) -> Time {
        let cycle = &self.cycles[run.cycle];
        let rounds = cycle.duration * i64::try_from(round).unwrap_or(i64::MAX);
        run.start + rounds + cycle.begins[index].0
    }

    /// How long a video of a run lasts that begins at `airing`.
    fn lasts(&self, run: &Run, airing: Time, length: &Length) -> Time {
        let left = run.end.map(|end| end - airing);
        left.map_or(length.duration, |left| left.min(length.duration))
    }

    fn slot_in(&self, run: &Run, round: u64, index: usize, segment: usize) -> Slot {
        let cycle = &self.cycles[run.cycle];
        let entry = cycle.entries[index];
        let length = &self.lengths[entry];
        let airing = self.airing(run, round, index);
        let lasts = self.lasts(run, airing, length);
        let is_last = segment as u64 + 1 >= length.counted(lasts);
        let end = match length.segments.get(segment + 1) {
            Some(next) if !is_last => *next,
            _ => lasts,
        };
        let first_of_run = round == 0 && index == 0;
        let (changes, seams) = match first_of_run {
            true => (run.seam, u64::from(run.seam)),
            false => (
                cycle.changes_at(index),
                u64::from(run.seam) + cycle.changes_to(round, index),
            ),
        };
        let discontinuity = segment == 0 && changes;
        Slot {
            number: run.first + round * cycle.segments + cycle.begins[index].1 + segment as u64,
            entry,
            segment,
            airing,
            start: airing + length.segments[segment],
            end: airing + end,
            discontinuity,
            discontinuities: run.discontinuities + seams - u64::from(discontinuity),
        }
    }
}

#[cfg(test)]
#[path = "programme_tests.rs"]
mod tests;
