//! What encoders do, and what no encoder does, as bytes.

use proptest::prelude::*;
use rtmp_runtime::amf0::{Amf0Value, Command};
use rtmp_runtime::chunk::ChunkAssembler;

use super::*;
use crate::live::flv::{AudioCodec, AudioTag, VideoCodec, VideoTag, audio_tag, video_tag};

const KEY: &str = "sesame-1234";
const SET_CHUNK_SIZE: u8 = 1;
const WINDOW_ACK_SIZE: u8 = 5;
const AUDIO: u8 = 8;
const VIDEO: u8 = 9;
const SCRIPT: u8 = 18;
const COMMAND: u8 = 20;
const AGGREGATE: u8 = 22;

/// An encoder as bytes: what it sends, one thing after the other.
#[derive(Clone, Default)]
struct Encoder {
    sent: Vec<u8>,
    chunk_size: usize,
}

impl Encoder {
    fn new() -> Self {
        Self {
            sent: Vec::new(),
            chunk_size: 128,
        }
    }

    /// C0, C1 and C2.
    fn handshake(mut self) -> Self {
        self.sent.push(3);
        self.sent.extend([7; 2 * 1536]);
        self
    }

    /// The head of a message in full: a chunk of type 0 without its payload.
    fn head(mut self, csid: u8, timestamp: u32, len: usize, kind: u8, stream: u32) -> Self {
        let extended = timestamp >= 0xff_ffff;
        self.sent.push(csid);
        self.sent
            .extend(&timestamp.min(0xff_ffff).to_be_bytes()[1..]);
        self.sent.extend(&(len as u32).to_be_bytes()[1..]);
        self.sent.push(kind);
        self.sent.extend(stream.to_le_bytes());
        if extended {
            self.sent.extend(timestamp.to_be_bytes());
        }
        self
    }

    /// The head of a message that says only how much later it is: type 1.
    fn later(mut self, csid: u8, delta: u32, len: usize, kind: u8) -> Self {
        self.sent.push(0x40 | csid);
        self.sent.extend(&delta.min(0xff_ffff).to_be_bytes()[1..]);
        self.sent.extend(&(len as u32).to_be_bytes()[1..]);
        self.sent.push(kind);
        if delta >= 0xff_ffff {
            self.sent.extend(delta.to_be_bytes());
        }
        self
    }

    /// The head of a chunk that goes on: type 3.
    fn on(self, csid: u8) -> Self {
        self.raw(&[0xc0 | csid])
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.sent.extend(bytes);
        self
    }

    /// A whole message, in chunks.
    fn message(mut self, csid: u8, timestamp: u32, kind: u8, stream: u32, payload: &[u8]) -> Self {
        self = self.head(csid, timestamp, payload.len(), kind, stream);
        for (index, chunk) in payload.chunks(self.chunk_size).enumerate() {
            if index > 0 {
                self = self.on(csid);
                if timestamp >= 0xff_ffff {
                    self = self.raw(&timestamp.to_be_bytes());
                }
            }
            self = self.raw(chunk);
        }
        self
    }

    fn command(self, name: &str, number: f64, stream: u32, arguments: Vec<Amf0Value>) -> Self {
        let command = Command {
            name: name.to_owned(),
            transaction_id: number,
            arguments,
        };
        let body = command.to_body().unwrap();
        self.message(3, 0, COMMAND, stream, &body)
    }

    fn connect(self, app: &str) -> Self {
        let app = ("app".to_owned(), Amf0Value::String(app.to_owned()));
        self.command("connect", 1.0, 0, vec![Amf0Value::Object(vec![app])])
    }

    fn publish(self, key: &str) -> Self {
        let text = |text: &str| Amf0Value::String(text.to_owned());
        self.command("releaseStream", 2.0, 0, vec![Amf0Value::Null, text(key)])
            .command("FCPublish", 3.0, 0, vec![Amf0Value::Null, text(key)])
            .command("createStream", 4.0, 0, vec![Amf0Value::Null])
            .command(
                "publish",
                5.0,
                1,
                vec![Amf0Value::Null, text(key), text("live")],
            )
    }

    /// All up to the request.
    fn asking() -> Self {
        Self::new().handshake().connect("live").publish(KEY)
    }

    fn set_chunk_size(mut self, size: u32) -> Self {
        self = self.message(2, 0, SET_CHUNK_SIZE, 0, &size.to_be_bytes());
        self.chunk_size = size as usize;
        self
    }

