//! Who is answered, who is refused, and when a family ends.

mod roster;
mod story;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use bytes::Bytes;
use serde_json::{Map, json};

use super::record::MAX_RECORD;
use super::{Cause, Credential, Families, FamilyId, Grant, Origin, Realm, RefreshFault, Refreshed, Use};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::issuer::revoked::{is_revoked, revoke_token};
use crate::jose::checksum;
use crate::store::{Answer, Memory, Record, Store, StoreError, Version};

const REALM: Realm<'_> = Realm { policy: "shop/issuer", issuer: "https://gw.example.com/shop" };
const NOW: UnixTime = UnixTime::from_secs(1_000_000);
const END: UnixTime = UnixTime::from_secs(1_100_000);
const GRACE: Duration = Duration::from_secs(10);

fn grant() -> Grant {
    Grant {
        client: "batch".into(),
        subject: "corp|alice".into(),
        origins: vec![Origin { entry: "corp".into(), credential: Credential::of_issuer("https://idp.example.com") }],
        scopes: vec!["orders:read".into(), "orders:write".into()],
        audiences: vec!["orders".into()],
        claims: Map::new(),
        jkt: None,
    }
}

/// An issuer with its store and a clock.
struct World {
    time: Arc<ManualClock>,
    clock: Clock,
    store: Arc<dyn Store>,
    random: SystemRandom,
}

impl World {
    fn new() -> Self {
        let time = Arc::new(ManualClock::new(NOW));
        let clock = Clock::manual(Arc::clone(&time));
        let store = Arc::new(Memory::new(clock.clone()));
        Self { time, clock, store, random: SystemRandom::new() }
    }

    fn families(&self) -> Families<'_> {
        Families { store: &*self.store, realm: REALM, clock: &self.clock, random: &self.random }
    }

    async fn begin(&self, grant: Grant) -> String {
        self.try_begin(grant).await.unwrap()
    }

    async fn try_begin(&self, grant: Grant) -> Result<String, RefreshFault> {
        let drawn = self.families().draw(grant, END)?;
        Ok(self.families().begin(drawn).await?.expose().to_owned())
    }

    /// What the client gets for a token.
    async fn refresh(&self, text: &str) -> Result<String, RefreshFault> {
        Ok(self.refresh_as("batch", None, text).await?.token.expose().to_owned())
    }

    async fn refresh_as(&self, client: &str, jkt: Option<&str>, text: &str) -> Result<Refreshed<()>, RefreshFault> {
        self.families().refresh(Use { text, client, jkt, grace: GRACE }, |_| Ok(())).await
    }

    async fn is_active(&self, text: &str) -> bool {
        self.families().look_up(text).await.unwrap().is_some()
    }

    fn pass(&self, duration: Duration) {
        self.time.advance(duration);
    }
}

/// Which family a token is of.
fn family(text: &str) -> FamilyId {
    FamilyId::parse(&text[4..26]).unwrap()
}

fn reuse(text: &str) -> RefreshFault {
    RefreshFault::Reuse { family: family(text) }
}

fn fault<T>(result: Result<T, RefreshFault>) -> Option<RefreshFault> {
    result.err()
}

/// The text with a checksum that fits.
fn summed(checked: &str) -> String {
    [checked, &checksum::of(checked)].concat()
}

#[tokio::test]
async fn each_use_replaces_the_token_and_keeps_what_was_granted() {
    let world = World::new();
    let mut text = world.begin(grant()).await;
    for generation in 1..=5 {
        world.pass(GRACE);
        let refreshed = world.refresh_as("batch", None, &text).await.unwrap();
        assert_eq!((refreshed.generation, refreshed.is_repeated), (generation, false));
        assert_eq!((refreshed.grant, refreshed.ends), (grant(), END));
        assert_eq!(refreshed.family, family(&text));
        assert_ne!(refreshed.token.expose(), text);
        assert!(!world.is_active(&text).await);
        text = refreshed.token.expose().to_owned();
        assert!(world.is_active(&text).await);
    }
    let standing = world.families().look_up(&text).await.unwrap().unwrap();
    assert_eq!((standing.grant, standing.created, standing.ends), (grant(), NOW, END));
}

