//! Where connections may go: judged by the address that is dialled, after the name was resolved, never by the name
//! alone.
//!
//! ```text
//!            metadata address?  ── yes ─► only an item that is this very address
//!                  │ no
//! in a cluster:  public, or listed          files: nothing listed, or listed
//! ```
//!
//! An address that carries another one inside (IPv4-mapped, NAT64, 6to4, Teredo) is judged by both, because a packet to
//! it may end at either.

mod class;
mod item;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

pub use item::{EgressItem, EgressItemError};

use class::Reach;

/// The addresses that this process may dial for users: key sets, and upstreams by URL. Services are not judged by it:
/// their addresses come from the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressRules {
    mode: Mode,
    listed: Vec<EgressItem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// URLs are written by tenants.
    Cluster,
    /// URLs are written by the operator.
    Files,
}

impl EgressRules {
    /// In a cluster: public addresses and what is listed. A URL is written by a tenant there, and must not reach what
    /// the tenant himself could not.
    pub const fn cluster(listed: Vec<EgressItem>) -> Self {
        Self { mode: Mode::Cluster, listed }
    }

    /// With files: every address if nothing is listed, else only what is. The files are the operator's own.
    pub const fn files(listed: Vec<EgressItem>) -> Self {
        Self { mode: Mode::Files, listed }
    }

    /// Whether `address` may be dialled. The metadata service of a cloud hands its machine's credentials to whoever
    /// asks, so no network that merely covers it opens it.
    pub fn permits(&self, address: SocketAddr) -> bool {
        let reach = Reach::of(address.ip());
        if reach.is_metadata() {
            return self.listed.iter().any(|item| item.is_exactly(reach.address, address.port()));
        }
        let mut ends = std::iter::once(reach.address).chain(reach.inner);
        let is_listed = ends.any(|end| self.listed.iter().any(|item| item.covers(end, address.port())));
        match self.mode {
            Mode::Cluster => is_listed || reach.is_public(),
            Mode::Files => is_listed || self.listed.is_empty(),
        }
    }
}
