//! The walk over an object, beside its schema.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Violation;
use super::rule::{Rule, Surroundings, Verdict};
use super::schema::{Form, Member, Node, Range, Unique};
use super::words;
use crate::finding::{Code, FieldPath, PathStep};

/// As many violations are listed; a walk ends there. More than the findings that a status holds would help nobody.
const MOST: usize = 256;

/// Where the walk is: a step, and what it was taken from. A path is only built for what is wrong.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    before: Option<&'a Place<'a>>,
    step: PathStep<'a>,
}

impl<'a> Place<'a> {
    /// A member of the object itself.
    pub(super) const fn member(name: &'a str) -> Self {
        Self { before: None, step: PathStep::Field(name) }
    }

    const fn field(&'a self, name: &'a str) -> Self {
        Self { before: Some(self), step: PathStep::Field(name) }
    }

    const fn index(&'a self, index: usize) -> Self {
        Self { before: Some(self), step: PathStep::Index(index) }
    }

    fn path(&self) -> FieldPath {
        let before = self.before.map_or_else(FieldPath::root, Place::path);
        match self.step {
            PathStep::Field(name) => before.field(name),
            PathStep::Index(index) => before.index(index),
        }
    }
}

/// One walk, and what it found.
pub(super) struct Walk<'s> {
    surroundings: &'s Surroundings,
    found: Vec<Violation>,
}

impl<'s> Walk<'s> {
    pub(super) const fn new(surroundings: &'s Surroundings) -> Self {
        Self { surroundings, found: Vec::new() }
    }

    pub(super) fn into_found(self) -> Vec<Violation> {
        self.found
    }

    pub(super) fn found(&mut self, place: Place<'_>, code: Code, cause: impl Into<String>, cure: impl Into<String>) {
        if self.found.len() < MOST {
            self.found.push(Violation { field: place.path(), code, cause: cause.into(), cure: cure.into() });
        }
    }

    fn invalid(&mut self, place: Place<'_>, cause: impl Into<String>, cure: impl Into<String>) {
        self.found(place, Code::InvalidValue, cause, cure);
    }

    /// A required member is not there.
    pub(super) fn missing(&mut self, place: Place<'_>, node: &Node) {
        self.invalid(place, "the field is required and not set", words::set_it(node));
    }

    /// Whether the walk is at its end, with the object perhaps not: an object of a million members is not worth it.
    const fn is_over(&self) -> bool {
        self.found.len() >= MOST
    }

    /// Judges `value`; `null` is never judged, but in a list, where it is of the wrong type.
    pub(super) fn value(&mut self, place: Place<'_>, node: &Node, value: &Value) {
        let before = self.found.len();
        match (&node.form, value) {
            (Form::Struct(members), Value::Object(object)) => self.members(place, members, object),
            (Form::Map { values, size }, Value::Object(object)) => self.map(place, values, *size, object),
            (Form::List { items, size, unique }, Value::Array(list)) => self.list(place, items, *size, unique, list),
            (Form::Text { pattern, size }, Value::String(text)) => {
                // A text of the wrong length is not also said to be of the wrong form.
                if self.text_length(place, *size, text)
                    && let Some(pattern) = pattern
                    && !pattern.is_in(text)
                {
                    let (cause, cure) = words::pattern(pattern.source(), text, node);
                    self.invalid(place, cause, cure);
                }
            }
            (Form::Integer(range), Value::Number(number)) => {
                let whole = number.as_i64().or_else(|| number.as_f64().and_then(super::schema::whole_number));
                if !whole.is_some_and(|whole| range.holds(whole)) {
                    let (cause, cure) = words::number(*range, number, node);
                    self.invalid(place, cause, cure);
                }
            }
            (Form::Boolean, Value::Bool(_)) => {}
            (
                Form::Struct(_)
                | Form::Map { .. }
                | Form::List { .. }
                | Form::Text { .. }
                | Form::Integer(_)
                | Form::Boolean,
                _,
            ) => {
                let (cause, cure) = words::wrong_type(node, value);
                return self.invalid(place, cause, cure);
            }
        }
        if !node.allowed.is_empty() && !node.allowed.iter().any(|allowed| is_same(allowed, value)) {
            let (cause, cure) = words::not_allowed(&node.allowed, value);
            self.invalid(place, cause, cure);
        }
        // A rule about what is broken already would only say so again, or nonsense.
        if self.found.len() == before && !self.is_over() {
            self.rules(place, node, value);
        }
    }

