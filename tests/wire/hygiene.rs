//! What is kept to ourselves: credentials, wherever something is written or sent, and what was remembered of them.

use std::time::Duration;

use crate::binary::serve;
use crate::client::{Client, get};
use crate::gateway::START;
use crate::issuer::{ISSUER, api_key, bearer};
use crate::kit::{ES256, Json, NOW, STRANGER, STRICT, claims, jwt, jwt_of, key_set, policy, route, segments, tokens};
use crate::table::Expected::{Forwarded, Invalid};
use crate::table::Table;
use crate::upstream::{OK, Upstream};

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_token_is_checked_against_the_clock_and_to_its_last_byte() {
    let mut table = Table::serve(|upstream| {
        route(upstream, &[("strict", tokens(&["strict"]))]) + &policy("strict", &[jwt(&key_set([ES256.jwk()]), STRICT)])
    })
    .await;
    let token = ES256.token_of(&claims());
    table.token("strict", "seen for the first time", &token, Forwarded).await;
    let asked = look_ups(&table).await;
    // Both data threads learn of it.
    for number in 0..8 {
        table.token("strict", &format!("seen before, {number}"), &token, Forwarded).await;
    }
    let remembered = look_ups(&table).await;
    assert!(remembered.0 > asked.0, "nothing was remembered: {remembered:?}");
    // The last byte of the signature, of which each character has six bits: those of the last have four to spare.
    let [header, payload, signature] = segments(&token);
    let (rest, last) = signature.split_at(signature.len() - 1);
    let other = ["A", "Q", "g", "w"].into_iter().find(|other| *other != last).unwrap();
    let forged = format!("{header}.{payload}.{rest}{other}");
    table.token("strict", "the last byte differs", &forged, Invalid("bad_signature")).await;
    table.token("strict", "a character more", &format!("{token}A"), Invalid("bad_signature")).await;
    assert_eq!(look_ups(&table).await.0, remembered.0, "another token was taken for it");
    table.rig.clock.set_wall(START.plus(Duration::from_millis(299_999)));
    table.token("strict", "just before its end", &token, Forwarded).await;
    table.rig.clock.set_wall(START.plus(Duration::from_mins(5)));
    table.token("strict", "at its end", &token, Invalid("expired")).await;
    table.end().await;
}

