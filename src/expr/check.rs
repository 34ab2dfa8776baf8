//! From [`Syntax`] to [`Node`]: names, members, functions, arguments and kinds are checked against what is declared.

mod calls;
mod operators;

use super::declared::{CLAIMS, RECORDS, Record, names, record};
use super::error::{ExprError, Problem};
use super::kind::Kind;
use super::node::{Constant, Input, Node};
use super::syntax::{Form, Syntax};
use crate::finding::nearest;

/// Checks a whole expression.
pub(super) fn check(syntax: &Syntax<'_>) -> Result<Node, ExprError> {
    let (node, kind) = Checker { variable: None }.value(syntax)?;
    if kind.may_be(Kind::Bool) { Ok(node) } else { Err(ExprError::new(syntax.at, Problem::NotBool(kind.name()))) }
}

/// What was made of a part, and what kind of value it gives.
type Checked = Result<(Node, Kind), ExprError>;

struct Checker<'s> {
    /// The variable of the comprehension that is being checked, and its kind.
    variable: Option<(&'s str, Kind)>,
}

impl<'s> Checker<'s> {
    fn value(&mut self, syntax: &Syntax<'s>) -> Checked {
        let at = syntax.at;
        match &syntax.form {
            Form::Constant(constant) => Ok((Node::Constant(constant.clone()), kind_of(constant))),
            Form::Name(name) => self.name(at, name),
            Form::Member(of, name) => self.member(at, of, name),
            Form::Index(parts) => self.index(at, parts),
            Form::Call(on, name, arguments) => self.call(at, on.as_deref(), name, arguments),
            Form::List(items) => self.list(items),
            Form::Not(part) => Ok((Node::Not(Box::new(self.bool(part, "!")?)), Kind::Bool)),
            Form::Negate(part) => self.negation(at, part),
            Form::And(terms) => Ok((Node::And(self.terms(terms, "&&")?), Kind::Bool)),
            Form::Or(terms) => Ok((Node::Or(self.terms(terms, "||")?), Kind::Bool)),
            Form::Choose(parts) => self.choice(parts),
            Form::Binary(operator, parts) => self.binary(at, *operator, parts),
        }
    }

    /// A part that must be true or false.
    fn bool(&mut self, syntax: &Syntax<'s>, function: &'static str) -> Result<Node, ExprError> {
        let (node, kind) = self.value(syntax)?;
        if kind.may_be(Kind::Bool) {
            return Ok(node);
        }
        Err(ExprError::new(syntax.at, Problem::Argument { function, takes: "bool", found: kind.name() }))
    }

