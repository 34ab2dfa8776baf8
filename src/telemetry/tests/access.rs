//! Lines of the access log.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{AccessEntry, Style};
use crate::clock::UnixTime;

fn entry() -> AccessEntry<'static> {
    AccessEntry {
        time: UnixTime::from_millis(1_764_000_000_007),
        method: "GET",
        host: "api.example.com",
        path: "/orders/42",
        status: 200,
        reason: "",
        rule: "shop/orders/0",
        policy: "shop/partners/corp",
        client_id: "app",
        team: "shop",
        subject: "00c0ffee00c0ffee",
        client: IpAddr::from([192, 0, 2, 1]),
        upstream: Some(([10, 0, 0, 1], 8080).into()),
        duration: Duration::from_micros(1_234),
        received: 0,
        sent: 1_024,
        request_id: "0af7651916cd43dd",
    }
}

/// A request that no rule took.
fn refused() -> AccessEntry<'static> {
    AccessEntry {
        reason: "no_route",
        rule: "",
        policy: "",
        client_id: "",
        team: "",
        subject: "",
        upstream: None,
        status: 404,
        ..entry()
    }
}

fn line(entry: &AccessEntry<'_>, style: Style) -> String {
    let mut out = Vec::new();
    entry.write(style, &mut out);
    String::from_utf8(out).unwrap()
}

fn json_of(entry: &AccessEntry<'_>) -> Value {
    serde_json::from_str(&line(entry, Style::Json)).unwrap()
}

#[test]
fn a_line_of_json_has_these_fields_in_this_order() {
    assert_eq!(
        line(&entry(), Style::Json),
        "{\"time\":\"2025-11-24T16:00:00.007Z\",\"method\":\"GET\",\"host\":\"api.example.com\",\
         \"path\":\"/orders/42\",\"status\":200,\"rule\":\"shop/orders/0\",\"policy\":\"shop/partners/corp\",\
         \"client_id\":\"app\",\"team\":\"shop\",\"subject\":\"00c0ffee00c0ffee\",\"client\":\"192.0.2.1\",\"upstream\":\"10.0.0.1:8080\",\"duration_us\":1234,\"received\":0,\"sent\":1024,\
         \"request_id\":\"0af7651916cd43dd\"}\n"
    );
}

#[test]
fn what_is_not_known_is_not_in_it() {
    let value = json_of(&refused());
    assert_eq!(value["reason"], "no_route");
    for absent in ["rule", "policy", "client_id", "team", "subject", "upstream"] {
        assert_eq!(value.get(absent), None, "{absent}");
    }
    assert_eq!(json_of(&entry()).get("reason"), None);
}

#[test]
fn addresses_are_written_as_everywhere() {
    for (client, upstream) in
        [("0.0.0.0", "255.255.255.255:65535"), ("::1", "[2001:db8::1]:443"), ("::ffff:192.0.2.1", "[::]:1")]
    {
        let entry = AccessEntry { client: client.parse().unwrap(), upstream: upstream.parse().ok(), ..entry() };
        assert_eq!((&json_of(&entry)["client"], &json_of(&entry)["upstream"]), (&json!(client), &json!(upstream)));
    }
}

#[test]
fn a_line_for_people_says_what_happened() {
    assert_eq!(
        line(&entry(), Style::Human),
        "200    1234µs 192.0.2.1 GET api.example.com/orders/42 → shop/orders/0 by shop/partners/corp, \
         client app, team shop\n"
    );
    for (client_id, team, expected) in [("app", "", ", client app (scope)\n"), ("", "shop", ", team shop (scope)\n")] {
        let entry = AccessEntry { client_id, team, reason: "scope", ..entry() };
        assert!(line(&entry, Style::Human).ends_with(&["by shop/partners/corp", expected].concat()), "{expected}");
    }
    assert_eq!(
        line(&refused(), Style::Human),
        "404    1234µs 192.0.2.1 GET api.example.com/orders/42 → no rule (no_route)\n"
    );
}

