//! Writes `WWW-Authenticate`.

use http::HeaderValue;
use thiserror::Error;

/// Which way to present a token the challenge asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeScheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449.
    Dpop,
}

/// One challenge. It is written when its policy is compiled, not when a request is refused: whatever it says is
/// constant, and a value that cannot be written is a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// How to come back.
    pub scheme: ChallengeScheme,
    /// What is protected.
    pub realm: &'a str,
    /// The error code; none where the request had no token (RFC 6750, section 3.1).
    pub error: Option<&'a str>,
    /// One constant text per code: the reason is for the log.
    pub description: Option<&'a str>,
    /// The scopes that would do. Empty: not said.
    pub scopes: &'a [&'a str],
    /// The signature algorithms of proofs: RFC 9449, section 5.1. Empty: not said.
    pub algorithms: &'a [&'a str],
    /// Where this resource describes itself: RFC 9728, section 5.1.
    pub resource_metadata: Option<&'a str>,
}

/// A part of a challenge has a character that its grammar leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChallengeError {
    /// Outside printable ASCII.
    #[error("the realm has a character outside printable ASCII")]
    Realm,
    /// Outside RFC 6750, section 3.
    #[error("the error code or its description has a character that RFC 6750 leaves out")]
    Error,
    /// Outside RFC 6749, section 3.3, or empty.
    #[error("a scope is empty or has a character that RFC 6749 leaves out")]
    Scope,
    /// Outside the names of algorithms.
    #[error("an algorithm has a character that names of algorithms do not have")]
    Algorithm,
    /// Outside the grammar of URIs.
    #[error("the address of the resource metadata is not a URI")]
    ResourceMetadata,
}

impl<'a> Challenge<'a> {
    /// The challenge of a request without a token: RFC 6750, section 3.
    pub const fn bare(scheme: ChallengeScheme, realm: &'a str) -> Self {
        Self { scheme, realm, error: None, description: None, scopes: &[], algorithms: &[], resource_metadata: None }
    }

    /// The value of a `WWW-Authenticate` field.
    pub fn to_value(&self) -> Result<HeaderValue, ChallengeError> {
        let mut text = match self.scheme {
            ChallengeScheme::Bearer => "Bearer realm=\"".to_owned(),
            ChallengeScheme::Dpop => "DPoP realm=\"".to_owned(),
        };
        for character in self.realm.chars() {
            match character {
                // RFC 9110, section 5.6.4. The other parameters do not have these two characters at all.
                '"' | '\\' => text.extend(['\\', character]),
                ' '..='~' => text.push(character),
                _ => return Err(ChallengeError::Realm),
            }
        }
        text.push('"');
        if let Some(error) = self.error {
            push(&mut text, "error", checked(error, is_description_byte, ChallengeError::Error)?);
        }
        if let Some(description) = self.description {
            let description = checked(description, is_description_byte, ChallengeError::Error)?;
            push(&mut text, "error_description", description);
        }
        if !self.scopes.is_empty() {
            if !self.scopes.iter().all(|scope| is_scope_token(scope)) {
                return Err(ChallengeError::Scope);
            }
            push(&mut text, "scope", &self.scopes.join(" "));
        }
        if !self.algorithms.is_empty() {
            let algorithms = self.algorithms.join(" ");
            push(&mut text, "algs", checked(&algorithms, is_algorithm_byte, ChallengeError::Algorithm)?);
        }
        if let Some(uri) = self.resource_metadata {
            push(&mut text, "resource_metadata", checked(uri, is_uri_byte, ChallengeError::ResourceMetadata)?);
        }
        HeaderValue::try_from(text).map_err(|_| ChallengeError::Realm)
    }
}

/// Whether this is one scope: RFC 6749, section 3.3.
pub fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte != b' ' && is_description_byte(byte))
}

fn push(text: &mut String, name: &str, value: &str) {
    for piece in [", ", name, "=\"", value, "\""] {
        text.push_str(piece);
    }
}

fn checked(value: &str, allowed: fn(u8) -> bool, error: ChallengeError) -> Result<&str, ChallengeError> {
    if value.is_empty() || !value.bytes().all(allowed) { Err(error) } else { Ok(value) }
}

/// RFC 6750, section 3: printable ASCII without `"` and `\`.
const fn is_description_byte(byte: u8) -> bool {
    matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

const fn is_algorithm_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b' ')
}

/// RFC 3986, section 2.
const fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'!' | b'#'..=b'/' | b':' | b';' | b'=' | b'?'..=b'@' | b'_' | b'~')
}
