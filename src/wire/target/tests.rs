//! Tables of targets, refused rows first, and the properties of the one form.

use std::borrow::Cow;

use http::{Method, Uri};
use proptest::prelude::*;

use super::TargetError as E;
use super::{EncodedSlashes, MAX_TARGET_BYTES, PathParameters, Target, TargetError, TargetPolicy};
use crate::wire::host::{Host, HostError};

const LENIENT: TargetPolicy =
    TargetPolicy { encoded_slashes: EncodedSlashes::Keep, path_parameters: PathParameters::Keep };

fn host() -> Host<'static> {
    Host::parse(b"shop.example").unwrap()
}

fn parse(raw: &str, policy: TargetPolicy) -> Result<(String, Option<String>), TargetError> {
    Target::parse(&Method::GET, raw, &host(), policy)
        .map(|target| (target.path().to_owned(), target.query().map(str::to_owned)))
}

#[test]
fn what_has_two_readings_is_refused_under_either_policy() {
    for (raw, error) in [
        ("", E::Form),
        ("orders", E::Form),
        ("*", E::Asterisk),
        ("shop.example:443", E::Connect),
        ("mailto:a", E::Connect),
        ("/a#b", E::Fragment),
        ("/#", E::Fragment),
        ("/a?b#c", E::Fragment),
        ("/a b", E::Control),
        ("/a\tb", E::Control),
        ("/a\0", E::Control),
        ("/a\x7f", E::Control),
        ("/a\r\nx: y", E::Control),
        ("/a?b c", E::Control),
        ("/caf\u{e9}", E::NonAscii),
        ("/a?q=\u{e9}", E::NonAscii),
        ("/a\\b", E::Backslash),
        ("/..\\admin", E::Backslash),
        ("/a%5cb", E::Backslash),
        ("/a%5Cb", E::Backslash),
        ("/a%", E::BadEscape),
        ("/a%2", E::BadEscape),
        ("/a%2g", E::BadEscape),
        ("/a%+1", E::BadEscape),
        ("/a%\u{e9}", E::BadEscape),
        ("/a%%20", E::BadEscape),
        ("/a%u002f", E::BadEscape),
        ("/a?b=%", E::BadEscape),
        ("/a?b=%zz", E::BadEscape),
        ("/a%00", E::EscapedControl),
        ("/a%0d%0aset-cookie:x", E::EscapedControl),
        ("/a%7f", E::EscapedControl),
        ("/a%C2%85", E::EscapedControl),
        // Overlong forms of '/' and '.', a lone surrogate, beyond Unicode, cut short, not begun.
        ("/a%C0%AFb", E::NotUtf8),
        ("/%C0%AE%C0%AE/b", E::NotUtf8),
        ("/a%E0%80%AFb", E::NotUtf8),
        ("/a%ED%A0%80", E::NotUtf8),
        ("/a%F4%90%80%80", E::NotUtf8),
        ("/a%F5%80%80%80", E::NotUtf8),
        ("/a%C3", E::NotUtf8),
        ("/a%C3/", E::NotUtf8),
        ("/a%C3%", E::BadEscape),
        ("/a%A9", E::NotUtf8),
        ("/a%FF", E::NotUtf8),
        ("/..", E::AboveRoot),
        ("/../a", E::AboveRoot),
        ("/a/../../b", E::AboveRoot),
        ("/%2e%2e/a", E::AboveRoot),
        ("//..", E::AboveRoot),
        ("/./../a", E::AboveRoot),
    ] {
        assert_eq!(parse(raw, TargetPolicy::default()), Err(error), "{raw:?}");
        assert_eq!(parse(raw, LENIENT), Err(error), "{raw:?} (lenient)");
    }
}

#[test]
fn escaped_slashes_and_parameters_are_refused_unless_the_policy_keeps_them() {
    for (raw, error, kept) in [
        ("/a%2fb", E::EncodedSlash, "/a%2Fb"),
        ("/a%2Fb", E::EncodedSlash, "/a%2Fb"),
        ("/a%2F%2Fb", E::EncodedSlash, "/a%2F%2Fb"),
        ("/a;v=1/b", E::PathParameter, "/a;v=1/b"),
        ("/a;", E::PathParameter, "/a;"),
        ("/a/b;x/../c", E::PathParameter, "/a/c"),
        ("/a%2fb;v", E::EncodedSlash, "/a%2Fb;v"),
    ] {
        assert_eq!(parse(raw, TargetPolicy::default()), Err(error), "{raw}");
        assert_eq!(parse(raw, LENIENT), Ok((kept.to_owned(), None)), "{raw} (lenient)");
    }
}

