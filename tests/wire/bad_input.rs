//! Bad input gets a clear error, and what was good is served on.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::client::{Client, get, within};
use crate::gateway::{Rig, START};
use crate::issuer::{Issuer, api_key, bearer};
use crate::upstream::{OK, Upstream};

const HOST: &str = "api.example.com";

/// A route with one open rule, and `more` of it.
fn route(name: &str, path: &str, upstream: &Upstream, more: &str) -> String {
    format!(
        "apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         hosts: [{HOST}]\n  rules:\n  - name: only\n    matches: [{{path: {{value: {path}}}}}]\n    \
         auth: {{anonymous: true}}\n    backends: [{{url: \"{}\"}}]\n{more}",
        upstream.url()
    )
}

/// A policy of keys that are fetched from `keys`.
fn policy(name: &str, issuer: &str, keys: &str) -> String {
    format!(
        "apiVersion: bearward.dev/v1alpha1\nkind: TokenPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         accept:\n  - name: corp\n    jwt: {{issuer: \"{issuer}\", audiences: [orders], keys: {keys}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_is_told_of_and_the_good_one_is_served() {
    let upstream = Upstream::replying(OK).await;
    let good = route("good", "/good", &upstream, "");
    let bad = route("bad", "/bad", &upstream, "");
    let model = "apiVersion: bearward.dev/v1alpha1\nkind: ModelBackend\nmetadata: {name: chat, namespace: shop}\nspec: \
                 {provider: OpenAICompatible, endpoint: \"http://127.0.0.1:1/v1\", credentials: {secretRef: {name: \
                 provider, key: api-key}}}\n";
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: provider, namespace: shop, labels: {bearward.dev/use: \
                  credentials}}\nstringData: {api_key: planted}\n";
    let to_model = bad.replace(&format!("url: \"{}\"", upstream.url()), "modelRef: {name: chat}");
    let with = |from: &str, to: &str| bad.replace(from, to);
    let rows = [
        ("not YAML", with("[api.example.com]", "[api.example.com"), "InvalidYaml", Err(404)),
        ("cut off within a text", with("    backends", "    'back"), "InvalidYaml", Err(404)),
        ("a NUL", with("only", "on\0ly"), "InvalidYaml", Err(404)),
        ("a control character", with("only", "on\u{1b}ly"), "InvalidYaml", Err(404)),
        ("a NUL, escaped", with("name: only", r#"name: "on\0ly""#), "InvalidValue", Ok(())),
        ("a member twice", with("  rules:", "  hosts: [a]\n  rules:"), "InvalidYaml", Err(404)),
        ("an unknown kind", with("kind: ApiRoute", "kind: ApiRout"), "UnknownKind", Err(404)),
        ("an unknown version", with("v1alpha1", "v1"), "UnknownKind", Err(404)),
        ("an unknown field", with("auth:", "oauth: {}\n    auth:"), "UnknownField", Ok(())),
        ("a value of another type", with("[api.example.com]", "api.example.com"), "InvalidValue", Ok(())),
        (
            "a policy that is not there",
            with("anonymous: true", "tokens: [{policyRef: {name: nobody}}]"),
            "PolicyNotFound",
            Ok(()),
        ),
        (
            "a Service that is not there",
            with(&format!("url: \"{}\"", upstream.url()), "service: {name: nobody, port: 80}"),
            "BackendNotFound",
            Ok(()),
        ),
        ("a model that is not there", to_model.clone(), "BackendNotFound", Ok(())),
        ("a Secret that is not there", format!("{to_model}---\n{model}"), "SecretNotFound", Ok(())),
        ("a Secret without the key", format!("{to_model}---\n{model}---\n{secret}"), "InvalidSecret", Ok(())),
    ];
    for (row, text, code, refused) in rows {
        let rig = Rig::serve_folder(&[("good.yaml", &good)]).await;
        rig.add("bad.yaml", &text);
        rig.until(async || rig.findings_now().await != "[]").await;
        let findings = rig.findings_now().await;
        assert!(findings.contains(code) && !findings.contains("planted"), "{row}: {findings}");
        assert_eq!(rig.get("/good", "").await.text(), "hello", "{row}");
        let reply = rig.get("/bad", "").await;
        match refused {
            Err(status) => assert_eq!(reply.status, status, "{row}: {reply:?}"),
            Ok(()) => assert!(reply.status == 503 && reply.text().contains(code), "{row}: {reply:?}"),
        }
        rig.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_equal_routes_the_older_is_served_and_the_other_says_so_and_follows() {
    let (older, younger) = (Upstream::replying(OK).await, Upstream::replying(OK).await);
    let files = [("a.yaml", route("first", "/x", &older, "")), ("b.yaml", route("second", "/x", &younger, ""))];
    let rig = Rig::serve_folder(&files.each_ref().map(|(name, text)| (*name, text.as_str()))).await;
    let findings = rig.findings().await;
    assert!(findings.contains("DuplicateRoute") && findings.contains("ApiRoute shop/second"), "{findings}");
    assert!(findings.contains("shop/first"), "names the winner: {findings}");
    assert_eq!(rig.get("/x", "").await.status, 200);
    assert_eq!((older.take().len(), younger.take().len()), (1, 0));

    std::fs::remove_file(rig.path("a.yaml")).unwrap();
    rig.until(async || rig.findings_now().await == "[]").await;
    assert_eq!(rig.get("/x", "").await.status, 200);
    assert_eq!((older.take().len(), younger.take().len()), (0, 1));
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_without_a_hash_is_told_of_and_the_other_keys_are_good() {
    let upstream = Upstream::replying(OK).await;
    let ((good, key), (broken, other)) =
        (api_key("good", "2027-01-16T00:00:00Z"), api_key("broken", "2027-01-16T00:00:00Z"));
    let route = route("keys", "/keys", &upstream, "").replace("anonymous: true", "tokens: [{policyRef: {name: keys}}]");
    let policy = "apiVersion: bearward.dev/v1alpha1\nkind: TokenPolicy\nmetadata: {name: keys, namespace: shop}\nspec: \
                  {accept: [{name: keys, apiKeys: {selector: {matchLabels: {team: shop}}}}]}\n";
    let hash = broken.lines().find(|line| line.starts_with("  hash: ")).unwrap();
    let broken = broken.replace(&format!("{hash}\n"), "");
    let rig = Rig::serve(&[route.as_str(), policy, &good, &broken].join("---\n")).await;
    let findings = rig.findings().await;
    assert!(findings.contains("InvalidSecret") && findings.contains("hash"), "{findings}");
    for (key, status) in [(&key, 200), (&other, 401)] {
        assert_eq!(rig.get("/keys", &bearer(key)).await.status, status);
    }
    rig.drain().await;
}

/// A reply with this body, for as long as the process lives.
fn reply_of(body: &str) -> &'static str {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").leak()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_key_set_is_told_of_and_touches_no_other_issuer() {
    let (upstream, issuer) = (Upstream::replying(OK).await, Issuer::new());
    let keys = issuer.key_set();
    let padded = |bytes: usize| format!("{{\"x\":\"{}\",{}", "x".repeat(bytes), keys.strip_prefix('{').unwrap());
    for (row, reply, code) in [
        ("not JSON", reply_of("<html>503</html>"), "InvalidKeySet"),
        ("cut off", reply_of(keys.strip_suffix('}').unwrap()), "InvalidKeySet"),
        ("no key set", reply_of(r#"{"keys": {}}"#), "InvalidKeySet"),
        ("no key that could be used", reply_of(r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#), "InvalidKeySet"),
        ("NULs", reply_of(&"\0".repeat(100)), "InvalidKeySet"),
        ("10 MB, said beforehand", reply_of(&padded(10_000_000)), "KeysUnavailable"),
        (
            "10 MB, in chunks",
            format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                padded(10_000_000).len(),
                padded(10_000_000)
            )
            .leak(),
            "KeysUnavailable",
        ),
        ("an error", "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", "KeysUnavailable"),
        ("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "KeysUnavailable"),
    ] {
        let server = Upstream::replying(reply).await;
        let tokens = |policy: &str| format!("tokens: [{{policyRef: {{name: {policy}}}}}]");
        let config = [
            route("bad", "/bad", &upstream, "").replace("anonymous: true", &tokens("bad")),
            route("good", "/good", &upstream, "").replace("anonymous: true", &tokens("good")),
            policy("bad", "https://bad.example.com/", &format!("{{url: \"{}/keys\"}}", server.url())),
            policy("good", "https://issuer.example.com/", &format!("{{inline: '{keys}'}}")),
        ];
        let rig = Rig::serve(&config.join("---\n")).await;
        let findings = rig.findings().await;
        assert!(findings.contains(code), "{row}: {findings}");
        let bad = rig.get("/bad", &bearer(&issuer.token_with(START, "iss", "https://bad.example.com/"))).await;
        assert_eq!((bad.status, bad.header("www-authenticate")), (503, None), "{row}: {bad:?}");
        assert!(bad.header("retry-after").is_some(), "{row}: {bad:?}");
        assert_eq!(rig.get("/good", &bearer(&issuer.token(START))).await.text(), "hello", "{row}");
        rig.drain().await;
    }
}

/// An upstream that answers each request by these bytes, and closes.
async fn dying(reply: &'static str) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut received = Vec::new();
            while !received.ends_with(b"\r\n\r\n") && stream.read_buf(&mut received).await.unwrap() > 0 {}
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    (url, tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_dies_in_mid_body_never_makes_a_whole_reply() {
    for (row, reply, expected) in [
        ("within a length", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", None),
        ("within a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhello", None),
        ("between chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", None),
        ("before the last line", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", None),
        ("within the head", "HTTP/1.1 200 OK\r\ncontent-le", Some("upstream_broken")),
        ("without a word", "", Some("upstream_broken")),
    ] {
        let (upstream, (url, _tasks)) = (Upstream::replying(OK).await, dying(reply).await);
        let dying = route("dying", "/dying", &upstream, "").replace(&upstream.url(), &url);
        let rig = Rig::serve(&[dying, route("good", "/good", &upstream, "")].join("---\n")).await;
        let mut client = Client::connect(rig.http()).await;
        client.send(format!("GET /dying HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
        if let Some(expected) = expected {
            let reply = client.reply().await;
            assert_eq!((reply.status, reply.code().as_str()), (502, expected), "{row}");
        } else {
            let received = String::from_utf8(client.end().await).unwrap();
            // What was not sent on yet when the upstream died may never be.
            assert!(received.is_empty() || received.starts_with("HTTP/1.1 200 OK\r\n"), "{row}: {received}");
            assert!(!received.ends_with("0\r\n\r\n"), "{row}: it looks whole: {received}");
            assert!(!received.contains("content-length: 5\r\n"), "{row}: it looks whole: {received}");
        }
        drop(client);
        assert_eq!(rig.get("/good", "").await.text(), "hello", "{row}");
        let log = rig.drain_and_read_log().await;
        assert!(log.contains("upstream_"), "{row}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_one_byte_a_second_has_ten_seconds_for_its_head() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&route("good", "/", &upstream, "")).await;
    let mut slow = Client::connect(rig.http()).await;
    let mut head = "GET / HTTP/1.1\r\nhost: api.example.com\r\nx-slow: yes\r\n\r\n".bytes();
    let refused = within(async {
        for _ in 0..30 {
            if !slow.try_send(&[head.next().unwrap()]).await {
                break;
            }
            assert_eq!(rig.get("/", "").await.status, 200, "others are served meanwhile");
            rig.clock.advance(Duration::from_secs(1));
        }
        String::from_utf8(slow.end().await).unwrap()
    })
    .await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 408 "), "{refused}");
    assert!(head.len() > 20, "it was served for {} bytes", head.len());
    assert_eq!(rig.get("/", "").await.status, 200);
    let log = rig.drain_and_read_log().await;
    assert_eq!(log.lines().filter(|line| line.contains("head_timeout")).count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_one_byte_a_second_of_a_body_is_served_as_long_as_it_sends() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&route("good", "/", &upstream, "")).await;
    let mut slow = Client::connect(rig.http()).await;
    slow.send(format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 100\r\n\r\n")).await;
    for _ in 0..100 {
        slow.send("x").await;
        assert_eq!(rig.get("/", "").await.status, 200, "others are served meanwhile");
        rig.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(slow.reply().await.status, 200);
    drop(slow);
    let bodies: Vec<_> = upstream.take().into_iter().filter(|request| request.starts_with("POST")).collect();
    assert!(bodies.len() == 1 && bodies[0].ends_with(&"x".repeat(100)), "{bodies:?}");
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_or_has_control_bytes_is_refused_and_ends_its_connection() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&route("good", "/", &upstream, "")).await;
    let megabyte = "x".repeat(1_000_000);
    let head = |line: &str, fields: &str| format!("{line}\r\nhost: {HOST}\r\n{fields}\r\n");
    let get = "GET / HTTP/1.1";
    for (row, bytes, statuses) in [
        ("a field of 1 MB", head(get, &format!("x-long: {megabyte}\r\n")), &[431][..]),
        ("1 MB of fields", head(get, &"x-many: 1234567890\r\n".repeat(50_000)), &[431]),
        ("a name of 1 MB", head(get, &format!("{megabyte}: x\r\n")), &[431]),
        ("a target of 1 MB", head(&format!("GET /{megabyte} HTTP/1.1"), ""), &[414, 431]),
        ("101 fields", head(get, &"x: y\r\n".repeat(101)), &[431]),
        ("a NUL in a value", head(get, "x: a\0b\r\n"), &[400]),
        ("an escape in a value", head(get, "x: a\x1bb\r\n"), &[400]),
        ("a bare CR in a value", head(get, "x: a\rb\r\n"), &[400]),
        ("a NUL in a name", head(get, "x\0y: a\r\n"), &[400]),
        ("a NUL in the target", head("GET /a\0b HTTP/1.1", ""), &[400]),
        ("a DEL in the target", head("GET /a\x7fb HTTP/1.1", ""), &[400]),
        ("an escaped NUL in the path", head("GET /a%00b HTTP/1.1", ""), &[400]),
        ("an escaped line feed in the path", head("GET /a%0ab HTTP/1.1", ""), &[400]),
        ("a NUL in the method", head("G\0T / HTTP/1.1", ""), &[400]),
        ("a NUL in the host", format!("{get}\r\nhost: api\0.example.com\r\n\r\n"), &[400]),
        ("NULs alone", "\0".repeat(100), &[400]),
        ("the hello of TLS", "\x16\x03\x01\x02\0\x01".to_owned(), &[400]),
    ] {
        let mut client = Client::connect(rig.http()).await;
        // What is refused before its end may be refused before all of it was sent.
        client.try_send(bytes.as_bytes()).await;
        let refused = String::from_utf8(client.end().await).unwrap();
        let status = refused.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        assert!(status.is_some_and(|status| statuses.contains(&status)), "{row}: {status:?} {refused}");
        assert_eq!(upstream.take(), Vec::<String>::new(), "{row}");
        assert_eq!(rig.get("/", "").await.status, 200, "{row}");
        upstream.take();
    }
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_bytes_in_a_token_are_a_refused_token() {
    let (upstream, issuer) = (Upstream::replying(OK).await, Issuer::new());
    let config = [
        route("good", "/", &upstream, "").replace("anonymous: true", "tokens: [{policyRef: {name: good}}]"),
        policy("good", "https://issuer.example.com/", &format!("{{inline: '{}'}}", issuer.key_set())),
    ];
    let rig = Rig::serve(&config.join("---\n")).await;
    let claims = |sub: &str| issuer.token_with(START, "sub", json!(sub));
    for (row, fields, status) in [
        ("a NUL", "authorization: Bearer a\0b\r\n".to_owned(), 400),
        ("a tab", "authorization: Bearer a\tb\r\n".to_owned(), 400),
        ("bytes beyond ASCII", "authorization: Bearer ä.ö.ü\r\n".to_owned(), 400),
        ("64 KB", bearer(&"x".repeat(60_000)), 401),
        ("a NUL in a claim", bearer(&claims("a\0b")), 401),
    ] {
        let reply = get(rig.http(), HOST, "/", &fields).await;
        assert_eq!(reply.status, status, "{row}: {reply:?}");
        let sent = upstream.take();
        assert!(sent.iter().all(|request| !request.contains('\0')), "{row}: {sent:?}");
    }
    rig.drain().await;
}
