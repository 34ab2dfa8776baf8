//! What is wrong with an expression, and why one gave no answer.

use thiserror::Error;

use super::{MAX_BRACKETS, MAX_BYTES, MAX_DEPTH, MAX_OPERATORS};

/// Why an expression is refused when it is compiled; the words are for its author.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct ExprError {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What.
    pub problem: Problem,
}

impl ExprError {
    pub(super) const fn new(offset: usize, problem: Problem) -> Self {
        Self { offset, problem }
    }
}

/// What is wrong. A hint names what may have been meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The text is longer than [`MAX_BYTES`].
    #[error("the expression is {bytes} bytes long, and at most {MAX_BYTES} are taken")]
    TooLong {
        /// How long.
        bytes: usize,
    },
    /// Brackets nest deeper than [`MAX_BRACKETS`].
    #[error("brackets nest more than {MAX_BRACKETS} deep")]
    TooManyBrackets,
    /// More operators than [`MAX_OPERATORS`].
    #[error("the expression has more than {MAX_OPERATORS} operators")]
    TooManyOperators,
    /// Deeper than [`MAX_DEPTH`].
    #[error("operators, members and conditions nest more than {MAX_DEPTH} deep")]
    TooDeep,
    /// A character that stands for nothing in CEL, or for something else than meant.
    #[error("unexpected {character:?}{}", hint(*.instead))]
    Character {
        /// Which.
        character: char,
        /// What to write.
        instead: Option<&'static str>,
    },
    /// A literal that is not well formed.
    #[error("{0}")]
    Literal(&'static str),
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What could stand here.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// CEL has it, rules do not.
    #[error("{0}")]
    LeftOut(&'static str),
    /// No variable of this name.
    #[error("unknown name `{name}`{}; there are `claims`, `token` and `request`", did_you_mean(.hint.as_deref()))]
    UnknownName {
        /// Which.
        name: String,
        /// What may be meant.
        hint: Option<String>,
    },
    /// No such member.
    #[error("`{of}` has no member `{name}`{}", did_you_mean(.hint.as_deref()))]
    UnknownMember {
        /// Of what.
        of: &'static str,
        /// Which.
        name: String,
        /// What may be meant.
        hint: Option<String>,
    },
    /// `token` or `request` by itself.
    #[error("`{0}` is no value by itself: name one of its members, as in `{0}.{1}`")]
    NotAValue(&'static str, &'static str),
    /// No such function.
    #[error("unknown function `{name}`{}", did_you_mean(.hint.as_deref()))]
    UnknownFunction {
        /// Which.
        name: String,
        /// What may be meant.
        hint: Option<String>,
    },
    /// A function that is there, called in another way than it takes.
    #[error("`{function}` is called as `{form}`")]
    Call {
        /// Which.
        function: &'static str,
        /// How it is called.
        form: &'static str,
    },
    /// A function that does not take values of this type.
    #[error("`{function}` takes {takes}, not {found}")]
    Argument {
        /// Which.
        function: &'static str,
        /// What it takes.
        takes: &'static str,
        /// What it was given.
        found: &'static str,
    },
    /// An operator that does not take values of these types.
    #[error("`{operator}` takes {takes}, not {left} and {right}")]
    Operands {
        /// Which.
        operator: &'static str,
        /// What it takes.
        takes: &'static str,
        /// What stands left of it.
        left: &'static str,
        /// What stands right of it.
        right: &'static str,
    },
    /// Values that can never be equal.
    #[error("{left} and {right} are never equal")]
    NeverEqual {
        /// What stands left.
        left: &'static str,
        /// What stands right.
        right: &'static str,
    },
    /// A member or index of something that has none.
    #[error("{of} has no {part}")]
    NoParts {
        /// The type.
        of: &'static str,
        /// Members or items.
        part: &'static str,
    },
    /// A header's name with upper-case letters.
    #[error("names of headers are in lower case here: write '{lower}'")]
    HeaderCase {
        /// What to write.
        lower: String,
    },
    /// `headers.x-team` is a subtraction.
    #[error("`{name}` is read as a subtraction: write ['…'] for a member whose name is not a plain word")]
    Hyphen {
        /// What follows the hyphen.
        name: String,
    },
    /// The variable of a comprehension has the name of something else.
    #[error("`{0}` is taken: give the variable another name")]
    NameTaken(String),
    /// A comprehension inside another.
    #[error("`{0}` stands inside another comprehension, which could take for ever")]
    Nested(&'static str),
    /// A regular expression that is not one, or is too large.
    #[error("{0}")]
    Pattern(String),
    /// The whole is not true or false.
    #[error("the expression is {0}, and must be true or false")]
    NotBool(&'static str),
}

fn hint(instead: Option<&str>) -> String {
    instead.map(|instead| format!(": write {instead}")).unwrap_or_default()
}

fn did_you_mean(hint: Option<&str>) -> String {
    hint.map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default()
}

/// Why an expression gave no answer for a request. To the client it is as if it were false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum EvalError {
    /// A claim, header, parameter or list item is not there.
    #[error("a value is missing")]
    Missing,
    /// A value is of another type than the expression needs.
    #[error("a value has the wrong type")]
    Type,
    /// A number is too large for its type, or is divided by zero.
    #[error("a number is out of range")]
    Range,
    /// A header is not text, or a parameter is repeated or not text.
    #[error("a header or parameter is not text, or a parameter is repeated")]
    Unreadable,
    /// It would take more than [`super::MAX_STEPS`], or a list longer than [`super::MAX_ITEMS`].
    #[error("the evaluation would cost too much")]
    Cost,
}