#[tokio::test]
async fn a_token_has_one_text_and_nothing_is_looked_up_for_another() {
    let world = World::new();
    let text = world.begin(grant()).await;
    assert_eq!(text.len(), 97);
    let away = World { store: Arc::new(Away), ..World::new() };
    let (body, _) = text.split_at(91);
    let broken = [
        ("nothing", String::new()),
        ("another prefix", text.replacen("bwr_", "bw_", 1)),
        ("cut", text[..96].to_owned()),
        ("longer", format!("{text}0")),
        ("another checksum", format!("{body}000000")),
        ("a letter of the id", text.replacen(&text[4..7], "AAA", 1)),
        (
            "a letter of the secret",
            format!("{}{}{}", &text[..30], if &text[30..31] == "A" { "B" } else { "A" }, &text[31..]),
        ),
        ("no separator", summed(&text[..91].replacen(&text[20..27], &format!("{}-", &text[20..26]), 1))),
        ("another alphabet", summed(&format!("{}+{}", &text[..30], &text[31..91]))),
        ("an id with bits left over", summed(&format!("{}B{}", &text[..25], &text[26..91]))),
        ("not ASCII", summed(&format!("{}ä{}", &text[..30], &text[32..91]))),
        ("white space", format!(" {text}")),
    ];
    for (what, text) in broken {
        assert_eq!(fault(away.refresh(&text).await), Some(RefreshFault::Malformed), "{what}");
        assert_eq!(away.families().look_up(&text).await, Ok(None), "{what}");
        assert_eq!(away.families().revoke(&text, "batch").await, Ok(false), "{what}");
    }
    assert!(matches!(away.refresh(&text).await, Err(RefreshFault::Store(StoreError::Unavailable(_)))));
    assert!(world.refresh(&text).await.is_ok());
}

#[tokio::test]
async fn a_token_that_was_made_up_is_unknown_and_hurts_no_family() {
    let world = World::new();
    let text = world.begin(grant()).await;
    let other = world.begin(grant()).await;
    let made_up = [
        ("a family that is none", summed(&format!("bwr_{}_{}", "A".repeat(22), &text[27..91]))),
        ("the id of one and the secret of another", summed(&format!("{}{}", &text[..27], &other[27..91]))),
        ("any secret", summed(&format!("{}{}", &text[..27], "A".repeat(64)))),
        ("the tag of another secret", summed(&format!("{}{}", &text[..80], &other[80..91]))),
    ];
    for (what, made_up) in made_up {
        assert_eq!(fault(world.refresh(&made_up).await), Some(RefreshFault::Unknown), "{what}");
        assert_eq!(world.families().revoke(&made_up, "batch").await, Ok(false), "{what}");
        assert!(!world.is_active(&made_up).await, "{what}");
        assert!(world.is_active(&text).await && world.is_active(&other).await, "{what}");
    }
    let asked = Use { text: &text, client: "batch", jkt: None, grace: GRACE };
    for realm in [
        Realm { issuer: "https://gw.example.com/other", ..REALM },
        Realm { policy: "evil/issuer", ..REALM },
        Realm { policy: "shop/issuerhttps", issuer: &REALM.issuer[5..] },
    ] {
        let elsewhere = Families { realm, ..world.families() };
        assert_eq!(fault(elsewhere.refresh(asked, |_| Ok(())).await), Some(RefreshFault::Unknown), "{realm:?}");
    }
}

