//! The roles in a room, and which stream from upstream its viewers are given.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thiserror::Error;

use super::upstream::Upstream;
use super::{Command, Event, Flow, Generation, Reason, RoomConfig, UpstreamId, ViewerId, Why};

/// The longest wait between two tries to have a stream.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// The wait after the second try that failed; the first is followed by another at once.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Tries after which viewers of whom none has seen anything are told that it cannot be had.
const FIRST_TRIES: u32 = 3;

/// The shortest wait between two tries while nothing comes of any stream.
const TRIAL_WAIT: Duration = Duration::from_secs(1);

/// What a viewer is to the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It is his stream that everybody is given.
    Primary,
    /// He has one of his own that stands by.
    Secondary,
    /// He is given what the primary master is.
    Slave,
}

impl Role {
    /// Its name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Slave => "slave",
        }
    }
}

/// How a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomState {
    /// Nothing was given yet.
    Opening,
    /// Frames are given.
    Live,
    /// Frames were given, and none come.
    Interrupted,
    /// Nobody watches; the stream is kept for a while.
    Lingering,
    /// Closed, for this reason.
    Closed(Why),
}

impl RoomState {
    /// Its name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Live => "live",
            Self::Interrupted => "interrupted",
            Self::Lingering => "lingering",
            Self::Closed(_) => "closed",
        }
    }
}

/// Nobody can join a room that is closed: the next is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the room is closed ({})", .0.as_str())]
pub struct Closed(pub Why);

/// One stream from upstream, as it is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterReport {
    /// Which.
    pub upstream: UpstreamId,
    /// Whose; nobody's while his who left is given on.
    pub viewer: Option<ViewerId>,
    /// What that viewer is.
    pub role: Role,
    /// How it comes.
    pub flow: Flow,
}

/// What is told of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomReport {
    /// Which of the rooms of its name.
    pub generation: Generation,
    /// How it is.
    pub state: RoomState,
    /// The streams from upstream, the one that is given first.
    pub masters: Vec<MasterReport>,
    /// Viewers that have none of their own.
    pub slaves: usize,
    /// Hand-overs, in the order of [`Reason::HANDOVERS`].
    pub handovers: [u64; Reason::HANDOVERS.len()],
}

/// A room. Times are counted from any moment that is the same for all calls.
#[derive(Debug)]
pub struct Room {
    config: RoomConfig,
    generation: Generation,
    viewers: BTreeSet<ViewerId>,
    upstreams: BTreeMap<UpstreamId, Upstream>,
    /// Whose frames viewers are given.
    source: Option<UpstreamId>,
    /// Why there is none.
    lost: Reason,
    next_viewer: u64,
    next_upstream: u64,
    /// Until when an empty room lingers.
    until: Option<Duration>,
    /// When viewers were given a frame last, or the room was opened.
    given: Duration,
    /// Whether any was.
    begun: bool,
    /// Whether nobody begins with what was given last.
    paused: bool,
    /// Tries that failed since the last that did not, and when the next is due.
    failures: u32,
    retry: Duration,
    handovers: [u64; Reason::HANDOVERS.len()],
    closed: Option<Why>,
}

impl Room {
    /// Nobody is there yet; opened at `now`.
    pub const fn new(config: RoomConfig, generation: Generation, now: Duration) -> Self {
        Self {
            config,
            generation,
            viewers: BTreeSet::new(),
            upstreams: BTreeMap::new(),
            source: None,
            lost: Reason::First,
            next_viewer: 0,
            next_upstream: 0,
            until: None,
            given: now,
            begun: false,
            paused: false,
            failures: 0,
            retry: Duration::ZERO,
            handovers: [0; Reason::HANDOVERS.len()],
            closed: None,
        }
    }

    /// Which of the rooms of its name it is.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Somebody wants to watch. His role is known by what there is in the room then;
    /// where it is a master's, the commands open his stream.
    pub fn join(&mut self, now: Duration) -> Result<(ViewerId, Role, Vec<Command>), Closed> {
        if let Some(why) = self.closed {
            return Err(Closed(why));
        }
        let viewer = ViewerId(self.next_viewer);
        self.next_viewer += 1;
        self.viewers.insert(viewer);
        if self.until.take().is_some() {
            // Nobody was there, so nobody was kept waiting.
            self.given = now;
            // The stream that lingered is his.
            for upstream in self.upstreams.values_mut() {
                upstream.owner.get_or_insert(viewer);
            }
        }
        let commands = self.settled(now);
        Ok((viewer, self.role(viewer), commands))
    }

