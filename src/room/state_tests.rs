use super::*;

const GENERATION: Generation = Generation(7);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A room and what it has asked for, played by hand.
struct Play {
    room: Room,
    now: Duration,
    /// Streams that are open upstream.
    open: BTreeSet<UpstreamId>,
    /// Everything that was commanded, in short.
    log: Vec<String>,
}

impl Play {
    fn new(masters: usize) -> Self {
        let config = RoomConfig {
            masters,
            ..RoomConfig::default()
        };
        let now = ms(1_000);
        Self {
            room: Room::new(config, GENERATION, now),
            now,
            open: BTreeSet::new(),
            log: Vec::new(),
        }
    }

    /// One who has a stream that flows, and two more viewers.
    fn flowing(masters: usize, viewers: usize) -> (Self, Vec<ViewerId>) {
        let mut play = Self::new(masters);
        let viewers = (0..viewers).map(|_| play.join().0).collect();
        for id in play.open.clone() {
            play.on(Event::Opened(id));
            play.frame(id.0);
        }
        // Long enough to be steady.
        for _ in 0..6 {
            play.flow(&play.open.clone());
        }
        play.log.clear();
        (play, viewers)
    }

    fn join(&mut self) -> (ViewerId, Role) {
        let (viewer, role, commands) = self.room.join(self.now).expect("open");
        self.obey(commands);
        (viewer, role)
    }

    fn leave(&mut self, viewer: ViewerId) {
        let commands = self.room.leave(viewer, self.now);
        self.obey(commands);
    }

    fn on(&mut self, event: Event) {
        let commands = self.room.on(GENERATION, event, self.now);
        self.obey(commands);
    }

    fn frame(&mut self, upstream: u64) {
        let upstream = UpstreamId(upstream);
        self.on(Event::Frame {
            upstream,
            start: true,
        });
    }

    /// A quarter of a second in which these give frames.
    fn flow(&mut self, giving: &BTreeSet<UpstreamId>) {
        self.now += ms(250);
        for id in giving {
            self.frame(id.0);
        }
        self.on(Event::Tick);
    }

    /// So many milliseconds in which these alone give frames.
    fn run(&mut self, duration: u64, giving: &[u64]) {
        let giving = giving.iter().copied().map(UpstreamId).collect();
        for _ in 0..duration / 250 {
            self.flow(&giving);
        }
    }

    fn obey(&mut self, commands: Vec<Command>) {
        for command in commands {
            self.log.push(match command {
                Command::Open {
                    upstream, viewer, ..
                } => {
                    assert!(self.open.insert(upstream), "opened once");
                    format!("open {} for {}", upstream.0, viewer.0)
                }
                Command::Close(id) => {
                    self.open.remove(&id);
                    format!("close {}", id.0)
                }
                Command::Switch { to, reason } => {
                    assert!(self.open.contains(&to), "one that is open");
                    format!("switch to {} ({})", to.0, reason.as_str())
                }
                Command::Pause => "pause".to_owned(),
                Command::Over(why) => format!("over ({})", why.as_str()),
            });
        }
    }

    /// What was commanded since this was asked last.
    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn gone(&mut self, event: fn(UpstreamId) -> Event, upstream: u64) {
        self.open.remove(&UpstreamId(upstream));
        self.on(event(UpstreamId(upstream)));
    }

    fn handovers(&self) -> [u64; 4] {
        self.room.report(self.now).handovers
    }
}

#[test]
fn a_role_is_known_by_how_many_masters_there_are() {
    for (limit, roles) in [
        (1, ["primary", "slave", "slave", "slave"]),
        (2, ["primary", "secondary", "slave", "slave"]),
        (3, ["primary", "secondary", "secondary", "slave"]),
        // One is needed, whatever is said.
        (0, ["primary", "slave", "slave", "slave"]),
    ] {
        let mut play = Play::new(limit);
        let given: Vec<_> = (0..4).map(|_| play.join().1.as_str()).collect();
        assert_eq!(given, roles, "{limit} masters");
        assert_eq!(play.open.len(), limit.max(1));
    }
}

