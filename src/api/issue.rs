//! What a TokenPolicy issues: tokens of its own, for whom, and the keys that sign them.

mod times;

use kube::KubeSchema;
use kube::core::Rule;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::jwt::Jwt;
use super::references::{LocalRef, SecretKeyRef};
use super::schema::{
    CLIENT_ID, DURATION, ISSUER_URL, LABEL, SCOPE, URL, VISIBLE, between, exactly_one, without_description,
};
use super::token_policy::ApiKeys;
use crate::jose::ISSUER_CLAIMS;

/// Makes the policy an issuer of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = times::rules)]
#[x_kube(
    validation = exactly_one(&["keysSecretRef", "ownKeys"]),
    validation = Rule::new("!has(self.rotation) || has(self.keysSecretRef)")
        .message("rotation is of keysSecretRef; the keys of ownKeys are rotated by whoever owns them"),
    validation = Rule::new("!has(self.clients) || self.clients.all(c, !has(c.audiences) || c.audiences.all(a, a in self.audiences))")
        .message("the audiences of a client are among those of issue"),
    validation = Rule::new(concat!(
        "!has(self.clients) || has(self.subjects) || ",
        "self.clients.all(c, c.grants.all(g, g != 'token_exchange' && g != 'jwt_bearer'))"
    ))
    .message("the grants token_exchange and jwt_bearer need subjects, which say what can be exchanged"),
)]
pub struct Issue {
    /// The issuer, exactly as the claim `iss` of its tokens has it: `https`, a host in lower case and a plain path, without
    /// a slash at the end. Its endpoints are below it: `/jwks`, `/token`, `/introspect`, `/revoke`, and its metadata at the
    /// well-known places; they come before all routes. The host belongs to the namespace that claimed it first; others get
    /// the finding `HostNotOwned`. Example: `https://gw.example.com/shop`.
    #[schemars(length(min = 1, max = 512), regex(pattern = ISSUER_URL))]
    #[x_kube(
        validation = Rule::new(r"!self.matches('^https://[^/]+:443(/|$)|^http://[^/]+:80(/|$)')")
            .message("the port that the scheme has anyway is left out"),
        validation = Rule::new(r"!self.matches('/[.]well-known(/|$)')")
            .message("the path has no segment .well-known: what is below it is for metadata"),
    )]
    pub issuer: String,
    /// Lets the issuer have the scheme `http`, where anybody on the way can read and change its tokens and keys; status
    /// says so. When unset or false, only `https`, but for loopback addresses. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_http: Option<bool>,
    /// For whom tokens may be: what the claim `aud` can name. The first is meant where a client asks for none.
    /// Example: `[orders, stock]`.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 512), regex(pattern = VISIBLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub audiences: Vec<String>,
    /// What new keys sign by: `ES256`, `EdDSA`, `Ed25519`, `RS256`, `PS256` or `ES384`. Keys that are there already keep
    /// theirs until they are replaced. When unset, `ES256`. Example: `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<SigningAlgorithm>,
    /// How long an access token lives; at least `1s`, at most `24h`. It lives no longer than what it came from. When unset,
    /// `10m`. Example: `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = between("1s", "24h"))]
    pub lifetime: Option<String>,
    /// How long others may keep the published keys before they ask again (`Cache-Control: max-age`); at least `1s`, at most
    /// `24h`. The rotation of keys counts on it. When unset, `5m`. Example: `1m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = between("1s", "24h"))]
    pub jwks_max_age: Option<String>,
    /// What clients get: `Jwt` is a signed token (RFC 9068); `Opaque` is the same, sealed, so that only this installation
    /// can read it. When unset, `Jwt`. Example: `Opaque`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TokenFormat>,
    /// Whether access tokens are bound to a key of their holder (RFC 9449): `Disabled` refuses requests with a proof,
    /// `Accept` binds the token where there is one, `Require` refuses requests without. When unset, `Accept`.
    /// Example: `Require`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop: Option<DpopMode>,
    /// Who may ask for tokens. When unset, nobody: keys are published and nothing else.
    /// Example: `[{id: batch, secretRef: {name: batch-client}, grants: [client_credentials], scopes: [orders:read]}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".to_owned()]))]
    pub clients: Vec<Client>,
    /// How long refresh tokens live. When unset, each member as it says itself. Example: `{lifetime: 720h}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Refresh>,
    /// What can be exchanged for tokens of this issuer (`token_exchange`, `jwt_bearer`): entries like those of `accept`,
    /// which no route takes. When unset, nothing.
    /// Example: `[{name: keys, apiKeys: {selector: {matchLabels: {team: shop}}}, scopes: [orders:read]}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub subjects: Vec<Subject>,
    /// How often keys are replaced. Only beside `keysSecretRef`. When unset, each member as it says itself.
    /// Example: `{every: 720h, publishAhead: 24h}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// The Secret of the same namespace in which bearward keeps the keys. It makes the Secret where there is none, and writes
    /// it at every rotation. One that is there is taken if it is of type `bearward.dev/signing-keys`, labelled
    /// `bearward.dev/use: signing-key`, and has the keys of this issuer; any other is never touched. When unset, `ownKeys`
    /// must be set. Example: `{name: shop-signing-keys}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_secret_ref: Option<LocalRef>,
    /// Keys of yours, which are read and never written: private keys as PEM (PKCS #8, PKCS #1 or SEC 1), as DER (PKCS #8) or
    /// as a JWK, in Secrets labelled `bearward.dev/use: signing-key`. The first signs, all are published, so a new one goes
    /// second until every verifier has it. When unset, `keysSecretRef` must be set. Example: `[{name: mine, key: tls.key}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned(), "key".to_owned()]))]
    pub own_keys: Vec<SecretKeyRef>,
}

