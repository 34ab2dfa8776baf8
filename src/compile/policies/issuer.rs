//! Joins what a policy issues with its cells, and fills those from Secrets: the keys that sign, and what clients are known
//! by.

use std::sync::Arc;

use super::{FilledBy, Filling, Join, Place, is_same};
use crate::api;
use crate::compile::cells::{ClientSecretCell, IssuerCells, IssuerSource};
use crate::compile::issuers::Standing;
use crate::compile::notes::{At, Problem};
use crate::compile::secrets::{self, Use};
use crate::compile::signing::{self, Read};
use crate::compile::unit::{ClientDraft, EntryDraft, IssueDraft, KnownBy, SigningDraft, SubjectDraft, TakesDraft};
use crate::finding::Code;
use crate::jose::ClientSecretRecord;
use crate::name::{Kind, ObjectKey};
use crate::resources::ReportKey;
use crate::rotation::{Plan, Wishes};
use crate::secret::Secret;
use crate::snapshot::{AcceptedKeys, AsOf, Authentication, Client, ClientSecrets, Issuer, KeyCell, Subject};

/// The type of a Secret with the secrets of a client.
const CLIENT_SECRET: &str = "bearward.dev/client-secret";

/// What a policy issues, joined with its cells.
#[derive(Debug)]
pub(in crate::compile) struct IssuerNode {
    pub(in crate::compile) issuer: Arc<Issuer>,
    cells: IssuerCells,
    keys: SigningDraft,
}

impl Join<'_> {
    /// Holds the cells of what `policy` signs with.
    pub(super) fn issuer_cells(&mut self, policy: &ObjectKey, keys: &SigningDraft) -> IssuerCells {
        let secrets = match keys {
            SigningDraft::Ring { secret, .. } => [(Arc::clone(secret), None)].into(),
            SigningDraft::Own { keys, .. } => {
                keys.iter().map(|key| (key.name.as_str().into(), Some(key.key.as_str().into()))).collect()
            }
        };
        self.cells.hold_issuer(&IssuerSource { policy: policy.clone(), secrets }, &mut self.held)
    }

    pub(super) fn issuer(&mut self, name: &Arc<str>, draft: IssueDraft, cells: IssuerCells) -> IssuerNode {
        let IssueDraft { url, place, audiences, lifetime, format, dpop, clients, refresh, subjects, keys } = draft;
        let clients = clients.into_iter().map(|client| self.client(client)).collect();
        let subjects = subjects.into_iter().enumerate();
        let subjects = subjects.map(|(index, subject)| self.subject(name, index, subject, &cells)).collect();
        let issuer = Issuer {
            name: Arc::clone(name),
            url,
            origin: place.origin,
            host: place.host,
            path: place.path,
            audiences,
            lifetime,
            format,
            dpop,
            clients,
            refresh,
            subjects,
            keys: Arc::clone(&cells.keys),
        };
        IssuerNode { issuer: Arc::new(issuer), cells, keys }
    }

    fn client(&mut self, draft: ClientDraft) -> Client {
        let ClientDraft { index, id, known_by, grants, scopes, audiences } = draft;
        let authentication = match known_by {
            KnownBy::Secret(secret) => {
                let key = ObjectKey::new(Kind::Secret, Arc::clone(self.namespace), Arc::clone(&secret));
                let cell = self.cells.hold_client_secret(&key, &mut self.held);
                self.fill_by(Place::Client(index), FilledBy::ClientSecret { secret, cell: Arc::clone(&cell) });
                Authentication::Secret(cell)
            }
            KnownBy::Keys(keys) => Authentication::Keys(self.keys(Place::Client(index), keys)),
            KnownBy::Nothing => Authentication::Public,
        };
        Client { id, authentication, grants, scopes, audiences }
    }

    fn subject(&mut self, policy: &str, index: usize, draft: SubjectDraft, cells: &IssuerCells) -> Subject {
        let SubjectDraft { label, takes, scopes, claims } = draft;
        let is_ours = matches!(takes, TakesDraft::Issued { .. });
        let entry = self.entry(policy, Place::Subject(index), EntryDraft { label, takes }, Some(cells));
        Subject { entry, scopes, claims, is_ours }
    }
}

