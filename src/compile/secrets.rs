//! Finds what Secrets offer. A Secret that does not offer itself for a use is as good as none.

use std::sync::Arc;

use super::Settings;
use super::notes::Problem;
use crate::api::{self, core};
use crate::finding::Code;
use crate::name::{Kind, ObjectKey};
use crate::resources::{Body, Object, Reading};
use crate::rotation;
use crate::secret::Secret;

/// The label by which a Secret offers itself, and for what.
const USE_LABEL: &str = "bearward.dev/use";

/// What a Secret offers itself for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To hold one API key.
    ApiKey,
    /// To be named by a resource: the key of a model provider, or keys that verify tokens.
    Credentials,
    /// To hold keys that sign tokens.
    SigningKey,
}

impl Use {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::Credentials => "credentials",
            Self::SigningKey => rotation::SECRET_USE,
        }
    }

    /// Whether `object` offers itself for this.
    pub(super) fn is_of(self, object: &Object) -> bool {
        object.meta.labels.get(USE_LABEL).is_some_and(|offered| **offered == *self.as_str())
    }
}

/// The Secret of this name, if it offers itself for this use. `None`: there is none, and it could be seen if there were.
pub(super) fn offered<'a>(
    reading: &mut Reading<'a>,
    (namespace, name): (&Arc<str>, &str),
    purpose: Use,
    settings: &Settings,
) -> Result<Option<&'a core::Secret>, Problem> {
    let key = ObjectKey::new(Kind::Secret, Arc::clone(namespace), name);
    let Some(object) = reading.object(&key) else {
        return not_granted(reading, namespace, settings).map_or(Ok(None), Err);
    };
    if !purpose.is_of(object) {
        return Err(not_found(format!("the Secret {name} is not offered for this use"), purpose));
    }
    decoded(object).map(Some)
}

/// The same, where there must be one.
pub(super) fn present<'a>(
    reading: &mut Reading<'a>,
    (namespace, name): (&Arc<str>, &str),
    purpose: Use,
    settings: &Settings,
) -> Result<&'a core::Secret, Problem> {
    offered(reading, (namespace, name), purpose, settings)?
        .ok_or_else(|| not_found(format!("the Secret {name} does not exist or is not offered"), purpose))
}

/// The member of a Secret that a resource of `namespace` names.
pub(super) fn member<'a>(
    reading: &mut Reading<'a>,
    namespace: &Arc<str>,
    reference: &api::SecretKeyRef,
    purpose: Use,
    settings: &Settings,
) -> Result<&'a Secret, Problem> {
    let api::SecretKeyRef { name, key: member } = reference;
    let secret = present(reading, (namespace, name), purpose, settings)?;
    secret.data.get(member.as_str()).ok_or_else(|| {
        let cause = format!("the Secret {name} has no member {member}");
        Problem::new(Code::InvalidSecret, cause, "Add the member to the Secret, or correct key.")
    })
}

/// The content of a Secret.
pub(super) fn decoded(object: &Object) -> Result<&core::Secret, Problem> {
    match &object.body {
        Body::Secret(secret) => Ok(secret),
        Body::Withheld(code, why) => {
            Err(Problem::plain(*code, format!("the Secret {} is not taken: {why}", object.key().name)))
        }
        Body::Undecodable(_) | Body::Ours(_) | Body::Service(_) | Body::EndpointSlice(_) => {
            let cause = format!("the Secret {} could not be read", object.key().name);
            Err(Problem::plain(Code::InvalidSecret, cause))
        }
    }
}

fn not_found(cause: String, purpose: Use) -> Problem {
    let cure = format!("Create it in this namespace and label it bearward.dev/use: {}.", purpose.as_str());
    Problem::new(Code::SecretNotFound, cause, cure)
}

/// What is wrong if the Secrets of the namespace may not be read.
pub(super) fn not_granted(reading: &mut Reading<'_>, namespace: &Arc<str>, settings: &Settings) -> Option<Problem> {
    reading.is_forbidden(Kind::Secret, namespace).then(|| {
        let account = &settings.service_account;
        let cause = format!("bearward may not read the Secrets of namespace {namespace}");
        let cure = format!(
            "Let its owner run: kubectl create rolebinding bearward-secrets --namespace {namespace} \
             --clusterrole bearward-secrets --serviceaccount {account}"
        );
        Problem::new(Code::SecretsNotGranted, cause, cure)
    })
}
