//! Where each part of a document stands in its file, so that a finding can show its line.

use crate::finding::{FieldPath, PathStep};

/// A place in a file: line and column, both from one, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// From one place up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The one after the last.
    pub end: Position,
}

/// Where a value stands, and everything in it. What an alias stands for stands where its anchor does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The name before the value, where it is a member of an object.
    pub key: Option<Span>,
    /// The value; of an object or list in block style, where it begins.
    pub value: Span,
    pub(super) parts: Parts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    None,
    Members(Vec<(Box<str>, Places)>),
    Items(Vec<Places>),
}

impl Places {
    /// The place of what `path` leads to; as far as it leads, where the rest is not there.
    pub fn find(&self, path: &FieldPath) -> &Self {
        let mut here = self;
        for step in path.steps() {
            match here.step(step) {
                Some(next) => here = next,
                None => break,
            }
        }
        here
    }

    fn step(&self, step: PathStep<'_>) -> Option<&Self> {
        match (&self.parts, step) {
            (Parts::Members(members), PathStep::Field(name)) => {
                members.iter().find(|(member, _)| **member == *name).map(|(_, places)| places)
            }
            (Parts::Items(items), PathStep::Index(index)) => items.get(index),
            (Parts::None | Parts::Members(_) | Parts::Items(_), _) => None,
        }
    }

    /// The place of a member of this object.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.step(PathStep::Field(name))
    }

    /// The place of each item of this list.
    pub(super) fn into_items(self) -> Vec<Self> {
        match self.parts {
            Parts::Items(items) => items,
            Parts::None | Parts::Members(_) => Vec::new(),
        }
    }

    /// The places of these members alone.
    pub(super) fn take_member(&mut self, name: &str) -> Option<Self> {
        let Parts::Members(members) = &mut self.parts else { return None };
        let index = members.iter().position(|(member, _)| **member == *name)?;
        Some(members.swap_remove(index).1)
    }
}
