//! A stream's packets for those who are pushed it: one ring for all, a position for
//! each; no queue and no copy a reader.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::cmaf::Track;
use crate::live::gop::{GopCache, GopLimits, Next, Position};
use crate::live::packet::{Packet, Setup};
use crate::live::{LiveFrame, LiveTrack};
use crate::playlist::UnixMillis;

/// How often a reader may be too slow and go on at the newest key frame. After that
/// it is cut off: its connection does not carry the stream.
pub const MAX_SKIPS: u32 = 5;

/// What a picture is taken to last before a second one shows it: 1/25 s.
const FIRST_PICTURE_DIVISOR: u32 = 25;

/// The packets of one stream, written by its publisher.
#[derive(Debug)]
pub struct Feed {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    gop: GopCache,
    /// The tracks of the stretch that goes on.
    setup: Option<Arc<Setup>>,
    /// When the last frame of each track is decoded, and how long it was said to last.
    last: [Option<(i64, u32)>; LiveTrack::ALL.len()],
    over: bool,
}

impl Feed {
    /// Nothing yet; keeps as much as `limits` allow.
    pub fn new(limits: GopLimits) -> Self {
        Self {
            state: Mutex::new(State {
                gop: GopCache::new(limits),
                setup: None,
                last: [None; LiveTrack::ALL.len()],
                over: false,
            }),
            changed: watch::channel(0).0,
        }
    }

    /// A stretch begins; what has decode time 0 would have been taken at `taken`.
    pub fn begin(&self, tracks: Vec<(LiveTrack, Track)>, taken: UnixMillis) {
        let mut state = self.state();
        state.setup = Some(Arc::new(Setup::new(tracks, taken)));
        state.last = [None; LiveTrack::ALL.len()];
        state.over = false;
        state.gop.nobody_joins();
    }

    /// The next frame of the stretch, in the stream's own time.
    pub fn push(&self, frame: LiveFrame) {
        let mut state = self.state();
        let Some(setup) = state.setup.as_ref().map(Arc::clone) else {
            return;
        };
        let Some(track) = setup.track(frame.track) else {
            return;
        };
        let guess = match track {
            Track::Video(video) => video.timescale / FIRST_PICTURE_DIVISOR,
            Track::Audio(_) => crate::profile::AAC_FRAME_SAMPLES,
        };
        let last = &mut state.last[frame.track as usize];
        let duration = last.map_or(guess, |(before, lasted)| {
            let step = u32::try_from(frame.decode_time - before);
            step.ok().filter(|step| *step > 0).unwrap_or(lasted)
        });
        *last = Some((frame.decode_time, duration));
        state.gop.push(Packet::new(setup, frame, duration));
        drop(state);
        self.tell();
    }

    /// The publisher has gone: nobody begins with what it sent last.
    pub fn pause(&self) {
        self.state().gop.nobody_joins();
    }

    /// Nothing will come any more.
    pub fn close(&self) {
        self.state().over = true;
        self.tell();
    }

    /// The newest key frame that pictures can begin with, if there is one.
    pub fn newest_key(&self) -> Option<Packet> {
        let state = self.state();
        let mut position = state.gop.join();
        match state.gop.read(&mut position) {
            Next::Packet(packet) if packet.frame().track == LiveTrack::Video => Some(packet),
            Next::Packet(_) | Next::Skipped | Next::Nothing => None,
        }
    }

    /// Reads from the last key frame on.
    pub fn join(self: &Arc<Self>) -> Reader {
        let position = self.state().gop.join();
        self.reader(position)
    }

    /// Reads all that there is, from its beginning.
    pub fn from_beginning(self: &Arc<Self>) -> Reader {
        let position = self.state().gop.beginning();
        self.reader(position)
    }

    fn reader(self: &Arc<Self>, position: Position) -> Reader {
        Reader {
            feed: Arc::clone(self),
            changed: self.changed.subscribe(),
            position,
            setup: None,
            pending: None,
            started: false,
            skips: 0,
        }
    }

    /// Bytes of media that are held.
    pub fn bytes(&self) -> usize {
        self.state().gop.bytes()
    }

    fn tell(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole or not begun: a panic elsewhere leaves none half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reader is pushed.
#[derive(Clone, Debug)]
pub enum Pushed {
    /// What decoders are set up with from here on.
    Setup(Arc<Setup>),
    /// The next frame that can be decoded.
    Packet(Packet),
}

/// How a reader's stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The stream is over.
    Over,
    /// The reader was too slow too often.
    TooSlow,
}

/// One who is pushed a stream: a setup, a frame to start with, and what follows.
#[derive(Debug)]
pub struct Reader {
    feed: Arc<Feed>,
    changed: watch::Receiver<u64>,
    position: Position,
    /// What it has been told to set up its decoders with.
    setup: Option<Arc<Setup>>,
    /// What comes after that.
    pending: Option<Packet>,
    started: bool,
    skips: u32,
}

impl Reader {
    /// What comes next, as soon as it is there. Dropped while it waits, nothing is
    /// lost.
    pub async fn next(&mut self) -> Result<Pushed, Ended> {
        loop {
            self.changed.mark_unchanged();
            if let Some(pushed) = self.ready()? {
                return Ok(pushed);
            }
            // Never fails: its sender is in the feed, which this reader holds.
            drop(self.changed.changed().await);
        }
    }

    /// What comes next, if it is there.
    pub fn ready(&mut self) -> Result<Option<Pushed>, Ended> {
        if let Some(packet) = self.pending.take() {
            return Ok(Some(Pushed::Packet(packet)));
        }
        loop {
            let (next, over) = {
                let state = self.feed.state();
                (state.gop.read(&mut self.position), state.over)
            };
            let packet = match next {
                Next::Packet(packet) => packet,
                Next::Skipped => {
                    self.skips += 1;
                    self.started = false;
                    match self.skips > MAX_SKIPS {
                        true => return Err(Ended::TooSlow),
                        false => continue,
                    }
                }
                Next::Nothing if over => return Err(Ended::Over),
                Next::Nothing => return Ok(None),
            };
            let known = self.setup.as_ref();
            if !known.is_some_and(|known| Arc::ptr_eq(known, packet.setup())) {
                let setup = Arc::clone(packet.setup());
                self.setup = Some(Arc::clone(&setup));
                self.started = packet.is_start();
                self.pending = self.started.then_some(packet);
                return Ok(Some(Pushed::Setup(setup)));
            }
            self.started |= packet.is_start();
            if self.started {
                return Ok(Some(Pushed::Packet(packet)));
            }
        }
    }

    /// How often it was too slow.
    pub const fn skips(&self) -> u32 {
        self.skips
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