/// Look-ups of tokens that found one, and that did not.
async fn look_ups(table: &Table) -> (u64, u64) {
    let metrics = get(table.rig.gateway.probes(), "localhost", "/metrics", "").await;
    let of = |result: &str| {
        let name = format!("bearward_token_cache_total{{result=\"{result}\"}} ");
        metrics.text().lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    };
    (of("hit"), of("miss"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_gets_the_credential_only_if_the_policy_keeps_it() {
    let (secret, key) = api_key("batch", "\"2027-01-15T09:00:00Z\"");
    let table = Table::serve(|upstream| {
        let entries =
            [jwt(&key_set([ES256.jwk()]), STRICT), "apiKeys: {selector: {matchLabels: {team: shop}}}".to_owned()];
        let keep = policy("keep", &entries).replace("---\n", "  forward: {credential: Keep}\n---\n");
        let said = policy("said", &entries).replace("---\n", "  forward: {credential: Strip}\n---\n");
        let rules = ["keep", "said", "unsaid"].map(|name| (name, tokens(&[name])));
        route(upstream, &rules) + &keep + &said + &policy("unsaid", &entries) + &secret
    })
    .await;
    let token = ES256.token_of(&claims());
    for (rule, is_kept) in [("unsaid", false), ("said", false), ("keep", true)] {
        for (place, fields, text) in [
            ("a token", bearer(&token), &token),
            ("a key", bearer(&key), &key),
            ("a key in its own header", format!("x-api-key: {key}\r\n"), &key),
        ] {
            assert_eq!(table.rig.get(&format!("/{rule}"), &fields).await.status, 200, "{rule}, {place}");
            let requests = table.upstream.take();
            let [request] = requests.as_slice() else { panic!("{rule}, {place}: {requests:?}") };
            assert_eq!(request.contains(text.as_str()), is_kept, "{rule}, {place}: {request}");
            let lower = request.to_ascii_lowercase();
            let is_there = lower.contains("\r\nauthorization:") || lower.contains("\r\nx-api-key:");
            assert_eq!(is_there, is_kept, "{rule}, {place}: {request}");
        }
    }
    table.rig.drain().await;
}

/// A secret that is put wherever one can be.
const PLANTED: &str = "planted-5e1f7c";

/// Who somebody is, which is put wherever a credential says it.
const SUBJECT: &str = "alice-5e1f7c@example.com";

/// What the binary takes: its clock is the machine's.
fn lasting() -> Json {
    claims().with("iat", 1_700_000_000).with("exp", 4_000_000_000_u64).with_text("sub", SUBJECT)
}

/// Tokens that are refused, for one reason each.
fn refused() -> [String; 10] {
    let year = 365 * 86_400;
    [
        ES256.token_of(&lasting().with_text("aud", "billing")),
        ES256.token_of(&claims().with("iat", NOW - 3 * year).with("exp", NOW - 2 * year)),
        STRANGER.token_of(&lasting()),
        STRANGER.token(&ES256.header(), &lasting()),
        ES256.token(&ES256.header().with_text("kid", PLANTED), &lasting()),
        ES256.token_of(&lasting().with_text("sub", PLANTED).without("jti")),
        format!("{PLANTED}.{PLANTED}.{PLANTED}"),
        PLANTED.to_owned(),
        format!("{PLANTED}.{PLANTED}.AA.AA.AA"),
        PLANTED.repeat(700),
    ]
}

/// Rules by inline keys and API keys, by keys that cannot be fetched, by no policy at all, and to a model's provider.
fn planted(upstream: &Upstream, api_key: &str) -> String {
    let url = upstream.url();
    let limit = ", leeway: 0s, maxLifetime: 1000000h";
    let api_keys = "apiKeys: {selector: {matchLabels: {team: shop}}}".to_owned();
    let lost = format!("{{url: \"http://127.0.0.1:9/keys?token={PLANTED}\"}}");
    let provider = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: provider, namespace: shop, labels: {{bearward.dev/use: \
         credentials}}}}\nstringData: {{api-key: {PLANTED}}}\n---\napiVersion: bearward.dev/v1alpha1\nkind: \
         ModelBackend\nmetadata: {{name: chat, namespace: shop}}\nspec: {{provider: OpenAICompatible, endpoint: \
         \"{url}\", credentials: {{secretRef: {{name: provider, key: api-key}}}}}}\n---\n"
    );
    let chat = "  rules:\n  - name: chat\n    matches: [{path: {value: /chat}}]\n    auth: {anonymous: true}\n    \
                backends: [{modelRef: {name: chat}}]\n";
    route(&url, &["strict", "fetched", "lost"].map(|name| (name, tokens(&[name])))).replacen("  rules:\n", chat, 1)
        + &policy("strict", &[jwt(&key_set([ES256.jwk()]), limit), api_keys])
        + &policy("fetched", &[jwt_of(ISSUER, &lost, limit)])
        + &provider
        + api_key
}

/// The built binary, told to log whatever it can, is sent secrets wherever a request can have some.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_anywhere() {
    let (good, refused) = (ES256.token_of(&lasting()), refused());
    let (key_secret, key) = api_key("batch", "\"2099-01-01T00:00:00Z\"");
    let key_secret = key_secret.replace("owner: batch", &format!("owner: {SUBJECT}"));
    let (_, unknown_key) = api_key("unknown", "\"2099-01-01T00:00:00Z\"");
    let upstream = Upstream::replying(OK).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, planted(&upstream, &key_secret)).unwrap();
    let access = folder.path().join("access.log");
    let flags = ["--log", "trace", "--allow-readable-secrets", "--access-log", access.to_str().unwrap()];
    let served = serve(&path, &flags).await;

    let mut written = String::new();
    let mut statuses = Vec::new();
    let credentials = refused.iter().map(|token| bearer(token)).chain([
        bearer(&good),
        bearer(&key),
        bearer(&unknown_key),
        format!("x-api-key: {key}\r\n"),
        format!("authorization: Basic {PLANTED}\r\n"),
        format!("authorization: {PLANTED}\r\n"),
        [bearer(&good), bearer(PLANTED)].concat(),
        String::new(),
    ]);
    for fields in credentials {
        for rule in ["strict", "fetched", "lost", "chat", "nowhere"] {
            let target = format!("/{rule}/x?api_key={PLANTED}&access_tokens={good}");
            let fields = format!("{fields}cookie: session={PLANTED}\r\nx-api-keys: {PLANTED}\r\ndpop: {PLANTED}\r\n");
            let reply = get(served.http, "api.example.com", &target, &fields).await;
            statuses.push(reply.status);
            if reply.status != 200 {
                written += &(reply.head.clone() + reply.text());
            }
        }
    }
    let in_query = get(served.http, "api.example.com", &format!("/strict?access_token={PLANTED}"), "").await;
    assert_eq!(in_query.status, 400);
    let mut client = Client::connect(served.http).await;
    client
        .send(format!("GET /strict HTTP/1.1\r\nhost: api.example.com\r\nauthorization: Bearer {PLANTED}\0\r\n\r\n"))
        .await;
    assert_eq!(client.reply().await.status, 400);
    drop(client);
    for status in [200, 400, 401, 404, 503] {
        assert!(statuses.contains(&status), "{status} was not among {statuses:?}");
    }
    let sent = upstream.take();
    assert!(
        sent.iter().any(|request| request.contains(&format!("Bearer {PLANTED}"))),
        "the provider's key was not in use"
    );
    written += in_query.text();
    written += get(served.probes, "localhost", "/metrics", "").await.text();
    written += get(served.admin, "localhost", "/snapshot", "").await.text();
    let (log, code) = served.terminate_and_read_log().await;
    assert_eq!(code, Some(0));
    assert!(log.contains("\"level\":\"DEBUG\"") && log.contains("key set not fetched"), "{log}");
    let access = std::fs::read_to_string(access).unwrap();
    assert!(access.lines().count() >= statuses.len(), "{access}");
    // Tokens and keys were verified, and said whose they are.
    assert!(
        access.contains("\"client_id\":\"shop\",\"subject\":\"") && access.contains("/e1\",\"subject\":\""),
        "{access}"
    );
    written += &(log + &access);

    let mut secrets = vec![PLANTED.to_owned(), SUBJECT.to_owned(), key.clone(), unknown_key.clone()];
    secrets.extend([&key, &unknown_key].map(|key| key.splitn(3, '_').nth(2).unwrap().to_owned()));
    // Neither whole tokens nor signatures.
    for token in refused.iter().chain([&good]) {
        let signature = token.rsplit('.').next().unwrap();
        secrets.extend([token.as_str(), signature].into_iter().filter(|text| text.len() > 40).map(str::to_owned));
    }
    for secret in secrets {
        let found = written.find(&secret).map(|at| &written[at.saturating_sub(200)..written.len().min(at + 100)]);
        assert_eq!(found, None, "{secret} was written");
    }
}
