"""Writes a cut with the library that defines OTIO, and tells where its clips are."""

import json
import sys

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import (
    Clip,
    ExternalReference,
    FreezeFrame,
    Gap,
    LinearTimeWarp,
    Marker,
    MissingReference,
    Stack,
    Timeline,
    Track,
    Transition,
)

RATE = 24000 / 1001


def time(frames):
    return RationalTime(frames, RATE)


def span(start, frames):
    return TimeRange(time(start), time(frames))


def clip(name, start, frames, timecode=0, effects=()):
    media = ExternalReference(target_url=name, available_range=span(timecode, 480))
    return Clip(name, media, span(timecode + start, frames), effects=list(effects))


timeline = Timeline("made")
timeline.global_start_time = time(86400)
low = Track("V1", kind="Video")
low.append(clip("a.mp4", 24, 48, timecode=86400))
low.append(Transition("cross", "SMPTE_Dissolve", time(6), time(6)))
low.append(clip("b.mp4", 48, 48))
low.append(Gap(source_range=span(0, 24)))
low.append(clip("a.mp4", 0, 24, effects=[LinearTimeWarp(time_scalar=2.0)]))
low.append(clip("b.mp4", 100, 24, effects=[FreezeFrame()]))
low.append(Clip("lost", MissingReference(), span(0, 12)))
inner = Track("inner", kind="Video", source_range=span(12, 36))
inner.append(clip("a.mp4", 0, 24))
inner.append(clip("b.mp4", 0, 48))
low.append(Stack("nested", children=[inner]))
high = Track("V2", kind="Video")
high.append(Gap(source_range=span(0, 12)))
high.append(clip("c.png", 0, 24))
low[0].markers.append(Marker("here", span(0, 1)))
sound = Track("A1", kind="Audio")
sound.append(clip("d.wav", 10, 200))
timeline.tracks.extend([low, high, sound])

seen = []
for track in timeline.tracks:
    for one in track.find_clips():
        if isinstance(one.media_reference, MissingReference):
            continue
        visible = one.visible_range()
        placed = one.transformed_time_range(visible, timeline.tracks)
        # What a track's own range cuts off of a clip is not there.
        trimmed = one.trimmed_range_in_parent()
        if trimmed is None:
            continue
        parent = one.parent()
        if parent.name == "inner":
            placed = parent.transformed_time_range(trimmed, timeline.tracks)
        seen.append(
            [
                one.media_reference.target_url,
                placed.start_time.to_seconds(),
                placed.duration.to_seconds(),
            ]
        )
print(json.dumps(sorted(seen)))
otio.adapters.write_to_file(timeline, sys.argv[1])
