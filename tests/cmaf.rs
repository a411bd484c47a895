//! The CMAF writer against outside readers: what FFmpeg made is taken apart,
//! written anew in odd pieces, and read back by ffprobe and ffmpeg.

use std::path::Path;
use std::process::{Command, Output};

use bytes::Bytes;
use loomcast::cmaf::{
    AudioConfig, AudioTrack, Colours, ProgressiveTrack, Sample, Track, VideoConfig, VideoTrack,
    fragment, init_segment, progressive, read_fragment, retime, retimed,
};
use mp4_atom::{Codec, Decode as _, Encode as _, Header, Moov};

/// Frames in the test picture: four seconds at 30 a second.
const FRAMES: usize = 120;

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program)
        .args(args)
        .output()
        .expect("the program starts");
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && warnings.is_empty(),
        "{program} {args:?}: {warnings}"
    );
    output
}

/// Whether FFmpeg is there; says so where it is not.
fn have_ffmpeg() -> bool {
    let have = ["ffmpeg", "ffprobe"]
        .iter()
        .all(|tool| Command::new(tool).arg("-version").output().is_ok());
    if !have {
        eprintln!("skipped: ffmpeg and ffprobe are not installed");
    }
    have
}

/// A source track: its description and its samples in decode order.
struct Source {
    track: Track,
    samples: Vec<Sample>,
}

/// Encodes one track to a fragmented file at `path` and takes it apart.
fn source(path: &Path, args: &[&str]) -> Source {
    let file = path.to_str().expect("utf-8");
    let fixed = ["-v", "warning", "-y", "-f", "lavfi", "-i"];
    let movflags = "+empty_moov+default_base_moof+frag_keyframe+negative_cts_offsets";
    let args = [
        fixed.as_slice(),
        args,
        &["-movflags", movflags, "-frag_duration", "700000", file],
    ]
    .concat();
    run("ffmpeg", &args);

    let bytes = std::fs::read(path).expect("the file");
    let (mut moov, mut samples, mut moof, mut at) = (None, Vec::new(), 0, 0);
    while at < bytes.len() {
        let header = Header::decode(&mut &bytes[at..]).expect("a box");
        let end = at + 8 + header.size.expect("a size");
        match header.kind.as_ref() {
            b"moov" => moov = Some(Moov::decode(&mut &bytes[at..end]).expect("moov")),
            b"moof" => moof = at,
            b"mdat" => {
                let part = &bytes[moof..end];
                samples.extend(
                    read_fragment(part)
                        .expect("a fragment of ffmpeg")
                        .iter()
                        .map(|info| Sample {
                            data: Bytes::copy_from_slice(
                                &part[info.offset as usize..][..info.size as usize],
                            ),
                            duration: info.duration,
                            composition_offset: info.composition_offset,
                            sync: info.sync,
                        }),
                );
            }
            _ => {}
        }
        at = end;
    }
    let mdia = moov.expect("moov").trak.remove(0).mdia;
    let timescale = mdia.mdhd.timescale;
    let track = match &mdia.minf.stbl.stsd.codecs[0] {
        Codec::Avc1(entry) => {
            let mut avcc = Vec::new();
            entry.avcc.encode(&mut avcc).expect("avcC");
            let (width, height) = (entry.visual.width, entry.visual.height);
            Track::Video(VideoTrack {
                timescale,
                width,
                height,
                config: VideoConfig::Avc(avcc.split_off(8).into()),
                colours: Colours::BT709,
            })
        }
        Codec::Mp4a(entry) => {
            let config = &entry.esds.es_desc.dec_config;
            let asc = config
                .dec_specific
                .clone()
                .expect("a configuration")
                .raw
                .into();
            Track::Audio(AudioTrack {
                timescale,
                channels: 2,
                config: AudioConfig::Aac(asc),
                bitrate: config.avg_bitrate,
            })
        }
        other => panic!("{other:?}"),
    };
    Source { track, samples }
}

