//! JSON read strictly: objects only, no member twice, and bounds on depth, members and items.
//!
//! Parsers differ in which of two equal members they take, so a token with both means one thing to the gateway and
//! another to the upstream. Names are compared after their escapes were resolved: `r\u006fle` is `role`.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use thiserror::Error;

/// How deep arrays and objects may nest, the outermost counted.
const MAX_DEPTH: usize = 16;
/// How many members the objects of one document may have between them.
const MAX_MEMBERS: usize = 256;
/// How many items one array may have: room for the groups of a large organisation.
const MAX_ITEMS: usize = 512;

/// Why bytes are not the object that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum JsonError {
    #[error("not strict UTF-8")]
    NotUtf8,
    #[error("not a JSON object")]
    NotObject,
    #[error("a member appears twice")]
    DuplicateMember,
    #[error("nested too deeply, or too many members or items")]
    TooLarge,
}

/// Reads one object and nothing after it.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let document = Document::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let result = deserializer
        .deserialize_map(ObjectVisitor { document: &document, depth: 1 })
        .and_then(|members| deserializer.end().map(|()| members));
    result.map_err(|_| match document.fault.get() {
        Some(fault) => fault,
        None if has_lone_surrogate(text) => JsonError::NotUtf8,
        None => JsonError::NotObject,
    })
}

/// Reads the array that is the `name` member of an object, each item by itself: an item that is no object, or that no
/// strict reader takes, is that item's error and costs the others nothing. Items beyond `max_items` make the whole too
/// large; without such a member it is no object of this kind.
pub(super) fn objects_in_member(bytes: &[u8], name: &'static str, max_items: usize) -> Result<Items, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let fault = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let result = deserializer
        .deserialize_map(MemberVisitor { name, max_items, fault: &fault })
        .and_then(|items| deserializer.end().map(|()| items));
    match result {
        Ok(Some(items)) => Ok(items.into_iter().map(|item| object(item.get().as_bytes())).collect()),
        Ok(None) => Err(JsonError::NotObject),
        Err(_) => Err(fault.get().unwrap_or(JsonError::NotObject)),
    }
}

/// The items of an array, each an object or what is wrong with it.
pub(super) type Items = Vec<Result<Map<String, Value>, JsonError>>;

/// What is counted and found while one document is read.
#[derive(Default)]
struct Document {
    members: Cell<usize>,
    fault: Cell<Option<JsonError>>,
}

impl Document {
    /// Ends the reading with this fault where something does not hold.
    fn require<E: serde::de::Error>(&self, holds: bool, otherwise: JsonError) -> Result<(), E> {
        if holds {
            return Ok(());
        }
        self.fault.set(Some(otherwise));
        Err(E::custom(otherwise))
    }
}

#[derive(Clone, Copy)]
struct ObjectVisitor<'d> {
    document: &'d Document,
    depth: usize,
}

impl<'de> Visitor<'de> for ObjectVisitor<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let document = self.document;
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let count = document.members.get().saturating_add(1);
            document.members.set(count);
            document.require(count <= MAX_MEMBERS, JsonError::TooLarge)?;
            let value = access.next_value_seed(ValueSeed { document, depth: self.depth.saturating_add(1) })?;
            let before = members.insert(name, value);
            document.require(before.is_none(), JsonError::DuplicateMember)?;
        }
        Ok(members)
    }
}

/// A value at this depth: the members of the outermost object are at depth two.
#[derive(Clone, Copy)]
struct ValueSeed<'d> {
    document: &'d Document,
    depth: usize,
}

impl ValueSeed<'_> {
    fn nest<E: serde::de::Error>(self) -> Result<(), E> {
        self.document.require(self.depth <= MAX_DEPTH, JsonError::TooLarge)
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.nest()?;
        let document = self.document;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Self { document, depth: self.depth.saturating_add(1) })? {
            document.require(items.len() < MAX_ITEMS, JsonError::TooLarge)?;
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        self.nest()?;
        ObjectVisitor { document: self.document, depth: self.depth }.visit_map(access).map(Value::Object)
    }
}

/// The outer object of `objects_in_member`. Its other members are skipped, and so are the insides of the items: they
/// are read one by one afterwards.
struct MemberVisitor<'f> {
    name: &'static str,
    max_items: usize,
    fault: &'f Cell<Option<JsonError>>,
}

impl MemberVisitor<'_> {
    fn fail<T, E: serde::de::Error>(&self, fault: JsonError) -> Result<T, E> {
        self.fault.set(Some(fault));
        Err(E::custom(fault))
    }
}

impl<'de> Visitor<'de> for MemberVisitor<'_> {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with an array {:?}", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = None;
        while let Some(name) = access.next_key::<String>()? {
            if name != self.name {
                access.next_value::<IgnoredAny>()?;
                continue;
            }
            if items.is_some() {
                return self.fail(JsonError::DuplicateMember);
            }
            items = Some(access.next_value_seed(&self)?);
        }
        Ok(items)
    }
}

impl<'de> DeserializeSeed<'de> for &MemberVisitor<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &MemberVisitor<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            if items.len() == self.max_items {
                return self.fail(JsonError::TooLarge);
            }
            items.push(item);
        }
        Ok(items)
    }
}

/// Whether the text has a `\u` escape of half a surrogate pair. Asked only of text that did not parse, to say why.
fn has_lone_surrogate(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, escape)) = rest.split_once('\\') {
        match escaped_unit(escape) {
            Some((0xD800..=0xDBFF, after)) => match after.strip_prefix('\\').and_then(escaped_unit) {
                Some((0xDC00..=0xDFFF, after)) => rest = after,
                _ => return true,
            },
            Some((0xDC00..=0xDFFF, _)) => return true,
            Some((_, after)) => rest = after,
            None => {
                let mut characters = escape.chars();
                characters.next();
                rest = characters.as_str();
            }
        }
    }
    false
}

/// The UTF-16 unit of `uXXXX`, and what follows it.
fn escaped_unit(escape: &str) -> Option<(u16, &str)> {
    let (digits, after) = escape.strip_prefix('u')?.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, after))
}
