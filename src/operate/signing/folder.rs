//! Rings in files of one folder, for a gateway without a cluster: the same Secrets, as manifests.
//!
//! A file is of mode 0600, is written whole beside its place, and renamed. One process has the folder at a time, by a lock
//! that ends with the process and its last write, which may be one that nobody waits for any more. Whoever writes names
//! the content that he read, so that an edit by hand is not lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use super::keep::{Found, Keep, KeepError};
use super::{TYPE, USE};
use crate::api::core;
use crate::rotation::Plan;
use crate::rotation::{Keyring, Ring, Wishes};
use crate::sources::kube::USE_LABEL;
use crate::tasks;

/// A longer file is not read.
const LONGEST: u64 = 1 << 20;

/// A folder with rings.
#[derive(Clone)]
pub struct Folder {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    /// Locked for as long as the process has the folder, and here by whoever writes a ring: two writes of a file at a time
    /// would share what is written beside it.
    lock: Mutex<File>,
}

/// Why a folder cannot be used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// It is not there and cannot be made, or cannot be read.
    #[error("the folder {} cannot be used: {source}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the folder {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Its content is as secret as what it holds.
    #[error("the folder {} can be read by others than its owner; chmod 700 it", .0.display())]
    Readable(PathBuf),
}

impl Folder {
    /// Takes a folder, and makes it if it is not there.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable { path: path.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        if fs::metadata(path).map_err(unusable)?.permissions().mode() & 0o077 != 0 {
            return Err(FolderError::Readable(path.to_owned()));
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join(".lock"));
        let lock = lock.map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { inner: Arc::new(Inner { path: path.to_owned(), lock: Mutex::new(lock) }) }),
            Err(fs::TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// The ring in the text of a file, if there is one.
    #[cfg(test)]
    pub(super) fn ring_of(text: &[u8]) -> Option<Ring> {
        let secret = serde_json::from_slice::<core::Secret>(text).ok()?;
        Keyring::read(&secret.data).ok().map(|keyring| keyring.ring().clone())
    }

    /// Writes alone, on a thread that may block. Until that ends the folder is in use, whoever still waits for it.
    async fn write<T: Send + 'static>(&self, name: &'static str, work: impl FnOnce() -> T + Send + 'static) -> T {
        let inner = Arc::clone(&self.inner);
        tasks::blocking(name, move || {
            let _alone = inner.lock.lock().unwrap_or_else(PoisonError::into_inner);
            work()
        })
        .await
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The file of an issuer's ring.
    pub(in crate::operate) fn file_of(&self, plan: &Plan) -> PathBuf {
        let (namespace, name) = (&plan.secret.namespace, &plan.secret.name);
        self.inner.path.join(format!("{namespace}.{name}.json"))
    }

    /// Where its last ring is remembered.
    fn memory_of(&self, plan: &Plan) -> PathBuf {
        let (namespace, name) = (&plan.secret.namespace, &plan.secret.name);
        self.inner.path.join(format!("{namespace}.{name}.last"))
    }
}

/// The content of a file, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::operate) struct Content([u8; 32]);

impl Content {
    fn of(bytes: &[u8]) -> Self {
        Self(digest(&SHA256, bytes).as_ref().first_chunk().copied().unwrap_or_default())
    }
}

impl Keep for Folder {
    type Version = Content;

    async fn load(&self, plan: &Plan) -> Result<Found<Content>, KeepError> {
        let path = self.file_of(plan);
        let name = path.display().to_string();
        let read = tasks::blocking("read ring", move || read_own(&path)).await;
        let bytes = match read {
            Ok(None) => return Ok(Found::Nothing),
            Ok(Some(bytes)) => bytes,
            Err(Unreadable::ByOthers) => {
                return Err(KeepError::Forbidden(format!("{name} can be read by others than its owner; chmod 600 it")));
            }
            Err(Unreadable::Failed(error)) => return Err(KeepError::Failed(format!("{name}: {error}"))),
        };
        // The error would quote what it stumbled over.
        let Ok(secret) = serde_json::from_slice::<core::Secret>(&bytes) else {
            return Ok(Found::Broken(format!("{name} is no Secret as JSON")));
        };
        if secret.kind != TYPE {
            return Ok(Found::Foreign(format!("{name} is of type {:?}, expected {TYPE:?}", secret.kind)));
        }
        Ok(match Keyring::read(&secret.data) {
            Ok(keyring) => Found::Ours(Box::new(keyring), Content::of(&bytes)),
            Err(error) => Found::Broken(format!("{name} holds no ring of keys: {error}")),
        })
    }

