//! Joins a policy with the cells of its keys, once for all the rules that name it, and fills those cells that Secrets
//! fill. New keys change a cell and no rule.

mod issuer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::HeaderName;

use super::Settings;
use super::cells::{self, ApiKeyCell, Cells, ClientSecretCell, Held, IssuerCells, SecretKeys, Selection};
use super::issuers::{Endpoints, Standing};
use super::notes::{At, Notes, Problem};
use super::retired::Retired;
use super::secrets::{self, Use};
use super::unit::{EntryDraft, IssuerClaim, KeysDraft, PolicyDraft, PolicyUnit, TakesDraft, skipped_key};
use crate::api;
use crate::finding::{Code, Finding};
use crate::jose::{Algorithm, ApiKeyRecord, ApiKeySet, KeySet};
use crate::name::{Kind, ObjectKey};
use crate::resources::{KeySource, Object, Reading, ReportKey, SigningKeyState};
use crate::rotation::Plan;
use crate::secret::Secret;
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, ApiKeyEntry, ApiKeyPlace, AsOf, Entry, Format, Issuer, JwtEntry, KeyCell, Policy,
    Takes,
};
use issuer::IssuerNode;

/// A compiled policy.
#[derive(Debug)]
pub(super) struct PolicyNode {
    /// What rules use; if the policy is broken, they refuse with the code.
    pub(super) policy: Result<Arc<Policy>, Code>,
    pub(super) identity_headers: Vec<HeaderName>,
    pub(super) held: Vec<Held>,
    /// What the object alone has wrong.
    pub(super) findings: Vec<Finding>,
    /// What it claims as an issuer, be the rest of it broken.
    pub(super) claim: Option<Box<IssuerClaim>>,
    issuer: Option<IssuerNode>,
    uid: Box<str>,
    fills: Vec<Fill>,
    pub(super) filled: Filled,
}

/// What the Secrets and sources of a policy say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) findings: Vec<Finding>,
    /// The Secrets that its `accept` names.
    pub(super) named: BTreeSet<ObjectKey>,
    /// The Secrets that no route's verdict depends on: those with its API keys, and all that `issue` names.
    pub(super) chosen: BTreeSet<ObjectKey>,
    /// The policy is the issuer that it says it is.
    pub(super) is_issuer: bool,
    /// It claims an issuer that nobody else is, and cannot be it: why.
    pub(super) refused: Option<Code>,
    /// For whoever rotates its keys.
    pub(super) plan: Option<Arc<Plan>>,
    /// Its keys.
    pub(super) keys: Vec<SigningKeyState>,
}

/// What fills the keys of one entry or client.
#[derive(Debug)]
struct Fill {
    place: Place,
    by: FilledBy,
}

/// Where in the spec.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// `accept`.
    Accept(usize),
    /// `issue.subjects`.
    Subject(usize),
    /// `issue.clients`.
    Client(usize),
}

#[derive(Debug)]
enum FilledBy {
    Source(KeySource),
    Secret { secret: api::SecretKeyRef, hmac: Option<Algorithm>, cell: Arc<KeyCell> },
    ApiKeys { selector: BTreeMap<String, String>, cell: ApiKeyCell },
    ClientSecret { secret: Arc<str>, cell: ClientSecretCell },
}

impl PolicyNode {
    /// Joins a policy with its cells; those of Secrets are not filled yet.
    pub(super) fn join(unit: PolicyUnit, key: &ObjectKey, cells: &mut Cells) -> Self {
        let mut join = Join { namespace: &key.namespace, cells, held: Vec::new(), fills: Vec::new() };
        let PolicyUnit { draft, identity_headers, findings, claim, uid } = unit;
        let (policy, issuer) = match draft.map(|draft| join.policy(draft, key)) {
            Ok((policy, issuer)) => (Ok(Arc::new(policy)), issuer),
            Err(code) => (Err(code), None),
        };
        let Join { held, fills, .. } = join;
        let filled = Filled::default();
        Self { policy, identity_headers, held, findings, claim, issuer, uid, fills, filled }
    }

