//! Where a gateway's objects come from, and when all of them have been seen once.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::StartError;
use super::publish::Unguarded;
use crate::cli::{Cluster, Files, Settings};
use crate::clock::Clock;
use crate::compile::admission;
use crate::operate::signing::{self, Folder, FolderError};
use crate::operate::{self, Inputs, Operator, Timing, records};
use crate::resources::Update;
use crate::secret::Secret;
use crate::sources::files::{self, ReadableSecrets};
use crate::sources::key_sets::{Archive, archive::AtHand};
use crate::sources::kube::{self, Pace, Progress};
use crate::store::file::FileStore;
use crate::store::{Memory, Nowhere, Store};
use crate::tasks::{self, Tasks};

/// Where a gateway's objects come from.
pub enum Objects {
    /// Files and folders, read again when they change.
    Files(Files),
    /// One text that never changes, as a file of this name would hold it.
    Text {
        /// What findings call it.
        name: Arc<str>,
        /// YAML.
        yaml: Secret,
    },
    /// A Kubernetes API server.
    Cluster {
        /// What to watch there.
        cluster: Cluster,
        /// The connection to it.
        client: ::kube::Client,
    },
}

impl Objects {
    /// Whether they were written by whoever runs this process, and not by tenants of a cluster: then URLs and hosts are
    /// their own business.
    pub(super) const fn are_the_operators_own(&self) -> bool {
        match self {
            Self::Files(_) | Self::Text { .. } => true,
            Self::Cluster { .. } => false,
        }
    }

    /// What is done where one of them does not say which hosts it guards. An API server would not have taken it.
    pub(super) const fn unguarded(&self) -> Unguarded {
        if self.are_the_operators_own() { Unguarded::Refuse } else { Unguarded::Serve }
    }

    /// Our own service account, as findings name it; nobody asks for it where there are no namespaces to consent.
    pub(super) fn service_account(&self) -> Arc<str> {
        match self {
            Self::Files(_) | Self::Text { .. } => Arc::default(),
            Self::Cluster { cluster, client } => {
                let namespace = own_namespace(cluster, client);
                let name = cluster.service_account.as_deref().unwrap_or("bearward");
                format!("{namespace}:{name}").into()
            }
        }
    }

    /// Where public key sets outlive this process, where there is an API server to keep them.
    pub(super) fn archive(&self, class: &str, at_hand: watch::Sender<AtHand>) -> Option<Archive> {
        let Self::Cluster { cluster, client } = self else { return None };
        let read = operate::archive_reader(client.clone(), own_namespace(cluster, client), class);
        Some(Archive { read, at_hand })
    }

    /// What writes back: status, proof of enforcement and signing keys, where there is an API server to write to.
    pub(super) fn operate(
        &self,
        inputs: Inputs,
        class: &str,
        max_stale: Duration,
        seed: u64,
        clock: &Clock,
    ) -> Option<Operator> {
        let Self::Cluster { cluster, client } = self else { return None };
        let settings = operate::Settings {
            class: class.into(),
            namespace: own_namespace(cluster, client).into(),
            identity: cluster.pod.as_ref().into(),
            service_account: self.service_account(),
            service: cluster.service.as_deref().map(Into::into),
            namespaces: cluster.namespaces.iter().map(|namespace| Arc::from(&**namespace)).collect(),
            timing: Timing::default(),
            max_stale,
            seed,
        };
        Some(operate::start(client.clone(), inputs, settings, clock.clone()))
    }

    /// Where signing keys are kept, where there is no API server to keep them.
    pub(super) fn signing_keys(&self, state: Option<&Path>) -> Result<Option<signing::Place>, FolderError> {
        match (self, state) {
            (Self::Cluster { .. }, _) => Ok(None),
            (Self::Text { .. }, _) => Ok(Some(signing::Place::Memory)),
            (Self::Files(_), Some(path)) => Folder::open(path).map(|folder| Some(signing::Place::Folder(folder))),
            (Self::Files(_), None) => Ok(Some(signing::Place::Nowhere)),
        }
    }

    /// Where refresh tokens and revocations are kept. What runs for it ends with `tasks`.
    pub(super) async fn store(
        &self,
        tasks: &mut Tasks,
        settings: &Settings,
        seed: u64,
        clock: &Clock,
    ) -> Result<Arc<dyn Store>, StartError> {
        let clock = clock.clone();
        Ok(match (self, &settings.state) {
            (Self::Cluster { cluster, client }, _) => {
                let namespace = own_namespace(cluster, client).into();
                let class = settings.installation.class.as_ref().into();
                let place = records::Place { namespace, class, seed, limit: records::LIMIT };
                Arc::new(records::start(tasks, client, &place, clock))
            }
            (Self::Files(_), Some(state)) => {
                let folder = state.join("records");
                Arc::new(tasks::blocking("open records", move || FileStore::open(&folder, clock)).await?)
            }
            // Kept in memory, what was revoked would be good again after a restart.
            (Self::Files(_), None) => Arc::new(Nowhere::new("serve was started without --state")),
            // A demonstration ends with its process.
            (Self::Text { .. }, _) => Arc::new(Memory::new(clock)),
        })
    }

