//! The task of a channel: puts on the air what the clock says, when it says so.
//!
//! Ahead of the clock chunks are asked for; what is there when its time comes is put on
//! the air part by part, as an encoder would send it, and what is not is a gap. Only at
//! the very beginning nothing is a gap: the stream begins with the first segment that is
//! there, and with those before it that are there as well, for players to begin with.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::broadcast::{Caster, PublishError, PublishingError, Reservation, now};
use crate::casting::channel::{Channel, Phase};
use crate::casting::due::{Coming, Due, asked, clock, frames, timed};
use crate::casting::show::Show;
use crate::channel::{FIRST_NUMBER, Rendering, Slot};
use crate::chunk::Part;
use crate::live::PartTarget;
use crate::render::{Lane, Priority, Urgency};
use crate::time::Time;

/// How far ahead of the clock chunks are asked for: as far as for the viewers of videos.
const HORIZON: Time = Time::from_seconds(20);

/// What is on so soon is as urgent as what a viewer waits for.
const SOON: Time = Time::from_seconds(5);

/// Segments that are asked for, or wait for their time, at most.
const MAX_AHEAD: usize = 32;

/// Segments whose chunks are being rendered at a time, those that came too late among them.
const MAX_ASKED: usize = 16;

/// How far back a stream begins, if that is there already.
const BACKFILL: Time = Time::from_seconds(8);

/// How long that is waited for.
const BACKFILL_WAIT: Duration = Duration::from_millis(700);

/// How long a channel stays on the air when nobody watches it any more.
pub(super) const LINGER: Duration = Duration::from_secs(30);

/// What is as late as this is not made up for: the machine slept, or its clock was set.
const MAX_LATE: Time = Time::from_seconds(30);

/// How long after a fault another stream is begun.
const PAUSE: Duration = Duration::from_secs(1);

/// How often it is looked whether what is awaited at the beginning is there.
const LOOK: Duration = Duration::from_millis(20);

/// How a time on the air ended.
enum Aired {
    /// There is nothing more to play.
    Over,
    /// Nobody watches.
    Unwatched,
    /// It was deleted.
    Stopped,
    /// It goes on as another stream.
    Broken(String),
}