/// What signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
#[expect(missing_docs, reason = "each is the name of a registered algorithm")]
pub enum SigningAlgorithm {
    #[default]
    ES256,
    EdDSA,
    Ed25519,
    RS256,
    PS256,
    ES384,
}

/// What clients get for an access token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
pub enum TokenFormat {
    /// A signed token.
    #[default]
    Jwt,
    /// A sealed one.
    Opaque,
}

/// Whether access tokens are bound to a key of their holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
pub enum DpopMode {
    /// Never.
    Disabled,
    /// Where the client proves that it has a key.
    #[default]
    Accept,
    /// Always.
    Require,
}

/// Who may ask for tokens: exactly one of `secretRef`, `keys` and `public`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = exactly_one(&["secretRef", "keys", "public"]),
    validation = Rule::new("!has(self.public) || !('client_credentials' in self.grants)")
        .message("a public client has no credentials, so it has no grant client_credentials"),
    validation = Rule::new(
        "!('refresh_token' in self.grants) || 'token_exchange' in self.grants || 'jwt_bearer' in self.grants"
    )
    .message("refresh tokens come with token_exchange and jwt_bearer alone, so refresh_token stands beside one of them"),
)]
pub struct Client {
    /// Its name, as it gives it at the token endpoint, and the subject of tokens that it gets for itself. Unique in the list.
    /// Example: `batch`.
    #[schemars(length(min = 1, max = 128), regex(pattern = CLIENT_ID))]
    pub id: String,
    /// A Secret of the same namespace, of type `bearward.dev/client-secret` and labelled `bearward.dev/use: credentials`,
    /// with the hashes of its secrets. When unset, `keys` or `public` must be set. Example: `{name: batch-client}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalRef>,
    /// The public keys with which it signs its assertions (`private_key_jwt`). When unset, `secretRef` or `public` must be
    /// set. Example: `{url: "https://batch.example.com/keys"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<ClientKeys>,
    /// Anybody can be this client: what it exchanges is its credential. Only `true` can be written. When unset, `secretRef`
    /// or `keys` must be set. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<Public>,
    /// What it may use: `client_credentials` for tokens of its own, `token_exchange` (RFC 8693) and `jwt_bearer` (RFC 7523)
    /// for tokens in exchange for those of `subjects`, `refresh_token` for refresh tokens beside these two.
    /// Example: `[client_credentials]`.
    #[schemars(length(min = 1, max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub grants: Vec<Grant>,
    /// The scopes that its tokens may have; it gets all where it asks for none. When unset, its tokens have no scopes.
    /// Example: `[orders:read]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128), regex(pattern = SCOPE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub scopes: Vec<String>,
    /// For whom its tokens may be; the first is meant where it asks for none. Each is one of `issue.audiences`. When unset,
    /// all of them. Example: `[orders]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 512), regex(pattern = VISIBLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub audiences: Vec<String>,
}

