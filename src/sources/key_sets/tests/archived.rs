//! Keys of an earlier process, used until newer ones can be had.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::jose::KeySet;
use crate::sources::key_sets::ReadArchive;
use crate::sources::key_sets::archive::{ArchivedSet, AtHand, Content, SetId, public_keys, revise};

/// An archive with these keys of a source, fetched so many seconds before the start.
fn content(source: &KeySource, kids: &[&str], age: u64) -> Content {
    let document = key_set(kids);
    assert!(KeySet::parse(document.as_bytes()).is_ok());
    let time = START.minus(Duration::from_secs(age));
    let set = ArchivedSet::new(source, public_keys(document.as_bytes(), &[]).unwrap(), time, time);
    revise(&Content::new(), &AtHand::from([(SetId::of(source), set)]), time, Duration::from_hours(24)).unwrap().content
}

fn always(content: Result<Content, String>) -> (ReadArchive, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let read: ReadArchive = Arc::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(content.clone()))
    });
    (read, count)
}

struct WithArchive {
    bench: Bench,
    at_hand: watch::Receiver<AtHand>,
}

fn begin(wanted: &[(&KeySource, &Arc<KeyCell>)], read: ReadArchive, egress: EgressRules) -> WithArchive {
    let (sender, at_hand) = watch::channel(AtHand::new());
    let archive = Some(Archive { read, at_hand: sender });
    WithArchive { bench: Bench::with_archive(wanted, egress, Settings::default(), archive), at_hand }
}

fn anywhere() -> EgressRules {
    EgressRules::files(vec![])
}

#[tokio::test]
async fn archived_keys_serve_as_of_their_own_time_while_their_issuer_is_down() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::with("500 Oops", "", ""));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let (read, _) = always(Ok(content(&source, &["a"], 3_600)));
    let mut kept = begin(&[(&source, &cell)], read, anywhere());
    let findings = kept.bench.findings().await;
    let [(Code::KeysUnavailable, Severity::Warning, cause)] = &findings[..] else { panic!("{findings:?}") };
    let dates = "; the keys of 2027-01-15T07:00:00Z are in use until 2027-01-16T07:00:00Z";
    assert!(cause.ends_with(dates), "{cause}");
    assert_eq!(shown(&cell), keys(&["a"], -3_600, 1));
    assert!(kept.at_hand.borrow().is_empty(), "what is archived already is not archived again");
    assert_eq!((cell.failures(), cell.last_fetch()), (1, None));
    // Whatever is fetched takes their place.
    server.reply(PATH, Reply::with("200 OK", "Age: 7200\r\n", key_set(&["b"])));
    let mut rounds = cell.rounds();
    kept.bench.advance(1);
    soon(rounds.changed()).await.unwrap();
    assert_eq!(shown(&cell), keys(&["b"], 1 - 7_200, 11));
    assert_eq!(kept.bench.findings().await, []);
    assert_eq!(cell.last_fetch(), Some(START.plus(Duration::from_secs(1))));
    assert_eq!(kept.at_hand.borrow().keys().collect::<Vec<_>>(), [&SetId::of(&source)]);
}

#[tokio::test]
async fn archived_keys_end_at_the_age_at_which_all_keys_do() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::with("500 Oops", "", ""));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let (read, _) = always(Ok(content(&source, &["a"], 86_400 - 20)));
    let mut kept = begin(&[(&source, &cell)], read, anywhere());
    assert!(matches!(kept.bench.findings().await[..], [(_, Severity::Warning, _)]));
    for _ in 0..19 {
        kept.bench.advance(1);
        settle().await;
    }
    assert!(matches!(shown(&cell), Shown::Keys { .. }));
    assert!(kept.bench.is_quiet());
    kept.bench.advance(1);
    assert!(matches!(kept.bench.findings().await[..], [(Code::KeysUnavailable, Severity::Error, _)]));
    assert!(matches!(shown(&cell), Shown::Nothing { code: Code::KeysUnavailable, .. }));
}

#[tokio::test]
async fn archived_keys_are_there_before_the_first_fetch_has_ended() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::Silence);
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let (read, _) = always(Ok(content(&source, &["a"], 60)));
    let mut rounds = cell.rounds();
    let mut kept = begin(&[(&source, &cell)], read, anywhere());
    soon(rounds.changed()).await.unwrap();
    assert_eq!(shown(&cell), keys(&["a"], -60, 10));
    soon(server.wait_for(1)).await;
    assert!(kept.bench.is_quiet(), "the first attempt has not ended");
    kept.bench.advance(5);
    assert!(matches!(kept.bench.findings().await[..], [(_, Severity::Warning, _)]));
}

