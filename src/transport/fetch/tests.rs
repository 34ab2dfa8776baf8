//! What is fetched, from whom, and what is refused: over real sockets, with a hand-driven clock.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{Document, FetchError, Fetched, Fetcher, Freshness, Get, RedirectError, Validators, by_turns};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::tasks::Tasks;
use crate::transport::scripted::{Reply, ScriptedServer};
use crate::transport::{
    EgressRules, FixedNames, HttpProxy, MIN_TTL, Resolve, ResolveError, TunnelError, UrlError, client_config,
    client_config_trusting,
};

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 1_000;

fn get(url: &str) -> Get<'_> {
    Get { url, validators: None, no_cache: false, insecure_http: false, max_bytes: MAX_BYTES, timeout: TIMEOUT }
}

/// A fetcher and all that a test may turn.
struct Bench {
    fetcher: Fetcher,
    names: Arc<FixedNames>,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        Self::with(EgressRules::files(vec![]), None, None)
    }

    fn with(egress: EgressRules, roots: Option<&str>, proxy: Option<HttpProxy>) -> Self {
        let names = Arc::new(FixedNames::new());
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000)));
        let tls = match roots {
            Some(pem) => client_config_trusting(pem.as_bytes()).unwrap(),
            None => client_config().unwrap(),
        };
        let resolver: Arc<dyn Resolve> = names.clone();
        let fetcher = Fetcher::new(resolver, egress, tls, proxy, Clock::manual(Arc::clone(&clock)));
        Self { fetcher, names, clock }
    }

    async fn body(&self, url: &str) -> Result<String, FetchError> {
        match self.fetcher.fetch(get(url)).await? {
            Fetched::Document(document) => Ok(String::from_utf8(document.bytes.to_vec()).unwrap()),
            Fetched::NotModified(_) => panic!("nobody asked for that"),
        }
    }
}

