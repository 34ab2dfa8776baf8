//! Builds JSON and its places from the events of the parser.
//!
//! The open objects and lists are a stack of our own: however deep a file nests, no call does.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::scalar::{self, Scalar};
use super::{Document, YamlError, YamlProblem};
use crate::sources::files::places::{Parts, Places, Position, Span};

const MOST_VALUES: usize = 1_000_000;
const DEEPEST: usize = 100;

/// All documents of a text that are not empty.
pub(super) fn documents(text: &str) -> Result<Vec<Document>, YamlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    refuse_control(text)?;
    let mut documents = Vec::new();
    let mut building = Building::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            // The parser's word for what is mostly a host such as `*.example.com` without quotes.
            let is_alias = error.info().contains("unknown anchor");
            let syntax = || YamlProblem::Syntax(error.info().to_owned());
            YamlError { at: position(*error.marker()), problem: if is_alias { YamlProblem::Alias } else { syntax() } }
        })?;
        let span = Span { start: position(span.start), end: position(span.end) };
        let at_span = |problem| YamlError { at: span.start, problem };
        match event {
            Event::DocumentStart(_) => building.begin(),
            Event::DocumentEnd => {
                documents.extend(building.done.take().filter(|document| !document.value.is_null()));
            }
            Event::Alias(anchor) => building.alias(anchor, span).map_err(at_span)?,
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = resolve(&text, style, tag.as_deref()).map_err(at_span)?;
                building.scalar(scalar, span, anchor).map_err(at_span)?;
            }
            Event::SequenceStart(anchor, tag) => {
                fits(tag.as_deref(), "seq")
                    .and_then(|()| building.open(Open::list(), span, anchor))
                    .map_err(at_span)?;
            }
            Event::MappingStart(anchor, tag) => {
                fits(tag.as_deref(), "map")
                    .and_then(|()| building.open(Open::object(), span, anchor))
                    .map_err(at_span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => building.close().map_err(at_span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
    }
    Ok(documents)
}

/// Controls but tab and line breaks, and what is no character, are not YAML (YAML 1.2.2, section 5.1), and the parser
/// does not look.
fn refuse_control(text: &str) -> Result<(), YamlError> {
    let is_refused = |character: char| {
        let is_control = character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{85}');
        is_control || matches!(character, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    for (line, content) in text.split('\n').enumerate() {
        if let Some(column) = content.chars().position(is_refused) {
            let at = Position { line: line + 1, column: column + 1 };
            return Err(YamlError { at, problem: YamlProblem::Control });
        }
    }
    Ok(())
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

/// What a scalar means, by its quotes, its tag or its text.
fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, YamlProblem> {
    let as_text = || Scalar::Value(Value::String(text.to_owned()));
    let Some(tag) = tag else {
        return Ok(if style == ScalarStyle::Plain { scalar::plain(text) } else { as_text() });
    };
    if !tag.is_yaml_core_schema() {
        return Err(YamlProblem::Tag);
    }
    let resolved = scalar::plain(text);
    let fits = match (tag.suffix.as_str(), &resolved) {
        ("str", _) => return Ok(as_text()),
        ("int", Scalar::Value(Value::Number(number))) => !number.is_f64(),
        ("float", Scalar::Value(Value::Number(_)) | Scalar::NotFinite)
        | ("bool", Scalar::Value(Value::Bool(_)))
        | ("null", Scalar::Value(Value::Null)) => true,
        _ => false,
    };
    if fits { Ok(resolved) } else { Err(YamlProblem::Tag) }
}

/// Whether a collection may have this tag.
fn fits(tag: Option<&Tag>, suffix: &str) -> Result<(), YamlProblem> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == suffix) => Err(YamlProblem::Tag),
        Some(_) | None => Ok(()),
    }
}

/// A value that is whole, with the number of values in it.
#[derive(Clone)]
struct Whole {
    document: Document,
    count: usize,
}

/// An object or list that is still open.
struct Open {
    kind: OpenKind,
    span: Span,
    anchor: usize,
    count: usize,
}

enum OpenKind {
    Object(Object),
    List { items: Vec<Value>, places: Vec<Places> },
}

#[derive(Default)]
struct Object {
    members: Map<String, Value>,
    places: Vec<(Box<str>, Places)>,
    /// What was written here, rather than merged in.
    written: BTreeSet<String>,
    name: Option<(Name, Span)>,
}

/// The name that waits for its value.
enum Name {
    Of(String),
    Merge,
}

impl Open {
    fn list() -> OpenKind {
        OpenKind::List { items: Vec::new(), places: Vec::new() }
    }

    fn object() -> OpenKind {
        OpenKind::Object(Object::default())
    }
}

/// One document being built.
#[derive(Default)]
struct Building {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Whole>,
    done: Option<Document>,
    /// Of the whole file.
    count: usize,
}

impl Building {
    fn begin(&mut self) {
        self.open.clear();
        self.anchors.clear();
        self.done = None;
    }

    fn scalar(&mut self, scalar: Scalar, span: Span, anchor: usize) -> Result<(), YamlProblem> {
        let is_merge = scalar == Scalar::Merge && self.takes_name();
        let value = match scalar {
            Scalar::Value(value) => value,
            Scalar::NotFinite => return Err(YamlProblem::NotFinite),
            Scalar::Merge => Value::String("<<".to_owned()),
        };
        if is_merge && let Some(Open { kind: OpenKind::Object(object), .. }) = self.open.last_mut() {
            object.name = Some((Name::Merge, span));
            return Ok(());
        }
        let places = Places { key: None, value: span, parts: Parts::None };
        self.add(Whole { document: Document { value, places }, count: 1 }, anchor, 1)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), YamlProblem> {
        let mut whole = self.anchors.get(&anchor).cloned().ok_or(YamlProblem::Alias)?;
        whole.document.places.value = span;
        let added = whole.count;
        self.add(whole, 0, added)
    }

    fn open(&mut self, kind: OpenKind, span: Span, anchor: usize) -> Result<(), YamlProblem> {
        if self.takes_name() {
            return Err(YamlProblem::Name);
        }
        if self.open.len() >= DEEPEST {
            return Err(YamlProblem::TooDeep);
        }
        self.open.push(Open { kind, span, anchor, count: 1 });
        Ok(())
    }

    fn close(&mut self) -> Result<(), YamlProblem> {
        let Some(Open { kind, span, anchor, count }) = self.open.pop() else { return Ok(()) };
        let (value, parts) = match kind {
            OpenKind::Object(object) => (Value::Object(object.members), Parts::Members(object.places)),
            OpenKind::List { items, places } => (Value::Array(items), Parts::Items(places)),
        };
        let places = Places { key: None, value: span, parts };
        self.add(Whole { document: Document { value, places }, count }, anchor, 1)
    }

    /// Whether the next value is the name of a member.
    fn takes_name(&self) -> bool {
        matches!(self.open.last(), Some(Open { kind: OpenKind::Object(Object { name: None, .. }), .. }))
    }

    /// Puts a value where it belongs; `added` of the values in it are new to the count. An anchor keeps a copy.
    fn add(&mut self, whole: Whole, anchor: usize, added: usize) -> Result<(), YamlProblem> {
        let copied = if anchor > 0 { whole.count } else { 0 };
        self.count = self.count.saturating_add(added).saturating_add(copied);
        if self.count > MOST_VALUES {
            return Err(YamlProblem::TooMany);
        }
        if anchor > 0 {
            self.anchors.insert(anchor, whole.clone());
        }
        let Whole { document, count } = whole;
        let Some(open) = self.open.last_mut() else {
            self.done = Some(document);
            return Ok(());
        };
        open.count = open.count.saturating_add(count);
        match &mut open.kind {
            OpenKind::List { items, places } => {
                items.push(document.value);
                places.push(document.places);
                Ok(())
            }
            OpenKind::Object(object) => object.add(document),
        }
    }
}

impl Object {
    fn add(&mut self, Document { value, mut places }: Document) -> Result<(), YamlProblem> {
        match self.name.take() {
            None => {
                let name = name(&value)?;
                if !self.written.insert(name.clone()) {
                    return Err(YamlProblem::DuplicateName);
                }
                self.name = Some((Name::Of(name), places.value));
                Ok(())
            }
            Some((Name::Of(name), span)) => {
                places.key = Some(span);
                self.set(name, value, places);
                Ok(())
            }
            Some((Name::Merge, _)) => self.merge(value, places),
        }
    }

    fn set(&mut self, name: String, value: Value, places: Places) {
        if self.members.contains_key(&name) {
            // What was merged in is written over, or the other way round: the later place counts.
            self.places.retain(|(other, _)| **other != *name);
        }
        self.places.push((name.as_str().into(), places));
        self.members.insert(name, value);
    }

    /// Merges as kubectl does: what stands later counts, also over what was written here; in a list, what stands first.
    fn merge(&mut self, value: Value, places: Places) -> Result<(), YamlProblem> {
        match (value, places.parts) {
            (Value::Object(mut members), Parts::Members(parts)) => {
                for (name, places) in parts {
                    if let Some(value) = members.remove(&*name) {
                        self.set(name.into(), value, places);
                    }
                }
                Ok(())
            }
            (Value::Array(items), Parts::Items(parts)) => {
                for (value, places) in items.into_iter().zip(parts).rev() {
                    if !value.is_object() {
                        return Err(YamlProblem::Merge);
                    }
                    self.merge(value, places)?;
                }
                Ok(())
            }
            _ => Err(YamlProblem::Merge),
        }
    }
}

/// The name that a scalar is in JSON.
fn name(value: &Value) -> Result<String, YamlProblem> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Number(number) if number.is_i64() => Ok(number.to_string()),
        // A float is written in the fewest digits that mean it; within these bounds Go writes the same.
        Value::Number(number) if number.as_f64().is_some_and(|float| (1e-4..1e6).contains(&float.abs())) => {
            Ok(number.to_string())
        }
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(YamlProblem::Name),
    }
}