    /// Fills the cells from the Secrets of now, and says what is wrong with them.
    pub(super) fn fill(
        &mut self,
        key: &ObjectKey,
        reading: &mut Reading<'_>,
        settings: &Settings,
        retired: &mut Retired,
        standing: &Standing,
    ) {
        let mut filling = Filling {
            namespace: &key.namespace,
            reading,
            settings,
            retired,
            notes: Notes::new(key.clone()),
            named: BTreeSet::new(),
            chosen: BTreeSet::new(),
            is_issuer: false,
            plan: None,
            keys: Vec::new(),
        };
        for fill in &self.fills {
            filling.fill(fill);
        }
        if let Some(issuer) = &self.issuer {
            filling.issuer(issuer, key, &self.uid, standing);
        }
        let Filling { notes, named, chosen, is_issuer, plan, keys, .. } = filling;
        let refused = match (standing, &self.policy) {
            (Standing::Issuer, Err(code)) => Some(*code),
            (Standing::SameSecret(_), _) => Some(Code::DuplicateIssuer),
            // It is the issuer; or at the place of its endpoints is somebody else, or who owns the host.
            (Standing::Issuer, Ok(_)) | (Standing::HostLost(..) | Standing::SameIssuer(_), _) => None,
        };
        self.filled = Filled { findings: notes.into_findings(), named, chosen, is_issuer, refused, plan, keys };
    }

    /// The issuer that it is, with the plan for its keys.
    pub(super) fn issuer(&self) -> Option<(&Arc<Issuer>, Option<&Arc<Plan>>)> {
        let node = self.issuer.as_ref().filter(|_| self.filled.is_issuer)?;
        Some((&node.issuer, self.filled.plan.as_ref()))
    }

    /// What is at the endpoints that it claims, if it is for it to say.
    pub(super) fn endpoints(&self) -> Option<Endpoints> {
        if let Some((issuer, _)) = self.issuer() {
            return Some(Endpoints::Served(Arc::clone(issuer)));
        }
        let (claim, code) = (self.claim.as_ref()?, self.filled.refused?);
        Some(Endpoints::Refused { host: Arc::clone(&claim.host), path: claim.path.clone(), code })
    }
}

struct Join<'a> {
    namespace: &'a Arc<str>,
    cells: &'a mut Cells,
    held: Vec<Held>,
    fills: Vec<Fill>,
}

