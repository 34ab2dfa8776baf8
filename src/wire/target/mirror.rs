//! Writes text that mostly repeats its source, and allocates only from the first difference on.

use std::borrow::Cow;

/// As long as what is written equals the source, only its length is kept.
pub(super) struct Mirror<'a> {
    source: &'a str,
    written: Written,
}

enum Written {
    /// The first so many bytes of the source.
    Same(usize),
    Other(String),
}

impl<'a> Mirror<'a> {
    pub(super) const fn of(source: &'a str) -> Self {
        Self { source, written: Written::Same(0) }
    }

    pub(super) fn as_str(&self) -> &str {
        match &self.written {
            Written::Same(length) => self.source.get(..*length).unwrap_or_default(),
            Written::Other(text) => text,
        }
    }

    pub(super) fn push_str(&mut self, piece: &str) {
        match &mut self.written {
            Written::Same(length) => {
                let (before, after) = self.source.split_at_checked(*length).unwrap_or_default();
                if after.starts_with(piece) {
                    *length += piece.len();
                } else {
                    let mut text = String::with_capacity(self.source.len() + piece.len());
                    text.push_str(before);
                    text.push_str(piece);
                    self.written = Written::Other(text);
                }
            }
            Written::Other(text) => text.push_str(piece),
        }
    }

    pub(super) fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    /// Takes back all but the first `length` bytes, which end at a character.
    pub(super) fn truncate(&mut self, length: usize) {
        match &mut self.written {
            Written::Same(same) => *same = length.min(*same),
            Written::Other(text) => text.truncate(length),
        }
    }

    /// What was written; borrowed only if it is the source to its last byte, since who sees a borrowed text takes the
    /// source for it.
    pub(super) fn finish(self) -> Cow<'a, str> {
        match self.written {
            Written::Same(length) if length == self.source.len() => Cow::Borrowed(self.source),
            Written::Same(length) => Cow::Owned(self.source.get(..length).unwrap_or_default().to_owned()),
            Written::Other(text) => Cow::Owned(text),
        }
    }
}