fn video(path: &Path) -> Source {
    let source = source(
        path,
        &[
            "testsrc2=size=320x180:rate=30:duration=4",
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
            "-bf",
            "2",
            "-g",
            "30",
            "-colorspace",
            "bt709",
            "-color_primaries",
            "bt709",
            "-color_trc",
            "bt709",
            "-color_range",
            "tv",
        ],
    );
    assert_eq!(source.samples.len(), FRAMES);
    assert!(
        source
            .samples
            .iter()
            .any(|sample| sample.composition_offset < 0),
        "the picture has B-frames"
    );
    source
}

fn audio(path: &Path) -> Source {
    source(
        path,
        &[
            "sine=frequency=440:sample_rate=48000:duration=4",
            "-ac",
            "2",
            "-c:a",
            "aac",
            // Else the encoder's delay begins before zero.
            "-af",
            "asetpts=PTS+1024",
        ],
    )
}

/// The samples in position-free parts of odd lengths, each with its duration.
fn parts(source: &Source) -> Vec<(Bytes, u64)> {
    let mut rest = source.samples.as_slice();
    let mut parts = Vec::new();
    for count in [7, 1, 13, 29, 2].into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (group, after) = rest.split_at(count.min(rest.len()));
        let ticks = group.iter().map(|sample| u64::from(sample.duration)).sum();
        parts.push((fragment(0, 1, group).expect("a part"), ticks));
        rest = after;
    }
    parts
}

/// Init segment and parts, each moved to its place from `start` on.
fn fragmented(source: &Source, start: u64) -> Vec<u8> {
    let mut file = init_segment(&source.track)
        .expect("an init segment")
        .to_vec();
    let mut time = start;
    for (index, (part, ticks)) in parts(source).into_iter().enumerate() {
        file.extend(retime(&part, time, index as u32 + 1).expect("a moved part"));
        time += ticks;
    }
    file
}

fn lines(output: Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout).expect("utf-8");
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The MD5 of each frame, decoded, or of each packet with `["-c", "copy"]`.
fn md5s(file: &Path, stream: &str, codec: &[&str]) -> Vec<String> {
    let file = file.to_str().expect("utf-8");
    let args = [
        &["-v", "warning", "-i", file, "-map", stream],
        codec,
        &["-fps_mode", "passthrough", "-f", "framemd5", "-"],
    ];
    let args: Vec<_> = args.concat();
    let args: Vec<_> = args
        .iter()
        .copied()
        .filter(|arg| codec.is_empty() || !["-fps_mode", "passthrough"].contains(arg))
        .collect();
    let frames = lines(run("ffmpeg", &args));
    frames
        .iter()
        .map(|line| line.rsplit(',').next().expect("md5").trim().to_owned())
        .collect()
}

fn probe(file: &Path, stream: &str, entries: &str) -> Vec<String> {
    let file = file.to_str().expect("utf-8");
    let args = [
        "-v",
        "warning",
        "-select_streams",
        stream,
        "-show_entries",
        entries,
        "-of",
        "csv=p=0",
        file,
    ];
    lines(run("ffprobe", &args))
        .into_iter()
        .map(|line| line.trim_end_matches(',').to_owned())
        .collect()
}

/// Presentation times in ticks, in order.
fn times(file: &Path, stream: &str) -> Vec<i64> {
    let times = probe(file, stream, "packet=pts");
    let mut times: Vec<i64> = times
        .iter()
        .map(|pts| pts.parse().expect("a time"))
        .collect();
    times.sort_unstable();
    times
}

fn assert_even(times: &[i64], first: i64) {
    assert_eq!(times.first(), Some(&first));
    let step = times[1] - times[0];
    assert!(
        step > 0 && times.windows(2).all(|pair| pair[1] - pair[0] == step),
        "{times:?}"
    );
}