    /// A viewer has gone, however.
    pub fn leave(&mut self, viewer: ViewerId, now: Duration) -> Vec<Command> {
        if !self.viewers.remove(&viewer) {
            return Vec::new();
        }
        for upstream in self.upstreams.values_mut() {
            upstream.owner = upstream.owner.filter(|owner| *owner != viewer);
        }
        self.settled(now)
    }

    /// Something has become of a stream from upstream, or time has passed. Of what is
    /// meant for a room of another generation, nothing comes.
    pub fn on(&mut self, generation: Generation, event: Event, now: Duration) -> Vec<Command> {
        if generation != self.generation || self.closed.is_some() {
            return Vec::new();
        }
        match event {
            Event::Opened(id) => {
                if let Some(upstream) = self.upstreams.get_mut(&id) {
                    upstream.opened(now);
                }
            }
            Event::Frame {
                upstream: id,
                start,
            } => {
                let Some(upstream) = self.upstreams.get_mut(&id) else {
                    return Vec::new();
                };
                let flowed = upstream.flow == Flow::Flowing;
                let steady = upstream.was_steady();
                upstream.gave(now, start);
                if !steady && upstream.was_steady() {
                    self.failures = 0;
                }
                if self.source == Some(id) {
                    self.given = now;
                    self.paused = false;
                }
                // As nearly always: nothing has changed.
                if flowed && self.is_well(now) {
                    return Vec::new();
                }
            }
            Event::Ended(id) => self.gone(id, Reason::Ended, now),
            Event::Failed(id) => {
                self.gone(id, Reason::Failed, now);
                let tried = self.failures >= FIRST_TRIES;
                if tried && !self.begun && !self.has_hope(now) {
                    return self.shut(Why::Unreachable);
                }
            }
            Event::Missing(id) => {
                self.gone(id, Reason::Failed, now);
                if !self.has_hope(now) {
                    return self.shut(if self.begun { Why::Ended } else { Why::Missing });
                }
                // It will hardly be there in the next moment.
                self.retry = self.retry.max(now + TRIAL_WAIT);
            }
            Event::Crowded(id) => {
                let is_given = self.source.is_none_or(|source| source == id);
                if is_given || self.upstreams.remove(&id).is_none() {
                    return Vec::new();
                }
                // Its owner gets another.
                let mut commands = vec![Command::Close(id)];
                commands.extend(self.settled(now));
                return commands;
            }
            Event::Tick => {}
        }
        self.settled(now)
    }

    /// Closes the room, whoever is there.
    pub fn shut(&mut self, why: Why) -> Vec<Command> {
        let mut commands = Vec::new();
        if self.closed.is_none() {
            self.close(why, &mut commands);
        }
        commands
    }

    /// Whether the stream that is given comes, for somebody who is there.
    pub fn is_well(&self, now: Duration) -> bool {
        let source = self.source.and_then(|id| self.upstreams.get(&id));
        source.is_some_and(|source| {
            source.owner.is_some() && source.is_fresh(now, self.config.stall_after)
        })
    }

    /// What `viewer` is.
    pub fn role(&self, viewer: ViewerId) -> Role {
        let owned = |id: &UpstreamId| self.upstreams[id].owner == Some(viewer);
        if self.primary().is_some_and(|id| owned(&id)) {
            Role::Primary
        } else if self.upstreams.keys().any(owned) {
            Role::Secondary
        } else {
            Role::Slave
        }
    }

    /// How it is at `now`.
    pub fn state(&self, now: Duration) -> RoomState {
        match self.closed {
            Some(why) => RoomState::Closed(why),
            None if self.until.is_some() => RoomState::Lingering,
            None if !self.begun => RoomState::Opening,
            None if self.source_is_fresh(now) => RoomState::Live,
            None => RoomState::Interrupted,
        }
    }

