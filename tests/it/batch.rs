//! Many people, one template: names as people write them, rows that fail and
//! take no other with them, rows that are there twice and cost nothing.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Loomcast, Ran, Scratch, caption, ffprobe, have_ffmpeg, numbers};

const SECONDS: usize = 3;
const FPS: usize = 25;

fn edit(scratch: &Scratch) -> std::path::PathBuf {
    scratch.footage("scene.mp4", "testsrc2", 4);
    scratch.solid("gold.png", "0xE0B020", "60x60");
    scratch.music("music.wav", 4, 220);
    let edit = json!({
        "timeline": {
            "soundtrack": { "src": "music.wav" },
            "tracks": [
                { "clips": [{ "asset": caption("Hello, {{ name }}!"), "start": 1, "length": 1, "fit": "none",
                    "opacity": "{{ opacity }}" }] },
                { "clips": [{ "asset": { "type": "image", "src": "{{ badge }}.png" }, "start": 2, "length": 1, "fit": "none" }] },
                { "clips": [{ "asset": { "type": "video", "src": "scene.mp4", "volume": 0 }, "start": 0, "length": SECONDS }] }
            ]
        },
        "output": { "format": "mp4", "size": { "width": 320, "height": 180 }, "fps": FPS },
        "merge": [
            { "find": "name", "replace": "you" },
            { "find": "opacity", "replace": 1 },
            { "find": "badge", "replace": "gold" }
        ]
    });
    scratch.edit("edit.json", &edit)
}

fn run(user: &Loomcast, edit: &Path, data: &Path, out: &Path) -> Ran {
    let batch = [
        "batch".as_ref(),
        edit.as_os_str(),
        "--data".as_ref(),
        data.as_os_str(),
    ];
    user.run(batch.into_iter().chain(["-o".as_ref(), out.as_os_str()]))
}

fn count(report: &Value, name: &str) -> u64 {
    report[name].as_u64().expect("a count")
}

