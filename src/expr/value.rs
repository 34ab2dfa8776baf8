//! Values while an expression is evaluated: borrowed from the token, the request or the expression where they can be.

use std::rc::Rc;

use serde_json::Value as Json;

use super::map::Map;
use super::node::Constant;
use crate::jose::Scopes;

/// A value. Cloning it never copies text.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Text<'a>),
    List(List<'a>),
    Map(Map<'a>),
}

/// A text.
#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

/// A list.
#[derive(Clone, Debug)]
pub(super) enum List<'a> {
    Json(&'a [Json]),
    Scopes(&'a Scopes),
    Made(Rc<[Value<'a>]>),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Text::Borrowed(text))
    }

    pub(super) fn made(text: impl Into<Rc<str>>) -> Self {
        Self::Text(Text::Made(text.into()))
    }

    /// What a claim is. Integers that are none of CEL's become doubles.
    pub(super) fn of_json(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => {
                number.as_i64().map_or_else(|| number.as_f64().map_or(Self::Null, Self::Double), Self::Int)
            }
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::List(List::Json(items)),
            Json::Object(members) => Self::Map(Map::Json(members)),
        }
    }

    pub(super) fn of_constant(constant: &'a Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::Bool(value) => Self::Bool(*value),
            Constant::Int(value) => Self::Int(*value),
            Constant::Double(value) => Self::Double(*value),
            Constant::Text(text) => Self::text(text),
        }
    }
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Scopes(scopes) => scopes.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, place: usize) -> Option<Value<'a>> {
        match self {
            Self::Json(items) => items.get(place).map(Value::of_json),
            Self::Scopes(scopes) => scopes.iter().nth(place).map(Value::text),
            Self::Made(items) => items.get(place).cloned(),
        }
    }

    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = Value<'a>> + 'a> {
        match self {
            Self::Json(items) => Box::new(items.iter().map(Value::of_json)),
            Self::Scopes(scopes) => Box::new(scopes.iter().map(Value::text)),
            Self::Made(items) => {
                let items = Rc::clone(items);
                Box::new((0..items.len()).filter_map(move |place| items.get(place).cloned()))
            }
        }
    }
}
