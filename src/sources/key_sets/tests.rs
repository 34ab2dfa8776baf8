//! How key sets are kept: real sockets, a scripted issuer, a hand-driven clock.

mod ends;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::{Settings, WantedKeys, start};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::finding::{Code, Severity};
use crate::jose::{Algorithm, SigningKey};
use crate::resources::{KeyPlace, KeySource, Report, ReportKey, Update};
use crate::snapshot::{AcceptedKeys, AsOf, KeyCell};
use crate::tasks::Tasks;
use crate::transport::scripted::{Reply, ScriptedServer};
use crate::transport::{EgressRules, Fetcher, FixedNames, client_config};

const START: UnixTime = UnixTime::from_secs(1_800_000_000);
const PATH: &str = "/keys";

/// Fails a test that would wait for ever.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it does not happen")
}

/// Lets every task do what it can do now.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// A key set with keys of these names.
fn key_set(kids: &[&str]) -> String {
    let keys: Vec<_> = kids
        .iter()
        .map(|kid| {
            let mut jwk = SigningKey::generate(Algorithm::Ed25519).unwrap().public_jwk().unwrap().clone();
            jwk.insert("kid".to_owned(), (*kid).into());
            serde_json::Value::Object(jwk)
        })
        .collect();
    serde_json::json!({ "keys": keys }).to_string()
}

fn metadata(issuer: &str, key_set_url: &str) -> String {
    serde_json::json!({ "issuer": issuer, "jwks_uri": key_set_url, "scopes_supported": ["a"] }).to_string()
}

fn by_url(url: &str) -> KeySource {
    KeySource { place: KeyPlace::Url(url.into()), insecure_http: false }
}

fn by_discovery(issuer: &str) -> KeySource {
    KeySource { place: KeyPlace::Discovery(issuer.into()), insecure_http: false }
}

fn empty_cell() -> Arc<KeyCell> {
    KeyCell::new(AcceptedKeys::Unavailable { code: Code::KeysUnavailable, retry: None })
}

/// What a cell shows; times in seconds since the start.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    Keys { kids: Vec<String>, began: i64, next: i64 },
    Nothing { code: Code, retry: Option<i64> },
}

fn shown(cell: &KeyCell) -> Shown {
    let since_start = |time: UnixTime| time.secs() - START.secs();
    match &**cell.load() {
        AcceptedKeys::Known { set, as_of: AsOf::Fetch { began, next } } => Shown::Keys {
            kids: set.iter().map(|key| key.kid().unwrap().to_owned()).collect(),
            began: since_start(*began),
            next: since_start(*next),
        },
        AcceptedKeys::Known { as_of: AsOf::Always, .. } => panic!("fetched keys are never for always"),
        AcceptedKeys::Unavailable { code, retry } => Shown::Nothing { code: *code, retry: retry.map(since_start) },
    }
}

fn keys(kids: &[&str], began: i64, next: i64) -> Shown {
    Shown::Keys { kids: kids.iter().map(|kid| (*kid).to_owned()).collect(), began, next }
}

/// The running manager.
struct Bench {
    clock: Arc<ManualClock>,
    wanted: watch::Sender<Arc<WantedKeys>>,
    updates: mpsc::Receiver<Update>,
    _tasks: Tasks,
}

impl Bench {
    fn start(wanted: &[(&KeySource, &Arc<KeyCell>)]) -> Self {
        Self::with(wanted, EgressRules::files(vec![]), Settings::default())
    }

