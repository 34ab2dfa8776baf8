//! What literals mean.

use super::error::Problem;
use super::node::Constant;

/// Reads an int or a double, `negative` if a minus stood before it. The smallest int has no positive twin, so the sign
/// belongs to the literal.
pub(super) fn number(written: &str, negative: bool) -> Result<Constant, Problem> {
    const TOO_LARGE: Problem = Problem::Literal("a number is too large");
    let sign = if negative { "-" } else { "" };
    let hexadecimal = written.strip_prefix("0x").or_else(|| written.strip_prefix("0X"));
    if hexadecimal.is_none() && written.contains(['.', 'e', 'E']) {
        let value: f64 =
            format!("{sign}{written}").parse().map_err(|_| Problem::Literal("a number has no digits where it must"))?;
        return if value.is_finite() { Ok(Constant::Double(value)) } else { Err(TOO_LARGE) };
    }
    let (digits, radix) = hexadecimal.map_or((written, 10), |digits| (digits, 16));
    if digits.is_empty() {
        return Err(Problem::Literal("a number has no digits where it must"));
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).map(Constant::Int).map_err(|_| TOO_LARGE)
}

/// Reads a string literal as it stands, quotes and prefix included.
pub(super) fn text(written: &str) -> Result<String, Problem> {
    let body = written.trim_start_matches(['r', 'R']);
    let quotes = if ["'''", "\"\"\""].iter().any(|quote| body.len() >= 6 && body.starts_with(quote)) { 3 } else { 1 };
    let inside = body.get(quotes..body.len().saturating_sub(quotes)).unwrap_or_default();
    if body.len() < written.len() {
        return Ok(inside.to_owned());
    }
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let (character, after) = escape(escaped)?;
        out.push(character);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The character that an escape stands for, and what follows it.
fn escape(text: &str) -> Result<(char, &str), Problem> {
    const UNKNOWN: Problem =
        Problem::Literal("a string has an escape that CEL does not know; write `\\\\` for a backslash");
    let mut rest = text.chars();
    let first = rest.next().ok_or(UNKNOWN)?;
    let character = match first {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' | '?' | '"' | '\'' | '`' => first,
        'x' | 'X' => return numeric(rest.as_str(), 2, 16),
        'u' => return numeric(rest.as_str(), 4, 16),
        'U' => return numeric(rest.as_str(), 8, 16),
        '0'..='3' => return numeric(text, 3, 8),
        _ => return Err(UNKNOWN),
    };
    Ok((character, rest.as_str()))
}

fn numeric(text: &str, digits: usize, radix: u32) -> Result<(char, &str), Problem> {
    let character = text.split_at_checked(digits).and_then(|(digits, rest)| {
        // `from_str_radix` would take a sign.
        let is_plain = digits.chars().all(|digit| digit.is_digit(radix));
        let value = u32::from_str_radix(digits, radix).ok().filter(|_| is_plain)?;
        Some((char::from_u32(value)?, rest))
    });
    character.ok_or(Problem::Literal("a string has an escape that is no character"))
}
