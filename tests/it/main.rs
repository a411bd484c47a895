//! What Loomcast promises, tried from outside: one binary, a file a feature.

mod server;
mod standins;
mod support;

#[path = "../../fuzz/choices.rs"]
mod choices;
#[path = "../../fuzz/generate.rs"]
mod generate;
#[path = "../../fuzz/live/mod.rs"]
mod live_streams;
#[path = "../../fuzz/pipeline.rs"]
mod pipeline;

mod api;
mod bad_input;
mod batch;
mod cache;
mod callbacks;
mod channels;
mod codecs;
mod crowd;
mod determinism;
mod drawn;
mod edge;
mod edit_api;
mod edits;
mod examples;
mod faults;
mod fetching;
mod fuzz;
mod fuzz_live;
mod gallery;
mod hooks;
mod hostile;
mod join;
mod ladder;
mod layers;
mod lhls;
mod live;
mod live_hostile;
mod live_ladder;
mod offload;
mod offloading;
mod openapi;
mod origin;
mod other_sound;
mod otio;
mod outage;
mod output;
mod players;
mod plugins;
mod properties;
mod pulls;
mod push;
mod reload;
mod reuse;
mod rooms;
mod scale;
mod scenes;
mod sdk;
mod seams;
mod sound;
mod srt;
mod studio_live;
mod text_in_time;
mod tidy;
mod transport_stream;
mod variants;
mod whole;
mod window;
