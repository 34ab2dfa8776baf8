//! What an issuer's trouble costs: its own keys after a while, and nobody else's ever.

use super::*;

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