    async fn save(&self, plan: &Plan, keyring: &Keyring, over: Option<Content>) -> Result<(), KeepError> {
        let path = self.file_of(plan);
        let text = manifest(plan, keyring);
        self.write("write ring", move || {
            let found = read(&path).map_err(|error| failed(&path, &error))?;
            if found.as_deref().map(|bytes| Content::of(bytes)) != over {
                return Err(KeepError::Conflict);
            }
            replace(&path, &text).map_err(|error| failed(&path, &error))
        })
        .await
    }

    async fn last(&self, plan: &Plan) -> Result<Option<Ring>, KeepError> {
        let path = self.memory_of(plan);
        let bytes =
            tasks::blocking("read last ring", move || read(&path).map_err(|error| failed(&path, &error))).await?;
        Ok(bytes.and_then(|bytes| Ring::parse(&bytes).ok()))
    }

    /// What the policy asks for, or else what `bearward keys` has written; what cannot be read asks for nothing.
    async fn wishes(&self, plan: &Plan) -> Wishes {
        let path = wishes_file(&self.inner.path, &plan.policy.namespace, &plan.policy.name);
        let text = tasks::blocking("read wishes", move || read(&path)).await;
        let asked =
            text.ok().flatten().and_then(|text| Asked::parse(&text)).map(Asked::into_wishes).unwrap_or_default();
        let Wishes { rotate, mut despite, mut compromised } = plan.wishes.clone();
        despite.extend(asked.despite);
        compromised.extend(asked.compromised);
        // Whichever of the two is new makes another word.
        let rotate = match (rotate, asked.rotate) {
            (Some(planned), Some(asked)) => Some(format!("{asked} {planned}").into()),
            (planned, asked) => asked.or(planned),
        };
        Wishes { rotate, despite, compromised }
    }

    fn place(&self, plan: &Plan) -> String {
        self.file_of(plan).display().to_string()
    }

    async fn remember(&self, plan: &Plan, ring: &Ring) -> Result<Option<Ring>, KeepError> {
        let known = self.last(plan).await?;
        if let Some(later) = known.filter(|known| known.issuer == ring.issuer && known.changes > ring.changes) {
            return Ok(Some(later));
        }
        let path = self.memory_of(plan);
        let text = ring.to_json();
        let write = move || replace(&path, text.as_bytes()).map_err(|error| failed(&path, &error));
        self.write("write last ring", write).await.map(|()| None)
    }
}

/// What `bearward keys` writes for a gateway without a cluster: the annotations of the policy that it would set in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked(pub(super) Map<String, Value>);

/// The file with what is asked for of a policy's keys.
fn wishes_file(folder: &Path, namespace: &str, policy: &str) -> PathBuf {
    folder.join(format!("{namespace}.{policy}.wishes"))
}

impl Asked {
    /// Reads what was written.
    fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }

    /// What was written for a policy of this folder; empty where nothing was.
    pub(super) fn read(folder: &Path, namespace: &str, policy: &str) -> io::Result<Self> {
        let bytes = read(&wishes_file(folder, namespace, policy))?;
        Ok(bytes.and_then(|bytes| Self::parse(&bytes)).unwrap_or_default())
    }

    fn into_wishes(self) -> Wishes {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str);
        Wishes::read(text)
    }

    /// Writes it where the gateway of this folder finds it.
    pub(super) fn write(&self, folder: &Path, namespace: &str, policy: &str) -> io::Result<()> {
        replace(&wishes_file(folder, namespace, policy), Value::Object(self.0.clone()).to_string().as_bytes())
    }
}

fn failed(path: &Path, error: &io::Error) -> KeepError {
    KeepError::Failed(format!("{}: {error}", path.display()))
}

/// The Secret as kubectl would take it.
fn manifest(plan: &Plan, keyring: &Keyring) -> Zeroizing<Vec<u8>> {
    let mut data = Map::new();
    for (member, mut bytes) in keyring.write() {
        data.insert(member, BASE64_STANDARD.encode(&bytes).into());
        bytes.zeroize();
    }
    let mut document = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": &*plan.secret.name,
            "namespace": &*plan.secret.namespace,
            "labels": {USE_LABEL: USE},
        },
        "type": TYPE,
        "data": data,
    });
    let text = Zeroizing::new(document.to_string().into_bytes());
    for value in document.get_mut("data").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Value::String(text) = value {
            text.zeroize();
        }
    }
    text
}

enum Unreadable {
    ByOthers,
    Failed(io::Error),
}

/// The content of a file that only its owner can read; `None`: there is no file.
fn read_own(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Err(Unreadable::ByOthers),
        Ok(_) => read(path).map_err(Unreadable::Failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Unreadable::Failed(error)),
    }
}

/// The content of a file; `None`: there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > LONGEST => Err(io::Error::other("it is longer than 1 MiB")),
        Ok(_) => fs::read(path).map(|bytes| Some(Zeroizing::new(bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file whole: whoever opens it, and whoever looks after a crash, finds the old content or the new one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.new"));
    // One that was left by a crash may be of another mode.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}
