//! Whose credential was verified, and what the log says of him.

use std::rc::Rc;
use std::sync::Arc;

use crate::jose::{Claims, Fingerprint, FingerprintKey, Verified};
use crate::proxy::token_cache::CachedToken;
use crate::snapshot::{Policy, Takes};

/// Whose credential a policy verified. By itself it lets nobody in.
#[derive(Clone)]
pub(in crate::proxy) struct Caller {
    pub(in crate::proxy) identity: Identity,
    pub(in crate::proxy) policy: Arc<Policy>,
    /// The place of the policy's entry that verified it.
    entry: usize,
}

/// What a verified credential says.
#[derive(Clone)]
pub(in crate::proxy) enum Identity {
    /// Of a signed token.
    Token(Rc<CachedToken>),
    /// Of an API key.
    Key(Arc<Verified<Claims>>),
}

impl Identity {
    /// The claims.
    pub(in crate::proxy) fn claims(&self) -> &Verified<Claims> {
        match self {
            Self::Token(token) => token,
            Self::Key(claims) => claims,
        }
    }
}

impl Caller {
    /// Whose credential the entry at this place verified.
    pub(super) fn new(identity: Identity, policy: &Arc<Policy>, entry: usize) -> Self {
        Self { identity, policy: Arc::clone(policy), entry }
    }

    /// The name of the entry.
    pub(in crate::proxy) fn entry(&self) -> &str {
        self.policy.entries.get(self.entry).map_or("", |entry| &entry.name)
    }

    /// What the entry takes.
    pub(in crate::proxy) fn takes(&self) -> Option<&Takes> {
        self.policy.entries.get(self.entry).map(|entry| &entry.takes)
    }

    /// The client: what the first claim says that is there. If that is no text, a second one is not asked, which may mean
    /// somebody else.
    pub(in crate::proxy) fn client(&self) -> Option<&str> {
        let claims = self.identity.claims();
        let claim = self.policy.identity.client.iter().find(|claim| claims.get(claim).is_some())?;
        claims.text(claim)
    }

    /// The team.
    pub(in crate::proxy) fn team(&self) -> Option<&str> {
        self.identity.claims().text(self.policy.identity.team.as_deref()?)
    }

    /// What may be shown of the subject.
    pub(in crate::proxy) fn subject(&self, key: &FingerprintKey) -> Option<Fingerprint> {
        self.identity.claims().fingerprint(&self.policy.identity.subject, key)
    }
}
