//! The issuers of this installation: whose tokens bearward itself signs, and for whom.
//!
//! What a policy's `issue` says is immutable here; its keys are a cell, filled from the Secret of the moment.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use zeroize::Zeroizing;

use super::keys::{AcceptedKeys, KeyCell};
use super::policy::Entry;
use crate::clock::{Tick, UnixTime};
use crate::finding::Code;
use crate::jose::{KeySet, SealKey, Sealed, SigningKey};

/// All issuers, by host and path. A look-up allocates nothing, and where there is no issuer costs one comparison.
#[derive(Clone, Debug, Default)]
pub struct Issuers {
    /// Host in lower case, without port, to what is served there.
    hosts: HashMap<Arc<str>, Paths>,
}

/// What is served at a host, by exact path.
type Paths = HashMap<Box<str>, AtPath>;

#[derive(Clone, Debug)]
enum AtPath {
    Serves(Arc<Issuer>, Endpoint),
    Refuses(Code),
}

/// What an endpoint of an issuer came to.
#[derive(Clone, Copy, Debug)]
pub enum Served<'a> {
    /// This issuer answers.
    By(&'a Arc<Issuer>, Endpoint),
    /// The issuer is broken: its requests are refused with the code of the finding. They have secrets of clients in them,
    /// so no route may take them instead.
    Refused(Code),
}

/// What an issuer serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Its metadata (OpenID Connect Discovery 1.0, section 4; RFC 8414): one document for both.
    Metadata,
    /// Its public keys (RFC 7517).
    Jwks,
    /// Tokens (RFC 6749, section 3.2).
    Token,
    /// What a token is worth (RFC 7662).
    Introspection,
    /// Revocation (RFC 7009).
    Revocation,
}

impl Issuers {
    /// Adds an issuer at its endpoints. What is there already at a path stays.
    pub fn insert(&mut self, issuer: &Arc<Issuer>) {
        let places = self.hosts.entry(Arc::clone(&issuer.host)).or_default();
        for (path, endpoint) in paths(&issuer.path) {
            places.entry(path.into()).or_insert_with(|| AtPath::Serves(Arc::clone(issuer), endpoint));
        }
    }

    /// Refuses at the endpoints of an issuer at this host and path, whose policy is broken. What is there already at a
    /// path stays.
    pub fn refuse(&mut self, host: &Arc<str>, path: &str, code: Code) {
        let places = self.hosts.entry(Arc::clone(host)).or_default();
        for (path, _) in paths(path) {
            places.entry(path.into()).or_insert(AtPath::Refuses(code));
        }
    }

    /// What is served at this host, in lower case and without a port, and this normalised path.
    pub fn find(&self, host: &str, path: &str) -> Option<Served<'_>> {
        if self.hosts.is_empty() {
            return None;
        }
        Some(match self.hosts.get(host)?.get(path)? {
            AtPath::Serves(issuer, endpoint) => Served::By(issuer, *endpoint),
            AtPath::Refuses(code) => Served::Refused(*code),
        })
    }

    /// Every issuer once, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        let places = self.hosts.values().flat_map(HashMap::values);
        let mut issuers: Vec<&Arc<Issuer>> = places
            .filter_map(|place| match place {
                AtPath::Serves(issuer, _) => Some(issuer),
                AtPath::Refuses(_) => None,
            })
            .collect();
        issuers.sort_by(|one, other| one.name.cmp(&other.name));
        issuers.dedup_by(|one, other| Arc::ptr_eq(one, other));
        issuers.into_iter()
    }

    /// The hosts and paths at which requests are refused, with the code, in order.
    pub fn refused(&self) -> impl Iterator<Item = (&Arc<str>, &str, Code)> {
        let places = self.hosts.iter().flat_map(|(host, places)| places.iter().map(move |place| (host, place)));
        let mut refused: Vec<_> = places
            .filter_map(|(host, (path, place))| match place {
                AtPath::Refuses(code) => Some((host, &**path, *code)),
                AtPath::Serves(..) => None,
            })
            .collect();
        refused.sort_unstable();
        refused.into_iter()
    }
}

