//! Files as they come: well made, careless and hostile.

use super::*;

fn millis(time: Time) -> i64 {
    time.flicks() / Time::from_millis(1).flicks()
}

/// The cues as lines: times in milliseconds, and text with its faces and times.
fn shown(captions: &Captions) -> Vec<String> {
    let run = |run: &Run| {
        let Face {
            bold,
            italic,
            underlined,
        } = run.face;
        let faces: String = [(bold, 'b'), (italic, 'i'), (underlined, 'u')]
            .iter()
            .filter_map(|(on, name)| on.then_some(*name))
            .collect();
        let at = run
            .at
            .map_or(String::new(), |at| format!("@{}", millis(at)));
        match (faces.is_empty(), at.is_empty()) {
            (true, true) => run.text.clone(),
            _ => format!("[{faces}{at}:{}]", run.text),
        }
    };
    let cue = |cue: &Cue| {
        let text: String = cue.runs.iter().map(run).collect();
        format!("{}-{} {text:?}", millis(cue.start), millis(cue.end))
    };
    captions.cues.iter().map(cue).collect()
}

fn cues(text: &str) -> Vec<String> {
    let captions = read(text.as_bytes()).expect(text);
    assert!(are_in(text.as_bytes()), "{text}");
    shown(&captions)
}

#[test]
fn srt_is_read_however_carelessly_it_is_written() {
    for text in [
        "1\n00:00:01,000 --> 00:00:02,500\nHello,\nAna!\n\n2\n00:00:03,000 --> 00:00:04,000\nBye.\n",
        // Windows line ends, a byte order mark, points, no hours, short fractions, no numbers.
        "\u{feff}00:01.0-->00:02.5 \r\nHello,\r\nAna!\r\n\r\n0:03.000 --> 00:00:04,0001\r\nBye.",
        // No empty line between the cues; old Macintosh line ends; odd spaces.
        "1\r00:00:01,000  -->  00:00:02,500\r Hello, \r  Ana!\r2\r00:00:03,000 -->00:00:04,000\rBye.",
        // Later before earlier.
        "9\n00:00:03,000 --> 00:00:04,000\n{\\an8}<font color=\"red\">Bye.</font>\n\n\n\n1\n00:00:01,000 --> 00:00:02,500\nHello,\nAna!",
    ] {
        let found = cues(text).join("\n").replace(" \\n  ", "\\n");
        assert_eq!(
            found, "1000-2500 \"Hello,\\nAna!\"\n3000-4000 \"Bye.\"",
            "{text:?}"
        );
    }
}

#[test]
fn webvtt_is_read_with_its_tags_times_and_blocks() {
    let text = "WEBVTT - a title\nKind: captions\n\nNOTE a note\nover two lines\n\nSTYLE\n::cue { color: red }\n\n\
        REGION\nid:a\n\nname-of-cue\n00:01.000 --> 01:00:02.000 align:start position:10%\n\
        <v Ana>Hi <b>bold <i>both</i></b> &amp; &lt;<u>lined</u>&gt; &#x41;&nbsp;1 < 2 & so</v>\n\n\
        00:05.000 --> 00:08.000\n<00:05.000><c.red>One</c> <00:06.500>two <00:07.250> three";
    let captions = read(text.as_bytes()).expect("reads");
    assert_eq!(
        shown(&captions),
        [
            "1000-3602000 \"Hi [b:bold ][bi:both] & <[u:lined]> A\u{a0}1 < 2 & so\"",
            "5000-8000 \"[@5000:One ][@6500:two ][@7250: three]\"",
        ]
        .map(|line| line.replace('\u{a0}', "\\u{a0}"))
    );
    assert_eq!(
        captions.notes.len(),
        1,
        "of the place: {:?}",
        captions.notes
    );
}

