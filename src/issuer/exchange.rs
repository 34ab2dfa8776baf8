//! Token exchange (RFC 8693).

use serde_json::{Map, Value, json};

use super::mint::{Access, sooner};
use super::refusal::{Presented, Refusal};
use super::vouch::{Kind, Vouched};
use super::{Asked, Authority};
use crate::jose::{Reason, Thumbprint};
use crate::snapshot::{Authentication, Client, Format};
use crate::telemetry::Denial;

/// The name of the grant (section 2.1).
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Section 3.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Section 3.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A key of ours, which no standard has a name for.
const API_KEY: &str = "urn:bearward:params:oauth:token-type:api-key";

/// The most that act one for another: each is a level of the token, and a token has sixteen at most.
const MAX_ACTORS: usize = 8;

impl Authority {
    /// What a subject's token is exchanged for, and what that is called.
    pub(super) async fn exchange(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        holder: Option<Thumbprint>,
    ) -> Result<(Access, &'static str), Refusal> {
        const EXCHANGED: Presented = Presented::Exchanged;
        let form = &asked.form;
        let issued = match form.get("requested_token_type") {
            None | Some(ACCESS_TOKEN) => ACCESS_TOKEN,
            Some(JWT) if asked.issuer.format == Format::Jwt => JWT,
            Some(_) => return Err(Denial::ParameterInvalid.into()),
        };
        let subject = (form.require("subject_token")?, kind(form.require("subject_token_type")?)?, EXCHANGED);
        let actor = match (form.get("actor_token"), form.get("actor_token_type")) {
            (None, None) => None,
            (Some(text), Some(named)) => Some((text, kind(named)?, EXCHANGED)),
            (Some(_), None) => return Err(Denial::ParameterMissing.into()),
            // Section 2.1: it must not be there without the token.
            (None, Some(_)) => return Err(Denial::ParameterInvalid.into()),
        };
        // A token that is bound to a key is exchanged by who holds the key.
        let subject = self.vouch(asked, client, subject, holder).await?;
        let actor = match actor {
            Some(actor) => Some(self.vouch(asked, client, actor, holder).await?),
            None => None,
        };
        check_actor(asked, client, &subject, actor.as_ref())?;
        let mut access = subject.access(asked, client, EXCHANGED)?;
        access.act = acting(&subject, actor.as_ref(), &asked.issuer.url)?;
        if let Some(actor) = &actor {
            access.ends = sooner(access.ends, Some(actor.claims().expires()));
            access.family_ends = sooner(access.family_ends, actor.family_ends());
            access.origins.push(actor.origin());
        }
        Ok((access, issued))
    }
}

fn kind(named: &str) -> Result<Kind, Refusal> {
    match named {
        ACCESS_TOKEN => Ok(Kind::AccessToken),
        JWT => Ok(Kind::Jwt),
        API_KEY => Ok(Kind::ApiKey),
        _ => Err(Denial::ParameterInvalid.into()),
    }
}

/// Who acts, and for whom the subject's token was acted before (section 4.1): the outermost acts now. Where nobody is added,
/// nobody is forgotten.
fn acting(subject: &Vouched<'_>, actor: Option<&Vouched<'_>>, ours: &str) -> Result<Option<Value>, Refusal> {
    let invalid = || Refusal::presented(Reason::ClaimInvalid, Presented::Exchanged);
    let before = match subject.claims().get("act") {
        None => None,
        Some(Value::Object(act)) => {
            let mut act = act.clone();
            if !subject.is_ours() {
                place_names(&mut act, subject.claims().issuer().ok_or_else(invalid)?, ours).ok_or_else(invalid)?;
            }
            Some(act)
        }
        Some(_) => return Err(invalid()),
    };
    let Some(actor) = actor else { return Ok(before.map(Value::Object)) };
    if actor.claims().get("act").is_some() {
        return Err(Denial::ActorActing.into());
    }
    if before.as_ref().is_some_and(|act| depth(act) >= MAX_ACTORS) {
        return Err(Denial::TokenOversized.into());
    }
    let mut act = json!({ "sub": actor.name(Presented::Exchanged)? });
    if let (Some(before), Some(members)) = (before, act.as_object_mut()) {
        members.insert("act".to_owned(), Value::Object(before));
    }
    Ok(Some(act))
}

/// Names from outside say where they are from, each of them, since ours are another's. `None`: one says that it is ours, which
/// nobody outside can say.
fn place_names(outermost: &mut Map<String, Value>, from: &str, ours: &str) -> Option<()> {
    let mut next = Some(outermost);
    while let Some(act) = next {
        let issuer = act.entry("iss").or_insert_with(|| from.into());
        if !issuer.is_string() || *issuer == ours {
            return None;
        }
        next = match act.get_mut("act") {
            None => None,
            Some(Value::Object(before)) => Some(before),
            Some(_) => return None,
        };
    }
    Some(())
}

/// How many act one for another.
fn depth(act: &Map<String, Value>) -> usize {
    std::iter::successors(Some(act), |act| act.get("act").and_then(Value::as_object)).count()
}

/// Whether who acts is whom the subject's token lets act (section 4.4), if it says anything of it: the actor, or where there
/// is none, the client. A public client is nobody.
fn check_actor(
    asked: &Asked<'_>,
    client: &Client,
    subject: &Vouched<'_>,
    actor: Option<&Vouched<'_>>,
) -> Result<(), Refusal> {
    let Some(may_act) = subject.claims().get("may_act") else { return Ok(()) };
    let Value::Object(may_act) = may_act else {
        return Err(Refusal::presented(Reason::ClaimInvalid, Presented::Exchanged));
    };
    // A name without an issuer is one of the subject's own issuer.
    let issuer = may_act.get("iss").and_then(Value::as_str).or(subject.claims().issuer());
    let others = || may_act.iter().filter(|(name, _)| *name != "iss");
    let is_named = others().next().is_some()
        && match actor {
            Some(actor) => {
                actor.claims().issuer().is_some_and(|theirs| issuer == Some(theirs))
                    && others().all(|(name, value)| actor.claims().get(name) == Some(value))
            }
            None => {
                !matches!(client.authentication, Authentication::Public)
                    && issuer == Some(&*asked.issuer.url)
                    && others().all(|(name, value)| {
                        matches!(name.as_str(), "sub" | "client_id") && value.as_str() == Some(&*client.id)
                    })
            }
        };
    if is_named { Ok(()) } else { Err(Denial::ActorNotAllowed.into()) }
}
