//! Makes access tokens (RFC 9068).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::family::{FamilyId, Origin};
use super::refusal::{Presented, Refusal};
use super::{Asked, Authority};
use crate::clock::UnixTime;
use crate::jose::{ISSUER_CLAIMS, MAX_TOKEN_BYTES, Thumbprint};
use crate::snapshot::{Client, Format, Signer};
use crate::telemetry::Denial;

/// Bytes of randomness in the name of a token.
const ID_BYTES: usize = 16;

/// What a token gives, and to whom.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Access {
    /// `sub`.
    pub(super) subject: String,
    /// As what it was presented that this came from: what is wrong with that is told so.
    pub(super) presented: Presented,
    /// What it came from: the subject's credential, then the actor's; empty for a client of its own.
    pub(super) origins: Vec<Origin>,
    /// `aud`; never empty.
    pub(super) audiences: Vec<String>,
    /// `scope`.
    pub(super) scopes: Vec<String>,
    /// Who acts for the subject (RFC 8693, section 4.1).
    pub(super) act: Option<Value>,
    /// Claims that are taken over.
    pub(super) claims: Map<String, Value>,
    /// When what it came from ends.
    pub(super) ends: Option<UnixTime>,
    /// The family of the token of ours that it came from, if that is of one: it ends with it.
    pub(super) family: Option<FamilyId>,
    /// When a family that begins with it ends at the latest.
    pub(super) family_ends: Option<UnixTime>,
}

/// A token that was just made.
pub(super) struct Minted {
    /// As the client gets it.
    pub(super) text: Zeroizing<String>,
    /// How long it lives.
    pub(super) expires_in: Duration,
}

/// The earlier of two ends; `None` is no end.
pub(super) fn sooner(one: Option<UnixTime>, other: Option<UnixTime>) -> Option<UnixTime> {
    one.into_iter().chain(other).min()
}

/// Whether an issued token may say this claim because another token did.
pub(super) fn may_be_taken_over(claim: &str) -> bool {
    !ISSUER_CLAIMS.contains(&claim)
}

impl Authority {
    /// A signed token for this access, sealed if the issuer gives out sealed ones. It lives for as long as the issuer says,
    /// the signing key may sign for, and what it came from lives, whichever is shortest.
    pub(super) fn mint(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        signer: &Signer,
        access: &Access,
        holder: Option<Thumbprint>,
        family: Option<FamilyId>,
    ) -> Result<Minted, Refusal> {
        let made = asked.request.time.secs();
        let most = asked.issuer.lifetime.min(signer.longest).as_secs();
        let ends = made.saturating_add(i64::try_from(most).unwrap_or(i64::MAX));
        let expires = access.ends.map_or(ends, |other| ends.min(other.secs()));
        let expires_in = u64::try_from(expires.saturating_sub(made)).unwrap_or(0);
        if expires_in == 0 {
            return Err(Refusal::denied(Denial::SubjectEnding, access.presented));
        }
        let mut claims = access.claims.clone();
        let mut say = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        say("iss", json!(asked.issuer.url));
        say("sub", json!(access.subject));
        say(
            "aud",
            match access.audiences.as_slice() {
                [only] => json!(only),
                several => json!(several),
            },
        );
        say("client_id", json!(&*client.id));
        say("iat", json!(made));
        say("exp", json!(expires));
        say("jti", json!(self.token_id(family)?));
        if !access.scopes.is_empty() {
            say("scope", json!(access.scopes.join(" ")));
        }
        if let Some(act) = &access.act {
            say("act", act.clone());
        }
        if let Some(holder) = holder {
            // RFC 9449, section 6.1.
            say("cnf", json!({ "jkt": holder.to_string() }));
        }
        let inside = signer.key.sign("at+jwt", &claims).map_err(|_| Denial::SigningFailed)?;
        let inside = Zeroizing::new(inside);
        // No route would look at it.
        if inside.len() > MAX_TOKEN_BYTES {
            return Err(Denial::TokenOversized.into());
        }
        let text = match asked.issuer.format {
            Format::Jwt => inside,
            Format::Opaque => Zeroizing::new(signer.seal.seal(&inside).map_err(|_| Denial::SigningFailed)?),
        };
        Ok(Minted { text, expires_in: Duration::from_secs(expires_in) })
    }

    /// A name for a token. It begins with that of its family, if it has one, so that it ends with the family.
    fn token_id(&self, family: Option<FamilyId>) -> Result<String, Refusal> {
        let mut bytes = [0; ID_BYTES];
        self.random.fill(&mut bytes).map_err(|_| Denial::SigningFailed)?;
        let id = URL_SAFE_NO_PAD.encode(bytes);
        Ok(family.map_or_else(|| id.clone(), |family| format!("{family}.{id}")))
    }
}

/// The family that a token of this name is of.
pub(super) fn family_of(token_id: &str) -> Option<FamilyId> {
    token_id.split_once('.').and_then(|(family, _)| FamilyId::parse(family))
}
