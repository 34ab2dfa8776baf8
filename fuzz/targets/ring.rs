//! Any ring that can be read is written and read again as it is, and every step of it is one, whatever its times are.
//!
//! Input: eight bytes of the time of now, a byte of what is wished and said, and the ring as JSON.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use bearward::clock::UnixTime;
use bearward::jose::Algorithm;
use bearward::rotation::{
    Action, Keyring, MAX_KEYS, NewKey, NotDone, Replicas, Report, Ring, Schedule, Times, Wishes, reconcile, step,
};
use libfuzzer_sys::fuzz_target;

static SCHEDULE: LazyLock<Schedule> = LazyLock::new(|| {
    let secs = Duration::from_secs;
    let times = Times { every: secs(3_600), publish_ahead: secs(600), lifetime: secs(600), jwks_max_age: secs(300) };
    Schedule::new(Algorithm::ES256, times).expect("it is a schedule")
});

fuzz_target!(|data: &[u8]| {
    let Some((time, rest)) = data.split_first_chunk() else { return };
    let Some((what, ring)) = rest.split_first() else { return };
    let Ok(ring) = Ring::parse(ring) else { return };
    let now = UnixTime::from_millis(i64::from_be_bytes(*time));
    assert!(!ring.keys.is_empty() && ring.keys.len() <= MAX_KEYS);
    assert_eq!(Ring::parse(ring.to_json().as_bytes()).as_ref(), Ok(&ring), "it is written otherwise");
    assert_eq!(reconcile(&ring, Some(&ring), now), ring, "there is nothing to mend");

    let kids = || ring.keys.iter().map(|key| key.kid.clone());
    let wishes = Wishes {
        rotate: (what & 1 > 0).then(|| "now".into()),
        compromised: if what & 2 > 0 { kids().take(1).collect() } else { kids().take(0).collect() },
        ..Wishes::default()
    };
    let report = Report { published: kids().collect(), signs: if what & 4 > 0 { kids().last() } else { None } };
    let replicas = Replicas([("a".into(), report)].into());
    let halves = if what & 8 > 0 { kids().collect() } else { kids().take(0).collect() };
    let taken = step(Some(&ring), &SCHEDULE, &wishes, &replicas, &halves, now);
    assert_eq!(step(Some(&ring), &SCHEDULE, &wishes, &replicas, &halves, now), taken, "the same, otherwise");
    // Keys are not made here: what a step does without one is done.
    let makes = taken.actions.iter().any(|action| matches!(action, Action::Create { .. }));
    if !makes {
        let done = Keyring::new(ring.clone())
            .after(&taken.actions, now, |_| -> Result<NewKey, NotDone> { unreachable!("nothing is to be made") });
        if let Ok(done) = done {
            assert_eq!(Ring::parse(done.ring().to_json().as_bytes()).as_ref(), Ok(done.ring()));
            let mended = reconcile(done.ring(), Some(&ring), now);
            assert!(mended.keys.len() <= done.ring().keys.len(), "a key comes back");
        }
    }
});
