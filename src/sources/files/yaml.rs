//! YAML as kubectl reads it: to JSON by the rules of YAML 1.1, before any type is known.
//!
//! kubectl turns YAML into JSON first and sends that, so what a plain scalar means does not depend on the field that it
//! stands in: `on` is `true`, `010` is 8 and `1.10` is 1.1 wherever they stand. Whoever wants text puts it in quotes.
//! The table in the tests was played to kubectl 1.36.
//!
//! Stricter than kubectl, which drops what comes first: a name may be in an object only once. And tags other than those
//! of JSON's own types are refused.
//!
//! Bounds, for a file that would rather be a bomb: 1,000,000 values, those that an alias stands for or an anchor keeps
//! counted each time, and a depth of 100.

mod build;
mod scalar;
#[cfg(test)]
mod tests;

use serde_json::Value;
use thiserror::Error;

use super::places::{Places, Position};

/// One document of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// Where it says it.
    pub places: Places,
}

/// Why a text is not the YAML that we take, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {}, column {}: {problem}", .at.line, .at.column)]
pub struct YamlError {
    /// The place.
    pub at: Position,
    /// What is wrong there.
    pub problem: YamlProblem,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum YamlProblem {
    /// It is not YAML. The words are the parser's.
    #[error("{0}")]
    Syntax(String),
    /// A control character, which YAML does not allow.
    #[error("control characters are not allowed")]
    Control,
    /// A name that the object has already.
    #[error("the name is there already in this object")]
    DuplicateName,
    /// A name that JSON cannot have: nothing, an object, a list, or a number without an exact form.
    #[error("a name must be text, a whole number, true or false")]
    Name,
    /// A number that JSON cannot have.
    #[error("the number is not finite")]
    NotFinite,
    /// A tag that is not one of JSON's types, or that the value does not fit.
    #[error("the tag is not one of !!str, !!int, !!float, !!bool, !!null, !!seq, !!map, or does not fit the value")]
    Tag,
    /// An alias whose anchor is not complete, or not in this document.
    #[error("the alias stands for nothing before it")]
    Alias,
    /// `<<` with something that has no members.
    #[error("<< takes an object or a list of objects")]
    Merge,
    /// Deeper than the bound.
    #[error("objects and lists are nested more than 100 deep")]
    TooDeep,
    /// More than the bound.
    #[error("there are more than 1,000,000 values, those of anchors and aliases counted each time")]
    TooMany,
}

impl YamlProblem {
    /// What to do about it.
    pub const fn cure(&self) -> &'static str {
        match self {
            Self::Syntax(_) => {
                "mend the line; indent with blanks, and quote text that holds `: ` or ` #` or begins with a sign"
            }
            Self::Control => "remove the character; in text in double quotes it can be written as an escape",
            Self::DuplicateName => "remove one of the two",
            Self::Name => "put the name in quotes",
            Self::NotFinite => "use a finite number, or put it in quotes",
            Self::Tag => "remove the tag; put text in quotes",
            Self::Alias => "put text that begins with * in quotes, or put the anchor before the alias",
            Self::Merge => "put << in quotes, or give it an object",
            Self::TooDeep => "nest less",
            Self::TooMany => "split the file, or use fewer aliases",
        }
    }
}

/// Every document of `text` that is not empty, in order.
pub fn read(text: &str) -> Result<Vec<Document>, YamlError> {
    build::documents(text)
}
