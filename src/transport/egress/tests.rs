//! Which addresses may be dialled: two refused for each accepted.

use super::{EgressItem, EgressItemError, EgressRules};

fn items(texts: &[&str]) -> Vec<EgressItem> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn judge(rules: &EgressRules, rows: &[(&str, bool)]) {
    for (address, expected) in rows {
        assert_eq!(rules.permits(address.parse().unwrap()), *expected, "{address} under {rules:?}");
    }
}

#[test]
fn a_cluster_reaches_only_public_addresses_unless_they_are_listed() {
    judge(
        &EgressRules::cluster(vec![]),
        &[
            // Private, RFC 1918.
            ("10.0.0.0:443", false),
            ("10.255.255.255:443", false),
            ("9.255.255.255:443", true),
            ("11.0.0.0:443", true),
            ("172.16.0.1:443", false),
            ("172.31.255.255:443", false),
            ("172.15.255.255:443", true),
            ("172.32.0.0:443", true),
            ("192.168.0.1:443", false),
            ("192.168.255.1:443", false),
            ("192.167.255.255:443", true),
            // Shared, RFC 6598.
            ("100.64.0.1:443", false),
            ("100.127.255.255:443", false),
            ("100.63.255.255:443", true),
            ("100.128.0.0:443", true),
            // Loopback, this network, link-local.
            ("127.0.0.1:443", false),
            ("127.255.255.254:443", false),
            ("0.0.0.0:443", false),
            ("0.1.2.3:443", false),
            ("169.254.1.1:443", false),
            ("169.253.255.255:443", true),
            // Documentation, benchmarks, protocol assignments, the 6to4 relay.
            ("192.0.2.1:443", false),
            ("198.51.100.1:443", false),
            ("203.0.113.9:443", false),
            ("198.18.0.1:443", false),
            ("198.19.255.255:443", false),
            ("192.0.0.8:443", false),
            ("192.88.99.1:443", false),
            ("198.20.0.0:443", true),
            ("203.0.114.1:443", true),
            // Multicast, reserved, broadcast.
            ("224.0.0.1:443", false),
            ("240.0.0.1:443", false),
            ("255.255.255.255:443", false),
            ("223.255.255.255:443", true),
            ("1.1.1.1:443", true),
            // IPv6: loopback, unspecified, unique-local, link-local, site-local, multicast.
            ("[::1]:443", false),
            ("[::]:443", false),
            ("[fc00::1]:443", false),
            ("[fdff::1]:443", false),
            ("[fe80::1]:443", false),
            ("[fec0::1]:443", false),
            ("[ff02::1]:443", false),
            ("[2606:4700:4700::1111]:443", true),
            ("[2a00:1450::1]:443", true),
            // Documentation, protocol assignments, segment routing, discard, not assigned.
            ("[2001:db8::1]:443", false),
            ("[3fff:fff::1]:443", false),
            ("[3fff:1000::1]:443", true),
            ("[2001:1ff::1]:443", false),
            ("[2001:200::1]:443", true),
            ("[5f00::1]:443", false),
            ("[100::1]:443", false),
            ("[4000::1]:443", false),
        ],
    );
}

#[test]
fn an_address_inside_another_is_judged_too() {
    judge(
        &EgressRules::cluster(vec![]),
        &[
            ("[::ffff:10.0.0.1]:443", false),
            ("[::ffff:127.0.0.1]:443", false),
            ("[::ffff:1.1.1.1]:443", true),
            ("[64:ff9b::10.0.0.1]:443", false),
            ("[64:ff9b::127.0.0.1]:443", false),
            ("[64:ff9b::1.1.1.1]:443", true),
            ("[64:ff9b:1::1.1.1.1]:443", false),
            ("[::1.1.1.1]:443", false),
            ("[2002:101:101::1]:443", false),
            ("[2001:0:101:101::1]:443", false),
        ],
    );
    judge(
        &EgressRules::cluster(items(&["10.0.0.0/8"])),
        &[
            ("[::ffff:10.0.0.1]:443", true),
            ("[64:ff9b::10.0.0.1]:443", true),
            ("[::ffff:172.16.0.1]:443", false),
            ("[64:ff9b::172.16.0.1]:443", false),
            ("[::ffff:192.168.0.1]:443", false),
            ("[64:ff9b::192.168.0.1]:443", false),
        ],
    );
}

