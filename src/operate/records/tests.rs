//! What an object says, what is made of one that somebody has edited, and of an API server that says nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ::kube::{Client, Config};
use bytes::Bytes;
use futures_util::FutureExt as _;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{LIMIT, Place, QUEUE, Records, SHARDS, name, shard, shard_of, start};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::store::table::{Table, Write};
use crate::store::{MAX_KEY, MAX_VALUE, Store as _, StoreError};
use crate::tasks::Tasks;

const NOW: UnixTime = UnixTime::from_secs(1_000);
const END: UnixTime = UnixTime::from_secs(2_000);

fn put(table: &mut Table, key: &str, value: &[u8]) -> Result<(), StoreError> {
    let write = Write { key: key.into(), value: Bytes::copy_from_slice(value), replaces: None, until: END };
    table.put(write, NOW).map(drop)
}

fn written() -> ConfigMap {
    let mut table = shard::read(None, NOW).unwrap();
    put(&mut table, "family/a/b", b"\x00\xff value").unwrap();
    put(&mut table, "jti/c", b"").unwrap();
    shard::write(ConfigMap::default(), &table)
}

#[test]
fn what_was_written_is_read_again() {
    let object = written();
    let table = shard::read(Some(&object), NOW).unwrap();
    let record = table.get("family/a/b", NOW).unwrap();
    assert_eq!((&record.value[..], record.version.0), (&b"\x00\xff value"[..], 1_000_001));
    assert!(table.get("jti/c", NOW).is_some());
    assert_eq!(table.get("jti/c", END), None, "it has ended");
    assert_eq!(table.last(), 1_000_002);
    assert_eq!(shard::write(ConfigMap::default(), &table), object);
}

