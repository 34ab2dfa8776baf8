//! Gives each character of a path or query its one spelling: raw or escaped (RFC 3986, section 6.2.2).

use std::borrow::Cow;

use super::mirror::Mirror;
use super::{EncodedSlashes, TargetError};

/// How a byte may stand in a target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Stands for itself.
    Plain,
    /// Not in the grammar of URIs, but browsers send it; written as an escape from here on.
    Escape,
    /// Begins an escape.
    Percent,
    Backslash,
    Fragment,
    Control,
    NonAscii,
}

/// The compiler makes this a table of 256 entries.
const fn class(byte: u8) -> Class {
    match byte {
        b'%' => Class::Percent,
        b'#' => Class::Fragment,
        b'\\' => Class::Backslash,
        0..=b' ' | 0x7F => Class::Control,
        0x80..=0xFF => Class::NonAscii,
        b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' => Class::Escape,
        _ => Class::Plain,
    }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A path's characters. Slashes and dots stay where they are: [`super::segments`] is next.
pub(super) fn path(text: &str, slashes: EncodedSlashes) -> Result<Cow<'_, str>, TargetError> {
    respell(text, |byte, mirror, rest| match class(byte) {
        Class::Plain => Err(TargetError::Form),
        Class::Escape => Ok(escape(mirror, byte, rest)),
        Class::Backslash => Err(TargetError::Backslash),
        Class::Fragment => Err(TargetError::Fragment),
        Class::Control => Err(TargetError::Control),
        Class::NonAscii => Err(TargetError::NonAscii),
        Class::Percent => {
            let (decoded, after) = hex_pair(rest).ok_or(TargetError::BadEscape)?;
            match decoded {
                b'/' if slashes == EncodedSlashes::Refuse => Err(TargetError::EncodedSlash),
                b'\\' => Err(TargetError::Backslash),
                0..=0x1F | 0x7F => Err(TargetError::EscapedControl),
                0x80..=0xFF => character_outside_ascii(mirror, decoded, after),
                _ if is_unreserved(decoded) => {
                    mirror.push(char::from(decoded));
                    Ok(after)
                }
                _ => Ok(escape(mirror, decoded, after)),
            }
        }
    })
}

/// A query's characters. Escapes of whatever bytes are taken: forms send line ends, backslashes and old charsets.
pub(super) fn query(text: &str) -> Result<Cow<'_, str>, TargetError> {
    respell(text, |byte, mirror, rest| match class(byte) {
        Class::Plain => Err(TargetError::Form),
        Class::Escape if matches!(byte, b'[' | b']') => {
            // Lists are written as `a[]=1` everywhere.
            mirror.push(char::from(byte));
            Ok(rest)
        }
        Class::Escape | Class::Backslash => Ok(escape(mirror, byte, rest)),
        Class::Fragment => Err(TargetError::Fragment),
        Class::Control => Err(TargetError::Control),
        Class::NonAscii => Err(TargetError::NonAscii),
        Class::Percent => match hex_pair(rest).ok_or(TargetError::BadEscape)? {
            (decoded, after) if is_unreserved(decoded) => {
                mirror.push(char::from(decoded));
                Ok(after)
            }
            (decoded, after) => Ok(escape(mirror, decoded, after)),
        },
    })
}

/// Copies runs of plain characters and has `special` write every other byte and say where to go on.
fn respell<'a>(
    text: &'a str,
    special: impl for<'r> Fn(u8, &mut Mirror<'a>, &'r str) -> Result<&'r str, TargetError>,
) -> Result<Cow<'a, str>, TargetError> {
    let Some(first) = text.bytes().position(|byte| class(byte) != Class::Plain) else {
        return Ok(Cow::Borrowed(text));
    };
    let mut mirror = Mirror::of(text);
    let (plain, mut rest) = text.split_at_checked(first).ok_or(TargetError::NonAscii)?;
    mirror.push_str(plain);
    while let Some(byte) = rest.bytes().next() {
        // A byte outside ASCII cannot be split off as a character; it is refused whatever follows.
        rest = special(byte, &mut mirror, rest.get(1..).unwrap_or_default())?;
        let run = rest.bytes().position(|byte| class(byte) != Class::Plain).unwrap_or(rest.len());
        let (plain, after) = rest.split_at_checked(run).ok_or(TargetError::NonAscii)?;
        mirror.push_str(plain);
        rest = after;
    }
    Ok(mirror.finish())
}

fn escape<'r>(mirror: &mut Mirror<'_>, byte: u8, rest: &'r str) -> &'r str {
    mirror.push('%');
    for digit in [byte >> 4, byte & 0x0F] {
        mirror.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
    }
    rest
}

/// The byte that two hexadecimal digits at the start of `text` stand for, and what follows them.
fn hex_pair(text: &str) -> Option<(u8, &str)> {
    let (pair, rest) = text.split_at_checked(2)?;
    let mut value = 0_u8;
    for digit in pair.chars() {
        value = (value << 4) | u8::try_from(digit.to_digit(16)?).ok()?;
    }
    Some((value, rest))
}

/// Writes one escaped character outside ASCII. Its escapes must be UTF-8 in the shortest form: `%C0%AF` is a slash to
/// decoders that do not check.
fn character_outside_ascii<'r>(mirror: &mut Mirror<'_>, lead: u8, rest: &'r str) -> Result<&'r str, TargetError> {
    let width = match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return Err(TargetError::NotUtf8),
    };
    let mut bytes = Vec::with_capacity(4);
    bytes.push(lead);
    let mut rest = rest;
    while bytes.len() < width {
        let escape = rest.strip_prefix('%').ok_or(TargetError::NotUtf8)?;
        let (byte, after) = hex_pair(escape).ok_or(TargetError::BadEscape)?;
        bytes.push(byte);
        rest = after;
    }
    let character = std::str::from_utf8(&bytes).map_err(|_| TargetError::NotUtf8)?;
    // U+0080 to U+009F are control characters as well.
    if character.chars().any(char::is_control) {
        return Err(TargetError::EscapedControl);
    }
    for byte in bytes {
        escape(mirror, byte, rest);
    }
    Ok(rest)
}
