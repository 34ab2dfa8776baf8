//! Names to addresses: the trait, the system's resolver, and a table of fixed names for tests and the demo.
//!
//! Two rules hold for every implementation: an address stands for itself, and `localhost` and all below it is the
//! loopback interface without asking anybody (RFC 6761, section 6.3).

mod fixed;
mod system;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::time::Duration;

use thiserror::Error;

pub use fixed::FixedNames;
pub use system::{ResolverSetupError, SystemResolver};

/// The shortest time after which a name is looked up again, whatever its time to live.
pub const MIN_TTL: Duration = Duration::from_secs(5);
/// The longest, so that an address that was given up is not dialled for a day.
pub const MAX_TTL: Duration = Duration::from_mins(5);

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    addresses: Vec<IpAddr>,
    ttl: Duration,
}

impl Resolved {
    /// These addresses, for that long within 5 s and 5 min; `NotFound` if there are none.
    pub fn new(addresses: Vec<IpAddr>, ttl: Duration) -> Result<Self, ResolveError> {
        if addresses.is_empty() {
            return Err(ResolveError::NotFound);
        }
        Ok(Self { addresses, ttl: ttl.clamp(MIN_TTL, MAX_TTL) })
    }

    /// At least one, in the order of the answer.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// After which time to look again: within 5 s and 5 min.
    pub const fn ttl(&self) -> Duration {
        self.ttl
    }
}

/// Why a name leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// The name servers say so.
    #[error("the name does not exist, or has no addresses")]
    NotFound,
    /// No name server answered in time.
    #[error("no name server answered in time")]
    TimedOut,
    /// The name servers answered that they cannot say, or could not be reached.
    #[error("the name could not be looked up: {0}")]
    Failed(Box<str>),
}

/// A look-up under way.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Resolved, ResolveError>> + Send + 'a>>;

/// Looks names up.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, which is a name in lower case or an address without brackets. Takes as long as the name
    /// servers do; whoever asks sets a limit.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// What needs no look-up: addresses, and names of the loopback interface.
fn by_rule(host: &str) -> Option<Resolved> {
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) if is_localhost(host) => vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        Err(_) => return None,
    };
    Some(Resolved { addresses, ttl: MAX_TTL })
}

/// `localhost`, and every name below it.
fn is_localhost(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let top = name.rsplit('.').next().unwrap_or(name);
    top.eq_ignore_ascii_case("localhost")
}
