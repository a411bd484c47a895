//! The store on a disk that is full, and then has room again.

use std::process::Command;
use std::time::Duration;
use std::{env, fs, thread};

use tempfile::TempDir;

use super::tests::{assert_hit, key, put};
use super::*;

/// Names the small disk to the test that runs on it.
const DISK: &str = "LOOMCAST_STORE_SMALL_DISK";

/// How often a store that met a full disk is asked whether it works again.
const TRIES: u32 = 20;

/// Runs what follows with a disk of four megabytes at the folder named first.
const ON_A_SMALL_DISK: [&str; 5] = [
    "unshare",
    "-rm",
    "sh",
    "-c",
    r#"mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@""#,
];

#[test]
fn an_index_that_met_a_full_disk_works_again_when_there_is_room() {
    let disk = TempDir::new().unwrap();
    let under = |arguments: &[&str]| {
        let mut command = Command::new(ON_A_SMALL_DISK[0]);
        command.args(&ON_A_SMALL_DISK[1..]).arg(disk.path());
        command.args(arguments).env(DISK, disk.path());
        command.output().unwrap()
    };
    if !under(&["true"]).status.success() {
        eprintln!("skipped: a small disk needs {}", ON_A_SMALL_DISK.join(" "));
        return;
    }
    let myself = env::current_exe().unwrap();
    let child = "store::full_disk_tests::on_a_small_disk";
    let done = under(&[myself.to_str().unwrap(), "--exact", child, "--nocapture"]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

/// Does nothing but where the test above runs it.
#[test]
fn on_a_small_disk() {
    let Ok(disk) = env::var(DISK) else { return };
    let disk = PathBuf::from(disk);
    let ballast = disk.join("else");
    fs::write(&ballast, vec![1; 2 << 20]).unwrap();
    let mut config = StoreConfig::new(disk.join("store"));
    config.min_free_bytes = 0;
    let (store, _) = ChunkStore::open(config).unwrap();
    put(&store, 1);

    // Each value fills pages of the index, until the disk has none left.
    let value = |name: u64| {
        let mut value = vec![0; MAX_SMALL_BYTES];
        blake3::Hasher::new()
            .update(&name.to_le_bytes())
            .finalize_xof()
            .fill(&mut value);
        value
    };
    let full = (0..MAX_SMALL_VALUES)
        .find(|name| store.put_small(&name.to_string(), &value(*name)).is_err())
        .expect("a disk of four megabytes is full at some time");
    assert!(full > 0);

    fs::remove_file(&ballast).unwrap();
    let works = |_| {
        thread::sleep(Duration::from_millis(200));
        store.put_small("again", b"again").is_ok()
    };
    assert!((0..TRIES).any(works), "{:?}", store.put_small("again", b""));
    // What was durable is there, and so is what comes.
    for name in 0..full {
        let kept = store.get_small(&name.to_string()).unwrap();
        assert_eq!(kept.as_deref(), Some(&value(name)[..]), "{name} of {full}");
    }
    assert_hit(&store, 1);
    put(&store, 2);
    assert_hit(&store, 2);
    assert!(store.remove(&key(1)).unwrap());
    println!("{full} values were kept");
}