/// Every path at which an issuer of this path serves something, and what.
fn paths(path: &str) -> impl Iterator<Item = (String, Endpoint)> {
    let mut paths = vec![
        (format!("{path}/.well-known/openid-configuration"), Endpoint::Metadata),
        (format!("/.well-known/oauth-authorization-server{path}"), Endpoint::Metadata),
        (format!("{path}/jwks"), Endpoint::Jwks),
        (format!("{path}/token"), Endpoint::Token),
        (format!("{path}/introspect"), Endpoint::Introspection),
        (format!("{path}/revoke"), Endpoint::Revocation),
    ];
    if !path.is_empty() {
        // Where clients look that know one of the two documents alone.
        paths.push((format!("{path}/.well-known/oauth-authorization-server"), Endpoint::Metadata));
        paths.push((format!("/.well-known/openid-configuration{path}"), Endpoint::Metadata));
    }
    paths.into_iter()
}

/// What a policy's `issue` says.
#[derive(Debug)]
pub struct Issuer {
    /// `namespace/name` of the policy.
    pub name: Arc<str>,
    /// The issuer as tokens have it, byte for byte.
    pub url: Box<str>,
    /// Its scheme and authority: `https://gw.example.com`.
    pub origin: Box<str>,
    /// Its host, in lower case, without port.
    pub host: Arc<str>,
    /// Its path without a slash at the end: empty, or `/shop`.
    pub path: Box<str>,
    /// Whom its tokens may be meant for; the first is meant where nobody asks. Never empty.
    pub audiences: Box<[Box<str>]>,
    /// How long an access token lives, unless the ring of keys or what it came from allows less.
    pub lifetime: Duration,
    /// What clients get.
    pub format: Format,
    /// Whether tokens are bound to a key of their holder.
    pub dpop: Dpop,
    /// Who may ask, by id.
    pub clients: Box<[Client]>,
    /// Refresh tokens, if any client may have them.
    pub refresh: Refresh,
    /// What can be exchanged.
    pub subjects: Box<[Subject]>,
    /// Its keys of the moment.
    pub keys: Arc<IssuerCell>,
}

impl Issuer {
    /// Every path at which it serves something, and what.
    pub fn paths(&self) -> impl Iterator<Item = (String, Endpoint)> {
        paths(&self.path)
    }

    /// The client of this id.
    pub fn client(&self, id: &str) -> Option<&Client> {
        let place = self.clients.binary_search_by(|client| (*client.id).cmp(id)).ok()?;
        self.clients.get(place)
    }

    /// The URL of what is served below the issuer's own: `jwks`, `token`, `introspect` or `revoke`.
    pub fn url_of(&self, endpoint: &str) -> String {
        format!("{}{}/{endpoint}", self.origin, self.path)
    }
}

/// What clients get for an access token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A signed JWT (RFC 9068).
    #[default]
    Jwt,
    /// The same, sealed: only this installation can read it, and upstreams get the JWT inside.
    Opaque,
}

/// Whether access tokens are bound to a key of their holder (RFC 9449).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dpop {
    /// Proofs are refused.
    Disabled,
    /// A request with a proof gets a bound token, one without a bearer token.
    #[default]
    Accept,
    /// Every request must have a proof.
    Require,
}

/// A client that may ask for tokens.
#[derive(Debug)]
pub struct Client {
    /// Its id.
    pub id: Arc<str>,
    /// How it is known.
    pub authentication: Authentication,
    /// What it may use.
    pub grants: Grants,
    /// Scopes that it may have, sorted.
    pub scopes: Box<[Box<str>]>,
    /// Audiences that it may ask for; the first is meant where it asks for none. Never empty.
    pub audiences: Box<[Box<str>]>,
}

/// How a client is known.
pub enum Authentication {
    /// By a secret, of which only hashes are kept.
    Secret(Arc<ArcSwap<ClientSecrets>>),
    /// By assertions signed with one of its keys (RFC 7523, section 2.2).
    Keys(Arc<KeyCell>),
    /// Not at all.
    Public,
}