    /// What is told of it at `now`.
    pub fn report(&self, now: Duration) -> RoomReport {
        let primary = self.primary();
        let mut masters: Vec<_> = self.upstreams.iter().collect();
        masters.sort_by_key(|(id, _)| (Some(**id) != primary, **id));
        let masters: Vec<_> = masters
            .into_iter()
            .map(|(id, upstream)| MasterReport {
                upstream: *id,
                viewer: upstream.owner,
                role: match Some(*id) == primary {
                    true => Role::Primary,
                    false => Role::Secondary,
                },
                flow: upstream.flow,
            })
            .collect();
        let owners: BTreeSet<_> = masters.iter().filter_map(|master| master.viewer).collect();
        RoomReport {
            generation: self.generation,
            state: self.state(now),
            slaves: self.viewers.len() - owners.len(),
            masters,
            handovers: self.handovers,
        }
    }

    /// How many viewers there are.
    pub fn viewers(&self) -> usize {
        self.viewers.len()
    }

    /// Whether nobody can join it any more.
    pub const fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// The stream that viewers are given, else the one that they will be.
    fn primary(&self) -> Option<UpstreamId> {
        self.source
            .or_else(|| self.upstreams.keys().next().copied())
    }

    fn source_is_fresh(&self, now: Duration) -> bool {
        let source = self.source.and_then(|id| self.upstreams.get(&id));
        source.is_some_and(|source| source.is_fresh(now, self.config.stall_after))
    }

    /// Whether any stream comes, or is asked for and may be answered otherwise.
    fn has_hope(&self, now: Duration) -> bool {
        let mut all = self.upstreams.values();
        all.any(|other| other.flow == Flow::Opening || other.is_fresh(now, self.config.stall_after))
    }

    /// A stream from upstream is no more.
    fn gone(&mut self, id: UpstreamId, reason: Reason, now: Duration) {
        let Some(upstream) = self.upstreams.remove(&id) else {
            return;
        };
        if self.source == Some(id) {
            self.source = None;
            self.lost = reason;
        }
        // One that was had for a while can be had again.
        self.failures = match upstream.was_steady() {
            true => 0,
            false => self.failures.saturating_add(1),
        };
        self.retry = now + wait(self.failures);
    }

    fn settled(&mut self, now: Duration) -> Vec<Command> {
        let mut commands = Vec::new();
        if self.closed.is_some() {
            return commands;
        }
        self.linger(now, &mut commands);
        if self.closed.is_none() {
            self.choose(now, &mut commands);
            self.clear(now, &mut commands);
            self.fill(now, &mut commands);
            self.give_up(now, &mut commands);
        }
        commands
    }

    /// An empty room keeps the stream that was given, for a while.
    fn linger(&mut self, now: Duration, commands: &mut Vec<Command>) {
        if !self.viewers.is_empty() {
            return;
        }
        let until = *self.until.get_or_insert(now + self.config.linger);
        if self.source.is_none() || now >= until {
            let why = match (self.source, self.lost) {
                (None, Reason::Ended) => Why::Ended,
                _ => Why::Deserted,
            };
            self.close(why, commands);
        }
    }

    /// Which stream viewers are given.
    fn choose(&mut self, now: Duration, commands: &mut Vec<Command>) {
        let stall_after = self.config.stall_after;
        let source = self.source.and_then(|id| self.upstreams.get(&id));
        let reason = match source {
            None => self.lost,
            Some(source) if source.is_silent(now, stall_after) => Reason::Stalled,
            Some(source) if source.owner.is_none() && !self.viewers.is_empty() => Reason::Left,
            Some(_) => return,
        };
        let fresh = self.upstreams.iter().filter(|(id, upstream)| {
            Some(**id) != self.source && upstream.is_fresh(now, stall_after)
        });
        // The one that was heard of last; of those, the oldest.
        let best = fresh.max_by_key(|(id, upstream)| (upstream.heard(), std::cmp::Reverse(**id)));
        let Some(best) = best.map(|(id, _)| *id) else {
            if self.begun && reason != Reason::Left && !self.paused {
                self.paused = true;
                commands.push(Command::Pause);
            }
            return;
        };
        // First the new one, then away with the old one.
        commands.push(Command::Switch { to: best, reason });
        if let Some(old) = self.source.replace(best) {
            self.upstreams.remove(&old);
            commands.push(Command::Close(old));
        }
        let handover = Reason::HANDOVERS.iter().position(|known| *known == reason);
        if let Some(index) = handover {
            self.handovers[index] += 1;
        }
        self.begun = true;
        self.paused = false;
        self.given = now;
    }