    fn terms(&mut self, terms: &[Syntax<'s>], function: &'static str) -> Result<Box<[Node]>, ExprError> {
        terms.iter().map(|term| self.bool(term, function)).collect()
    }

    fn choice(&mut self, parts: &[Syntax<'s>; 3]) -> Checked {
        let [condition, then, otherwise] = parts;
        let condition = self.bool(condition, "?")?;
        let (then, kind) = self.value(then)?;
        let (otherwise, other) = self.value(otherwise)?;
        Ok((Node::Choose(Box::new([condition, then, otherwise])), kind.or(other)))
    }

    fn list(&mut self, items: &[Syntax<'s>]) -> Checked {
        let mut common = None;
        let items = items.iter().map(|item| {
            let (node, kind) = self.value(item)?;
            common = Some(common.map_or(kind, |common: Kind| common.or(kind)));
            Ok(node)
        });
        let items = items.collect::<Result<Box<[Node]>, ExprError>>()?;
        Ok((Node::List(items), common.unwrap_or(Kind::Any).list()))
    }

    fn name(&self, at: usize, name: &str) -> Checked {
        if let Some((_, kind)) = self.variable.filter(|(variable, _)| *variable == name) {
            return Ok((Node::Variable, kind));
        }
        if name == CLAIMS {
            return Ok((Node::Input(Input::Claims), Kind::Map(&Kind::Any)));
        }
        let problem = match record(name) {
            Some(record) => Problem::NotAValue(record.name, record.members.first().map_or("", |member| member.0)),
            None => self.unknown_name(name),
        };
        Err(ExprError::new(at, problem))
    }

    fn unknown_name(&self, name: &str) -> Problem {
        let known: Vec<_> = names().collect();
        let variable = self.variable.map(|(variable, _)| variable);
        let near = nearest(name, known.iter().map(|(_, short)| *short).chain(variable));
        let hint = near.map(|near| known.iter().find(|(_, short)| *short == near).map_or(near, |(whole, _)| whole));
        Problem::UnknownName { name: name.to_owned(), hint: hint.map(str::to_owned) }
    }

    /// The record that a part names, unless a variable hides it, which is refused where the variable is declared.
    fn record(syntax: &Syntax<'s>) -> Option<Record> {
        let Form::Name(name) = syntax.form else { return None };
        record(name)
    }

    fn member(&mut self, at: usize, of: &Syntax<'s>, name: &str) -> Checked {
        if let Some(record) = Self::record(of) {
            let (_, input, kind) = declared(at, record, name)?;
            return Ok((Node::Input(input), kind));
        }
        let (node, kind) = self.map(at, of)?;
        lower_case(at, &node, name)?;
        Ok((Node::Member(Box::new(node), name.into()), kind))
    }

    /// A part that must have members, and the kind of these.
    fn map(&mut self, at: usize, of: &Syntax<'s>) -> Checked {
        let (node, kind) = self.value(of)?;
        match kind {
            Kind::Any => Ok((node, Kind::Any)),
            Kind::Map(item) => Ok((node, *item)),
            Kind::Null | Kind::Bool | Kind::Int | Kind::Double | Kind::Text | Kind::List(_) => {
                Err(ExprError::new(at, Problem::NoParts { of: kind.name(), part: "members" }))
            }
        }
    }

    fn index(&mut self, at: usize, parts: &[Syntax<'s>; 2]) -> Checked {
        let [of, index] = parts;
        if let Some(record) = Self::record(of) {
            let member = record.members.first().map_or("", |member| member.0);
            return Err(ExprError::new(at, Problem::NotAValue(record.name, member)));
        }
        let (of, kind) = self.value(of)?;
        let (by, index_kind) = self.value(index)?;
        let (takes, item) = match kind {
            Kind::Any => (index_kind.may_be(Kind::Int) || index_kind == Kind::Text, Kind::Any),
            Kind::List(item) => (index_kind.may_be(Kind::Int), *item),
            Kind::Map(item) => (index_kind.may_be(Kind::Text), *item),
            Kind::Null | Kind::Bool | Kind::Int | Kind::Double | Kind::Text => {
                return Err(ExprError::new(at, Problem::NoParts { of: kind.name(), part: "items" }));
            }
        };
        if !takes {
            let takes = if kind.may_be_list() { "an int as index" } else { "a string as name" };
            let problem = Problem::Argument { function: "[]", takes, found: index_kind.name() };
            return Err(ExprError::new(index.at, problem));
        }
        if let Node::Constant(Constant::Text(name)) = &by {
            lower_case(index.at, &of, name)?;
        }
        Ok((Node::Index(Box::new([of, by])), item))
    }
}

/// Refuses the name of a header that no request has: those that requests have are in lower case.
fn lower_case(at: usize, of: &Node, name: &str) -> Result<(), ExprError> {
    if matches!(of, Node::Input(Input::Headers)) && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ExprError::new(at, Problem::HeaderCase { lower: name.to_ascii_lowercase() }));
    }
    Ok(())
}

fn declared(at: usize, record: Record, name: &str) -> Result<(&'static str, Input, Kind), ExprError> {
    record.members.iter().find(|member| member.0 == name).copied().ok_or_else(|| {
        // A member of the other record, or a near name in this one.
        let elsewhere = RECORDS.iter().find(|other| other.members.iter().any(|member| member.0 == name));
        let hint = match elsewhere {
            Some(other) => Some(format!("{}.{name}", other.name)),
            None => nearest(name, record.members.iter().map(|member| member.0)).map(str::to_owned),
        };
        ExprError::new(at, Problem::UnknownMember { of: record.name, name: name.to_owned(), hint })
    })
}

const fn kind_of(constant: &Constant) -> Kind {
    match constant {
        Constant::Null => Kind::Null,
        Constant::Bool(_) => Kind::Bool,
        Constant::Int(_) => Kind::Int,
        Constant::Double(_) => Kind::Double,
        Constant::Text(_) => Kind::Text,
    }
}
