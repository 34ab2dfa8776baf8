//! Joins a model backend with its upstream, its credential and the policies of its own `auth`.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::HeaderValue;

use super::cells::{Cells, Held};
use super::known::Known;
use super::notes::{At, Notes, Problem};
use super::secrets;
use super::unit::{ModelDraft, ModelUnit};
use crate::api;
use crate::finding::{Code, Finding};
use crate::name::{Kind, ObjectKey};
use crate::resources::ReportKey;
use crate::secret::Secret;
use crate::snapshot::{Access, Backend, Upstream};

/// What clients of OpenAI's interface write before the path; the endpoint has its own.
const STRIP: &str = "/v1";

/// A compiled model backend.
#[derive(Debug)]
pub(super) struct ModelNode {
    unit: ModelUnit,
    /// What rules use; if it is broken, its share is refused with the code.
    pub(super) target: Result<Arc<ModelTarget>, Code>,
    pub(super) held: Vec<Held>,
    pub(super) joined: Vec<Finding>,
    /// The policies and the Secret that it names.
    pub(super) named: BTreeSet<ObjectKey>,
}

/// A model backend that can be used.
#[derive(Debug)]
pub(super) struct ModelTarget {
    upstream: Arc<Upstream>,
    base: Box<str>,
    credential: Option<Arc<HeaderValue>>,
    access: Option<Arc<Access>>,
}

impl ModelTarget {
    pub(super) fn backend(&self) -> Backend {
        Backend::Upstream {
            upstream: Arc::clone(&self.upstream),
            strip: STRIP.into(),
            base: self.base.clone(),
            credential: self.credential.clone(),
            access: self.access.clone(),
        }
    }

    /// Whether this is what the same unit gave before.
    fn is_same(&self, other: &Self) -> bool {
        let policies = |target: &Self| match target.access.as_deref() {
            Some(Access::Tokens(rules)) => rules.iter().map(|rule| Arc::as_ptr(&rule.policy)).collect(),
            Some(Access::Anonymous) | None => Vec::new(),
        };
        Arc::ptr_eq(&self.upstream, &other.upstream)
            && self.credential == other.credential
            && policies(self) == policies(other)
    }
}

impl ModelNode {
    /// Takes the upstream of a unit; nothing else is looked up yet.
    pub(super) fn new(unit: ModelUnit, cells: &mut Cells) -> Self {
        let mut held = Vec::new();
        let target = match &unit.draft {
            Ok(draft) => {
                cells.hold_url(&draft.url, &mut held);
                Err(Code::KeysUnavailable)
            }
            Err(code) => Err(*code),
        };
        Self { unit, target, held, joined: Vec::new(), named: BTreeSet::new() }
    }

    /// What the object alone has wrong, and what it names.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.unit.findings.iter().chain(&self.joined)
    }

    /// Joins it with what it names. Says whether that gave another target than before.
    pub(super) fn join(&mut self, key: &ObjectKey, known: &mut Known<'_>) -> bool {
        let Ok(draft) = &self.unit.draft else { return false };
        let mut notes = Notes::new(key.clone());
        let target = target(draft, &key.namespace, known, &mut notes);
        self.joined = notes.into_findings();
        self.named = std::mem::take(&mut known.named);
        match (&self.target, &target) {
            (Ok(before), Ok(now)) if before.is_same(now) => return false,
            (Err(before), Err(now)) if before == now => return false,
            (Ok(_) | Err(_), Ok(_) | Err(_)) => {}
        }
        self.target = target.map(Arc::new);
        true
    }
}

fn target(
    draft: &ModelDraft,
    namespace: &Arc<str>,
    known: &mut Known<'_>,
    notes: &mut Notes,
) -> Result<ModelTarget, Code> {
    let at = At::spec();
    if let Some(name) = draft.url.origin.dns_name() {
        let report = known.reading.report(ReportKey::Name(name));
        notes.report(report, &at.field("endpoint"));
    }
    let access = match &draft.access {
        Some(access) => known.access(access, &at.field("auth"), notes).map(|access| Some(Arc::new(access))),
        None => Ok(None),
    };
    let credential = match &draft.credential {
        Some(reference) => credential(reference, namespace, known)
            .map(Some)
            .map_err(|problem| notes.error(&at.field("credentials").field("secretRef"), problem)),
        None => Ok(None),
    };
    // It was taken when the unit was.
    let upstream = known.cells.url(&draft.url).map(Arc::clone).ok_or(Code::BackendNotFound);
    Ok(ModelTarget { upstream: upstream?, base: draft.url.base.clone(), credential: credential?, access: access? })
}

/// The provider's key, as it is sent.
fn credential(
    reference: &api::SecretKeyRef,
    namespace: &Arc<str>,
    known: &mut Known<'_>,
) -> Result<Arc<HeaderValue>, Problem> {
    known.named.insert(ObjectKey::new(Kind::Secret, Arc::clone(namespace), reference.name.as_str()));
    let secret = secrets::member(&mut known.reading, namespace, reference, known.settings)?;
    bearer(secret).ok_or_else(|| {
        let cause =
            format!("member {} of the Secret {} is empty or no text for a header", reference.key, reference.name);
        Problem::new(Code::InvalidSecret, cause, "Put the provider's key into it, and nothing else.")
    })
}

fn bearer(secret: &Secret) -> Option<Arc<HeaderValue>> {
    // Files end with a line feed.
    let key = secret.expose().trim_ascii();
    if key.is_empty() || !key.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", key].concat()).ok()?;
    value.set_sensitive(true);
    Some(Arc::new(value))
}