#[tokio::test]
async fn whoever_is_not_the_client_or_has_not_its_key_neither_uses_a_family_nor_ends_it() {
    let world = World::new();
    let bound = Grant { jkt: Some("key".into()), ..grant() };
    let cases = [
        ("another client", grant(), "other", None, RefreshFault::WrongClient),
        ("another client with a key", grant(), "other", Some("key"), RefreshFault::WrongClient),
        ("another client with the right key", bound.clone(), "other", Some("key"), RefreshFault::WrongClient),
        ("no key", bound.clone(), "batch", None, RefreshFault::WrongKey),
        ("another key", bound.clone(), "batch", Some("other"), RefreshFault::WrongKey),
    ];
    for (what, grant, client, jkt, expected) in cases {
        let own = grant.jkt.clone();
        let first = world.begin(grant).await;
        assert_eq!(fault(world.refresh_as(client, jkt, &first).await), Some(expected.clone()), "{what}");
        let next = world.refresh_as("batch", own.as_deref(), &first).await.unwrap().token.expose().to_owned();
        // Not even with an old token.
        world.pass(GRACE);
        assert_eq!(fault(world.refresh_as(client, jkt, &first).await), Some(expected.clone()), "{what}");
        if expected == RefreshFault::WrongClient {
            assert_eq!(world.families().revoke(&next, client).await, Err(expected), "{what}");
        }
        assert!(world.refresh_as("batch", own.as_deref(), &next).await.is_ok(), "{what}");
    }
    let unbound = world.begin(grant()).await;
    assert!(world.refresh_as("batch", Some("key"), &unbound).await.is_ok(), "a key that is not asked for");
}

#[tokio::test]
async fn the_previous_token_is_answered_with_the_same_for_as_long_as_the_grace_and_no_longer() {
    for (passed, is_answered) in [(0, true), (9_999, true), (10_000, false), (10_001, false)] {
        let world = World::new();
        let first = world.begin(grant()).await;
        let second = world.refresh(&first).await.unwrap();
        world.pass(Duration::from_millis(passed));
        let again = world.refresh_as("batch", None, &first).await;
        if is_answered {
            let again = again.unwrap();
            assert_eq!((again.token.expose(), again.is_repeated, again.generation), (&*second, true, 1), "{passed}");
            assert!(world.refresh(&second).await.is_ok(), "{passed}");
        } else {
            assert_eq!(fault(again), Some(reuse(&first)), "{passed}");
            assert_eq!(world.refresh(&second).await, Err(RefreshFault::Revoked(Cause::Reuse)), "{passed}");
        }
    }
    let world = World::new();
    let first = world.begin(grant()).await;
    let asked = Use { text: &first, client: "batch", jkt: None, grace: Duration::ZERO };
    let families = world.families();
    assert!(families.refresh(asked, |_| Ok::<_, RefreshFault>(())).await.is_ok());
    assert_eq!(fault(families.refresh(asked, |_| Ok(())).await), Some(reuse(&first)), "without a grace");
}

#[tokio::test]
async fn the_grace_begins_with_the_write_and_a_store_that_is_slow_takes_nothing_of_it() {
    let inner = World::new();
    let store = Arc::new(Late { store: Arc::clone(&inner.store), time: Arc::clone(&inner.time) });
    let world = World { store, ..inner };
    let first = world.begin(grant()).await;
    // Read after two seconds, and written then.
    let second = world.refresh(&first).await.unwrap();
    world.pass(GRACE.saturating_sub(Duration::from_millis(1)));
    assert_eq!(world.refresh(&first).await.unwrap(), second, "asked in time, though read late");
    assert_eq!(world.refresh(&first).await, Err(reuse(&first)));
}

#[tokio::test]
async fn repeating_does_not_make_the_grace_longer() {
    let world = World::new();
    let first = world.begin(grant()).await;
    world.refresh(&first).await.unwrap();
    for _ in 0..3 {
        world.pass(Duration::from_secs(3));
        assert!(world.refresh(&first).await.is_ok());
    }
    world.pass(Duration::from_secs(1));
    assert_eq!(world.refresh(&first).await, Err(reuse(&first)));
}

