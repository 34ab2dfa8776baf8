//! Every version of a Secret with signing keys, from its beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bearward::rotation::{Ring, State, successor};
use bearward::secret::Secret as Bytes;
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use tokio::task::JoinSet;

use super::{Namespace, eventually};

/// The versions of one Secret, in order, without a gap.
pub(crate) struct History {
    rings: Arc<Mutex<Rings>>,
    _watch: JoinSet<()>,
}

/// Rings in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rings(Vec<Seen>);

#[derive(Clone, Debug)]
struct Seen {
    ring: Ring,
    /// The keys whose private half was there.
    halves: BTreeSet<String>,
    /// Others may have been between this one and the one before: an API server that was started anew knows nothing of
    /// what was before.
    is_after_gap: bool,
}

impl History {
    /// Begins before the Secret does.
    pub(crate) async fn of(space: &Namespace, name: &str) -> Self {
        let api: Api<Secret> = Api::namespaced(space.admin.clone(), &space.name);
        let rings = Arc::<Mutex<Rings>>::default();
        let (taken, name) = (Arc::clone(&rings), name.to_owned());
        // From now on, and after a break from where it was: nothing may be missed.
        let mut version = api.list_metadata(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
        let mut watch = JoinSet::new();
        watch.spawn(async move {
            let mut is_after_gap = false;
            loop {
                let parameters = WatchParams::default().fields(&format!("metadata.name={name}"));
                let Ok(stream) = api.watch(&parameters, &version).await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let mut stream = std::pin::pin!(stream);
                while let Some(event) = stream.next().await {
                    match event {
                        Ok(WatchEvent::Added(secret) | WatchEvent::Modified(secret)) => {
                            version = secret.metadata.resource_version.clone().unwrap();
                            let seen = Seen { is_after_gap, ..read(secret) };
                            is_after_gap = false;
                            taken.lock().unwrap_or_else(PoisonError::into_inner).0.push(seen);
                        }
                        Ok(WatchEvent::Deleted(secret)) => version = secret.metadata.resource_version.unwrap(),
                        Ok(WatchEvent::Bookmark(_)) => {}
                        // Too old: what there is now comes as an addition.
                        Ok(WatchEvent::Error(error)) if error.code == 410 => {
                            (version, is_after_gap) = ("0".to_owned(), true);
                            break;
                        }
                        Ok(WatchEvent::Error(error)) => panic!("{error:?}"),
                        Err(_) => break,
                    }
                }
            }
        });
        Self { rings, _watch: watch }
    }

    /// Waits until the rings so far meet a condition.
    pub(crate) async fn until(&self, what: &str, limit: Duration, condition: impl Fn(&Rings) -> bool) {
        eventually(what, limit, async || condition(&self.rings()).then_some(())).await;
    }

    /// How often a key became active.
    pub(crate) fn activations(&self) -> usize {
        self.rings().activations()
    }

    /// How often a step was taken.
    pub(crate) fn steps(&self, step: &str) -> usize {
        self.rings().steps(step)
    }

    /// The key that signs.
    pub(crate) fn active(&self) -> String {
        self.rings().0.last().unwrap().ring.active().unwrap().kid.to_string()
    }

    /// Every version is a legal successor of the one before, and private halves are where they belong.
    pub(crate) fn assert_lawful(&self) {
        let Rings(rings) = self.rings();
        assert!(rings.len() > 2, "{}", rings.len());
        let mut before = None;
        for Seen { ring, halves, is_after_gap } in &rings {
            if !is_after_gap && before.is_none_or(|before| before != ring) {
                assert_eq!(successor(before, ring), Ok(()), "{before:?}\n{ring:?}");
            }
            let expected: BTreeSet<String> = ring.with_private_half().map(|key| key.kid.to_string()).collect();
            assert_eq!(*halves, expected);
            before = Some(ring);
        }
    }

    fn rings(&self) -> Rings {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Rings {
    /// How often a key became active.
    pub(crate) fn activations(&self) -> usize {
        let active = self.0.iter().filter_map(|seen| seen.ring.active()).map(|key| key.kid.clone());
        active.collect::<BTreeSet<_>>().len()
    }

    /// How often a step was taken: `Activate`, `Confirm`, `Settle` or `Remove`.
    pub(crate) fn steps(&self, step: &str) -> usize {
        let pairs = self.0.windows(2).map(|pair| (&pair[0].ring, &pair[1].ring));
        pairs.map(|(before, after)| count(step, before, after)).sum()
    }
}

fn count(step: &str, before: &Ring, after: &Ring) -> usize {
    let state = |ring: &Ring, kid: &str| ring.key(kid).map(|key| key.state);
    let moved = before.keys.iter().filter(|key| {
        let after = state(after, &key.kid);
        match step {
            "Activate" => key.is_pending() && matches!(after, Some(State::Active { .. })),
            "Confirm" => {
                key.state == State::Pending { confirmed: None }
                    && matches!(after, Some(State::Pending { confirmed: Some(_) }))
            }
            "Settle" => {
                matches!(key.state, State::Retiring { settled: None, .. })
                    && matches!(after, Some(State::Retiring { settled: Some(_), .. }))
            }
            "Remove" => after.is_none(),
            other => panic!("there is no step {other}"),
        }
    });
    moved.count()
}

fn read(secret: Secret) -> Seen {
    let data: BTreeMap<String, Bytes> =
        secret.data.unwrap().into_iter().map(|(name, bytes)| (name, Bytes::new(bytes.0))).collect();
    let ring = Ring::parse(data["ring.json"].expose()).unwrap();
    let halves = data.keys().filter_map(|name| name.strip_suffix(".key")).map(str::to_owned).collect();
    Seen { ring, halves, is_after_gap: false }
}
