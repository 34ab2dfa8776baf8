//! What `bearward keys` asks of a gateway, from outside of it: annotations of the policy in a cluster, a file without one.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::kube::api::{Api, ListParams, Patch, PatchParams};
use ::kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use ::kube::{Client, Error};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::folder::Asked;
use super::shown::{Shown, ShownIssuer};
use crate::api::{GROUP, VERSION};
use crate::clock::Clock;
use crate::name::Kind;
use crate::rotation::{COMPROMISED, DESPITE, ROTATE};

/// How often a policy is read again that somebody else writes at the same time.
const TRIES: usize = 5;

/// Where objects of files are that name no namespace.
const WITHOUT_NAMESPACE: &str = "default";

/// How often it is looked again for a key that status does not show, and how long after the last time: status comes some
/// seconds after a key, and a key that is compromised cannot wait for people to try again.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The gateway that is asked.
pub enum Asker {
    /// By its policies in a namespace of a cluster.
    Cluster {
        /// The connection.
        client: Client,
        /// The namespace; `None`: that of the current context.
        namespace: Option<Box<str>>,
        /// Time.
        clock: Clock,
    },
    /// By its folder.
    Folder {
        /// Which.
        folder: PathBuf,
        /// The namespace of the policies; `None`: `default`.
        namespace: Option<Box<str>>,
    },
}

/// Why it could not be asked.
#[derive(Debug, Error)]
pub enum AskError {
    /// There is no such policy.
    #[error("namespace {namespace} has no TokenPolicy {policy}")]
    NoPolicy {
        /// Where it was looked for.
        namespace: String,
        /// Which.
        policy: String,
    },
    /// The policy issues no tokens.
    #[error("the TokenPolicy {0} has no issue, so it has no signing keys")]
    NoIssuer(String),
    /// The policy has no such key.
    #[error("the TokenPolicy {policy} has no key {kid}; it has: {known}")]
    NoKey {
        /// Which policy.
        policy: String,
        /// Which key.
        kid: String,
        /// The keys that it has.
        known: String,
    },
    /// The policy signs with keys of a user's own.
    #[error("the keys of the TokenPolicy {0} are its owner's (ownKeys); change them there")]
    OwnKeys(String),
    /// The gateway of the folder has no such policy.
    #[error("the gateway of {} has no TokenPolicy {policy} that issues tokens; it has: {known}", folder.display())]
    NotThere {
        /// The folder.
        folder: PathBuf,
        /// Which policy.
        policy: String,
        /// Those that it has.
        known: String,
    },
    /// No gateway keeps anything in the folder.
    #[error("{} is not the folder of a gateway: none has been started with it as --state", .0.display())]
    NoGateway(PathBuf),
    /// The API server says no, or nothing.
    #[error("the API server refused: {0}")]
    Refused(String),
    /// The policy is written by others again and again.
    #[error("the TokenPolicy was written by somebody else each time; try again")]
    Contended,
    /// The folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A key, as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The policy.
    pub of: String,
    /// Its id.
    pub kid: String,
    /// What it signs by.
    pub algorithm: String,
    /// Where it is in its life.
    pub state: String,
    /// Since when.
    pub since: String,
    /// What comes next, where it is known.
    pub next: String,
}

impl Asker {
    /// Asks to rotate at once, without waiting for these pods. `word` makes it another request than the last.
    pub async fn rotate(&self, policy: &str, word: &str, despite: &[Box<str>]) -> Result<(), AskError> {
        let despite = despite.join(",");
        self.change(policy, None, |annotations| {
            annotations.insert(ROTATE.to_owned(), word.into());
            // What was left out of the last rotation is not left out of this one.
            let despite = if despite.is_empty() { Value::Null } else { despite.clone().into() };
            annotations.insert(DESPITE.to_owned(), despite);
        })
        .await
    }

