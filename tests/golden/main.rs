//! Files that are generated from the code and kept beside it: each must be what the code writes now.
//!
//! `BLESS=1 cargo test --test golden` rewrites them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test ends at the first surprise")]

mod admission;
mod crds;
mod findings;
mod help;
mod readme;
mod reference;

use std::path::{Path, PathBuf};

/// Fails if the file at `path` (from the root of the repository) is not exactly `expected`; with `BLESS=1`, writes it.
fn assert_file(path: impl AsRef<Path>, expected: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{} is not what the code writes (first at line {}); BLESS=1 rewrites it",
        path.display(),
        line.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1,
    );
}