fn written(out: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let names = fs::read_dir(out).expect("a folder").map(name);
    let mut names: Vec<String> = names
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

fn assert_plays(file: &Path) {
    let probed = ffprobe(
        file,
        &["-select_streams", "v", "-show_entries", "frame=pts"],
    );
    let frames = numbers(&probed, "frames", "pts").len();
    assert_eq!(frames, SECONDS * FPS, "{}", file.display());
    let probed = ffprobe(
        file,
        &["-select_streams", "a", "-show_entries", "frame=nb_samples"],
    );
    let samples: i64 = numbers(&probed, "frames", "nb_samples").iter().sum();
    assert_eq!(
        samples as usize,
        (SECONDS * 48_000).div_ceil(1024) * 1024,
        "{}",
        file.display()
    );
}

#[test]
fn a_row_that_fails_is_named_and_the_others_come_out() {
    if !have_ffmpeg("a_row_that_fails_is_named_and_the_others_come_out") {
        return;
    }
    let scratch = Scratch::new();
    let edit = edit(&scratch);
    let (data, out) = (scratch.path("people.csv"), scratch.path("out"));
    let user = Loomcast::new(&scratch, "data");
    fs::write(
        &data,
        "file,name,opacity,badge\n\
         juergen,Jürgen Größl,1,gold\n\
         siobhan,Siobhan O'Neill: 100%,0.9,gold\n\
         lee,\"Lee, Ana\",1,gold\n\
         nothing,Nobody,,gold\n\
         missing,Max,1,platinum\n\
         short,Mia\n\
         lee,Lee,1,gold\n\
         ../up,Udo,1,gold\n",
    )
    .expect("writes");
    let ran = run(&user, &edit, &data, &out);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let report = ran.json();
    assert_eq!(
        (count(&report, "rows"), count(&report, "rows_failed")),
        (8, 5)
    );
    let failures = report["failures"].as_array().expect("an array");
    for (failure, (row, field)) in failures.iter().zip([
        (4, "/timeline/tracks/0/clips/0/opacity"),
        (5, "/timeline/tracks/1/clips/0/asset/src"),
        (6, "2 fields: expected 4"),
        (7, "twice"),
        (8, "no file name"),
    ]) {
        assert_eq!(failure["row"], row, "{failures:?}");
        let reason = failure["reason"].as_str().expect("a reason");
        assert!(reason.contains(field), "{reason}");
    }
    assert_eq!(written(&out), ["juergen.mp4", "lee.mp4", "siobhan.mp4"]);
    for name in written(&out) {
        assert_plays(&out.join(name));
    }

    // Three people: what lies beside their names is rendered once.
    let plan = |name: &str, opacity: &str| {
        let sets = [format!("name={name}"), format!("opacity={opacity}")];
        user.plan(&edit, &["--set", &sets[0], "--set", &sets[1]])
    };
    let plans = [
        plan("Jürgen Größl", "1"),
        plan("Siobhan O'Neill: 100%", "0.9"),
        plan("Lee, Ana", "1"),
    ];
    let keys = || plans.iter().flatten().map(|chunk| chunk.key.as_str());
    let mut distinct: Vec<&str> = keys().collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(
        plans.iter().flatten().all(|chunk| chunk.hit),
        "another text was rendered than planned"
    );
    assert_eq!(count(&report, "chunks_total") as usize, keys().count());
    assert_eq!(count(&report, "chunks_distinct") as usize, distinct.len());
    assert_eq!(count(&report, "chunks_rendered") as usize, distinct.len());
    assert!(distinct.len() < keys().count());
}

#[test]
fn a_row_that_is_there_again_costs_nothing() {
    if !have_ffmpeg("a_row_that_is_there_again_costs_nothing") {
        return;
    }
    let scratch = Scratch::new();
    let edit = edit(&scratch);
    let (data, out) = (scratch.path("people.csv"), scratch.path("out"));
    let user = Loomcast::new(&scratch, "data");
    fs::write(&data, "name,opacity\nAna,1\nZoë,1\n").expect("writes");
    let once = run(&user, &edit, &data, &out).json();
    fs::write(&data, "name,opacity\nAna,1\nZoë,1\nAna,1.0\nAna,1\nZoë,1\n").expect("writes");

    // Where nothing is known yet, doubles are rendered once.
    let other = Loomcast::new(&scratch, "other");
    let fresh = run(&other, &edit, &data, &scratch.path("fresh")).json();
    for name in ["chunks_distinct", "chunks_rendered"] {
        assert_eq!(count(&fresh, name), count(&once, name), "{name}");
    }
    assert_eq!(
        2 * count(&fresh, "chunks_total"),
        5 * count(&once, "chunks_total")
    );

    // Where all is known, nothing is rendered at all.
    let again = run(&user, &edit, &data, &out);
    assert_eq!(again.code, Some(0));
    let again = again.json();
    assert_eq!(count(&again, "chunks_rendered"), 0);
    assert_eq!(count(&again, "chunks_hit"), count(&again, "chunks_total"));

    let read = |name: &str| fs::read(out.join(name)).expect("was written");
    let names = written(&out);
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(read(&names[0]) == read(&names[2]) && read(&names[0]) == read(&names[3]));
    assert!(read(&names[1]) == read(&names[4]) && read(&names[0]) != read(&names[1]));
}

#[test]
fn a_table_without_rows_is_refused_before_anything_is_rendered() {
    if !have_ffmpeg("a_table_without_rows_is_refused_before_anything_is_rendered") {
        return;
    }
    let scratch = Scratch::new();
    let edit = edit(&scratch);
    let (data, out) = (scratch.path("people.csv"), scratch.path("out"));
    let user = Loomcast::new(&scratch, "data");
    for (table, part) in [("name,opacity\n", "no rows"), ("", "no rows")] {
        fs::write(&data, table).expect("writes");
        let ran = run(&user, &edit, &data, &out);
        assert_eq!(ran.code, Some(2), "{table:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{table:?}: {}", ran.stderr);
        assert!(!out.exists(), "{table:?}");
    }
}