/// FFmpeg 5.1 raises the presentation times of fragments by the lowest negative
/// composition offset, its own files' included; other readers do not.
fn reader_delay(source: &Source) -> i64 {
    let offsets = source
        .samples
        .iter()
        .map(|sample| sample.composition_offset);
    -i64::from(offsets.min().unwrap_or(0).min(0))
}

#[test]
fn ffmpeg_reads_moved_parts_as_one_even_stream() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    for (name, stream, make) in [
        ("video", "v", video as fn(&Path) -> Source),
        ("audio", "a", audio),
    ] {
        let original = dir.path().join(format!("{name}.mp4"));
        let source = make(&original);
        for start in [0, 10 * u64::from(source.track.timescale())] {
            let path = dir.path().join(format!("{name}-{start}.mp4"));
            std::fs::write(&path, fragmented(&source, start)).expect("written");
            let times = times(&path, stream);
            assert_eq!(times.len(), source.samples.len());
            assert_even(&times, start as i64 + reader_delay(&source));
            let map = format!("0:{stream}");
            assert_eq!(
                md5s(&path, &map, &["-c", "copy"]),
                md5s(&original, &map, &["-c", "copy"])
            );
            if name == "video" {
                let decoded = md5s(&path, &map, &[]);
                assert_eq!(decoded.len(), FRAMES);
                assert_eq!(decoded, md5s(&original, &map, &[]));
                let said = probe(
                    &path,
                    stream,
                    "stream=color_range,color_space,color_transfer,color_primaries,sample_aspect_ratio",
                );
                assert_eq!(said, ["1:1,tv,bt709,bt709,bt709"]);
            }
        }
    }
}

#[test]
fn a_part_in_two_pieces_is_the_part_in_one() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    for (part, _) in parts(&video(&dir.path().join("video.mp4"))) {
        let two = retimed(&part, 1 << 33, 9).expect("moved");
        assert_eq!(
            [two.head, two.tail].concat(),
            retime(&part, 1 << 33, 9).expect("moved")
        );
    }
}

#[test]
fn a_joined_movie_starts_fast_and_plays_every_frame() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let originals = [dir.path().join("video.mp4"), dir.path().join("audio.mp4")];
    let sources = [video(&originals[0]), audio(&originals[1])];
    let parts = sources.each_ref().map(parts);
    let tracks = [0, 1].map(|index| ProgressiveTrack {
        track: sources[index].track.clone(),
        parts: parts[index]
            .iter()
            .map(|(part, _)| read_fragment(part).expect("our part"))
            .collect(),
    });
    let movie = progressive(&tracks).expect("a movie");
    let mut file = movie.header.to_vec();
    for extent in &movie.extents {
        let (part, _) = &parts[extent.track][extent.part];
        file.extend_from_slice(&part[extent.offset as usize..][..extent.len as usize]);
    }
    assert_eq!(file.len() as u64, movie.content_length);

    let mut kinds = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let header = Header::decode(&mut &file[at..]).expect("a box");
        kinds.push(header.kind.to_string());
        at += 8 + header.size.expect("a size");
    }
    assert_eq!(
        (kinds, at),
        (
            vec!["ftyp".into(), "moov".into(), "mdat".into()],
            file.len()
        )
    );

    let path = dir.path().join("movie.mp4");
    std::fs::write(&path, file).expect("written");
    assert_even(&times(&path, "v"), 0);
    assert_even(&times(&path, "a"), 0);
    assert_eq!(
        probe(&path, "v", "stream=start_time,duration"),
        ["0.000000,4.000000"]
    );
    for (stream, original) in ["0:v", "0:a"].iter().zip(&originals) {
        assert_eq!(
            md5s(&path, stream, &["-c", "copy"]),
            md5s(original, stream, &["-c", "copy"])
        );
    }
    let decoded = md5s(&path, "0:v", &[]);
    assert_eq!(decoded.len(), FRAMES);
    assert_eq!(decoded, md5s(&originals[0], "0:v", &[]));
}