#[tokio::test]
async fn a_token_whose_successor_was_used_revokes_the_family_even_within_the_grace() {
    let world = World::new();
    let first = world.begin(grant()).await;
    let second = world.refresh(&first).await.unwrap();
    let third = world.refresh(&second).await.unwrap();
    assert!(world.families().stands(family(&first)).await.unwrap());
    assert_eq!(world.refresh(&first).await, Err(reuse(&first)));
    for text in [&first, &second, &third] {
        assert_eq!(world.refresh(text).await, Err(RefreshFault::Revoked(Cause::Reuse)));
        assert!(!world.is_active(text).await);
    }
    assert!(!world.families().stands(family(&first)).await.unwrap());
    // It is remembered for as long as one of them might be good.
    world.pass(Duration::from_secs(99_999));
    assert_eq!(world.refresh(&third).await, Err(RefreshFault::Revoked(Cause::Reuse)));
}

#[tokio::test]
async fn a_family_ends_for_all_its_tokens_at_once() {
    let world = World::new();
    let first = world.begin(grant()).await;
    world.pass(Duration::from_secs(99_999));
    let second = world.refresh(&first).await.unwrap();
    let clock = Clock::manual(Arc::new(ManualClock::new(END)));
    let late = Families { clock: &clock, ..world.families() };
    let asked = Use { text: &second, client: "batch", jkt: None, grace: GRACE };
    assert_eq!(fault(late.refresh(asked, |_| Ok(())).await), Some(RefreshFault::Ended), "before the store forgets it");
    assert_eq!(late.look_up(&second).await, Ok(None));
    assert_eq!(late.revoke(&second, "batch").await, Ok(false));
    assert_eq!(late.stands(family(&second)).await, Ok(false));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.refresh(&second).await, Err(RefreshFault::Unknown), "and after");
    assert_eq!(world.families().stands(family(&second)).await, Ok(false));
}

#[tokio::test]
async fn a_request_that_is_not_approved_costs_no_token() {
    let world = World::new();
    let first = world.begin(grant()).await;
    let families = world.families();
    let asked = Use { text: &first, client: "batch", jkt: None, grace: GRACE };
    let refused = families.refresh(asked, |standing| {
        assert_eq!((standing.family, &standing.grant, standing.ends), (family(&first), &grant(), END));
        Err::<(), _>(RefreshFault::Unreadable)
    });
    assert_eq!(fault(refused.await), Some(RefreshFault::Unreadable));
    assert!(world.is_active(&first).await);
    let narrower = families.refresh(asked, |asked| Ok::<_, RefreshFault>(asked.grant.scopes[0].clone())).await.unwrap();
    assert_eq!(&*narrower.approved, "orders:read");
    assert_eq!(narrower.grant, grant(), "the family keeps what it was granted");
}

#[tokio::test]
async fn a_client_revokes_its_family_with_any_token_of_it() {
    for used in 0..3 {
        let world = World::new();
        let mut texts = vec![world.begin(Grant { jkt: Some("key".into()), ..grant() }).await];
        for _ in 0..2 {
            let next = world.refresh_as("batch", Some("key"), texts.last().unwrap()).await.unwrap();
            texts.push(next.token.expose().to_owned());
        }
        assert_eq!(world.families().revoke(&texts[used], "batch").await, Ok(true), "token {used}");
        assert_eq!(world.families().revoke(&texts[used], "batch").await, Ok(false), "once is enough");
        for text in &texts {
            let refused = fault(world.refresh_as("batch", Some("key"), text).await);
            assert_eq!(refused, Some(RefreshFault::Revoked(Cause::Client)), "token {used}");
        }
    }
}

#[tokio::test]
async fn two_replicas_with_one_token_give_one_answer() {
    let inner = World::new();
    let world = World { store: Arc::new(Slow(Arc::clone(&inner.store))), ..inner };
    let first = world.begin(grant()).await;
    let (one, other) = tokio::join!(world.refresh_as("batch", None, &first), world.refresh_as("batch", None, &first));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.token.expose(), other.token.expose());
    assert_ne!(one.is_repeated, other.is_repeated);
    assert!(world.refresh(one.token.expose()).await.is_ok());
}

