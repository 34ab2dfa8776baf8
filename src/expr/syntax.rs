//! An expression as it is written: the tree that the parser makes and the checker reads.

use super::MAX_DEPTH;
use super::error::{ExprError, Problem};
use super::node::{Arithmetic, Constant, Order};

/// A part of an expression.
#[derive(Debug)]
pub(super) struct Syntax<'s> {
    /// Where it starts, or where the operator, dot or bracket stands that makes it.
    pub(super) at: usize,
    /// How many parts are inside each other here, this one counted. At most [`MAX_DEPTH`]: everything that walks the
    /// tree recurses so deep.
    depth: u8,
    pub(super) form: Form<'s>,
}

/// What a part is.
#[derive(Debug)]
pub(super) enum Form<'s> {
    Constant(Constant),
    Name(&'s str),
    Member(Box<Syntax<'s>>, &'s str),
    Index(Box<[Syntax<'s>; 2]>),
    /// What it is called on, if anything, its name and its arguments.
    Call(Option<Box<Syntax<'s>>>, &'s str, Vec<Syntax<'s>>),
    List(Vec<Syntax<'s>>),
    Not(Box<Syntax<'s>>),
    Negate(Box<Syntax<'s>>),
    And(Vec<Syntax<'s>>),
    Or(Vec<Syntax<'s>>),
    /// Condition, then, else.
    Choose(Box<[Syntax<'s>; 3]>),
    Binary(Binary, Box<[Syntax<'s>; 2]>),
}

/// An operator with two sides that always evaluates both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Equal,
    NotEqual,
    In,
    Order(Order),
    Arithmetic(Arithmetic),
}

impl<'s> Syntax<'s> {
    pub(super) fn new(at: usize, form: Form<'s>) -> Result<Self, ExprError> {
        let inside = match &form {
            Form::Constant(_) | Form::Name(_) => 0,
            Form::Member(part, _) | Form::Not(part) | Form::Negate(part) => part.depth,
            Form::Index(parts) | Form::Binary(_, parts) => deepest(&parts[..]),
            Form::Choose(parts) => deepest(&parts[..]),
            Form::List(parts) | Form::And(parts) | Form::Or(parts) => deepest(parts),
            Form::Call(on, _, arguments) => deepest(arguments).max(on.as_ref().map_or(0, |on| on.depth)),
        };
        if inside >= MAX_DEPTH {
            return Err(ExprError::new(at, Problem::TooDeep));
        }
        Ok(Self { at, depth: inside + 1, form })
    }
}

fn deepest(parts: &[Syntax<'_>]) -> u8 {
    parts.iter().map(|part| part.depth).max().unwrap_or(0)
}
