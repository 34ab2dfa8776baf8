//! What people ask for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{MAX_WORD, Ring};

/// What the policy's annotations ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Rotate at once; done once for each new word, of which the first [`MAX_WORD`] bytes count.
    pub rotate: Option<Box<str>>,
    /// Replicas that are not waited for.
    pub despite: BTreeSet<Arc<str>>,
    /// Keys that are compromised. Names that the ring does not have change nothing.
    pub compromised: BTreeSet<Box<str>>,
}

impl Wishes {
    /// The request that this ring has not answered yet.
    pub(super) fn unanswered(&self, ring: &Ring) -> Option<&str> {
        let word = self.rotate.as_deref()?;
        let word = word.get(..word.floor_char_boundary(MAX_WORD)).unwrap_or(word);
        (ring.answered.as_deref() != Some(word)).then_some(word)
    }
}
