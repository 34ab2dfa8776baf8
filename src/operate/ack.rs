//! What a replica says of itself: how far it is, what it rejects, and which keys of our own issuers it has in force.
//!
//! An annotation holds 256 KiB in all, so all parts are bounded. Versions beyond their bound are left out: whoever
//! reads a Secret of such a namespace is never said to be enforced, which is true as far as anybody can know. Rejected
//! objects are 48-bit digests, since names of thousands would not fit; beyond their bound everything counts as rejected.
//! Keys are such digests too; those beyond their bound are left out, so that their rotation waits.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::name::{Generation, Kind, ObjectKey};
use crate::resources::{Read, Scope, Version};
use crate::state::Standing;

/// The annotation with the versions: `{"ApiRoute": {"": 17}, "Secret": {"shop": 12}}`; the empty name is everywhere.
pub(super) const VERSIONS: &str = "bearward.dev/versions";

/// The annotation with the rejected objects: their digests in order, as base64url; `*` for all.
pub(super) const REJECTED: &str = "bearward.dev/rejected";

/// The annotation with the keys of our own issuers: digests of those that are published, a dot, and of those that sign.
pub(super) const SIGNING_KEYS: &str = "bearward.dev/signing-keys";

/// How many watches are reported; a namespace's name has at most 63 characters.
const MOST_VERSIONS: usize = 1_400;

/// How many rejected objects are told apart.
const MOST_REJECTED: usize = 12_000;

/// How many keys of each kind are reported.
const MOST_KEYS: usize = 700;

/// Six bytes of a SHA-256: of two among ten thousand, one in five million is taken for another.
const DIGEST: usize = 6;

type Digest = [u8; DIGEST];

/// What a replica says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ack {
    versions: BTreeMap<Kind, BTreeMap<Box<str>, Version>>,
    rejected: Rejected,
    keys: Keys,
}

/// Which keys of our own issuers a replica has in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    published: BTreeSet<Digest>,
    signing: BTreeSet<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rejected {
    These(BTreeSet<Digest>),
    All,
}

impl Default for Rejected {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Ack {
    /// Of a process that is this far.
    pub(super) fn of(standing: &Standing) -> Self {
        let mut versions: BTreeMap<Kind, BTreeMap<Box<str>, Version>> = BTreeMap::new();
        let watches = standing.versions.iter().filter_map(|(scope, version)| match scope {
            Scope::Watch { kind, namespace } => Some((*kind, namespace.as_deref().unwrap_or_default(), *version)),
            Scope::File(_) => None,
        });
        for (kind, namespace, version) in watches.take(MOST_VERSIONS) {
            versions.entry(kind).or_default().insert(namespace.into(), version);
        }
        let rejected = if standing.rejected.len() > MOST_REJECTED {
            Rejected::All
        } else {
            Rejected::These(standing.rejected.iter().map(|(key, generation)| digest_of(key, *generation)).collect())
        };
        let keys = |kids: &BTreeSet<Box<str>>| kids.iter().take(MOST_KEYS).map(|kid| digest_of_key(kid)).collect();
        let keys = Keys { published: keys(&standing.signing.published), signing: keys(&standing.signing.signing) };
        Self { versions, rejected, keys }
    }

    /// From the annotations of a Lease. What cannot be read was not said: no versions, nothing rejected.
    pub(super) fn parse(annotation: impl Fn(&str) -> Option<String>) -> Self {
        let versions = annotation(VERSIONS).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let rejected = annotation(REJECTED).unwrap_or_default();
        let keys = annotation(SIGNING_KEYS).unwrap_or_default();
        let (published, signing) = keys.split_once('.').unwrap_or_default();
        // What cannot be read was not said.
        let keys = |text| parse_digests(text).unwrap_or_default();
        let keys = Keys { published: keys(published), signing: keys(signing) };
        Self { versions: parse_versions(&versions), rejected: parse_rejected(&rejected), keys }
    }

    /// The annotations that say it.
    pub(super) fn annotations(&self) -> [(&'static str, String); 3] {
        let versions: Map<String, Value> = self
            .versions
            .iter()
            .map(|(kind, versions)| {
                let versions = versions.iter().map(|(namespace, version)| (namespace.to_string(), version.0.into()));
                (kind.as_str().to_owned(), Value::Object(versions.collect()))
            })
            .collect();
        let rejected = match &self.rejected {
            Rejected::All => "*".to_owned(),
            Rejected::These(digests) => render_digests(digests),
        };
        let keys = format!("{}.{}", render_digests(&self.keys.published), render_digests(&self.keys.signing));
        [(VERSIONS, Value::Object(versions).to_string()), (REJECTED, rejected), (SIGNING_KEYS, keys)]
    }

    /// Whether the replica enforces this content of an object, or a later one.
    pub(super) fn has_passed(&self, read: &Read) -> bool {
        let Some(versions) = self.versions.get(&read.key.kind) else { return false };
        let version = versions.get(&*read.key.namespace).or_else(|| versions.get(""));
        version.is_some_and(|version| *version >= read.version)
    }

    /// Whether the replica has an error in this generation of an object.
    pub(super) fn rejects(&self, key: &ObjectKey, generation: Generation) -> bool {
        match &self.rejected {
            Rejected::All => true,
            Rejected::These(digests) => digests.contains(&digest_of(key, generation)),
        }
    }

    /// Which keys of our own issuers the replica has in force.
    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether it takes nothing back of what `earlier` said: no version is lower, and the same objects are rejected.
    pub(super) fn continues(&self, earlier: &Self) -> bool {
        self.rejected == earlier.rejected
            && earlier.versions.iter().all(|(kind, versions)| {
                versions.iter().all(|(namespace, version)| {
                    self.versions.get(kind).and_then(|now| now.get(namespace)).is_some_and(|now| now >= version)
                })
            })
    }
}

impl Keys {
    /// Whether the replica publishes the key of this id, and verifies by it.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.published.contains(&digest_of_key(kid))
    }

    /// Whether the replica signs with the key of this id.
    pub(super) fn signs_with(&self, kid: &str) -> bool {
        self.signing.contains(&digest_of_key(kid))
    }
}

fn parse_versions(versions: &Map<String, Value>) -> BTreeMap<Kind, BTreeMap<Box<str>, Version>> {
    let kind = |(kind, versions): (&String, &Value)| {
        let versions = versions.as_object()?.iter();
        let versions = versions.filter_map(|(name, version)| Some((name.as_str().into(), Version(version.as_u64()?))));
        Some((Kind::from_name(kind)?, versions.collect()))
    };
    versions.iter().filter_map(kind).collect()
}

fn parse_rejected(text: &str) -> Rejected {
    if text == "*" {
        return Rejected::All;
    }
    // A replica that says something that we do not understand may well reject.
    parse_digests(text).map_or(Rejected::All, Rejected::These)
}

fn parse_digests(text: &str) -> Option<BTreeSet<Digest>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (digests, rest) = bytes.as_chunks::<DIGEST>();
    rest.is_empty().then(|| digests.iter().copied().collect())
}

fn render_digests(digests: &BTreeSet<Digest>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digests.iter().flatten().copied().collect::<Vec<u8>>())
}

fn digest_of_key(kid: &str) -> Digest {
    let whole = digest(&SHA256, kid.as_bytes());
    whole.as_ref().first_chunk().copied().unwrap_or_default()
}

fn digest_of(key: &ObjectKey, generation: Generation) -> Digest {
    let whole = digest(&SHA256, format!("{key} {generation}").as_bytes());
    whole.as_ref().first_chunk().copied().unwrap_or_default()
}
