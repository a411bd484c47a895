//! MPEG transport streams, chosen by the bytes.
#![no_main]

#[path = "../choices.rs"]
#[allow(dead_code)]
mod choices;
#[path = "../live/mod.rs"]
#[allow(dead_code)]
mod live;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    live::ts::run(&mut choices::Choices::from_bytes(data));
});
