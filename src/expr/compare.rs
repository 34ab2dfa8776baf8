//! Equality and order of values, and what may be done with numbers.

use std::cmp::Ordering;

use super::error::EvalError;
use super::evaluate::Run;
use super::map::Map;
use super::node::{Arithmetic, Order};
use super::value::{List, Value};

/// How deep lists and maps may nest that are compared.
const MAX_NESTING: u8 = 32;

impl<'a> Run<'a> {
    /// Whether two values are equal. Values of different types are not, but for numbers of the same size.
    pub(super) fn equal(&mut self, left: &Value<'a>, right: &Value<'a>) -> Result<bool, EvalError> {
        self.equal_within(left, right, MAX_NESTING)
    }

    fn equal_within(&mut self, left: &Value<'a>, right: &Value<'a>, nesting: u8) -> Result<bool, EvalError> {
        match (left, right) {
            (Value::Null, Value::Null) => Ok(true),
            (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
            (Value::Text(left), Value::Text(right)) => {
                let (left, right) = (left.as_str(), right.as_str());
                if left.len() != right.len() {
                    return Ok(false);
                }
                self.text(left.len())?;
                Ok(left == right)
            }
            (Value::Int(_) | Value::Double(_), Value::Int(_) | Value::Double(_)) => {
                Ok(number_order(left, right) == Some(Ordering::Equal))
            }
            (Value::List(left), Value::List(right)) => self.lists_equal(left, right, nesting),
            (Value::Map(left), Value::Map(right)) => self.maps_equal(*left, *right, nesting),
            _ => Ok(false),
        }
    }

    fn lists_equal(&mut self, left: &List<'a>, right: &List<'a>, nesting: u8) -> Result<bool, EvalError> {
        let nesting = nesting.checked_sub(1).ok_or(EvalError::Cost)?;
        if left.len() != right.len() {
            return Ok(false);
        }
        self.items(left.len())?;
        for (left, right) in left.iter().zip(right.iter()) {
            if !self.equal_within(&left, &right, nesting)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn maps_equal(&mut self, left: Map<'a>, right: Map<'a>, nesting: u8) -> Result<bool, EvalError> {
        let nesting = nesting.checked_sub(1).ok_or(EvalError::Cost)?;
        let (Map::Json(left), Map::Json(right)) = (left, right) else { return Err(EvalError::Type) };
        if left.len() != right.len() {
            return Ok(false);
        }
        self.items(left.len())?;
        for (name, left) in left {
            self.text(name.len())?;
            let Some(right) = right.get(name) else { return Ok(false) };
            if !self.equal_within(&Value::of_json(left), &Value::of_json(right), nesting)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the order of two values is this one.
    pub(super) fn is_ordered(&mut self, order: Order, left: &Value<'a>, right: &Value<'a>) -> Result<bool, EvalError> {
        let found = match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                let (left, right) = (left.as_str(), right.as_str());
                self.text(left.len().min(right.len()))?;
                Some(left.cmp(right))
            }
            (Value::Int(_) | Value::Double(_), Value::Int(_) | Value::Double(_)) => number_order(left, right),
            _ => return Err(EvalError::Type),
        };
        // Nothing is less or greater than what is not a number.
        let Some(found) = found else { return Ok(false) };
        Ok(match order {
            Order::Less => found.is_lt(),
            Order::LessOrEqual => found.is_le(),
            Order::Greater => found.is_gt(),
            Order::GreaterOrEqual => found.is_ge(),
        })
    }
}

/// The order of two numbers, exactly: an int is not rounded to be compared with a double.
fn number_order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Double(right)) => int_order(*left, *right),
        (Value::Double(left), Value::Int(right)) => int_order(*right, *left).map(Ordering::reverse),
        _ => None,
    }
}

fn int_order(left: i64, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        return None;
    }
    Some(match whole_part(right) {
        Some(whole) => left.cmp(&whole).then_with(|| 0.0.partial_cmp(&right.fract()).unwrap_or(Ordering::Equal)),
        None if right > 0.0 => Ordering::Less,
        None => Ordering::Greater,
    })
}

/// A double without what is behind the point, if that is an int.
pub(super) fn whole_part(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "within the limits nothing is lost")]
    (-LIMIT..LIMIT).contains(&value).then_some(value as i64)
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "to the nearest double, as CEL's double() does")]
const fn nearest_double(value: i64) -> f64 {
    value as f64
}

/// The result for two numbers; `None` if one is none.
pub(super) fn calculate(
    arithmetic: Arithmetic,
    left: &Value<'_>,
    right: &Value<'_>,
) -> Option<Result<Value<'static>, EvalError>> {
    let (left, right) = match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            let result = match arithmetic {
                Arithmetic::Add => left.checked_add(*right),
                Arithmetic::Subtract => left.checked_sub(*right),
                Arithmetic::Multiply => left.checked_mul(*right),
                Arithmetic::Divide => left.checked_div(*right),
                Arithmetic::Remainder => left.checked_rem(*right),
            };
            return Some(result.map(Value::Int).ok_or(EvalError::Range));
        }
        (Value::Int(left), Value::Double(right)) => (nearest_double(*left), *right),
        (Value::Double(left), Value::Int(right)) => (*left, nearest_double(*right)),
        (Value::Double(left), Value::Double(right)) => (*left, *right),
        _ => return None,
    };
    Some(match arithmetic {
        Arithmetic::Add => Ok(Value::Double(left + right)),
        Arithmetic::Subtract => Ok(Value::Double(left - right)),
        Arithmetic::Multiply => Ok(Value::Double(left * right)),
        Arithmetic::Divide => Ok(Value::Double(left / right)),
        Arithmetic::Remainder => Err(EvalError::Type),
    })
}
