//! Small state of all replicas, in objects of a real API server.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bearward::clock::{Clock, ManualClock, Tick, UnixTime};
use bearward::operate::records::{LIMIT, Place, Records, start};
use bearward::sources::kube::connect;
use bearward::store::{Store, StoreError};
use bearward::tasks::Tasks;
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{ControlPlane, Namespace, User, eventually};

const ROLE: &str = "bearward-records";

const LATER: UnixTime = UnixTime::from_secs(10_000_000_000);

/// One replica's store, and what runs it.
struct Replica {
    store: Arc<Records>,
    _tasks: Tasks,
}

impl Replica {
    /// Of all the time in the world, where it is not about that.
    async fn start(plane: &ControlPlane, space: &Namespace, seed: u64, clock: Clock) -> Self {
        Self::within(Duration::from_mins(1), plane, space, seed, clock).await
    }

    async fn within(limit: Duration, plane: &ControlPlane, space: &Namespace, seed: u64, clock: Clock) -> Self {
        let client = connect(Some(&plane.kubeconfig(User::GATEWAY))).await.unwrap();
        let mut tasks = Tasks::new();
        let settings = Place { namespace: space.name.as_str().into(), class: "bearward".into(), seed, limit };
        let store = Arc::new(start(&mut tasks, &client, &settings, clock));
        Self { store, _tasks: tasks }
    }
}

