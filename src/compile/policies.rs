//! Joins a policy with the cells of its keys, once for all the rules that name it, and fills those cells that Secrets
//! fill. New keys change a cell and no rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::HeaderName;

use super::Settings;
use super::cells::{ApiKeyCell, Cells, Held, SecretKeys, Selection};
use super::notes::{At, Notes, Problem};
use super::retired::Retired;
use super::secrets::{self, Use};
use super::unit::{EntryDraft, KeysDraft, PolicyDraft, PolicyUnit, TakesDraft, skipped_key};
use crate::api;
use crate::finding::{Code, Finding};
use crate::jose::{Algorithm, ApiKeyRecord, ApiKeySet, KeySet};
use crate::name::{Kind, ObjectKey};
use crate::resources::{KeySource, Object, Reading, ReportKey};
use crate::secret::Secret;
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, ApiKeyEntry, ApiKeyPlace, AsOf, Entry, Format, JwtEntry, KeyCell, Policy, Takes,
};

/// A compiled policy.
#[derive(Debug)]
pub(super) struct PolicyNode {
    /// What rules use; if the policy is broken, they refuse with the code.
    pub(super) policy: Result<Arc<Policy>, Code>,
    pub(super) identity_headers: Vec<HeaderName>,
    pub(super) held: Vec<Held>,
    /// What the object alone has wrong.
    pub(super) findings: Vec<Finding>,
    fills: Vec<Fill>,
    pub(super) filled: Filled,
}

/// What the Secrets and sources of a policy say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) findings: Vec<Finding>,
    /// The Secrets that the policy names.
    pub(super) named: BTreeSet<ObjectKey>,
    /// The Secrets that hold its API keys.
    pub(super) chosen: BTreeSet<ObjectKey>,
}

/// What fills the keys of one entry.
#[derive(Debug)]
struct Fill {
    /// The place of the entry in `spec.accept`.
    entry: usize,
    by: FilledBy,
}

#[derive(Debug)]
enum FilledBy {
    Source(KeySource),
    Secret { secret: api::SecretKeyRef, hmac: Option<Algorithm>, cell: Arc<KeyCell> },
    ApiKeys { selector: BTreeMap<String, String>, cell: ApiKeyCell },
}

impl PolicyNode {
    /// Joins a policy with its cells; those of Secrets are not filled yet.
    pub(super) fn join(unit: PolicyUnit, key: &ObjectKey, cells: &mut Cells) -> Self {
        let mut join = Join { namespace: &key.namespace, cells, held: Vec::new(), fills: Vec::new() };
        let policy = unit.draft.map(|draft| Arc::new(join.policy(draft)));
        let Join { held, fills, .. } = join;
        let PolicyUnit { identity_headers, findings, .. } = unit;
        Self { policy, identity_headers, held, findings, fills, filled: Filled::default() }
    }

    /// Fills the cells from the Secrets of now, and says what is wrong with them.
    pub(super) fn fill(
        &mut self,
        key: &ObjectKey,
        reading: &mut Reading<'_>,
        settings: &Settings,
        retired: &mut Retired,
    ) {
        let mut filling = Filling {
            namespace: &key.namespace,
            reading,
            settings,
            retired,
            notes: Notes::new(key.clone()),
            named: BTreeSet::new(),
            chosen: BTreeSet::new(),
        };
        for fill in &self.fills {
            filling.fill(fill);
        }
        let Filling { notes, named, chosen, .. } = filling;
        self.filled = Filled { findings: notes.into_findings(), named, chosen };
    }
}

struct Join<'a> {
    namespace: &'a Arc<str>,
    cells: &'a mut Cells,
    held: Vec<Held>,
    fills: Vec<Fill>,
}

