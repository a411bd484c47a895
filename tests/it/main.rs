//! What Loomcast promises, tried from outside: one binary, a file a feature.

mod server;
mod support;

mod api;
mod bad_input;
mod batch;
mod cache;
mod callbacks;
mod crowd;
mod determinism;
mod drawn;
mod edit_api;
mod examples;
mod faults;
mod fetching;
mod layers;
mod openapi;
mod origin;
mod players;
mod reuse;
mod scenes;
mod sdk;
mod seams;
mod text_in_time;
mod tidy;
