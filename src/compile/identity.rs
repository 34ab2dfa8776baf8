//! The headers that carry an identity to upstreams, over all policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;

use crate::wire::headers::IdentityHeaders;

/// The identity headers of all policies, each with the number of policies that have it.
#[derive(Debug, Default)]
pub(super) struct IdentityNames {
    counts: BTreeMap<Box<str>, (HeaderName, usize)>,
    headers: Arc<IdentityHeaders>,
    has_changed: bool,
}

impl IdentityNames {
    /// A policy has these now instead of those.
    pub(super) fn replace(&mut self, before: &[HeaderName], now: &[HeaderName]) {
        for name in now {
            let (_, count) = self.counts.entry(name.as_str().into()).or_insert_with(|| {
                self.has_changed = true;
                (name.clone(), 0)
            });
            *count = count.saturating_add(1);
        }
        for name in before {
            let Some((_, count)) = self.counts.get_mut(name.as_str()) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(name.as_str());
                self.has_changed = true;
            }
        }
    }

    /// All of them; the same as before if none came or went.
    pub(super) fn headers(&mut self) -> Arc<IdentityHeaders> {
        if std::mem::take(&mut self.has_changed) {
            self.headers = Arc::new(IdentityHeaders::new(self.counts.values().map(|(name, _)| name)));
        }
        Arc::clone(&self.headers)
    }
}
