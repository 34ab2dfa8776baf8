//! Who is limited, for how long, and how much is remembered.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::clock::Tick;
use crate::state::{FailingSources, Source};

fn at(millis: u64) -> Tick {
    Tick::from_start(Duration::from_millis(millis))
}

fn source(text: &str) -> Source {
    Source::of(text.parse().unwrap())
}

#[test]
fn a_source_is_limited_after_fifty_failures_and_then_ten_in_a_second() {
    let sources = FailingSources::new();
    let one = source("192.0.2.1");
    for failure in 0..50 {
        assert_eq!(sources.wait(one, at(0)), Duration::ZERO, "before failure {failure}");
        sources.failed(one, at(0));
    }
    assert_eq!(sources.wait(one, at(0)), Duration::from_millis(100));
    assert_eq!(sources.wait(source("192.0.2.2"), at(0)), Duration::ZERO);
    assert_eq!(sources.wait(one, at(100)), Duration::ZERO);
    sources.failed(one, at(100));
    assert_eq!(sources.wait(one, at(100)), Duration::from_millis(100));
    assert_eq!(sources.wait(one, at(5_100)), Duration::ZERO);
}

#[test]
fn a_source_is_an_address_or_a_subscribers_network() {
    for (one, other, same) in [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
    ] {
        assert_eq!(source(one) == source(other), same, "{one} and {other}");
    }
}

#[test]
fn a_flood_of_sources_is_bounded_and_forgets_who_recovers_first() {
    let sources = FailingSources::new();
    let worst = source("198.51.100.1");
    for _ in 0..50 {
        sources.failed(worst, at(0));
    }
    for number in 0..200_000 {
        sources.failed(Source::of(IpAddr::V4(Ipv4Addr::from_bits(number))), at(1));
    }
    assert!(sources.len() <= 65_536, "{}", sources.len());
    assert!(sources.wait(worst, at(1)) > Duration::ZERO);
    // Those have all recovered: whoever fails next takes their place.
    for number in 0..200_000 {
        sources.failed(Source::of(IpAddr::V4(Ipv4Addr::from_bits(1 << 30 | number))), at(10_000));
    }
    assert!(sources.len() <= 65_536, "{}", sources.len());
}
