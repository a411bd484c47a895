"""Reads an OTIO file with the library that defines them, tells what it sees, and writes
the file again."""

import json
import sys

import opentimelineio as otio


def frames(span):
    return [span.start_time.value, span.duration.value]


timeline = otio.adapters.read_from_file(sys.argv[1])
tracks = []
for track in timeline.tracks:
    clips = []
    for clip in track.find_clips():
        clips.append(
            {
                "name": clip.name,
                "in_parent": frames(clip.range_in_parent()),
                "trimmed": frames(clip.trimmed_range()),
                "visible": frames(clip.visible_range()),
                "media": type(clip.media_reference).__name__,
            }
        )
    kinds = [type(child).__name__ for child in track]
    tracks.append({"name": track.name, "kind": track.kind, "children": kinds, "clips": clips})
flat = otio.algorithms.flatten_stack(
    otio.schema.Stack(children=[track.clone() for track in timeline.video_tracks()])
)
print(
    json.dumps(
        {
            "seconds": timeline.duration().to_seconds(),
            "flat": flat.duration().to_seconds(),
            "tracks": tracks,
        }
    )
)
otio.adapters.write_to_file(timeline, sys.argv[2])
