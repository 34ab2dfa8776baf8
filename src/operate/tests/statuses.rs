//! What status says of a verdict and of the replicas that do or do not enforce it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{policy, read, route, verdict};
use crate::api::ConditionStatus;
use crate::clock::UnixTime;
use crate::finding::{Code, FieldPath, Finding};
use crate::name::{Generation, Kind, ObjectKey};
use crate::operate::ack::Ack;
use crate::operate::programmed::{Missing, Programmed, judge};
use crate::operate::status::{Known, desired};
use crate::resources::{Scope, SigningKeyState, Version};
use crate::state::{Board, Standing};

const NOW: UnixTime = UnixTime::from_secs(1_795_507_200);
const LATER: UnixTime = UnixTime::from_secs(1_795_510_800);

fn ack(version: u64, rejected: &[(ObjectKey, u64)]) -> Ack {
    let scope = |kind| Scope::Watch { kind, namespace: None };
    Ack::of(&Standing {
        versions: BTreeMap::from([
            (scope(Kind::ApiRoute), Version(version)),
            (scope(Kind::TokenPolicy), Version(version)),
        ]),
        rejected: rejected.iter().map(|(key, generation)| (key.clone(), Generation(*generation))).collect(),
        ..Standing::default()
    })
}

fn error(key: &ObjectKey, code: Code) -> Finding {
    Finding::error(key, FieldPath::spec().field("rules").index(0), code, "something is wrong", "mend it")
}

fn warning(key: &ObjectKey) -> Finding {
    Finding::warning(key, FieldPath::spec(), Code::Hardened, "it could be stricter", "be strict")
}

/// A route `a` that reads policy `p`, both seen at version 10.
fn board(route_findings: Vec<Finding>, policy_findings: Vec<Finding>) -> Board {
    let board = Board::new();
    let reads = vec![read(&route("a"), 10), read(&policy("p"), 10)];
    board.publish(
        [
            (route("a"), Some(verdict(3, route_findings, reads))),
            (policy("p"), Some(verdict(2, policy_findings, vec![read(&policy("p"), 10)]))),
        ],
        BTreeMap::new(),
    );
    board
}

fn judged(board: &Board, replicas: &[(&str, Option<Ack>)]) -> Programmed {
    let ready = replicas.iter().map(|(name, ack)| (Arc::from(*name), ack.as_ref())).collect();
    judge(&route("a"), &board.verdict(&route("a")).unwrap(), board, &ready, "leader")
}

fn behind(replicas: &[&str], missing: Missing) -> Programmed {
    Programmed::Behind { replicas: replicas.iter().copied().map(Arc::from).collect(), missing }
}

#[test]
fn an_object_is_enforced_only_when_every_ready_replica_has_passed_all_that_it_reads() {
    let board = board(vec![warning(&route("a"))], vec![]);
    let old_policy = Ack::of(&Standing {
        versions: BTreeMap::from([
            (Scope::Watch { kind: Kind::ApiRoute, namespace: None }, Version(10)),
            (Scope::Watch { kind: Kind::TokenPolicy, namespace: None }, Version(9)),
        ]),
        ..Standing::default()
    });
    for (replicas, expected) in [
        (vec![], Programmed::NoReplica),
        (vec![("b", None)], behind(&["b"], Missing::Report)),
        (vec![("b", Some(ack(9, &[])))], behind(&["b"], Missing::Object(route("a")))),
        (vec![("b", Some(ack(10, &[]))), ("c", Some(old_policy))], behind(&["c"], Missing::Object(policy("p")))),
        (vec![("b", Some(ack(9, &[]))), ("c", None)], behind(&["b", "c"], Missing::Object(route("a")))),
        (vec![("b", Some(ack(10, &[])))], Programmed::Enforced),
        (vec![("b", Some(ack(10, &[]))), ("c", Some(ack(99, &[])))], Programmed::Enforced),
        (vec![("leader", None)], Programmed::Enforced),
    ] {
        assert_eq!(judged(&board, &replicas), expected, "{replicas:?}");
    }
}

