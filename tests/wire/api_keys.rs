//! API keys: where they may stand, what is wrong with them, and when they end.

use std::time::Duration;

use crate::client::within;
use crate::gateway::START;
use crate::issuer::{api_key, bearer};
use crate::kit::{policy, route, tokens};
use crate::table::Expected::{Bare, Forwarded, Invalid, Malformed, Scope};
use crate::table::Table;

/// An hour after the tests begin.
const END: &str = "\"2027-01-15T09:00:00Z\"";

fn yaml(upstream: &str, secrets: &[&str]) -> String {
    let scoped = "{tokens: [{policyRef: {name: keys}, scopes: [\"orders:write\"]}]}".to_owned();
    route(upstream, &[("keys", tokens(&["keys"])), ("keys/write", scoped)]).replace("name: keys/", "name: ")
        + &policy("keys", &["apiKeys: {selector: {matchLabels: {team: shop}}, in: [Bearer, x-api-key]}".to_owned()])
        + &secrets.join("---\n")
}

/// The same text with another character at this place.
fn changed(key: &str, place: usize) -> String {
    let other = if &key[place..=place] == "a" { "b" } else { "a" };
    [&key[..place], other, &key[place + 1..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_checked_by_form_id_secret_and_time() {
    let (secret, key) = api_key("batch", END);
    let (_, stranger) = api_key("stranger", END);
    let (expired_secret, expired) = api_key("expired", "\"2027-01-15T07:59:59Z\"");
    let (early_secret, early) = api_key("early", END);
    let early_secret = early_secret + "  notBefore: \"2027-01-15T08:00:01Z\"\n";
    let secrets = [secret.as_str(), &expired_secret, &early_secret];
    let mut table = Table::serve(|upstream| yaml(upstream, &secrets)).await;
    // The id of the one with the secret of another, and a checksum that is right.
    let id = key.split('_').nth(1).unwrap();
    let rest = stranger.splitn(3, '_').nth(2).unwrap();
    let crossed = with_checksum(&format!("bw_{id}_{}", &rest[..rest.len() - 6]));
    let (checksum, unknown, ended) = (Invalid("key_checksum"), Invalid("key_unknown"), Invalid("key_expired"));
    for (name, fields, expected) in [
        ("a character of the secret mistyped", bearer(&changed(&key, key.len() - 12)), checksum),
        ("a character of the id mistyped", bearer(&changed(&key, 4)), checksum),
        ("the checksum mistyped", bearer(&changed(&key, key.len() - 1)), checksum),
        ("an id that is unknown", bearer(&stranger), unknown),
        ("the secret of another key", bearer(&crossed), unknown),
        ("past its end", bearer(&expired), ended),
        ("before its beginning", bearer(&early), ended),
        ("cut", bearer(&key[..key.len() - 1]), Invalid("malformed_token")),
        ("its prefix alone", bearer("bw_"), Invalid("malformed_token")),
        ("a token where only keys are taken", bearer("a.b.c"), Invalid("malformed_token")),
        ("in two headers", bearer(&key) + &format!("x-api-key: {key}\r\n"), Malformed("multiple_credentials")),
        ("with a blank in it", format!("x-api-key: {key} x\r\n"), Malformed("malformed_credentials")),
        ("in a header that is not listed", format!("api-key: {key}\r\n"), Bare("no_credentials")),
        ("as a bearer token", bearer(&key), Forwarded),
        ("in its own header", format!("x-api-key: {key}\r\n"), Forwarded),
    ] {
        table.row("keys", name, &fields, expected).await;
    }
    table.row("keys/write", "without the scope", &bearer(&key), Scope("orders:write")).await;
    table.rig.clock.set_wall(START.plus(Duration::from_millis(3_599_999)));
    table.row("keys", "just before its end", &bearer(&key), Forwarded).await;
    table.row("keys", "after its beginning", &bearer(&early), Forwarded).await;
    table.rig.clock.set_wall(START.plus(Duration::from_hours(1)));
    table.row("keys", "at its end", &bearer(&key), ended).await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_secret_is_taken_away_ends_at_once() {
    let ((first, kept), (second, withdrawn)) = (api_key("kept", END), api_key("withdrawn", END));
    let mut table = Table::serve(|upstream| yaml(upstream, &[&first, &second])).await;
    for (name, key) in [("the one, before", &kept), ("the other, before", &withdrawn)] {
        table.row("keys", name, &bearer(key), Forwarded).await;
    }
    let yaml = yaml(&table.upstream.url(), &[&first]);
    table.rig.replace(&yaml);
    within(async {
        while table.rig.get("/keys/until", &bearer(&withdrawn)).await.status == 200 {
            table.rig.clock.advance(Duration::from_millis(50));
        }
    })
    .await;
    table.row("keys", "the one that was taken away", &bearer(&withdrawn), Invalid("key_unknown")).await;
    table.row("keys", "the one that stayed", &bearer(&kept), Forwarded).await;
    table.end().await;
}

/// What is written before its checksum: CRC-32 as six digits of base 62.
fn with_checksum(key: &str) -> String {
    const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let crc = !key.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    });
    let digit = |place: u32| {
        let value = usize::try_from(crc / 62_u32.pow(place) % 62).unwrap();
        &DIGITS[value..=value]
    };
    key.to_owned() + &(0..6).rev().map(digit).collect::<String>()
}
