//! What Loomcast promises, tried from outside: one binary, a file a feature.

mod server;
mod support;

mod api;
mod bad_input;
mod batch;
mod cache;
mod determinism;
mod edit_api;
mod faults;
mod fetching;
mod origin;
mod players;
mod reuse;
mod seams;
mod tidy;