#[test]
fn a_replica_that_rejects_the_object_or_what_it_refers_to_does_not_enforce_it() {
    let board = board(vec![], vec![]);
    for (rejected, expected) in [
        (vec![(route("a"), 3)], Programmed::Rejected(vec![Arc::from("b")])),
        (vec![(policy("p"), 2)], Programmed::Rejected(vec![Arc::from("b")])),
        (vec![(route("a"), 2)], Programmed::Enforced),
        (vec![(route("other"), 3)], Programmed::Enforced),
    ] {
        let replicas = [("b", Some(ack(10, &rejected))), ("c", Some(ack(10, &[])))];
        assert_eq!(judged(&board, &replicas), expected, "{rejected:?}");
    }
}

#[test]
fn a_replica_that_has_not_seen_a_removal_does_not_enforce_it() {
    let board = board(vec![], vec![]);
    let without_policy = verdict(3, vec![], vec![read(&route("a"), 10)]);
    let policies = Scope::Watch { kind: Kind::TokenPolicy, namespace: None };
    board.publish([(route("a"), Some(without_policy))], BTreeMap::from([(policies, Version(12))]));
    let missing = Missing::Object(policy("p"));
    assert_eq!(judged(&board, &[("b", Some(ack(11, &[])))]), behind(&["b"], missing));
    assert_eq!(judged(&board, &[("b", Some(ack(12, &[])))]), Programmed::Enforced);
}

#[test]
fn an_error_in_the_object_or_in_what_it_refers_to_comes_first() {
    let own = error(&route("a"), Code::NoAuth);
    let other = error(&policy("p"), Code::WeakKey);
    let replicas = [("b", None)];
    assert_eq!(judged(&board(vec![own.clone()], vec![other.clone()]), &replicas), Programmed::Broken(own));
    assert_eq!(judged(&board(vec![], vec![other.clone()]), &replicas), Programmed::Broken(other));
}

#[test]
fn a_message_names_three_replicas_at_most_and_none_while_all_is_well() {
    let replicas = || ["a", "b", "c", "d", "e"].map(Arc::from).to_vec();
    for (programmed, expected) in [
        (Programmed::Enforced, (ConditionStatus::True, "Enforced", "enforced by every ready replica")),
        (
            Programmed::Rejected(replicas()),
            (ConditionStatus::False, "ReplicaRejects", "a, b, c and 2 more found an error in it"),
        ),
        (
            Programmed::Behind { replicas: replicas(), missing: Missing::Object(policy("p")) },
            (
                ConditionStatus::False,
                "ReplicaBehind",
                "waiting for a, b, c and 2 more: a has not seen TokenPolicy shop/p as it is now",
            ),
        ),
        (
            behind(&["b"], Missing::Report),
            (ConditionStatus::False, "ReplicaBehind", "waiting for b: b has not reported yet"),
        ),
        (
            Programmed::Broken(error(&policy("p"), Code::WeakKey)),
            (ConditionStatus::False, "WeakKey", "TokenPolicy shop/p: spec.rules[0]: something is wrong"),
        ),
    ] {
        let (status, reason, message) = programmed.condition();
        assert_eq!((status, reason.as_str(), message.as_str()), expected);
    }
}

/// The object as the API server has it after this status was applied.
fn with_status(status: &Value) -> serde_json::Map<String, Value> {
    json!({"metadata": {"uid": "uid-1"}, "status": status}).as_object().unwrap().clone()
}

#[test]
fn the_status_of_a_healthy_route_says_so_in_three_conditions_and_nothing_else() {
    let desired = desired(&route("a"), &verdict(3, vec![], vec![]), &Programmed::Enforced, None, NOW);
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "observedGeneration": 3, "lastTransitionTime": "2026-11-24T08:00:00Z",
            "reason": reason, "message": message,
        })
    };
    assert_eq!(
        desired.document,
        json!({
            "apiVersion": "bearward.dev/v1alpha1",
            "kind": "ApiRoute",
            "metadata": {"name": "a", "namespace": "shop", "uid": "uid-1"},
            "status": {
                "observedGeneration": 3,
                "conditions": [
                    condition("Accepted", "Accepted", "valid, and served by this installation"),
                    condition("ResolvedRefs", "ResolvedRefs", "everything that it names exists and may be used"),
                    condition("Programmed", "Enforced", "enforced by every ready replica"),
                ],
            },
        })
    );
}

