//! What is made of a stream beside what comes in: AAC of its sound, smaller sizes of its
//! pictures. How it goes is counted here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::broadcast::ladder::LadderReport;
use crate::live::LiveTrack;
use crate::live::ladder::RungSize;
use crate::live::other_sound::OtherCodec;

/// What became of sound in another codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherSound {
    /// In which it came.
    pub codec: OtherCodec,
    /// Whether it is turned into AAC; left out if not.
    pub turned: bool,
    /// Its frames that were left out, as too many waited.
    pub lost: u64,
}

/// Of one stream.
#[derive(Debug, Default)]
pub(super) struct Made(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    other_sound: Option<OtherSound>,
    ladder: LadderReport,
}

impl Made {
    /// Its sound comes in `codec`, and is turned into AAC, or left out.
    pub fn hears(&self, codec: OtherCodec, turned: bool) {
        let mut state = self.state();
        let lost = state.other_sound.map_or(0, |before| before.lost);
        state.other_sound = Some(OtherSound {
            codec,
            turned,
            lost,
        });
    }

    /// A frame of sound is left out, as too many wait to be turned.
    pub fn sound_lost(&self) {
        if let Some(other) = &mut self.state().other_sound {
            other.lost += 1;
        }
    }

    /// What became of its sound, if that is in another codec.
    pub fn other_sound(&self) -> Option<OtherSound> {
        self.state().other_sound
    }

    /// A decoder begins to work for these rungs. What was counted of those before stays.
    pub fn climbs(&self, rungs: &[RungSize]) {
        let ladder = &mut self.state().ladder;
        ladder.decoders += 1;
        let before = std::mem::take(&mut ladder.rungs);
        let missing = |size: &RungSize| {
            let mut known = before.iter();
            let known = known.find(|(known, _)| known.track == size.track);
            known.map_or(0, |(_, missing)| *missing)
        };
        ladder.rungs = rungs.iter().map(|size| (*size, missing(size))).collect();
    }

    /// A decoder has ended.
    pub fn climbed(&self) {
        let ladder = &mut self.state().ladder;
        ladder.decoders = ladder.decoders.saturating_sub(1);
    }

    /// A segment of a rung is missing.
    pub fn missing(&self, kind: LiveTrack) {
        let ladder = &mut self.state().ladder;
        let mut rungs = ladder.rungs.iter_mut();
        if let Some((_, missing)) = rungs.find(|(size, _)| size.track == kind) {
            *missing += 1;
        }
    }

    /// Bits a second that were asked for of a rung.
    pub fn asked(&self, kind: LiveTrack) -> Option<u64> {
        let state = self.state();
        let mut rungs = state.ladder.rungs.iter();
        let rung = rungs.find(|(size, _)| size.track == kind);
        rung.map(|(size, _)| u64::from(size.kilobits) * 1000)
    }

    /// Its smaller sizes.
    pub fn ladder(&self) -> LadderReport {
        self.state().ladder.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole or not begun.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
