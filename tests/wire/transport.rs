//! How a credential travels: where it may stand, in what form, and what is never taken for one.

use crate::client::{Client, within};
use crate::issuer::bearer;
use crate::kit::{ES256, STRICT, claims, jwt, key_set, policy, route, tokens};
use crate::table::Expected::{Bare, Forwarded, Invalid, Malformed};
use crate::table::Table;

async fn table() -> Table {
    Table::serve(|upstream| {
        let strict = policy("strict", &[jwt(&key_set([ES256.jwk()]), STRICT)]);
        let forwarding = strict.replace("---\n", "  forward:\n    claims: [{claim: sub, header: x-subject}]\n---\n");
        route(upstream, &[("strict", tokens(&["strict"]))]) + &forwarding
    })
    .await
}

fn good() -> String {
    ES256.token_of(&claims())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_stands_in_one_authorization_header_and_is_a_bearer_token() {
    let mut table = table().await;
    let good = good();
    let line = |value: &str| format!("authorization: {value}\r\n");
    let (none, scheme) = (Bare("no_credentials"), Bare("scheme_unsupported"));
    let (malformed, several) = (Malformed("malformed_credentials"), Malformed("multiple_credentials"));
    for (name, fields, expected) in [
        ("no Authorization", String::new(), none),
        ("the token in another header", format!("x-authorization: Bearer {good}\r\n"), none),
        ("the token in a cookie", format!("cookie: access_token={good}\r\n"), none),
        ("another scheme", line("Basic x"), scheme),
        ("a scheme that begins alike", line(&format!("Bearers {good}")), scheme),
        ("a token of another scheme", line(&format!("DPoP {good}")), scheme),
        ("the token alone", line(&good), scheme),
        ("nothing after the scheme", line("Bearer"), malformed),
        ("blanks after the scheme", line("Bearer   "), malformed),
        ("an empty header", line(""), malformed),
        ("two words after the scheme", line("Bearer a b"), malformed),
        ("a good token and a word", line(&format!("Bearer {good} b")), malformed),
        ("a tab after the scheme", line(&format!("Bearer\t{good}")), malformed),
        ("two credentials in one header", line("Bearer a, Bearer b"), malformed),
        ("a good one and a comma", line(&format!("Bearer {good},")), malformed),
        ("two headers", line(&format!("Bearer {good}")) + &line("Bearer x"), several),
        ("two equal headers", line(&format!("Bearer {good}")) + &line(&format!("Bearer {good}")), several),
        ("two headers of several schemes", line(&format!("Bearer {good}")) + &line("Basic x"), several),
        ("a token beyond 8 KiB", line(&format!("Bearer {}", "a".repeat(8193))), Invalid("token_too_large")),
        ("a good token", line(&format!("Bearer {good}")), Forwarded),
        ("a scheme in other case", line(&format!("bEaReR {good}")), Forwarded),
        ("several blanks after the scheme", line(&format!("Bearer   {good}")), Forwarded),
    ] {
        table.row("strict", name, &fields, expected).await;
    }
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_query_or_the_body_is_none() {
    let mut table = table().await;
    let good = good();
    let get = |query: &str, fields: &str| format!("GET {{path}}?{query} HTTP/1.1\r\nhost: api.example.com\r\n{fields}");
    let (in_query, several) = (Malformed("token_in_query"), Malformed("multiple_credentials"));
    for (name, head, expected) in [
        ("in the query alone", get(&format!("access_token={good}"), ""), in_query),
        ("in the query, after another parameter", get(&format!("a=b&access_token={good}"), ""), in_query),
        ("in the query, by escapes", get(&format!("%61ccess%5Ftoken={good}"), ""), in_query),
        ("in the query, empty", get("access_token", ""), in_query),
        (
            "in the query, beside another scheme",
            get(&format!("access_token={good}"), "authorization: Basic x\r\n"),
            in_query,
        ),
        ("in the query and the header", get(&format!("access_token={good}"), &bearer(&good)), several),
        ("in the header, and another one in the query", get("access_token=x", &bearer(&good)), several),
        ("a parameter of a longer name", get("access_tokens=x", &bearer(&good)), Forwarded),
    ] {
        table.ask("strict", name, &head, "", expected).await;
    }
    let form = format!("access_token={good}");
    let post = format!(
        "POST {{path}} HTTP/1.1\r\nhost: api.example.com\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n",
        form.len()
    );
    table.ask("strict", "in a form", &post, &form, Bare("no_credentials")).await;
    table.ask("strict", "in a form and the header", &(post + &bearer(&good)), &form, Forwarded).await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_claims_an_identity_is_taken_out_and_noted() {
    let table = table().await;
    let spoofed = "client-cert: :AA==:\r\nclient-cert-chain: :AA==:\r\nx-forwarded-client-cert: By=mallory\r\n\
                   X-Subject: mallory\r\nx_subject: mallory\r\n";
    for (name, fields, reason) in [("with such headers", spoofed, "spoofed_header"), ("without", "", "")] {
        let reply = table.rig.get(&format!("/strict/{reason}"), &(bearer(&good()) + fields)).await;
        assert_eq!(reply.status, 200, "{name}");
        let requests = table.upstream.take();
        let [request] = requests.as_slice() else { panic!("{name}: {requests:?}") };
        let request = request.to_ascii_lowercase();
        assert!(request.contains("\r\nx-subject: alice\r\n"), "{name}: {request}");
        for gone in ["mallory", "client-cert", "x_subject", "authorization"] {
            assert!(!request.contains(gone), "{name}: {gone}: {request}");
        }
    }
    let log = table.rig.drain_and_read_log().await;
    let reasons: Vec<_> = log
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["reason"].as_str().unwrap_or("").to_owned()
        })
        .collect();
    assert!(reasons.contains(&"spoofed_header".to_owned()) && reasons.contains(&String::new()), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_no_parser_may_take_is_refused_without_a_challenge() {
    let table = table().await;
    let good = good();
    let long = "a".repeat(8000);
    let many = (0..16).map(|number| format!("x-{number}: {long}\r\n")).collect::<Vec<_>>().concat();
    for (name, fields, status) in [
        ("a CR in a value", format!("authorization: Bearer {good}\rx\r\n"), 400),
        ("a CR before a header", format!("x: y\rauthorization: Bearer {good}\r\n"), 400),
        ("an LF in a value", format!("authorization: Bearer {good}\nx\r\n"), 400),
        ("a NUL in a value", format!("authorization: Bearer {good}\0\r\n"), 400),
        ("a NUL in a name", format!("author\0ization: Bearer {good}\r\n"), 400),
        ("a blank before the colon", format!("authorization : Bearer {good}\r\n"), 400),
        ("a line that goes on", format!("authorization: Bearer\r\n {good}\r\n"), 400),
        ("128 KiB of headers", bearer(&good) + &many, 431),
        ("none of that", bearer(&good), 200),
    ] {
        let mut client = Client::connect(table.rig.http()).await;
        // The gateway answers before all of it was sent, and closes.
        client
            .try_send(format!("GET /strict HTTP/1.1\r\nhost: api.example.com\r\n{fields}connection: close\r\n\r\n"))
            .await;
        let reply = within(client.reply()).await;
        assert_eq!(reply.status, status, "{name}: {reply:?}");
        assert_eq!(reply.header("www-authenticate"), None, "{name}");
        assert_eq!(table.upstream.take().len(), usize::from(status == 200), "{name}");
    }
    table.rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_as_get_is_without_a_body() {
    let table = table().await;
    let bad = bearer(&ES256.token_of(&claims().with_text("aud", "billing")));
    for (name, fields) in [("a refused token", bad.as_str()), ("no token", "")] {
        let get = table.rig.get("/strict", fields).await;
        let mut client = Client::connect(table.rig.http()).await;
        let head = format!("HEAD /strict HTTP/1.1\r\nhost: api.example.com\r\n{fields}connection: close\r\n\r\n");
        client.send(head).await;
        let head = String::from_utf8(client.end().await).unwrap();
        assert_eq!(get.status, 401, "{name}");
        let without = |head: &str| {
            let differs = |line: &&str| line.starts_with("date:") || line.starts_with("x-request-id:");
            let (head, body) = head.split_once("\r\n\r\n").unwrap();
            let mut lines: Vec<_> = head.split("\r\n").filter(|line| !differs(line)).map(str::to_owned).collect();
            lines.sort_unstable();
            (lines, body.to_owned())
        };
        // The same headers, of which the length is that of the body of a GET, and then nothing.
        assert_eq!(without(&head), without(&get.head), "{name}");
    }
    table.rig.drain().await;
}
