//! Evaluates a [`Node`] for one token and request, counting steps.

mod comprehension;

use std::rc::Rc;

use super::compare::{calculate, whole_part};
use super::error::EvalError;
use super::map::Map;
use super::node::{Arithmetic, Function, Input, Node, TextTest};
use super::value::{List, Text, Value};
use super::{Inputs, MAX_ITEMS, MAX_STEPS};

/// How many bytes of text are compared or searched in a step.
const TEXT_STEP: usize = 64;
/// How many bytes are written in a step.
const WRITE_STEP: usize = 16;
/// How many bytes a pattern looks at in a step.
const PATTERN_STEP: usize = 8;
/// How many bytes of a query are searched for a parameter in a step.
const QUERY_STEP: usize = 4;
/// What making a text or a list costs, whatever is in it.
const ALLOCATION: u32 = 4;

/// One evaluation.
pub(super) struct Run<'a> {
    inputs: &'a Inputs<'a>,
    steps_left: u32,
    /// The item that the comprehension is at.
    variable: Value<'a>,
}

type Evaluated<'a> = Result<Value<'a>, EvalError>;

impl<'a> Run<'a> {
    pub(super) const fn new(inputs: &'a Inputs<'a>) -> Self {
        Self { inputs, steps_left: MAX_STEPS, variable: Value::Null }
    }

    /// Steps taken so far.
    #[cfg(test)]
    pub(super) const fn steps(&self) -> u32 {
        MAX_STEPS - self.steps_left
    }

    /// The value of a node that must be true or false.
    pub(super) fn truth(&mut self, node: &'a Node) -> Result<bool, EvalError> {
        if let Value::Bool(value) = self.value(node)? { Ok(value) } else { Err(EvalError::Type) }
    }

