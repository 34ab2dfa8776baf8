//! One item of `--egress-allow`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use thiserror::Error;

/// A network, an address, or an address and port: `10.20.0.0/16`, `10.20.1.2`, `[fd00::1]:8443`. A host name is none: it
/// leads wherever those say who run its DNS, so listing it would list everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressItem {
    network: IpNet,
    port: Option<u16>,
}

/// Why a text is no item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EgressItemError {
    /// None of the three forms.
    #[error("expected a network such as 10.20.0.0/16, an address, or an address and port")]
    Form,
    /// `10.20.1.2/16` may mean one address or many.
    #[error("the network has bits set beyond its prefix")]
    HostBits,
    /// Port zero is none.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

impl EgressItem {
    /// Whether it lists this address and port.
    pub(super) fn covers(&self, address: IpAddr, port: u16) -> bool {
        self.network.contains(&address) && self.port.is_none_or(|own| own == port)
    }

    /// Whether it lists this address and no other.
    pub(super) fn is_exactly(&self, address: IpAddr, port: u16) -> bool {
        self.covers(address, port) && self.network.prefix_len() == self.network.max_prefix_len()
    }
}

impl FromStr for EgressItem {
    type Err = EgressItemError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { network: IpNet::from(address.to_canonical()), port: None });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            let port = Some(address.port()).filter(|port| *port > 0).ok_or(EgressItemError::Port)?;
            return Ok(Self { network: IpNet::from(address.ip().to_canonical()), port: Some(port) });
        }
        let network: IpNet = text.parse().map_err(|_| EgressItemError::Form)?;
        // Addresses are compared as what the kernel dials, so an IPv4-mapped network would cover none.
        if network.addr() != network.addr().to_canonical() {
            return Err(EgressItemError::Form);
        }
        if network.trunc() == network { Ok(Self { network, port: None }) } else { Err(EgressItemError::HostBits) }
    }
}

/// As it is written: one address without its prefix.
impl fmt::Display for EgressItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_one = self.network.prefix_len() == self.network.max_prefix_len();
        match self.port {
            Some(port) => write!(formatter, "{}", SocketAddr::new(self.network.addr(), port)),
            None if is_one => write!(formatter, "{}", self.network.addr()),
            None => write!(formatter, "{}", self.network),
        }
    }
}
