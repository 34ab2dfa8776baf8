//! What the world outside said of something that resources name: key sets that were fetched, names that were resolved,
//! keys that were rotated.
//!
//! The keys and addresses themselves go into cells of the snapshot. A report carries only what its users should know, so
//! that it becomes a finding on the objects that name the source, by the same way as every other finding.

use std::sync::Arc;

use crate::finding::{Code, Severity};
use crate::name::ObjectKey;

/// Where a key set comes from. Two policies that name the same source share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySource {
    /// The issuer whose metadata names the key set, or the URL of the key set itself.
    pub place: KeyPlace,
    /// The policy allows plain HTTP.
    pub insecure_http: bool,
}

/// How a key set is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyPlace {
    /// By the metadata of this issuer (OpenID Connect Discovery, section 4; RFC 8414, section 3).
    Discovery(Arc<str>),
    /// At this URL.
    Url(Arc<str>),
}

/// A host name and port that a resource names, whose addresses are looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName {
    /// The name, in lower case.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
}

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportKey {
    /// A key set.
    Keys(KeySource),
    /// The addresses of a name.
    Name(DnsName),
    /// The signing keys of this policy, by whoever rotates them.
    Signing(ObjectKey),
}

/// One thing that a report says; the object and field are those of whoever names the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportFinding {
    /// Which rule is broken.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub cause: String,
    /// What to do.
    pub cure: String,
}

/// What is known of one source. No report yet means that the first attempt has not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, in order; at most 16.
    pub findings: Vec<ReportFinding>,
}