/// An edit that somebody makes, and the member that is named.
type Edit = (fn(&mut ConfigMap), &'static str);

#[test]
fn an_object_that_somebody_has_edited_says_nothing_and_the_member_is_named() {
    let edits: [Edit; 7] = [
        (|object| object.data = None, "last"),
        (|object| drop(object.data.as_mut().unwrap().insert("last".to_owned(), "x".to_owned())), "last"),
        (|object| drop(object.data.as_mut().unwrap().insert("last".to_owned(), "1".to_owned())), "last"),
        (|object| drop(object.binary_data.as_mut().unwrap().insert("a.b".to_owned(), ByteString(vec![0; 16]))), "a.b"),
        (|object| drop(object.binary_data.as_mut().unwrap().insert("_w".to_owned(), ByteString(vec![0; 16]))), "_w"),
        (|object| drop(object.binary_data.as_mut().unwrap().insert("YQ".to_owned(), ByteString(vec![0; 15]))), "YQ"),
        (|object| drop(object.binary_data.as_mut().unwrap().insert("YQ".to_owned(), ByteString(vec![]))), "YQ"),
    ];
    for (number, (edit, member)) in edits.into_iter().enumerate() {
        let mut object = written();
        edit(&mut object);
        assert_eq!(shard::read(Some(&object), NOW).err().as_deref(), Some(member), "edit {number}");
    }
    let mut object = written();
    object.binary_data.as_mut().unwrap().insert("YQ".to_owned(), ByteString(vec![0; 16]));
    assert!(shard::read(Some(&object), NOW).is_ok(), "a record of version 0 and without a value is one");
}

#[test]
fn a_full_object_is_below_what_an_api_server_takes() {
    let cases = [
        ("values", MAX_VALUE, String::new(), 175..=200),
        ("keys", 0, "k".repeat(MAX_KEY - 5), 3_000..=4_096),
        ("records", 0, String::new(), 4_096..=4_096),
    ];
    for (what, length, stem, expected) in cases {
        let mut table = shard::read(None, NOW).unwrap();
        let value = vec![7; length];
        let key = |number: usize| format!("{stem}{number:05}");
        let count = (0..10_000).take_while(|number| put(&mut table, &key(*number), &value).is_ok()).count();
        assert!(expected.contains(&count), "{what}: {count}");
        assert_eq!(put(&mut table, &key(count), &value), Err(StoreError::Full), "{what}");
        let marks = (0..10_000).take_while(|number| put(&mut table, &format!("jti/{number}"), b"").is_ok()).count();
        assert_eq!(marks >= 512, length > 0, "{what}: {marks}");
        let object = shard::write(ConfigMap::default(), &table);
        let bytes: usize = object.binary_data.unwrap().iter().map(|(key, value)| key.len() + value.0.len()).sum();
        assert!(bytes <= 900 * 1_024, "{what}: {bytes}");
    }
}

#[test]
fn records_are_spread_over_all_objects_and_always_in_the_same_way() {
    let shards: BTreeSet<u8> = (0..200).map(|number| shard_of(&format!("family/{number}"))).collect();
    assert_eq!(shards, (0..SHARDS).collect());
    // By SHA-256 of the key: "" begins with e3, "abc" with ba.
    assert_eq!((shard_of(""), shard_of("abc")), (0x3, 0xa));
    assert_eq!(name("blue", 15), "bearward-blue.records-15");
}

/// A store whose API server is a socket, and the time by which it goes.
async fn on_a_socket() -> (TcpListener, Arc<ManualClock>, Tasks, Records) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
    let time = Arc::new(ManualClock::new(NOW));
    let mut tasks = Tasks::new();
    let place = Place { namespace: "ours".into(), class: "bearward".into(), seed: 1, limit: LIMIT };
    let store = start(&mut tasks, &client, &place, Clock::manual(Arc::clone(&time)));
    (listener, time, tasks, store)
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_makes_the_store_unavailable_after_two_seconds() {
    let (listener, time, tasks, store) = on_a_socket().await;
    let unavailable = || StoreError::Unavailable("no answer in time".to_owned());
    let mut put = store.put("a", Bytes::new(), None, END);
    let asked = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream
    };
    // It was sent, and is not answered.
    let _stream = tokio::select! {
        stream = asked => stream,
        answer = &mut put => panic!("{answer:?}"),
    };
    time.advance(LIMIT.saturating_sub(Duration::from_millis(1)));
    tokio::task::yield_now().await;
    assert!(put.as_mut().now_or_never().is_none(), "before its time");
    // One that comes now has its own time, though the other one is in its way.
    let mut get = store.get("a");
    assert!(get.as_mut().now_or_never().is_none());
    time.advance(Duration::from_millis(1));
    assert_eq!(put.await, Err(unavailable()));
    time.advance(LIMIT.saturating_sub(Duration::from_millis(2)));
    tokio::task::yield_now().await;
    assert!(get.as_mut().now_or_never().is_none(), "before its time");
    time.advance(Duration::from_millis(1));
    assert_eq!(get.await, Err(unavailable()));

    drop(tasks);
    tokio::task::yield_now().await;
    assert_eq!(store.get("a").await, Err(StoreError::Unavailable("the store has ended".to_owned())));
}

#[tokio::test]
async fn what_comes_beyond_the_queue_of_an_object_is_refused_at_once() {
    let (_listener, _time, _tasks, store) = on_a_socket().await;
    let mut waiting: Vec<_> = (0..QUEUE).map(|_| store.get("a")).collect();
    assert!(waiting.iter_mut().all(|get| get.as_mut().now_or_never().is_none()));
    let refused = Err(StoreError::Unavailable("too many requests wait".to_owned()));
    assert_eq!(store.get("a").now_or_never(), Some(refused));
    let mut elsewhere = store.get("");
    assert_ne!(shard_of(""), shard_of("a"));
    assert!(elsewhere.as_mut().now_or_never().is_none(), "another object has its own queue");
}

#[tokio::test]
async fn a_404_that_is_not_about_the_object_is_no_empty_store() {
    let (listener, _time, _tasks, store) = on_a_socket().await;
    let about = |name: &str| {
        json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "message": "not found",
            "code": 404, "details": {"name": name, "kind": "configmaps"},
        })
        .to_string()
    };
    let bodies = [
        ("of a proxy", "404 page not found".to_owned(), false),
        ("about the namespace", about("ours"), false),
        ("about the object", about(&name("bearward", shard_of("a"))), true),
    ];
    for (what, body, is_empty) in bodies {
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-type: application/json";
            let whole = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(whole.as_bytes()).await.unwrap();
        };
        let (found, ()) = tokio::join!(store.get("a"), answer);
        assert_eq!(found == Ok(None), is_empty, "{what}: {found:?}");
    }
}
