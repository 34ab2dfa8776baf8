//! Finds what Secrets offer. A Secret that does not offer itself for a use is as good as none.

use std::sync::Arc;

use super::Settings;
use super::notes::Problem;
use crate::api::{self, core};
use crate::finding::Code;
use crate::name::{Kind, ObjectKey};
use crate::resources::{Body, Object, Reading};
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
}

impl Use {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::Credentials => "credentials",
        }
    }

    /// Whether `object` offers itself for this.
    pub(super) fn is_of(self, object: &Object) -> bool {
        object.meta.labels.get(USE_LABEL).is_some_and(|offered| **offered == *self.as_str())
    }
}

/// The member of a Secret that a resource of `namespace` names.
pub(super) fn member<'a>(
    reading: &mut Reading<'a>,
    namespace: &Arc<str>,
    reference: &api::SecretKeyRef,
    settings: &Settings,
) -> Result<&'a Secret, Problem> {
    let api::SecretKeyRef { name, key: member } = reference;
    let key = ObjectKey::new(Kind::Secret, Arc::clone(namespace), name.as_str());
    let Some(object) = reading.object(&key) else {
        return Err(missing(
            reading,
            namespace,
            settings,
            format!("the Secret {name} does not exist or is not offered"),
        ));
    };
    if !Use::Credentials.is_of(object) {
        return Err(not_found(format!("the Secret {name} is not offered for this use")));
    }
    let secret = decoded(object)?;
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

/// Why there is no Secret: it is not there, or none of the namespace may be read.
fn missing(reading: &mut Reading<'_>, namespace: &Arc<str>, settings: &Settings, cause: String) -> Problem {
    not_granted(reading, namespace, settings).unwrap_or_else(|| not_found(cause))
}

fn not_found(cause: String) -> Problem {
    let cure = "Create it in this namespace and label it bearward.dev/use: credentials.";
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
