//! What every store keeps to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Memory, Store, StoreError};
use crate::clock::{Clock, ManualClock, UnixTime};

#[tokio::test]
async fn a_write_must_name_the_version_that_it_replaces() {
    let time = Arc::new(ManualClock::new(UnixTime::from_secs(1_000)));
    let store = Memory::new(Clock::manual(Arc::clone(&time)));
    let (end, value) = (UnixTime::from_secs(1_010), Bytes::from_static(b"1"));
    let first = store.put("a", value.clone(), None, end).await.unwrap();
    assert_eq!(store.put("a", value.clone(), None, end).await, Err(StoreError::Conflict), "it is there");
    let second = store.put("a", Bytes::from_static(b"2"), Some(first), end).await.unwrap();
    assert_eq!(store.put("a", value.clone(), Some(first), end).await, Err(StoreError::Conflict), "it has moved on");
    assert_eq!(store.get("a").await.unwrap().unwrap().version, second);
    time.advance(Duration::from_secs(10));
    assert_eq!(store.get("a").await, Ok(None), "it has ended");
    assert_eq!(store.put("a", value.clone(), Some(second), end).await, Err(StoreError::Conflict), "it has ended");
    assert!(store.put("a", value, None, UnixTime::from_secs(2_000)).await.is_ok());
}
