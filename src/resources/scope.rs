//! Where objects come from.

use std::fmt;
use std::sync::Arc;

use crate::name::Kind;

/// One file or one watch. The order decides between two objects of one key: files in order of their paths, then watches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A file, by its path as it was given or found.
    File(Arc<str>),
    /// A watch of one kind, over one namespace or all.
    Watch {
        /// What is watched.
        kind: Kind,
        /// Where; `None`: everywhere.
        namespace: Option<Arc<str>>,
    },
}

/// The path, or `ApiRoute in shop`.
impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => formatter.write_str(path),
            Self::Watch { kind, namespace: Some(namespace) } => write!(formatter, "{kind} in {namespace}"),
            Self::Watch { kind, namespace: None } => write!(formatter, "{kind} everywhere"),
        }
    }
}