#[test]
fn the_first_stream_that_flows_is_given() {
    let mut play = Play::new(2);
    for _ in 0..3 {
        play.join();
    }
    assert_eq!(play.said(), ["open 0 for 0", "open 1 for 1"]);
    assert_eq!(play.room.state(play.now), RoomState::Opening);
    play.on(Event::Opened(UpstreamId(0)));
    // Nobody can begin with it.
    play.on(Event::Frame {
        upstream: UpstreamId(0),
        start: false,
    });
    assert!(play.said().is_empty());
    play.frame(1);
    assert_eq!(play.said(), ["switch to 1 (first)"]);
    play.frame(0);
    assert!(play.said().is_empty());
    let report = play.room.report(play.now);
    assert_eq!((report.state, report.slaves), (RoomState::Live, 1));
    assert_eq!(report.masters[0].upstream, UpstreamId(1));
    assert_eq!(report.masters[0].role, Role::Primary);
    assert_eq!(report.masters[1].role, Role::Secondary);
    assert_eq!(report.handovers, [0; 4]);
}

#[test]
fn when_the_primary_master_leaves_a_standby_takes_over_and_another_is_opened() {
    let (mut play, viewers) = Play::flowing(2, 4);
    play.leave(viewers[0]);
    assert_eq!(
        play.said(),
        ["switch to 1 (left)", "close 0", "open 2 for 2"]
    );
    assert_eq!(play.room.role(viewers[1]), Role::Primary);
    assert_eq!(play.room.role(viewers[2]), Role::Secondary);
    assert_eq!(play.handovers(), [1, 0, 0, 0]);
}

#[test]
fn when_the_last_master_leaves_the_stream_goes_on_until_a_slaves_own_comes() {
    let (mut play, viewers) = Play::flowing(1, 3);
    play.leave(viewers[0]);
    assert_eq!(play.said(), ["open 1 for 1"]);
    play.run(1_000, &[0]);
    assert!(play.said().is_empty());
    assert_eq!(play.room.state(play.now), RoomState::Live);
    play.on(Event::Opened(UpstreamId(1)));
    play.frame(1);
    assert_eq!(play.said(), ["switch to 1 (left)", "close 0"]);
    assert_eq!(play.room.role(viewers[1]), Role::Primary);
}

#[test]
fn when_a_master_who_stands_by_leaves_a_slave_stands_by() {
    let (mut play, viewers) = Play::flowing(2, 3);
    play.leave(viewers[1]);
    assert_eq!(play.said(), ["close 1", "open 2 for 2"]);
    assert_eq!(play.handovers(), [0; 4]);
}

#[test]
fn a_standby_that_could_come_from_another_server_is_had_from_there() {
    let (mut play, _) = Play::flowing(2, 3);
    play.on(Event::Crowded(UpstreamId(1)));
    assert_eq!(play.said(), ["close 1", "open 2 for 1"]);
    // What is given is not touched, and what is not there is not.
    play.on(Event::Crowded(UpstreamId(0)));
    play.on(Event::Crowded(UpstreamId(1)));
    assert!(play.said().is_empty());
    assert_eq!(play.handovers(), [0; 4]);
}

#[test]
fn when_the_stream_that_is_given_breaks_off_a_standby_takes_over() {
    for (event, reason, handovers) in [
        (Event::Failed as fn(_) -> _, "failed", [0, 0, 1, 0]),
        (Event::Ended, "ended", [0, 0, 0, 1]),
    ] {
        let (mut play, _) = Play::flowing(2, 3);
        play.gone(event, 0);
        let switch = format!("switch to 1 ({reason})");
        assert_eq!(play.said(), [switch.as_str(), "open 2 for 0"]);
        assert_eq!(play.handovers(), handovers);
    }
}