#[test]
fn what_is_listed_is_reached_in_a_cluster_and_nothing_near_it() {
    let rules = EgressRules::cluster(items(&["10.20.0.0/16", "192.168.7.7", "[fd00::5]:8443", "127.0.0.1:9000"]));
    judge(
        &rules,
        &[
            ("10.20.255.255:1", true),
            ("10.21.0.0:1", false),
            ("10.19.255.255:1", false),
            ("192.168.7.7:80", true),
            ("192.168.7.6:80", false),
            ("192.168.7.8:80", false),
            ("[fd00::5]:8443", true),
            ("[fd00::5]:443", false),
            ("[fd00::6]:8443", false),
            ("127.0.0.1:9000", true),
            ("127.0.0.1:9001", false),
            ("127.0.0.2:9000", false),
            ("1.1.1.1:443", true),
        ],
    );
}

const METADATA: [&str; 19] = [
    "169.254.169.254:80",
    "169.254.169.252:988",
    "169.254.170.2:80",
    "169.254.170.23:80",
    "169.254.0.23:80",
    "169.254.42.42:80",
    "100.100.100.200:80",
    "192.0.0.192:80",
    "168.63.129.16:80",
    "[fd00:ec2::254]:80",
    "[fd00:ec2::23]:80",
    "[fd20:ce::254]:80",
    "[fd00:42::42]:80",
    "[fe80::a9fe:a9fe]:80",
    "[::ffff:169.254.169.254]:80",
    "[64:ff9b::169.254.169.254]:80",
    "[64:ff9b:1::169.254.169.254]:80",
    "[2002:a9fe:a9fe::]:80",
    "[2001:0:1:2:3:4:5601:5601]:80",
];

#[test]
fn metadata_addresses_are_refused_everywhere_and_no_wider_network_opens_them() {
    let everything = ["0.0.0.0/0", "::/0", "169.254.0.0/16", "fd00::/8"];
    for rules in [
        EgressRules::cluster(vec![]),
        EgressRules::files(vec![]),
        EgressRules::cluster(items(&everything)),
        EgressRules::files(items(&everything)),
    ] {
        judge(&rules, &METADATA.map(|address| (address, false)));
    }
}

#[test]
fn a_metadata_address_is_reached_if_it_is_listed_itself() {
    for make in [EgressRules::cluster, EgressRules::files] {
        judge(
            &make(items(&["169.254.169.254", "[fd00:ec2::254]:80"])),
            &[
                ("169.254.169.254:80", true),
                ("[::ffff:169.254.169.254]:80", true),
                ("[64:ff9b::169.254.169.254]:80", false),
                ("169.254.170.2:80", false),
                ("[fd00:ec2::254]:80", true),
                ("[fd00:ec2::254]:443", false),
                ("[fd00:ec2::23]:80", false),
            ],
        );
    }
}

#[test]
fn files_reach_everything_until_the_list_narrows_it() {
    judge(
        &EgressRules::files(vec![]),
        &[
            ("127.0.0.1:80", true),
            ("10.0.0.1:80", true),
            ("[fe80::1]:80", true),
            ("1.1.1.1:443", true),
            ("169.254.169.254:80", false),
            ("[fd00:ec2::254]:80", false),
        ],
    );
    judge(
        &EgressRules::files(items(&["10.0.0.0/8"])),
        &[("10.0.0.1:80", true), ("127.0.0.1:80", false), ("1.1.1.1:443", false)],
    );
}

#[test]
fn an_item_is_a_network_an_address_or_an_address_and_port() {
    use EgressItemError::{Form, HostBits, Port};
    for (text, expected) in [
        ("10.0.0.0/8", Ok("10.0.0.0/8")),
        ("10.0.0.1/8", Err(HostBits)),
        ("10.0.0.0/33", Err(Form)),
        ("10.1.2.3", Ok("10.1.2.3")),
        ("10.1.2", Err(Form)),
        ("010.1.2.3", Err(Form)),
        ("10.1.2.3:443", Ok("10.1.2.3:443")),
        ("10.1.2.3:0", Err(Port)),
        ("10.1.2.3:70000", Err(Form)),
        ("10.1.2.3/32", Ok("10.1.2.3")),
        ("10.1.2.3/32:80", Err(Form)),
        ("idp.example.com", Err(Form)),
        ("*.example.com", Err(Form)),
        ("[fd00::1]:8443", Ok("[fd00::1]:8443")),
        ("fd00::/8", Ok("fd00::/8")),
        ("fd00::1/8", Err(HostBits)),
        ("::ffff:10.1.2.3", Ok("10.1.2.3")),
        ("::ffff:10.0.0.0/104", Err(Form)),
        ("", Err(Form)),
    ] {
        let read = text.parse::<EgressItem>().map(|item| item.to_string());
        assert_eq!(read, expected.map(str::to_owned), "{text:?}");
    }
}
