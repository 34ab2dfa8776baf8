//! Who is believed, and what the upstream gets: tables, what an attacker tries first.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::{Convention, Forwarded, MAX_HOPS, Peer, Scheme, TrustedProxies};

const CLIENT: &str = "203.0.113.7";

fn proxies(convention: Convention) -> TrustedProxies {
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
    TrustedProxies::new(networks, convention)
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

fn read(peer: &str, lines: &[(&'static str, &str)], convention: Convention) -> Forwarded {
    let trusted = proxies(convention);
    let peer = Peer::new(peer.parse().unwrap(), &trusted);
    Forwarded::of_request(&peer, Scheme::Http, &headers(lines), &trusted)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_untrusted_peer_is_the_client_whatever_it_says() {
    for convention in [Convention::XForwarded, Convention::Rfc7239] {
        let claims = &[
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1;proto=https;host=evil.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
            ("x-real-ip", "10.0.0.1"),
            ("x-forwarded-port", "443"),
            ("x_forwarded_for", "10.0.0.1"),
            ("x.forwarded.for", "10.0.0.1"),
            ("x.real.ip", "10.0.0.1"),
            ("x~real_ip", "10.0.0.1"),
            ("true_client.ip", "10.0.0.1"),
            ("x_forwarded-client-cert", "Subject=\"CN=admin\""),
            ("true-client-ip", "10.0.0.1"),
            ("x-forwarder", "stays"),
        ];
        let way = read(CLIENT, claims, convention);
        assert_eq!(way.client, Some(address(CLIENT)));
        assert_eq!((way.scheme, &way.host), (Scheme::Http, &None));
        let mut sent = headers(claims);
        way.write(&HeaderValue::from_static("shop.example"), Convention::XForwarded, &mut sent);
        assert_eq!(
            sent,
            headers(&[
                ("x-forwarder", "stays"),
                ("x-forwarded-for", CLIENT),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-host", "shop.example"),
            ])
        );
    }
}

#[test]
fn the_client_is_the_first_untrusted_address_from_the_right() {
    for (name, peer, field, client, sent) in [
        ("no field: the proxy asks for itself", "10.0.0.1", &[][..], Some("10.0.0.1"), "10.0.0.1"),
        ("one proxy", "10.0.0.1", &[CLIENT], Some(CLIENT), "203.0.113.7, 10.0.0.1"),
        (
            "what the client wrote is dropped",
            "10.0.0.1",
            &["10.9.9.9, 127.0.0.1, 203.0.113.7"],
            Some(CLIENT),
            "203.0.113.7, 10.0.0.1",
        ),
        (
            "two proxies, two fields",
            "10.0.0.1",
            &["8.8.8.8, 203.0.113.7", "10.0.0.2"],
            Some(CLIENT),
            "203.0.113.7, 10.0.0.2, 10.0.0.1",
        ),
        ("all trusted", "10.0.0.1", &["10.0.0.3,10.0.0.2"], Some("10.0.0.3"), "10.0.0.3, 10.0.0.2, 10.0.0.1"),
        ("empty members", "10.0.0.1", &[" , 203.0.113.7 ,,"], Some(CLIENT), "203.0.113.7, 10.0.0.1"),
        ("garbage left of the client", "10.0.0.1", &["<script>, 203.0.113.7"], Some(CLIENT), "203.0.113.7, 10.0.0.1"),
        ("a hidden client", "10.0.0.1", &["203.0.113.7, unknown, 10.0.0.2"], None, "10.0.0.2, 10.0.0.1"),
        ("a port", "10.0.0.1", &["203.0.113.7:4711"], Some(CLIENT), "203.0.113.7, 10.0.0.1"),
        ("IPv6", "fd00::1", &["[2001:db8::7]:4711"], Some("2001:db8::7"), "2001:db8::7, fd00::1"),
        ("IPv4 in IPv6", "::ffff:10.0.0.1", &["::ffff:203.0.113.7"], Some(CLIENT), "203.0.113.7, 10.0.0.1"),
    ] {
        let lines: Vec<_> = field.iter().map(|value| ("x-forwarded-for", *value)).collect();
        let way = read(peer, &lines, Convention::XForwarded);
        assert_eq!(way.client, client.map(address), "{name}");
        let mut map = headers(&lines);
        way.write(&HeaderValue::from_static("shop.example"), Convention::XForwarded, &mut map);
        assert_eq!(map.get_all("x-forwarded-for").iter().collect::<Vec<_>>(), [sent], "{name}");
    }
}

#[test]
fn rfc_7239_is_read_from_the_right() {
    for (name, field, client, scheme, host) in [
        ("nothing", &[][..], Some("10.0.0.1"), Scheme::Http, None),
        (
            "one proxy",
            &["for=203.0.113.7;proto=https;host=shop.example"],
            Some(CLIENT),
            Scheme::Https,
            Some("shop.example"),
        ),
        ("an open quote of the client", &["for=\"evil, for=203.0.113.7;proto=http"], Some(CLIENT), Scheme::Http, None),
        (
            "an open quote of the client in a host",
            &["for=1.1.1.1;host=\"a", "for=203.0.113.7"],
            Some(CLIENT),
            Scheme::Http,
            None,
        ),
        ("quotes of the proxy", &["For=\"[2001:db8::7]:80\";Proto=HTTPS"], Some("2001:db8::7"), Scheme::Https, None),
        ("a comma in quotes", &["for=203.0.113.7;by=\"a,b;c\""], Some(CLIENT), Scheme::Http, None),
        ("two proxies", &["for=203.0.113.7;proto=https, for=10.0.0.2;proto=http"], Some(CLIENT), Scheme::Https, None),
        ("hidden", &["for=_secret"], None, Scheme::Http, None),
        ("no for", &["proto=https"], None, Scheme::Https, None),
        ("for twice", &["for=203.0.113.7;for=10.0.0.9"], None, Scheme::Http, None),
    ] {
        let lines: Vec<_> = field.iter().map(|value| ("forwarded", *value)).collect();
        let way = read("10.0.0.1", &lines, Convention::Rfc7239);
        assert_eq!(way.client, client.map(address), "{name}");
        assert_eq!(way.scheme, scheme, "{name}");
        assert_eq!(way.host.map(|host| host.to_string()).as_deref(), host, "{name}");
    }
}

#[test]
fn only_the_convention_of_the_proxies_is_read() {
    let both = &[("x-forwarded-for", "10.0.0.9"), ("forwarded", "for=203.0.113.7")];
    assert_eq!(read("10.0.0.1", both, Convention::Rfc7239).client, Some(address(CLIENT)));
    assert_eq!(read("10.0.0.1", both, Convention::XForwarded).client, Some(address("10.0.0.9")));
}

#[test]
fn scheme_and_host_are_those_of_the_proxy_next_to_the_client() {
    for (name, forwarded_for, proto, scheme) in [
        ("one proxy, one entry", "203.0.113.7", "https", Scheme::Https),
        ("one proxy, the client's entry left of its own", "203.0.113.7", "https, http", Scheme::Http),
        ("two proxies, an entry of each", "203.0.113.7, 10.0.0.2", "https, http", Scheme::Https),
        ("two proxies, one entry", "203.0.113.7, 10.0.0.2", "https", Scheme::Https),
        ("neither http nor https", "203.0.113.7", "gopher", Scheme::Http),
    ] {
        let lines = [("x-forwarded-for", forwarded_for), ("x-forwarded-proto", proto)];
        assert_eq!(read("10.0.0.1", &lines, Convention::XForwarded).scheme, scheme, "{name}");
    }
    for (host, expected) in [("Shop.example:8443", Some("shop.example:8443")), ("a b", None), ("a@b", None)] {
        let lines = [("x-forwarded-for", CLIENT), ("x-forwarded-host", host)];
        let way = read("10.0.0.1", &lines, Convention::XForwarded);
        assert_eq!(way.host.map(|host| host.to_string()).as_deref(), expected, "{host}");
    }
}

#[test]
fn the_upstream_gets_either_convention() {
    let lines = &[
        ("x-forwarded-for", "2001:db8::7"),
        ("x_forwarded_for", "10.0.0.9"),
        ("x-forwarded-port", "443"),
        ("x-forwarded_port", "80"),
        ("x.forwarded.proto", "http"),
        ("x.real-ip", "10.0.0.9"),
        ("x-forwarded-proto", "https"),
        ("x_real-ip", "10.0.0.9"),
    ];
    let way = read("10.0.0.1", lines, Convention::XForwarded);
    let mut map = headers(lines);
    way.write(&HeaderValue::from_static("shop.example"), Convention::Rfc7239, &mut map);
    assert_eq!(
        map,
        headers(&[
            ("x-forwarded-port", "443"),
            ("forwarded", "for=\"[2001:db8::7]\";host=\"shop.example\";proto=https, for=10.0.0.1"),
        ])
    );
}

#[test]
fn a_chain_beyond_the_bound_hides_the_client() {
    let chain = vec!["10.0.0.2"; MAX_HOPS + 1].join(",");
    assert_eq!(read("10.0.0.1", &[("x-forwarded-for", &chain)], Convention::XForwarded).client, None);
    let chain = vec!["10.0.0.2"; MAX_HOPS].join(",");
    assert_eq!(
        read("10.0.0.1", &[("x-forwarded-for", &chain)], Convention::XForwarded).client,
        Some(address("10.0.0.2"))
    );
}

proptest! {
    #[test]
    fn what_a_client_writes_never_changes_who_it_is(prefix in "[ -~]{0,60}") {
        for (convention, name) in [(Convention::XForwarded, "x-forwarded-for"), (Convention::Rfc7239, "forwarded")] {
            let appended = match convention {
                Convention::XForwarded => format!("{prefix}, {CLIENT}"),
                Convention::Rfc7239 => format!("{prefix}, for={CLIENT}"),
            };
            prop_assert_eq!(read("10.0.0.1", &[(name, &appended)], convention).client, Some(address(CLIENT)));
        }
    }
}