#[test]
fn each_error_is_said_in_the_condition_that_it_concerns() {
    let key = route("a");
    for (findings, accepted, resolved) in [
        (vec![error(&key, Code::NoAuth)], "NoAuth", "ResolvedRefs"),
        (vec![error(&key, Code::BackendNotFound)], "Accepted", "BackendNotFound"),
        (vec![error(&key, Code::PolicyNotFound), error(&key, Code::NoAuth)], "NoAuth", "PolicyNotFound"),
        (vec![warning(&key)], "Accepted", "ResolvedRefs"),
    ] {
        let programmed = findings.first().cloned().map_or(Programmed::Enforced, Programmed::Broken);
        let desired = desired(&key, &verdict(1, findings, vec![]), &programmed, None, NOW);
        let conditions = &desired.document["status"]["conditions"];
        assert_eq!(conditions[0]["reason"], accepted);
        assert_eq!(conditions[1]["reason"], resolved);
    }
}

#[test]
fn a_policy_says_whether_it_is_hardened_and_if_not_what_is_weaker() {
    let key = policy("p");
    let at = |code, cause: &str| Finding::warning(&key, FieldPath::spec().field("accept"), code, cause, "cure");
    let generic = at(Code::Hardened, "no typ");
    let plain = at(Code::InsecureHttp, "plain http");
    for (name, findings, status, reason, message) in [
        ("nothing", vec![], "True", "Hardened", "nothing in it is weaker than it has to be"),
        (
            "a key is skipped",
            vec![at(Code::KeySkipped, "weak")],
            "True",
            "Hardened",
            "nothing in it is weaker than it has to be",
        ),
        (
            "the issuer is away",
            vec![error(&key, Code::KeysUnavailable)],
            "True",
            "Hardened",
            "nothing in it is weaker than it has to be",
        ),
        ("profile Generic", vec![generic.clone()], "False", "GenericProfile", "spec.accept: no typ"),
        ("insecureHttp", vec![plain.clone()], "False", "InsecureHttp", "spec.accept: plain http"),
        (
            "both",
            vec![generic.clone(), plain],
            "False",
            "GenericProfile",
            "spec.accept: no typ; spec.accept: plain http",
        ),
        ("an error", vec![error(&key, Code::WeakKey)], "Unknown", "NotAccepted", "not judged while it is not accepted"),
        ("one beside it", vec![error(&key, Code::WeakKey), generic], "False", "GenericProfile", "spec.accept: no typ"),
    ] {
        let desired = desired(&key, &verdict(1, findings, vec![]), &Programmed::Enforced, None, NOW);
        let condition = &desired.document["status"]["conditions"][3];
        assert_eq!(condition["type"], "Hardened", "{name}");
        let found = (&condition["status"], &condition["reason"], &condition["message"]);
        assert_eq!(found, (&json!(status), &json!(reason), &json!(message)), "{name}");
        let read = Known::of(Kind::TokenPolicy, &with_status(&desired.document["status"])).unwrap();
        assert_eq!(read, desired.known, "{name}: what is read back is what was written");
    }
    for other in [route("a"), ObjectKey::new(Kind::ModelBackend, "shop", "m")] {
        let desired = desired(&other, &verdict(1, vec![], vec![]), &Programmed::Enforced, None, NOW);
        assert_eq!(desired.document["status"]["conditions"].as_array().unwrap().len(), 3, "{other}");
    }
}

#[test]
fn the_time_of_a_condition_moves_only_with_its_status() {
    let key = route("a");
    let first = desired(&key, &verdict(1, vec![], vec![]), &Programmed::Enforced, None, NOW);
    let known = Known::of(Kind::ApiRoute, &with_status(&first.document["status"])).unwrap();
    assert_eq!(known, first.known, "what is read back is what was written");

    let same = desired(&key, &verdict(1, vec![], vec![]), &Programmed::Enforced, Some(&known), LATER);
    assert_eq!(same.known, known, "an hour later there is nothing to write");

    let broken = verdict(2, vec![error(&key, Code::NoAuth)], vec![]);
    let programmed = Programmed::Broken(error(&key, Code::NoAuth));
    let second = desired(&key, &broken, &programmed, Some(&known), LATER);
    assert_ne!(second.known, known);
    let times: Vec<_> =
        (0..3).map(|i| second.document["status"]["conditions"][i]["lastTransitionTime"].clone()).collect();
    assert_eq!(times, ["2026-11-24T09:00:00Z", "2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z"]);
}

