//! One viewer of a channel: the chunks that are theirs, and what they see in the place of
//! which segments.
//!
//! A viewer's playlists are those of the channel's stream, with their own addresses where a
//! segment has something of theirs in it. All else is asked for where all viewers ask for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::broadcast::LiveStream;
use crate::cache::CompleteChunk;
use crate::casting::CastError;
use crate::casting::channel::Channel;
use crate::casting::segment::Stretch;
use crate::casting::show::{Show, Video};
use crate::channel::{FIRST_NUMBER, Slot};
use crate::chunk::Part;
use crate::delivery::{DeliveryError, Wanted};
use crate::fetch::Held;
use crate::live::{LiveTrack, PartTarget};
use crate::playlist::{MediaPlaylist, TagError, Uri};
use crate::render::{Lane, Priority, Urgency};

/// The tracks of an entry in which a viewer has chunks of their own, by their places.
type OwnChunks = HashMap<(usize, LiveTrack), HashMap<usize, Wanted>>;

/// A viewer whose data is known.
pub struct Viewer {
    /// By which they are asked for.
    pub id: String,
    pub(super) own: OwnChunks,
    pub(super) lane: u128,
    _held: Vec<Held>,
    seen: Mutex<Instant>,
    pub(super) watched: Mutex<Option<Arc<Watched>>>,
}

impl Viewer {
    pub(super) fn new(id: String, own: OwnChunks, held: Vec<Held>) -> Self {
        Self {
            id,
            own,
            lane: uuid::Uuid::new_v4().as_u128(),
            _held: held,
            seen: Mutex::new(Instant::now()),
            watched: Mutex::default(),
        }
    }

    /// The chunks of `video` that differ from those of entry `entry`.
    pub(super) fn differing(own: &mut OwnChunks, (entry, base): (usize, &Video), video: &Video) {
        for kind in LiveTrack::ALL {
            let both = base.all(kind).iter().zip(video.all(kind));
            let differ = both
                .enumerate()
                .filter(|(_, (base, own))| base.key != own.key);
            let differ: HashMap<_, _> = differ
                .map(|(index, (_, own))| (index, own.clone()))
                .collect();
            if !differ.is_empty() {
                own.insert((entry, kind), differ);
            }
        }
    }

    /// How many chunks are theirs.
    pub fn chunks(&self) -> usize {
        self.own.values().map(HashMap::len).sum()
    }

    pub(super) fn touch(&self) {
        *self.seen() = Instant::now();
    }

    pub(super) fn idle(&self) -> std::time::Duration {
        self.seen().elapsed()
    }

    fn seen(&self) -> MutexGuard<'_, Instant> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a segment of a track has something of theirs.
    fn owns(&self, slot: &Slot, stretch: &Stretch) -> bool {
        let own = self.own.get(&(slot.entry, stretch.kind));
        own.is_some_and(|own| {
            stretch
                .uses
                .iter()
                .any(|used| own.contains_key(&used.index))
        })
    }

    /// The tracks of a segment that have something of theirs.
    pub(super) fn own_stretches(&self, show: &Show, number: u64) -> (Slot, Vec<Stretch>) {
        let slot = show.programme.slot(number);
        let mut stretches = match self.own.keys().any(|(entry, _)| *entry == slot.entry) {
            true => show.stretches(&slot),
            false => Vec::new(),
        };
        stretches.retain(|stretch| self.owns(&slot, stretch));
        (slot, stretches)
    }

    /// The chunks of one of their segments: their own, and those of all.
    pub(super) async fn fetch(
        &self,
        channel: &Channel,
        show: &Show,
        (slot, stretch): (&Slot, &Stretch),
        priority: Priority,
    ) -> Result<Vec<Arc<CompleteChunk>>, DeliveryError> {
        let own = self.own.get(&(slot.entry, stretch.kind));
        let video = &show.videos[slot.entry];
        let wanted = |used: &crate::channel::ChunkUse| {
            let own = own.and_then(|own| own.get(&used.index));
            own.or_else(|| video.wanted(stretch.kind, used.index))
        };
        let lane = Lane(self.lane);
        stretch
            .chunks(&channel.delivery, wanted, Urgency { priority, lane })
            .await
    }
}

