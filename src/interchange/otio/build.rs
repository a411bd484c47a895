//! The objects of OTIO files, written.

use serde_json::{Map, Value, json};

use super::OURS;
use super::lanes::{Entry, Placed};
use super::rational::{Rate, played, write_span, write_time};
use crate::time::{FrameRate, Time};

/// A clip as it is written.
pub(super) struct Clip {
    pub name: String,
    pub entry: Entry,
    /// Where in its file it begins, to the frame.
    pub trim: Time,
    pub speed: f64,
    pub media: Value,
    /// What else is told of it.
    pub own: Map<String, Value>,
}

/// A track of the clips `lane`.
pub(super) fn track(
    (name, kind): (&str, &str),
    own: &Value,
    clips: &[Clip],
    lane: &[Placed],
    rate: FrameRate,
) -> Value {
    let mut children = Vec::new();
    let mut clock = 0;
    for (at, placed) in lane.iter().enumerate() {
        let clip = &clips[placed.entry];
        let Entry {
            first,
            enter,
            leave,
            ..
        } = clip.entry;
        let next = lane.get(at + 1);
        let mut own = clip.own.clone();
        let mut fades = Vec::new();
        // The cut is in the middle of a dissolve.
        let mut begins = first;
        if placed.overlap > 0 {
            let before = placed.overlap / 2;
            begins += before;
            children.push(dissolve(before, placed.overlap - before, rate));
            fades.push("in");
        } else {
            if first > clock {
                children.push(gap(first - clock, rate));
            }
            if enter > 0 && (first > clock || at == 0) {
                children.push(dissolve(0, enter, rate));
                fades.push("in");
            }
        }
        let mut ends = clip.entry.end();
        let next_starts = next.map(|next| clips[next.entry].entry.first);
        let mut out = None;
        if let Some(overlap) = next.map(|next| next.overlap).filter(|overlap| *overlap > 0) {
            ends -= overlap - overlap / 2;
            if leave > 0 {
                fades.push("out");
            }
        } else if leave > 0 && next_starts.is_none_or(|next| next > ends) {
            out = Some(dissolve(leave, 0, rate));
            fades.push("out");
        }
        if !fades.is_empty() {
            own.insert("fades".into(), json!(fades));
        }
        let skipped = played(rate.frame_start(begins - first), clip.speed);
        let range = write_span(clip.trim + skipped, rate.frame_start(ends - begins), rate);
        children.push(written(clip, range, own));
        children.extend(out);
        clock = ends;
    }
    json!({
        "OTIO_SCHEMA": "Track.1",
        "metadata": ours(own),
        "name": name,
        "source_range": null,
        "effects": [],
        "markers": [],
        "enabled": true,
        "kind": kind,
        "children": children,
    })
}

fn written(clip: &Clip, range: Value, own: Map<String, Value>) -> Value {
    json!({
        "OTIO_SCHEMA": "Clip.2",
        "metadata": ours(&own.into()),
        "name": clip.name,
        "source_range": range,
        "effects": effects(clip.speed),
        "markers": [],
        "enabled": true,
        "media_references": {"DEFAULT_MEDIA": clip.media},
        "active_media_reference_key": "DEFAULT_MEDIA",
    })
}

fn effects(speed: f64) -> Value {
    if speed == 1.0 {
        return json!([]);
    }
    let (schema, name) = if speed == 0.0 {
        ("FreezeFrame.1", "FreezeFrame")
    } else {
        ("LinearTimeWarp.1", "LinearTimeWarp")
    };
    json!([{
        "OTIO_SCHEMA": schema,
        "metadata": {},
        "name": "",
        "effect_name": name,
        "time_scalar": speed,
    }])
}

fn gap(frames: i64, rate: FrameRate) -> Value {
    json!({
        "OTIO_SCHEMA": "Gap.1",
        "metadata": {},
        "name": "",
        "source_range": write_span(Time::ZERO, rate.frame_start(frames), rate),
        "effects": [],
        "markers": [],
        "enabled": true,
    })
}

fn dissolve(before: i64, after: i64, rate: FrameRate) -> Value {
    json!({
        "OTIO_SCHEMA": "Transition.1",
        "metadata": {},
        "name": "",
        "transition_type": "SMPTE_Dissolve",
        "in_offset": write_time(rate.frame_start(before), rate),
        "out_offset": write_time(rate.frame_start(after), rate),
    })
}

/// A file at `url`, of which `available` is there if that is known.
pub(super) fn external(src: &str, url: &str, available: Option<Time>, rate: FrameRate) -> Value {
    let range = available.map(|length| {
        let whole = rate.frame_start(rate.frame_at(length).max(1));
        write_span(Time::ZERO, whole, rate)
    });
    json!({
        "OTIO_SCHEMA": "ExternalReference.1",
        "metadata": ours(&json!({"src": src, "url": url})),
        "name": "",
        "available_range": range,
        "available_image_bounds": null,
        "target_url": url,
    })
}

/// What is drawn here.
pub(super) fn generator(asset: &Map<String, Value>) -> Value {
    let mut parameters = asset.clone();
    let kind = parameters.shift_remove("type").unwrap_or_default();
    json!({
        "OTIO_SCHEMA": "GeneratorReference.1",
        "metadata": {},
        "name": "",
        "available_range": null,
        "available_image_bounds": null,
        "generator_kind": kind,
        "parameters": parameters,
    })
}

/// The whole timeline, of tracks the lowest of which comes first.
pub(super) fn timeline(name: &str, own: &Value, tracks: Vec<Value>) -> Value {
    json!({
        "OTIO_SCHEMA": "Timeline.1",
        "metadata": ours(own),
        "name": name,
        "global_start_time": null,
        "tracks": {
            "OTIO_SCHEMA": "Stack.1",
            "metadata": {},
            "name": "tracks",
            "source_range": null,
            "effects": [],
            "markers": [],
            "enabled": true,
            "children": tracks,
        },
    })
}

/// The rate for our own metadata: whole numbers.
pub(super) fn own_rate(rate: FrameRate) -> Value {
    debug_assert!(Rate::of(Rate::of_frames(rate).as_float()).is_some());
    json!([rate.num(), rate.den()])
}

fn ours(own: &Value) -> Value {
    json!({ OURS: own })
}
