//! A policy in short: whose tokens it takes, and by which keys.

use serde::Serialize;

use super::time;
use crate::jose::Profile;
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, ApiKeyEntry, AsOf, Credential, Entry, JwtEntry, KeyCell, Policy, Takes,
};

#[derive(Serialize)]
pub(super) struct PolicyView<'a> {
    name: &'a str,
    entries: Vec<EntryView<'a>>,
    forwards_credential: bool,
    sets_headers: Vec<&'a str>,
    identity: IdentityView<'a>,
}

/// The claims that say who called.
#[derive(Serialize)]
struct IdentityView<'a> {
    subject: &'a str,
    client: &'a [Box<str>],
    team: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct EntryView<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<JwtView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_keys: Option<ApiKeysView>,
}

#[derive(Serialize)]
struct JwtView<'a> {
    issuer: &'a str,
    audiences: &'a [String],
    algorithms: Vec<&'static str>,
    profile: &'static str,
    keys: KeysView,
}

/// Keys by name. A shared secret has none.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
enum KeysView {
    Unavailable { code: &'static str, next_attempt: Option<String> },
    Known { kids: Vec<Option<String>>, fetched: Option<String>, next_fetch: Option<String> },
}

#[derive(Serialize)]
struct ApiKeysView {
    /// `None`: they may not be read.
    count: Option<usize>,
    headers: Vec<String>,
}

impl<'a> PolicyView<'a> {
    pub(super) fn of(policy: &'a Policy) -> Self {
        Self {
            name: &policy.name,
            entries: policy.entries.iter().map(EntryView::of).collect(),
            forwards_credential: policy.forwarding.credential != Credential::Strip,
            sets_headers: policy.forwarding.claims.iter().map(|claim| claim.header.as_str()).collect(),
            identity: IdentityView {
                subject: &policy.identity.subject,
                client: &policy.identity.client,
                team: policy.identity.team.as_deref(),
            },
        }
    }
}

impl<'a> EntryView<'a> {
    pub(super) fn of(entry: &'a Entry) -> Self {
        let (jwt, api_keys) = match &entry.takes {
            Takes::Jwt(jwt) => (Some(JwtView::of(jwt)), None),
            Takes::ApiKeys(keys) => (None, Some(ApiKeysView::of(keys))),
        };
        Self { name: &entry.label, jwt, api_keys }
    }
}

impl<'a> JwtView<'a> {
    fn of(jwt: &'a JwtEntry) -> Self {
        let expectation = &jwt.expectation;
        Self {
            issuer: expectation.issuer(),
            audiences: expectation.audiences(),
            algorithms: expectation.algorithms().iter().map(|algorithm| algorithm.as_str()).collect(),
            profile: match expectation.profile() {
                Profile::Rfc9068 => "RFC9068",
                Profile::Generic => "Generic",
            },
            keys: KeysView::of(&jwt.keys),
        }
    }
}

impl KeysView {
    fn of(cell: &KeyCell) -> Self {
        match cell.load().as_ref() {
            AcceptedKeys::Unavailable { code, retry } => {
                Self::Unavailable { code: code.as_str(), next_attempt: retry.map(time) }
            }
            AcceptedKeys::Known { set, as_of } => {
                let kids = set.iter().map(|key| key.kid().map(str::to_owned)).collect();
                let (fetched, next_fetch) = match as_of {
                    AsOf::Always => (None, None),
                    AsOf::Fetch { began, next } => (Some(time(*began)), Some(time(*next))),
                };
                Self::Known { kids, fetched, next_fetch }
            }
        }
    }
}

impl ApiKeysView {
    fn of(entry: &ApiKeyEntry) -> Self {
        Self {
            count: match entry.keys.load().as_ref() {
                AcceptedApiKeys::Known(keys) => Some(keys.len()),
                AcceptedApiKeys::Unavailable(_) => None,
            },
            headers: entry.places.iter().map(|place| place.header().to_string()).collect(),
        }
    }
}