    fn with(wanted: &[(&KeySource, &Arc<KeyCell>)], egress: EgressRules, settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let fetcher = Fetcher::new(
            Arc::new(FixedNames::new()),
            egress,
            client_config().unwrap(),
            None,
            Clock::manual(Arc::clone(&clock)),
        );
        let (wanted, receiver) = watch::channel(Arc::new(list(wanted)));
        let (sender, updates) = mpsc::channel(16);
        let mut tasks = Tasks::new();
        start(&mut tasks, receiver, Arc::new(fetcher), sender, Arc::new(|| 0), settings);
        Self { clock, wanted, updates, _tasks: tasks }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The next report, and of what.
    async fn next_report(&mut self) -> (KeySource, Report) {
        match soon(self.updates.recv()).await {
            Some(Update::Report { key: ReportKey::Keys(source), report }) => (source, report),
            other => panic!("expected a report of keys: {other:?}"),
        }
    }

    /// The next report, as code, severity and cause.
    async fn findings(&mut self) -> Vec<(Code, Severity, String)> {
        let (_, report) = self.next_report().await;
        report.findings.into_iter().map(|finding| (finding.code, finding.severity, finding.cause)).collect()
    }

    fn is_quiet(&mut self) -> bool {
        self.updates.try_recv().is_err()
    }
}

fn list(wanted: &[(&KeySource, &Arc<KeyCell>)]) -> WantedKeys {
    wanted.iter().map(|(source, cell)| ((*source).clone(), Arc::clone(cell))).collect()
}

/// An issuer whose keys are at [`PATH`], kept by a bench, after its first round.
struct Kept {
    server: ScriptedServer,
    cell: Arc<KeyCell>,
    rounds: watch::Receiver<u64>,
    bench: Bench,
}

impl Kept {
    async fn start(reply: Reply) -> Self {
        Self::with(reply, Settings::default()).await
    }

    async fn with(reply: Reply, settings: Settings) -> Self {
        let server = ScriptedServer::start().await;
        server.reply(PATH, reply);
        let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
        let mut rounds = cell.rounds();
        let bench = Bench::with(&[(&source, &cell)], EgressRules::files(vec![]), settings);
        soon(rounds.changed()).await.unwrap();
        Self { server, cell, rounds, bench }
    }

    /// Moves the clock, and waits for the round that this begins.
    async fn round_after(&mut self, seconds: u64) {
        self.bench.advance(seconds);
        self.round().await;
    }

    async fn round(&mut self) {
        soon(self.rounds.changed()).await.unwrap();
    }

    fn shown(&self) -> Shown {
        shown(&self.cell)
    }
}

#[tokio::test]
async fn keys_are_fetched_at_once_and_a_first_report_says_so() {
    let mut kept = Kept::start(Reply::ok(key_set(&["b", "a"]))).await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 0, 10));
    let (source, report) = kept.bench.next_report().await;
    assert_eq!((source, report), (by_url(&kept.server.url(PATH)), Report::default()));
    assert_eq!(kept.server.count(PATH), 1);
}

#[tokio::test]
async fn metadata_is_where_either_standard_puts_it() {
    let openid = "/.well-known/openid-configuration";
    let oauth = "/.well-known/oauth-authorization-server";
    let page = || Reply::ok("<!doctype html>");
    let absent = || Reply::with("404 Not Found", "", "");
    for (name, issuer, at, elsewhere) in [
        ("a host", "", openid.to_owned(), absent()),
        ("a host and a slash", "/", openid.to_owned(), absent()),
        ("a path", "/realms/a", format!("/realms/a{openid}"), absent()),
        ("a path and a slash", "/realms/a/", format!("/realms/a{openid}"), absent()),
        ("OAuth, a host", "", oauth.to_owned(), absent()),
        ("OAuth, a path", "/realms/a", format!("{oauth}/realms/a"), absent()),
        ("OAuth, a path and a slash", "/realms/a/", format!("{oauth}/realms/a"), absent()),
        ("OAuth beside a page for everything", "/realms/a", format!("{oauth}/realms/a"), page()),
    ] {
        let server = ScriptedServer::start().await;
        let issuer = server.url(issuer);
        server.reply(openid, elsewhere.clone());
        server.reply(&format!("/realms/a{openid}"), elsewhere);
        server.reply(&at, Reply::ok(metadata(&issuer, &server.url(PATH))));
        server.reply(PATH, Reply::ok(key_set(&["a"])));
        let (source, cell) = (by_discovery(&issuer), empty_cell());
        let mut bench = Bench::start(&[(&source, &cell)]);
        assert_eq!(bench.findings().await, [], "{name}");
        assert_eq!(shown(&cell), keys(&["a"], 0, 10), "{name}");
        assert_eq!((server.count(&at), server.count(PATH)), (1, 1), "{name}");
    }
}

