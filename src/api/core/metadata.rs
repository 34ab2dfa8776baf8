//! What every object says about itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::null_is_empty;

/// The part of `metadata` that bearward reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// The name of the object.
    pub name: String,
    /// Its namespace; empty in a file that does not say, where the reader of the file supplies it.
    pub namespace: String,
    /// Its labels.
    #[serde(deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[serde(deserialize_with = "null_is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The identity of this object among all that ever had its name; empty in files.
    pub uid: String,
    /// How old its content is; compares within one resource. Empty in files.
    pub resource_version: String,
    /// Which edit of its spec this is, where the resource counts them; 0 in files and for kinds that do not count.
    pub generation: i64,
}