    fn audio(self, timestamp: u32, body: &[u8]) -> Self {
        self.message(4, timestamp, AUDIO, 1, body)
    }

    fn video(self, timestamp: u32, body: &[u8]) -> Self {
        self.message(6, timestamp, VIDEO, 1, body)
    }

    fn delete_stream(self) -> Self {
        let arguments = vec![Amf0Value::Null, Amf0Value::Number(1.0)];
        self.command("FCUnpublish", 6.0, 0, arguments.clone())
            .command("deleteStream", 7.0, 0, arguments)
    }
}

fn events(publishing: &mut Publishing) -> Vec<RtmpEvent> {
    std::iter::from_fn(|| publishing.next_event()).collect()
}

fn tag(kind: TagKind, timestamp_ms: u32, body: &[u8]) -> RtmpEvent {
    RtmpEvent::Tag {
        kind,
        timestamp_ms,
        body: Bytes::copy_from_slice(body),
    }
}

fn audio(timestamp_ms: u32, body: &[u8]) -> RtmpEvent {
    tag(TagKind::Audio, timestamp_ms, body)
}

fn video(timestamp_ms: u32, body: &[u8]) -> RtmpEvent {
    tag(TagKind::Video, timestamp_ms, body)
}

fn publish_request() -> RtmpEvent {
    RtmpEvent::Publish {
        app: "live".to_owned(),
        key: Secret::new(KEY.to_owned()),
        query: None,
    }
}

/// A connection that has asked.
fn asking() -> Publishing {
    let mut publishing = Publishing::new();
    publishing.feed(&Encoder::asking().sent).unwrap();
    assert_eq!(events(&mut publishing), [publish_request()]);
    publishing
}

/// A connection that was accepted, its output taken.
fn live() -> Publishing {
    let mut publishing = asking();
    publishing.accept().unwrap();
    publishing.take_output();
    publishing
}

/// What comes of `encoder` on a connection that was accepted.
fn brought(encoder: &Encoder) -> Vec<RtmpEvent> {
    let mut publishing = live();
    publishing.feed(&encoder.sent).unwrap();
    events(&mut publishing)
}

/// The only message in `output`, if it is `onStatus`: code and description.
fn status(output: &[u8]) -> (String, String) {
    let messages = ChunkAssembler::new()
        .with_chunk_size(4096)
        .push(output)
        .unwrap();
    let message = messages.last().expect("a message");
    let command = Command::parse(&message.payload).unwrap();
    assert_eq!(command.name, "onStatus");
    assert_eq!(message.message_stream_id, 1);
    let Some(Amf0Value::Object(pairs)) = command.arguments.get(1) else {
        panic!("{command:?}")
    };
    let text = |name: &str| match pairs.iter().find(|(key, _)| key == name) {
        Some((_, Amf0Value::String(text))) => text.clone(),
        other => panic!("{other:?}"),
    };
    (text("code"), text("description"))
}

#[test]
fn a_publish_gives_its_tags_in_order() {
    let mut publishing = Publishing::new();
    publishing.feed(&Encoder::asking().sent).unwrap();
    assert_eq!(events(&mut publishing), [publish_request()]);
    publishing.accept().unwrap();
    let long: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let sent = Encoder::new()
        .set_chunk_size(4096)
        .message(4, 0, SCRIPT, 1, b"\x02\0\x0aonMetaData\x05")
        .video(0, b"\x17\0\0\0\0")
        .audio(0, b"\xaf\0\x11\x90")
        .video(0, &long)
        .audio(21, b"\xaf\x01a")
        .later(4, 22, 3, AUDIO)
        .raw(b"\xaf\x01b")
        .video(40, b"\x27\x01\0\0\0")
        .delete_stream();
    publishing.feed(&sent.sent).unwrap();
    let expected = [
        tag(TagKind::Script, 0, b"\x02\0\x0aonMetaData\x05"),
        video(0, b"\x17\0\0\0\0"),
        audio(0, b"\xaf\0\x11\x90"),
        video(0, &long),
        audio(21, b"\xaf\x01a"),
        audio(43, b"\xaf\x01b"),
        video(40, b"\x27\x01\0\0\0"),
        RtmpEvent::Unpublish,
    ];
    assert_eq!(events(&mut publishing), expected);
    assert!(publishing.ended());
    publishing.close();
    assert_eq!(events(&mut publishing), [], "it ends once");
}