#[tokio::test]
async fn metadata_that_is_not_the_issuers_gives_no_keys() {
    let place = "/.well-known/openid-configuration";
    let server = ScriptedServer::start().await;
    let issuer = server.url("");
    let good = server.url(PATH);
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    let twice = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{good}","jwks_uri":"{good}"}}"#);
    for (name, document, code) in [
        ("a slash more", metadata(&format!("{issuer}/"), &good), Code::IssuerMismatch),
        ("another case", metadata(&issuer.replace("http", "HTTP"), &good), Code::IssuerMismatch),
        ("another issuer", metadata("https://idp.example.com", &good), Code::IssuerMismatch),
        ("a longer issuer", metadata(&format!("{issuer}.example.com"), &good), Code::IssuerMismatch),
        ("no issuer", format!(r#"{{"jwks_uri":"{good}"}}"#), Code::KeysUnavailable),
        (
            "an issuer that is a list",
            format!(r#"{{"issuer":["{issuer}"],"jwks_uri":"{good}"}}"#),
            Code::KeysUnavailable,
        ),
        ("no key set", format!(r#"{{"issuer":"{issuer}"}}"#), Code::KeysUnavailable),
        ("two key sets", twice, Code::KeysUnavailable),
        ("a page", "<!doctype html>".to_owned(), Code::KeysUnavailable),
        ("more than metadata", " ".repeat(300_000), Code::KeysUnavailable),
        ("a relative key set", metadata(&issuer, "/keys"), Code::KeysUnavailable),
        ("a key set over plain http", metadata(&issuer, "http://192.0.2.1/keys"), Code::KeysUnavailable),
        ("a key set of a file", metadata(&issuer, "file:///keys"), Code::KeysUnavailable),
        ("a key set in the cloud's own", metadata(&issuer, "https://169.254.169.254/keys"), Code::EgressForbidden),
    ] {
        server.reply(place, Reply::ok(&document));
        let (source, cell) = (by_discovery(&issuer), empty_cell());
        let mut bench = Bench::start(&[(&source, &cell)]);
        let findings = bench.findings().await;
        assert!(matches!(findings[..], [(found, Severity::Error, _)] if found == code), "{name}: {findings:?}");
        assert_eq!(shown(&cell), Shown::Nothing { code, retry: Some(1) }, "{name}");
    }
    assert_eq!(server.count(PATH), 0);
    let (source, cell) = (by_discovery(&format!("{issuer}/?tenant=a")), empty_cell());
    let mut bench = Bench::start(&[(&source, &cell)]);
    assert!(matches!(bench.findings().await[..], [(Code::KeysUnavailable, Severity::Error, _)]));
}

#[tokio::test]
async fn metadata_is_used_for_an_hour_but_not_after_a_failure() {
    let place = "/.well-known/openid-configuration";
    let server = ScriptedServer::start().await;
    let issuer = server.url("");
    server.reply(place, Reply::ok(metadata(&issuer, &server.url("/old"))));
    server.reply("/old", Reply::ok(key_set(&["old"])));
    server.reply("/new", Reply::ok(key_set(&["new"])));
    let (source, cell) = (by_discovery(&issuer), empty_cell());
    let mut rounds = cell.rounds();
    let bench = Bench::start(&[(&source, &cell)]);
    for round in 0..12 {
        soon(rounds.changed()).await.unwrap();
        assert_eq!((server.count(place), server.count("/old")), (1, round + 1));
        bench.advance(300);
    }
    soon(rounds.changed()).await.unwrap();
    assert_eq!(server.count(place), 2, "after an hour");
    // A key set that has moved is found by its metadata in the round after the one that missed it.
    server.reply(place, Reply::ok(metadata(&issuer, &server.url("/new"))));
    server.reply("/old", Reply::with("410 Gone", "", ""));
    bench.advance(300);
    soon(rounds.changed()).await.unwrap();
    assert_eq!(shown(&cell), keys(&["old"], 3_600, 3_901));
    bench.advance(1);
    soon(rounds.changed()).await.unwrap();
    assert_eq!(shown(&cell), keys(&["new"], 3_901, 3_911));
    // When somebody misses a key, metadata of a minute is old.
    cell.ask();
    soon(rounds.changed()).await.unwrap();
    assert_eq!(server.count(place), 3);
    bench.advance(10);
    soon(rounds.changed()).await.unwrap();
    assert_eq!(server.count(place), 3);
    bench.advance(60);
    cell.ask();
    soon(rounds.changed()).await.unwrap();
    assert_eq!(server.count(place), 4);
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_is_tried_ever_less_often_until_it_answers() {
    for (name, reply) in [
        ("broken", Reply::with("500 Oops", "", "")),
        ("closing", Reply::Bytes(vec![])),
        ("no key set", Reply::ok("<!doctype html>")),
        ("no key", Reply::ok(r#"{"keys":[]}"#)),
    ] {
        let mut kept = Kept::start(reply).await;
        let code = if name.starts_with("no") { Code::InvalidKeySet } else { Code::KeysUnavailable };
        let findings = kept.bench.findings().await;
        assert!(
            matches!(&findings[..], [(found, Severity::Error, cause)] if *found == code
            && cause.starts_with("no keys: ")),
            "{name}: {findings:?}"
        );
        let mut now = 0;
        for delay in [1, 2, 4, 8, 16, 30, 30] {
            // A fetch may begin at the earliest when it is due, or ten seconds after the last if somebody asks.
            let retry = now + delay.min(10);
            assert_eq!(kept.shown(), Shown::Nothing { code, retry: Some(retry) }, "{name}");
            kept.round_after(delay.unsigned_abs()).await;
            now += delay;
        }
        assert_eq!(kept.server.count(PATH), 8, "{name}");
        assert!(kept.bench.is_quiet(), "{name}: the report did not change");
        kept.server.reply(PATH, Reply::ok(key_set(&["a"])));
        kept.round_after(30).await;
        assert_eq!(kept.shown(), keys(&["a"], now + 30, now + 40), "{name}");
        assert_eq!(kept.bench.findings().await, [], "{name}");
    }
}

#[tokio::test]
async fn last_good_keys_outlive_whatever_the_issuer_serves_instead() {
    let other = ScriptedServer::start().await;
    other.reply(PATH, Reply::ok(key_set(&["attacker"])));
    let redirect = |location: &str| Reply::with("302 Found", &format!("Location: {location}\r\n"), "");
    let lying = Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n{}".to_vec());
    let short = Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"keys\":[]}".to_vec());
    let weak = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"RSA","e":"AQAB","n":"AQAB"}]}"#;
    for (name, reply, code) in [
        ("an empty set", Reply::ok(r#"{"keys":[]}"#), Code::InvalidKeySet),
        ("nothing", Reply::ok(""), Code::InvalidKeySet),
        ("a page", Reply::ok("<!doctype html><title>Sorry</title>"), Code::InvalidKeySet),
        ("a list", Reply::ok("[]"), Code::InvalidKeySet),
        ("keys that cannot be used", Reply::ok(weak), Code::InvalidKeySet),
        ("ten megabytes", Reply::ok("x".repeat(10 << 20)), Code::KeysUnavailable),
        ("ten megabytes by its own word", lying, Code::KeysUnavailable),
        ("no end", Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Code::KeysUnavailable),
        ("half of it", short, Code::KeysUnavailable),
        ("an error", Reply::with("503 Busy", "", ""), Code::KeysUnavailable),
        ("nobody", Reply::with("404 Not Found", "", key_set(&["attacker"])), Code::KeysUnavailable),
        ("another port", redirect(&other.url(PATH)), Code::KeysUnavailable),
        ("plain http", redirect("http://idp.example.com/keys"), Code::KeysUnavailable),
        ("a private address", redirect("https://10.0.0.1/keys"), Code::KeysUnavailable),
        ("a circle", redirect(PATH), Code::KeysUnavailable),
    ] {
        let mut kept = Kept::start(Reply::ok(key_set(&["a"]))).await;
        assert_eq!(kept.bench.findings().await, [], "{name}");
        kept.server.reply(PATH, reply);
        kept.round_after(300).await;
        assert_eq!(kept.shown(), keys(&["a"], 0, 301), "{name}");
        let findings = kept.bench.findings().await;
        let [(found, Severity::Warning, cause)] = &findings[..] else { panic!("{name}: {findings:?}") };
        assert_eq!(*found, code, "{name}");
        let dates = "; the keys of 2027-01-15T08:00:00Z are in use until 2027-01-16T08:00:00Z";
        assert!(cause.ends_with(dates) && !cause.contains("attacker"), "{name}: {cause}");
        // It heals by itself, and says so.
        kept.server.reply(PATH, Reply::ok(key_set(&["b"])));
        kept.round_after(1).await;
        assert_eq!(kept.shown(), keys(&["b"], 301, 311), "{name}");
        assert_eq!(kept.bench.findings().await, [], "{name}");
    }
    assert_eq!(other.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn last_good_keys_end_when_they_are_too_old() {
    let mut kept = Kept::with(Reply::ok(key_set(&["a"])), Settings { max_stale: Duration::from_hours(1) }).await;
    assert_eq!(kept.bench.findings().await, []);
    kept.server.reply(PATH, Reply::with("500 Oops", "", ""));
    kept.round_after(300).await;
    assert!(matches!(kept.bench.findings().await[..], [(Code::KeysUnavailable, Severity::Warning, _)]));
    kept.round_after(3_299).await;
    assert_eq!(kept.shown(), keys(&["a"], 0, 3_601), "a second before");
    assert!(kept.bench.is_quiet());
    kept.bench.advance(1);
    assert!(matches!(kept.bench.findings().await[..], [(Code::KeysUnavailable, Severity::Error, _)]));
    assert_eq!(kept.shown(), Shown::Nothing { code: Code::KeysUnavailable, retry: Some(3_601) });
    assert_eq!(kept.server.count(PATH), 3, "no fetch of its own");
    kept.server.reply(PATH, Reply::ok(key_set(&["a"])));
    kept.rounds.mark_unchanged();
    kept.round_after(1).await;
    assert_eq!(kept.shown(), keys(&["a"], 3_601, 3_611));
}

#[tokio::test]
async fn keys_do_not_grow_too_old_while_their_issuer_answers() {
    let settings = Settings { max_stale: Duration::from_mins(2) };
    let first = |headers: &str| Reply::with("200 OK", &format!("ETag: \"a\"\r\n{headers}"), key_set(&["a"]));
    // Caches on the way may have had an answer for longer than keys may be stale: what counts is that it came.
    for (name, headers, later, began) in [
        ("from a cache", "Age: 500\r\n", first("Age: 500\r\n"), [-440, -380, -320, -260]),
        ("not modified", "", Reply::with("304 Not Modified", "", ""), [60, 120, 180, 240]),
        ("older than what is here", "", first("Age: 500\r\n"), [0; 4]),
    ] {
        let mut kept = Kept::with(first(headers), settings).await;
        assert_eq!(kept.bench.findings().await, [], "{name}");
        kept.server.reply(PATH, later);
        // Due at half of what keys may be stale, whatever an answer says.
        for (minute, began) in (1..).zip(began) {
            kept.round_after(60).await;
            assert_eq!(kept.shown(), keys(&["a"], began, minute * 60 + 10), "{name}");
        }
        assert!(kept.bench.is_quiet(), "{name}");
    }
}

#[tokio::test]
async fn a_bad_key_costs_only_itself_and_is_reported() {
    let mut set: serde_json::Value = serde_json::from_str(&key_set(&["a", "b"])).unwrap();
    set["keys"]
        .as_array_mut()
        .unwrap()
        .insert(1, serde_json::json!({"kty": "RSA", "kid": "weak", "n": "AQAB", "e": "AQAB"}));
    let mut kept = Kept::start(Reply::ok(set.to_string())).await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 0, 10));
    let findings = kept.bench.findings().await;
    let [(Code::KeySkipped, Severity::Warning, cause)] = &findings[..] else { panic!("{findings:?}") };
    assert!(cause.starts_with("key 1 with kid \"weak\" is not used: "), "{cause}");
    // Many of them are counted, not listed.
    let bad = vec![serde_json::json!({"kty": "oct"}); 40];
    set["keys"].as_array_mut().unwrap().extend(bad);
    kept.server.reply(PATH, Reply::ok(set.to_string()));
    kept.round_after(300).await;
    let findings = kept.bench.findings().await;
    assert_eq!(findings.len(), 16);
    assert_eq!(findings[15].2, "26 more keys are not used");
}

#[tokio::test]
async fn keys_that_have_not_changed_are_confirmed_without_being_sent() {
    let mut kept = Kept::start(Reply::with("200 OK", "ETag: \"v1\"\r\n", key_set(&["a"]))).await;
    assert_eq!(kept.bench.findings().await, []);
    kept.server.reply(PATH, Reply::with("304 Not Modified", "Cache-Control: max-age=120\r\n", ""));
    kept.round_after(300).await;
    assert_eq!(kept.shown(), keys(&["a"], 300, 310));
    let asked = kept.server.asked();
    assert!(!asked[0].contains("if-none-match") && asked[1].contains("\r\nif-none-match: \"v1\"\r\n"));
    assert!(!asked[1].contains("cache-control"), "a refresh may come from a cache");
    kept.round_after(120).await;
    assert_eq!(kept.shown(), keys(&["a"], 420, 430));
    // The validators of a set that could not be used are not kept: they would confirm it.
    kept.server.reply(PATH, Reply::with("200 OK", "ETag: \"empty\"\r\n", r#"{"keys":[]}"#));
    kept.round_after(120).await;
    kept.server.reply(PATH, Reply::with("304 Not Modified", "", ""));
    kept.round_after(1).await;
    assert!(kept.server.asked()[4].contains("\r\nif-none-match: \"v1\"\r\n"));
    assert_eq!(kept.shown(), keys(&["a"], 541, 551));
}

#[tokio::test]
async fn the_issuer_says_how_soon_to_come_back_within_bounds() {
    for (headers, seconds) in [
        ("", 300),
        ("Cache-Control: no-store\r\n", 300),
        ("Cache-Control: max-age=0\r\n", 60),
        ("Cache-Control: max-age=90\r\n", 90),
        ("Cache-Control: max-age=600\r\nAge: 500\r\n", 100),
        ("Cache-Control: max-age=31536000\r\n", 3_600),
    ] {
        let kept = Kept::start(Reply::with("200 OK", headers, key_set(&["a"]))).await;
        kept.bench.advance(seconds - 1);
        settle().await;
        assert_eq!(kept.server.count(PATH), 1, "{headers:?}");
        kept.bench.advance(1);
        soon(kept.server.wait_for(2)).await;
    }
}

#[tokio::test]
async fn a_missed_key_is_fetched_at_once_past_every_cache() {
    let mut kept = Kept::start(Reply::ok(key_set(&["a"]))).await;
    kept.bench.advance(10);
    kept.server.reply(PATH, Reply::ok(key_set(&["a", "b"])));
    for _ in 0..5 {
        kept.cell.ask();
    }
    kept.round().await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 10, 20));
    settle().await;
    assert_eq!(kept.server.count(PATH), 2, "asking five times is asking once");
    assert!(kept.server.asked()[1].contains("\r\ncache-control: no-cache\r\n"));
}

#[tokio::test]
async fn whoever_asks_too_soon_waits_for_nothing_and_the_fetch_comes_when_it_may() {
    let mut kept = Kept::start(Reply::ok(key_set(&["a"]))).await;
    kept.bench.advance(3);
    kept.cell.ask();
    kept.round().await;
    assert_eq!(kept.shown(), keys(&["a"], 0, 10), "and is told when");
    assert_eq!(kept.server.count(PATH), 1);
    kept.server.reply(PATH, Reply::ok(key_set(&["a", "b"])));
    kept.round_after(7).await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 10, 20));
    assert!(kept.server.asked()[1].contains("cache-control: no-cache"));
    // Nobody asked since: the next is due by its age.
    kept.bench.advance(299);
    settle().await;
    assert_eq!(kept.server.count(PATH), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_costs_one_fetch_in_ten_seconds_and_hides_no_rotation() {
    let (server, bystander) = (ScriptedServer::start().await, ScriptedServer::start().await);
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    bystander.reply(PATH, Reply::ok(key_set(&["z"])));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let (other_source, other_cell) = (by_url(&bystander.url(PATH)), empty_cell());
    let mut bench = Bench::start(&[(&source, &cell), (&other_source, &other_cell)]);
    bench.next_report().await;
    bench.next_report().await;
    for second in 1..=30 {
        bench.advance(1);
        for _ in 0..1_000 {
            cell.ask();
        }
        if second == 25 {
            server.reply(PATH, Reply::ok(key_set(&["a", "rotated"])));
        }
        if second % 10 == 0 {
            let mut rounds = cell.rounds();
            let began = i64::from(second);
            // Rounds that end without a fetch come in between.
            soon(async {
                while !matches!(shown(&cell), Shown::Keys { began: shown, .. } if shown == began) {
                    rounds.changed().await.unwrap();
                }
            })
            .await;
        }
        settle().await;
    }
    assert_eq!(server.count(PATH), 4, "at 0, 10, 20 and 30 seconds");
    assert_eq!(shown(&cell), keys(&["a", "rotated"], 30, 40));
    assert_eq!(bystander.count(PATH), 1);
    assert_eq!(shown(&other_cell), keys(&["z"], 0, 10));
}

#[tokio::test]
async fn an_issuer_that_never_answers_holds_up_nobody_else() {
    let (silent, quick) = (ScriptedServer::start().await, ScriptedServer::start().await);
    silent.reply(PATH, Reply::Silence);
    quick.reply(PATH, Reply::ok(key_set(&["a"])));
    let (silent_source, silent_cell) = (by_url(&silent.url(PATH)), empty_cell());
    let (source, cell) = (by_url(&quick.url(PATH)), empty_cell());
    let mut bench = Bench::start(&[(&silent_source, &silent_cell), (&source, &cell)]);
    soon(silent.wait_for(1)).await;
    assert_eq!(bench.next_report().await, (source, Report::default()));
    assert_eq!(shown(&cell), keys(&["a"], 0, 10));
    bench.advance(5);
    let (reported, report) = bench.next_report().await;
    assert_eq!((reported, report.findings[0].code), (silent_source, Code::KeysUnavailable));
    assert!(report.findings[0].cause.contains("no complete answer within 5000 ms"), "{report:?}");
    assert_eq!(shown(&silent_cell), Shown::Nothing { code: Code::KeysUnavailable, retry: Some(6) });
    // While it is silent again, the other is asked.
    bench.advance(5);
    soon(silent.wait_for(2)).await;
    let mut rounds = cell.rounds();
    cell.ask();
    soon(rounds.changed()).await.unwrap();
    assert_eq!(shown(&cell), keys(&["a"], 10, 20));
}

#[tokio::test]
async fn keys_are_as_old_as_the_answer_and_an_older_answer_takes_no_key_away() {
    let old = Reply::with("200 OK", "Age: 200\r\nCache-Control: max-age=260\r\n", key_set(&["a"]));
    let mut kept = Kept::start(old).await;
    assert_eq!(kept.shown(), keys(&["a"], -200, 10), "a token of a minute ago may be signed by a key that is not here");
    kept.bench.advance(30);
    kept.server.reply(PATH, Reply::ok(key_set(&["a", "b"])));
    kept.cell.ask();
    kept.round().await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 30, 40));
    // Another edge of the delivery network, five minutes on, still has what it took seven minutes ago.
    let lagging = Reply::with("200 OK", "Age: 400\r\n", key_set(&["a"]));
    kept.server.reply(PATH, lagging);
    kept.round_after(300).await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 30, 340));
    kept.server.reply(PATH, Reply::with("200 OK", "Age: 100\r\n", key_set(&["b"])));
    kept.round_after(300).await;
    assert_eq!(kept.shown(), keys(&["b"], 530, 640));
}

#[tokio::test]
async fn a_step_of_the_wall_clock_neither_delays_keys_nor_makes_them_old() {
    let mut kept = Kept::start(Reply::ok(key_set(&["a"]))).await;
    kept.bench.clock.set_wall(START.minus(Duration::from_hours(5)));
    kept.server.reply(PATH, Reply::ok(key_set(&["b"])));
    kept.round_after(300).await;
    assert_eq!(kept.shown(), keys(&["b"], 300 - 5 * 3_600, 310 - 5 * 3_600));
}

#[tokio::test]
async fn a_rotation_is_followed_step_by_step() {
    let mut kept = Kept::start(Reply::ok(key_set(&["old"]))).await;
    for (step, kids) in
        [&["old", "pending"][..], &["old", "pending"], &["pending"], &["next", "pending"]].into_iter().enumerate()
    {
        kept.server.reply(PATH, Reply::ok(key_set(kids)));
        kept.round_after(300).await;
        let now = i64::try_from(step + 1).unwrap() * 300;
        assert_eq!(kept.shown(), keys(kids, now, now + 10));
    }
}

#[tokio::test]
async fn policies_that_share_a_source_share_its_fetches() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let mut bench = Bench::start(&[(&source, &cell), (&source, &cell)]);
    bench.next_report().await;
    // A new snapshot that wants the same in the same cell changes nothing.
    bench.wanted.send_replace(Arc::new(list(&[(&source, &cell)])));
    settle().await;
    assert_eq!(server.count(PATH), 1);
    assert!(bench.is_quiet());
}

#[tokio::test]
async fn a_source_that_is_no_longer_wanted_is_left_alone() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    server.reply("/other", Reply::ok(key_set(&["z"])));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let (other_source, other_cell) = (by_url(&server.url("/other")), empty_cell());
    let mut bench = Bench::start(&[(&source, &cell)]);
    bench.next_report().await;
    bench.wanted.send_replace(Arc::new(list(&[(&other_source, &other_cell)])));
    assert_eq!(bench.next_report().await, (other_source, Report::default()));
    let is_alone = async {
        while Arc::strong_count(&cell) > 1 {
            tokio::task::yield_now().await;
        }
    };
    soon(is_alone).await;
    bench.advance(300);
    soon(server.wait_for(3)).await;
    assert_eq!((server.count(PATH), server.count("/other")), (1, 2));
    // Wanted again, in a new cell, it is fetched anew.
    let cell = empty_cell();
    bench.wanted.send_replace(Arc::new(list(&[(&source, &cell)])));
    assert_eq!(bench.next_report().await, (source, Report::default()));
    assert_eq!(shown(&cell), keys(&["a"], 300, 310));
}
