//! What Loomcast promises, tried from outside: one binary, a file a feature.

mod support;

mod batch;
mod determinism;
mod reuse;
mod seams;