impl fmt::Debug for Authentication {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::Keys(_) => "Keys",
            Self::Public => "Public",
        })
    }
}

/// The secrets of a client as they are known now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientSecrets {
    /// The Secret that holds them cannot be had: nobody can be told that his is wrong.
    Unavailable(Code),
    /// SHA-256 of each, and from when on it is not taken any more.
    Known(Box<[([u8; 32], Option<UnixTime>)]>),
}

/// Which grants a client may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of four, each asked for by name")]
pub struct Grants {
    /// `client_credentials` (RFC 6749, section 4.4).
    pub client_credentials: bool,
    /// `refresh_token` (RFC 6749, section 6).
    pub refresh_token: bool,
    /// `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693).
    pub token_exchange: bool,
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523).
    pub jwt_bearer: bool,
}

/// How long refresh tokens live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// From the first of a family to the end of all.
    pub lifetime: Duration,
    /// How long after it was used a refresh token is answered once more, for a client that lost the answer: longer than the
    /// store may take, and the client is told to wait.
    pub grace: Duration,
}

/// A kind of token that can be exchanged for ours.
#[derive(Debug)]
pub struct Subject {
    /// What a token must be.
    pub entry: Entry,
    /// The scopes that such a token is worth; `None`: those that it has itself.
    pub scopes: Option<Box<[Box<str>]>>,
    /// The claims that are taken over.
    pub claims: Box<[Box<str>]>,
    /// The tokens are our own: their subject is ours too.
    pub is_ours: bool,
}

/// The keys of an issuer, swapped in place.
///
/// Keys that can be read no more are the last good ones until nothing that they have signed can be valid, and end then:
/// what has become of them meanwhile nobody here knows, that they are compromised included.
#[derive(Debug)]
pub struct IssuerCell {
    keys: ArcSwap<IssuerKeys>,
    /// What was read last. Whoever stores keys holds it meanwhile; nobody who answers requests does.
    last: Mutex<Option<LastRead>>,
}

/// Keys that were read, and what is to become of them.
#[derive(Debug)]
struct LastRead {
    /// How long a token that they have signed may be taken.
    lasts: Duration,
    /// The same keys, for those who take tokens.
    accepted: Arc<KeyCell>,
    /// Once they cannot be read: what is there instead at their end.
    then: Option<Arc<IssuerKeys>>,
    /// Since when it is known that they cannot be read.
    since: Option<Tick>,
}

impl IssuerCell {
    /// A cell with these keys.
    pub fn new(keys: IssuerKeys) -> Arc<Self> {
        Arc::new(Self { keys: ArcSwap::from_pointee(keys), last: Mutex::default() })
    }

    /// The keys of this moment.
    pub fn load(&self) -> Guard<Arc<IssuerKeys>> {
        self.keys.load()
    }

    /// Replaces the keys by others that do not end by themselves.
    pub fn store(&self, keys: IssuerKeys) {
        let mut last = self.last();
        self.keys.store(Arc::new(keys));
        *last = None;
    }

    /// Replaces the keys by what was just read. A token that they have signed may be taken for so long; `accepted` has the
    /// same keys for those who take them.
    pub fn read(&self, keys: IssuerKeys, lasts: Duration, accepted: &Arc<KeyCell>) {
        let mut last = self.last();
        self.keys.store(Arc::new(keys));
        *last = Some(LastRead { lasts, accepted: Arc::clone(accepted), then: None, since: None });
    }

    /// The keys cannot be read: until they end, `meanwhile` are there, and `then` from then on. How often this is said, and
    /// why, changes nothing about when that is.
    pub fn unread(&self, meanwhile: IssuerKeys, then: IssuerKeys) {
        let mut last = self.last();
        self.keys.store(Arc::new(meanwhile));
        if let Some(last) = &mut *last {
            last.then = Some(Arc::new(then));
        }
    }