#[tokio::test]
async fn a_request_says_what_is_wanted_and_nothing_more() {
    let server = ScriptedServer::start().await;
    server.reply("/keys", Reply::ok("{}"));
    let bench = Bench::new();
    assert_eq!(bench.body(&server.url("/keys?v=1")).await.as_deref(), Ok("{}"));
    let expected = format!(
        "GET /keys?v=1 HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\nuser-agent: bearward/{}\r\nconnection: \
         close\r\n\r\n",
        server.address,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(server.asked(), [expected]);
}

#[tokio::test]
async fn caches_are_passed_by_only_when_asked_and_validators_are_sent() {
    let server = ScriptedServer::start().await;
    server.reply("/keys", Reply::with("304 Not Modified", "Age: 7\r\n", ""));
    let bench = Bench::new();
    let url = server.url("/keys");
    let (tag, date) = (HeaderValue::from_static("\"a\""), HeaderValue::from_static("Wed, 25 Nov 2026 08:00:00 GMT"));
    let both = Validators { etag: Some(tag), last_modified: Some(date.clone()) };
    let dated = Validators { etag: None, last_modified: Some(date) };
    for validators in [&both, &dated] {
        let fetched = bench.fetcher.fetch(Get { validators: Some(validators), no_cache: true, ..get(&url) }).await;
        assert_eq!(fetched, Ok(Fetched::NotModified(Freshness { age: Duration::from_secs(7), remaining: None })));
    }
    // A copy that is not there cannot be unmodified.
    assert_eq!(bench.body(&url).await, Err(FetchError::Status(304)));
    let nothing = Validators::default();
    let fetched = bench.fetcher.fetch(Get { validators: Some(&nothing), ..get(&url) }).await;
    assert_eq!(fetched, Err(FetchError::Status(304)));
    let asked = server.asked();
    let has = |index: usize, line: &str| asked[index].contains(line);
    assert!(
        has(0, "\r\nif-none-match: \"a\"\r\n") && !has(0, "if-modified-since") && has(0, "cache-control: no-cache")
    );
    assert!(has(1, "\r\nif-modified-since: Wed, 25 Nov 2026 08:00:00 GMT\r\n") && !has(1, "if-none-match"));
    assert!(!has(2, "cache-control") && !has(2, "if-"));
}

#[tokio::test]
async fn a_document_comes_with_its_validators_and_how_long_it_is_good() {
    let server = ScriptedServer::start().await;
    let bench = Bench::new();
    let seconds = Duration::from_secs;
    for (headers, age, remaining) in [
        ("", 0, None),
        ("Cache-Control: max-age=600\r\n", 0, Some(600)),
        ("Cache-Control: public, Max-Age=\"600\"\r\nAge: 100\r\n", 100, Some(500)),
        ("Cache-Control: max-age=600\r\nCache-Control: max-age=60\r\n", 0, Some(60)),
        ("Cache-Control: max-age=60\r\nAge: 100\r\n", 100, Some(0)),
        ("Cache-Control: max-age=99999999999999\r\n", 0, Some(u64::from(u32::MAX))),
        ("Cache-Control: max-age=-1\r\nAge: soon\r\n", 0, None),
        ("Cache-Control: s-maxage=60, no-cache, max-age\r\n", 0, None),
    ] {
        server.reply("/keys", Reply::with("200 OK", &format!("ETag: \"a\"\r\n{headers}"), "{}"));
        let fetched = bench.fetcher.fetch(get(&server.url("/keys"))).await.unwrap();
        let expected = Document {
            bytes: "{}".into(),
            validators: Validators { etag: Some(HeaderValue::from_static("\"a\"")), last_modified: None },
            freshness: Freshness { age: seconds(age), remaining: remaining.map(seconds) },
        };
        assert_eq!(fetched, Fetched::Document(expected), "{headers:?}");
    }
}

#[tokio::test]
async fn what_is_no_whole_document_is_refused_for_its_own_reason() {
    let server = ScriptedServer::start().await;
    let bench = Bench::new();
    let raw = |text: &str| Reply::Bytes(text.as_bytes().to_vec());
    let long_header = format!("X: {}\r\n", "x".repeat(40 * 1024));
    let many_headers = "X: y\r\n".repeat(200);
    for (name, reply, expected) in [
        ("whole", Reply::ok("{}"), Ok("{}")),
        (
            "whole, in chunks",
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
            Ok("{}"),
        ),
        ("whole, to the end of the connection", raw("HTTP/1.1 200 OK\r\n\r\n{}"), Ok("{}")),
        ("identity", Reply::with("200 OK", "Content-Encoding: identity\r\n", "{}"), Ok("{}")),
        ("not found", Reply::with("404 Not Found", "", ""), Err(FetchError::Status(404))),
        ("broken", Reply::with("500 Oops", "", "{}"), Err(FetchError::Status(500))),
        ("other success", Reply::with("204 No Content", "", ""), Err(FetchError::Status(204))),
        ("a part", Reply::with("206 Partial Content", "", "{}"), Err(FetchError::Status(206))),
        ("longer than said", raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}"), Ok("{")),
        ("shorter than said", raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}"), Err(FetchError::Truncated)),
        (
            "chunks without an end",
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
            Err(FetchError::Truncated),
        ),
        ("nothing", raw(""), Err(FetchError::Truncated)),
        ("half a head", raw("HTTP/1.1 200 OK\r\nContent-"), Err(FetchError::Truncated)),
        ("not HTTP", raw("SSH-2.0-OpenSSH\r\n\r\n"), Err(FetchError::Protocol)),
        ("compressed", Reply::with("200 OK", "Content-Encoding: gzip\r\n", "x"), Err(FetchError::Encoded)),
        ("a long head", Reply::with("200 OK", &long_header, "{}"), Err(FetchError::HeadTooLarge)),
        ("many fields", Reply::with("200 OK", &many_headers, "{}"), Err(FetchError::HeadTooLarge)),
        ("too long", Reply::ok("x".repeat(MAX_BYTES + 1)), Err(FetchError::BodyTooLarge(MAX_BYTES))),
        (
            "too long, in chunks",
            Reply::Endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n".to_vec()),
            Err(FetchError::BodyTooLarge(MAX_BYTES)),
        ),
        ("without end", Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Err(FetchError::BodyTooLarge(MAX_BYTES))),
        (
            "too long by its own word",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n{}"),
            Err(FetchError::BodyTooLarge(MAX_BYTES)),
        ),
    ] {
        server.reply("/keys", reply);
        let body = bench.body(&server.url("/keys")).await;
        assert_eq!(body, expected.map(str::to_owned), "{name}");
    }
    server.reply("/keys", Reply::ok("x".repeat(MAX_BYTES)));
    assert!(bench.body(&server.url("/keys")).await.is_ok(), "as long as it may be");
}

#[tokio::test]
async fn redirects_stay_on_scheme_host_and_port_and_end_after_three() {
    let (server, other) = (ScriptedServer::start().await, ScriptedServer::start().await);
    let bench = Bench::new();
    bench.names.set("other.test", vec!["127.0.0.1".parse().unwrap()], MIN_TTL);
    let to = |location: &str| Reply::with("302 Found", &format!("Location: {location}\r\n"), "");
    other.reply("/keys", Reply::ok("theirs"));
    server.reply("/keys", Reply::ok("ours"));
    let port = server.address.port();
    let refused = |error| Err(FetchError::Redirect(error));
    for (location, expected) in [
        ("/keys".to_owned(), Ok("ours")),
        (server.url("/keys"), Ok("ours")),
        (other.url("/keys"), refused(RedirectError::OtherOrigin)),
        (format!("https://127.0.0.1:{port}/keys"), refused(RedirectError::OtherOrigin)),
        (format!("http://localhost:{port}/keys"), refused(RedirectError::OtherOrigin)),
        (format!("http://other.test:{port}/keys"), refused(RedirectError::OtherOrigin)),
        ("http://169.254.169.254/latest/".to_owned(), refused(RedirectError::OtherOrigin)),
        ("file:///etc/passwd".to_owned(), refused(RedirectError::Url(UrlError::Form))),
        (format!("http://user@127.0.0.1:{port}/keys"), refused(RedirectError::Url(UrlError::UserInformation))),
        ("/a".to_owned(), refused(RedirectError::TooMany)),
    ] {
        server.reply("/a", to(&location));
        assert_eq!(bench.body(&server.url("/a")).await, expected.map(str::to_owned), "{location}");
    }
    assert_eq!(other.asked(), Vec::<String>::new());
    server.reply("/a", Reply::with("301 Moved", "", ""));
    assert_eq!(bench.body(&server.url("/a")).await.as_deref(), Err(&FetchError::Redirect(RedirectError::NoLocation)));
    // Three are followed, a fourth is not.
    for (from, location) in [("/1", "/2"), ("/2", "/3"), ("/3", "/keys"), ("/0", "/1")] {
        server.reply(from, Reply::with("308 Moved", &format!("Location: {location}\r\n"), ""));
    }
    assert_eq!(bench.body(&server.url("/1")).await.as_deref(), Ok("ours"));
    assert_eq!(bench.body(&server.url("/0")).await.as_deref(), Err(&FetchError::Redirect(RedirectError::TooMany)));
}

#[tokio::test]
async fn plain_http_leaves_the_machine_only_where_that_is_allowed() {
    let server = ScriptedServer::start().await;
    server.reply("/keys", Reply::ok("{}"));
    let bench = Bench::new();
    let port = server.address.port();
    bench.names.set("near.test", vec!["127.0.0.1".parse().unwrap()], MIN_TTL);
    bench.names.set("far.test", vec!["192.0.2.1".parse().unwrap()], MIN_TTL);
    bench.names.set("both.test", ["192.0.2.1", "127.0.0.1"].map(|ip| ip.parse().unwrap()).into(), MIN_TTL);
    for (url, expected) in [
        (format!("http://localhost:{port}/keys"), Ok("{}")),
        (format!("http://near.test:{port}/keys"), Ok("{}")),
        // The address that is not loopback is not dialled.
        (format!("http://both.test:{port}/keys"), Ok("{}")),
        (format!("http://[::ffff:127.0.0.1]:{port}/keys"), Ok("{}")),
        (format!("http://far.test:{port}/keys"), Err(FetchError::InsecureHttp)),
        (format!("http://192.0.2.1:{port}/keys"), Err(FetchError::InsecureHttp)),
        (format!("http://10.0.0.1:{port}/keys"), Err(FetchError::InsecureHttp)),
        (format!("http://[2001:db8::1]:{port}/keys"), Err(FetchError::InsecureHttp)),
    ] {
        assert_eq!(bench.body(&url).await, expected.map(str::to_owned), "{url}");
    }
    // Allowed, it is judged like any other.
    let rules = EgressRules::files(vec!["127.0.0.1".parse().unwrap()]);
    let bench = Bench::with(rules, None, None);
    let far = SocketAddr::new("192.0.2.1".parse().unwrap(), port);
    let url = format!("http://{far}/keys");
    let fetched = bench.fetcher.fetch(Get { insecure_http: true, ..get(&url) }).await;
    assert_eq!(fetched, Err(FetchError::EgressForbidden(far)));
}

#[tokio::test]
async fn the_address_that_is_dialled_is_judged_whatever_the_name() {
    let server = ScriptedServer::start().await;
    server.reply("/keys", Reply::ok("{}"));
    let port = server.address.port();
    let cluster = Bench::with(EgressRules::cluster(vec![]), None, None);
    let listed = Bench::with(EgressRules::cluster(vec!["127.0.0.1".parse().unwrap()]), None, None);
    for (name, addresses, first, opens) in [
        ("rebound.test", &["127.0.0.1"][..], "127.0.0.1", true),
        ("mapped.test", &["::ffff:127.0.0.1"], "::ffff:127.0.0.1", true),
        ("private.test", &["10.0.0.1"], "10.0.0.1", false),
        ("metadata.test", &["169.254.169.254"], "169.254.169.254", false),
        ("mixed.test", &["10.0.0.1", "127.0.0.1"], "10.0.0.1", true),
    ] {
        let addresses: Vec<_> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let url = format!("http://{name}:{port}/keys");
        let first = SocketAddr::new(first.parse().unwrap(), port);
        for (bench, may) in [(&cluster, false), (&listed, opens)] {
            bench.names.set(name, addresses.clone(), MIN_TTL);
            let fetched = bench.fetcher.fetch(Get { insecure_http: true, ..get(&url) }).await;
            if may {
                assert!(matches!(fetched, Ok(Fetched::Document(_))), "{name}: {fetched:?}");
            } else {
                assert_eq!(fetched, Err(FetchError::EgressForbidden(first)), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_says_why() {
    let bench = Bench::new();
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    bench.names.fail("down.test", ResolveError::Failed("refused".into()));
    for (url, expected) in [
        (format!("http://{closed}/"), FetchError::Connect(io::ErrorKind::ConnectionRefused)),
        ("https://absent.test/".to_owned(), FetchError::Resolve(ResolveError::NotFound)),
        ("https://down.test/".to_owned(), FetchError::Resolve(ResolveError::Failed("refused".into()))),
        ("absent.test".to_owned(), FetchError::Url(UrlError::Form)),
    ] {
        assert_eq!(bench.body(&url).await, Err(expected), "{url}");
    }
}

#[tokio::test]
async fn a_server_that_answers_too_late_has_not_answered() {
    let server = ScriptedServer::start().await;
    let bench = Bench::new();
    server.reply("/silent", Reply::Silence);
    for (number, path) in ["/silent", "/silent"].into_iter().enumerate() {
        let url = server.url(path);
        let later = async {
            server.wait_for(number + 1).await;
            bench.clock.advance(TIMEOUT);
        };
        let (body, ()) = tokio::join!(bench.body(&url), later);
        assert_eq!(body, Err(FetchError::TimedOut(TIMEOUT)), "{path}");
    }
}

#[test]
fn both_families_get_their_turn_and_only_a_few_addresses() {
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
    for (given, expected) in [
        (&["[::1]:1", "[::2]:1", "1.1.1.1:1"][..], &["1.1.1.1:1", "[::1]:1", "[::2]:1"][..]),
        (
            &["1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1", "1.1.1.4:1", "1.1.1.5:1", "[::1]:1"],
            &["1.1.1.1:1", "[::1]:1", "1.1.1.2:1", "1.1.1.3:1"],
        ),
        (&[], &[]),
    ] {
        assert_eq!(by_turns(&addresses(given)), addresses(expected));
    }
}

/// A certificate of its own for these names, as PEM, and the server that has it.
async fn tls_server(names: &[&str]) -> (String, ScriptedServer) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (cert.pem(), ScriptedServer::start_tls(Arc::new(config)).await)
}

#[tokio::test]
async fn a_server_must_have_a_certificate_of_a_trusted_root_for_the_name_in_the_url() {
    let (pem, server) = tls_server(&["idp.test", "127.0.0.1"]).await;
    server.reply("/keys", Reply::ok("{}"));
    let port = server.address.port();
    let (trusting, stranger) = (Bench::with(EgressRules::files(vec![]), Some(&pem), None), Bench::new());
    for bench in [&trusting, &stranger] {
        for name in ["idp.test", "other.test"] {
            bench.names.set(name, vec!["127.0.0.1".parse().unwrap()], MIN_TTL);
        }
    }
    // Says something else than a server hello as soon as somebody connects.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    let mut tasks = Tasks::new();
    tasks.spawn("no TLS", async move {
        let (mut client, _) = listener.accept().await.unwrap();
        client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = client.read(&mut [0; 1_024]).await;
    });
    for (name, bench, url, is_trusted) in [
        ("the name", &trusting, format!("https://idp.test:{port}/keys"), true),
        ("the address", &trusting, format!("https://127.0.0.1:{port}/keys"), true),
        ("another name", &trusting, format!("https://other.test:{port}/keys"), false),
        ("another root", &stranger, format!("https://idp.test:{port}/keys"), false),
        ("no TLS", &trusting, format!("https://{plain}/keys"), false),
    ] {
        match bench.body(&url).await {
            Ok(body) => assert!(is_trusted && body == "{}", "{name}"),
            Err(error) => assert!(!is_trusted && matches!(error, FetchError::Tls(_)), "{name}: {error}"),
        }
    }
}

#[test]
fn additional_roots_are_certificates_in_pem_form() {
    use crate::transport::RootsError;
    let CertifiedKey { cert, .. } = generate_simple_self_signed(vec!["idp.test".to_owned()]).unwrap();
    let pem = cert.pem();
    assert!(client_config_trusting(pem.as_bytes()).is_ok());
    assert!(client_config_trusting(format!("# ours\n{pem}{pem}").as_bytes()).is_ok());
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert_eq!(client_config_trusting(b"").unwrap_err(), RootsError::Empty);
    assert_eq!(client_config_trusting(b"not PEM").unwrap_err(), RootsError::Empty);
    assert!(matches!(
        client_config_trusting(format!("{pem}{garbage}").as_bytes()).unwrap_err(),
        RootsError::Unusable { index: 1, .. }
    ));
    assert_eq!(client_config_trusting(broken.as_bytes()).unwrap_err(), RootsError::NotPem { index: 0 });
}

/// A proxy that leads every tunnel to `target`, and the heads of what it was asked.
async fn proxy_to(target: SocketAddr) -> (SocketAddr, Arc<std::sync::Mutex<Vec<String>>>, Tasks) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let mut tasks = Tasks::new();
    tasks.spawn("proxy", async move {
        let mut tunnels = Tasks::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            tunnels.spawn("tunnel", async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    assert!(client.read_buf(&mut head).await.unwrap() > 0);
                }
                let head = String::from_utf8(head).unwrap();
                let is_known = head.contains("\r\nProxy-Authorization: Basic YWRhOmxvdmVsYWNl\r\n");
                log.lock().unwrap().push(head);
                if !is_known {
                    client.write_all(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                    return;
                }
                client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
                let mut upstream = TcpStream::connect(target).await.unwrap();
                // Ends when either side does.
                let _ = copy_bidirectional(&mut client, &mut upstream).await;
            });
        }
    });
    (address, asked, tasks)
}

#[tokio::test]
async fn https_goes_through_the_proxy_and_its_names_are_the_proxys_to_resolve() {
    let (pem, server) = tls_server(&["idp.test", "192.0.2.7", "10.0.0.7", "direct.test"]).await;
    server.reply("/keys", Reply::ok("{}"));
    let port = server.address.port();
    let (proxy, asked, _tasks) = proxy_to(server.address).await;
    let setting = |user: &str| HttpProxy::parse(&format!("http://{user}{proxy}"), "direct.test").unwrap();
    // The proxy's own address is the operator's word: a cluster's rules would not permit it.
    let bench = Bench::with(EgressRules::cluster(vec![]), Some(&pem), Some(setting("ada:lovelace@")));
    let forbidden = |address: &str| Err(FetchError::EgressForbidden(address.parse().unwrap()));
    bench.names.set("direct.test", vec!["127.0.0.1".parse().unwrap()], MIN_TTL);
    for (url, expected) in [
        ("https://idp.test/keys".to_owned(), Ok("{}")),
        ("https://10.0.0.7/keys".to_owned(), forbidden("10.0.0.7:443")),
        ("https://169.254.169.254/keys".to_owned(), forbidden("169.254.169.254:443")),
        (format!("https://direct.test:{port}/keys"), forbidden(&format!("127.0.0.1:{port}"))),
        (format!("https://localhost:{port}/keys"), forbidden(&format!("127.0.0.1:{port}"))),
    ] {
        assert_eq!(bench.body(&url).await, expected.map(str::to_owned), "{url}");
    }
    let tunnels: Vec<_> = asked.lock().unwrap().iter().map(|head| head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(tunnels, ["CONNECT idp.test:443 HTTP/1.1"]);

    let stranger = Bench::with(EgressRules::cluster(vec![]), Some(&pem), Some(setting("")));
    assert_eq!(stranger.body("https://idp.test/keys").await, Err(FetchError::Tunnel(TunnelError::Refused(407))));
    // Through a tunnel the certificate is judged all the same.
    let distrustful = Bench::with(EgressRules::cluster(vec![]), None, Some(setting("ada:lovelace@")));
    assert!(matches!(distrustful.body("https://idp.test/keys").await, Err(FetchError::Tls(_))));
}

#[tokio::test]
async fn plain_http_does_not_use_the_proxy() {
    let server = ScriptedServer::start().await;
    server.reply("/keys", Reply::ok("{}"));
    let (proxy, asked, _tasks) = proxy_to(server.address).await;
    let setting = HttpProxy::parse(&proxy.to_string(), "").unwrap();
    let bench = Bench::with(EgressRules::files(vec![]), None, Some(setting));
    assert_eq!(bench.body(&server.url("/keys")).await.as_deref(), Ok("{}"));
    assert!(asked.lock().unwrap().is_empty());
}
