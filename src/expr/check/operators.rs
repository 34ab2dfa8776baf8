//! Operators between two values.

use super::{Checked, Checker, ExprError, Kind, Node, Problem, lower_case};
use crate::expr::node::{Arithmetic, Constant, Order};
use crate::expr::syntax::{Binary, Form, Syntax};

impl<'s> Checker<'s> {
    pub(super) fn negation(&mut self, at: usize, part: &Syntax<'s>) -> Checked {
        let (node, kind) = self.value(part)?;
        if kind.may_be_number() {
            return Ok((Node::Negate(Box::new(node)), kind));
        }
        Err(ExprError::new(at, Problem::Argument { function: "-", takes: "a number", found: kind.name() }))
    }

    pub(super) fn binary(&mut self, at: usize, operator: Binary, parts: &[Syntax<'s>; 2]) -> Checked {
        let [left, right] = parts;
        if operator == Binary::Arithmetic(Arithmetic::Subtract) {
            self.is_no_hyphen(left, right)?;
        }
        let right_at = right.at;
        let left_at = left.at;
        let (left, left_kind) = self.value(left)?;
        let (right, right_kind) = self.value(right)?;
        let refused = |operator, takes| {
            Err(ExprError::new(
                at,
                Problem::Operands { operator, takes, left: left_kind.name(), right: right_kind.name() },
            ))
        };
        match operator {
            Binary::Equal | Binary::NotEqual => {
                if !left_kind.may_equal(right_kind) {
                    let problem = Problem::NeverEqual { left: left_kind.name(), right: right_kind.name() };
                    return Err(ExprError::new(at, problem));
                }
                let equal = Node::Equal(Box::new([left, right]));
                Ok((if operator == Binary::Equal { equal } else { Node::Not(Box::new(equal)) }, Kind::Bool))
            }
            Binary::In => match right_kind {
                Kind::Any => Ok((Node::In(Box::new([left, right])), Kind::Bool)),
                Kind::List(item) if left_kind.may_equal(*item) => Ok((Node::In(Box::new([left, right])), Kind::Bool)),
                Kind::Map(_) if left_kind.may_be(Kind::Text) => {
                    if let Node::Constant(Constant::Text(name)) = &left {
                        lower_case(left_at, &right, name)?;
                    }
                    Ok((Node::In(Box::new([left, right])), Kind::Bool))
                }
                Kind::List(_) => refused("in", "an item and a list of such items"),
                Kind::Map(_) => refused("in", "a string and a map"),
                Kind::Null | Kind::Bool | Kind::Int | Kind::Double | Kind::Text => {
                    let problem =
                        Problem::Argument { function: "in", takes: "a list or a map", found: right_kind.name() };
                    Err(ExprError::new(right_at, problem))
                }
            },
            Binary::Order(order) => {
                if ordered(left_kind, right_kind) {
                    return Ok((Node::Order(order, Box::new([left, right])), Kind::Bool));
                }
                refused(order_symbol(order), "two numbers or two strings")
            }
            Binary::Arithmetic(arithmetic) => match calculated(arithmetic, left_kind, right_kind) {
                Some(kind) => Ok((Node::Arithmetic(arithmetic, Box::new([left, right])), kind)),
                None if arithmetic == Arithmetic::Add => refused("+", "two numbers, two strings or two lists"),
                None => refused(arithmetic_symbol(arithmetic), "two numbers"),
            },
        }
    }

    /// `request.headers.x-team` is `request.headers.x` less `team`, which nobody means.
    fn is_no_hyphen(&self, left: &Syntax<'s>, right: &Syntax<'s>) -> Result<(), ExprError> {
        match (&left.form, &right.form) {
            (Form::Member(..), Form::Name(name)) if self.name(right.at, name).is_err() => {
                Err(ExprError::new(right.at, Problem::Hyphen { name: (*name).to_owned() }))
            }
            _ => Ok(()),
        }
    }
}

fn ordered(left: Kind, right: Kind) -> bool {
    left.may_be_number() && right.may_be_number() || left.may_be(Kind::Text) && right.may_be(Kind::Text)
}

/// The kind of the result, if there can be one.
fn calculated(arithmetic: Arithmetic, left: Kind, right: Kind) -> Option<Kind> {
    let adds = arithmetic == Arithmetic::Add;
    let whole_only = arithmetic == Arithmetic::Remainder;
    match (left, right) {
        (Kind::Any, Kind::Any) => Some(Kind::Any),
        (Kind::Double, _) | (_, Kind::Double) if whole_only => None,
        (Kind::Int, Kind::Int) => Some(Kind::Int),
        (Kind::Any, other) | (other, Kind::Any) if other.may_be_number() => {
            // An int may be added to a double that comes from the claims.
            Some(if whole_only { Kind::Int } else { Kind::Any })
        }
        (Kind::Int | Kind::Double, Kind::Int | Kind::Double) => Some(Kind::Double),
        (Kind::Text, Kind::Text | Kind::Any) | (Kind::Any, Kind::Text) if adds => Some(Kind::Text),
        (Kind::List(ours), Kind::List(theirs)) if adds => Some(ours.or(*theirs).list()),
        (Kind::List(_), Kind::Any) | (Kind::Any, Kind::List(_)) if adds => Some(Kind::Any.list()),
        _ => None,
    }
}

const fn order_symbol(order: Order) -> &'static str {
    match order {
        Order::Less => "<",
        Order::LessOrEqual => "<=",
        Order::Greater => ">",
        Order::GreaterOrEqual => ">=",
    }
}

const fn arithmetic_symbol(arithmetic: Arithmetic) -> &'static str {
    match arithmetic {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::Remainder => "%",
    }
}
