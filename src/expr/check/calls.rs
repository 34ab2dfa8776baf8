//! Functions and comprehensions.

use super::{Checked, Checker, ExprError, Kind, Node, Problem, declared, kind_of, lower_case};
use crate::expr::declared::{CLAIMS, FUNCTIONS, record};
use crate::expr::node::{Comprehension, ComprehensionKind, Constant, Function, TextTest};
use crate::expr::pattern::Pattern;
use crate::expr::syntax::{Form, Syntax};
use crate::finding::nearest;

impl<'s> Checker<'s> {
    pub(super) fn call(&mut self, at: usize, on: Option<&Syntax<'s>>, name: &str, arguments: &[Syntax<'s>]) -> Checked {
        match (name, on, arguments) {
            ("has", None, [of]) => self.has(of),
            ("size", None, [of]) | ("size", Some(of), []) => self.size(of),
            ("string", None, [of]) => self.conversion(Function::ToText, of),
            ("int", None, [of]) => self.conversion(Function::ToInt, of),
            ("contains", Some(on), [part]) => self.text_test("contains", TextTest::Contains, on, part),
            ("startsWith", Some(on), [part]) => self.text_test("startsWith", TextTest::StartsWith, on, part),
            ("endsWith", Some(on), [part]) => self.text_test("endsWith", TextTest::EndsWith, on, part),
            ("matches", Some(on), [pattern]) => self.matches(on, pattern),
            ("all", Some(on), [item, body]) => self.comprehension(at, ComprehensionKind::All, on, item, body),
            ("exists", Some(on), [item, body]) => self.comprehension(at, ComprehensionKind::Exists, on, item, body),
            ("exists_one", Some(on), [item, body]) => {
                self.comprehension(at, ComprehensionKind::ExistsOne, on, item, body)
            }
            ("filter", Some(on), [item, body]) => self.comprehension(at, ComprehensionKind::Filter, on, item, body),
            ("map", Some(on), [item, body]) => self.comprehension(at, ComprehensionKind::Map, on, item, body),
            _ => Err(ExprError::new(at, no_such_call(name))),
        }
    }

    fn has(&mut self, of: &Syntax<'s>) -> Checked {
        const FORM: Problem =
            Problem::Call { function: "has", form: "has(map.member); for other names: 'name' in map" };
        let Form::Member(of, name) = &of.form else { return Err(ExprError::new(of.at, FORM)) };
        if let Some(record) = Self::record(of) {
            // What is declared is always there.
            declared(of.at, record, name)?;
            return Ok((Node::Constant(Constant::Bool(true)), Kind::Bool));
        }
        let (node, _) = self.map(of.at, of)?;
        lower_case(of.at, &node, name)?;
        Ok((Node::Has(Box::new(node), (*name).into()), Kind::Bool))
    }

    fn size(&mut self, of: &Syntax<'s>) -> Checked {
        let (node, kind) = self.value(of)?;
        match kind {
            Kind::Any | Kind::Text | Kind::List(_) | Kind::Map(_) => {
                Ok((Node::Of(Function::Size, Box::new(node)), Kind::Int))
            }
            Kind::Null | Kind::Bool | Kind::Int | Kind::Double => {
                Err(argument(of, "size", "a string, list or map", kind))
            }
        }
    }

    fn conversion(&mut self, function: Function, of: &Syntax<'s>) -> Checked {
        let (node, kind) = self.value(of)?;
        let (name, takes, is_taken, result) = if function == Function::ToText {
            let is_taken = kind.may_be(Kind::Text) || matches!(kind, Kind::Bool | Kind::Int);
            ("string", "a string, bool or int", is_taken, Kind::Text)
        } else {
            ("int", "a number or a string", kind.may_be_number() || kind == Kind::Text, Kind::Int)
        };
        if is_taken { Ok((Node::Of(function, Box::new(node)), result)) } else { Err(argument(of, name, takes, kind)) }
    }

    /// A part that must be a string.
    fn text(&mut self, syntax: &Syntax<'s>, function: &'static str) -> Result<Node, ExprError> {
        let (node, kind) = self.value(syntax)?;
        if kind.may_be(Kind::Text) { Ok(node) } else { Err(argument(syntax, function, "strings", kind)) }
    }

    fn text_test(&mut self, name: &'static str, test: TextTest, on: &Syntax<'s>, part: &Syntax<'s>) -> Checked {
        let parts = Box::new([self.text(on, name)?, self.text(part, name)?]);
        Ok((Node::Text(test, parts), Kind::Bool))
    }

    fn matches(&mut self, on: &Syntax<'s>, pattern: &Syntax<'s>) -> Checked {
        let text = self.text(on, "matches")?;
        let at = pattern.at;
        let Form::Constant(Constant::Text(pattern)) = &pattern.form else {
            const TAKES: &str = "a pattern that is written out";
            let found = if let Form::Constant(constant) = &pattern.form { kind_of(constant).name() } else { "a value" };
            return Err(ExprError::new(at, Problem::Argument { function: "matches", takes: TAKES, found }));
        };
        let pattern = Pattern::compile(pattern).map_err(|problem| ExprError::new(at, problem))?;
        Ok((Node::Matches(Box::new(text), Box::new(pattern)), Kind::Bool))
    }

    fn comprehension(
        &mut self,
        at: usize,
        kind: ComprehensionKind,
        range: &Syntax<'s>,
        item: &Syntax<'s>,
        body: &Syntax<'s>,
    ) -> Checked {
        let name = name_of(kind);
        if self.variable.is_some() {
            return Err(ExprError::new(at, Problem::Nested(name)));
        }
        let range_at = range.at;
        let (range, range_kind) = self.value(range)?;
        let item_kind = match range_kind {
            Kind::Any => Kind::Any,
            Kind::List(item) => *item,
            Kind::Map(_) => Kind::Text,
            Kind::Null | Kind::Bool | Kind::Int | Kind::Double | Kind::Text => {
                let problem = Problem::Argument { function: name, takes: "a list or a map", found: range_kind.name() };
                return Err(ExprError::new(range_at, problem));
            }
        };
        let Form::Name(variable) = item.form else {
            return Err(ExprError::new(item.at, no_such_call(name)));
        };
        if variable == CLAIMS || record(variable).is_some() {
            return Err(ExprError::new(item.at, Problem::NameTaken(variable.to_owned())));
        }
        self.variable = Some((variable, item_kind));
        let checked = if kind == ComprehensionKind::Map {
            self.value(body)
        } else {
            self.bool(body, name).map(|node| (node, Kind::Bool))
        };
        self.variable = None;
        let (body, body_kind) = checked?;
        let result = match kind {
            ComprehensionKind::All | ComprehensionKind::Exists | ComprehensionKind::ExistsOne => Kind::Bool,
            ComprehensionKind::Filter => item_kind.list(),
            ComprehensionKind::Map => body_kind.list(),
        };
        Ok((Node::Comprehension(Box::new(Comprehension { kind, range, body })), result))
    }
}

fn argument(syntax: &Syntax<'_>, function: &'static str, takes: &'static str, kind: Kind) -> ExprError {
    ExprError::new(syntax.at, Problem::Argument { function, takes, found: kind.name() })
}

const fn name_of(kind: ComprehensionKind) -> &'static str {
    match kind {
        ComprehensionKind::All => "all",
        ComprehensionKind::Exists => "exists",
        ComprehensionKind::ExistsOne => "exists_one",
        ComprehensionKind::Filter => "filter",
        ComprehensionKind::Map => "map",
    }
}

/// A function that is not there, or is called in another way.
fn no_such_call(name: &str) -> Problem {
    match FUNCTIONS.iter().find(|function| function.name == name) {
        Some(function) => Problem::Call { function: function.name, form: function.form },
        None => Problem::UnknownFunction {
            name: name.to_owned(),
            hint: nearest(name, FUNCTIONS.iter().map(|function| function.name)).map(str::to_owned),
        },
    }
}
