//! Joins a model backend with its upstream, its credential and the policies of its own `auth`.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::HeaderValue;

use super::cells::{Cells, Held};
use super::known::Known;
use super::notes::{At, Notes, Problem};
use super::secrets::{self, Use};
use super::unit::{ModelDraft, ModelUnit};
use crate::api;
use crate::finding::{Code, Finding};
use crate::name::{Kind, ObjectKey};
use crate::resources::{Lookup, ReportKey};
use crate::secret::Secret;
use crate::snapshot::{Access, Backend, Upstream};

/// What clients of OpenAI's interface write before the path; the endpoint has its own.
const STRIP: &str = "/v1";

/// A compiled model backend.
#[derive(Debug)]
pub(super) struct ModelNode {
    pub(super) unit: ModelUnit,
    pub(super) held: Vec<Held>,
    pub(super) joined: Joined,
}

/// What a model backend and all that it names come to.
#[derive(Debug)]
pub(super) struct Joined {
    /// What rules use; if it is broken, its share is refused with the code.
    pub(super) target: Result<Arc<ModelTarget>, Code>,
    findings: Vec<Finding>,
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
    /// What is wrong with the object and with what it names.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.unit.findings.iter().chain(&self.joined.findings)
    }

    /// Takes the place of what was joined before, unless rules would not notice. Says whether they do.
    pub(super) fn rejoin(&mut self, mut joined: Joined) -> bool {
        let is_same = match (&self.joined.target, &joined.target) {
            (Ok(before), Ok(now)) => before.is_same(now),
            (Err(before), Err(now)) => before == now,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        if is_same {
            std::mem::swap(&mut self.joined.target, &mut joined.target);
        }
        self.joined = joined;
        !is_same
    }
}

/// Takes the upstream of a unit.
pub(super) fn hold(unit: &ModelUnit, cells: &mut Cells) -> Vec<Held> {
    let mut held = Vec::new();
    if let Ok(draft) = &unit.draft {
        cells.hold_url(&draft.url, &mut held);
    }
    held
}

/// Joins a unit, whose upstream is held, with what it names.
pub(super) fn join(unit: &ModelUnit, key: &ObjectKey, mut known: Known<'_>) -> (Joined, BTreeSet<Lookup>) {
    let mut notes = Notes::new(key.clone());
    let target = match &unit.draft {
        Ok(draft) => target(draft, &key.namespace, &mut known, &mut notes).map(Arc::new),
        Err(code) => Err(*code),
    };
    (Joined { target, findings: notes.into_findings(), named: known.named }, known.reading.into_log())
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
    let secret = secrets::member(&mut known.reading, namespace, reference, Use::Credentials, known.settings)?;
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
