//! Random histories of the simulated cluster.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use super::cluster::{Cluster, REPLICAS};
use super::secs;
use crate::clock::UnixTime;
use crate::jose::Algorithm;
use crate::rotation::{Cause, RingKey, Schedule, ScheduleError, State, Times};

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// Everybody does what he should.
    Round { leader: usize },
    /// Time passes.
    Advance(Duration),
    /// Time passes until a leader would wake, or a moment less.
    AdvanceToWake { less: Duration },
    /// A replica hears of the next version, or of all.
    Deliver { replica: usize, all: bool },
    /// A replica says what it does.
    Report { replica: usize },
    /// A replica hears of nothing by itself, or does again.
    SetLive { replica: usize, live: bool },
    /// A replica stops or starts.
    SetReady { replica: usize, ready: bool },
    /// A leader works out what to write.
    Compute { leader: usize },
    /// A leader writes it, and may crash before it keeps in mind that it has.
    Write { leader: usize, is_known: bool },
    /// The policy is edited.
    Edit(Schedule),
    /// Somebody asks for a rotation.
    Rotate(u8),
    /// Somebody says that a replica is not to be waited for, or takes it back.
    Despite(Option<usize>),
    /// Somebody says that a key is compromised.
    Compromise(Index),
    /// Somebody puts back an old Secret.
    Restore(Index),
    /// Somebody deletes the Secret.
    Delete,
    /// All clocks jump.
    Jump(i64),
}

prop_compose! {
    /// Any schedule that is one, with times short enough for many rotations.
    fn schedule()(
        algorithm in prop::sample::select(&[Algorithm::ES256, Algorithm::Ed25519][..]),
        max_age in 0..120_u64, ahead in 0..100_u64, every in 0..300_u64, lifetime in 1..600_u64,
    ) -> Schedule {
        let (jwks_max_age, publish_ahead) = (secs(max_age), secs(max_age + 3 + ahead));
        let mut times = Times { every: publish_ahead + secs(3 + every), publish_ahead, lifetime: secs(lifetime), jwks_max_age };
        if let Err(ScheduleError::TooManyKeys { least, .. }) = Schedule::new(algorithm, times) {
            times.every = least;
        }
        Schedule::new(algorithm, times).unwrap()
    }
}

fn advance() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::from_millis(1)),
        (0..5_000_u64).prop_map(Duration::from_millis),
        (0..900_u64).prop_map(Duration::from_secs),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let (replica, leader) = (|| 0..REPLICAS, || 0..2_usize);
    prop_oneof![
        24 => leader().prop_map(|leader| Event::Round { leader }),
        10 => advance().prop_map(Event::Advance),
        24 => prop_oneof![Just(0), Just(0), Just(1), Just(2_500)]
            .prop_map(|less| Event::AdvanceToWake { less: Duration::from_millis(less) }),
        4 => (replica(), any::<bool>()).prop_map(|(replica, all)| Event::Deliver { replica, all }),
        4 => replica().prop_map(|replica| Event::Report { replica }),
        4 => (replica(), any::<bool>()).prop_map(|(replica, live)| Event::SetLive { replica, live }),
        3 => (replica(), any::<bool>()).prop_map(|(replica, ready)| Event::SetReady { replica, ready }),
        6 => leader().prop_map(|leader| Event::Compute { leader }),
        6 => (leader(), any::<bool>()).prop_map(|(leader, is_known)| Event::Write { leader, is_known }),
        4 => schedule().prop_map(Event::Edit),
        3 => any::<u8>().prop_map(Event::Rotate),
        2 => prop::option::of(replica()).prop_map(Event::Despite),
        2 => any::<Index>().prop_map(Event::Compromise),
        1 => any::<Index>().prop_map(Event::Restore),
        1 => Just(Event::Delete),
    ]
}

fn jump() -> impl Strategy<Value = Event> {
    prop_oneof![-1_000_000_i64..1_000_000, Just(i64::MAX / 2), Just(i64::MIN / 2)].prop_map(Event::Jump)
}

fn happen(cluster: &mut Cluster, event: &Event) {
    match *event {
        Event::Round { leader } => cluster.round(leader),
        Event::Advance(duration) => cluster.advance(duration),
        Event::AdvanceToWake { less } => {
            // Clocks that have jumped may have it years away.
            let wait = cluster.until_wake(0).unwrap_or_default().min(secs(1_000_000));
            cluster.advance(wait.saturating_sub(less));
        }
        Event::Deliver { replica, all } => cluster.deliver(replica, all),
        Event::Report { replica } => cluster.report(replica),
        Event::SetLive { replica, live } => cluster.replicas[replica].live = live,
        Event::SetReady { replica, ready } => cluster.set_ready(replica, ready),
        Event::Compute { leader } => cluster.compute(leader),
        Event::Write { leader, is_known } => cluster.write(leader, is_known),
        Event::Edit(schedule) => cluster.schedule = schedule,
        Event::Rotate(word) => cluster.wishes.rotate = Some(word.to_string().into()),
        Event::Despite(replica) => cluster.leave_out(replica),
        Event::Compromise(which) => {
            if let Some(ring) = cluster.ring() {
                let kid = which.get(&ring.keys).kid.clone();
                cluster.wishes.compromised.insert(kid);
            }
        }
        Event::Restore(which) => {
            let back = which.index(cluster.versions.len());
            cluster.tamper(Some(back));
        }
        Event::Delete => cluster.tamper(None),
        Event::Jump(millis) => cluster.offset = cluster.offset.saturating_add(millis),
    }
    cluster.look();
}

