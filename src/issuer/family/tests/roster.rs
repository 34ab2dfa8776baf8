//! How many families there are of one client and subject, and which of them goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;

use super::{Cause, Credential, END, Grant, Origin, RefreshFault, Slow, World, family, grant};
use crate::clock::UnixTime;
use crate::issuer::family::roster::MOST;
use crate::store::{Answer, Record, Store, StoreError, Version};

/// So many families of this grant.
async fn begin(world: &World, count: usize, grant: &Grant) -> Vec<String> {
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        texts.push(world.begin(grant.clone()).await);
    }
    texts
}

/// Which of these are good.
async fn good(world: &World, texts: &[String]) -> Vec<bool> {
    join_all(texts.iter().map(|text| world.is_active(text))).await
}

#[tokio::test]
async fn the_oldest_family_of_a_client_and_subject_ends_when_one_too_many_begins() {
    let world = World::new();
    let other_entry =
        vec![Origin { entry: "other".into(), credential: Credential::of_issuer("https://idp.example.com") }];
    let others = [
        Grant { client: "other".into(), ..grant() },
        Grant { subject: "corp|bob".into(), ..grant() },
        Grant { origins: other_entry, ..grant() },
    ];
    let mut apart = Vec::new();
    for other in others {
        apart.push(world.begin(other).await);
    }
    let texts = begin(&world, MOST, &grant()).await;
    assert_eq!(good(&world, &texts).await, [true; MOST]);
    // Used or not: it is the oldest by its beginning.
    let used = world.refresh(&texts[0]).await.unwrap();
    let more = begin(&world, 2, &grant()).await;
    assert_eq!(world.refresh(&used).await, Err(RefreshFault::Unknown));
    assert_eq!(world.families().stands(family(&used)).await, Ok(false), "nor are its access tokens good");
    let mut expected = [true; MOST];
    expected[..2].fill(false);
    assert_eq!(good(&world, &texts).await, expected);
    assert_eq!(good(&world, &[more, apart].concat()).await, [true; 5], "and nobody else's");
}

#[tokio::test]
async fn a_family_that_was_revoked_or_has_ended_goes_before_one_that_is_in_use() {
    let world = World::new();
    let texts = begin(&world, MOST, &grant()).await;
    assert_eq!(world.families().revoke(&texts[7], "batch").await, Ok(true));
    assert_eq!(world.refresh(&texts[7]).await, Err(RefreshFault::Revoked(Cause::Client)));
    let more = world.begin(grant()).await;
    assert_eq!(world.refresh(&texts[7]).await, Err(RefreshFault::Unknown), "it is not even there");
    let mut expected = [true; MOST];
    expected[7] = false;
    assert_eq!(good(&world, &texts).await, expected);
    assert!(world.is_active(&more).await);

    let world = World::new();
    let short = world.families().draw(grant(), UnixTime::from_secs(1_000_001)).unwrap();
    let texts = begin(&world, MOST - 1, &grant()).await;
    world.families().begin(short).await.unwrap();
    world.pass(std::time::Duration::from_secs(1));
    let more = world.begin(grant()).await;
    assert_eq!(good(&world, &[texts, vec![more]].concat()).await, [true; MOST]);
}

#[tokio::test]
async fn families_that_begin_at_once_are_no_more_than_may_be() {
    let inner = World::new();
    let world = World { store: Arc::new(Slow(Arc::clone(&inner.store))), ..inner };
    let mut texts = begin(&world, MOST - 4, &grant()).await;
    let begun = join_all((0..12).map(|_| world.try_begin(grant()))).await;
    texts.extend(begun.into_iter().filter_map(Result::ok));
    let count = good(&world, &texts).await.into_iter().filter(|is_good| *is_good).count();
    assert!((12..=MOST).contains(&count), "{count}");
}

#[tokio::test]
async fn a_family_that_was_removed_before_it_was_written_is_never_good() {
    let world = World::new();
    let drawn = world.families().draw(grant(), END).unwrap();
    let id = drawn.id();
    world.families().remove(id).await.unwrap();
    world.families().remove(id).await.unwrap();
    let refused = world.families().begin(drawn).await.err();
    assert_eq!(refused, Some(RefreshFault::Store(StoreError::Conflict)));
    assert_eq!(world.families().stands(id).await, Ok(false));
}

/// A store that takes nothing while it is told so.
struct Closed {
    store: Arc<dyn Store>,
    is_closed: AtomicBool,
}

impl Store for Closed {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Record>> {
        self.store.get(key)
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        replaces: Option<Version>,
        until: UnixTime,
    ) -> Answer<'a, Version> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Box::pin(std::future::ready(Err(StoreError::Full)));
        }
        self.store.put(key, value, replaces, until)
    }
}

#[tokio::test]
async fn none_ends_for_one_that_does_not_begin_and_a_broken_roster_lets_none_begin() {
    let inner = World::new();
    let closed = Arc::new(Closed { store: Arc::clone(&inner.store), is_closed: AtomicBool::new(false) });
    let world = World { store: Arc::<Closed>::clone(&closed), ..inner };
    let texts = begin(&world, MOST, &grant()).await;
    closed.is_closed.store(true, Ordering::Relaxed);
    assert_eq!(world.try_begin(grant()).await, Err(RefreshFault::Store(StoreError::Full)));
    assert_eq!(good(&world, &texts).await, [true; MOST]);
    closed.is_closed.store(false, Ordering::Relaxed);

    let key = world.families().roster_key(&grant());
    let version = world.store.get(&key).await.unwrap().unwrap().version;
    for broken in ["", "{}", r#"{"form":2,"families":[]}"#, r#"{"form":1,"families":[["x",1]]}"#] {
        let (value, version) =
            (Bytes::from(broken), world.store.get(&key).await.unwrap().map_or(version, |record| record.version));
        world.store.put(&key, value, Some(version), END).await.unwrap();
        assert_eq!(world.try_begin(grant()).await, Err(RefreshFault::Unreadable), "{broken}");
    }
}
