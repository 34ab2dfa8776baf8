//! Where in an object a finding points.

use std::fmt;

/// A path into an object, such as `spec.rules[0].backends[1]`; empty for the object as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    // Before `Field`, so that the order of a list's members does not depend on the digits of their index.
    Index(usize),
    Field(String),
}

/// One step of a path, as [`FieldPath::steps`] shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathStep<'a> {
    /// A member of an object.
    Field(&'a str),
    /// An item of a list, from zero.
    Index(usize),
}

impl FieldPath {
    /// The object itself.
    pub const fn root() -> Self {
        Self { steps: Vec::new() }
    }

    /// The path to `spec`.
    pub fn spec() -> Self {
        Self::root().field("spec")
    }

    /// The path to the member `name` of this.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        let mut steps = self.steps.clone();
        steps.push(Step::Field(name.to_owned()));
        Self { steps }
    }

    /// The path to item `index` of this.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.steps.clone();
        steps.push(Step::Index(index));
        Self { steps }
    }

    /// From the object inwards.
    pub fn steps(&self) -> impl Iterator<Item = PathStep<'_>> {
        self.steps.iter().map(|step| match step {
            Step::Index(index) => PathStep::Index(*index),
            Step::Field(name) => PathStep::Field(name),
        })
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                Step::Index(index) => write!(formatter, "[{index}]")?,
                Step::Field(name) if position == 0 => formatter.write_str(name)?,
                Step::Field(name) => write!(formatter, ".{name}")?,
            }
        }
        Ok(())
    }
}
