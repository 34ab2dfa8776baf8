//! The lines of a journal.
//!
//! ```text
//! 16 hexadecimal digits of SHA-256 | space | JSON | line feed
//!
//! {"journal":"bearward records 1","last":1700000000000}         the first: versions begin after this one
//! [["family/…",1700000000001,1700002592000,"eyJ…"], …]          every other: key, version, end in ms, value in base64
//! ```
//!
//! JSON has no line feed inside, so that a line is told from what follows it even when it is broken.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;
use crate::store::table::{Entry, Table};
use crate::store::{Record, Version};

/// The longest line: as many writes as share one, each as large as it may be, with room to spare.
pub(super) const MAX_LINE: u64 = 1 << 20;

/// What the first line says it is.
const JOURNAL: &str = "bearward records 1";

/// Digits of the checksum.
const DIGITS: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head<'a> {
    #[serde(borrow)]
    journal: Cow<'a, str>,
    last: u64,
}

#[derive(Serialize, Deserialize)]
struct Item<'a>(#[serde(borrow)] Cow<'a, str>, u64, i64, #[serde(borrow)] Cow<'a, str>);

/// The first line.
pub(super) fn of_head(last: u64) -> io::Result<String> {
    let json = serde_json::to_string(&Head { journal: JOURNAL.into(), last })?;
    Ok(framed(&json))
}

/// A line with these records.
pub(super) fn of_records<'a>(records: impl Iterator<Item = (&'a str, &'a Entry)>) -> io::Result<String> {
    let items: Vec<Item<'_>> = records
        .map(|(key, Entry { record, until })| {
            let value = STANDARD_NO_PAD.encode(&record.value);
            Item(key.into(), record.version.0, until.millis(), value.into())
        })
        .collect();
    Ok(framed(&serde_json::to_string(&items)?))
}

/// How long the lines of a journal with nothing dead in it are, about: each record as if it had a line of its own.
pub(super) fn length_of_all(table: &Table) -> u64 {
    table.iter().fold(0, |sum, (key, Entry { record, .. })| {
        let length = record.value.len().div_ceil(3).saturating_mul(4).saturating_add(key.len());
        // The checksum, two numbers of 13 digits and more, and what is between them.
        sum.saturating_add(u64::try_from(length).unwrap_or(u64::MAX)).saturating_add(60)
    })
}

/// What the first line says, without its line feed: the version after which others begin.
pub(super) fn read_head(line: &[u8]) -> Option<u64> {
    let head: Head<'_> = serde_json::from_str(unframed(line)?).ok()?;
    (head.journal == JOURNAL).then_some(head.last)
}

/// The records of a line, without its line feed.
pub(super) fn read_records(line: &[u8]) -> Option<Vec<(Arc<str>, Entry)>> {
    let items: Vec<Item<'_>> = serde_json::from_str(unframed(line)?).ok()?;
    let read = |Item(key, version, until, value): Item<'_>| {
        let value = STANDARD_NO_PAD.decode(&*value).ok()?.into();
        let record = Record { value, version: Version(version) };
        Some((Arc::from(&*key), Entry { record, until: UnixTime::from_millis(until) }))
    };
    items.into_iter().map(read).collect()
}

fn framed(json: &str) -> String {
    [&checksum(json), " ", json, "\n"].concat()
}

/// The JSON of a line whose checksum is right.
fn unframed(line: &[u8]) -> Option<&str> {
    let (sum, rest) = std::str::from_utf8(line).ok()?.split_at_checked(DIGITS)?;
    let json = rest.strip_prefix(' ')?;
    (checksum(json) == sum).then_some(json)
}

fn checksum(json: &str) -> String {
    let hash = digest(&SHA256, json.as_bytes());
    let digits = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).take(DIGITS).collect()
}