/// All that a broadcast has, for the tests below to cut up.
fn broadcast() -> Encoder {
    Encoder::new()
        .set_chunk_size(256)
        .message(4, 0, SCRIPT, 1, b"\x02\0\x0aonMetaData\x05")
        .video(0x00ff_fff0, &[0x17; 700])
        .audio(0x00ff_fff5, &[0xaf; 300])
        .video(0x0100_0010, &[0x27; 700])
        .set_chunk_size(128)
        .video(0x0100_0038, &[0x27; 700])
        .delete_stream()
}

#[test]
fn bytes_one_at_a_time_give_the_same_events_as_all_at_once() {
    let mut whole = Encoder::asking();
    let asking = whole.sent.len();
    whole.sent.extend(broadcast().sent);
    let run = |piece: usize| {
        let mut publishing = Publishing::new();
        let mut all = Vec::new();
        let mut output = Vec::new();
        for bytes in whole.sent.chunks(piece) {
            publishing.feed(bytes).unwrap();
            if publishing.undecided() {
                publishing.accept().unwrap();
            }
            all.extend(events(&mut publishing));
            output.extend(publishing.take_output());
        }
        (all, output)
    };
    let at_once = run(whole.sent.len());
    assert_eq!(at_once.0.len(), 7);
    for piece in [1, 2, 3, 127, 1536, 4096, asking, asking - 1] {
        assert_eq!(run(piece), at_once, "{piece} at a time");
    }
}

#[test]
fn nothing_is_answered_or_taken_before_the_request_is_accepted() {
    let mut publishing = Publishing::new();
    let mut sent = Encoder::asking();
    sent = sent.audio(5, b"\xaf\x01early");
    publishing.feed(&sent.sent).unwrap();
    assert!(publishing.undecided());
    assert_eq!(events(&mut publishing), [publish_request()]);
    let said = publishing.take_output();
    assert!(said.starts_with(&[3]) && said.len() > 3073);
    let onstatus = |said: &[u8]| said.windows(8).any(|bytes| bytes == b"onStatus");
    assert!(!onstatus(&said));

    publishing.feed(&broadcast().sent).unwrap();
    assert_eq!(events(&mut publishing), []);
    assert_eq!(publishing.take_output(), Bytes::new());

    publishing.accept().unwrap();
    let code = status(&publishing.take_output()).0;
    assert_eq!(code, "NetStream.Publish.Start");
    let all = events(&mut publishing);
    assert_eq!(all[0], audio(5, b"\xaf\x01early"));
    assert_eq!(all.len(), 7);
    assert!(matches!(publishing.accept(), Err(RtmpError::NotAsked)));
}

#[test]
fn an_encoder_that_is_rejected_is_told_why_and_brings_nothing() {
    let mut publishing = asking();
    publishing.take_output();
    publishing.feed(&broadcast().sent).unwrap();
    publishing.reject("no such key").unwrap();
    let (code, description) = status(&publishing.take_output());
    assert_eq!(code, "NetStream.Publish.BadName");
    assert_eq!(description, "no such key");
    assert!(publishing.ended());
    publishing.feed(&broadcast().sent).unwrap();
    publishing.close();
    assert_eq!(events(&mut publishing), []);
    assert_eq!(publishing.take_output(), Bytes::new());
    assert!(matches!(publishing.accept(), Err(RtmpError::NotAsked)));
}

#[test]
fn a_long_reason_is_cut_between_letters() {
    let mut publishing = asking();
    publishing.take_output();
    let reason = format!("x{}", "é".repeat(40_000));
    publishing.reject(&reason).unwrap();
    let description = status(&publishing.take_output()).1;
    assert_eq!(description.len(), MAX_REASON_BYTES - 1);
}

#[test]
fn a_peer_that_closes_before_the_handshake_leaves_nothing() {
    let handshake = Encoder::new().handshake().sent;
    for cut in [0, 1, 1536, 1537, 3072, 3073] {
        let mut publishing = Publishing::new();
        publishing.feed(&handshake[..cut]).unwrap();
        publishing.close();
        assert!(publishing.ended());
        assert_eq!(events(&mut publishing), []);
    }
}

#[test]
fn an_acknowledgement_window_of_no_bytes_is_survived() {
    let zero = 0u32.to_be_bytes();
    let mut publishing = Publishing::new();
    let asking = Encoder::new()
        .handshake()
        .message(2, 0, WINDOW_ACK_SIZE, 0, &zero)
        .connect("live")
        .publish(KEY);
    publishing.feed(&asking.sent).unwrap();
    publishing.accept().unwrap();
    let sent = Encoder::new()
        .message(2, 0, WINDOW_ACK_SIZE, 0, &zero)
        .audio(7, b"\xaf\x01a");
    publishing.feed(&sent.sent).unwrap();
    let expected = [publish_request(), audio(7, b"\xaf\x01a")];
    assert_eq!(events(&mut publishing), expected);
}

