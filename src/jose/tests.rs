//! What a strict gateway refuses, and the little that it accepts: tables of whole tokens, keys and records, negative
//! first, each row named by what is odd about it.

mod big;
mod claims;
mod expectations;
mod headers;
mod key_choice;
mod key_sets;
mod keys;
pub(super) mod mint;
mod privacy;
mod properties;
mod revoked_keys;
mod rsa_padding;
mod scopes;
mod signatures;
mod signing;
mod structure;
mod times;
mod token_types;

use std::fmt::{Debug, Display};

/// Fails with every row whose outcome is not the expected one.
pub(super) fn assert_rows<N: Display, T: PartialEq + Debug>(rows: impl IntoIterator<Item = (N, T, T)>) {
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
