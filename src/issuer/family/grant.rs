//! What a family was granted, and what that came from.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::text_of_hash;
use crate::jose::ApiKey;

/// What a family may be refreshed for. All of it together is bounded by about 1.5 KiB as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The client that it was granted to.
    pub client: Box<str>,
    /// The subject of the tokens.
    pub subject: Box<str>,
    /// What it came from: the subject's credential, then the actor's if there was one. Each use asks whether the policy
    /// would still take them.
    pub origins: Vec<Origin>,
    /// The scopes. A use may ask for fewer; the family keeps them all.
    pub scopes: Vec<Box<str>>,
    /// The audiences, of which a use may ask for fewer likewise.
    pub audiences: Vec<Box<str>>,
    /// Claims that every access token carries.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
    /// The thumbprint of the key that every use must prove (RFC 9449, section 5): of public clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<Box<str>>,
}

impl Grant {
    /// The entry of the policy that took the subject's credential.
    pub fn entry(&self) -> &str {
        self.origins.first().map_or("", |origin| &origin.entry)
    }
}

/// A credential that something was granted for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The entry of the policy that took it.
    pub entry: Box<str>,
    /// What it was.
    pub credential: Credential,
}

/// What a credential was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Credential {
    /// A token of the issuer whose URL has this SHA-256: an entry that has come to take those of another is another entry.
    Token(Box<str>),
    /// The API key of this id, and of the secret with this hash: a key that got another secret is another key.
    Key {
        /// The public part.
        id: Box<str>,
        /// As a record of a key has it.
        hash: Box<str>,
    },
}

impl Credential {
    /// A token of this issuer.
    pub fn of_issuer(issuer: &str) -> Self {
        Self::Token(text_of_hash(issuer.as_bytes()).into())
    }

    /// This API key.
    pub fn of_key(key: &ApiKey<'_>) -> Self {
        Self::Key { id: key.id().into(), hash: key.hash().into() }
    }
}