#[test]
fn an_audio_message_within_a_video_message_leaves_both_whole() {
    let sent = Encoder::new()
        .head(6, 40, 300, VIDEO, 1)
        .raw(&[1; 128])
        .head(4, 41, 200, AUDIO, 1)
        .raw(&[8; 128])
        .on(6)
        .raw(&[2; 128])
        .on(4)
        .raw(&[9; 72])
        .on(6)
        .raw(&[3; 44]);
    let picture = [vec![1; 128], vec![2; 128], vec![3; 44]].concat();
    let sound = [vec![8; 128], vec![9; 72]].concat();
    assert_eq!(brought(&sent), [audio(41, &sound), video(40, &picture)]);
}

#[test]
fn chunks_of_128_kib_are_taken() {
    let picture: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    let sent = Encoder::new().set_chunk_size(131_072).video(0, &picture);
    assert_eq!(brought(&sent), [video(0, &picture)]);
}

#[test]
fn silence_is_no_error() {
    for mut publishing in [Publishing::new(), asking(), live()] {
        for _ in 0..1000 {
            publishing.feed(b"").unwrap();
        }
        assert!(!publishing.ended());
        assert_eq!(events(&mut publishing), []);
    }
}

#[test]
fn enhanced_hevc_passes() {
    let config = b"\x90hvc1REC";
    let frame = b"\xa1hvc1\0\0\x28nal";
    let sent = Encoder::new().video(0, config).video(40, frame);
    let events = brought(&sent);
    assert_eq!(events, [video(0, config), video(40, frame)]);
    let RtmpEvent::Tag { body, .. } = &events[1] else {
        panic!("not a tag")
    };
    let expected = VideoTag::Frame {
        codec: VideoCodec::Hevc,
        key: false,
        composition_ms: 40,
        data: Bytes::from_static(b"nal"),
    };
    assert_eq!(video_tag(body), Ok(expected));
}

#[test]
fn enhanced_opus_passes() {
    let config = b"\x90OpusOpusHead";
    let frame = b"\x91Opusraw";
    let sent = Encoder::new().audio(0, config).audio(20, frame);
    let events = brought(&sent);
    assert_eq!(events, [audio(0, config), audio(20, frame)]);
    let RtmpEvent::Tag { body, .. } = &events[1] else {
        panic!("not a tag")
    };
    let expected = AudioTag::Frame {
        codec: AudioCodec::Opus,
        data: Bytes::from_static(b"raw"),
    };
    assert_eq!(audio_tag(body), Ok(expected));
}

#[test]
fn timestamps_of_more_than_24_bits_are_read() {
    let picture = [5; 300];
    let sent = Encoder::new()
        .video(0x00ff_fffe, &picture)
        .video(0x00ff_ffff, &picture)
        .video(0x0100_0027, &picture)
        // The difference too can have more: this one goes round to 0x27.
        .later(6, 0xff00_0000, 2, VIDEO)
        .raw(b"\x27\x01")
        .video(u32::MAX, &picture);
    let expected = [
        video(0x00ff_fffe, &picture),
        video(0x00ff_ffff, &picture),
        video(0x0100_0027, &picture),
        video(0x27, b"\x27\x01"),
        video(u32::MAX, &picture),
    ];
    assert_eq!(brought(&sent), expected);
}

/// Feeds 34 messages of `len` bytes, each half sent on a chunk stream of its
/// own; gives the error and how many bytes were taken before it.
fn half_sent(publishing: &mut Publishing, len: usize) -> (RtmpError, usize) {
    let mut taken = 0;
    let half = vec![0; len / 2];
    let chunks = Encoder::new().set_chunk_size(half.len() as u32);
    publishing.feed(&chunks.sent).unwrap();
    for csid in 10..44 {
        let begun = Encoder::new().head(csid, 0, len, VIDEO, 1);
        for piece in begun.raw(&half).sent.chunks(64 << 10) {
            match publishing.feed(piece) {
                Ok(()) => taken += piece.len(),
                Err(error) => return (error, taken),
            }
        }
    }
    panic!("{taken} bytes were taken");
}

