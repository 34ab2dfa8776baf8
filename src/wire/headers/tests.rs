//! What is removed on the way, and what a client's spelling cannot get past.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    IdentityHeaders, Names, begins_with, has_one_framing, is_odd, is_reserved, is_spelling, remove_hop_by_hop,
    remove_where,
};

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(*name, HeaderValue::from_static(value));
    }
    map
}

#[test]
fn hop_by_hop_fields_go_no_further() {
    for (name, before, after) in [
        (
            "named by RFC 9110, section 7.6.1",
            &[
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "close"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "websocket"),
                ("trailer", "x"),
                ("proxy-authorization", "Basic x"),
                ("http2-settings", "x"),
                ("accept", "*/*"),
            ][..],
            &[("accept", "*/*")][..],
        ),
        (
            "named by Connection, in several fields and any case",
            &[
                ("connection", "close, X-Hop ,,X-Other"),
                ("connection", "Authorization"),
                ("x-hop", "1"),
                ("x-hop", "2"),
                ("x-other", "3"),
                ("authorization", "Bearer x"),
                ("x-kept", "4"),
            ],
            &[("x-kept", "4")],
        ),
        ("a Connection that names nothing", &[("connection", "\u{7f}@,()"), ("a", "b")], &[("a", "b")]),
        ("TE keeps trailers alone", &[("te", "gzip;q=0.5, Trailers")], &[("te", "trailers")]),
        ("TE without trailers", &[("te", "gzip"), ("te", "deflate")], &[]),
        ("TE named by Connection", &[("connection", "x, TE"), ("te", "trailers")], &[("te", "trailers")]),
        ("TE named by Connection without trailers", &[("connection", "te"), ("te", "gzip")], &[]),
    ] {
        let mut map = HeaderMap::new();
        for (name, value) in before {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap_or(HeaderValue::from_static("@()")));
        }
        remove_hop_by_hop(&mut map);
        assert_eq!(map, headers(after), "{name}");
    }
}

#[test]
fn framing_is_reserved() {
    for name in [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-authorization",
    ] {
        assert!(is_reserved(&HeaderName::from_static(name)), "{name}");
    }
    for name in ["authorization", "x-host", "content-type", "forwarded"] {
        assert!(!is_reserved(&HeaderName::from_static(name)), "{name}");
    }
}

#[test]
fn an_identity_header_is_found_however_it_is_spelled() {
    let configured = [HeaderName::from_static("x-subject"), HeaderName::from_static("x_user-id")];
    let identity = IdentityHeaders::new(&configured);
    for spelling in
        ["X-Subject", "x_subject", "X_SUBJECT", "x.subject", "X~User!Id", "x-user-id", "x_user_id", "X-User_Id"]
    {
        let name: HeaderName = spelling.parse().unwrap();
        assert!(identity.matches(&name), "{spelling}");
    }
    for other in ["x-subjec", "x-subject2", "xsubject", "x9subject", "subject", "x-user-ie"] {
        let name: HeaderName = other.parse().unwrap();
        assert!(!identity.matches(&name), "{other}");
    }
    assert!(!IdentityHeaders::default().matches(&configured[0]));
}

#[test]
fn nobody_is_believed_about_a_client_certificate() {
    for spelling in ["Client-Cert", "client_cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert"] {
        assert!(IdentityHeaders::default().matches(&spelling.parse().unwrap()), "{spelling}");
    }
    for other in ["client-certs", "cert"] {
        assert!(!IdentityHeaders::default().matches(&other.parse().unwrap()), "{other}");
    }
}

#[test]
fn a_long_identity_header_is_found() {
    let long = "x-".to_owned() + &"a".repeat(100);
    let name: HeaderName = long.parse().unwrap();
    assert!(IdentityHeaders::new([&name]).matches(&long.replace('-', "_").parse().unwrap()));
    assert!(!IdentityHeaders::new([&name]).matches(&(long + "a").parse().unwrap()));
}

#[test]
fn every_field_of_a_name_is_removed() {
    let mut map = headers(&[("x_subject", "a"), ("x_subject", "b"), ("x-subject", "c"), ("accept", "d")]);
    let identity = IdentityHeaders::new(&[HeaderName::from_static("x-subject")]);
    remove_where(&mut map, |name| identity.matches(name));
    assert_eq!(map, headers(&[("accept", "d")]));
}

#[test]
fn a_name_is_found_in_every_spelling_and_no_other_name_is() {
    let names = Names::new(&["api-key", "x-api-key"]);
    for (name, found, odd) in [
        ("api-key", true, false),
        ("api_key", true, true),
        ("API.Key", true, true),
        ("X-Api-Key", true, false),
        ("x_api_key", true, true),
        ("x.api-key", true, true),
        ("x|api~key", true, true),
        ("x-api-keys", false, false),
        ("xapi-key", false, false),
        ("x9api-key", false, false),
        ("apikey", false, false),
        ("x--api-key", false, false),
        ("y-api-key", false, false),
    ] {
        let name: HeaderName = name.parse().unwrap();
        assert_eq!((names.matches(&name), is_odd(&name)), (found, odd), "{name}");
    }
    assert!(!Names::new(&[]).matches(&HeaderName::from_static("x")));
    for (name, begins) in [("x.api.key", true), ("x_api", true), ("x-ap", false), ("xsapi-key", false)] {
        assert_eq!(begins_with("x-api", &name.parse().unwrap()), begins, "{name}");
    }
    assert!(is_spelling("x-api", &"x!api".parse().unwrap()));
    assert!(!is_spelling("x-api", &"x-api-".parse().unwrap()));
}

#[test]
fn chunked_alone_is_framing() {
    for (fields, is_one) in [
        (&[][..], true),
        (&["chunked"], true),
        (&["\tChunked "], true),
        (&["gzip, chunked"], false),
        (&["chunked, chunked"], false),
        (&["chunked", "chunked"], false),
        (&["gzip"], false),
        (&[""], false),
    ] {
        let map: HeaderMap =
            fields.iter().map(|value| (http::header::TRANSFER_ENCODING, HeaderValue::from_static(value))).collect();
        assert_eq!(has_one_framing(&map), is_one, "{fields:?}");
    }
}
