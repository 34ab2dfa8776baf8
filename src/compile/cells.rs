//! What several parts of a snapshot share, by what it is: upstreams, the cells of endpoints, keys and secrets.
//!
//! A cell lives as long as something that is compiled holds it. Whoever is compiled anew takes its cells before the old
//! form gives them back, so that an edit elsewhere in an object loses no key set and no address.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderValue;

use super::Wanted;
use super::signing;
use super::unit::{Origin, ServicePort, Url};
use crate::finding::Code;
use crate::jose::{Algorithm, KeySet};
use crate::name::ObjectKey;
use crate::resources::{DnsName, KeySource, ReportKey};
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, AsOf, ClientSecrets, Endpoints, HostHeader, IssuerCell, KeyCell, Protocol, Upstream,
    UpstreamId,
};

/// The cell of a set of endpoints.
type EndpointCell = Arc<ArcSwap<Endpoints>>;
/// The cell of the secrets of a client.
pub(super) type ClientSecretCell = Arc<ArcSwap<ClientSecrets>>;
/// The cell of a set of API keys.
pub(super) type ApiKeyCell = Arc<ArcSwap<AcceptedApiKeys>>;

/// Something shared that is held once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Port(ServicePort),
    Url(UrlKey),
    Source(KeySource),
    SecretKeys(SecretKeys),
    Inline(Arc<str>),
    ApiKeys(Selection),
    ClientSecret(ObjectKey),
    Issuer(IssuerSource),
}

/// A URL target, by all that its upstream depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UrlKey {
    origin: Origin,
    authority: HeaderValue,
}

impl UrlKey {
    pub(super) fn of(url: &Url) -> Self {
        Self { origin: url.origin.clone(), authority: url.authority.clone() }
    }
}

impl Origin {
    /// The name to look up, where the host is no address.
    pub(super) fn dns_name(&self) -> Option<DnsName> {
        self.address().is_none().then(|| DnsName { host: Arc::clone(&self.host), port: self.port })
    }
}

/// Keys in a member of a Secret, and how they are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SecretKeys {
    pub(super) secret: ObjectKey,
    pub(super) member: Arc<str>,
    pub(super) hmac: Option<Algorithm>,
}

/// The API keys of a namespace that a selector chooses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Selection {
    pub(super) namespace: Arc<str>,
    pub(super) labels: BTreeMap<String, String>,
}

/// The keys of an issuer: whose they are, and where they are kept. Kept elsewhere they are other keys, so that what was
/// published of the ones is never mixed with the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IssuerSource {
    pub(super) policy: ObjectKey,
    /// The Secrets by name, each with the member where it holds but one key.
    pub(super) secrets: Box<[SecretMember]>,
}

/// A Secret by name, and its member where that is named too.
type SecretMember = (Arc<str>, Option<Arc<str>>);

/// The cells of an issuer: what it signs with and publishes, and what verifies that.
#[derive(Clone, Debug)]
pub(super) struct IssuerCells {
    pub(super) keys: Arc<IssuerCell>,
    pub(super) accepted: Arc<KeyCell>,
}

/// Shared things by their key, with the number of those who hold each.
#[derive(Debug)]
struct Shared<K, V> {
    entries: BTreeMap<K, (V, usize)>,
    /// The set of keys has changed since it was last looked at.
    changed: bool,
}

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), changed: false }
    }
}

impl<K: Ord + Clone, V: Clone> Shared<K, V> {
    fn hold(&mut self, key: &K, make: impl FnOnce() -> V) -> V {
        if let Some((value, holders)) = self.entries.get_mut(key) {
            *holders = holders.saturating_add(1);
            return value.clone();
        }
        self.changed = true;
        let value = make();
        self.entries.insert(key.clone(), (value.clone(), 1));
        value
    }

    /// Gives back what was held once; the value, if nobody else holds it.
    fn release(&mut self, key: &K) -> Option<V> {
        let (_, holders) = self.entries.get_mut(key)?;
        *holders = holders.saturating_sub(1);
        if *holders > 0 {
            return None;
        }
        self.changed = true;
        self.entries.remove(key).map(|(value, _)| value)
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(value, _)| value)
    }
}