#[tokio::test]
async fn two_replicas_that_see_a_copy_at_once_both_refuse_and_revoke_once() {
    let inner = World::new();
    let world = World { store: Arc::new(Slow(Arc::clone(&inner.store))), ..inner };
    let first = world.begin(grant()).await;
    let second = world.refresh(&first).await.unwrap();
    world.pass(GRACE);
    // The owner uses the current one at the same moment, and is fast enough or is not.
    let (one, other, owner) = tokio::join!(world.refresh(&first), world.refresh(&first), world.refresh(&second));
    assert!(one == Err(reuse(&first)) || other == Err(reuse(&first)), "{one:?} {other:?}");
    assert!(one.is_err() && other.is_err());
    if let Ok(third) = owner {
        assert_eq!(world.refresh(&third).await, Err(RefreshFault::Revoked(Cause::Reuse)));
    }
    assert_eq!(world.families().stands(family(&first)).await, Ok(false));
}

#[tokio::test]
async fn a_store_that_is_away_is_never_a_good_or_a_bad_token() {
    let world = World::new();
    let text = world.begin(grant()).await;
    let away = World { store: Arc::new(Away), ..World::new() };
    let expected = RefreshFault::Store(StoreError::Unavailable("away".to_owned()));
    assert!(expected.is_ours() && !reuse(&text).is_ours());
    assert_eq!(fault(away.refresh(&text).await), Some(expected.clone()));
    assert_eq!(away.families().revoke(&text, "batch").await, Err(expected.clone()));
    assert_eq!(away.families().look_up(&text).await, Err(expected.clone()));
    assert_eq!(away.families().stands(family(&text)).await, Err(expected.clone()));
    assert_eq!(fault(away.try_begin(grant()).await), Some(expected));
    assert!(is_revoked(&Away, REALM, "1").await.is_err());
    assert!(revoke_token(&Away, REALM, "1", END).await.is_err());
}

#[tokio::test]
async fn a_grant_that_is_too_large_or_a_record_of_another_form_is_said() {
    let world = World::new();
    let large = Grant { subject: "s".repeat(MAX_RECORD).into(), ..grant() };
    let refused = world.families().draw(large, END).err();
    assert_eq!(refused, Some(RefreshFault::Store(StoreError::TooLarge)));

    let text = world.begin(grant()).await;
    let key = world.families().key(family(&text));
    let record = world.store.get(&key).await.unwrap().unwrap();
    let mut version = record.version;
    let mut newer: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
    newer["form"] = json!(2);
    for value in [newer.to_string(), "{}".to_owned(), " ".to_owned()] {
        version = world.store.put(&key, Bytes::from(value.clone()), Some(version), END).await.unwrap();
        assert_eq!(world.refresh(&text).await, Err(RefreshFault::Unreadable), "{value}");
        assert_eq!(world.families().look_up(&text).await, Err(RefreshFault::Unreadable), "{value}");
    }
}

#[tokio::test]
async fn the_largest_grant_that_a_family_can_begin_with_can_be_refreshed_and_revoked() {
    let world = World::new();
    let mut largest = None;
    let key = |text: &str| world.families().key(family(text));
    for length in (1_000..MAX_RECORD).rev() {
        let grant = Grant { subject: "s".repeat(length).into(), ..grant() };
        if let Ok(token) = world.try_begin(grant).await {
            largest = Some((length, token));
            break;
        }
    }
    let (length, mut text) = largest.unwrap();
    assert!(length > 1_200, "{length}");
    let first = world.store.get(&key(&text)).await.unwrap().unwrap().value.len();
    for _ in 0..3 {
        text = world.refresh(&text).await.unwrap();
        let later = world.store.get(&key(&text)).await.unwrap().unwrap().value.len();
        assert!(later <= first, "no refresh needs room: {later}");
    }
    assert_eq!(world.families().revoke(&text, "batch").await, Ok(true));
}