#[test]
fn a_dot_segment_cannot_hide_behind_a_parameter_or_an_escaped_slash() {
    for raw in [
        "/a/..;/b",
        "/a/..;x=y/b",
        "/a/.;/b",
        "/a/;/b",
        "/;x/admin",
        "/a/%2e%2e;/b",
        "/a/..%3b/b",
        "/a/..%3B;/b",
        "/a/..%2fb",
        "/a/%2e%2e%2Fb",
        "/a/b%2f..",
        "/a/b%2f..%2fc",
        "/a/b%2f.%2fc",
        "/a/b%2f..;x",
        "/a/x%2F;y",
    ] {
        assert_eq!(parse(raw, LENIENT), Err(E::HiddenSegment), "{raw}");
        assert!(parse(raw, TargetPolicy::default()).is_err(), "{raw}");
    }
}

#[test]
fn a_path_has_one_form() {
    for (raw, path) in [
        ("/", "/"),
        ("/orders", "/orders"),
        ("/orders/", "/orders/"),
        ("/a//b", "/a/b"),
        ("//a", "/a"),
        ("///", "/"),
        ("/a//", "/a/"),
        ("/.", "/"),
        ("/./", "/"),
        ("/a/.", "/a/"),
        ("/a/./b", "/a/b"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/a/b/..", "/a/"),
        ("/a/b/../", "/a/"),
        ("/a/b/../c", "/a/c"),
        ("/a/b/../../c", "/c"),
        ("/a//../b", "/b"),
        ("/a/%2E%2e/b", "/b"),
        ("/a/%2e/b", "/a/b"),
        ("/...", "/..."),
        ("/..a/.b/c..", "/..a/.b/c.."),
        ("/.well-known/jwks.json", "/.well-known/jwks.json"),
        ("/%61%7A%30%2D%5f%7e", "/az0-_~"),
        ("/a%20b", "/a%20b"),
        ("/a%3ab%3fc%23d%25e", "/a%3Ab%3Fc%23d%25e"),
        // Decoded once: what remains is a percent sign and two digits.
        ("/%252e%252e/a", "/%252e%252e/a"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/%E2%82%AC/%F0%9F%90%BB", "/%E2%82%AC/%F0%9F%90%BB"),
        ("/a|b", "/a%7Cb"),
        ("/{id}", "/%7Bid%7D"),
        ("/a[0]", "/a%5B0%5D"),
        ("/a\"<>^`b", "/a%22%3C%3E%5E%60b"),
        ("/v1/models/m:generate", "/v1/models/m:generate"),
        ("/a!$&'()*+,=@b", "/a!$&'()*+,=@b"),
    ] {
        assert_eq!(parse(raw, TargetPolicy::default()), Ok((path.to_owned(), None)), "{raw}");
    }
}

#[test]
fn a_query_keeps_its_meaning() {
    for (raw, query) in [
        ("/?", ""),
        ("/?a=1&b=2", "a=1&b=2"),
        ("/?a?b/../c//d", "a?b/../c//d"),
        ("/?%61ccess_token=x", "access_token=x"),
        ("/?a=%2f%5c%0a%00%ff", "a=%2F%5C%0A%00%FF"),
        ("/?a[]=1;b", "a[]=1;b"),
        ("/?a=b\\c|d", "a=b%5Cc%7Cd"),
        ("/?a=b+c%2B", "a=b+c%2B"),
    ] {
        assert_eq!(parse(raw, TargetPolicy::default()), Ok(("/".to_owned(), Some(query.to_owned()))), "{raw}");
    }
}

#[test]
fn a_common_target_is_borrowed() {
    for raw in ["/", "/v1/orders/17?limit=10", "/a%20b/.well-known/x?y=%2F", "/caf%C3%A9/"] {
        let target = Target::parse(&Method::GET, raw, &host(), TargetPolicy::default()).unwrap();
        assert!(target.is_unchanged(), "{raw}");
    }
    let target = Target::parse(&Method::GET, "/a//b?x", &host(), TargetPolicy::default()).unwrap();
    assert!(!target.is_unchanged());
    // The one form is the beginning of what was sent: still, sending that on would send what nothing was matched with.
    for raw in ["/admin/..", "/admin/../", "/a/.", "/a//", "///", "/a/b/../../a", "/a/b/../b", "/a/./?x"] {
        let uri: Uri = raw.parse().unwrap();
        let target = Target::from_uri(&Method::GET, &uri, &host(), TargetPolicy::default()).unwrap();
        assert!(!target.is_unchanged(), "{raw}");
    }
    let target = Target::parse(&Method::GET, "/a//b?x", &host(), TargetPolicy::default()).unwrap();
    assert!(matches!(target.query, Some(Cow::Borrowed("x"))));
}

#[test]
fn an_absolute_target_must_be_for_the_host_of_the_request() {
    for (raw, error) in [
        ("http://other.example/", E::HostMismatch),
        ("http://shop.example:8080/", E::HostMismatch),
        ("https://shop.example:80/", E::HostMismatch),
        ("http://evil@shop.example/", E::Authority(HostError::Character)),
        ("http:///a", E::Authority(HostError::Empty)),
        ("ftp://shop.example/", E::Scheme),
        ("://shop.example/", E::Scheme),
        ("http://shop.example#a", E::Fragment),
        ("http://shop.example/a/%2f", E::EncodedSlash),
    ] {
        assert_eq!(parse(raw, TargetPolicy::default()), Err(error), "{raw}");
    }
    for (raw, path, query) in [
        ("http://shop.example", "/", None),
        ("http://shop.example/a/../b", "/b", None),
        ("HTTP://SHOP.example:80?q", "/", Some("q")),
        ("https://shop.example:443/a", "/a", None),
    ] {
        let expected = (path.to_owned(), query.map(str::to_owned));
        assert_eq!(parse(raw, TargetPolicy::default()), Ok(expected), "{raw}");
    }
}

#[test]
fn star_is_for_options_and_tunnels_are_refused() {
    let policy = TargetPolicy::default();
    let star = Uri::from_static("*");
    assert_eq!(Target::parse(&Method::CONNECT, "shop.example:443", &host(), policy), Err(E::Connect));
    assert_eq!(Target::parse(&Method::CONNECT, "/", &host(), policy), Err(E::Connect));
    assert_eq!(Target::from_uri(&Method::GET, &star, &host(), policy), Err(E::Asterisk));
    assert_eq!(Target::from_uri(&Method::OPTIONS, &star, &host(), policy).unwrap().path(), "*");
    assert_eq!(Target::parse(&Method::OPTIONS, "*", &host(), policy).unwrap().path(), "*");
    assert_eq!(Target::parse(&Method::OPTIONS, "*?a", &host(), policy), Err(E::Form));
}

#[test]
fn a_uri_that_a_library_has_split_is_read_alike() {
    let policy = TargetPolicy::default();
    for (uri, expected) in [
        ("/a/./b?c", Ok(("/a/b", Some("c")))),
        ("http://shop.example/a?", Ok(("/a", Some("")))),
        ("http://shop.example", Ok(("/", None))),
        ("http://shop.example?q", Ok(("/", Some("q")))),
        ("http://other.example/", Err(E::HostMismatch)),
        ("shop.example:443", Err(E::Connect)),
        ("/a\"%2e%2e", Ok(("/a%22..", None))),
    ] {
        let uri: Uri = uri.parse().unwrap();
        let host = host();
        let target = Target::from_uri(&Method::GET, &uri, &host, policy);
        assert_eq!(target.as_ref().map(|target| (target.path(), target.query())).map_err(|error| *error), expected);
    }
}

#[test]
fn the_bound_holds_before_and_after() {
    let long = format!("/{}", "a".repeat(MAX_TARGET_BYTES));
    assert_eq!(parse(&long, TargetPolicy::default()), Err(E::TooLong));
    assert!(parse(long.get(..MAX_TARGET_BYTES).unwrap(), TargetPolicy::default()).is_ok());
    let growing = format!("/{}", "|".repeat(MAX_TARGET_BYTES / 2));
    assert_eq!(parse(&growing, TargetPolicy::default()), Err(E::TooLong));
}

/// Targets made of the pieces that matter, and of anything else.
fn targets() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just("%2e".to_owned()),
        Just("%2F".to_owned()),
        Just("%3b".to_owned()),
        Just("%c3%a9".to_owned()),
        Just(";".to_owned()),
        Just("?".to_owned()),
        Just("%25".to_owned()),
        "[a-c|{]{1,3}",
        "%[0-9a-fA-F]{2}",
    ];
    prop_oneof![
        8 => proptest::collection::vec(piece, 0..20).prop_map(|pieces| format!("/{}", pieces.concat())),
        1 => any::<String>(),
        1 => any::<String>().prop_map(|text| format!("/{text}")),
    ]
}