#[test]
fn ttml_is_read_with_its_clocks_faces_and_nested_times() {
    let text = r#"<?xml version="1.0" encoding="utf-8"?>
        <tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"
            xmlns:tts="http://www.w3.org/ns/ttml#styling" ttp:frameRate="25" ttp:tickRate="1000">
          <head><styling><style xml:id="s" tts:color="red"/></styling></head>
          <body><div begin="10s">
            <p begin="00:00:01.000" end="00:00:02.5">Hello,<br/>
              Ana &amp; <span tts:fontStyle="italic">you</span>!</p>
            <p begin="3s" dur="1s"><span begin="0s">One</span> <span begin="500ms">two</span></p>
            <p begin="00:00:05:05" end="6000t" xml:space="preserve">a  b</p>
            <p begin="7s">without an end</p>
          </div></body></tt>"#;
    let captions = read(text.as_bytes()).expect("reads");
    assert_eq!(
        shown(&captions),
        [
            "11000-12500 \"Hello,\\nAna & [i:you]!\"",
            "13000-14000 \"One [@13500:two]\"",
            "15200-16000 \"a  b\"",
        ]
    );
    assert_eq!(captions.notes.len(), 1, "{:?}", captions.notes);
    let dfxp = r#"<tt:tt xmlns:tt="http://www.w3.org/2006/10/ttaf1"><tt:body><tt:div>
        <tt:p begin="0.5s" end="1.5s">x</tt:p></tt:div></tt:body></tt:tt>"#;
    assert_eq!(cues(dfxp), ["500-1500 \"x\""]);
}

#[test]
fn cues_that_cannot_be_shown_are_left_out_and_told() {
    let text = "1\n-00:00:01,000 --> 00:00:02,000\nnegative\n\n2\n00:00:05,000 --> 00:00:04,000\nbackwards\n\n\
        3\n00:00:05,000 --> 00:00:06,000\n<b> </b>\n\n4\n00:99:05,000 --> 01:00:06,000\nno minute\n\n\
        5\n99:00:05,000 --> 99:00:06,000\nlate\n\n6\n00:00:01,000 --> 00:00:09,000\nover\n\n7\n00:00:02,000 --> 00:00:03,000\nlapping\n";
    let captions = read(text.as_bytes()).expect("reads");
    assert_eq!(
        shown(&captions),
        ["1000-9000 \"over\"", "2000-3000 \"lapping\""]
    );
    assert!(
        captions.notes[0].starts_with("4 of its cues"),
        "{:?}",
        captions.notes
    );
    assert!(
        captions.notes[1].starts_with("1 of its cues are later"),
        "{:?}",
        captions.notes
    );
    assert_eq!(captions.end(), Time::from_seconds(9));
}

#[test]
fn other_encodings_are_read_and_a_guess_is_told() {
    let text = "00:01.000 --> 00:02.000\nGr\u{fc}\u{df}e";
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let latin: Vec<u8> = text.chars().map(|c| u32::from(c) as u8).collect();
    for (bytes, notes) in [(wide, 0), (latin, 1)] {
        assert!(are_in(&bytes));
        let captions = read(&bytes).expect("reads");
        assert_eq!(shown(&captions), ["1000-2000 \"Grüße\""]);
        assert_eq!(captions.notes.len(), notes);
    }
}

#[test]
fn hostile_files_are_refused() {
    let cue = "00:00:01,000 --> 00:00:02,000\nx\n\n";
    let deep = format!("<tt>{}", "<p begin='0s' end='1s'>".repeat(100));
    for (bytes, error) in [
        (vec![b'x'; (2 << 20) + 1], "captions of 2097153 bytes"),
        (
            cue.repeat(MAX_CUES + 1).into_bytes(),
            "more than 20000 cues",
        ),
        (
            format!("{}{}", &cue[..30], "x".repeat(1 << 20)).into_bytes(),
            "a cue of 1048576 characters at 1s",
        ),
        ("<".repeat(1 << 20).into_bytes(), "no cue"),
        (
            format!("WEBVTT\n\n{}", "-->".repeat(1 << 18)).into_bytes(),
            "no cue",
        ),
        (b"WEBVTT".to_vec(), "no cue"),
        (b"".to_vec(), "no cue"),
        (deep.into_bytes(), "64 deep"),
        (b"<tt><p begin='0s' end='1s'>x</p".to_vec(), "TTML"),
    ] {
        let found = read(&bytes).expect_err(error).to_string();
        assert!(found.contains(error), "{found}");
    }
    // At the bound itself they are read.
    assert_eq!(
        read(cue.repeat(MAX_CUES).as_bytes()).map(|captions| captions.cues.len()),
        Ok(MAX_CUES)
    );
}

#[test]
fn a_file_is_known_by_how_it_begins() {
    for (head, expected) in [
        (&b"WEBVTT"[..], true),
        (b"\xef\xbb\xbf1\r\n00:00:01,000 --> 00:00:02,000", true),
        (b"<?xml version='1.0'?><!-- x --><tt xmlns='y'>", true),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><text>-->", false),
        (b"\x89PNG\r\n\x1a\n", false),
        (b"{\"a\": \"-->\"}", false),
        (b"a --> b", false),
        (b"", false),
    ] {
        assert_eq!(are_in(head), expected, "{head:?}");
    }
}
