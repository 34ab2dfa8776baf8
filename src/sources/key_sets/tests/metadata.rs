//! Where the metadata of an issuer is, and what it has to say.

use super::*;

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
