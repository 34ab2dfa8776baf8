//! Identities and numbers that must not be confused: objects, routes, keys, generations.
//!
//! Names are shared (`Arc<str>`), so that a table of ten thousand routes holds each once and a clone costs a counter.

mod quantity;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use quantity::{Bytes, QuantityError, parse_bytes, parse_duration};

/// The kinds of object that bearward reads. The order is the order in which output lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Our own: which requests go where, and who may make them.
    ApiRoute,
    /// Our own: which tokens are accepted.
    TokenPolicy,
    /// Our own: an AI model provider.
    ModelBackend,
    /// Kubernetes: a name and ports in front of endpoints.
    Service,
    /// Kubernetes: the addresses behind a Service.
    EndpointSlice,
    /// Kubernetes: key material.
    Secret,
    /// No object, but a file that objects are read from: what is wrong with the file itself is said of it. Its name is
    /// the path, its namespace empty.
    File,
}

impl Kind {
    /// Every kind of object, in order.
    pub const ALL: [Self; 6] =
        [Self::ApiRoute, Self::TokenPolicy, Self::ModelBackend, Self::Service, Self::EndpointSlice, Self::Secret];

    /// The name as YAML writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiRoute => "ApiRoute",
            Self::TokenPolicy => "TokenPolicy",
            Self::ModelBackend => "ModelBackend",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Secret => "Secret",
            Self::File => "File",
        }
    }

    /// The kind of this name, if it is one that bearward reads.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The API group of the kind; empty for the core group, and for what is no object.
    pub const fn group(self) -> &'static str {
        match self {
            Self::ApiRoute | Self::TokenPolicy | Self::ModelBackend => "bearward.dev",
            Self::Service | Self::Secret | Self::File => "",
            Self::EndpointSlice => "discovery.k8s.io",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One object: kind, namespace and name. Ordered, so that lists of objects are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub namespace: Arc<str>,
    /// What it is called there.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// The object of this kind, namespace and name.
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

/// `ApiRoute shop/orders`, or `File conf/orders.yaml`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        if *kind == Kind::File {
            write!(formatter, "{kind} {name}")
        } else {
            write!(formatter, "{kind} {namespace}/{name}")
        }
    }
}

/// Whether this is a DNS label, as namespaces and classes are (RFC 1123, section 2.1).
pub fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// `metadata.generation`: which edit of an object's spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// Which published snapshot; counts from one in each process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId(pub u64);
