//! Any bytes as an OTIO file; what becomes an Edit is planned.
#![no_main]

#[path = "../choices.rs"]
#[allow(dead_code)]
mod choices;
#[path = "../generate.rs"]
#[allow(dead_code)]
mod generate;
#[path = "../pipeline.rs"]
mod pipeline;

use loomcast::interchange::otio::{Import, import, parse};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(file) = parse(data)
        && let Ok(imported) = import(&file, &Import::default())
    {
        let _ = pipeline::plan(imported.edit);
    }
});
