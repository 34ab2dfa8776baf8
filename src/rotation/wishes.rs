//! What people ask for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{MAX_WORD, Ring};

/// The annotation that asks for a rotation, once for each new word.
pub const ROTATE: &str = "bearward.dev/rotate-keys";

/// The annotation with the pods that are not waited for, with commas between them.
pub const DESPITE: &str = "bearward.dev/despite";

/// The annotation with the keys that are compromised, with commas between them.
pub const COMPROMISED: &str = "bearward.dev/compromised-keys";

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
    /// Reads the annotations of a policy.
    pub fn read<'t>(annotation: impl Fn(&str) -> Option<&'t str>) -> Self {
        let words =
            |name| annotation(name).into_iter().flat_map(|text| text.split([',', ' '])).filter(|w| !w.is_empty());
        Self {
            rotate: annotation(ROTATE).map(str::trim).filter(|word| !word.is_empty()).map(Into::into),
            despite: words(DESPITE).map(Into::into).collect(),
            compromised: words(COMPROMISED).map(Into::into).collect(),
        }
    }

    /// The request that this ring has not answered yet.
    pub(super) fn unanswered(&self, ring: &Ring) -> Option<&str> {
        let word = self.rotate.as_deref()?;
        let word = word.get(..word.floor_char_boundary(MAX_WORD)).unwrap_or(word);
        (ring.answered.as_deref() != Some(word)).then_some(word)
    }
}
