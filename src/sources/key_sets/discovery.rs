//! The metadata of an issuer: where it is, and what it says of the key set.

use serde::Deserialize;

use super::failure::Failure;
use crate::transport::{FetchError, Url};

/// The largest metadata that is read.
pub(super) const MAX_BYTES: usize = 256 * 1024;
/// The longest issuer that a message repeats, in characters.
const MAX_EXCERPT: usize = 256;

/// What we take of the metadata. The rest says nothing about keys.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Where the metadata of `issuer` may be, in the order to try: OpenID Connect Discovery, section 4.1, then RFC 8414,
/// section 3.1, which puts the well-known part before the issuer's path.
pub(super) fn places(issuer: &str) -> Result<[String; 2], Failure> {
    let url = Url::parse(issuer).map_err(|error| Failure::fetch(issuer, FetchError::Url(error)))?;
    if url.path().query().is_some() {
        return Err(Failure::IssuerQuery);
    }
    let path = url.path().path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let origin = format!("{}://{}", url.scheme().as_str(), url.authority());
    Ok([
        format!("{origin}{path}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ])
}

/// The URL of the key set, if the metadata is this issuer's: RFC 8414, section 3.3, byte for byte. Two members of a name
/// are refused with the document.
pub(super) fn key_set_url(place: &str, issuer: &str, document: &[u8]) -> Result<String, Failure> {
    let Ok(metadata) = serde_json::from_slice::<Metadata>(document) else {
        return Err(Failure::NoMetadata { place: place.to_owned() });
    };
    if metadata.issuer != issuer {
        return Err(Failure::IssuerMismatch {
            place: place.to_owned(),
            found: metadata.issuer.chars().take(MAX_EXCERPT).collect(),
        });
    }
    Ok(metadata.jwks_uri)
}