impl Join<'_> {
    fn policy(&mut self, draft: PolicyDraft) -> Policy {
        let PolicyDraft { name, entries, forwarding, identity, challenges } = draft;
        let entries = entries.into_iter().enumerate().map(|(index, entry)| self.entry(&name, index, entry));
        let entries: Box<[Entry]> = entries.collect();
        let places = entries.iter().flat_map(|entry| match &entry.takes {
            Takes::ApiKeys(keys) => &*keys.places,
            Takes::Jwt(_) => &[],
        });
        let places: BTreeSet<ApiKeyPlace> = places.copied().filter(|place| *place != ApiKeyPlace::Bearer).collect();
        Policy { name, entries, key_places: places.into_iter().collect(), forwarding, identity, challenges }
    }

    fn entry(&mut self, policy: &str, index: usize, draft: EntryDraft) -> Entry {
        let EntryDraft { label, takes } = draft;
        let takes = match takes {
            TakesDraft::Jwt { expectation, keys } => {
                let keys = self.keys(index, keys);
                Takes::Jwt(JwtEntry { expectation: *expectation, keys, issued: None, format: Format::Jwt })
            }
            TakesDraft::ApiKeys { selector, places } => {
                let selection = Selection { namespace: Arc::clone(self.namespace), labels: selector.clone() };
                let keys = self.cells.hold_api_keys(&selection, &mut self.held);
                let by = FilledBy::ApiKeys { selector, cell: Arc::clone(&keys) };
                self.fills.push(Fill { entry: index, by });
                Takes::ApiKeys(ApiKeyEntry { keys, places })
            }
        };
        Entry { name: format!("{policy}/{label}").into(), label, takes }
    }

    fn keys(&mut self, entry: usize, draft: KeysDraft) -> Arc<KeyCell> {
        match draft {
            KeysDraft::Inline(text) => self.cells.hold_inline(&text, &mut self.held),
            KeysDraft::Source(source) => {
                let cell = self.cells.hold_source(&source, &mut self.held);
                self.fills.push(Fill { entry, by: FilledBy::Source(source) });
                cell
            }
            KeysDraft::Secret { secret, hmac } => {
                let key = ObjectKey::new(Kind::Secret, Arc::clone(self.namespace), secret.name.as_str());
                let keys = SecretKeys { secret: key, member: secret.key.as_str().into(), hmac };
                let cell = self.cells.hold_secret_keys(&keys, &mut self.held);
                self.fills.push(Fill { entry, by: FilledBy::Secret { secret, hmac, cell: Arc::clone(&cell) } });
                cell
            }
        }
    }
}

struct Filling<'a, 'r> {
    namespace: &'a Arc<str>,
    reading: &'a mut Reading<'r>,
    settings: &'a Settings,
    retired: &'a mut Retired,
    notes: Notes,
    named: BTreeSet<ObjectKey>,
    chosen: BTreeSet<ObjectKey>,
}

impl Filling<'_, '_> {
    fn fill(&mut self, fill: &Fill) {
        let accept = At::spec();
        let accept = accept.field("accept");
        let entry = accept.index(fill.entry);
        match &fill.by {
            FilledBy::Source(source) => {
                let report = self.reading.report(ReportKey::Keys(source.clone()));
                self.notes.report(report, &entry.field("jwt").field("keys"));
            }
            FilledBy::Secret { secret, hmac, cell } => {
                let jwt = entry.field("jwt");
                let keys = jwt.field("keys");
                self.secret(secret, *hmac, cell, &keys.field("secretRef"));
            }
            FilledBy::ApiKeys { selector, cell } => {
                let keys = entry.field("apiKeys");
                self.api_keys(selector, cell, &keys.field("selector"));
            }
        }
    }

    fn secret(&mut self, secret: &api::SecretKeyRef, hmac: Option<Algorithm>, cell: &KeyCell, at: &At<'_>) {
        let key = ObjectKey::new(Kind::Secret, Arc::clone(self.namespace), secret.name.as_str());
        self.named.insert(key);
        let found = secrets::member(self.reading, self.namespace, secret, self.settings);
        let keys = match found.and_then(|bytes| self.key_set(bytes, hmac, at)) {
            Ok(set) => AcceptedKeys::Known { set, as_of: AsOf::Always },
            Err(problem) => AcceptedKeys::Unavailable { code: self.notes.error(at, problem), retry: None },
        };
        if !is_same(&cell.load(), &keys) {
            cell.store(keys);
        }
    }

    fn key_set(&mut self, bytes: &Secret, hmac: Option<Algorithm>, at: &At<'_>) -> Result<KeySet, Problem> {
        if let Some(algorithm) = hmac {
            return KeySet::hmac(bytes, algorithm).map_err(|error| Problem::plain(Code::WeakKey, error.to_string()));
        }
        let (set, skipped) = KeySet::parse(bytes.expose()).map_err(|error| {
            Problem::new(Code::InvalidKeySet, error.to_string(), "Correct the key set in the Secret.")
        })?;
        for key in &skipped {
            self.notes.warning(at, skipped_key(key));
        }
        if set.is_empty() && !skipped.is_empty() {
            let cause = "none of the keys in the Secret can be used";
            return Err(Problem::new(Code::InvalidKeySet, cause, "Put public keys into it that can be."));
        }
        Ok(set)
    }