#[tokio::test]
async fn what_is_kept_is_no_token_and_leads_from_no_older_one_to_the_current() {
    let world = World::new();
    let mut texts = vec![world.begin(grant()).await];
    for _ in 0..3 {
        texts.push(world.refresh(texts.last().unwrap()).await.unwrap());
    }
    let key = world.families().key(family(&texts[0]));
    let kept = world.store.get(&key).await.unwrap().unwrap().value;
    assert!(kept.len() < 1_024, "{}", kept.len());
    let kept = String::from_utf8(kept.to_vec()).unwrap();
    for text in &texts {
        assert!(!kept.contains(&text[27..70]), "a secret is in the record");
    }
    // With the salt that is kept, each older token leads elsewhere; the one just before leads to the current one.
    let record = super::record::Family::read(kept.as_bytes()).unwrap();
    let salt =
        serde_json::from_str::<serde_json::Value>(&kept).unwrap()["previous"]["salt"].as_str().unwrap().to_owned();
    let salt: super::record::Text32 = serde_json::from_value(json!(salt)).unwrap();
    let led: Vec<bool> = texts[..3]
        .iter()
        .map(|text| {
            let token = super::token::Presented::parse(text).unwrap();
            token.secret.successor(&salt.0).token(token.id, &record.marker.0).expose() == texts[3]
        })
        .collect();
    assert_eq!(led, [false, false, true]);
}

#[tokio::test]
async fn a_revoked_access_token_is_revoked_for_its_issuer_and_until_it_ends() {
    let world = World::new();
    let end = NOW.plus(Duration::from_mins(1));
    let store = &*world.store;
    revoke_token(store, REALM, "1", end).await.unwrap();
    revoke_token(store, REALM, "1", end).await.unwrap();
    let (issuer, policy) =
        (Realm { issuer: "https://other.example", ..REALM }, Realm { policy: "evil/issuer", ..REALM });
    for (realm, jti, expected) in [(REALM, "1", true), (REALM, "2", false), (issuer, "1", false), (policy, "1", false)]
    {
        assert_eq!(is_revoked(store, realm, jti).await, Ok(expected), "{realm:?} {jti}");
    }
    let (policy, issuer) = ("p".repeat(600), "i".repeat(2_000));
    let long = Realm { policy: &policy, issuer: &issuer };
    assert_eq!(revoke_token(store, long, &"j".repeat(2_000), end).await, Ok(()), "of any length");
    world.pass(Duration::from_mins(1));
    assert_eq!(is_revoked(store, REALM, "1").await, Ok(false));
}

/// A store that cannot be reached.
struct Away;

impl Store for Away {
    fn get<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(std::future::ready(Err(StoreError::Unavailable("away".to_owned()))))
    }

    fn put<'a>(&'a self, _: &'a str, _: Bytes, _: Option<Version>, _: UnixTime) -> Answer<'a, Version> {
        Box::pin(std::future::ready(Err(StoreError::Unavailable("away".to_owned()))))
    }
}

/// A store that takes two seconds to read.
struct Late {
    store: Arc<dyn Store>,
    time: Arc<ManualClock>,
}

impl Store for Late {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Record>> {
        self.time.advance(Duration::from_secs(2));
        self.store.get(key)
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        replaces: Option<Version>,
        until: UnixTime,
    ) -> Answer<'a, Version> {
        self.store.put(key, value, replaces, until)
    }
}

/// A store that lets another one go first after each read, so that two who read one record both write it.
struct Slow(Arc<dyn Store>);

impl Store for Slow {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let found = self.0.get(key).await;
            tokio::task::yield_now().await;
            found
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        replaces: Option<Version>,
        until: UnixTime,
    ) -> Answer<'a, Version> {
        self.0.put(key, value, replaces, until)
    }
}
