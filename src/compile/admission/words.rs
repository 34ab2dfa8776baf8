//! What is said of what is wrong: what was expected, the shape of what was found, and what to do.
//!
//! A text is never quoted, only measured: it may be a credential that somebody put in the wrong place.

use serde_json::{Number, Value};

use super::schema::{Form, Node, Range};
use crate::finding::nearest;

/// More names than these are not listed.
const MOST_NAMES: usize = 16;

pub(super) fn set_it(node: &Node) -> String {
    match &node.example {
        Some(example) => format!("set it, such as `{example}`"),
        None => format!("set it to {}", expected(&node.form)),
    }
}

pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> (String, String) {
    let cure = match nearest(name, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.clone().next().is_none() => "remove it; this object has no fields".to_owned(),
        None => format!("remove it; the fields here are {}", list(known)),
    };
    ("there is no such field here".to_owned(), cure)
}

pub(super) fn wrong_type(node: &Node, value: &Value) -> (String, String) {
    let cause = format!("expected {}, found {}", expected(&node.form), shape(value));
    let cure = match (&node.form, value) {
        (Form::Text { .. }, Value::Bool(_)) => {
            "put it in quotes: without them, YAML reads on, off, yes, no, y and n as true or false".to_owned()
        }
        (Form::Text { .. }, Value::Number(_)) => "put it in quotes: without them, YAML reads a number".to_owned(),
        (Form::Integer(_) | Form::Boolean, Value::String(_)) => {
            format!("write {} without quotes", expected(&node.form))
        }
        _ => match &node.example {
            Some(example) => format!("write it like `{example}`"),
            None => format!("write {}", expected(&node.form)),
        },
    };
    (cause, cure)
}

pub(super) fn pattern(pattern: &str, text: &str, node: &Node) -> (String, String) {
    let cause = format!("expected text of the form {pattern}, found {}", measure(text));
    let cure = match (&node.example, text.trim() == text) {
        (_, false) => "remove the white space around it".to_owned(),
        (Some(example), true) => format!("write it like `{example}`"),
        (None, true) => "write it in that form".to_owned(),
    };
    (cause, cure)
}

pub(super) fn number(range: Range<i64>, found: &Number, node: &Node) -> (String, String) {
    let cause = format!("expected {}, found {found}", expected(&node.form));
    let cure = match (range.least, range.most) {
        (Some(least), Some(most)) => format!("use a whole number from {least} to {most}"),
        (Some(least), None) => format!("use {least} or more"),
        (None, Some(most)) => format!("use {most} or less"),
        (None, None) => "use a whole number".to_owned(),
    };
    (cause, cure)
}

pub(super) fn not_allowed(allowed: &[Value], found: &Value) -> (String, String) {
    let names = || allowed.iter().filter_map(Value::as_str);
    let all = list(allowed.iter().map(plain).collect::<Vec<_>>().iter().map(String::as_str));
    let cause = match allowed {
        [_] => format!("expected {all}, found {}", shape(found)),
        _ => format!("expected one of {all}, found {}", shape(found)),
    };
    let cure = match found.as_str().and_then(|found| nearest(found, names())) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if allowed.len() == 1 => format!("write {all}, or leave the field out"),
        None => "use one of these".to_owned(),
    };
    (cause, cure)
}

pub(super) fn count(size: Range<usize>, found: usize, one: &str, several: &str) -> (String, String) {
    let noun = |count: usize| if count == 1 { one } else { several };
    match (size.least, size.most) {
        (Some(least), _) if found < least => (
            format!("expected at least {least} {}, found {found}", noun(least)),
            "add to it, or leave the field out if it is optional".to_owned(),
        ),
        (_, most) => {
            let most = most.unwrap_or_default();
            (format!("expected at most {most} {}, found {found}", noun(most)), format!("shorten it to {most}"))
        }
    }
}

pub(super) fn same_key(keys: &[Box<str>]) -> (String, String) {
    let keys = list(keys.iter().map(|key| &**key));
    (format!("an item before this one has the same {keys}"), format!("give each item its own {keys}"))
}

/// `said`: what the rule itself says of this value.
pub(super) fn rule(message: &str, said: Option<String>, found: &Value) -> (String, String) {
    let cure = format!("change it so that this holds: {message}");
    if let Some(said) = said {
        return (said, cure);
    }
    let members = found.as_object().map(|members| members.iter().filter(|(_, value)| !value.is_null()));
    let cause = match members.map(|members| list(members.map(|(name, _)| name.as_str()))) {
        Some(names) if names.is_empty() => format!("{message}; nothing is set here"),
        Some(names) => format!("{message}; set here: {names}"),
        None => message.to_owned(),
    };
    (cause, cure)
}

/// The type in words.
fn expected(form: &Form) -> String {
    match form {
        Form::Struct(_) => "an object".to_owned(),
        Form::Map { .. } => "an object of names and values".to_owned(),
        Form::List { .. } => "a list".to_owned(),
        Form::Text { .. } => "text".to_owned(),
        Form::Integer(Range { least: Some(least), most: Some(most) }) => {
            format!("a whole number from {least} to {most}")
        }
        Form::Integer(_) => "a whole number".to_owned(),
        Form::Boolean => "true or false".to_owned(),
    }
}

/// What a value looks like, without what it says.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => measure(text),
        Value::Array(items) if items.len() == 1 => "a list of 1 item".to_owned(),
        Value::Array(items) => format!("a list of {} items", items.len()),
        Value::Object(members) if members.len() == 1 => "an object with 1 member".to_owned(),
        Value::Object(members) => format!("an object with {} members", members.len()),
    }
}

fn measure(text: &str) -> String {
    match text.chars().count() {
        0 => "empty text".to_owned(),
        1 => "text of 1 character".to_owned(),
        count => format!("text of {count} characters"),
    }
}

/// A value of the schema's own.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let shown: Vec<_> = names.clone().take(MOST_NAMES).collect();
    let more = names.count() - shown.len();
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
