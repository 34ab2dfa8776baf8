//! What the provider would charge for.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was asked of a provider and what it said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Requests that were answered by words.
    pub answered: u64,
    /// Requests that were answered by an error.
    pub refused: u64,
    /// Tokens of the prompts of answered requests.
    pub prompt_tokens: u64,
    /// Tokens that were said; of a stream those that were sent.
    pub completion_tokens: u64,
}

/// The ledger that is written to. Sums wrap after 2⁶⁴.
#[derive(Debug, Default)]
pub(super) struct OpenLedger {
    answered: AtomicU64,
    refused: AtomicU64,
    prompt_tokens: AtomicU64,
    completion_tokens: AtomicU64,
}

impl OpenLedger {
    /// A request that will be answered; says which it is, from one.
    pub(super) fn ask(&self, tokens: u64) -> u64 {
        self.prompt_tokens.fetch_add(tokens, Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn say(&self, tokens: u64) {
        self.completion_tokens.fetch_add(tokens, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Ledger {
        Ledger {
            answered: self.answered.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            prompt_tokens: self.prompt_tokens.load(Ordering::Relaxed),
            completion_tokens: self.completion_tokens.load(Ordering::Relaxed),
        }
    }
}