impl From<PublishingError> for Aired {
    fn from(error: PublishingError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<PublishError> for Aired {
    fn from(error: PublishError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Has `channel` on the air until it is deleted.
pub(super) async fn run(channel: Arc<Channel>, show: Arc<Show>, reservation: Reservation) {
    let on_demand = channel.definition.render == Rendering::OnDemand;
    let asks = Arc::new(Semaphore::new(MAX_ASKED));
    loop {
        if on_demand {
            channel.set(Phase::Idle);
            tokio::select! {
                () = reservation.wanted() => {}
                () = channel.stop.cancelled() => return,
            }
        }
        channel.set(Phase::OnAir);
        let air = Air {
            channel: &channel,
            show: &show,
            reservation: &reservation,
            asks: Arc::clone(&asks),
            caster: None,
            encoding: None,
            base: Time::ZERO,
            next: None,
            queue: VecDeque::new(),
        };
        match air.run(on_demand).await {
            Aired::Unwatched => {}
            Aired::Stopped => return,
            Aired::Broken(error) => {
                tracing::warn!(channel = channel.name, error, "a channel begins anew");
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = channel.stop.cancelled() => return,
                }
            }
            Aired::Over => {
                channel.set(Phase::Over);
                reservation.over();
                channel.stop.cancelled().await;
                return;
            }
        }
    }
}

struct Air<'a> {
    channel: &'a Channel,
    show: &'a Arc<Show>,
    reservation: &'a Reservation,
    asks: Arc<Semaphore>,
    caster: Option<Caster>,
    /// What those who watch were told last of the encoding.
    encoding: Option<usize>,
    /// From when on those count who are pushed the stream: the time of a format that they
    /// have has an end.
    base: Time,
    /// The next that is asked for.
    next: Option<u64>,
    queue: VecDeque<Due>,
}

impl Air<'_> {
    async fn run(mut self, on_demand: bool) -> Aired {
        let channel = self.channel;
        let aired = tokio::select! {
            aired = self.play(on_demand) => aired.err().unwrap_or(Aired::Over),
            () = channel.stop.cancelled() => Aired::Stopped,
        };
        if let Some(caster) = self.caster.take() {
            match aired {
                Aired::Over | Aired::Stopped => caster.end(),
                Aired::Unwatched | Aired::Broken(_) => caster.leave(),
            }
        }
        aired
    }

    async fn play(&mut self, on_demand: bool) -> Result<(), Aired> {
        let programme = &self.show.programme;
        let from = (self.now() - BACKFILL).max(Time::ZERO);
        let first = programme.on(from).number.max(FIRST_NUMBER);
        let over = programme.last().is_some_and(|last| {
            let last = programme.slot(last);
            last.end <= self.now()
        });
        self.next = (!over).then_some(first);
        self.begin().await;
        loop {
            if on_demand && !self.reservation.is_wanted(LINGER) {
                return Err(Aired::Unwatched);
            }
            self.ask();
            let Some(mut due) = self.queue.pop_front() else {
                if self.next.is_none() {
                    return Ok(());
                }
                // A last segment that is longer than the horizon.
                sleep(PAUSE).await;
                continue;
            };
            if self.caster.is_some() && self.now() > due.slot.end + MAX_LATE {
                return Err(Aired::Broken("it is late".into()));
            }
            let late = self.late(&due.slot);
            due.segment.settle(self.until(late)).await;
            match due.segment {
                Coming::There(parts) => self.put(&due.slot, parts).await?,
                Coming::Asked(_) | Coming::Failed => {
                    self.sleep(late).await;
                    self.miss(&due.slot)?;
                }
            }
        }
    }

    /// Waits a moment for what is on and what was on before, and lets go of what is not
    /// there, and of all before that.
    async fn begin(&mut self) {
        let began = Instant::now();
        self.ask();
        loop {
            let now = self.now();
            let begun = self.queue.partition_point(|due| due.slot.start <= now);
            for due in self.queue.iter_mut().take(begun) {
                due.segment.settle(Duration::ZERO).await;
            }
            let begun = self.queue.iter().take(begun);
            let missing = begun.rev().position(|due| !due.segment.is_there());
            let Some(there) = missing else {
                return;
            };
            if began.elapsed() >= BACKFILL_WAIT {
                let begun = self.queue.partition_point(|due| due.slot.start <= now);
                // What is on now may still come in time.
                let on = self.queue.get(begun.saturating_sub(1));
                let awaited = there == 0 && on.is_some_and(|on| self.late(&on.slot) > now);
                self.queue.drain(..begun - there.max(usize::from(awaited)));
                return;
            }
            sleep(LOOK).await;
        }
    }

    /// When a segment that is not there is missing: when players are to have its first
    /// part. Where nobody has seen anything yet, it may begin late.
    fn late(&self, slot: &Slot) -> Time {
        match self.caster {
            Some(_) => slot.start + Time::from_millis(i64::from(self.part().milliseconds())),
            None => Time::from_flicks(i64::midpoint(slot.start.flicks(), slot.end.flicks())),
        }
    }

    /// How long the channel has been there.
    fn now(&self) -> Time {
        self.show.since(now())
    }

    /// How long it is until `time`.
    fn until(&self, time: Time) -> Duration {
        let left = (time - self.now()).to_nanos();
        Duration::from_nanos(u64::try_from(left).unwrap_or(0))
    }

    async fn sleep(&self, time: Time) {
        let left = self.until(time);
        if !left.is_zero() {
            sleep(left).await;
        }
    }

    const fn part(&self) -> PartTarget {
        self.reservation.config().cutting.part
    }

    /// Asks for what is on soon.
    fn ask(&mut self) {
        let programme = &self.show.programme;
        let now = self.now();
        while let Some(number) = self.next
            && self.queue.len() < MAX_AHEAD
        {
            if programme.last().is_some_and(|last| number > last) {
                self.next = None;
                return;
            }
            let slot = programme.slot(number);
            if slot.start > now + HORIZON {
                return;
            }
            let priority = match slot.start <= now + SOON && slot.end > now {
                true => Priority::Viewer,
                false => Priority::LookAhead,
            };
            let urgency = Urgency {
                priority,
                lane: Lane(self.channel.lane),
            };
            let asking = asked(
                self.channel.delivery.clone(),
                Arc::clone(self.show),
                (slot.clone(), self.until(slot.end + SOON)),
                (urgency, self.part()),
                Arc::clone(&self.asks),
            );
            self.queue.push_back(Due {
                slot,
                segment: Coming::Asked(tokio::spawn(asking)),
            });
            self.next = Some(number + 1);
        }
    }

    /// The stream on the air, with the encoding of the next segment.
    fn described(&mut self, slot: &Slot) -> Result<&mut Caster, Aired> {
        let caster = match self.caster.take() {
            Some(caster) => caster,
            None => {
                self.base = Time::from_seconds(slot.start.to_nanos() / 1_000_000_000);
                self.reservation.cast(slot.number, slot.discontinuities)?
            }
        };
        let encoding = self.show.videos[slot.entry].encoding;
        if self.encoding != Some(encoding) {
            let tracks = &self.show.encodings[encoding].tracks;
            caster.describe(tracks, self.show.at(self.base))?;
            self.encoding = Some(encoding);
        }
        Ok(self.caster.insert(caster))
    }

    /// Puts a segment on the air, each part when it is over.
    async fn put(&mut self, slot: &Slot, tracks: Vec<Vec<Part>>) -> Result<(), Aired> {
        self.sleep(slot.start).await;
        let show = Arc::clone(self.show);
        let stretches = show.stretches(slot);
        let caster = self.described(slot)?;
        for stretch in &stretches {
            caster
                .open(stretch.kind, &show.begins(slot, stretch))
                .await?;
        }
        let mut parts: Vec<_> = stretches
            .iter()
            .zip(tracks)
            .flat_map(|(stretch, parts)| timed(stretch, slot, parts))
            .collect();
        parts.sort_by_key(|part| part.due);
        for timed in parts {
            self.sleep(timed.due).await;
            let (kind, timescale) = (timed.stretch.kind, timed.stretch.timescale);
            let base = self.base.to_ticks(clock(timescale));
            let frames = frames(&timed, base);
            let caster = self.described(slot)?;
            caster.part(kind, timed.part, timed.is_last)?;
            frames
                .into_iter()
                .for_each(|frame| caster.push(frame, timescale));
        }
        self.channel.played.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A segment is not there in time: it is a gap in all tracks.
    fn miss(&mut self, slot: &Slot) -> Result<(), Aired> {
        // Nobody has begun to watch.
        if self.caster.is_none() {
            return Ok(());
        }
        let (name, number) = (&self.channel.name, slot.number);
        tracing::warn!(channel = name, number, "a segment of a channel is late");
        self.channel.gaps.fetch_add(1, Ordering::Relaxed);
        let show = Arc::clone(self.show);
        let caster = self.described(slot)?;
        for stretch in show.stretches(slot) {
            let begins = show.begins(slot, &stretch);
            caster.miss(stretch.kind, number, &begins, stretch.ticks)?;
        }
        Ok(())
    }
}