/// Where the public keys of a client come from: exactly one of `inline`, `secretRef` and `url`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = exactly_one(&["inline", "secretRef", "url"]))]
pub struct ClientKeys {
    /// The key set itself, as JSON text (RFC 7517); public keys only. When unset, another member must be set.
    /// Example: `'{"keys": []}'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 65536))]
    pub inline: Option<String>,
    /// A Secret of the same namespace, labelled `bearward.dev/use: credentials`, that holds a key set. When unset, another
    /// member must be set. Example: `{name: batch-keys, key: jwks.json}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// The URL of the key set: `https`, but for loopback addresses. When unset, another member must be set.
    /// Example: `https://batch.example.com/keys`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = URL))]
    pub url: Option<String>,
}

/// The words `public: true`. There is no value for `false`, so that a client is public only if it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct Public;

impl TryFrom<bool> for Public {
    type Error = &'static str;

    fn try_from(written: bool) -> Result<Self, Self::Error> {
        if written { Ok(Self) } else { Err("public can only be true; leave it out for a client with credentials") }
    }
}

impl From<Public> for bool {
    fn from(Public: Public) -> Self {
        true
    }
}

impl JsonSchema for Public {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Public".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "boolean", "enum": [true]})
    }
}

/// What a client may use, by the name that OAuth has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline, transform = without_description)]
pub enum Grant {
    /// RFC 6749, section 4.4.
    ClientCredentials,
    /// RFC 6749, section 6.
    RefreshToken,
    /// RFC 8693.
    TokenExchange,
    /// RFC 7523.
    JwtBearer,
}

/// How long refresh tokens live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refresh {
    /// From the first refresh token to the end of all that came of it; at least `1s`, at most `87600h`. When unset, `720h`.
    /// Example: `168h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = between("1s", "87600h"))]
    pub lifetime: Option<String>,
    /// How long after its use a refresh token is answered once more, for a client that lost the answer; used later, it
    /// revokes all that came of it. At least `5s`, at most `1m`: a write may take 2s, and a client whose answer was lost is
    /// told to ask again after 1s. When unset, `10s`. Example: `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = between("5s", "1m"))]
    pub grace: Option<String>,
}

/// What can be exchanged: exactly one of `jwt`, `apiKeys` and `issued`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = exactly_one(&["jwt", "apiKeys", "issued"]))]
pub struct Subject {
    /// Its name, which the subject of new tokens begins with (`corp|4711`), but for those of `issued`. Unique in the list.
    /// Example: `corp`.
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub name: String,
    /// JWTs of one issuer. When unset, `apiKeys` or `issued` must be set.
    /// Example: `{issuer: "https://login.example.com/", audiences: [exchange], keys: {discovery: {}}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Box<Jwt>>,
    /// API keys of ours. When unset, `jwt` or `issued` must be set. Example: `{selector: {matchLabels: {team: shop}}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<ApiKeys>,
    /// Tokens of this issuer itself, for narrower ones. When unset, `jwt` or `apiKeys` must be set. Example: `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Issued>,
    /// The scopes that it is worth; an empty list is worth none. When unset, those that it has itself.
    /// Example: `[deploy]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128), regex(pattern = SCOPE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub scopes: Option<Vec<String>>,
    /// The claims that new tokens take over from it; of an API key, the labels of its Secret. Not those that the issuer sets
    /// itself, nor those that mark another kind of token, such as `nonce`. When unset, none. Example: `[team]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 128), regex(pattern = VISIBLE)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = none_of_the_issuers()
    )]
    pub claims: Vec<String>,
}

/// The rule of claims that are taken over.
fn none_of_the_issuers() -> Rule {
    let quoted: Vec<String> = ISSUER_CLAIMS.iter().map(|claim| format!("'{claim}'")).collect();
    Rule::new(format!("!self.exists(c, c in [{}])", quoted.join(", "))).message(
        format!("no token takes over these, which only its issuer says: {}", ISSUER_CLAIMS.join(", ")).as_str(),
    )
}

/// Tokens that the policy's own `issue` signs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issued {
    /// Our names: the claim `aud` must have at least one of them. Each is one of `issue.audiences`. When unset, all of them.
    /// Example: `[orders]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 512), regex(pattern = VISIBLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub audiences: Vec<String>,
}

/// How often keys are replaced. A new key is published before it signs, and an old one is published until the last token
/// that it signed has expired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// How long a key signs; at most `87600h`, and at least `publishAhead` + 3s. When unset, `720h`. Example: `168h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = between("1s", "87600h"))]
    pub every: Option<String>,
    /// How long a key is published before it signs, counted from when every ready replica publishes it; at most `8760h`, and
    /// at least `jwksMaxAge` + 3s. When unset, `24h`. Example: `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = between("1s", "8760h"))]
    pub publish_ahead: Option<String>,
}