#[test]
fn nothing_that_a_client_sends_moves_the_cursor_of_a_terminal() {
    for text in ["\x1b[2J", "\u{9b}2J", "\r", "\n", "\u{202e}", "\u{200b}", "\u{e0001}", "\0", "\x7f"] {
        let entry = AccessEntry { method: text, host: text, path: text, client_id: text, team: text, ..entry() };
        for style in [Style::Human, Style::Json] {
            let line = line(&entry, style);
            assert!(!line.trim_end_matches('\n').contains(text), "{line:?}");
            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        }
        // A program reads what was written.
        assert_eq!((&json_of(&entry)["client_id"], &json_of(&entry)["team"]), (&json!(text), &json!(text)));
    }
}

#[test]
fn what_can_be_seen_is_written_as_it_is() {
    for text in ["Bj\u{f6}rn", "\u{4f60}\u{597d}", "\u{1f980}", "a b", "'"] {
        assert!(line(&AccessEntry { team: text, ..entry() }, Style::Json).contains(&format!("\"{text}\"")), "{text}");
    }
}

#[test]
fn of_a_long_claim_whole_characters_of_128_bytes_are_written() {
    let rows = [
        ("a".repeat(128), "a".repeat(128)),
        ("a".repeat(129), "a".repeat(128)),
        ("a".repeat(100_000), "a".repeat(128)),
        // Of two bytes each, the first of which begins at an odd place.
        (format!("a{}", "\u{f6}".repeat(64)), format!("a{}", "\u{f6}".repeat(63))),
        ("\u{1f980}".repeat(33), "\u{1f980}".repeat(32)),
    ];
    for (claim, expected) in rows {
        let entry = AccessEntry { client_id: &claim, team: &claim, ..entry() };
        let value = json_of(&entry);
        assert_eq!((&value["client_id"], &value["team"]), (&json!(expected), &json!(expected)));
        let end = format!(", client {expected}, team {expected}\n");
        assert!(line(&entry, Style::Human).ends_with(&end));
    }
}

fn time_of(millis: i64) -> String {
    let entry = AccessEntry { time: UnixTime::from_millis(millis), ..entry() };
    json_of(&entry)["time"].as_str().unwrap().to_owned()
}

#[test]
fn times_are_those_of_rfc_3339() {
    for (millis, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (1_798_761_599_999, "2026-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(time_of(millis), expected);
    }
}

proptest! {
    #[test]
    fn every_time_is_what_the_calendar_says(millis in 0_i64..253_402_300_799_999) {
        let expected = jiff::Timestamp::from_millisecond(millis).unwrap().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        assert_eq!(time_of(millis), expected);
    }

    #[test]
    fn every_line_is_one_object_that_says_what_was_put_in(
        texts in prop::array::uniform10("(?s).{0,12}"),
        status in any::<u16>(),
        micros in any::<u64>(),
        received in any::<u64>(),
        sent in any::<u64>(),
        client in any::<IpAddr>(),
    ) {
        let [method, host, path, reason, rule, policy, client_id, team, subject, request_id] = &texts;
        let duration = Duration::from_micros(micros);
        let entry = AccessEntry {
            method, host, path, status, reason, rule, policy, client_id, team, subject, client, duration, received, sent,
            request_id, ..entry()
        };
        let written = line(&entry, Style::Json);
        let (object, end) = written.split_at(written.len() - 1);
        assert!(end == "\n" && !object.contains(|character: char| character.is_ascii_control()), "{written:?}");
        let value: Value = serde_json::from_str(object).unwrap();
        let always = [("method", method), ("host", host), ("path", path), ("request_id", request_id)];
        for (name, text) in always {
            assert_eq!(value[name], **text, "{name}");
        }
        let sometimes = [("reason", reason), ("rule", rule), ("policy", policy)];
        for (name, text) in sometimes.into_iter().chain([("client_id", client_id), ("team", team), ("subject", subject)]) {
            assert_eq!(value.get(name).and_then(Value::as_str).unwrap_or_default(), text, "{name}");
        }
        assert_eq!(value["client"], client.to_string());
        for (name, number) in [("status", status.into()), ("duration_us", micros), ("received", received), ("sent", sent)] {
            assert_eq!(value[name], number, "{name}");
        }
    }

    #[test]
    fn every_line_for_people_is_one_line(texts in prop::array::uniform5("(?s).{0,12}")) {
        let [method, host, path, client_id, team] = &texts;
        let written = line(&AccessEntry { method, host, path, client_id, team, ..entry() }, Style::Human);
        let (text, end) = written.split_at(written.len() - 1);
        assert!(end == "\n" && !text.contains(char::is_control), "{written:?}");
    }
}