    /// Streams that are of no use: of those who left, and those that give nothing while
    /// another does.
    fn clear(&mut self, now: Duration, commands: &mut Vec<Command>) {
        let fresh = self.source_is_fresh(now);
        let useless = |id: UpstreamId, upstream: &Upstream| {
            let silent = fresh && upstream.is_silent(now, self.config.stall_after);
            Some(id) != self.source && (upstream.owner.is_none() || silent)
        };
        let useless: Vec<_> = self
            .upstreams
            .iter()
            .filter(|(id, upstream)| useless(**id, upstream))
            .map(|(id, upstream)| (*id, upstream.owner.is_some()))
            .collect();
        for (id, silent) in useless {
            if silent {
                self.gone(id, Reason::Stalled, now);
            }
            self.upstreams.remove(&id);
            commands.push(Command::Close(id));
        }
    }

    /// Opens what is missing: a stream for each master, and another for whoever has been
    /// there longest while those there are give nothing.
    fn fill(&mut self, now: Duration, commands: &mut Vec<Command>) {
        if self.viewers.is_empty() || now < self.retry {
            return;
        }
        let wanted = self.config.masters.max(1).min(self.viewers.len());
        let slaves: Vec<_> = {
            let owned = self
                .upstreams
                .values()
                .filter_map(|upstream| upstream.owner);
            let owners: BTreeSet<_> = owned.collect();
            let slaves = self.viewers.iter().filter(|id| !owners.contains(id));
            slaves.take(wanted).copied().collect()
        };
        let mut slaves = slaves.into_iter();
        let owned = |room: &Self| {
            let all = room.upstreams.values();
            all.filter(|upstream| upstream.owner.is_some()).count()
        };
        while owned(self) < wanted {
            let Some(viewer) = slaves.next() else {
                break;
            };
            self.open(viewer, now, commands);
        }
        let opening = |upstream: &Upstream| upstream.flow == Flow::Opening;
        if self.begun && !self.source_is_fresh(now) && !self.upstreams.values().any(opening) {
            self.trial(slaves.next(), wanted, now, commands);
        }
    }

    /// One more stream than there are to be, as none of those gives anything.
    fn trial(
        &mut self,
        slave: Option<ViewerId>,
        wanted: usize,
        now: Duration,
        commands: &mut Vec<Command>,
    ) {
        let Some(viewer) = slave.or_else(|| self.viewers.first().copied()) else {
            return;
        };
        if self.upstreams.len() > wanted {
            // Earlier tries were in vain too.
            let others = self.upstreams.iter();
            let others = others.filter(|(id, _)| Some(**id) != self.source);
            let stalest = others.min_by_key(|(_, upstream)| upstream.heard());
            if let Some(id) = stalest.map(|(id, _)| *id) {
                self.gone(id, Reason::Stalled, now);
                commands.push(Command::Close(id));
            }
        }
        self.open(viewer, now, commands);
        self.retry = now + wait(self.failures).max(TRIAL_WAIT);
    }

    fn open(&mut self, viewer: ViewerId, now: Duration, commands: &mut Vec<Command>) {
        let upstream = UpstreamId(self.next_upstream);
        self.next_upstream += 1;
        let apart_from = self.primary();
        self.upstreams.insert(upstream, Upstream::new(viewer, now));
        commands.push(Command::Open {
            upstream,
            viewer,
            apart_from,
        });
    }

    /// Viewers are not kept for ever with nothing to give them.
    fn give_up(&mut self, now: Duration, commands: &mut Vec<Command>) {
        let waited = now.saturating_sub(self.given);
        if !self.viewers.is_empty() && waited >= self.config.patience {
            self.close(Why::Silent, commands);
        }
    }

    fn close(&mut self, why: Why, commands: &mut Vec<Command>) {
        let all = std::mem::take(&mut self.upstreams);
        commands.extend(all.into_keys().map(Command::Close));
        self.source = None;
        self.closed = Some(why);
        commands.push(Command::Over(why));
    }
}

/// How long after so many failures the next try is made.
fn wait(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => LONGEST_WAIT.min(FIRST_WAIT.saturating_mul(1 << (more - 2).min(8))),
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