#[test]
fn messages_that_are_never_sent_to_their_end_are_refused_in_bounded_memory() {
    const LONGEST: usize = 0xff_ffff;
    let (error, taken) = half_sent(&mut live(), LONGEST);
    assert!(matches!(error, RtmpError::Protocol(_)), "{error}");
    assert_eq!(taken, 0, "the first announces too much");

    let (error, taken) = half_sent(&mut live(), MAX_MESSAGE_BYTES);
    assert!(matches!(error, RtmpError::Protocol(_)), "{error}");
    assert!(taken <= MAX_BUFFERED_BYTES, "{taken}");

    // A peer that nobody has accepted gets much less.
    let mut greeted = Publishing::new();
    greeted.feed(&Encoder::new().handshake().sent).unwrap();
    let (error, taken) = half_sent(&mut greeted, MAX_MESSAGE_BYTES);
    assert!(matches!(error, RtmpError::NoPublish { .. }), "{error}");
    assert!(taken <= MAX_BYTES_BEFORE_PUBLISH, "{taken}");

    let mut undecided = asking();
    let (error, taken) = half_sent(&mut undecided, MAX_MESSAGE_BYTES);
    assert!(matches!(error, RtmpError::Impatient { .. }), "{error}");
    assert!(taken <= MAX_UNDECIDED_BYTES, "{taken}");
    assert!(matches!(undecided.accept(), Err(RtmpError::NotAsked)));
}

#[test]
fn many_messages_half_sent_at_the_same_time_are_refused_too() {
    let mut publishing = live();
    let mut begun = Encoder::new();
    for csid in 10..44 {
        begun = begun.head(csid, 0, 1 << 20, VIDEO, 1).raw(&[0; 128]);
    }
    let error = publishing.feed(&begun.sent).unwrap_err();
    assert!(error.to_string().contains("budget"), "{error}");
}

#[test]
fn more_chunk_streams_than_the_bound_are_refused() {
    let mut publishing = live();
    let mut encoder = Encoder::new();
    // One is in use since the request: that of commands.
    for csid in 0..MAX_CHUNK_STREAMS as u8 - 1 {
        // A chunk stream above 63 has its number, less 64, in a second byte.
        encoder = encoder
            .raw(&[0, csid])
            .raw(&[0, 0, 0, 0, 0, 1, AUDIO, 1, 0, 0, 0, 9]);
    }
    publishing.feed(&encoder.sent).unwrap();
    let one_more = Encoder::new().raw(&[0, 200, 0, 0, 0, 0, 0, 1, AUDIO, 1, 0, 0, 0, 9]);
    let error = publishing.feed(&one_more.sent).unwrap_err();
    assert!(error.to_string().contains("chunk stream"), "{error}");
    assert!(matches!(publishing.feed(b"x"), Err(RtmpError::Failed)));
}

#[test]
fn a_peer_that_talks_and_never_publishes_is_refused() {
    let mut publishing = Publishing::new();
    let mut chatter = Encoder::new().handshake();
    for _ in 0..2000 {
        chatter = chatter.connect("live");
    }
    let error = publishing.feed(&chatter.sent).unwrap_err();
    assert!(matches!(error, RtmpError::NoPublish { .. }), "{error}");
    assert!(publishing.take_output().len() < 16 * MAX_BYTES_BEFORE_PUBLISH);
}

#[test]
fn a_second_request_does_not_go_round_the_answer_to_the_first() {
    let mut publishing = live();
    let again = Encoder::new()
        .audio(1, b"\xaf\x01a")
        .connect("live")
        .publish("another")
        .audio(2, b"\xaf\x01b");
    let error = publishing.feed(&again.sent).unwrap_err();
    assert!(matches!(error, RtmpError::Again), "{error}");
    let expected = [audio(1, b"\xaf\x01a"), RtmpEvent::Unpublish];
    assert_eq!(events(&mut publishing), expected);
}

#[test]
fn a_connection_that_breaks_off_unpublishes() {
    let mut publishing = live();
    let half = Encoder::new().video(0, b"\x17").head(6, 0, 100, VIDEO, 1);
    publishing.feed(&half.sent).unwrap();
    publishing.close();
    let expected = [video(0, b"\x17"), RtmpEvent::Unpublish];
    assert_eq!(events(&mut publishing), expected);

    let mut publishing = live();
    // A continuation of nothing.
    publishing.feed(&Encoder::new().on(9).sent).unwrap_err();
    assert_eq!(events(&mut publishing), [RtmpEvent::Unpublish]);

    let mut publishing = asking();
    publishing.close();
    assert_eq!(events(&mut publishing), [], "it was never accepted");
}