/// Two replicas in a namespace of their own.
async fn two(plane: &ControlPlane, stem: &str) -> (Namespace, Replica, Replica) {
    let space = Namespace::new(plane, stem).await;
    space.bind(ROLE, User::GATEWAY).await;
    let one = Replica::start(plane, &space, 1, Clock::system()).await;
    let other = Replica::start(plane, &space, 2, Clock::system()).await;
    (space, one, other)
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// The objects that were written, each with its members.
async fn objects(space: &Namespace) -> Vec<Value> {
    let found = space.api("ConfigMap").list(&kube::api::ListParams::default()).await.unwrap();
    let ours = found.items.into_iter().filter(|object| object.metadata.name.as_ref().unwrap().contains(".records-"));
    ours.map(|object| object.data).collect()
}

#[tokio::test]
async fn of_two_replicas_that_replace_one_version_exactly_one_succeeds() {
    let plane = ControlPlane::shared().await;
    let (_space, one, other) = two(plane, "records-cas").await;
    let mut version = None;
    for round in 0..20 {
        let (a, b) = (bytes(&format!("a{round}")), bytes(&format!("b{round}")));
        let (first, second) = tokio::join!(
            one.store.put("family/x", a.clone(), version, LATER),
            other.store.put("family/x", b.clone(), version, LATER)
        );
        let (written, expected) = match (first, second) {
            (Ok(written), Err(StoreError::Conflict)) => (written, a),
            (Err(StoreError::Conflict), Ok(written)) => (written, b),
            both => panic!("round {round}: {both:?}"),
        };
        // Whoever asks now sees it, though another replica wrote it.
        for store in [&one.store, &other.store] {
            let found = store.get("family/x").await.unwrap().unwrap();
            assert_eq!((&found.value, found.version), (&expected, written), "round {round}");
        }
        version = Some(written);
    }
}

#[tokio::test]
async fn a_storm_of_writes_of_two_replicas_loses_none_and_shares_its_writes() {
    let plane = ControlPlane::shared().await;
    let (space, one, other) = two(plane, "records-storm").await;
    let stores = [&one.store, &other.store];
    let keys: Vec<String> = (0..200).map(|number| format!("family/{number}")).collect();
    let puts = keys.iter().enumerate().map(|(number, key)| stores[number % 2].put(key, bytes(key), None, LATER));
    for (key, written) in keys.iter().zip(join_all(puts).await) {
        assert!(written.is_ok(), "{key}: {written:?}");
    }
    let reader = Replica::start(plane, &space, 3, Clock::system()).await;
    for (key, found) in keys.iter().zip(join_all(keys.iter().map(|key| reader.store.get(key))).await) {
        assert_eq!(found.unwrap().unwrap().value, bytes(key));
    }
    assert_eq!(objects(&space).await.len(), 16);
    let taken = plane.writes(&space.name).iter().filter(|write| write.taken && write.resource == "configmaps").count();
    assert!(taken < 150, "{taken} writes for 200 records");
    let again = join_all(keys.iter().map(|key| one.store.put(key, bytes("again"), None, LATER))).await;
    assert!(again.iter().all(|answer| *answer == Err(StoreError::Conflict)), "each is there");
}

#[tokio::test]
async fn without_an_api_server_the_store_is_unavailable_in_time_and_nothing_is_lost() {
    let plane = ControlPlane::start().await;
    let space = Namespace::new(&plane, "records-outage").await;
    space.bind(ROLE, User::GATEWAY).await;
    let one = Replica::within(LIMIT, &plane, &space, 1, Clock::system()).await;
    let other = Replica::within(LIMIT, &plane, &space, 2, Clock::system()).await;
    // Writes what must be known to be written.
    let patient = Replica::start(&plane, &space, 3, Clock::system()).await;
    let version = patient.store.put("family/x", bytes("1"), None, LATER).await.unwrap();
    plane.kill_api_server();
    let clock = Clock::system();
    let answers = tokio::join!(
        one.store.put("family/x", bytes("2"), Some(version), LATER),
        one.store.get("family/x"),
        other.store.get("family/x"),
    );
    assert!(clock.tick().since(Tick::default()) < Duration::from_secs(3));
    assert!(matches!(answers.0, Err(StoreError::Unavailable(_))), "{answers:?}");
    for answer in [answers.1, answers.2] {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    plane.start_api_server().await;
    // An API server that starts refuses for a moment.
    let found = eventually("it is read again", Duration::from_secs(10), async || {
        other.store.get("family/x").await.ok().map(|found| found.unwrap())
    })
    .await;
    assert_eq!((found.value, found.version), (bytes("1"), version));
    assert!(patient.store.put("family/x", bytes("2"), Some(version), LATER).await.is_ok());
}

#[tokio::test]
async fn an_object_is_filled_to_its_bound_and_no_further_until_records_end() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "records-full").await;
    space.bind(ROLE, User::GATEWAY).await;
    let time = Arc::new(ManualClock::new(UnixTime::from_secs(1_000)));
    let replica = Replica::start(plane, &space, 1, Clock::manual(Arc::clone(&time))).await;
    let (end, large) = (UnixTime::from_secs(2_000), Bytes::from(vec![7; bearward::store::MAX_VALUE]));
    // Keys of one object.
    let is_of_one = |key: &String| digest(&SHA256, key.as_bytes()).as_ref()[0] % 16 == 7;
    let keys: Vec<String> = (0..).map(|number| format!("family/{number}")).filter(is_of_one).take(240).collect();
    let mut taken = 0;
    for some in keys.chunks(60) {
        for answer in join_all(some.iter().map(|key| replica.store.put(key, large.clone(), None, end))).await {
            match answer {
                Ok(_) => taken += 1,
                Err(StoreError::Full) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!((175..200).contains(&taken), "{taken}");
    assert_eq!(objects(&space).await.len(), 1);
    // What is there can still be changed.
    let found = replica.store.get(&keys[0]).await.unwrap().unwrap();
    assert!(replica.store.put(&keys[0], large.clone(), Some(found.version), end).await.is_ok());
    time.advance(Duration::from_secs(1_000));
    assert!(replica.store.put(&keys[0], bytes("new"), None, LATER).await.is_ok());
    let object = objects(&space).await.remove(0);
    assert_eq!(object["binaryData"].as_object().unwrap().len(), 1, "what had ended went with the write");
}

#[tokio::test]
async fn rights_that_are_missing_and_an_object_that_was_edited_are_said() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "records-broken").await;
    let replica = Replica::start(plane, &space, 1, Clock::system()).await;
    let reason = |answer: Result<(), StoreError>| match answer {
        Err(StoreError::Unavailable(reason)) => reason,
        Err(other) => panic!("{other}"),
        Ok(()) => panic!("answered"),
    };
    let forbidden = reason(replica.store.put("family/x", bytes("1"), None, LATER).await.map(drop));
    assert!(forbidden.contains("forbidden"), "{forbidden}");

    space.bind(ROLE, User::GATEWAY).await;
    eventually("it may be written", Duration::from_secs(10), async || {
        replica.store.put("family/x", bytes("1"), None, LATER).await.ok()
    })
    .await;
    let object = space.api("ConfigMap").list(&kube::api::ListParams::default()).await.unwrap().items.remove(0);
    let name = object.metadata.name.unwrap();
    space.apply("ConfigMap", &name, json!({"data": {"last": "many"}})).await;
    let broken = reason(replica.store.get("family/x").await.map(drop));
    assert_eq!(broken, format!("{name}: member last is not as it was written"));
    let broken = reason(replica.store.put("family/x", bytes("2"), None, LATER).await.map(drop));
    assert_eq!(broken, format!("{name}: member last is not as it was written"));
    assert_eq!(space.read("ConfigMap", &name).await.data["data"]["last"], "many", "it is left as it is");
}

#[tokio::test]
async fn a_thread_without_timers_of_its_own_can_wait_for_it() {
    let plane = ControlPlane::shared().await;
    let (_space, one, _) = two(plane, "records-threads").await;
    let store = Arc::clone(&one.store);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let written = store.put("family/x", bytes("1"), None, LATER).await;
            (written, store.get("family/x").await)
        })
    });
    let (written, found) = tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    assert_eq!(found.unwrap().unwrap().version, written.unwrap());
}