    /// Ends keys whose time is over, counted from the first of these calls after they could not be read; says when theirs
    /// will be. `None`: nothing is to end.
    pub fn end(&self, now: Tick) -> Option<Tick> {
        let mut last = self.last();
        let LastRead { lasts, accepted, then: Some(then), since } = last.as_mut()? else { return None };
        let end = *since.get_or_insert(now) + *lasts;
        if now < end {
            return Some(end);
        }
        let code = then.signer.as_ref().err().copied().unwrap_or(Code::KeysUnavailable);
        self.keys.store(Arc::clone(then));
        accepted.store(AcceptedKeys::Unavailable { code, retry: None });
        *last = None;
        None
    }

    fn last(&self) -> MutexGuard<'_, Option<LastRead>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys of an issuer at one moment.
pub struct IssuerKeys {
    /// What signs; without one, why there is none: the token endpoint then answers 503.
    pub signer: Result<Signer, Code>,
    /// The JWK Set as it is served.
    pub jwks: Bytes,
    /// Its entity tag, quoted.
    pub etag: Box<str>,
    /// How long it may be cached.
    pub max_age: Duration,
    /// The same keys as they verify, with those marked that were compromised.
    pub set: KeySet,
    /// What opens sealed tokens, by key id, sorted.
    pub openers: Box<[(Box<str>, Arc<SealKey>)]>,
    /// Every key id that is published, sorted.
    pub kids: Box<[Box<str>]>,
    /// What is known of each key, the one that signs first; for whoever watches over them.
    pub lives: Box<[KeyLife]>,
}

/// Where a key of an issuer is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLife {
    /// Its id.
    pub kid: Box<str>,
    /// Its state.
    pub state: KeyState,
    /// Since when it is there; `None`: it is a user's own, of which that is not known.
    pub since: Option<UnixTime>,
    /// When its next step is to be taken at the latest, if all goes well; `None`: it has none.
    pub due: Option<UnixTime>,
}

/// The states of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// Published, and does not sign yet.
    Pending,
    /// Signs.
    Active,
    /// Published, and signs no more; or one of a user's own that does not sign.
    Retiring,
    /// Not published, and refused.
    Compromised,
}

impl KeyState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Retiring, Self::Compromised];

    /// The word for it, as status has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active => "Active",
            Self::Retiring => "Retiring",
            Self::Compromised => "Compromised",
        }
    }
}

/// A step may be late by so much before it counts as late: it is looked at once a second, and replicas need a moment.
const PATIENCE: Duration = Duration::from_secs(5);

impl IssuerKeys {
    /// The key that is to sign now, whether or not it can.
    pub fn active(&self) -> Option<&KeyLife> {
        self.lives.iter().find(|life| life.state == KeyState::Active)
    }

    /// When the next step is to be taken, of whichever key.
    pub fn next_step(&self) -> Option<UnixTime> {
        self.lives.iter().filter_map(|life| life.due).min()
    }

    /// Whether something that should have happened has not: a step is late, or nothing signs.
    pub fn is_overdue(&self, now: UnixTime) -> bool {
        self.signer.is_err() || self.next_step().is_some_and(|due| due.plus(PATIENCE) <= now)
    }

    /// The signed token in a sealed one. A sealed token does not say which seal it has, and there are as many as keys are
    /// published: three or four, each of which costs a microsecond to try.
    pub fn open(&self, sealed: &Sealed) -> Option<Zeroizing<String>> {
        self.openers.iter().find_map(|(_, opener)| opener.open(sealed))
    }
}

/// What signs.
#[derive(Clone)]
pub struct Signer {
    /// The key.
    pub key: Arc<SigningKey>,
    /// Nothing that it signs may live longer: the key is published for as long.
    pub longest: Duration,
    /// What seals opaque tokens.
    pub seal: Arc<SealKey>,
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signer = self.signer.as_ref().map(|signer| signer.key.thumbprint().to_string());
        formatter.debug_struct("IssuerKeys").field("signer", &signer).field("kids", &self.kids).finish_non_exhaustive()
    }
}
