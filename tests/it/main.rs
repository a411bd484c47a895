//! What Loomcast promises, tried from outside: one binary, a file a feature.

mod server;

mod api;
mod bad_input;
mod players;
mod tidy;
