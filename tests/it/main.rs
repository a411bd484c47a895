//! What Loomcast promises, tried from outside: one binary, a file a feature.
