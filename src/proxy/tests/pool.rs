//! Connections to endpoints that wait to be used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::clock::Tick;
use crate::proxy::Limits;
use crate::proxy::link::Link;
use crate::proxy::pool::{Pool, PoolKey};
use crate::snapshot::Protocol;
use crate::transport::Stream;

fn at(seconds: u64) -> Tick {
    Tick::from_start(Duration::from_secs(seconds))
}

/// A link to `listener`, and its other end.
async fn link(listener: &TcpListener) -> (Box<Link>, TcpStream) {
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (other, _) = listener.accept().await.unwrap();
    (Link::new(Stream::Plain(stream), Limits::default()).await.unwrap(), other)
}

async fn listener() -> (TcpListener, PoolKey) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let key = PoolKey { address: listener.local_addr().unwrap(), protocol: Protocol::Http1, tls: None };
    (listener, key)
}

#[tokio::test]
async fn idle_links_of_all_threads_are_bounded_together() {
    let (listener, key) = listener().await;
    let idle = Arc::new(AtomicUsize::new(0));
    let (one, other) = (Pool::new(Arc::clone(&idle), 3), Pool::new(Arc::clone(&idle), 3));
    let mut ends = Vec::new();
    for pool in [&one, &one, &other, &other, &one] {
        let (link, end) = link(&listener).await;
        ends.push(end);
        pool.enter(key.clone()).endpoint.put(link, at(0));
    }
    assert_eq!(idle.load(Ordering::Relaxed), 3);
    let place = one.enter(key.clone());
    assert!(place.endpoint.take().is_some() && place.endpoint.take().is_some() && place.endpoint.take().is_none());
    assert_eq!(idle.load(Ordering::Relaxed), 1);
    drop(other);
    assert_eq!(idle.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_link_that_waited_least_is_taken_first() {
    let (listener, key) = listener().await;
    let pool = Pool::new(Arc::default(), 10);
    let place = pool.enter(key);
    let mut ends = Vec::new();
    for second in 1..=3 {
        let (link, end) = link(&listener).await;
        ends.push(end);
        place.endpoint.put(link, at(second));
    }
    assert_eq!(place.endpoint.take().unwrap().idle_since, Some(at(3)));
    assert_eq!(place.endpoint.take().unwrap().idle_since, Some(at(2)));
}

#[tokio::test]
async fn the_sweep_closes_what_has_waited_too_long_and_forgets_unused_endpoints() {
    let (listener, key) = listener().await;
    let idle = Arc::new(AtomicUsize::new(0));
    let pool = Pool::new(Arc::clone(&idle), 10);
    let mut ends = Vec::new();
    for second in [1, 5] {
        let (link, end) = link(&listener).await;
        ends.push(end);
        pool.enter(key.clone()).endpoint.put(link, at(second));
    }
    pool.sweep(at(1));
    assert_eq!(idle.load(Ordering::Relaxed), 2);
    pool.sweep(at(2));
    assert_eq!(idle.load(Ordering::Relaxed), 1);
    pool.clear();
    assert_eq!(idle.load(Ordering::Relaxed), 0);
    assert!(!pool.enter(key).endpoint.has_waiting());
}

#[tokio::test]
async fn a_link_that_its_endpoint_has_closed_is_not_taken() {
    let (listener, key) = listener().await;
    let idle = Arc::new(AtomicUsize::new(0));
    let pool = Pool::new(Arc::clone(&idle), 10);
    let place = pool.enter(key);
    let (mut closed, end) = link(&listener).await;
    assert!(closed.is_reusable());
    drop(end);
    // Once the kernel has reported it.
    while closed.is_reusable() {
        tokio::task::yield_now().await;
    }
    place.endpoint.put(closed, at(0));
    assert!(place.endpoint.take().is_none());
    assert_eq!(idle.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn requests_under_way_are_counted_by_endpoint() {
    let (_, one) = listener().await;
    let (_, other) = listener().await;
    let pool = Pool::new(Arc::default(), 10);
    assert_eq!(pool.load(&one), 0);
    let (first, second) = (pool.enter(one.clone()), pool.enter(one.clone()));
    assert_eq!((pool.load(&one), pool.load(&other)), (2, 0));
    drop(first);
    assert_eq!(pool.load(&one), 1);
    drop(second);
    assert_eq!(pool.load(&one), 0);
}
