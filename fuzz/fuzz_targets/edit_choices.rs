//! Edits of the language's grammar, changed in places; the bytes choose.
#![no_main]

#[path = "../choices.rs"]
mod choices;
#[path = "../generate.rs"]
mod generate;
#[path = "../pipeline.rs"]
mod pipeline;

use generate::Size;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = choices::Choices::from_bytes(data);
    let size = Size {
        tracks: 4,
        clips: 4,
        seconds: 4.0,
        frame: (320, 320),
    };
    let mut document = generate::edit(&mut choices, &pipeline::MEDIA, &size);
    for _ in 0..choices.below(5) {
        generate::mutate(&mut choices, &mut document);
    }
    let _ = pipeline::plan(document);
});
