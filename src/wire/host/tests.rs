//! Tables of hosts, refused rows first.

use http::{HeaderMap, HeaderValue, Uri, header};

use super::HostError as E;
use super::{Host, HostError};

fn parse(raw: &str) -> Result<String, HostError> {
    Host::parse(raw.as_bytes()).map(|host| host.to_string())
}

#[test]
fn anything_but_one_name_or_address_is_refused() {
    let long_label = format!("{}.example", "a".repeat(64));
    let long_name = ["a".repeat(63).as_str(); 4].join(".");
    for (raw, error) in [
        ("", E::Empty),
        (".", E::Empty),
        (":80", E::Empty),
        ("a..b", E::Empty),
        (".a", E::Empty),
        ("a..", E::Empty),
        ("user@shop.example", E::Character),
        ("user:pass@shop.example", E::Port),
        ("shop.example/path", E::Character),
        ("shop.example, other.example", E::Character),
        ("shop example", E::Character),
        (" shop.example", E::Character),
        ("shop%2eexample", E::Character),
        ("b\u{fc}cher.example", E::Character),
        ("a\0", E::Character),
        ("*.example", E::Character),
        ("::1", E::Port),
        ("[::1", E::Address),
        ("[]", E::Address),
        ("[127.0.0.1]", E::Address),
        ("[fe80::1%25eth0]", E::Address),
        ("[v1.a]", E::Address),
        ("[::1]80", E::Port),
        ("[::1]:x", E::Port),
        ("shop.example:0", E::Port),
        ("shop.example:65536", E::Port),
        ("shop.example:+80", E::Port),
        ("shop.example:80:80", E::Port),
        ("shop.example:http", E::Port),
        (&long_label, E::TooLong),
        (&long_name, E::TooLong),
    ] {
        assert_eq!(parse(raw), Err(error), "{raw:?}");
    }
    assert_eq!(Host::parse(b"shop\xff"), Err(E::Character));
}

#[test]
fn a_host_has_one_form() {
    for (raw, shown) in [
        ("shop.example", "shop.example"),
        ("Shop.EXAMPLE", "shop.example"),
        ("shop.example.", "shop.example"),
        ("shop.example.:8443", "shop.example:8443"),
        ("shop.example:", "shop.example"),
        ("shop.example:0080", "shop.example:80"),
        ("a_b-c.example", "a_b-c.example"),
        ("localhost", "localhost"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]", "[::1]"),
        ("[0:0::1]:443", "[::1]:443"),
        ("[2001:DB8::A]", "[2001:db8::a]"),
    ] {
        assert_eq!(parse(raw), Ok(shown.to_owned()), "{raw}");
    }
}

#[test]
fn a_request_names_exactly_one_host() {
    let shop = HeaderValue::from_static("shop.example");
    let other = HeaderValue::from_static("other.example");
    for (uri, fields, expected) in [
        ("/", vec![], Err(E::Missing)),
        ("/", vec![&shop, &other], Err(E::Repeated)),
        ("/", vec![&shop, &shop], Err(E::Repeated)),
        ("http://shop.example/", vec![&other], Err(E::Mismatch)),
        ("http://shop.example:81/", vec![&shop], Err(E::Mismatch)),
        ("http://user@shop.example/", vec![&shop], Err(E::Character)),
        ("/", vec![&shop], Ok("shop.example")),
        ("http://shop.example/", vec![], Ok("shop.example")),
        ("http://SHOP.example:80/", vec![&shop], Ok("shop.example:80")),
    ] {
        let uri: Uri = uri.parse().unwrap();
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::HOST, field.clone());
        }
        let host = Host::of_request(&uri, &headers).map(|host| host.to_string());
        assert_eq!(host, expected.map(str::to_owned), "{uri}");
    }
}

#[test]
fn a_host_knows_whether_a_field_is_in_its_one_form() {
    for (raw, same) in [
        ("example.com", true),
        ("example.com:8080", true),
        ("[::1]:8080", true),
        ("EXAMPLE.com", false),
        ("example.com.", false),
        ("example.com:", false),
        ("example.com:08080", false),
        ("[0:0::1]:8080", false),
    ] {
        let host = Host::parse(raw.as_bytes()).unwrap();
        assert_eq!(host.is_written_as(raw.as_bytes()), same, "{raw}");
        assert_eq!(host.to_string() == raw, same, "{raw}");
    }
    let host = Host::parse(b"example.com:80").unwrap();
    for other in ["example.com", "example.com:8", "example.com:800", "example.co:80"] {
        assert!(!host.is_written_as(other.as_bytes()), "{other}");
    }
}
