//! Any bytes as Edit JSON.
#![no_main]

#[path = "../choices.rs"]
#[allow(dead_code)]
mod choices;
#[path = "../generate.rs"]
#[allow(dead_code)]
mod generate;
#[path = "../pipeline.rs"]
mod pipeline;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(document) = serde_json::from_slice(data) {
        let _ = pipeline::plan(document);
    }
});
