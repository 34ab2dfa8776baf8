//! Rings in Secrets of the cluster, each in the namespace of its policy.
//!
//! A write carries the resource version of what was read: a leader that was deposed and does not know it is refused with
//! 409. The last ring of each issuer, public halves alone, is remembered in one `ConfigMap` of our own namespace.

use std::collections::{BTreeMap, BTreeSet};

use ::kube::api::{Api, ListParams, ObjectMeta, PostParams};
use ::kube::{Client, Error};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret as Object};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use zeroize::Zeroize as _;

use super::ask::policies;
use super::keep::{Found, Keep, KeepError};
use super::{TYPE, USE};
use crate::api::{GROUP, VERSION};
use crate::clock::Clock;
use crate::name::Kind;
use crate::operate::Settings;
use crate::rotation::Plan;
use crate::rotation::{Keyring, Ring};
use crate::secret::Secret;
use crate::sources::kube::USE_LABEL;

/// The most bytes of all rings that are remembered: an object holds one MiB. Enough for some 400 issuers with RSA keys;
/// beyond, what was remembered longest ago is forgotten.
const MOST_REMEMBERED: usize = 900 << 10;

/// Secrets and a `ConfigMap`.
pub(in crate::operate) struct Secrets {
    client: Client,
    settings: Settings,
    clock: Clock,
}

impl Secrets {
    /// Rings of the installation of `settings`.
    pub(in crate::operate) const fn new(client: Client, settings: Settings, clock: Clock) -> Self {
        Self { client, settings, clock }
    }

    fn secrets(&self, plan: &Plan) -> Api<Object> {
        Api::namespaced(self.client.clone(), &plan.secret.namespace)
    }

    fn remembered(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.settings.namespace)
    }

    fn remembered_name(&self) -> String {
        format!("bearward-{}.signing-keys", self.settings.class)
    }

    async fn timed<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        match self.clock.timeout(self.settings.timing.write, answer).await {
            Some(Ok(value)) => Ok(value),
            Some(Err(Error::Api(status))) if status.code == 409 => Err(Failure::Conflict),
            Some(Err(Error::Api(status))) if status.code == 403 => Err(Failure::Forbidden(status.message.clone())),
            Some(Err(Error::Api(status))) if status.code == 404 => Err(Failure::Gone),
            Some(Err(error)) => Err(Failure::Other(error.to_string())),
            None => Err(Failure::Other("the API server gave no answer in time".to_owned())),
        }
    }
}

/// What came of asking the API server, if it is not what was asked for.
enum Failure {
    Conflict,
    Forbidden(String),
    Gone,
    Other(String),
}

impl Failure {
    /// Of a request about a Secret of this namespace.
    fn of_secret(self, namespace: &str, account: &str) -> KeepError {
        match self {
            // It was there when it was read.
            Self::Conflict | Self::Gone => KeepError::Conflict,
            Self::Forbidden(reason) => KeepError::Forbidden(format!(
                "bearward may not write the Secrets of namespace {namespace} ({reason}); let its owner run: kubectl \
                 create rolebinding bearward-issue --namespace {namespace} --clusterrole bearward-issue \
                 --serviceaccount {account}"
            )),
            Self::Other(reason) => KeepError::Failed(reason),
        }
    }

    /// Of a request about what is remembered.
    fn of_memory(self, name: &str) -> KeepError {
        match self {
            Self::Conflict | Self::Gone => KeepError::Conflict,
            Self::Forbidden(reason) => {
                KeepError::Forbidden(format!("bearward may not keep its ConfigMap {name} ({reason})"))
            }
            Self::Other(reason) => KeepError::Failed(reason),
        }
    }
}

impl Secrets {
    /// Leaves out what is remembered of policies that are gone: whoever makes and deletes policies would fill the object for
    /// all. Of a namespace whose policies we may not see it stays.
    async fn forget_gone(&self, data: &mut BTreeMap<String, String>) -> Result<(), Failure> {
        let namespaces = data.keys().filter_map(|member| Some(member.split_once('.')?.0.to_owned()));
        for namespace in namespaces.collect::<BTreeSet<String>>() {
            let policies = policies(&self.client, Some(&namespace));
            let found = match self.timed(policies.list_metadata(&ListParams::default())).await {
                Ok(found) => found.items,
                Err(Failure::Forbidden(_)) => continue,
                Err(failure) => return Err(failure),
            };
            let uids: BTreeSet<String> = found.into_iter().filter_map(|policy| policy.metadata.uid).collect();
            data.retain(|member, _| {
                let Some((of, rest)) = member.split_once('.') else { return true };
                of != namespace || rest.rsplit('.').next().is_some_and(|uid| uids.contains(uid))
            });
        }
        Ok(())
    }
}

impl Keep for Secrets {
    type Version = ObjectMeta;

    async fn load(&self, plan: &Plan) -> Result<Found<ObjectMeta>, KeepError> {
        let api = self.secrets(plan);
        let name = &plan.secret.name;
        let found = self.timed(api.get_opt(name)).await;
        let found =
            found.map_err(|failure| failure.of_secret(&plan.secret.namespace, &self.settings.service_account))?;
        let Some(Object { metadata, type_, data, .. }) = found else { return Ok(Found::Nothing) };
        // Taken over at once, so that whatever becomes of it, it is wiped.
        let data: BTreeMap<String, Secret> =
            data.unwrap_or_default().into_iter().map(|(member, bytes)| (member, Secret::new(bytes.0))).collect();
        let kind = type_.as_deref().unwrap_or_default();
        if kind != TYPE {
            return Ok(Found::Foreign(format!("the Secret {name} is of type {kind:?}, expected {TYPE:?}")));
        }
        let offered = metadata.labels.as_ref().and_then(|labels| labels.get(USE_LABEL)).map(String::as_str);
        if offered != Some(USE) {
            return Ok(Found::Foreign(format!(
                "the Secret {name} has no label {USE_LABEL}: {USE}, so nobody may use it"
            )));
        }
        Ok(match Keyring::read(&data) {
            Ok(keyring) => Found::Ours(Box::new(keyring), metadata),
            Err(error) => Found::Broken(format!("the Secret {name} holds no ring of keys: {error}")),
        })
    }

