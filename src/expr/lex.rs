//! From text to tokens, within bounds: what comes after never sees more than these.

use super::error::{ExprError, Problem};
use super::{MAX_BRACKETS, MAX_BYTES, MAX_OPERATORS};

/// A token and where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) at: usize,
    pub(super) word: Word<'s>,
}

/// What a token is. Literals are still as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word<'s> {
    /// A name or a keyword.
    Name(&'s str),
    Number(&'s str),
    /// With its quotes and prefix.
    Text(&'s str),
    Symbol(&'static str),
    End,
}

/// Longer ones first.
const SYMBOLS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "!", "<", ">", "+", "-", "*", "/", "%", "?", ":", ",", ".", "(", ")", "[", "]",
    "{", "}",
];

/// Splits `source` into its tokens, without [`Word::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, ExprError> {
    if source.len() > MAX_BYTES {
        return Err(ExprError::new(MAX_BYTES, Problem::TooLong { bytes: source.len() }));
    }
    let mut bounds = Bounds::default();
    let mut tokens = Vec::new();
    let mut rest = skip_space(source);
    while let Some(first) = rest.chars().next() {
        let at = source.len() - rest.len();
        let (word, length) = word(rest, first).map_err(|problem| ExprError::new(at, problem))?;
        bounds.count(word).map_err(|problem| ExprError::new(at, problem))?;
        tokens.push(Token { at, word });
        rest = skip_space(rest.get(length..).unwrap_or_default());
    }
    Ok(tokens)
}

/// Skips white space, and comments: from `//` to the end of the line.
fn skip_space(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
        let Some(comment) = text.strip_prefix("//") else { return text };
        text = comment.split_once('\n').map_or("", |(_, rest)| rest);
    }
}

fn word(rest: &str, first: char) -> Result<(Word<'_>, usize), Problem> {
    if let Some(length) = text_length(rest)? {
        return Ok((Word::Text(prefix(rest, length)), length));
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let length = run(rest, is_name);
        return Ok((Word::Name(prefix(rest, length)), length));
    }
    let after_dot = rest.strip_prefix('.').and_then(|rest| rest.chars().next());
    if first.is_ascii_digit() || after_dot.is_some_and(|next| next.is_ascii_digit()) {
        let length = number_length(rest);
        if rest.get(length..).is_some_and(|after| after.starts_with(is_name)) {
            return Err(Problem::Literal("a number has letters in it"));
        }
        return Ok((Word::Number(prefix(rest, length)), length));
    }
    match SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        Some(symbol) => Ok((Word::Symbol(symbol), symbol.len())),
        None => Err(Problem::Character {
            character: first,
            instead: match first {
                '=' => Some("`==` to compare"),
                '&' => Some("`&&`"),
                '|' => Some("`||`"),
                '`' => Some("['…'] for a member whose name is not a plain word"),
                _ => None,
            },
        }),
    }
}

fn prefix(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or_default()
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|character| !belongs(character)).unwrap_or(text.len())
}

const fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The length of the string literal at the start of `text`, quotes and prefix included, if there is one.
fn text_length(text: &str) -> Result<Option<usize>, Problem> {
    let (body, is_raw, is_bytes) = match text.trim_start_matches(['r', 'R', 'b', 'B']) {
        body if body.starts_with(['"', '\'']) && text.len() - body.len() <= 2 => {
            let prefix = prefix(text, text.len() - body.len());
            (body, prefix.contains(['r', 'R']), prefix.contains(['b', 'B']))
        }
        _ => return Ok(None),
    };
    if is_bytes {
        return Err(Problem::LeftOut("bytes are not supported in rules: compare strings"));
    }
    let quote = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quote| body.starts_with(quote)).unwrap_or("'");
    let mut rest = body.get(quote.len()..).unwrap_or_default();
    while let Some(character) = rest.chars().next() {
        if rest.starts_with(quote) {
            return Ok(Some(text.len() - rest.len() + quote.len()));
        }
        if quote.len() == 1 && character == '\n' {
            break;
        }
        // Behind a backslash a quote does not end the literal; what the escape means is read later.
        let skipped = if character == '\\' && !is_raw { rest.chars().nth(1) } else { None };
        let length = character.len_utf8() + skipped.map_or(0, char::len_utf8);
        rest = rest.get(length..).unwrap_or_default();
    }
    Err(Problem::Literal("a string has no end"))
}

fn number_length(text: &str) -> usize {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return 2 + run(digits, |character| character.is_ascii_hexdigit());
    }
    let digits = |from: usize| run(text.get(from..).unwrap_or_default(), |character| character.is_ascii_digit());
    let mut length = digits(0);
    if text.get(length..).is_some_and(|rest| rest.starts_with('.')) && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if text.get(length..).is_some_and(|rest| rest.starts_with(['e', 'E'])) {
        let sign = usize::from(text.get(length + 1..).is_some_and(|rest| rest.starts_with(['+', '-'])));
        length += 1 + sign + digits(length + 1 + sign);
    }
    length
}

/// What is counted over all tokens.
#[derive(Default)]
struct Bounds {
    open: usize,
    operators: usize,
}

impl Bounds {
    fn count(&mut self, word: Word<'_>) -> Result<(), Problem> {
        match word {
            Word::Symbol("(" | "[" | "{") => self.open += 1,
            Word::Symbol(")" | "]" | "}") => self.open = self.open.saturating_sub(1),
            Word::Symbol("," | "." | ":") | Word::Number(_) | Word::Text(_) | Word::End => {}
            Word::Symbol(_) => self.operators += 1,
            Word::Name(name) => self.operators += usize::from(name == "in"),
        }
        if self.open > MAX_BRACKETS {
            return Err(Problem::TooManyBrackets);
        }
        if self.operators > MAX_OPERATORS {
            return Err(Problem::TooManyOperators);
        }
        Ok(())
    }
}
