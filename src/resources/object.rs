//! One input object: what it says about itself, and its content.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::api::core;
use crate::clock::UnixTime;
use crate::name::{Generation, ObjectKey};

/// A resource version. Versions of one resource compare (Kubernetes 1.35 and later, KEP-5504); zero where a source has
/// none, as files do, or where the text is not a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// Reads `metadata.resourceVersion`.
    pub fn parse(text: &str) -> Self {
        Self(text.parse().unwrap_or_default())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// What an object says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Which object.
    pub key: ObjectKey,
    /// Its identity among all that ever had its name; empty in files.
    pub uid: Box<str>,
    /// How old its content is.
    pub version: Version,
    /// Which edit of its spec; zero in files and for kinds that do not count.
    pub generation: Generation,
    /// When it was created. Files count one millisecond a document, in the order of paths and documents, so that age is
    /// file order.
    pub created: UnixTime,
    /// Its labels.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// Its annotations; `managedFields` and `kubectl.kubernetes.io/last-applied-configuration` are left out.
    pub annotations: BTreeMap<Box<str>, Box<str>>,
}

/// An object's content.
pub enum Body {
    /// One of our own kinds: the document without `metadata` and `status`, not yet judged. `compile` checks it against
    /// the schema, so that a file and the API server are judged alike.
    Ours(Map<String, Value>),
    /// A Service.
    Service(core::Service),
    /// An EndpointSlice.
    EndpointSlice(core::EndpointSlice),
    /// A Secret that offers itself by its label `bearward.dev/use`.
    Secret(core::Secret),
    /// An object of Kubernetes' own that could not be decoded, and why, in words without any value.
    Undecodable(String),
}

/// One input object. Shared, and never changed: an edit is a new one.
pub struct Object {
    /// What it says about itself.
    pub meta: Meta,
    /// Its content.
    pub body: Body,
}

impl Object {
    /// Which object it is.
    pub const fn key(&self) -> &ObjectKey {
        &self.meta.key
    }
}

/// The content is left out: it may be a Secret.
impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Object").field("meta", &self.meta).finish_non_exhaustive()
    }
}
