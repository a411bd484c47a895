//! Fetches the studio's one third-party script, hls.js, from npm, at the
//! version and with the digest that `assets/web/package-lock.json` pins.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=assets/web/package-lock.json");
    if env::var_os("CARGO_FEATURE_MEDIA").is_none() {
        return;
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let out = Path::new(&out);
    for file in ["package.json", "package-lock.json"] {
        fs::copy(Path::new("assets/web").join(file), out.join(file))
            .expect("the studio's package files can be copied");
    }
    let npm = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(out)
        .status();
    match npm {
        Ok(status) if status.success() => {}
        Ok(status) => panic!(
            "`npm ci` for the studio's player failed ({status}); is the npm registry reachable?"
        ),
        Err(error) => panic!(
            "npm is needed to fetch the studio's player ({error}); run scripts/install-deps --build"
        ),
    }
    fs::copy(
        out.join("node_modules/hls.js/dist/hls.min.js"),
        out.join("hls.min.js"),
    )
    .expect("hls.js has its player");
}
