//! What a replica says of itself survives its annotations, and is read with doubt.

use std::collections::{BTreeMap, BTreeSet};

use super::{policy, read, route};
use crate::name::{Generation, Kind, ObjectKey};
use crate::operate::ack::{Ack, REJECTED, SIGNING_KEYS, VERSIONS};
use crate::resources::{Scope, Version};
use crate::state::{SigningKeys, Standing};

fn scope(kind: Kind, namespace: Option<&str>) -> Scope {
    Scope::Watch { kind, namespace: namespace.map(Into::into) }
}

fn standing(versions: &[(Kind, Option<&str>, u64)], rejected: &[(ObjectKey, u64)]) -> Standing {
    Standing {
        versions: versions.iter().map(|(kind, namespace, at)| (scope(*kind, *namespace), Version(*at))).collect(),
        rejected: rejected.iter().map(|(key, generation)| (key.clone(), Generation(*generation))).collect(),
        ..Standing::default()
    }
}

fn round_trip(ack: &Ack) -> Ack {
    let annotations = BTreeMap::from(ack.annotations());
    Ack::parse(|name| annotations.get(name).cloned())
}

#[test]
fn an_ack_survives_its_annotations() {
    for standing in [
        standing(&[], &[]),
        standing(&[(Kind::ApiRoute, None, 17), (Kind::Secret, Some("shop"), 12)], &[]),
        standing(&[(Kind::ApiRoute, None, u64::MAX)], &[(route("a"), 1), (route("b"), 7), (policy("a"), 1)]),
    ] {
        let ack = Ack::of(&standing);
        assert_eq!(round_trip(&ack), ack);
    }
}

#[test]
fn a_replica_has_passed_what_its_watch_of_that_kind_and_place_has() {
    let secret = ObjectKey::new(Kind::Secret, "shop", "s");
    let ack = Ack::of(&standing(&[(Kind::ApiRoute, None, 17), (Kind::Secret, Some("shop"), 12)], &[]));
    for (key, version, expected) in [
        (route("a"), 18, false),
        (policy("a"), 1, false),
        (ObjectKey::new(Kind::Secret, "bank", "s"), 1, false),
        (secret.clone(), 13, false),
        (route("a"), 17, true),
        (secret, 12, true),
        (route("a"), 0, true),
    ] {
        assert_eq!(ack.has_passed(&read(&key, version)), expected, "{key} at {version}");
    }
}

#[test]
fn an_object_is_rejected_only_in_the_generation_that_was_judged() {
    let ack = round_trip(&Ack::of(&standing(&[], &[(route("a"), 3)])));
    for (key, generation, expected) in [
        (route("a"), 2, false),
        (route("a"), 4, false),
        (route("b"), 3, false),
        (policy("a"), 3, false),
        (route("a"), 3, true),
    ] {
        assert_eq!(ack.rejects(&key, Generation(generation)), expected, "{key} {generation}");
    }
}

#[test]
fn beyond_the_bound_everything_counts_as_rejected() {
    let many = Standing {
        versions: BTreeMap::new(),
        rejected: (0..12_001).map(|index| (route(&format!("r{index}")), Generation(1))).collect::<BTreeSet<_>>(),
        ..Standing::default()
    };
    let ack = round_trip(&Ack::of(&many));
    assert!(ack.rejects(&policy("never-seen"), Generation(1)));
}

#[test]
fn the_largest_ack_fits_into_the_annotations_of_one_object() {
    let name = "n".repeat(58);
    let most = Standing {
        versions: (0..5_000)
            .map(|i| (scope(Kind::Secret, Some(&format!("{name}{i:05}"))), Version(u64::MAX)))
            .collect(),
        rejected: (0..12_000).map(|index| (route(&format!("r{index}")), Generation(1))).collect(),
        signing: SigningKeys {
            published: (0..2_000).map(|index| format!("k{index}").into()).collect(),
            signing: (0..2_000).map(|index| format!("k{index}").into()).collect(),
        },
    };
    let size: usize = Ack::of(&most).annotations().iter().map(|(name, value)| name.len() + value.len()).sum();
    // The API server's bound is 256 KiB; some is left for others.
    assert!(size < 240 * 1024, "{size}");
}

#[test]
fn what_cannot_be_read_claims_nothing() {
    for (versions, rejected) in
        [("", "!"), ("[1]", "AAAA"), ("{\"ApiRoute\": 3}", "*"), ("{\"ApiRoute\": {\"\": -1}}", "AA")]
    {
        let ack = Ack::parse(|name| match name {
            VERSIONS => Some(versions.to_owned()),
            REJECTED => Some(rejected.to_owned()),
            _ => None,
        });
        assert!(!ack.has_passed(&read(&route("a"), 0)), "{versions}");
        assert!(ack.rejects(&route("a"), Generation(1)), "{rejected}");
    }
    let silent = Ack::parse(|_| None);
    assert!(!silent.has_passed(&read(&route("a"), 0)));
}

#[test]
fn a_replica_has_a_key_in_force_only_if_it_says_so() {
    let kids = |kids: &[&str]| kids.iter().map(|kid| Box::from(*kid)).collect();
    let signing = SigningKeys { published: kids(&["old", "new"]), signing: kids(&["old"]) };
    let ack = round_trip(&Ack::of(&Standing { signing, ..Standing::default() }));
    for (kid, publishes, signs) in
        [("", false, false), ("Old", false, false), ("next", false, false), ("new", true, false), ("old", true, true)]
    {
        assert_eq!((ack.keys().has(kid), ack.keys().signs_with(kid)), (publishes, signs), "{kid}");
    }
    for text in ["", ".", "AAAA", "AAAAAAAA", "!.!", "AAAAAAA.AAAAAAA"] {
        let ack = Ack::parse(|name| (name == SIGNING_KEYS).then(|| text.to_owned()));
        assert!(!ack.keys().has("old") && !ack.keys().signs_with("old"), "{text}");
    }
}

#[test]
fn an_ack_continues_another_if_it_takes_nothing_back() {
    let base = standing(&[(Kind::ApiRoute, None, 5), (Kind::Secret, Some("shop"), 5)], &[(route("a"), 1)]);
    for (versions, rejected, expected) in [
        (vec![(Kind::ApiRoute, None, 4), (Kind::Secret, Some("shop"), 6)], vec![(route("a"), 1)], false),
        (vec![(Kind::ApiRoute, None, 6)], vec![(route("a"), 1)], false),
        (vec![(Kind::ApiRoute, None, 6), (Kind::Secret, Some("shop"), 5)], vec![], false),
        (
            vec![(Kind::ApiRoute, None, 6), (Kind::Secret, Some("shop"), 5)],
            vec![(route("a"), 1), (route("b"), 1)],
            false,
        ),
        (vec![(Kind::ApiRoute, None, 6), (Kind::Secret, Some("shop"), 5)], vec![(route("a"), 1)], true),
        (
            vec![(Kind::ApiRoute, None, 5), (Kind::Secret, Some("shop"), 5), (Kind::Secret, Some("new"), 1)],
            vec![(route("a"), 1)],
            true,
        ),
    ] {
        let ack = Ack::of(&standing(&versions, &rejected));
        assert_eq!(ack.continues(&Ack::of(&base)), expected, "{versions:?} {rejected:?}");
    }
}