/// What a viewer sees at the place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// What all see.
    Shared,
    /// Their own, in these tracks.
    Own(OwnTracks),
    /// Nothing: theirs, of these tracks, was not there in time.
    Gap(OwnTracks),
}

/// Tracks of a segment with something of a viewer's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OwnTracks {
    video: bool,
    audio: bool,
}

impl Seen {
    /// Whether a track has an address of their own here: also where nothing is behind it, as
    /// it may have been hinted at.
    const fn is_own(self, kind: LiveTrack) -> bool {
        match (self, kind) {
            (Self::Own(own) | Self::Gap(own), LiveTrack::Audio) => own.audio,
            (Self::Own(own) | Self::Gap(own), _) => own.video,
            (Self::Shared, _) => false,
        }
    }

    const fn is_gap(self) -> bool {
        matches!(self, Self::Gap(_))
    }
}

/// The chunks of a viewer's segments that are there, by track.
type Ready = HashMap<LiveTrack, Vec<Arc<CompleteChunk>>>;

/// A viewer who watches one stream of a channel.
pub struct Watched {
    pub(super) stream: Arc<LiveStream>,
    pub(super) show: Arc<Show>,
    pub(super) viewer: Arc<Viewer>,
    pub(super) channel: Arc<Channel>,
    /// The first segment that they see.
    pub(super) first: u64,
    /// Whether what they begin with is there, or was waited for long enough.
    pub(super) begun: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: BTreeMap<u64, Seen>,
    ready: BTreeMap<u64, Ready>,
}

impl Watched {
    pub(super) fn new(
        channel: Arc<Channel>,
        show: Arc<Show>,
        viewer: Arc<Viewer>,
        stream: Arc<LiveStream>,
    ) -> Self {
        let reached = stream.reached(LiveTrack::Video);
        let current = reached.map_or(FIRST_NUMBER, |reached| reached.current);
        // One that is whole, where there is one.
        let whole = reached.map_or(0, |reached| reached.whole.min(1) as u64);
        Self {
            first: current - whole,
            begun: watch::Sender::new(false),
            state: Mutex::default(),
            stream,
            show,
            viewer,
            channel,
        }
    }

    /// The stream of which they see a version of their own.
    pub const fn stream(&self) -> &Arc<LiveStream> {
        &self.stream
    }

    /// A segment of theirs is there.
    pub(super) fn came(&self, number: u64, ready: Ready) {
        self.state().ready.insert(number, ready);
    }

    /// Whether all of theirs in this segment is there.
    pub(super) fn is_ready(&self, number: u64) -> bool {
        self.state().ready.contains_key(&number)
            || self.viewer.own_stretches(&self.show, number).1.is_empty()
    }

    /// What is seen of `number`, which is on the air: once told, it stays so.
    fn seen(&self, number: u64) -> Seen {
        let mut state = self.state();
        if let Some(known) = state.seen.get(&number) {
            return *known;
        }
        let (_, own) = self.viewer.own_stretches(&self.show, number);
        let has = |kind: LiveTrack| own.iter().any(|stretch| stretch.kind == kind);
        let tracks = OwnTracks {
            video: has(LiveTrack::Video),
            audio: has(LiveTrack::Audio),
        };
        let seen = match (own.is_empty(), state.ready.contains_key(&number)) {
            (true, _) => Seen::Shared,
            (false, true) => Seen::Own(tracks),
            (false, false) => {
                let (channel, viewer) = (&self.channel.name, &self.viewer.id);
                tracing::info!(channel, viewer, number, "a segment of a viewer is late");
                Seen::Gap(tracks)
            }
        };
        state.seen.insert(number, seen);
        seen
    }

    /// Segments before `current` have been on the air. What is further back than `oldest`
    /// nobody asks for any more.
    pub(super) fn settle(&self, current: u64, oldest: u64, kept: u64) {
        let next = self
            .state()
            .seen
            .last_key_value()
            .map(|(number, _)| *number + 1);
        let from = next.unwrap_or(self.first).max(oldest).max(self.first);
        for number in from..current {
            self.seen(number);
        }
        let mut state = self.state();
        state.seen = state.seen.split_off(&oldest);
        state.ready = state.ready.split_off(&current.saturating_sub(kept));
    }