/// All that is shared.
#[derive(Debug, Default)]
pub(super) struct Cells {
    ports: Shared<ServicePort, Arc<Upstream>>,
    urls: Shared<UrlKey, Arc<Upstream>>,
    names: Shared<DnsName, EndpointCell>,
    sources: Shared<KeySource, Arc<KeyCell>>,
    secret_keys: Shared<SecretKeys, Arc<KeyCell>>,
    inline: Shared<Arc<str>, Arc<KeyCell>>,
    api_keys: Shared<Selection, ApiKeyCell>,
    client_secrets: Shared<ObjectKey, ClientSecretCell>,
    issuers: Shared<IssuerSource, IssuerCells>,
    wanted: Arc<Wanted>,
}

impl Cells {
    /// Holds the endpoints of a port.
    pub(super) fn hold_port(&mut self, port: &ServicePort, held: &mut Vec<Held>) {
        held.push(Held::Port(port.clone()));
        self.ports.hold(port, || {
            let ServicePort { service, port, protocol } = port;
            let word = match protocol {
                Protocol::Http1 => "http1",
                Protocol::H2c => "h2c",
            };
            Arc::new(Upstream {
                id: UpstreamId(format!("service:{}/{}:{port}/{word}", service.namespace, service.name).into()),
                protocol: *protocol,
                host: HostHeader::FromClient,
                tls: None,
                endpoints: Arc::default(),
            })
        });
    }

    /// Holds the upstream of a URL. The endpoints of an address are there at once, those of a name are wanted.
    pub(super) fn hold_url(&mut self, url: &Url, held: &mut Vec<Held>) -> Arc<Upstream> {
        let key = UrlKey::of(url);
        let names = &mut self.names;
        let upstream = self.urls.hold(&key, || {
            let endpoints = match (key.origin.address(), key.origin.dns_name()) {
                (Some(address), _) => Arc::new(ArcSwap::from_pointee(Endpoints { addresses: [address].into() })),
                (None, Some(name)) => names.hold(&name, Arc::default),
                (None, None) => Arc::default(),
            };
            let Origin { tls, host, port } = &key.origin;
            let scheme = if *tls { "https" } else { "http" };
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            Arc::new(Upstream {
                id: UpstreamId(format!("url:{scheme}://{host}:{port}").into()),
                protocol: Protocol::Http1,
                host: HostHeader::Fixed(key.authority.clone()),
                tls: tls.then(|| bare.into()),
                endpoints,
            })
        });
        held.push(Held::Url(key));
        upstream
    }

    /// Holds the keys of a source; until they are fetched they are unavailable.
    pub(super) fn hold_source(&mut self, source: &KeySource, held: &mut Vec<Held>) -> Arc<KeyCell> {
        held.push(Held::Source(source.clone()));
        self.sources.hold(source, unavailable)
    }

    /// Holds the keys of a Secret; whoever knows the Secret fills them.
    pub(super) fn hold_secret_keys(&mut self, keys: &SecretKeys, held: &mut Vec<Held>) -> Arc<KeyCell> {
        held.push(Held::SecretKeys(keys.clone()));
        self.secret_keys.hold(keys, unavailable)
    }

    /// Holds a key set that stands in a policy.
    pub(super) fn hold_inline(&mut self, text: &Arc<str>, held: &mut Vec<Held>) -> Arc<KeyCell> {
        held.push(Held::Inline(Arc::clone(text)));
        self.inline.hold(text, || match KeySet::parse(text.as_bytes()) {
            Ok((set, _)) => KeyCell::new(AcceptedKeys::Known { set, as_of: AsOf::Always }),
            Err(_) => KeyCell::new(AcceptedKeys::Unavailable { code: Code::InvalidKeySet, retry: None }),
        })
    }

    /// Holds the API keys that a selector chooses; whoever knows the Secrets fills them.
    pub(super) fn hold_api_keys(&mut self, selection: &Selection, held: &mut Vec<Held>) -> ApiKeyCell {
        held.push(Held::ApiKeys(selection.clone()));
        self.api_keys
            .hold(selection, || Arc::new(ArcSwap::from_pointee(AcceptedApiKeys::Unavailable(Code::KeysUnavailable))))
    }

