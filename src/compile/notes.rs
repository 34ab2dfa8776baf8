//! Collects what is wrong with one object, and where in it.

use crate::finding::{Code, FieldPath, Finding, PathStep, Severity};
use crate::name::ObjectKey;
use crate::resources::{Report, ReportFinding};

/// What is wrong, before it is known whose field it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) cause: String,
    pub(super) cure: String,
}

impl Problem {
    pub(super) fn new(code: Code, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { code, cause: cause.into(), cure: cure.into() }
    }

    /// A problem whose cure is the general one of its code.
    pub(super) fn plain(code: Code, cause: impl Into<String>) -> Self {
        Self::new(code, cause, code.cure())
    }

    /// A value that the schema cannot say is wrong.
    pub(super) fn value(cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(Code::InvalidValue, cause, cure)
    }
}

/// The findings on one object so far.
#[derive(Debug)]
pub(super) struct Notes {
    object: ObjectKey,
    findings: Vec<Finding>,
}

impl Notes {
    pub(super) const fn new(object: ObjectKey) -> Self {
        Self { object, findings: Vec::new() }
    }

    /// Notes an error; the code is what requests are refused with.
    pub(super) fn error(&mut self, at: &At<'_>, problem: Problem) -> Code {
        self.error_at(at.path(), problem)
    }

    /// As [`Notes::error`], for a path that is a path already.
    pub(super) fn error_at(&mut self, field: FieldPath, problem: Problem) -> Code {
        let Problem { code, cause, cure } = problem;
        self.findings.push(Finding::error(&self.object, field, code, cause, cure));
        code
    }

    /// Notes something that does not keep the object from being in force.
    pub(super) fn warning(&mut self, at: &At<'_>, problem: Problem) {
        let Problem { code, cause, cure } = problem;
        self.findings.push(Finding::warning(&self.object, at.path(), code, cause, cure));
    }

    /// What a source is reported to have becomes findings of whoever names it.
    pub(super) fn report(&mut self, report: Option<&Report>, at: &At<'_>) {
        for ReportFinding { code, severity, cause, cure } in report.into_iter().flat_map(|report| &report.findings) {
            let problem = Problem::new(*code, cause.as_str(), cure.as_str());
            match severity {
                Severity::Error => {
                    self.error(at, problem);
                }
                Severity::Warning => self.warning(at, problem),
            }
        }
    }

    pub(super) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) const fn object(&self) -> &ObjectKey {
        &self.object
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// A place in an object. Unlike a [`FieldPath`] it costs nothing until something is wrong there.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    parent: Option<&'a Self>,
    step: PathStep<'a>,
}

impl<'a> At<'a> {
    /// `spec`.
    pub(super) const fn spec() -> Self {
        Self { parent: None, step: PathStep::Field("spec") }
    }

    /// The member `name` of this.
    pub(super) const fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: PathStep::Field(name) }
    }

    /// Item `index` of this.
    pub(super) const fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: PathStep::Index(index) }
    }

    /// The path as findings have it.
    pub(super) fn path(&self) -> FieldPath {
        let parent = self.parent.map_or_else(FieldPath::root, Self::path);
        match self.step {
            PathStep::Field(name) => parent.field(name),
            PathStep::Index(index) => parent.index(index),
        }
    }
}
