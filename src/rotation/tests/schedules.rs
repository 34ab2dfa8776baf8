//! Which times are a schedule, and what the message says of those that are not.

use super::{assert_rows, secs};
use crate::jose::Algorithm;
use crate::rotation::schedule::MOST_RETIRING;
use crate::rotation::{KEPT_FREE, MAX_KEYS, Schedule, Times};

fn judge(every: u64, publish_ahead: u64, lifetime: u64, jwks_max_age: u64) -> Result<(), String> {
    let [every, publish_ahead, lifetime, jwks_max_age] = [every, publish_ahead, lifetime, jwks_max_age].map(secs);
    let times = Times { every, publish_ahead, lifetime, jwks_max_age };
    Schedule::new(Algorithm::ES256, times).map(drop).map_err(|error| error.to_string())
}

#[test]
fn times_that_break_a_formula_are_refused_with_the_numbers() {
    let refused = |text: &str| Err(text.to_owned());
    assert_rows([
        (
            "published too late",
            judge(1_000, 302, 600, 300),
            refused("publishAhead is 302s, expected at least 303s: jwksMaxAge 300s + push 1s + skew 2s"),
        ),
        ("published in time", judge(1_000, 303, 600, 300), Ok(())),
        (
            "rotated before the next can be ready",
            judge(305, 303, 600, 300),
            refused("every is 305s, expected at least 306s: publishAhead 303s + push 1s + skew 2s"),
        ),
        ("rotated when the next is ready", judge(306, 303, 600, 300), Ok(())),
        (
            "more keys than a ring has",
            judge(60, 35, 600, 30),
            refused(
                "every is 60s, expected at least 74s: a key stays published for 660s after it signed (lifetime 600s + \
                 leeway 30s + jwksMaxAge 30s), and at most 9 such keys are kept",
            ),
        ),
        ("as many as it has", judge(74, 35, 600, 30), Ok(())),
        ("tokens that end at once", judge(1_000, 303, 0, 300), refused("lifetime is 0, expected more")),
        ("no caches at all", judge(6, 3, 1, 0), Ok(())),
        ("times beyond all bounds", judge(u64::MAX, u64::MAX - 3, 600, 300), Ok(())),
    ]);
}

#[test]
fn a_shared_secret_has_no_schedule() {
    let times = Times { every: secs(1_000), publish_ahead: secs(303), lifetime: secs(600), jwks_max_age: secs(300) };
    for algorithm in Algorithm::ALL {
        let is_shared = algorithm.as_str().starts_with("HS");
        assert_eq!(Schedule::new(algorithm, times).is_err(), is_shared, "{algorithm}");
    }
}

#[test]
fn a_schedule_that_is_one_never_takes_the_room_that_is_kept_free() {
    // One that signs, one that is to come, one that has retired just now.
    assert_eq!(usize::try_from(MOST_RETIRING).unwrap() + 3 + KEPT_FREE, MAX_KEYS);
}
