//! The verified tokens that this replica has seen: a first level per thread without locks, a second one per process.
//!
//! An entry says that a signature was good under one set of keys, and nothing else: times, audience and scopes are
//! checked again on every hit. The key is a hash, so that no token is kept. The second level is asked only where the
//! first has nothing, so that a client whose connections land on several threads pays for one signature.

use std::cell::RefCell;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use quick_cache::{sync, unsync};

use crate::jose::{Claims, TokenHash, Verified};

/// The most tokens that one thread remembers; the least used are forgotten. With their claims some 10 MB.
const FIRST_LEVEL: usize = 8_192;

/// The most tokens that the process remembers besides.
const SECOND_LEVEL: usize = 65_536;

/// A token and the entry of a policy that verified it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CacheKey {
    token: [u8; 32],
    entry: [u8; 32],
}

impl CacheKey {
    /// The token of this hash, judged by the entry of this content.
    pub(super) const fn new(token: &TokenHash, entry: &[u8; 32]) -> Self {
        Self { token: *token.as_bytes(), entry: *entry }
    }
}

/// A token whose signature was good. Its claims are shared by all threads, it itself only by the requests of one: these
/// count among themselves.
#[derive(Debug)]
pub(super) struct CachedToken {
    /// The key set under which it was good.
    keys: [u8; 32],
    claims: Arc<Verified<Claims>>,
}

impl Deref for CachedToken {
    type Target = Verified<Claims>;

    fn deref(&self) -> &Verified<Claims> {
        &self.claims
    }
}

#[derive(Clone)]
struct Shared {
    keys: [u8; 32],
    claims: Arc<Verified<Claims>>,
}

type Weigher = quick_cache::UnitWeighter;
type Build = BuildHasherDefault<FirstBytes>;

/// The level that all threads share.
pub(super) struct SharedTokens {
    cache: sync::Cache<CacheKey, Shared, Weigher, Build>,
}

impl SharedTokens {
    /// An empty cache.
    pub(super) fn new() -> Self {
        let cache = sync::Cache::with(
            SECOND_LEVEL,
            u64::try_from(SECOND_LEVEL).unwrap_or(u64::MAX),
            Weigher::default(),
            Build::default(),
            sync::DefaultLifecycle::default(),
        );
        Self { cache }
    }
}

/// The cache as one thread sees it.
pub(super) struct TokenCache {
    first: RefCell<unsync::Cache<CacheKey, Rc<CachedToken>, Weigher, Build>>,
    second: Arc<SharedTokens>,
}

impl TokenCache {
    /// An empty first level before `second`.
    pub(super) fn new(second: Arc<SharedTokens>) -> Self {
        let first = unsync::Cache::with(
            FIRST_LEVEL,
            u64::try_from(FIRST_LEVEL).unwrap_or(u64::MAX),
            Weigher::default(),
            Build::default(),
            unsync::DefaultLifecycle::default(),
        );
        Self { first: RefCell::new(first), second }
    }

    /// A token whose signature was verified under these keys.
    pub(super) fn get(&self, key: &CacheKey, keys: &[u8; 32]) -> Option<Rc<CachedToken>> {
        if let Some(cached) = self.first.borrow().get(key)
            && cached.keys == *keys
        {
            return Some(Rc::clone(cached));
        }
        let Shared { keys, claims } = self.second.cache.get(key).filter(|shared| shared.keys == *keys)?;
        Some(self.keep(*key, keys, claims))
    }

    /// Remembers that a token's signature is good under these keys.
    pub(super) fn put(&self, key: CacheKey, keys: [u8; 32], claims: Verified<Claims>) -> Rc<CachedToken> {
        let claims = Arc::new(claims);
        self.second.cache.insert(key, Shared { keys, claims: Arc::clone(&claims) });
        self.keep(key, keys, claims)
    }

    fn keep(&self, key: CacheKey, keys: [u8; 32], claims: Arc<Verified<Claims>>) -> Rc<CachedToken> {
        let cached = Rc::new(CachedToken { keys, claims });
        self.first.borrow_mut().insert(key, Rc::clone(&cached));
        cached
    }
}

/// Takes eight bytes of what is a SHA-256 already. Only tokens that an issuer signed are kept, so nobody fills one
/// bucket by searching for hashes that begin alike.
#[derive(Default)]
pub(super) struct FirstBytes {
    state: u64,
}

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.state ^= u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.state
    }
}
