//! An issuer in short: its keys by name and state, and who may ask for what. No secret, and no hash of one.

use serde::Serialize;

use super::policy::EntryView;
use super::time;
use crate::snapshot::{Authentication, Client, Dpop, Format, Grants, Issuer, KeyLife};

#[derive(Serialize)]
pub(super) struct IssuerView<'a> {
    policy: &'a str,
    issuer: &'a str,
    audiences: &'a [Box<str>],
    lifetime_seconds: u64,
    format: &'static str,
    dpop: &'static str,
    /// The key that signs.
    signs: Option<String>,
    /// Why nothing signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable: Option<&'static str>,
    key_set_max_age_seconds: u64,
    keys: Vec<KeyView>,
    clients: Vec<ClientView<'a>>,
    subjects: Vec<EntryView<'a>>,
    refresh_lifetime_seconds: u64,
}

#[derive(Serialize)]
struct KeyView {
    kid: String,
    state: &'static str,
    since: Option<String>,
    next_step: Option<String>,
}

#[derive(Serialize)]
struct ClientView<'a> {
    id: &'a str,
    known_by: &'static str,
    grants: Vec<&'static str>,
    scopes: &'a [Box<str>],
    audiences: &'a [Box<str>],
}

impl<'a> IssuerView<'a> {
    pub(super) fn of(issuer: &'a Issuer) -> Self {
        let keys = issuer.keys.load();
        let (signs, unavailable) = match &keys.signer {
            Ok(signer) => (Some(signer.key.thumbprint().to_string()), None),
            Err(code) => (None, Some(code.as_str())),
        };
        Self {
            policy: &issuer.name,
            issuer: &issuer.url,
            audiences: &issuer.audiences,
            lifetime_seconds: issuer.lifetime.as_secs(),
            format: match issuer.format {
                Format::Jwt => "Jwt",
                Format::Opaque => "Opaque",
            },
            dpop: match issuer.dpop {
                Dpop::Disabled => "Disabled",
                Dpop::Accept => "Accept",
                Dpop::Require => "Require",
            },
            signs,
            unavailable,
            key_set_max_age_seconds: keys.max_age.as_secs(),
            keys: keys.lives.iter().map(KeyView::of).collect(),
            clients: issuer.clients.iter().map(ClientView::of).collect(),
            subjects: issuer.subjects.iter().map(|subject| EntryView::of(&subject.entry)).collect(),
            refresh_lifetime_seconds: issuer.refresh.lifetime.as_secs(),
        }
    }
}

impl KeyView {
    fn of(life: &KeyLife) -> Self {
        let KeyLife { kid, state, since, due } = life;
        Self { kid: kid.to_string(), state: state.as_str(), since: since.map(time), next_step: due.map(time) }
    }
}

impl<'a> ClientView<'a> {
    fn of(client: &'a Client) -> Self {
        let Grants { client_credentials, refresh_token, token_exchange, jwt_bearer } = client.grants;
        let grants = [
            (client_credentials, "client_credentials"),
            (jwt_bearer, "jwt_bearer"),
            (refresh_token, "refresh_token"),
            (token_exchange, "token_exchange"),
        ];
        Self {
            id: &client.id,
            known_by: match client.authentication {
                Authentication::Secret(_) => "secret",
                Authentication::Keys(_) => "keys",
                Authentication::Public => "nothing",
            },
            grants: grants.into_iter().filter(|(may, _)| *may).map(|(_, name)| name).collect(),
            scopes: &client.scopes,
            audiences: &client.audiences,
        }
    }
}
