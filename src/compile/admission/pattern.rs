//! Regular expressions as the API server reads them: Go's `regexp`, which is RE2.

use std::fmt;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

/// A compiled pattern. It is looked for anywhere in a text unless it says `^` and `$` itself; `$` is the very end.
pub(super) struct Pattern {
    source: Box<str>,
    regex: Regex,
}

impl Pattern {
    /// Compiles `source`; `None` if it is no pattern.
    pub(super) fn compile(source: &str) -> Option<Self> {
        let regex = Regex::builder().syntax(syntax::Config::new().unicode(true)).build(&ascii_classes(source)).ok()?;
        Some(Self { source: source.into(), regex })
    }

    /// The text that it was compiled from.
    pub(super) const fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is found in `text`.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, formatter)
    }
}

/// Spells the Perl classes out, which are ASCII in Go and Unicode here. A class within brackets is allowed in both.
fn ascii_classes(source: &str) -> String {
    let mut spelled = String::with_capacity(source.len());
    let mut characters = source.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            spelled.push(character);
            continue;
        }
        match characters.next() {
            Some('d') => spelled.push_str("[0-9]"),
            Some('D') => spelled.push_str("[^0-9]"),
            Some('s') => spelled.push_str("[\\t\\n\\f\\r ]"),
            Some('S') => spelled.push_str("[^\\t\\n\\f\\r ]"),
            Some('w') => spelled.push_str("[0-9A-Za-z_]"),
            Some('W') => spelled.push_str("[^0-9A-Za-z_]"),
            Some('b') => spelled.push_str("(?-u:\\b)"),
            Some(escaped) => spelled.extend(['\\', escaped]),
            None => spelled.push('\\'),
        }
    }
    spelled
}