#[test]
fn when_all_streams_break_off_a_viewers_own_takes_over() {
    let (mut play, _) = Play::flowing(2, 3);
    play.gone(Event::Failed, 1);
    assert_eq!(play.said(), ["open 2 for 1"]);
    play.gone(Event::Failed, 2);
    play.gone(Event::Failed, 0);
    let said = play.said();
    assert!(said.contains(&"pause".to_owned()), "{said:?}");
    assert_eq!(play.room.state(play.now), RoomState::Interrupted);
    play.run(500, &[]);
    let newest = *play.open.last().expect("asked again");
    play.frame(newest.0);
    let switch = format!("switch to {} (failed)", newest.0);
    assert!(play.said().contains(&switch));
    assert_eq!(play.room.state(play.now), RoomState::Live);
}

#[test]
fn a_stream_that_stalls_is_replaced_by_one_that_does_not() {
    let (mut play, _) = Play::flowing(2, 3);
    play.run(1_750, &[1]);
    assert!(play.said().is_empty());
    play.run(250, &[1]);
    assert_eq!(
        play.said(),
        ["switch to 1 (stalled)", "close 0", "open 2 for 0"]
    );
    assert_eq!(play.handovers(), [0, 1, 0, 0]);
}

#[test]
fn a_stream_that_stalls_with_no_standby_is_replaced_by_a_slaves_own() {
    let (mut play, _) = Play::flowing(1, 2);
    play.run(2_000, &[]);
    assert_eq!(play.said(), ["pause", "open 1 for 1"]);
    play.frame(1);
    assert_eq!(play.said(), ["switch to 1 (stalled)", "close 0"]);
}

#[test]
fn streams_that_stall_together_are_not_changed_for_one_another() {
    let (mut play, _) = Play::flowing(2, 3);
    play.run(2_000, &[]);
    // As when the encoder is gone: another try, and no more than one at a time.
    assert_eq!(play.said(), ["pause", "open 2 for 2"]);
    play.run(3_000, &[]);
    assert!(play.said().is_empty());
    play.gone(Event::Failed, 2);
    play.run(8_000, &[]);
    assert!(play.open.len() <= 3);
    assert_eq!(play.handovers(), [0; 4]);
    play.said();
    // The encoder is back.
    play.frame(0);
    assert!(!play.said().iter().any(|said| said.starts_with("switch")));
    assert_eq!(play.room.state(play.now), RoomState::Live);
}

#[test]
fn a_standby_that_gives_nothing_is_replaced_ever_more_seldom() {
    let (mut play, _) = Play::flowing(2, 3);
    play.run(60_000, &[0]);
    let said = play.said();
    let opened = said.iter().filter(|said| said.starts_with("open")).count();
    // It is granted each time, or is still asked for.
    assert!((1..=2).contains(&opened), "{said:?}");
    // Refused each time, it is asked for less often than every 4 s.
    for _ in 0..240 {
        for id in play.open.clone() {
            if id != UpstreamId(0) {
                play.gone(Event::Failed, id.0);
            }
        }
        play.run(250, &[0]);
    }
    let said = play.said();
    let opened = said.iter().filter(|said| said.starts_with("open")).count();
    assert!((5..=14).contains(&opened), "{opened}: {said:?}");
    assert_eq!(play.room.state(play.now), RoomState::Live);
}

#[test]
fn a_stream_that_is_over_ends_the_room() {
    let (mut play, _) = Play::flowing(2, 3);
    play.gone(Event::Ended, 0);
    play.gone(Event::Ended, 1);
    play.said();
    // They are asked for again, to be sure.
    for id in play.open.clone() {
        play.gone(Event::Missing, id.0);
    }
    assert_eq!(play.said(), ["over (ended)"]);
    assert!(play.room.join(play.now).is_err());
}

