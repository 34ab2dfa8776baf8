//! What kind of address an address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where clouds answer with credentials to whoever asks. Public by its number is only Azure's, 168.63.129.16.
const METADATA_V4: [Ipv4Addr; 9] = [
    // AWS, Google, Azure, OpenStack, Oracle, IBM, DigitalOcean, Hetzner and more.
    Ipv4Addr::new(169, 254, 169, 254),
    // Google's for pods.
    Ipv4Addr::new(169, 254, 169, 252),
    // AWS: credentials of containers, and of pods.
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    // Tencent.
    Ipv4Addr::new(169, 254, 0, 23),
    // Scaleway.
    Ipv4Addr::new(169, 254, 42, 42),
    // Alibaba.
    Ipv4Addr::new(100, 100, 100, 200),
    // Oracle, the older one.
    Ipv4Addr::new(192, 0, 0, 192),
    // Azure: the wire server.
    Ipv4Addr::new(168, 63, 129, 16),
];

const METADATA_V6: [Ipv6Addr; 5] = [
    // AWS, and its credentials of pods.
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    // Google.
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    // Scaleway.
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
    // OpenStack.
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// Where a packet to an address may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// The address itself; of an IPv4-mapped one the IPv4 address, since that is what the kernel dials.
    pub(super) address: IpAddr,
    /// The IPv4 address that a gateway on the way would take out of it.
    pub(super) inner: Option<IpAddr>,
}

impl Reach {
    pub(super) fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let inner = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => inner(address).map(IpAddr::V4),
        };
        Self { address, inner }
    }

    pub(super) fn is_metadata(self) -> bool {
        std::iter::once(self.address).chain(self.inner).any(|end| match end {
            IpAddr::V4(address) => METADATA_V4.contains(&address),
            IpAddr::V6(address) => METADATA_V6.contains(&address),
        })
    }

    /// Whether everybody on the internet reaches it, so that reaching it through us gains nobody anything. An address of
    /// the well-known NAT64 prefix is as public as the one inside: clusters without IPv4 reach the rest of the world by
    /// it (RFC 6052, section 3.1).
    pub(super) fn is_public(self) -> bool {
        match (self.address, self.inner) {
            (IpAddr::V4(address), _) => is_public_v4(address),
            (IpAddr::V6(address), Some(IpAddr::V4(inner))) if is_nat64(address) => is_public_v4(inner),
            (IpAddr::V6(address), _) => is_public_v6(address),
        }
    }
}

/// `64:ff9b::/96`.
fn is_nat64(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x64, 0xff9b, 0, 0, 0, 0, _, _])
}

/// The IPv4 address inside an IPv6 address that is made of one.
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = || {
        let [.., a, b, c, d] = address.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        // Unspecified and loopback, not IPv4-compatible.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // IPv4-compatible (RFC 4291, section 2.5.5.1), and NAT64 with the well-known and with a local prefix (RFC 6052,
        // RFC 8215).
        [0, 0, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => Some(last()),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))),
        // Teredo (RFC 4380): the client's address with every bit inverted.
        [0x2001, 0, ..] => Some(Ipv4Addr::from(!u32::from(last()))),
        _ => None,
    }
}

/// Not in the IANA registry of special-purpose addresses, and not multicast or reserved.
fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

/// In `2000::/3`, which is all that is assigned to the internet, and not in the part of it that the IANA registry of
/// special-purpose addresses takes out: `2001::/23`, `2001:db8::/32`, `2002::/16`, `3fff::/20`.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    matches!(segments, [0x2000..=0x3fff, ..])
        && !matches!(segments, [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..])
}
