//! Which hosts are reached without the proxy: `NO_PROXY`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::wire::host::Host;

/// The list. There is no standard for it; this is the common ground of curl and Go. An item that is none of the forms
/// covers nothing, as there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bypass {
    items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Everything,
    Network(IpNet),
    /// The name itself, and all below it.
    Name {
        name: String,
        port: Option<u16>,
    },
    Address {
        address: IpAddr,
        port: u16,
    },
}

impl Bypass {
    pub(super) fn parse(list: &str) -> Self {
        Self { items: list.split([',', ' ']).filter(|item| !item.is_empty()).filter_map(item).collect() }
    }

    /// Whether the host, a name in lower case or an address without brackets, is reached directly.
    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let is_loopback = match address {
            Some(address) => address.is_loopback(),
            None => host == "localhost" || host.ends_with(".localhost"),
        };
        is_loopback
            || self.items.iter().any(|item| match item {
                Item::Everything => true,
                Item::Network(network) => address.is_some_and(|address| network.contains(&address)),
                Item::Address { address: own, port: own_port } => address == Some(*own) && port == *own_port,
                Item::Name { name, port: own } => {
                    address.is_none() && own.is_none_or(|own| own == port) && is_at_or_below(host, name)
                }
            })
    }
}

fn item(text: &str) -> Option<Item> {
    if text == "*" {
        return Some(Item::Everything);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Item::Network(address.to_canonical().into()));
    }
    if let Ok(network) = text.parse::<IpNet>() {
        return Some(Item::Network(network));
    }
    let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    let host = Host::parse(name.as_bytes()).ok()?;
    let bare = host.name().strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(host.name());
    match (bare.parse::<IpAddr>(), host.port()) {
        (Ok(address), Some(port)) => Some(Item::Address { address: address.to_canonical(), port }),
        (Ok(address), None) => Some(Item::Network(address.to_canonical().into())),
        (Err(_), port) => Some(Item::Name { name: host.name().to_owned(), port }),
    }
}

fn is_at_or_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