#[test]
fn a_stream_that_is_not_there_ends_the_room_at_once() {
    let mut play = Play::new(2);
    play.join();
    play.join();
    play.gone(Event::Missing, 0);
    // The other may be asked elsewhere.
    assert!(!play.room.is_closed());
    play.gone(Event::Missing, 1);
    assert_eq!(
        play.said().last().map(String::as_str),
        Some("over (missing)")
    );
    assert!(play.open.is_empty());
}

#[test]
fn a_stream_that_cannot_be_had_is_tried_for_a_moment_and_then_given_up() {
    let mut play = Play::new(1);
    play.join();
    for index in 0..FIRST_TRIES {
        play.run(250, &[]);
        assert!(!play.room.is_closed());
        play.gone(Event::Failed, index.into());
    }
    assert_eq!(
        play.said().last().map(String::as_str),
        Some("over (unreachable)")
    );
}

#[test]
fn viewers_are_not_kept_for_ever_with_nothing_to_give_them() {
    let (mut play, _) = Play::flowing(2, 3);
    play.run(29_500, &[]);
    assert!(!play.room.is_closed());
    play.run(500, &[]);
    assert_eq!(
        play.said().last().map(String::as_str),
        Some("over (silent)")
    );
    assert!(play.open.is_empty(), "{:?}", play.open);
}

#[test]
fn the_stream_is_kept_while_the_room_lingers_and_closed_then() {
    let (mut play, viewers) = Play::flowing(2, 2);
    for viewer in viewers {
        play.leave(viewer);
    }
    assert_eq!(play.open.len(), 1, "nobody needs a standby");
    assert_eq!(play.room.state(play.now), RoomState::Lingering);
    play.said();
    let kept: Vec<u64> = play.open.iter().map(|id| id.0).collect();
    play.run(9_750, &kept);
    assert!(play.said().is_empty());
    play.run(250, &kept);
    let close = format!("close {}", kept[0]);
    assert_eq!(play.said(), [close.as_str(), "over (deserted)"]);
    assert!(play.open.is_empty());
    let refused = play.room.join(play.now).err();
    assert_eq!(refused, Some(Closed(Why::Deserted)));
}

#[test]
fn who_joins_a_room_that_lingers_has_its_stream() {
    let (mut play, viewers) = Play::flowing(2, 1);
    play.leave(viewers[0]);
    play.run(9_000, &[0]);
    let (_, role) = play.join();
    assert_eq!(role, Role::Primary);
    assert!(play.said().is_empty(), "nothing is opened");
    play.run(30_000, &[0]);
    assert_eq!(play.room.state(play.now), RoomState::Live);
    assert_eq!(play.join().1, Role::Secondary);
}

#[test]
fn a_room_that_lingers_ends_with_its_stream() {
    let (mut play, viewers) = Play::flowing(1, 1);
    play.leave(viewers[0]);
    play.gone(Event::Ended, 0);
    assert_eq!(play.said(), ["over (ended)"]);
}

#[test]
fn a_room_that_is_left_before_anything_came_is_closed_at_once() {
    let mut play = Play::new(2);
    let (viewer, _) = play.join();
    play.leave(viewer);
    assert_eq!(play.said(), ["open 0 for 0", "close 0", "over (deserted)"]);
}

#[test]
fn what_is_late_for_a_room_of_another_generation_is_without_effect() {
    let (mut play, _) = Play::flowing(1, 2);
    let before = play.room.report(play.now);
    for event in [
        Event::Ended(UpstreamId(0)),
        Event::Failed(UpstreamId(0)),
        Event::Missing(UpstreamId(0)),
        Event::Opened(UpstreamId(0)),
    ] {
        for generation in [Generation(6), Generation(8)] {
            assert!(play.room.on(generation, event, play.now).is_empty());
        }
    }
    assert_eq!(play.room.report(play.now), before);
}

