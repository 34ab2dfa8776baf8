//! A compact JWS taken apart, and not yet believed.

use serde_json::{Map, Value};

use super::header::Header;
use super::json::{self, JsonError};
use super::{Algorithm, Reason, TokenHash, base64url, times};
use crate::clock::UnixTime;

/// The largest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// A JWT in compact form whose structure is sound and of which nothing is verified: whoever reads it may have been
/// handed it by anybody. It serves to find the issuer's policy and keys; what it says counts only as `Verified<Claims>`.
pub struct Token<'a> {
    text: &'a str,
    signed: &'a str,
    signature: Vec<u8>,
    pub(super) header: Header,
    pub(super) claims: Map<String, Value>,
}

impl<'a> Token<'a> {
    /// Takes a token apart, cheapest checks first: size, alphabet, number of segments, encoding, header, claims.
    ///
    /// RFC 7515, section 5.2, and RFC 7519, section 7.2. Stricter: one form only (compact, signed, not nested), members
    /// of one name are refused at every depth, sizes are bounded, and base64url must be canonical, so that a token has
    /// one spelling and a hash of it is a name for it.
    pub fn parse(text: &'a str) -> Result<Self, Reason> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Reason::TokenTooLarge);
        }
        let (header, claims, signature) = segments(text)?;
        let signed = text.strip_suffix(signature).and_then(|rest| rest.strip_suffix('.'));
        let signed = signed.ok_or(Reason::MalformedToken)?;
        let header = base64url::decode(header).ok_or(Reason::BadBase64Url)?;
        let claims = base64url::decode(claims).ok_or(Reason::BadBase64Url)?;
        let signature = base64url::decode(signature).ok_or(Reason::BadBase64Url)?;
        let header = Header::parse(&header)?;
        let claims = json::object(&claims).map_err(|error| match error {
            JsonError::NotUtf8 => Reason::BadUtf8,
            JsonError::DuplicateMember => Reason::DuplicateMember,
            JsonError::NotObject => Reason::ClaimsNotObject,
            JsonError::TooLarge => Reason::ClaimsTooLarge,
        })?;
        Ok(Self { text, signed, signature, header, claims })
    }

    /// The token as it came. A credential: never to be written anywhere.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The hash of the token as it came.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.text)
    }

    /// The algorithm that the header names.
    pub const fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The key that the header names. Text from outside: no path, no query, no URL.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The type that the header names.
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// The issuer that the token claims to be from: what selects policy and keys.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// When the token claims to have been issued: what decides whether a key set is too old to judge it.
    pub fn issued_at(&self) -> Option<UnixTime> {
        times::numeric_date(self.claims.get("iat")?)
    }

    /// Any claim, unverified.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// What the signature is over: header and claims, still encoded, and the dot between.
    pub(super) const fn signed(&self) -> &'a str {
        self.signed
    }

    /// The signature, decoded.
    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// The three segments.
fn segments(text: &str) -> Result<(&str, &str, &str), Reason> {
    // What RFC 6750, section 2.1, lets stand after `Bearer`. Anything else, such as the braces of the JSON
    // serialisation, is no bearer token at all, and the client is told so.
    let in_bearer_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if !text.bytes().all(in_bearer_token) {
        return Err(Reason::MalformedCredentials);
    }
    let mut parts = text.split('.');
    let segments = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
    match segments {
        (Some(header), Some(claims), Some(signature), None, ..) => {
            let empty = header.is_empty() || claims.is_empty() || signature.is_empty();
            if empty { Err(Reason::MalformedToken) } else { Ok((header, claims, signature)) }
        }
        // RFC 7516, section 9: five segments are a JWE. It is refused before anything of it is decoded, so that no
        // compressed or expensive one (PBES2 with a billion rounds) costs more than this count.
        (.., Some(_), None) => Err(Reason::EncryptedToken),
        _ => Err(Reason::MalformedToken),
    }
}