    /// Says that a key is compromised.
    pub async fn compromise(&self, policy: &str, kid: &str) -> Result<(), AskError> {
        self.change(policy, Some(kid), |annotations| {
            let known = annotations.get(COMPROMISED).and_then(Value::as_str).unwrap_or_default();
            let mut kids: Vec<&str> = known.split([',', ' ']).filter(|kid| !kid.is_empty()).collect();
            if !kids.contains(&kid) {
                kids.push(kid);
            }
            let kids = kids.join(",");
            annotations.insert(COMPROMISED.to_owned(), kids.into());
        })
        .await
    }

    /// The keys of a policy; `None`: of every policy.
    pub async fn list(&self, policy: Option<&str>) -> Result<Vec<Line>, AskError> {
        match self {
            Self::Cluster { client, namespace, .. } => {
                let api = policies(client, namespace.as_deref());
                let found = match policy {
                    Some(name) => vec![self.find(&api, name).await?],
                    None => api.list(&ListParams::default()).await.map_err(|error| refused(&error))?.items,
                };
                Ok(found.iter().flat_map(lines).collect())
            }
            Self::Folder { folder, namespace } => {
                let shown = shown(folder)?;
                let lines =
                    |of: &str, issuer: &ShownIssuer| issuer.keys.iter().map(|key| key.line(of)).collect::<Vec<_>>();
                if let Some(policy) = policy {
                    let (of, issuer) = issuer_of(&shown, folder, self.namespace(), policy)?;
                    return Ok(lines(of, issuer));
                }
                let is_meant =
                    |of: &str| namespace.as_deref().is_none_or(|namespace| of.split('/').next() == Some(namespace));
                let issuers = shown.0.iter().filter(|(of, _)| is_meant(of));
                Ok(issuers.flat_map(|(of, issuer)| lines(of, issuer)).collect())
            }
        }
    }

    async fn change(
        &self,
        policy: &str,
        kid: Option<&str>,
        edit: impl Fn(&mut Map<String, Value>),
    ) -> Result<(), AskError> {
        match self {
            Self::Cluster { client, namespace, clock } => {
                let api = policies(client, namespace.as_deref());
                self.look_for(&api, clock, policy, kid).await?;
                for _ in 0..TRIES {
                    let object = self.find(&api, policy).await?;
                    let annotations = object.metadata.annotations.clone().unwrap_or_default();
                    let mut annotations: Map<String, Value> =
                        annotations.into_iter().map(|(name, value)| (name, value.into())).collect();
                    edit(&mut annotations);
                    annotations.retain(|name, _| [ROTATE, DESPITE, COMPROMISED].contains(&name.as_str()));
                    let metadata =
                        json!({"resourceVersion": object.metadata.resource_version, "annotations": annotations});
                    let patch = Patch::Merge(json!({ "metadata": metadata }));
                    match api.patch(policy, &PatchParams::default(), &patch).await {
                        Ok(_) => return Ok(()),
                        Err(Error::Api(status)) if status.code == 409 => {}
                        Err(error) => return Err(refused(&error)),
                    }
                }
                Err(AskError::Contended)
            }
            Self::Folder { folder, namespace } => {
                let namespace = namespace.as_deref().unwrap_or(WITHOUT_NAMESPACE);
                let shown = shown(folder)?;
                let (_, issuer) = issuer_of(&shown, folder, namespace, policy)?;
                if !issuer.rotates {
                    return Err(AskError::OwnKeys(policy.to_owned()));
                }
                known_key(policy, kid, issuer.keys.iter().map(|key| key.kid.as_str()))?;
                let mut asked = Asked::read(folder, namespace, policy).map_err(|source| of_folder(folder, source))?;
                edit(&mut asked.0);
                asked.0.retain(|_, value| !value.is_null());
                asked.write(folder, namespace, policy).map_err(|source| of_folder(folder, source))
            }
        }
    }