#[test]
fn what_is_late_of_a_stream_that_was_closed_is_without_effect() {
    let (mut play, viewers) = Play::flowing(2, 3);
    play.leave(viewers[0]);
    play.said();
    let before = play.room.report(play.now);
    for event in [
        Event::Ended(UpstreamId(0)),
        Event::Failed(UpstreamId(0)),
        Event::Missing(UpstreamId(0)),
    ] {
        play.on(event);
    }
    play.frame(0);
    assert!(play.said().is_empty());
    assert_eq!(play.room.report(play.now), before);
}

mod any_order {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Move {
        Join,
        Leave(usize),
        Opened(usize),
        Frame(usize),
        Gone(usize, u8),
        Wait(u64),
    }

    fn any_move() -> impl Strategy<Value = Move> {
        let index = 0..8_usize;
        prop_oneof![
            3 => Just(Move::Join),
            2 => index.clone().prop_map(Move::Leave),
            3 => index.clone().prop_map(Move::Opened),
            6 => index.clone().prop_map(Move::Frame),
            2 => (index, 0..3_u8).prop_map(|(index, how)| Move::Gone(index, how)),
            4 => (50..4_000_u64).prop_map(Move::Wait),
        ]
    }

    proptest! {
        #[test]
        fn a_room_keeps_its_promises_whatever_happens(
            masters in 1..4_usize,
            moves in prop::collection::vec(any_move(), 1..120),
        ) {
            let mut play = Play::new(masters);
            let mut there = Vec::new();
            let mut given = None;
            for what in moves {
                let open: Vec<_> = play.open.iter().copied().collect();
                let pick = |index: usize| open.get(index % open.len().max(1)).copied();
                match what {
                    Move::Join if play.room.is_closed() => {}
                    Move::Join => there.push(play.join().0),
                    Move::Leave(index) if !there.is_empty() => {
                        let viewer = there.remove(index % there.len());
                        play.leave(viewer);
                    }
                    Move::Leave(_) => {}
                    Move::Opened(index) => {
                        pick(index).into_iter().for_each(|id| play.on(Event::Opened(id)));
                    }
                    Move::Frame(index) => {
                        pick(index).into_iter().for_each(|id| play.frame(id.0));
                    }
                    Move::Gone(index, how) => {
                        let event = [Event::Ended, Event::Failed, Event::Missing][how as usize];
                        pick(index).into_iter().for_each(|id| play.gone(event, id.0));
                    }
                    Move::Wait(time) => {
                        play.now += ms(time);
                        play.on(Event::Tick);
                    }
                }
                for said in play.said() {
                    if let Some(to) = said.strip_prefix("switch to ") {
                        let to = to.split(' ').next().and_then(|to| to.parse().ok());
                        given = to.map(UpstreamId);
                    }
                }
                let report = play.room.report(play.now);
                // One more while none gives anything.
                prop_assert!(report.masters.len() <= masters + 1);
                // What it believes is open is what it has opened.
                let believed: BTreeSet<_> = report.masters.iter().map(|m| m.upstream).collect();
                prop_assert_eq!(&believed, &play.open);
                if play.room.is_closed() {
                    prop_assert!(play.open.is_empty());
                    continue;
                }
                prop_assert_eq!(play.room.viewers(), there.len());
                if there.is_empty() && report.state != RoomState::Opening {
                    prop_assert_eq!(report.state, RoomState::Lingering);
                    prop_assert_eq!(report.masters.len(), 1);
                }
                if report.state == RoomState::Live {
                    prop_assert_eq!(Some(report.masters[0].upstream), given);
                }
                let primaries = report.masters.iter().filter(|m| m.role == Role::Primary);
                prop_assert!(primaries.count() <= 1);
            }
            // Left alone, nothing stays open.
            for viewer in there {
                play.leave(viewer);
            }
            play.now += ms(10_000);
            play.on(Event::Tick);
            prop_assert!(play.open.is_empty());
            prop_assert!(play.room.is_closed() || play.room.viewers() == 0);
        }
    }
}