#[tokio::test]
async fn an_archive_is_no_way_round_what_is_refused() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::with("500 Oops", "", ""));
    let source = by_url(&server.url(PATH));
    let other = by_discovery(&server.url(PATH));
    let good = content(&source, &["a"], 60);
    let mut tampered = good.clone();
    for text in tampered.values_mut() {
        *text = text.replace("\"x\":", "\"d\":\"aHVudGVyMg\",\"x\":");
    }
    for (name, content, egress, code) in [
        ("an address that is not allowed", Ok(good.clone()), EgressRules::cluster(vec![]), Code::EgressForbidden),
        ("another source", Ok(content(&other, &["a"], 60)), anywhere(), Code::KeysUnavailable),
        ("too old", Ok(content(&source, &["a"], 86_400)), anywhere(), Code::KeysUnavailable),
        ("a private key", Ok(tampered), anywhere(), Code::KeysUnavailable),
        ("none", Ok(Content::new()), anywhere(), Code::KeysUnavailable),
    ] {
        let cell = empty_cell();
        let (read, _) = always(content);
        let mut kept = begin(&[(&source, &cell)], read, egress);
        let findings = kept.bench.findings().await;
        assert!(matches!(findings[..], [(found, Severity::Error, _)] if found == code), "{name}: {findings:?}");
        assert_eq!(shown(&cell), Shown::Nothing { code, retry: Some(1) }, "{name}");
    }
}

#[tokio::test]
async fn an_archive_that_cannot_be_read_is_tried_for_three_seconds_and_holds_no_fetch_up() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let (read, _) = always(Err("away".to_owned()));
    let mut kept = begin(&[(&source, &cell)], read, anywhere());
    assert_eq!(kept.bench.findings().await, []);
    assert_eq!(shown(&cell), keys(&["a"], 0, 10));

    server.reply(PATH, Reply::with("500 Oops", "", ""));
    let cell = empty_cell();
    let (read, count) = always(Err("away".to_owned()));
    let mut kept = begin(&[(&source, &cell)], read, anywhere());
    soon(server.wait_for(2)).await;
    for _ in 0..11 {
        settle().await;
        kept.bench.clock.advance(Duration::from_millis(250));
    }
    settle().await;
    assert!(kept.bench.is_quiet());
    kept.bench.clock.advance(Duration::from_millis(250));
    assert!(matches!(kept.bench.findings().await[..], [(Code::KeysUnavailable, Severity::Error, _)]));
    assert!((10..=13).contains(&count.load(Ordering::Relaxed)), "{count:?}");
}

#[tokio::test]
async fn one_reading_serves_all_sources_that_begin_together() {
    let server = ScriptedServer::start().await;
    let sources: Vec<KeySource> = (0..20).map(|number| by_url(&server.url(&format!("/{number}")))).collect();
    let cells: Vec<Arc<KeyCell>> = sources.iter().map(|_| empty_cell()).collect();
    let mut all = Content::new();
    for source in &sources {
        all.extend(content(source, &["a"], 60));
    }
    let (read, count) = always(Ok(all));
    let wanted: Vec<_> = sources.iter().zip(&cells).collect();
    let mut kept = begin(&wanted, read, anywhere());
    for _ in &sources {
        assert!(matches!(kept.bench.findings().await[..], [(_, Severity::Warning, _)]));
    }
    assert!(cells.iter().all(|cell| matches!(shown(cell), Shown::Keys { .. })));
    let count = count.load(Ordering::Relaxed);
    assert!(count <= 3, "{count} readings for twenty sources");
}

#[tokio::test]
async fn what_was_fetched_is_at_hand_until_nobody_wants_it() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let (read, _) = always(Ok(Content::new()));
    let mut kept = begin(&[(&source, &cell)], read, anywhere());
    assert_eq!(kept.bench.findings().await, []);
    let first = soon(kept.at_hand.wait_for(|at_hand| !at_hand.is_empty())).await.unwrap().clone();
    // A failure takes nothing away.
    server.reply(PATH, Reply::with("500 Oops", "", ""));
    kept.bench.advance(300);
    assert!(matches!(kept.bench.findings().await[..], [(_, Severity::Warning, _)]));
    assert_eq!(*kept.at_hand.borrow(), first);
    kept.bench.wanted.send_replace(Arc::new(WantedKeys::new()));
    soon(kept.at_hand.wait_for(AtHand::is_empty)).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_nobody_asked_to_be_conditional_brings_no_keys() {
    let mut kept = Kept::start(Reply::with("304 Not Modified", "", "")).await;
    assert!(matches!(kept.bench.findings().await[..], [(Code::KeysUnavailable, Severity::Error, _)]));
    assert_eq!(kept.shown(), Shown::Nothing { code: Code::KeysUnavailable, retry: Some(1) });
}