    /// Holds the secrets of a client, by the Secret that has them; whoever knows it fills them.
    pub(super) fn hold_client_secret(&mut self, secret: &ObjectKey, held: &mut Vec<Held>) -> ClientSecretCell {
        held.push(Held::ClientSecret(secret.clone()));
        self.client_secrets
            .hold(secret, || Arc::new(ArcSwap::from_pointee(ClientSecrets::Unavailable(Code::SecretNotFound))))
    }

    /// Holds the keys of an issuer; whoever knows its Secrets fills them.
    pub(super) fn hold_issuer(&mut self, source: &IssuerSource, held: &mut Vec<Held>) -> IssuerCells {
        held.push(Held::Issuer(source.clone()));
        self.issuers.hold(source, || IssuerCells {
            keys: IssuerCell::new(signing::none(Code::KeysPending)),
            accepted: KeyCell::new(AcceptedKeys::Unavailable { code: Code::KeysPending, retry: None }),
        })
    }

    /// Gives back what was held.
    pub(super) fn release(&mut self, held: Vec<Held>) {
        for held in held {
            match held {
                Held::Port(port) => {
                    self.ports.release(&port);
                }
                Held::Url(key) => {
                    if self.urls.release(&key).is_some()
                        && let Some(name) = key.origin.dns_name()
                    {
                        self.names.release(&name);
                    }
                }
                Held::Source(source) => {
                    self.sources.release(&source);
                }
                Held::SecretKeys(keys) => {
                    self.secret_keys.release(&keys);
                }
                Held::Inline(text) => {
                    self.inline.release(&text);
                }
                Held::ApiKeys(selection) => {
                    self.api_keys.release(&selection);
                }
                Held::ClientSecret(secret) => {
                    self.client_secrets.release(&secret);
                }
                Held::Issuer(source) => {
                    self.issuers.release(&source);
                }
            }
        }
    }

    /// The upstream of a port that somebody holds.
    pub(super) fn port(&self, port: &ServicePort) -> Option<&Arc<Upstream>> {
        self.ports.get(port)
    }

    /// Every port of `service` that somebody holds.
    pub(super) fn ports_of<'a>(
        &'a self,
        service: &'a ObjectKey,
    ) -> impl Iterator<Item = (&'a ServicePort, &'a Arc<Upstream>)> {
        let first = ServicePort { service: service.clone(), port: 0, protocol: Protocol::Http1 };
        let ports = self.ports.entries.range(first..).take_while(move |(port, _)| port.service == *service);
        ports.map(|(port, (upstream, _))| (port, upstream))
    }

    /// The upstream of a URL that somebody holds.
    pub(super) fn url(&self, url: &Url) -> Option<&Arc<Upstream>> {
        self.urls.get(&UrlKey::of(url))
    }

    /// Whether somebody names this source.
    pub(super) fn is_wanted(&self, source: &ReportKey) -> bool {
        match source {
            ReportKey::Keys(source) => self.sources.get(source).is_some(),
            ReportKey::Name(name) => self.names.get(name).is_some(),
            // Keys that rotate are no cell's: their policy wants the report.
            ReportKey::Signing(_) => false,
        }
    }

    /// The key sets and names that others fill; the same as before if none came or went.
    pub(super) fn wanted(&mut self) -> Arc<Wanted> {
        if self.sources.changed || self.names.changed {
            (self.sources.changed, self.names.changed) = (false, false);
            let keys = self.sources.entries.iter().map(|(key, (cell, _))| (key.clone(), Arc::clone(cell)));
            let names = self.names.entries.iter().map(|(name, (cell, _))| (name.clone(), Arc::clone(cell)));
            self.wanted = Arc::new(Wanted { keys: keys.collect(), names: names.collect() });
        }
        Arc::clone(&self.wanted)
    }
}

/// Keys that nobody has yet.
pub(super) fn unavailable() -> Arc<KeyCell> {
    KeyCell::new(AcceptedKeys::Unavailable { code: Code::KeysUnavailable, retry: None })
}
