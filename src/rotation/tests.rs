//! The life of signing keys: tables of states, documents and schedules, and a simulated cluster under random histories.

mod checks;
mod cluster;
mod documents;
mod histories;
mod pool;
mod schedules;
mod states;
mod writes;

use std::fmt::{Debug, Display};
use std::time::Duration;

use crate::clock::UnixTime;

/// Fails with every row whose outcome is not the expected one.
fn assert_rows<N: Display, T: PartialEq + Debug>(rows: impl IntoIterator<Item = (N, T, T)>) {
    let mut count = 0;
    let wrong: Vec<String> = rows
        .into_iter()
        .inspect(|_| count += 1)
        .filter(|(_, found, expected)| found != expected)
        .map(|(name, found, expected)| format!("{name}: {found:?}, expected {expected:?}"))
        .collect();
    assert!(count > 0, "the table is empty");
    assert!(wrong.is_empty(), "{} of {count} rows:\n{}", wrong.len(), wrong.join("\n"));
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(1_800_000_000 + seconds)
}
