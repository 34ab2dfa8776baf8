//! How the proxy's settings are read, and how it is asked.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{HttpProxy, HttpProxyError, TunnelError};
use crate::tasks::Tasks;
use crate::transport::Url;
use crate::wire::host::HostError;

#[test]
fn a_proxy_is_a_host_and_perhaps_a_user() {
    for (text, expected) in [
        ("http://proxy.test:3128", Ok(("proxy.test", 3128, None))),
        ("proxy.test:3128", Ok(("proxy.test", 3128, None))),
        ("HTTP://proxy.test/", Ok(("proxy.test", 80, None))),
        ("http://[2001:db8::1]:8080", Ok(("2001:db8::1", 8080, None))),
        ("http://ada:lovelace@proxy.test", Ok(("proxy.test", 80, Some("Basic YWRhOmxvdmVsYWNl")))),
        ("http://ada@proxy.test", Ok(("proxy.test", 80, Some("Basic YWRhOg==")))),
        // `a%40b` and a colon in the password.
        ("http://a%40b:c%3Ad@proxy.test", Ok(("proxy.test", 80, Some("Basic YUBiOmM6ZA==")))),
        ("https://proxy.test", Err(HttpProxyError::Scheme)),
        ("socks5://proxy.test", Err(HttpProxyError::Scheme)),
        ("http://proxy.test/path", Err(HttpProxyError::Path)),
        ("http://proxy.test?x", Err(HttpProxyError::Path)),
        ("http://", Err(HttpProxyError::Host(HostError::Empty))),
        ("http://proxy.test:0", Err(HttpProxyError::Host(HostError::Port))),
        ("http://ada:%0d%0aX@proxy.test", Err(HttpProxyError::UserInformation)),
        ("http://ada:%4@proxy.test", Err(HttpProxyError::UserInformation)),
        ("http://ada:%zz@proxy.test", Err(HttpProxyError::UserInformation)),
    ] {
        let proxy = HttpProxy::parse(text, "");
        let read = proxy.as_ref().map_err(|error| *error).map(|proxy| {
            let authorization =
                proxy.authorization.as_ref().map(|secret| std::str::from_utf8(secret.expose()).unwrap());
            (proxy.host(), proxy.port(), authorization)
        });
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn a_proxy_prints_without_its_password() {
    let proxy = HttpProxy::parse("http://ada:lovelace@proxy.test", "").unwrap();
    let printed = format!("{proxy:?}");
    assert!(printed.contains("proxy.test") && !printed.contains("lovelace") && !printed.contains("YWRh"), "{printed}");
}

#[test]
fn hosts_on_the_list_and_loopback_are_reached_directly() {
    let list = "example.com,.corp.test, *.wide.test idp.test:8443 10.0.0.0/8,192.0.2.1,[2001:db8::1]:443,,192.0.2.2:80";
    let proxy = HttpProxy::parse("proxy.test", list).unwrap();
    for (url, expected) in [
        ("https://example.com/", true),
        ("https://www.example.com/", true),
        ("https://notexample.com/", false),
        ("https://example.com.evil.test/", false),
        ("https://a.corp.test/", true),
        ("https://acorp.test/", false),
        ("https://a.wide.test/", true),
        ("https://awide.test/", false),
        ("https://idp.test:8443/", true),
        ("https://idp.test/", false),
        ("https://10.1.2.3/", true),
        ("https://11.1.2.3/", false),
        ("https://192.0.2.1:9/", true),
        ("https://192.0.2.2:80/", true),
        ("https://192.0.2.2/", false),
        ("https://[2001:db8::1]/", true),
        ("https://[2001:db8::1]:8443/", false),
        ("https://[2001:db8::2]/", false),
        ("https://localhost/", true),
        ("https://idp.localhost/", true),
        ("https://127.9.9.9/", true),
        ("https://[::1]/", true),
        ("https://other.test/", false),
    ] {
        assert_eq!(proxy.is_bypassed(&Url::parse(url).unwrap()), expected, "{url}");
    }
    let direct = HttpProxy::parse("proxy.test", "*").unwrap();
    assert!(direct.is_bypassed(&Url::parse("https://other.test/").unwrap()));
}

/// What a proxy that answers `answer` was asked, and what came of it.
async fn open(proxy: &str, url: &str, answer: &'static [u8]) -> (String, Result<(), TunnelError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, question) = tokio::sync::oneshot::channel();
    let mut tasks = Tasks::new();
    tasks.spawn("proxy", async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(client.read_buf(&mut head).await.unwrap() > 0);
        }
        client.write_all(answer).await.unwrap();
        asked.send(String::from_utf8(head).unwrap()).unwrap();
    });
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let result = HttpProxy::parse(proxy, "").unwrap().open(&mut tcp, &Url::parse(url).unwrap()).await;
    (question.await.unwrap(), result)
}

#[tokio::test]
async fn a_tunnel_is_asked_for_by_name_and_with_credentials_if_there_are_any() {
    let (asked, result) = open("proxy.test", "https://idp.test/keys", b"HTTP/1.1 200 OK\r\n\r\n").await;
    assert_eq!(asked, "CONNECT idp.test:443 HTTP/1.1\r\nHost: idp.test:443\r\n\r\n");
    assert_eq!(result, Ok(()));
    let (asked, _) = open("ada:lovelace@proxy.test", "https://[2001:db8::1]:8443/", b"HTTP/1.0 200\r\n\r\n").await;
    assert_eq!(
        asked,
        "CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\nProxy-Authorization: Basic \
         YWRhOmxvdmVsYWNl\r\n\r\n"
    );
}

#[tokio::test]
async fn anything_but_success_opens_no_tunnel() {
    for (answer, expected) in [
        (&b"HTTP/1.0 200 Connection established\r\n\r\n"[..], Ok(())),
        (b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", Ok(())),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Err(TunnelError::Refused(407))),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Err(TunnelError::Refused(502))),
        (b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", Err(TunnelError::Refused(301))),
        (b"HTTP/2 200\r\n\r\n", Err(TunnelError::Malformed)),
        (b"HTTP/1.1 20 OK\r\n\r\n", Err(TunnelError::Malformed)),
        (b"HTTP/1.1 200 OK\r\n\r\nbytes that nobody asked for", Err(TunnelError::Malformed)),
        (b"SSH-2.0-x\r\n\r\n", Err(TunnelError::Malformed)),
        (b"", Err(TunnelError::Closed)),
        (b"HTTP/1.1 200 OK\r\n", Err(TunnelError::Closed)),
    ] {
        let (_, result) = open("proxy.test", "https://idp.test/", answer).await;
        assert_eq!(result, expected, "{:?}", std::str::from_utf8(answer));
    }
}
