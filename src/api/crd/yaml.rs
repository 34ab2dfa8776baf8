//! Writes a JSON value as block-style YAML that every YAML reader, 1.1 or 1.2, reads back as the same value.
//!
//! Only what a definition holds has to look well, and every scalar that is not plainly a word is quoted as JSON quotes
//! it, which YAML reads alike. So there is no table of words that YAML would take for something else to get wrong.

use std::fmt::Write as _;

use serde_json::Value;

/// The value as a YAML document that ends with a line break.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    node(&mut out, value, 0);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Writes a value that begins where the cursor is; `depth` is how far its members are indented.
fn node(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (position, (name, member)) in members.iter().enumerate() {
                if position > 0 {
                    indent(out, depth);
                }
                scalar(out, name);
                out.push(':');
                below(out, member, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    indent(out, depth);
                }
                out.push_str("- ");
                node(out, item, depth + 1);
                end_line(out);
            }
        }
        Value::String(text) => scalar(out, text),
        // Bounds are floats in the definition's type; they are whole numbers in ours.
        Value::Number(number) if number.is_f64() => {
            let _ = write!(out, "{}", number.as_f64().unwrap_or_default());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

/// Writes a member after its name: a scalar on the same line, a list under the name, an object one step further in.
fn below(out: &mut String, member: &Value, depth: usize) {
    let inwards = match member {
        Value::Object(members) if !members.is_empty() => depth + 1,
        Value::Array(items) if !items.is_empty() => depth,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            out.push(' ');
            node(out, member, depth);
            return end_line(out);
        }
    };
    out.push('\n');
    indent(out, inwards);
    node(out, member, inwards);
    end_line(out);
}

/// Ends the line, unless what was written last did.
fn end_line(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A string, plain if it is a word of letters that cannot be taken for anything else, else quoted.
fn scalar(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        let _ = write!(out, "{}", Value::String(text.to_owned()));
    }
}

/// What some YAML takes for a boolean or null, in any case. Nothing else that begins with a letter means anything.
const TAKEN: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// Words that begin with a letter, but for those that are taken.
fn is_plain(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && text.bytes().all(word)
        && !TAKEN.iter().any(|taken| text.eq_ignore_ascii_case(taken))
}
