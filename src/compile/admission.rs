//! Checks an object of ours against the schema that `crds/` holds.

use serde_json::{Map, Value};

use crate::finding::{Code, FieldPath};
use crate::name::Kind;

/// One way in which an object breaks its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where.
    pub field: FieldPath,
    /// Which rule.
    pub code: Code,
    /// What is there and what was expected.
    pub cause: String,
    /// What to do.
    pub cure: String,
}

/// Every way in which `object`, a document without `metadata` and `status`, breaks the schema of `kind`.
pub fn check(kind: Kind, object: &Map<String, Value>) -> Vec<Violation> {
    let _ = (kind, object);
    Vec::new()
}

/// The object as the types of `api` read it.
pub fn as_stored(object: Map<String, Value>) -> Map<String, Value> {
    object
}
