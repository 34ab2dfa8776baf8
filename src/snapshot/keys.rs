//! The keys of an issuer: a cell that is swapped in place, and the way in which a request asks for newer ones.
//!
//! A request never fetches. It says that it misses a key, and waits a bounded time for the next round of whoever
//! fetches.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, watch};

use crate::clock::UnixTime;
use crate::finding::Code;
use crate::jose::{ApiKeySet, KeySet, Token};

/// The keys of an issuer as they are known now.
#[derive(Debug)]
pub enum AcceptedKeys {
    /// None are to be had: nobody can be told that his token is wrong. The code says why, the time when the next
    /// attempt is due, if one is.
    Unavailable {
        /// Why.
        code: Code,
        /// When they may be there.
        retry: Option<UnixTime>,
    },
    /// These.
    Known {
        /// The keys.
        set: KeySet,
        /// Whether a key that is not there may exist all the same.
        as_of: AsOf,
    },
}

/// How far a set of keys can be believed to be all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// It was written down by the policy's own author: what is not there is unknown.
    Always,
    /// It was fetched. A token issued before `began` whose key is not there has an unknown key; a later one may be
    /// signed by a newer key.
    Fetch {
        /// When the fetch that brought it began.
        began: UnixTime,
        /// When the next fetch may begin.
        next: UnixTime,
    },
}

impl AsOf {
    /// When the next fetch may begin, which may bring the key of a token of this time that is not there; `None` where
    /// there is no such key.
    pub fn may_bring(self, token: Issued) -> Option<UnixTime> {
        match self {
            Self::Always => None,
            Self::Fetch { began, .. } if token.is_before(began) => None,
            Self::Fetch { next, .. } => Some(next),
        }
    }
}

/// When a token was issued, as far as a key set's age is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issued {
    /// In this second, by its own word. Whoever says a later one than is true only makes us fetch.
    At(UnixTime),
    /// It does not say, but was here at this time.
    Before(UnixTime),
}

impl Issued {
    /// When `token`, which arrived at `arrived`, was issued.
    pub fn of(token: &Token<'_>, arrived: UnixTime) -> Self {
        token.issued_at().map_or(Self::Before(arrived), Self::At)
    }

    /// Whether a fetch that began at `began` must have brought its key. A token says the whole second in which it was
    /// issued, so the fetch must have begun in a later one.
    fn is_before(self, began: UnixTime) -> bool {
        match self {
            Self::At(second) => second.secs() < began.secs(),
            Self::Before(arrived) => arrived <= began,
        }
    }
}

/// The most requests that wait for one source at once, over all threads. Each source has its own bound, so that a flood
/// of made-up key ids for one issuer takes no place from the requests of another.
const MAX_WAITERS: usize = 256;

/// The API keys of an entry as they are known now.
pub enum AcceptedApiKeys {
    /// The Secrets that hold them may not be read: nobody can be told that his key is wrong. The code says why.
    Unavailable(Code),
    /// These.
    Known(ApiKeySet),
}

/// The keys themselves are left out: there can be many, and their digests say nothing.
impl fmt::Debug for AcceptedApiKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(code) => write!(formatter, "Unavailable({code})"),
            Self::Known(keys) => write!(formatter, "Known({})", keys.len()),
        }
    }
}

/// The keys of one source, shared by every policy that names it.
#[derive(Debug)]
pub struct KeyCell {
    keys: ArcSwap<AcceptedKeys>,
    /// How many rounds of fetching have ended, well or not.
    rounds: watch::Sender<u64>,
    demand: Notify,
    waiters: AtomicUsize,
    /// When the last fetch succeeded, in milliseconds; [`NEVER`] before.
    last_fetch: AtomicI64,
    failures: AtomicU64,
}

/// Stands for a time that has not come.
const NEVER: i64 = i64::MIN;

/// A place among those who wait for the next round of a cell; given back when it is dropped.
#[derive(Debug)]
pub struct Waiter {
    cell: Arc<KeyCell>,
    rounds: watch::Receiver<u64>,
}

impl KeyCell {
    /// A cell with these keys.
    pub fn new(keys: AcceptedKeys) -> Arc<Self> {
        Arc::new(Self {
            keys: ArcSwap::from_pointee(keys),
            rounds: watch::Sender::new(0),
            demand: Notify::new(),
            waiters: AtomicUsize::new(0),
            last_fetch: AtomicI64::new(NEVER),
            failures: AtomicU64::new(0),
        })
    }

    /// The keys of this moment.
    pub fn load(&self) -> Guard<Arc<AcceptedKeys>> {
        self.keys.load()
    }

    /// Replaces the keys and ends a round: whoever waits looks again.
    pub fn store(&self, keys: AcceptedKeys) {
        self.keys.store(Arc::new(keys));
        self.end_round();
    }

    /// Ends a round that brought nothing.
    pub fn end_round(&self) {
        self.rounds.send_modify(|rounds| *rounds = rounds.wrapping_add(1));
    }

    /// Notes that a fetch succeeded, whether or not it brought newer keys.
    pub fn fetched(&self, at: UnixTime) {
        self.last_fetch.store(at.millis(), Ordering::Relaxed);
    }

    /// Notes that a fetch failed.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// When the last fetch of this process succeeded.
    pub fn last_fetch(&self) -> Option<UnixTime> {
        let millis = self.last_fetch.load(Ordering::Relaxed);
        (millis != NEVER).then_some(UnixTime::from_millis(millis))
    }

    /// How many fetches of this process have failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Says that a key is missing. Asking twice is asking once.
    pub fn ask(&self) {
        self.demand.notify_one();
    }

    /// Waits until somebody asks. For the one task that fetches.
    pub async fn asked(&self) {
        self.demand.notified().await;
    }

    /// Tells when the next round has ended. Subscribe before [`KeyCell::ask`].
    pub fn rounds(&self) -> watch::Receiver<u64> {
        self.rounds.subscribe()
    }

    /// Says that a key is missing, and takes a place among those who wait for the round that this brings; `None` where
    /// 256 wait already.
    pub fn wait(self: &Arc<Self>) -> Option<Waiter> {
        let rounds = self.rounds();
        self.ask();
        // Counted first and given back by the drop, so that two who come at once cannot both take the last place.
        let place = self.waiters.fetch_add(1, Ordering::Relaxed);
        let waiter = Waiter { cell: Arc::clone(self), rounds };
        (place < MAX_WAITERS).then_some(waiter)
    }
}

impl Waiter {
    /// Waits until a round has ended since the place was taken.
    pub async fn round(&mut self) {
        // The sender lives in the cell, which this keeps: waiting cannot fail.
        let _ = self.rounds.changed().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.cell.waiters.fetch_sub(1, Ordering::Relaxed);
    }
}
