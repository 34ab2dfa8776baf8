//! An expression as it is evaluated: what the checker makes of the syntax. It cannot be wrong in what is known without a
//! request.

use super::pattern::Pattern;

/// A part of an expression.
#[derive(Debug)]
pub(super) enum Node {
    Constant(Constant),
    Input(Input),
    /// The variable of the comprehension around it; there is one at most.
    Variable,
    Member(Box<Node>, Box<str>),
    /// Whether the member is there.
    Has(Box<Node>, Box<str>),
    Index(Box<[Node; 2]>),
    List(Box<[Node]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Choose(Box<[Node; 3]>),
    Equal(Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Order(Order, Box<[Node; 2]>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    /// A function of one value.
    Of(Function, Box<Node>),
    /// A test of one text against another.
    Text(TextTest, Box<[Node; 2]>),
    Matches(Box<Node>, Box<Pattern>),
    Comprehension(Box<Comprehension>),
}

/// A value that the expression writes out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
}

/// A value that comes with each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Claims,
    Policy,
    Entry,
    Issuer,
    Scopes,
    Method,
    Host,
    Path,
    Ip,
    Headers,
    Query,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is done with two numbers; texts and lists can be added as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// Characters of a text, items of a list or members of a map.
    Size,
    /// As text.
    ToText,
    /// As a whole number.
    ToInt,
}

/// A test of one text against another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

/// Something said of every item of a list, or of every name in a map.
#[derive(Debug)]
pub(super) struct Comprehension {
    pub(super) kind: ComprehensionKind,
    pub(super) range: Node,
    /// What is evaluated for each item.
    pub(super) body: Node,
}

/// What a comprehension makes of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ComprehensionKind {
    /// Whether the body is true of all.
    All,
    /// Whether it is true of any.
    Exists,
    /// Whether it is true of exactly one.
    ExistsOne,
    /// Those of which it is true.
    Filter,
    /// What it makes of each.
    Map,
}