impl Join<'_> {
    fn policy(&mut self, draft: PolicyDraft, key: &ObjectKey) -> (Policy, Option<IssuerNode>) {
        let PolicyDraft { name, entries, forwarding, identity, challenges, issue } = draft;
        let cells = issue.as_ref().map(|issue| self.issuer_cells(key, &issue.keys));
        let entries = entries.into_iter().enumerate();
        let entries = entries.map(|(index, entry)| self.entry(&name, Place::Accept(index), entry, cells.as_ref()));
        let entries: Box<[Entry]> = entries.collect();
        let issuer = issue.zip(cells).map(|(issue, cells)| self.issuer(&name, *issue, cells));
        let places = entries.iter().flat_map(|entry| match &entry.takes {
            Takes::ApiKeys(keys) => &*keys.places,
            Takes::Jwt(_) => &[],
        });
        let places: BTreeSet<ApiKeyPlace> = places.copied().filter(|place| *place != ApiKeyPlace::Bearer).collect();
        let key_places = places.into_iter().collect();
        (Policy { name, entries, key_places, forwarding, identity, challenges }, issuer)
    }

    fn entry(&mut self, policy: &str, place: Place, draft: EntryDraft, own: Option<&IssuerCells>) -> Entry {
        let EntryDraft { label, takes } = draft;
        let takes = match takes {
            TakesDraft::Jwt { expectation, keys } => {
                let keys = self.keys(place, keys);
                Takes::Jwt(JwtEntry { expectation: *expectation, keys, issued: None, format: Format::Jwt })
            }
            TakesDraft::ApiKeys { selector, places } => {
                let selection = Selection { namespace: Arc::clone(self.namespace), labels: selector.clone() };
                let keys = self.cells.hold_api_keys(&selection, &mut self.held);
                let by = FilledBy::ApiKeys { selector, cell: Arc::clone(&keys) };
                self.fill_by(place, by);
                Takes::ApiKeys(ApiKeyEntry { keys, places })
            }
            TakesDraft::Issued { expectation, format } => {
                // There is no such entry without `issue`; were there one, nobody would get past it.
                let keys = own.map_or_else(cells::unavailable, |own| Arc::clone(&own.accepted));
                let issued = own.map(|own| Arc::clone(&own.keys));
                Takes::Jwt(JwtEntry { expectation: *expectation, keys, issued, format })
            }
        };
        Entry { name: format!("{policy}/{label}").into(), label, takes }
    }

    fn fill_by(&mut self, place: Place, by: FilledBy) {
        self.fills.push(Fill { place, by });
    }

    fn keys(&mut self, place: Place, draft: KeysDraft) -> Arc<KeyCell> {
        match draft {
            KeysDraft::Inline(text) => self.cells.hold_inline(&text, &mut self.held),
            KeysDraft::Source(source) => {
                let cell = self.cells.hold_source(&source, &mut self.held);
                self.fill_by(place, FilledBy::Source(source));
                cell
            }
            KeysDraft::Secret { secret, hmac } => {
                let key = ObjectKey::new(Kind::Secret, Arc::clone(self.namespace), secret.name.as_str());
                let keys = SecretKeys { secret: key, member: secret.key.as_str().into(), hmac };
                let cell = self.cells.hold_secret_keys(&keys, &mut self.held);
                self.fill_by(place, FilledBy::Secret { secret, hmac, cell: Arc::clone(&cell) });
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
    is_issuer: bool,
    plan: Option<Arc<Plan>>,
    keys: Vec<SigningKeyState>,
}

impl Filling<'_, '_> {
    fn fill(&mut self, fill: &Fill) {
        let spec = At::spec();
        let issue = spec.field("issue");
        match fill.place {
            Place::Accept(index) => self.fill_at(fill, &spec.field("accept").index(index)),
            Place::Subject(index) => self.fill_at(fill, &issue.field("subjects").index(index)),
            Place::Client(index) => self.fill_at(fill, &issue.field("clients").index(index)),
        }
    }

    fn fill_at(&mut self, fill: &Fill, at: &At<'_>) {
        let jwt = at.field("jwt");
        let keys = match fill.place {
            Place::Accept(_) | Place::Subject(_) => jwt.field("keys"),
            Place::Client(_) => at.field("keys"),
        };
        match &fill.by {
            FilledBy::Source(source) => {
                let report = self.reading.report(ReportKey::Keys(source.clone()));
                self.notes.report(report, &keys);
            }
            FilledBy::Secret { secret, hmac, cell } => {
                self.note_secret(fill.place, &secret.name);
                self.secret(secret, *hmac, cell, &keys.field("secretRef"));
            }
            FilledBy::ApiKeys { selector, cell } => {
                self.api_keys(selector, cell, &at.field("apiKeys").field("selector"));
            }
            FilledBy::ClientSecret { secret, cell } => {
                self.note_secret(fill.place, secret);
                self.client_secret(secret, cell, &at.field("secretRef"));
            }
        }
    }

    /// Notes that the policy depends on a Secret, and whether routes do.
    fn note_secret(&mut self, place: Place, name: &str) {
        let key = ObjectKey::new(Kind::Secret, Arc::clone(self.namespace), name);
        match place {
            Place::Accept(_) => self.named.insert(key),
            Place::Subject(_) | Place::Client(_) => self.chosen.insert(key),
        };
    }

    fn secret(&mut self, secret: &api::SecretKeyRef, hmac: Option<Algorithm>, cell: &KeyCell, at: &At<'_>) {
        let found = secrets::member(self.reading, self.namespace, secret, Use::Credentials, self.settings);
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
