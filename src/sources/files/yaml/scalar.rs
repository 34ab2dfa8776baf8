//! What a plain scalar means in YAML 1.1, as kubectl's library (goyaml) has it.

use serde_json::{Number, Value};

/// What a scalar was resolved to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Value(Value),
    /// An infinity, or not a number.
    NotFinite,
    /// `<<`, where it is a name.
    Merge,
}

/// The meaning of a scalar without quotes and without a tag.
pub(super) fn plain(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Value(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Value(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Value(Value::Bool(false));
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => return Scalar::NotFinite,
        "<<" => return Scalar::Merge,
        _ => {}
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => point(text),
        Some(b'0'..=b'9' | b'+' | b'-') => integer(text).or_else(|| float(&text.replace('_', ""))),
        _ => None,
    };
    Scalar::Value(number.map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

/// A whole number as Go's `strconv.ParseInt` reads it with base 0, underscores taken out first.
fn integer(text: &str) -> Option<Number> {
    let text = text.replace('_', "");
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let (digits, radix) = match digits.get(..2) {
        Some("0x" | "0X") => (digits.get(2..)?, 16),
        Some("0o" | "0O") => (digits.get(2..)?, 8),
        Some("0b" | "0B") => (digits.get(2..)?, 2),
        Some(_) if digits.starts_with('0') => (digits.get(1..)?, 8),
        _ => (digits, 10),
    };
    // Rust's own parser takes a sign here; Go does not take a second one.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    let whole = if is_negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    match whole {
        Some(whole) => Some(Number::from(whole)),
        // What does not fit 63 bits goes through a float on its way to the API server.
        None if is_negative => None,
        None => finite(&magnitude.to_string()),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, if it is finite. A number that is none is text.
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_float = are_digits(whole)
        && are_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && are_digits(exponent));
    if is_float { finite(text) } else { None }
}

/// A number that begins with its point; its underscores must stand between digits.
fn point(text: &str) -> Option<Number> {
    let bytes = text.as_bytes();
    let is_digit = |index: Option<usize>| index.and_then(|index| bytes.get(index)).is_some_and(u8::is_ascii_digit);
    let mut underscores = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_');
    let stand_well = underscores.all(|(index, _)| is_digit(index.checked_sub(1)) && is_digit(index.checked_add(1)));
    if stand_well { float(&text.replace('_', "")) } else { None }
}

/// The float as JSON would carry it: a whole number without a fraction.
fn finite(text: &str) -> Option<Number> {
    let float: f64 = text.parse().ok()?;
    if float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0 {
        return format!("{float:.0}").parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(float)
}
