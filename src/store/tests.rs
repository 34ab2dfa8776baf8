//! What every store keeps to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::file::FileStore;
use super::{Memory, Store, StoreError};
use crate::clock::{Clock, ManualClock, UnixTime};

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
