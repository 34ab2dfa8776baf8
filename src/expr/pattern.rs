//! Regular expressions whose every search takes time in proportion to the text.
//!
//! A pattern becomes a whole automaton, with no fallback that could be slow: one that would be too large is refused when
//! the rule is compiled. As in RE2, which CEL names, `\d`, `\w`, `\s` and `\b` are ASCII, so that `^\d+$` takes no digits
//! of other scripts. Unlike RE2, `.` and brackets stand for one byte, which matters beyond ASCII only.

use std::fmt;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

use super::error::{EvalError, Problem};

/// The largest automaton, in bytes.
const MAX_AUTOMATON: usize = 128 << 10;
/// The most memory that making it may take besides, in bytes.
const MAX_WORK: usize = 512 << 10;
/// The largest form from which it is made, in bytes.
const MAX_NFA: usize = 64 << 10;
/// How deep brackets in a pattern may nest.
const MAX_NESTING: u32 = 16;

/// A compiled regular expression.
pub(super) struct Pattern {
    automaton: dense::DFA<Vec<u32>>,
}

impl Pattern {
    pub(super) fn compile(pattern: &str) -> Result<Self, Problem> {
        let automaton = dense::Builder::new()
            .syntax(syntax::Config::new().unicode(false).utf8(false).nest_limit(MAX_NESTING))
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_NFA)))
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Unanchored)
                    .match_kind(MatchKind::LeftmostFirst)
                    .accelerate(false)
                    .dfa_size_limit(Some(MAX_AUTOMATON))
                    .determinize_size_limit(Some(MAX_WORK)),
            )
            .build(pattern)
            .map_err(|error| Problem::Pattern(explain(&error)))?;
        Ok(Self { automaton })
    }

    /// Whether it matches anywhere in `text`.
    pub(super) fn is_found_in(&self, text: &str) -> Result<bool, EvalError> {
        let input = Input::new(text).earliest(true);
        // It can fail only for kinds of automata and searches that are not made here.
        self.automaton.try_search_fwd(&input).map(|found| found.is_some()).map_err(|_| EvalError::Cost)
    }
}

fn explain(error: &dense::BuildError) -> String {
    if error.is_size_limit_exceeded() {
        return "the pattern is too large: repeat less, or anchor it with ^".to_owned();
    }
    // The parser's own account is a picture of several lines; its last line says what is wrong.
    let source = std::error::Error::source(error);
    let message = source.map_or_else(|| error.to_string(), |source| deepest(source).to_string());
    let line = message.lines().last().unwrap_or_default();
    if line.contains("exceeded") {
        return "the pattern is too large: repeat less, or anchor it with ^".to_owned();
    }
    format!("the pattern is no regular expression: {}", line.trim_start_matches("error: "))
}

fn deepest<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    error.source().map_or(error, deepest)
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pattern").finish_non_exhaustive()
    }
}
