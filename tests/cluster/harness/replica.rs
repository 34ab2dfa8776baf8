//! One replica's writing side, with a board that the test writes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bearward::clock::Clock;
use bearward::finding::Finding;
use bearward::name::{Generation, Kind, ObjectKey};
use bearward::operate::{Inputs, Operator, Settings, Timing, start};
use bearward::resources::{Read, Scope, Verdict, Version};
use bearward::rotation::Plans;
use bearward::sources::key_sets::archive::AtHand;
use bearward::sources::kube::connect;
use bearward::state::Board;
use kube::ResourceExt;
use kube::api::DynamicObject;
use tokio::sync::{mpsc, watch};

use super::{ControlPlane, Namespace, User};

/// A replica that publishes nothing but what the test says.
pub(crate) struct Replica {
    /// What writes.
    pub(crate) operator: Operator,
    board: Arc<Board>,
}

/// Short enough for a test to see a leader go; the proportions are those of an installation.
pub(crate) fn short() -> Timing {
    Timing {
        lease: Duration::from_secs(3),
        lead: Duration::from_secs(2),
        renew: Duration::from_millis(500),
        look: Duration::from_millis(200),
        write: Duration::from_secs(1),
        ..Timing::default()
    }
}

impl Replica {
    /// Starts one in a namespace where gateways may keep Leases.
    pub(crate) async fn start(
        plane: &ControlPlane,
        space: &Namespace,
        identity: &str,
        service: Option<&str>,
        timing: Timing,
        clock: Clock,
    ) -> Self {
        let client = connect(Some(&plane.kubeconfig(User::GATEWAY))).await.unwrap();
        let settings = Settings {
            class: "bearward".into(),
            namespace: space.name.as_str().into(),
            identity: identity.into(),
            service_account: "default:bearward".into(),
            service: service.map(Into::into),
            namespaces: vec![space.name.as_str().into()],
            timing,
            max_stale: Duration::from_hours(24),
            seed: identity.bytes().map(u64::from).sum(),
        };
        let board = Arc::new(Board::new());
        let inputs = Inputs {
            board: Arc::clone(&board),
            key_sets: watch::channel(AtHand::new()).1,
            plans: watch::channel(Plans::default()).1,
            updates: mpsc::channel(1).0,
        };
        Self { operator: start(client, inputs, settings, clock), board }
    }

    /// Publishes what became of an object, and that everything up to its version is in force.
    pub(crate) fn publish(&self, kind: Kind, object: &DynamicObject, findings: Vec<Finding>) {
        let (key, verdict) = judged(kind, object, findings);
        let version = Version::parse(&object.resource_version().unwrap());
        self.board.publish([(key, Some(Arc::new(verdict)))], versions(version));
    }

    /// Publishes verdicts as they are, up to this version.
    pub(crate) fn publish_all(&self, verdicts: Vec<(ObjectKey, Verdict)>, version: Version) {
        let verdicts = verdicts.into_iter().map(|(key, verdict)| (key, Some(Arc::new(verdict))));
        self.board.publish(verdicts, versions(version));
    }
}

/// What became of an object that reads nothing but itself.
pub(crate) fn judged(kind: Kind, object: &DynamicObject, findings: Vec<Finding>) -> (ObjectKey, Verdict) {
    let key = ObjectKey::new(kind, object.namespace().unwrap(), object.name_any());
    let version = Version::parse(&object.resource_version().unwrap());
    let generation = u64::try_from(object.metadata.generation.unwrap()).unwrap();
    let verdict = Verdict {
        uid: object.uid().unwrap().into(),
        generation: Generation(generation),
        findings,
        reads: vec![Read { key: key.clone(), version }],
        refusing_rules: 0,
        keys: Vec::new(),
        rules: 1,
    };
    (key, verdict)
}

fn versions(version: Version) -> BTreeMap<Scope, Version> {
    let kinds = [Kind::ApiRoute, Kind::TokenPolicy, Kind::ModelBackend];
    kinds.into_iter().map(|kind| (Scope::Watch { kind, namespace: None }, version)).collect()
}