#[test]
fn a_status_that_others_have_added_to_is_still_the_same() {
    let key = policy("p");
    let first = desired(&key, &verdict(1, vec![], vec![]), &Programmed::Enforced, None, NOW);
    let mut status = first.document["status"].clone();
    status["conditions"].as_array_mut().unwrap().push(json!({
        "type": "example.test/Checked", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z",
        "reason": "R", "message": "",
    }));
    assert_eq!(Known::of(Kind::TokenPolicy, &with_status(&status)).unwrap(), first.known);
    status["routes"] = json!(3);
    assert_ne!(Known::of(Kind::TokenPolicy, &with_status(&status)).unwrap(), first.known);
}

#[test]
fn what_is_known_of_an_object_of_the_same_name_does_not_count() {
    let key = route("a");
    let verdict = verdict(1, vec![], vec![]);
    let known = desired(&key, &verdict, &Programmed::Enforced, None, NOW).known;
    assert!(known.is_about(&verdict));
    let mut other = (*verdict).clone();
    other.uid = "uid-2".into();
    assert!(!known.is_about(&other));
    let anew = desired(&key, &other, &Programmed::Enforced, Some(&known), LATER);
    assert_eq!(anew.document["status"]["conditions"][0]["lastTransitionTime"], "2026-11-24T09:00:00Z");
}

#[test]
fn a_status_lists_256_findings_and_counts_the_rest_and_cuts_what_is_too_long() {
    let key = route("a");
    let mut findings: Vec<Finding> = (0..300)
        .map(|index| {
            let field = FieldPath::spec().field("rules").index(index);
            Finding::error(&key, field, Code::NoAuth, "é".repeat(2_000), "cure")
        })
        .collect();
    let status = |findings: Vec<Finding>| {
        let programmed = Programmed::Broken(findings[0].clone());
        desired(&key, &verdict(1, findings, vec![]), &programmed, None, NOW).document["status"].clone()
    };
    let many = status(findings.clone());
    assert_eq!(many["findings"].as_array().unwrap().len(), 256);
    assert_eq!(many["moreFindings"], 44);
    assert_eq!(many["findings"][0]["message"].as_str().unwrap().chars().count(), 1_024);
    findings.truncate(256);
    assert_eq!(status(findings).get("moreFindings"), None);
}

#[test]
fn the_status_of_an_issuer_lists_its_keys_and_which_of_them_signs() {
    let state = |number: usize, signs, since| SigningKeyState {
        kid: format!("key-{number}").into(),
        algorithm: "EdDSA",
        state: if signs { "Active" } else { "Retiring" },
        signs,
        since,
        next: "x".repeat(300),
    };
    let judged = |keys: Vec<SigningKeyState>| {
        let mut verdict = (*verdict(2, vec![], vec![])).clone();
        verdict.keys = keys;
        desired(&policy("p"), &verdict, &Programmed::Enforced, None, NOW)
    };
    let one = judged(vec![state(0, true, Some(NOW)), state(1, false, None)]);
    let status = &one.document["status"];
    assert_eq!(
        (&status["signing"]["kid"], &status["signing"]["since"]),
        (&json!("key-0"), &json!("2026-11-24T08:00:00Z"))
    );
    assert_eq!((&status["keys"][1]["state"], &status["keys"][1].get("since")), (&json!("Retiring"), &None));
    assert_eq!(status["keys"][0]["next"].as_str().unwrap().chars().count(), 256);
    // Without one that signs; with more than there can be; and another is written anew.
    let none = judged(vec![state(1, false, None)]);
    assert_eq!(none.document["status"].get("signing"), None);
    let many = judged((0..20).map(|number| state(number, false, None)).collect());
    assert_eq!(many.document["status"]["keys"].as_array().unwrap().len(), 16);
    assert_ne!(one.known, none.known);
    assert_eq!(judged(vec![]).document["status"].get("keys"), None);
    assert_eq!(Known::of(Kind::TokenPolicy, &with_status(status)).unwrap(), one.known);
}