    fn rules(&mut self, place: Place<'_>, node: &Node, value: &Value) {
        for rule in &node.rules {
            let Rule { message, .. } = rule;
            match rule.judge(value, node, self.surroundings) {
                Verdict::Holds => {}
                Verdict::Fails => {
                    let said = rule.of_value(value, node, self.surroundings);
                    let (cause, cure) = words::rule(message, said, value);
                    self.invalid(place, cause, cure);
                }
                Verdict::Error => {
                    let cause = format!("the value is outside what can be compared; the rule is: {message}");
                    self.invalid(place, cause, words::set_it(node));
                }
            }
        }
    }

    fn members(&mut self, place: Place<'_>, members: &[Member], object: &Map<String, Value>) {
        for (name, value) in object {
            if self.is_over() {
                return;
            }
            let here = place.field(name);
            match members.iter().find(|member| *member.name == **name) {
                None => {
                    let (cause, cure) = words::unknown(name, members.iter().map(|member| &*member.name));
                    self.found(here, Code::UnknownField, cause, cure);
                }
                Some(_) if value.is_null() => {}
                Some(member) => self.value(here, &member.node, value),
            }
        }
        for member in members.iter().filter(|member| member.required) {
            if object.get(&*member.name).is_none_or(Value::is_null) {
                self.missing(place.field(&member.name), &member.node);
            }
        }
    }

    fn map(&mut self, place: Place<'_>, values: &Node, size: Range<usize>, object: &Map<String, Value>) {
        let entries = || object.iter().filter(|(_, value)| !value.is_null());
        if !self.count(place, size, entries().count(), "entry", "entries") {
            return;
        }
        for (name, value) in entries() {
            self.value(place.field(name), values, value);
        }
    }

    fn list(&mut self, place: Place<'_>, items: &Node, size: Range<usize>, unique: &Unique, list: &[Value]) {
        if !self.count(place, size, list.len(), "item", "items") {
            return;
        }
        for (index, item) in list.iter().enumerate() {
            self.value(place.index(index), items, item);
        }
        match unique {
            Unique::Nothing => {}
            Unique::Items => {
                let mut seen = HashSet::new();
                for (index, item) in list.iter().enumerate() {
                    if !seen.insert(item) {
                        self.invalid(
                            place.index(index),
                            "the list has an equal item before this one",
                            "remove one of the two",
                        );
                    }
                }
            }
            Unique::Keys(keys) => {
                let mut seen = HashSet::new();
                for (index, item) in list.iter().enumerate().filter(|(_, item)| item.is_object()) {
                    let key: Vec<_> = keys.iter().map(|key| item.get(&**key)).collect();
                    if !seen.insert(key) {
                        let (cause, cure) = words::same_key(keys);
                        self.invalid(place.index(index), cause, cure);
                    }
                }
            }
        }
    }

    /// Whether so many are allowed. What is in excess is not judged: it has no bound.
    fn count(&mut self, place: Place<'_>, size: Range<usize>, count: usize, one: &str, several: &str) -> bool {
        let is_allowed = size.holds(count);
        if !is_allowed {
            let (cause, cure) = words::count(size, count, one, several);
            self.invalid(place, cause, cure);
        }
        is_allowed
    }

    /// Whether a text may be so long.
    fn text_length(&mut self, place: Place<'_>, size: Range<usize>, text: &str) -> bool {
        // A character has at least one byte, so that most texts need not be counted.
        let is_short = size.most.is_none_or(|most| text.len() <= most);
        if is_short && !text.is_empty() && size.least.is_none_or(|least| least <= 1) {
            return true;
        }
        self.count(place, size, text.chars().count(), "character", "characters")
    }
}

impl<T: PartialOrd + Copy> Range<T> {
    pub(super) fn holds(self, number: T) -> bool {
        self.least.is_none_or(|least| number >= least) && self.most.is_none_or(|most| number <= most)
    }
}

/// Equal as JSON Schema has it: `301.0` is `301`.
fn is_same(allowed: &Value, value: &Value) -> bool {
    let whole = |value: &Value| value.as_f64().and_then(super::schema::whole_number);
    allowed == value || whole(allowed).is_some_and(|allowed| Some(allowed) == whole(value))
}
