//! What every store keeps to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::file::FileStore;
use super::table::{Bounds, Table, Write};
use super::{Memory, Store, StoreError};
use crate::clock::{Clock, ManualClock, UnixTime};

#[test]
fn a_full_store_takes_marks_and_what_gets_no_larger() {
    let bounds = Bounds { records: 80, bytes: 8_000 };
    let end = UnixTime::from_secs(1_000);
    let put = |table: &mut Table, key: &str, value: &str, replaces| {
        table.put(
            Write { key: key.into(), value: Bytes::from(value.to_owned()), replaces, until: end },
            UnixTime::from_secs(0),
        )
    };
    // By records, and by bytes: each has 100.
    for (bounds, length) in [(Bounds { bytes: 100_000, ..bounds }, 10), (Bounds { records: 1_000, ..bounds }, 80)] {
        let (mut table, value) = (Table::new(bounds, 0), "v".repeat(length));
        let mut written = Vec::new();
        for number in 10..80 {
            written.push(put(&mut table, &number.to_string(), &value, None).unwrap());
        }
        assert_eq!(put(&mut table, "80", &value, None), Err(StoreError::Full));
        if length == 80 {
            assert_eq!(put(&mut table, "10", &format!("{value}v"), Some(written[0])), Err(StoreError::Full), "larger");
        }
        assert!(put(&mut table, "10", &value, Some(written[0])).is_ok(), "as large");
        assert!(put(&mut table, "11", &value[1..], Some(written[1])).is_ok(), "smaller");
        let marks = (100..200).take_while(|number| put(&mut table, &number.to_string(), "", None).is_ok()).count();
        assert!(marks >= 10, "{marks}");
        assert_eq!(put(&mut table, "999", "", None), Err(StoreError::Full), "nor another mark");
        assert!(put(&mut table, "12", &value, Some(written[2])).is_ok(), "as large");
    }
}

#[tokio::test]
async fn a_write_must_name_the_version_that_it_replaces() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["memory", "file"] {
        let time = Arc::new(ManualClock::new(UnixTime::from_secs(1_000)));
        let clock = Clock::manual(Arc::clone(&time));
        let store: Box<dyn Store> = match kind {
            "memory" => Box::new(Memory::new(clock)),
            _ => Box::new(FileStore::open(&folder.path().join("state"), clock).unwrap()),
        };
        let (end, value) = (UnixTime::from_secs(1_010), Bytes::from_static(b"1"));
        let put = |value: &Bytes, replaces, end| store.put("a", value.clone(), replaces, end);
        let first = put(&value, None, end).await.unwrap();
        assert_eq!(put(&value, None, end).await, Err(StoreError::Conflict), "{kind}: it is there");
        let second = put(&Bytes::from_static(b"2"), Some(first), end).await.unwrap();
        assert_eq!(put(&value, Some(first), end).await, Err(StoreError::Conflict), "{kind}: it has moved on");
        assert_eq!(store.get("a").await.unwrap().unwrap().version, second, "{kind}");
        time.advance(Duration::from_secs(10));
        assert_eq!(store.get("a").await, Ok(None), "{kind}: it has ended");
        assert_eq!(put(&value, Some(second), end).await, Err(StoreError::Conflict), "{kind}: it has ended");
        let third = put(&value, None, UnixTime::from_secs(2_000)).await.unwrap();
        assert!(third != first && third != second, "{kind}: each write has another version");
    }
}
