//! What is wrong with a resource: code, severity, field path, cause, cure; and how it is rendered.
//!
//! A finding is about an object that somebody wrote, and is for its author. What a client is told is a refusal (see
//! `proxy`); what went wrong in our own surroundings is a fault.

mod code;
mod nearest;
mod path;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

pub use code::Code;
pub use nearest::{did_you_mean, nearest};
pub use path::{FieldPath, PathStep};

use crate::name::ObjectKey;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The object, or the named part of it, is not in force: requests for it are refused.
    Error,
    /// It is in force, and its author should know something.
    Warning,
}

impl Severity {
    /// As output writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong with one object. Ordered by object, field and code, so that equal input gives equal output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// The object to mend.
    pub object: ObjectKey,
    /// Where in it, such as `spec.rules[0].backends[1].service.port`.
    pub field: FieldPath,
    /// Which rule it breaks; stable, and explained in `docs/findings.md`.
    pub code: Code,
    /// What that means for requests.
    pub severity: Severity,
    /// What happened, what was expected, and the shape of the value; never the value of a credential.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
}

impl Finding {
    /// An error at `field` of `object`.
    pub fn error(
        object: &ObjectKey,
        field: FieldPath,
        code: Code,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self { object: object.clone(), field, code, severity: Severity::Error, cause: cause.into(), cure: cure.into() }
    }

    /// A warning at `field` of `object`.
    pub fn warning(
        object: &ObjectKey,
        field: FieldPath,
        code: Code,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(object, field, code, cause, cure) }
    }
}

/// One line: `error[BackendNotFound] ApiRoute shop/orders: spec.rules[0]…: cause; cure`.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, field, code, severity, cause, cure } = self;
        write!(formatter, "{}[{code}] {object}: {field}: {cause}; {cure}", severity.as_str())
    }
}

/// The findings of a set of objects, ordered and without repetition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    set: BTreeSet<Finding>,
}

impl Findings {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.set.insert(finding);
    }

    /// In order of object, field and code.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.set.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Whether some part of some object is not in force.
    pub fn has_errors(&self) -> bool {
        self.set.iter().any(|finding| finding.severity == Severity::Error)
    }
}

impl Extend<Finding> for Findings {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        self.set.extend(findings);
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<T: IntoIterator<Item = Finding>>(findings: T) -> Self {
        Self { set: findings.into_iter().collect() }
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::collections::btree_set::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.set.into_iter()
    }
}