    /// Sends all objects, and then what changes. What it starts ends with `tasks`.
    pub(super) fn start(
        self,
        class: &str,
        tasks: &mut Tasks,
        seed: u64,
        clock: &Clock,
        sender: mpsc::Sender<Update>,
    ) -> Listing {
        match self {
            Self::Files(files) => {
                let (read, is_read) = watch::channel(false);
                tasks.spawn("files", follow(files, class.into(), clock.clone(), sender, read));
                Listing::Files(is_read)
            }
            Self::Text { name, yaml } => {
                let (read, is_read) = watch::channel(false);
                tasks.spawn("text", async move {
                    let text = std::str::from_utf8(yaml.expose()).unwrap_or_default();
                    if sender.send(files::read_text(&name, text)).await.is_ok() {
                        read.send_replace(true);
                    }
                    // Nothing will change, and an open channel says so.
                    sender.closed().await;
                });
                Listing::Files(is_read)
            }
            Self::Cluster { cluster, client } => {
                let namespaces = cluster.namespaces.into_iter().map(Arc::from).collect();
                let settings = kube::Settings { namespaces, pace: Pace::default(), seed };
                let sources = kube::start(client, &settings, clock.clone(), sender.clone());
                let progress = sources.progress();
                tasks.spawn("watches", async move {
                    sender.closed().await;
                    drop(sources);
                });
                Listing::Cluster(progress)
            }
        }
    }
}

/// The namespace that we run in.
fn own_namespace<'a>(cluster: &'a Cluster, client: &'a ::kube::Client) -> &'a str {
    cluster.pod_namespace.as_deref().unwrap_or_else(|| client.default_namespace())
}

/// What the flag means.
pub(super) const fn readable(allow: bool) -> ReadableSecrets {
    if allow { ReadableSecrets::Allow } else { ReadableSecrets::Refuse }
}

/// Reads the files once, and follows them.
async fn follow(files: Files, class: Box<str>, clock: Clock, sender: mpsc::Sender<Update>, read: watch::Sender<bool>) {
    let Files { paths, allow_readable_secrets } = files;
    let settings = files::Settings {
        readable_secrets: readable(allow_readable_secrets),
        admission: Arc::new(move |object, document| admission::findings(&class, object, document)),
        ..files::Settings::default()
    };
    // A large folder takes a while to parse.
    let mut reading = tasks::blocking("read files", move || files::read(paths, settings)).await;
    for note in &reading.notes {
        tracing::info!(path = %note.path, line = note.line, text = note.text, "document was skipped");
    }
    for update in std::mem::take(&mut reading.updates) {
        if sender.send(update).await.is_err() {
            return;
        }
    }
    read.send_replace(true);
    reading.watcher(clock).run(sender).await;
}

/// How far the first reading of everything has come.
#[derive(Clone)]
pub(super) enum Listing {
    /// Whether all files were read.
    Files(watch::Receiver<bool>),
    /// What each watch has come to.
    Cluster(watch::Receiver<Progress>),
}

impl Listing {
    /// What has neither been read nor failed on record.
    pub(super) fn missing(&self) -> Vec<Arc<str>> {
        match self {
            Self::Files(read) if *read.borrow() => Vec::new(),
            Self::Files(_) => vec!["some file".into()],
            Self::Cluster(progress) => {
                let progress = progress.borrow();
                let silent = progress.scopes().filter(|(_, standing)| standing.is_none());
                silent.map(|(scope, _)| scope.to_string().into()).collect()
            }
        }
    }

    /// Waits for news; for ever, where there will be none.
    pub(super) async fn changed(&mut self) {
        let changed = match self {
            Self::Files(read) => read.changed().await,
            Self::Cluster(progress) => progress.changed().await,
        };
        if changed.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until everything has been read or has failed on record, and was sent.
    pub(super) fn finished(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // Where whoever reads has ended, there is nothing to wait for.
        match self.clone() {
            Self::Files(mut read) => Box::pin(async move {
                let _ = read.wait_for(|read| *read).await;
            }),
            Self::Cluster(mut progress) => Box::pin(async move {
                let _ = progress.wait_for(Progress::is_complete).await;
            }),
        }
    }
}