/// From now on everybody does what he should. Keys rotate on schedule, to the millisecond.
fn calm(cluster: &mut Cluster) {
    cluster.leave_out(None);
    for index in 0..REPLICAS {
        cluster.set_ready(index, true);
        cluster.replicas[index].live = true;
        cluster.replicas[index].left_out = false;
    }
    cluster.deliver(0, true);
    cluster.checks.activations.clear();
    for _ in 0..80 {
        cluster.round(0);
        cluster.round(0);
        let step = cluster.step(0);
        assert_eq!(step.actions, [], "two rounds are enough");
        let now = cluster.clock(0);
        let Some(wake) = step.wake else {
            panic!("all is confirmed, and nothing will ever happen: {:?}", cluster.ring())
        };
        assert!(wake > now, "a wake-up in the past");
        if now.millis() < 0 || wake == UnixTime::from_millis(i64::MAX) {
            return;
        }
        let before = UnixTime::from_millis(wake.millis() - 1);
        let middle = UnixTime::from_millis(now.millis().midpoint(wake.millis()).min(before.millis()));
        for early in [before, middle] {
            assert_eq!(cluster.step_at(early).actions, [], "before it is time");
        }
        assert_ne!(cluster.step_at(wake).actions, [], "woken for nothing");
        let Ok(wait) = i64::try_from(wake.since(now).as_millis()) else { return };
        let Some(then) = cluster.now.checked_add(wait) else { return };
        cluster.now = then;
        cluster.look();
        if cluster.checks.activations.iter().filter(|cause| **cause == Cause::Schedule).count() == 2 {
            return all_is_as_wished(cluster);
        }
    }
    panic!("keys do not rotate: {:?}", cluster.ring());
}

/// What the policy asks for is so.
fn all_is_as_wished(cluster: &Cluster) {
    let ring = cluster.ring().unwrap();
    let active = ring.active().expect("a key is active");
    assert_eq!(active.algorithm, cluster.schedule.algorithm(), "the algorithm of the schedule");
    assert!(active.longest >= cluster.schedule.lifetime(), "tokens live as long as the schedule says");
    assert_eq!(ring.max_age, cluster.schedule.jwks_max_age(), "the cache time of the schedule");
    if cluster.wishes.rotate.is_some() {
        assert_eq!(ring.answered, cluster.wishes.rotate, "the request is answered");
    }
    let is_published = |kid: &str| ring.key(kid).is_some_and(RingKey::is_published);
    assert!(!cluster.wishes.compromised.iter().any(|kid| is_published(kid)), "compromised keys are not published");
}

fn config(cases: u32) -> Config {
    Config { cases, max_shrink_iters: 4_000, ..Config::default() }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn whatever_happens_keys_keep_to_the_rules(
        schedule in schedule(),
        replicas in 1..=REPLICAS,
        events in prop::collection::vec(event(), 1..80),
    ) {
        let mut cluster = Cluster::new(schedule, replicas);
        cluster.round(0);
        for event in events {
            happen(&mut cluster, &event);
        }
        calm(&mut cluster);
    }

    #[test]
    fn whatever_clocks_do_keys_keep_their_order(
        schedule in schedule(),
        replicas in 1..=REPLICAS,
        events in prop::collection::vec(prop_oneof![8 => event(), 1 => jump()], 1..80),
    ) {
        let mut cluster = Cluster::new(schedule, replicas);
        cluster.checks.clocks_jumped = true;
        cluster.round(0);
        for event in events {
            happen(&mut cluster, &event);
        }
        calm(&mut cluster);
    }
}

#[test]
fn with_everybody_in_time_keys_rotate_to_the_millisecond() {
    let times = Times { every: secs(600), publish_ahead: secs(60), lifetime: secs(300), jwks_max_age: secs(50) };
    let mut cluster = Cluster::new(Schedule::new(Algorithm::ES256, times).unwrap(), 3);
    cluster.round(0);
    let start = cluster.now;
    let mut activated = Vec::new();
    while activated.len() < 4 {
        cluster.round(0);
        let ring = cluster.ring().unwrap();
        if let Some(State::Active { since, .. }) = ring.active().map(|key| key.state)
            && activated.last() != Some(&since)
        {
            activated.push(since);
        }
        cluster.advance(cluster.until_wake(0).unwrap());
    }
    let every: Vec<i64> = activated.iter().map(|since| since.millis() - start + 1_000).collect();
    assert_eq!(every, [0, 600_000, 1_200_000, 1_800_000]);
}