    /// Each arm is a call, so that a level of the recursion takes little of the stack.
    fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.step(1)?;
        match node {
            Node::Constant(constant) => Ok(Value::of_constant(constant)),
            Node::Input(input) => self.input(*input),
            Node::Variable => Ok(self.variable.clone()),
            Node::Member(of, name) => self.member(of, name),
            Node::Has(of, name) => self.has(of, name),
            Node::Index(parts) => self.index(parts),
            Node::List(items) => self.list(items),
            Node::Not(part) => self.truth(part).map(|value| Value::Bool(!value)),
            Node::Negate(part) => self.negate(part),
            Node::And(terms) => self.junction(terms, false),
            Node::Or(terms) => self.junction(terms, true),
            Node::Choose(parts) => self.choose(parts),
            Node::Equal(parts) => self.equality(parts),
            Node::In(parts) => self.is_in(parts),
            Node::Order(order, parts) => {
                let (left, right) = self.both(parts)?;
                self.is_ordered(*order, &left, &right).map(Value::Bool)
            }
            Node::Arithmetic(arithmetic, parts) => self.arithmetic(*arithmetic, parts),
            Node::Of(function, part) => self.function(*function, part),
            Node::Text(test, parts) => self.text_test(*test, parts),
            Node::Matches(part, pattern) => {
                let text = self.string(part)?;
                self.step_per(text.as_str().len(), PATTERN_STEP)?;
                pattern.is_found_in(text.as_str()).map(Value::Bool)
            }
            Node::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    fn step(&mut self, count: u32) -> Result<(), EvalError> {
        let left = self.steps_left.checked_sub(count);
        // Spent is spent: what goes on after an error, within `||`, must not go on as before.
        self.steps_left = left.unwrap_or(0);
        left.map(|_| ()).ok_or(EvalError::Cost)
    }

    fn step_per(&mut self, bytes: usize, per_step: usize) -> Result<(), EvalError> {
        self.step(u32::try_from(bytes / per_step).unwrap_or(u32::MAX))
    }

    /// Pays for looking at so many bytes of text.
    pub(super) fn text(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.step_per(bytes, TEXT_STEP)
    }

    /// Pays for looking at so many items.
    pub(super) fn items(&mut self, count: usize) -> Result<(), EvalError> {
        if count > MAX_ITEMS {
            return Err(EvalError::Cost);
        }
        self.step(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Pays for a text or a list that is made.
    fn make(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.step(ALLOCATION)?;
        self.step_per(bytes, WRITE_STEP)
    }

    /// Pays for looking for a name in a map, or counting its names.
    pub(super) fn scan(&mut self, map: Map<'a>) -> Result<(), EvalError> {
        match map {
            // A look-up in these takes little more than the step of its node.
            Map::Json(_) | Map::Headers(_) => Ok(()),
            Map::Query(query) => self.step_per(query.len(), QUERY_STEP),
        }
    }

    fn input(&mut self, input: Input) -> Evaluated<'a> {
        let Inputs { claims, token, request } = *self.inputs;
        Ok(match input {
            Input::Claims => Value::Map(Map::Json(claims)),
            Input::Policy => Value::text(token.policy),
            Input::Entry => Value::text(token.entry),
            Input::Issuer => Value::text(token.issuer),
            Input::Scopes => Value::List(List::Scopes(token.scopes)),
            Input::Method => Value::text(request.method),
            Input::Host => Value::text(request.host),
            Input::Path => Value::text(request.path),
            Input::Ip => {
                self.make(0)?;
                Value::made(request.ip.ok_or(EvalError::Missing)?.to_string())
            }
            Input::Headers => Value::Map(Map::Headers(request.headers)),
            Input::Query => Value::Map(Map::Query(request.query)),
        })
    }

    fn both(&mut self, parts: &'a [Node; 2]) -> Result<(Value<'a>, Value<'a>), EvalError> {
        let [left, right] = parts;
        Ok((self.value(left)?, self.value(right)?))
    }

    fn string(&mut self, node: &'a Node) -> Result<Text<'a>, EvalError> {
        if let Value::Text(text) = self.value(node)? { Ok(text) } else { Err(EvalError::Type) }
    }

    fn map(&mut self, node: &'a Node) -> Result<Map<'a>, EvalError> {
        if let Value::Map(map) = self.value(node)? { Ok(map) } else { Err(EvalError::Type) }
    }

    fn member(&mut self, of: &'a Node, name: &str) -> Evaluated<'a> {
        let map = self.map(of)?;
        self.look_up(map, name)
    }

    fn look_up(&mut self, map: Map<'a>, name: &str) -> Evaluated<'a> {
        self.scan(map)?;
        let value = map.get(name)?.ok_or(EvalError::Missing)?;
        if let Value::Text(Text::Made(text)) = &value {
            self.make(text.len())?;
        }
        Ok(value)
    }

    fn has(&mut self, of: &'a Node, name: &str) -> Evaluated<'a> {
        let map = self.map(of)?;
        self.scan(map)?;
        Ok(Value::Bool(map.contains(name)))
    }

    fn index(&mut self, parts: &'a [Node; 2]) -> Evaluated<'a> {
        match self.both(parts)? {
            (Value::List(list), Value::Int(place)) => {
                let place = usize::try_from(place).map_err(|_| EvalError::Missing)?;
                list.get(place).ok_or(EvalError::Missing)
            }
            (Value::Map(map), Value::Text(name)) => self.look_up(map, name.as_str()),
            _ => Err(EvalError::Type),
        }
    }

    fn list(&mut self, items: &'a [Node]) -> Evaluated<'a> {
        self.make(0)?;
        self.items(items.len())?;
        let items = items.iter().map(|item| self.value(item)).collect::<Result<Rc<[_]>, _>>()?;
        Ok(Value::List(List::Made(items)))
    }

    fn negate(&mut self, part: &'a Node) -> Evaluated<'a> {
        match self.value(part)? {
            Value::Int(value) => value.checked_neg().map(Value::Int).ok_or(EvalError::Range),
            Value::Double(value) => Ok(Value::Double(-value)),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => Err(EvalError::Type),
        }
    }

    fn choose(&mut self, parts: &'a [Node; 3]) -> Evaluated<'a> {
        let [condition, then, otherwise] = parts;
        if self.truth(condition)? { self.value(then) } else { self.value(otherwise) }
    }

    fn equality(&mut self, parts: &'a [Node; 2]) -> Evaluated<'a> {
        let (left, right) = self.both(parts)?;
        self.equal(&left, &right).map(Value::Bool)
    }

    fn is_in(&mut self, parts: &'a [Node; 2]) -> Evaluated<'a> {
        let [item, list] = parts;
        let item = self.value(item)?;
        if let Node::List(nodes) = list {
            // A list that is written out need not be made to be searched.
            let mut found = false;
            for node in nodes {
                let other = self.value(node)?;
                found = found || self.equal(&item, &other)?;
            }
            return Ok(Value::Bool(found));
        }
        let found = match (item, self.value(list)?) {
            (Value::Text(scope), Value::List(List::Scopes(scopes))) => {
                self.text(scope.as_str().len())?;
                scopes.contains(scope.as_str())
            }
            (item, Value::List(list)) => {
                self.items(list.len())?;
                let mut found = false;
                for other in list.iter() {
                    if self.equal(&item, &other)? {
                        found = true;
                        break;
                    }
                }
                found
            }
            (Value::Text(name), Value::Map(map)) => {
                self.scan(map)?;
                self.text(name.as_str().len())?;
                map.contains(name.as_str())
            }
            (_, Value::Map(_)) => false,
            _ => return Err(EvalError::Type),
        };
        Ok(Value::Bool(found))
    }

    fn arithmetic(&mut self, arithmetic: Arithmetic, parts: &'a [Node; 2]) -> Evaluated<'a> {
        let (left, right) = self.both(parts)?;
        if let Some(number) = calculate(arithmetic, &left, &right) {
            return number;
        }
        match (arithmetic, left, right) {
            (Arithmetic::Add, Value::Text(left), Value::Text(right)) => {
                let (left, right) = (left.as_str(), right.as_str());
                self.make(left.len().saturating_add(right.len()))?;
                Ok(Value::made([left, right].concat()))
            }
            (Arithmetic::Add, Value::List(left), Value::List(right)) => {
                self.make(0)?;
                self.items(left.len().saturating_add(right.len()))?;
                Ok(Value::List(List::Made(left.iter().chain(right.iter()).collect())))
            }
            _ => Err(EvalError::Type),
        }
    }

    fn function(&mut self, function: Function, part: &'a Node) -> Evaluated<'a> {
        let value = self.value(part)?;
        match function {
            Function::Size => self.size(&value),
            Function::ToText => match value {
                Value::Text(text) => Ok(Value::Text(text)),
                Value::Bool(value) => Ok(Value::text(if value { "true" } else { "false" })),
                Value::Int(value) => {
                    self.make(0)?;
                    Ok(Value::made(itoa::Buffer::new().format(value)))
                }
                Value::Null | Value::Double(_) | Value::List(_) | Value::Map(_) => Err(EvalError::Type),
            },
            Function::ToInt => match value {
                Value::Int(value) => Ok(Value::Int(value)),
                Value::Double(value) => whole_part(value).map(Value::Int).ok_or(EvalError::Range),
                Value::Text(text) => int(text.as_str()).map(Value::Int).ok_or(EvalError::Range),
                Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => Err(EvalError::Type),
            },
        }
    }

    fn size(&mut self, value: &Value<'a>) -> Evaluated<'a> {
        let size = match value {
            Value::Text(text) => {
                self.text(text.as_str().len())?;
                text.as_str().chars().count()
            }
            Value::List(list) => list.len(),
            Value::Map(map) => {
                self.scan(*map)?;
                map.len()
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Double(_) => return Err(EvalError::Type),
        };
        i64::try_from(size).map(Value::Int).map_err(|_| EvalError::Range)
    }

    fn text_test(&mut self, test: TextTest, parts: &'a [Node; 2]) -> Evaluated<'a> {
        let [on, part] = parts;
        let (on, part) = (self.string(on)?, self.string(part)?);
        let (on, part) = (on.as_str(), part.as_str());
        let looked_at = if test == TextTest::Contains { on.len().saturating_add(part.len()) } else { part.len() };
        self.text(looked_at)?;
        Ok(Value::Bool(match test {
            TextTest::Contains => on.contains(part),
            TextTest::StartsWith => on.starts_with(part),
            TextTest::EndsWith => on.ends_with(part),
        }))
    }
}

/// A whole number as CEL reads it: digits, perhaps after a minus.
fn int(text: &str) -> Option<i64> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}
