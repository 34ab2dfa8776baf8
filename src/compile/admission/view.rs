//! JSON as CEL sees it: nothing is copied or converted before an expression asks for it.
//!
//! An object of the schema is seen by its members' CEL names; one with free names is a map. A `null` is not there, as
//! the API server drops it before rules run.

use std::collections::HashMap;
use std::fmt;

use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, MAP_TYPE, Type};
use cel::common::value::{CowVal, Val};
use serde_json::{Map, Value};

use super::schema::{Form, Member, Node};

/// `value` as a CEL value. Of the wrong type it is shown as what it is, and the rule fails on it.
pub(super) fn of<'v>(value: &'v Value, node: &'v Node) -> Box<dyn Val + 'v> {
    match (value, &node.form) {
        (Value::Object(object), Form::Struct(members)) => Box::new(Struct { object, members }),
        (Value::Object(object), Form::Map { values, .. }) => {
            let shown = object.iter().filter(|(_, value)| !value.is_null());
            let entries =
                shown.map(|(name, value)| (CelMapKey::String(CelString::from(name.as_str())), of(value, values)));
            Box::new(CelMap::from(entries.collect::<HashMap<_, _>>()))
        }
        (Value::Array(items), Form::List { items: node, .. }) => {
            Box::new(CelList::from(items.iter().map(|item| of(item, node)).collect::<Vec<_>>()))
        }
        (Value::String(text), _) => Box::new(CelString::from(text.as_str())),
        (Value::Bool(truth), _) => Box::new(CelBool::from(*truth)),
        (Value::Number(number), _) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Box::new(CelInt::from(whole)),
            (None, Some(number)) => Box::new(CelDouble::from(number)),
            (None, None) => Box::new(CelNull),
        },
        (Value::Null | Value::Array(_) | Value::Object(_), _) => Box::new(CelNull),
    }
}

/// An object with the members that the schema names.
#[derive(Clone, Copy)]
struct Struct<'v> {
    object: &'v Map<String, Value>,
    members: &'v [Member],
}

impl<'v> Struct<'v> {
    fn member(&self, cel_name: &str) -> Option<Box<dyn Val + 'v>> {
        let member = self.members.iter().find(|member| &*member.cel_name == cel_name)?;
        let value = self.object.get(&*member.name).filter(|value| !value.is_null())?;
        Some(of(value, &member.node))
    }
}

/// Only its size: it may hold what nobody should read in a log.
impl fmt::Debug for Struct<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with {} members", self.object.len())
    }
}

impl Val for Struct<'_> {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(*self)
    }
}

impl Indexer for Struct<'_> {
    fn get<'b, 'w>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let name = key.downcast_ref::<CelString>().map_or("", CelString::inner);
        self.member(name).map(CowVal::Owned).ok_or_else(|| ExecutionError::no_such_key(name))
    }

    fn steal<'w>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(key).map(CowVal::into_owned)
    }
}
