//! Access tokens that were revoked one by one (RFC 7009).
//!
//! A record stands for as long as its token would have been good. Issuer and `jti` are hashed, so that a record has one
//! size whatever they are, and a store that leaks names no token.

use bytes::Bytes;

use super::family::{Realm, text_of_hash};
use crate::clock::UnixTime;
use crate::store::{Store, StoreError};

/// Revokes the token that this issuer named `jti`, until it ends by itself. One that is revoked already stays so. The record
/// is a mark, for which the store keeps room.
pub async fn revoke_token(store: &dyn Store, realm: Realm<'_>, jti: &str, until: UnixTime) -> Result<(), StoreError> {
    match store.put(&key(realm, jti), Bytes::new(), None, until).await {
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether it was revoked. Where that cannot be known, the caller must not take it for good.
pub async fn is_revoked(store: &dyn Store, realm: Realm<'_>, jti: &str) -> Result<bool, StoreError> {
    Ok(store.get(&key(realm, jti)).await?.is_some())
}

fn key(realm: Realm<'_>, jti: &str) -> String {
    ["jti/", &realm.text(), "/", &text_of_hash(jti.as_bytes())].concat()
}
