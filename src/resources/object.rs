//! One input object: what it says about itself, and its content.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::api::core;
use crate::clock::UnixTime;
use crate::finding::{Code, FieldPath, Finding};
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
    /// A Secret that is there and is not taken, and why; its source says so with a finding of its own.
    Withheld(Code, String),
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

    /// What is wrong with an object of Kubernetes' own that could not be decoded.
    pub fn undecodable(&self) -> Option<Finding> {
        let Body::Undecodable(reason) = &self.body else { return None };
        Some(Finding::error(
            self.key(),
            FieldPath::root(),
            Code::InvalidValue,
            format!("the object could not be read: {reason}"),
            "Correct the object; until then it counts as absent.",
        ))
    }

    /// Whether whatever is compiled of this object would come out the same of the other: all that counts is equal. A
    /// version, an annotation and a status do not count, nor do the labels of our own kinds.
    pub fn has_content_of(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.meta, &other.meta);
        ours.uid == theirs.uid
            && ours.generation == theirs.generation
            && ours.created == theirs.created
            && match (&self.body, &other.body) {
                (Body::Ours(ours), Body::Ours(theirs)) => ours == theirs,
                (Body::Service(one), Body::Service(two)) => one.spec == two.spec && ours.labels == theirs.labels,
                (Body::EndpointSlice(one), Body::EndpointSlice(two)) => {
                    one.address_type == two.address_type
                        && one.endpoints == two.endpoints
                        && one.ports == two.ports
                        && ours.labels == theirs.labels
                }
                (Body::Secret(one), Body::Secret(two)) => {
                    one.kind == two.kind && ours.labels == theirs.labels && has_data_of(one, two)
                }
                (Body::Undecodable(one), Body::Undecodable(two)) => one == two && ours.labels == theirs.labels,
                (Body::Withheld(code, one), Body::Withheld(other, two)) => {
                    code == other && one == two && ours.labels == theirs.labels
                }
                (
                    Body::Ours(_)
                    | Body::Service(_)
                    | Body::EndpointSlice(_)
                    | Body::Secret(_)
                    | Body::Undecodable(_)
                    | Body::Withheld(..),
                    _,
                ) => false,
            }
    }
}

fn has_data_of(one: &core::Secret, two: &core::Secret) -> bool {
    one.data.len() == two.data.len()
        && one.data.iter().all(|(name, bytes)| two.data.get(name).is_some_and(|other| bytes.matches(other.expose())))
}

/// The content is left out: it may be a Secret.
impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Object").field("meta", &self.meta).finish_non_exhaustive()
    }
}