    /// Refuses a policy whose keys are not ours, and a key that it does not have.
    async fn look_for(
        &self,
        api: &Api<DynamicObject>,
        clock: &Clock,
        policy: &str,
        kid: Option<&str>,
    ) -> Result<(), AskError> {
        let mut looks = 1;
        loop {
            let object = self.find(api, policy).await?;
            if object.data.pointer("/spec/issue/ownKeys").is_some() {
                return Err(AskError::OwnKeys(policy.to_owned()));
            }
            let keys = lines(&object);
            let found = known_key(policy, kid, keys.iter().map(|line| line.kid.as_str()));
            if found.is_ok() || looks == LOOKS {
                return found;
            }
            looks += 1;
            clock.sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn find(&self, api: &Api<DynamicObject>, policy: &str) -> Result<DynamicObject, AskError> {
        let found = api.get_opt(policy).await.map_err(|error| refused(&error))?;
        let object = found
            .ok_or_else(|| AskError::NoPolicy { namespace: self.namespace().to_owned(), policy: policy.to_owned() })?;
        if object.data.pointer("/spec/issue").is_none() {
            return Err(AskError::NoIssuer(policy.to_owned()));
        }
        Ok(object)
    }

    fn namespace(&self) -> &str {
        match self {
            Self::Cluster { client, namespace, .. } => namespace.as_deref().unwrap_or(client.default_namespace()),
            Self::Folder { namespace, .. } => namespace.as_deref().unwrap_or(WITHOUT_NAMESPACE),
        }
    }
}

fn shown(folder: &Path) -> Result<Shown, AskError> {
    let shown = Shown::read(folder).map_err(|source| of_folder(folder, source))?;
    shown.ok_or_else(|| AskError::NoGateway(folder.to_owned()))
}

/// An issuer of a folder's gateway, and how it is called.
fn issuer_of<'s>(
    shown: &'s Shown,
    folder: &Path,
    namespace: &str,
    policy: &str,
) -> Result<(&'s str, &'s ShownIssuer), AskError> {
    let wanted = format!("{namespace}/{policy}");
    let found = shown.0.get_key_value(&wanted).map(|(of, issuer)| (of.as_str(), issuer));
    found.ok_or_else(|| AskError::NotThere {
        folder: folder.to_owned(),
        policy: wanted,
        known: listed(shown.0.keys().map(String::as_str)),
    })
}

/// Refuses a key that is not among those that there are.
fn known_key<'k>(
    policy: &str,
    kid: Option<&str>,
    mut known: impl Iterator<Item = &'k str> + Clone,
) -> Result<(), AskError> {
    let all = known.clone();
    match kid.filter(|kid| !known.any(|known| known == *kid)) {
        None => Ok(()),
        Some(kid) => Err(AskError::NoKey { policy: policy.to_owned(), kid: kid.to_owned(), known: listed(all) }),
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The policies of a namespace.
pub(super) fn policies(client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, Kind::TokenPolicy.as_str()));
    // The plural is no word that can be guessed.
    let resource = ApiResource { plural: "tokenpolicies".to_owned(), ..resource };
    Api::namespaced_with(client.clone(), namespace.unwrap_or(client.default_namespace()), &resource)
}

/// The keys that a policy's status has.
fn lines(policy: &DynamicObject) -> Vec<Line> {
    let keys = policy.data.pointer("/status/keys").and_then(Value::as_array).into_iter().flatten();
    let lines = keys.map(|key| {
        let text = |field: &str| key.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Line {
            of: policy.metadata.name.clone().unwrap_or_default(),
            kid: text("kid"),
            algorithm: text("algorithm"),
            state: text("state"),
            since: text("since"),
            next: text("next"),
        }
    });
    lines.collect()
}

fn refused(error: &Error) -> AskError {
    let message = if let Error::Api(status) = error { status.message.clone() } else { error.to_string() };
    AskError::Refused(message)
}

fn of_folder(path: &Path, source: io::Error) -> AskError {
    AskError::Folder { path: path.to_owned(), source }
}