    /// What addresses of their own of a track begin with.
    fn prefix(&self, kind: LiveTrack) -> String {
        let stream = &self.stream;
        let (name, epoch, track) = (stream.name(), stream.epoch(), kind.name());
        format!("/live/{name}/for/{}/{epoch}/{track}", self.viewer.id)
    }

    /// A playlist of the stream as they see it.
    pub fn playlist(
        &self,
        kind: LiveTrack,
        of_all: &MediaPlaylist,
    ) -> Result<MediaPlaylist, TagError> {
        let mut playlist = of_all.clone();
        let (shared, own) = (self.stream.prefix(kind), self.prefix(kind));
        let theirs = |uri: &Uri| match uri.as_str().strip_prefix(&shared) {
            Some(rest) => Uri::new(format!("{own}{rest}")),
            None => Ok(uri.clone()),
        };
        let earlier = self.first.saturating_sub(playlist.media_sequence);
        let earlier = usize::try_from(earlier).unwrap_or(usize::MAX);
        for segment in playlist
            .segments
            .drain(..earlier.min(playlist.segments.len()))
        {
            playlist.media_sequence += 1;
            playlist.discontinuity_sequence += u64::from(segment.discontinuity);
        }
        let mut number = playlist.media_sequence;
        for segment in &mut playlist.segments {
            let seen = self.seen(number);
            number += 1;
            if seen.is_own(kind) {
                segment.uri = theirs(&segment.uri)?;
            }
            segment.gap |= seen.is_gap();
            for part in &mut segment.parts {
                part.gap |= seen.is_gap();
                if seen.is_own(kind) {
                    part.uri = theirs(&part.uri)?;
                }
            }
        }
        if let Some(first) = playlist.segments.first() {
            playlist.map.clone_from(&first.map);
        } else if let Some(map) = playlist.open.as_ref().and_then(|open| open.map.clone()) {
            playlist.map = Some(map);
        }
        let mut told = None;
        if let Some(open) = &mut playlist.open
            && !open.parts.is_empty()
        {
            let seen = self.seen(number);
            told = Some(seen);
            for part in &mut open.parts {
                part.gap |= seen.is_gap();
                if seen.is_own(kind) {
                    part.uri = theirs(&part.uri)?;
                }
            }
        }
        if let Some(hint) = &mut playlist.preload_hint {
            // What has not begun is not told of yet: it may be there when it does.
            let is_own = match told {
                Some(seen) => seen.is_own(kind),
                None => {
                    let (_, own) = self.viewer.own_stretches(&self.show, number);
                    own.iter().any(|stretch| stretch.kind == kind)
                }
            };
            if is_own {
                hint.part = theirs(&hint.part)?;
            }
        }
        Ok(playlist)
    }

    /// The parts of segment `number` of a track that they see in the place of those of all,
    /// with decode times counted from its beginning; `None` if it is not theirs.
    pub async fn parts(
        &self,
        kind: LiveTrack,
        number: u64,
        part: PartTarget,
    ) -> Result<Option<Vec<Part>>, CastError> {
        if number < self.first || self.seen(number).is_gap() {
            return Ok(None);
        }
        let (slot, own) = self.viewer.own_stretches(&self.show, number);
        let Some(stretch) = own.into_iter().find(|stretch| stretch.kind == kind) else {
            return Ok(None);
        };
        let ready = {
            let state = self.state();
            let ready = state.ready.get(&number);
            ready.and_then(|ready| ready.get(&kind)).cloned()
        };
        let chunks = match ready {
            Some(chunks) => chunks,
            // It was there, and is long over.
            None => {
                let place = (&slot, &stretch);
                self.viewer
                    .fetch(&self.channel, &self.show, place, Priority::Viewer)
                    .await?
            }
        };
        Ok(Some(stretch.parts(&chunks, part)?))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole or not begun.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
