//! The store: objects by key and scope, the namespaces that are closed to us, reports, and who read what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Object, Report, ReportKey, Scope, Version};
use crate::finding::Finding;
use crate::name::ObjectKey;

/// What a source says.
#[derive(Debug)]
pub enum Update {
    /// These are all objects of the scope now: a file was read, a watch has listed. What was there and is not any more
    /// is gone.
    Replace {
        /// Which file or watch.
        scope: Scope,
        /// All of it.
        objects: Vec<Object>,
        /// What is wrong with the scope itself, such as a document that is no object of ours; ends with the next
        /// `Replace`.
        findings: Vec<Finding>,
        /// As of when.
        version: Version,
    },
    /// This object is new or has changed.
    Apply {
        /// Which watch.
        scope: Scope,
        /// The object.
        object: Object,
    },
    /// This object is gone.
    Remove {
        /// Which watch.
        scope: Scope,
        /// The object.
        key: ObjectKey,
        /// As of when.
        version: Version,
    },
    /// Nothing happened in the scope up to this version (a bookmark).
    Version {
        /// Which watch.
        scope: Scope,
        /// As of when.
        version: Version,
    },
    /// The scope cannot be read: the API server refuses us. Its objects are gone.
    Forbid {
        /// Which watch.
        scope: Scope,
    },
    /// The scope is gone: a file was removed, a namespace is not watched any more.
    Withdraw {
        /// Which.
        scope: Scope,
    },
    /// News of a source that resources name.
    Report {
        /// Which.
        key: ReportKey,
        /// What.
        report: Report,
    },
}

/// What a reader looked up. Readers are told when any of it changes, comes or goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lookup {
    /// One object, there or not.
    Object(ObjectKey),
    /// All objects of a kind in a namespace, such as the Secrets that a selector chooses from.
    Namespace(crate::name::Kind, Arc<str>),
    /// Whether a scope is closed to us.
    Scope(Scope),
    /// A report, there or not.
    Report(ReportKey),
}

/// Every input object in force. Grows with what its sources hold; they bound what they hold.
#[derive(Debug, Default)]
pub struct Resources {
    _objects: BTreeMap<ObjectKey, Arc<Object>>,
    _forbidden: BTreeSet<Scope>,
}