    async fn save(&self, plan: &Plan, keyring: &Keyring, over: Option<ObjectMeta>) -> Result<(), KeepError> {
        let api = self.secrets(plan);
        let parameters = PostParams::default();
        let name = &*plan.secret.name;
        let is_new = over.is_none();
        let object = Object {
            // With the resource version that it had, so that only what was read is written over.
            metadata: metadata(plan, over.unwrap_or_default()),
            type_: Some(TYPE.to_owned()),
            data: Some(keyring.write().into_iter().map(|(member, bytes)| (member, ByteString(bytes))).collect()),
            ..Object::default()
        };
        let written = async {
            if is_new { api.create(&parameters, &object).await } else { api.replace(name, &parameters, &object).await }
        };
        let written = self.timed(written).await;
        wipe(object);
        match written {
            Ok(object) => {
                wipe(object);
                Ok(())
            }
            Err(failure) => Err(failure.of_secret(&plan.secret.namespace, &self.settings.service_account)),
        }
    }

    async fn last(&self, plan: &Plan) -> Result<Option<Ring>, KeepError> {
        let name = self.remembered_name();
        let found = self.timed(self.remembered().get_opt(&name)).await.map_err(|failure| failure.of_memory(&name))?;
        let text = found.and_then(|object| object.data?.remove(&member(plan)));
        // What cannot be read is as good as lost: the Secret itself says more.
        Ok(text.and_then(|text| Ring::parse(text.as_bytes()).ok()))
    }

    fn place(&self, plan: &Plan) -> String {
        plan.secret.to_string()
    }

    async fn remember(&self, plan: &Plan, ring: &Ring) -> Result<Option<Ring>, KeepError> {
        let name = self.remembered_name();
        let failed = |failure: Failure| failure.of_memory(&name);
        let api = self.remembered();
        let found = self.timed(api.get_opt(&name)).await.map_err(failed)?;
        let is_new = found.is_none();
        let mut object = found.unwrap_or_default();
        object.metadata.name = Some(name.clone());
        let data = object.data.get_or_insert_default();
        let known = data.get(&member(plan)).and_then(|text| Ring::parse(text.as_bytes()).ok());
        if let Some(later) = known.filter(|known| known.issuer == ring.issuer && known.changes > ring.changes) {
            return Ok(Some(later));
        }
        data.insert(member(plan), ring.to_json());
        if size(data) > MOST_REMEMBERED {
            self.forget_gone(data).await.map_err(failed)?;
        }
        make_room(data, &member(plan));
        let parameters = PostParams::default();
        let write = async {
            if is_new { api.create(&parameters, &object).await } else { api.replace(&name, &parameters, &object).await }
        };
        self.timed(write).await.map(|_| None).map_err(failed)
    }
}

/// Forgets what was remembered longest ago, until the rest fits: that of a living policy is remembered again at each step.
fn make_room(data: &mut BTreeMap<String, String>, kept: &str) {
    while size(data) > MOST_REMEMBERED {
        let written = |text: &str| Ring::parse(text.as_bytes()).map(|ring| ring.written).unwrap_or_default();
        let others = data.iter().filter(|(name, _)| *name != kept);
        let Some(oldest) = others.min_by_key(|(_, text)| written(text)).map(|(name, _)| name.clone()) else { return };
        data.remove(&oldest);
    }
}

/// The most characters of a policy's name in a member's: with a namespace (63) and a uid (36) those have room in 253.
const MOST_OF_NAME: usize = 128;

/// What is remembered of a policy. With its uid, so that a policy of the same name that came later has none of it, and two
/// whose names begin the same do not meet.
fn member(plan: &Plan) -> String {
    let (namespace, name) = (&plan.policy.namespace, &plan.policy.name);
    let name = name.get(..name.floor_char_boundary(MOST_OF_NAME)).unwrap_or(name);
    format!("{namespace}.{name}.{}", plan.uid)
}

/// How much members take.
fn size(data: &BTreeMap<String, String>) -> usize {
    data.iter().map(|(member, text)| member.len().saturating_add(text.len())).sum()
}

/// The Secret's own words, with ours: what it is for, and that it goes when its policy goes.
fn metadata(plan: &Plan, over: ObjectMeta) -> ObjectMeta {
    let mut metadata = ObjectMeta {
        name: Some(plan.secret.name.to_string()),
        namespace: Some(plan.secret.namespace.to_string()),
        managed_fields: None,
        ..over
    };
    metadata.labels.get_or_insert_default().insert(USE_LABEL.to_owned(), USE.to_owned());
    let owners = metadata.owner_references.get_or_insert_default();
    if !owners.iter().any(|owner| owner.uid == *plan.uid) {
        owners.push(OwnerReference {
            api_version: format!("{GROUP}/{VERSION}"),
            kind: Kind::TokenPolicy.as_str().to_owned(),
            name: plan.policy.name.to_string(),
            uid: plan.uid.to_string(),
            ..OwnerReference::default()
        });
    }
    metadata
}

/// Wipes what a Secret holds.
fn wipe(object: Object) {
    for ByteString(mut bytes) in object.data.unwrap_or_default().into_values() {
        bytes.zeroize();
    }
}