    fn api_keys(&mut self, selector: &BTreeMap<String, String>, cell: &ApiKeyCell, at: &At<'_>) {
        if let Some(problem) = secrets::not_granted(self.reading, self.namespace, self.settings) {
            let code = self.notes.error(at, problem);
            self.retired.keys(cell.swap(Arc::new(AcceptedApiKeys::Unavailable(code))));
            return;
        }
        let offered = self.reading.namespace(Kind::Secret, self.namespace).filter(|object| Use::ApiKey.is_of(object));
        let mut owners: BTreeMap<Arc<str>, Vec<&str>> = BTreeMap::new();
        let mut records = Vec::new();
        let mut is_empty = true;
        for object in offered {
            let record = record(object);
            let is_chosen = is_chosen(object, selector);
            if is_chosen {
                is_empty = false;
                self.chosen.insert(object.key().clone());
            }
            match record {
                Ok(record) => {
                    owners.entry(Arc::clone(record.id())).or_default().push(&object.key().name);
                    if is_chosen {
                        records.push(record);
                    }
                }
                Err(problem) if is_chosen => {
                    self.notes.error(at, problem);
                }
                Err(_) => {}
            }
        }
        if is_empty {
            let cause = "no Secret of this namespace is offered as an API key and has these labels";
            let cure = "Create one with bearward keys generate, or correct the labels.";
            self.notes.warning(at, Problem::new(Code::SecretNotFound, cause, cure));
        }
        // Whose key an id is must not depend on who looks: it is refused whichever policy chooses one of its Secrets.
        let is_unique = |id: &Arc<str>| owners.get(id).is_none_or(|owners| owners.len() == 1);
        let (unique, repeated): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| is_unique(record.id()));
        let repeated: BTreeSet<Arc<str>> = repeated.iter().map(|record| Arc::clone(record.id())).collect();
        for id in repeated {
            let secrets = owners.get(&id).map(|owners| owners.join(", ")).unwrap_or_default();
            let cause = format!("the Secrets {secrets} have keys of the same id {id}; all of them are refused");
            self.notes.error(at, Problem::plain(Code::DuplicateKeyId, cause));
        }
        let (set, _) = ApiKeySet::new(unique);
        self.retired.keys(cell.swap(Arc::new(AcceptedApiKeys::Known(set))));
    }
}

fn is_chosen(object: &Object, selector: &BTreeMap<String, String>) -> bool {
    let labels = &object.meta.labels;
    selector.iter().all(|(name, value)| labels.get(name.as_str()).is_some_and(|label| **label == **value))
}

fn record(object: &Object) -> Result<ApiKeyRecord, Problem> {
    /// The type of a Secret that holds an API key.
    const TYPE: &str = "bearward.dev/api-key";
    let secret = secrets::decoded(object)?;
    let name = &object.key().name;
    if secret.kind != TYPE {
        let cause = format!("the Secret {name} is of another type than {TYPE}");
        return Err(Problem::new(Code::InvalidSecret, cause, format!("Create it anew with type: {TYPE}.")));
    }
    let data = secret.data.iter().map(|(member, bytes)| (member.as_str(), bytes.expose()));
    let labels = object.meta.labels.iter().map(|(label, value)| (&**label, &**value));
    ApiKeyRecord::parse(data, labels)
        .map_err(|error| Problem::plain(Code::InvalidSecret, format!("the Secret {name} holds no API key: {error}")))
}

/// Whether nobody would notice if the one were replaced by the other.
fn is_same(one: &AcceptedKeys, other: &AcceptedKeys) -> bool {
    match (one, other) {
        (AcceptedKeys::Known { set, as_of }, AcceptedKeys::Known { set: other, as_of: as_of_other }) => {
            set.content_hash() == other.content_hash() && as_of == as_of_other
        }
        (AcceptedKeys::Unavailable { code, retry }, AcceptedKeys::Unavailable { code: other, retry: retry_other }) => {
            code == other && retry == retry_other
        }
        (AcceptedKeys::Known { .. }, AcceptedKeys::Unavailable { .. })
        | (AcceptedKeys::Unavailable { .. }, AcceptedKeys::Known { .. }) => false,
    }
}