#[test]
fn a_token_is_found_behind_the_key_or_the_application() {
    for (app, key, query) in [
        ("live", "cam", None),
        ("live", "cam?token=a?b", Some("token=a?b")),
        ("live?token=c", "cam", Some("token=c")),
        ("live?token=c", "cam?token=d", Some("token=d")),
    ] {
        let mut publishing = Publishing::new();
        let sent = Encoder::new().handshake().connect(app).publish(key);
        publishing.feed(&sent.sent).unwrap();
        let expected = RtmpEvent::Publish {
            app: "live".to_owned(),
            key: Secret::new("cam".to_owned()),
            query: query.map(|query| Secret::new(query.to_owned())),
        };
        assert_eq!(events(&mut publishing), [expected]);
    }
}

#[test]
fn no_key_is_seen_in_a_log_or_sent_back() {
    let mut publishing = Publishing::new();
    publishing.feed(&Encoder::asking().sent).unwrap();
    let event = publishing.next_event().unwrap();
    publishing.accept().unwrap();
    let said = publishing.take_output();
    let mut seen = format!("{event:?} {publishing:?}");
    let again = Encoder::new().connect("live").publish(KEY);
    let error = publishing.feed(&again.sent).unwrap_err();
    seen += &format!("{error} {error:?} {publishing:?}");
    assert!(!seen.contains("sesame"), "{seen}");
    assert!(!said.windows(6).any(|bytes| bytes == b"sesame"));
    let RtmpEvent::Publish { key, .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!(key.expose(), KEY);
    assert!(key.is(KEY) && !key.is("sesame"));
}

#[test]
fn scripts_are_as_in_a_file_and_empty_tags_are_none() {
    let sent = Encoder::new()
        .message(
            4,
            3,
            SCRIPT,
            1,
            b"\x02\0\x0d@setDataFrame\x02\0\x0aonMetaData\x05",
        )
        .message(4, 3, SCRIPT, 1, b"\x02\0\x0d@setDataFrame")
        .audio(4, b"")
        .video(4, b"")
        .audio(5, b"\xaf");
    let expected = [
        tag(TagKind::Script, 3, b"\x02\0\x0aonMetaData\x05"),
        audio(5, b"\xaf"),
    ];
    assert_eq!(brought(&sent), expected);
}

#[test]
fn an_aggregate_is_its_tags() {
    let mut body = Vec::new();
    for (kind, time, payload) in [
        (VIDEO, 100, b"\x27v"),
        (99, 101, b"??"),
        (AUDIO, 110, b"\xafa"),
    ] {
        body.extend([kind, 0, 0, 2, 0, 0, time, 0, 0, 0, 0]);
        body.extend(payload);
        body.extend([0, 0, 0, 13]);
    }
    let sent = Encoder::new().message(4, 1000, AGGREGATE, 1, &body);
    let expected = [video(1000, b"\x27v"), audio(1010, b"\xafa")];
    assert_eq!(brought(&sent), expected);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        begin in 0..4usize,
        random in prop::collection::vec(any::<u8>(), 0..2000),
        piece in 1..500usize,
        accept in any::<bool>(),
    ) {
        let mut publishing = match begin {
            0 => Publishing::new(),
            1 => {
                let mut greeted = Publishing::new();
                greeted.feed(&Encoder::new().handshake().sent).unwrap();
                greeted
            }
            2 => asking(),
            _ => live(),
        };
        for bytes in random.chunks(piece) {
            let _ = publishing.feed(bytes);
            if accept {
                let _ = publishing.accept();
            }
        }
        let _ = publishing.reject("x");
        publishing.close();
        while publishing.next_event().is_some() {}
    }

    #[test]
    fn no_broadcast_with_bytes_changed_makes_it_panic(
        patches in prop::collection::vec((0usize..5000, any::<u8>()), 1..8),
        end in 0usize..7000,
    ) {
        let mut sent = Encoder::asking().sent;
        sent.extend(broadcast().sent);
        for (at, byte) in patches {
            // The handshake can hold anything.
            if let Some(target) = sent.get_mut(3073 + at) {
                *target = byte;
            }
        }
        sent.truncate(3073 + end);
        let mut publishing = Publishing::new();
        for bytes in sent.chunks(100) {
            let _ = publishing.feed(bytes);
            let _ = publishing.accept();
        }
        publishing.close();
        while publishing.next_event().is_some() {}
    }
}