impl<'r> Filling<'_, 'r> {
    /// Fills the cells of what the policy signs with, if it is the issuer that it says it is.
    pub(super) fn issuer(&mut self, node: &IssuerNode, policy: &ObjectKey, uid: &str, standing: &Standing) {
        let spec = At::spec();
        let issue = spec.field("issue");
        if let Some((field, problem)) = standing.problem() {
            let code = self.notes.error(&issue.field(field), problem);
            // Somebody else answers for this issuer, so nothing of before stays.
            node.cells.keys.store(signing::none(code));
            accept(&node.cells.accepted, AcceptedKeys::Unavailable { code, retry: None });
            return;
        }
        self.is_issuer = true;
        let read = match &node.keys {
            SigningDraft::Ring { secret, schedule } => {
                let report = self.reading.report(ReportKey::Signing(policy.clone()));
                self.notes.report(report, &issue.field("rotation"));
                let annotations = self.reading.annotations(policy);
                let key = ObjectKey::new(Kind::Secret, Arc::clone(self.namespace), Arc::clone(secret));
                self.chosen.insert(key.clone());
                let seen = self.reading.object(&key).map(|secret| secret.meta.version.0);
                self.plan = Some(Arc::new(Plan {
                    policy: policy.clone(),
                    uid: uid.into(),
                    secret: key,
                    issuer: node.issuer.url.clone(),
                    schedule: *schedule,
                    wishes: Wishes::read(|name| annotations.get(name).map(|text| &**text)),
                    seen,
                }));
                let found = secrets::offered(self.reading, (self.namespace, secret), Use::SigningKey, self.settings);
                let at = issue.field("keysSecretRef");
                let read = found.and_then(|found| match found {
                    Some(found) => signing::of_ring(found, secret, (&node.issuer.url, node.issuer.format), schedule),
                    None => Err(pending()),
                });
                read.map_err(|problem| self.note_missing(&at, problem))
            }
            SigningDraft::Own { keys, algorithm, lifetime, max_age } => {
                let at = issue.field("ownKeys");
                let found: Result<Vec<_>, Problem> = keys.iter().map(|key| self.own_key(key)).collect();
                let read = found.and_then(|found| signing::of_own(&found, *algorithm, (*lifetime, *max_age)));
                read.map_err(|problem| self.notes.error(&at, problem))
            }
        };
        let at = issue.field(if matches!(node.keys, SigningDraft::Ring { .. }) { "keysSecretRef" } else { "ownKeys" });
        match read {
            Ok(read) => self.publish(read, &node.cells, &at),
            Err(code) => {
                let last = signing::last_good(&node.cells.keys.load(), code);
                node.cells.keys.unread(last, signing::none(code));
                if matches!(&**node.cells.accepted.load(), AcceptedKeys::Unavailable { .. }) {
                    accept(&node.cells.accepted, AcceptedKeys::Unavailable { code, retry: None });
                }
            }
        }
    }

    /// What keeps keys from being read. That there are none yet is nobody's mistake.
    fn note_missing(&mut self, at: &At<'_>, problem: Problem) -> Code {
        if problem.code == Code::KeysPending {
            self.notes.warning(at, problem);
            return Code::KeysPending;
        }
        self.notes.error(at, problem)
    }

    fn own_key<'k>(&mut self, key: &'k api::SecretKeyRef) -> Result<(&'k str, &'r Secret), Problem> {
        self.chosen.insert(ObjectKey::new(Kind::Secret, Arc::clone(self.namespace), key.name.as_str()));
        let found = secrets::member(self.reading, self.namespace, key, Use::SigningKey, self.settings)?;
        Ok((&key.name, found))
    }

    fn publish(&mut self, read: Read, cells: &IssuerCells, at: &At<'_>) {
        let Read { signer, published, problems, warnings, states } = read;
        let signer = signer.map_err(|problem| self.note_missing(at, problem));
        for problem in problems {
            self.notes.error(at, problem);
        }
        for problem in warnings {
            self.notes.warning(at, problem);
        }
        self.keys = states;
        cells.keys.read(published.with(signer), published.lasts, &cells.accepted);
        // What is here is all that there is of this Secret, so a key that is not here is unknown. That of a ring was confirmed
        // by every ready replica before it signs, but for those that `--despite` leaves out; a key of `ownKeys` is known when
        // its owner has waited. A replica that is behind refuses its tokens until it has read the Secret.
        accept(&cells.accepted, AcceptedKeys::Known { set: published.set, as_of: AsOf::Always });
    }

    pub(super) fn client_secret(&mut self, secret: &Arc<str>, cell: &ClientSecretCell, at: &At<'_>) {
        let found = secrets::present(self.reading, (self.namespace, secret), Use::Credentials, self.settings);
        let known = found.and_then(|found| {
            if found.kind != CLIENT_SECRET {
                let cause = format!("the Secret {secret} is of another type than {CLIENT_SECRET}");
                return Err(Problem::new(
                    Code::InvalidSecret,
                    cause,
                    format!("Create it anew with type: {CLIENT_SECRET}."),
                ));
            }
            let data = found.data.iter().map(|(member, bytes)| (member.as_str(), bytes.expose()));
            let record = ClientSecretRecord::parse(data).map_err(|error| {
                Problem::plain(Code::InvalidSecret, format!("the Secret {secret} has no secret of a client: {error}"))
            })?;
            Ok(record)
        });
        let known = match known {
            Ok(record) => ClientSecrets::Known(record.into_known()),
            Err(problem) => ClientSecrets::Unavailable(self.notes.error(at, problem)),
        };
        if **cell.load() != known {
            cell.store(Arc::new(known));
        }
    }
}

fn pending() -> Problem {
    Problem::plain(Code::KeysPending, "there are no keys yet; the leader makes them")
}

fn accept(cell: &KeyCell, keys: AcceptedKeys) {
    if !is_same(&cell.load(), &keys) {
        cell.store(keys);
    }
}