proptest! {
    #[test]
    fn the_one_form_is_a_fixed_point(raw in targets(), lenient: bool) {
        let policy = if lenient { LENIENT } else { TargetPolicy::default() };
        let host = host();
        let Ok(target) = Target::parse(&Method::GET, &raw, &host, policy) else { return Ok(()) };
        let path = target.path();
        prop_assert!(path.starts_with('/'), "{path}");
        prop_assert!(!path.contains("//"), "{path}");
        prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{path}");
        let mut rest = path;
        while let Some((_, escape)) = rest.split_once('%') {
            let digits = &escape[..2];
            prop_assert!(digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')), "{path}");
            let byte = u8::from_str_radix(digits, 16).unwrap();
            prop_assert!(!byte.is_ascii_alphanumeric() && !b"-._~".contains(&byte), "{path}");
            rest = &escape[2..];
        }
        let again = match target.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let second = Target::parse(&Method::GET, &again, &host, policy);
        prop_assert_eq!(second.as_ref(), Ok(&target));
        prop_assert!(second.unwrap().is_unchanged());
        // Of an absolute URI nothing but path and query is sent, an empty path as `/`.
        prop_assert!(!raw.starts_with('/') || target.is_unchanged() == (again == raw), "{raw} is sent as {again}");
    }
}
