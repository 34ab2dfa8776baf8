//! What is on the board after each publication, and who is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Board, Revision};
use crate::finding::{Code, FieldPath, Finding};
use crate::name::{Generation, Kind, ObjectKey};
use crate::resources::{Read, Scope, Verdict, Version};

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::ApiRoute, "shop", name)
}

fn verdict(name: &str, generation: u64, findings: Vec<Finding>) -> (ObjectKey, Option<Arc<Verdict>>) {
    let verdict = Verdict {
        uid: "u".into(),
        generation: Generation(generation),
        findings,
        reads: Vec::new(),
        refusing_rules: 0,
        rules: 0,
        keys: Vec::new(),
    };
    (key(name), Some(Arc::new(verdict)))
}

fn error(name: &str) -> Finding {
    Finding::error(&key(name), FieldPath::spec(), Code::NoAuth, "cause", "cure")
}

fn warning(name: &str) -> Finding {
    Finding::warning(&key(name), FieldPath::spec(), Code::InsecureHttp, "cause", "cure")
}

fn versions(version: u64) -> BTreeMap<Scope, Version> {
    BTreeMap::from([(Scope::Watch { kind: Kind::ApiRoute, namespace: None }, Version(version))])
}

#[test]
fn changes_are_coalesced_and_taken_once() {
    let board = Board::new();
    board.publish([verdict("a", 1, vec![]), verdict("b", 1, vec![])], versions(1));
    board.publish([verdict("a", 2, vec![]), (key("c"), None)], versions(2));
    assert_eq!(board.take_changed().into_iter().collect::<Vec<_>>(), [key("a"), key("b"), key("c")]);
    assert!(board.take_changed().is_empty());
    assert_eq!(board.verdict(&key("a")).unwrap().generation, Generation(2));
    assert!(board.verdict(&key("c")).is_none());
    assert_eq!(board.keys(), [key("a"), key("b")]);
}

#[test]
fn a_revision_says_which_half_changed_and_nothing_changed_wakes_nobody() {
    let board = Board::new();
    let mut revisions = board.revisions();
    board.publish([verdict("a", 1, vec![])], versions(1));
    assert_eq!(*revisions.borrow_and_update(), Revision { verdicts: 1, versions: 1 });
    board.publish([], versions(1));
    assert!(!revisions.has_changed().unwrap());
    board.publish([], versions(2));
    assert_eq!(*revisions.borrow_and_update(), Revision { verdicts: 1, versions: 2 });
    board.publish([(key("a"), None)], versions(2));
    assert_eq!(*revisions.borrow_and_update(), Revision { verdicts: 2, versions: 2 });
}

#[test]
fn only_an_error_of_the_generation_in_force_rejects() {
    let board = Board::new();
    board.publish([verdict("a", 1, vec![warning("a")]), verdict("b", 1, vec![warning("b"), error("b")])], versions(1));
    let rejected = || board.standing().rejected.into_iter().collect::<Vec<_>>();
    assert_eq!(rejected(), [(key("b"), Generation(1))]);
    board.publish([verdict("b", 2, vec![error("b")])], versions(2));
    assert_eq!(rejected(), [(key("b"), Generation(2))]);
    board.publish([verdict("b", 3, vec![])], versions(3));
    assert_eq!(rejected(), []);
    board.publish([verdict("b", 3, vec![error("b")])], versions(3));
    board.publish([(key("b"), None)], versions(4));
    assert_eq!(rejected(), []);
    assert_eq!(board.standing().versions, versions(4));
}

fn secret(name: &str, version: u64) -> Read {
    Read { key: ObjectKey::new(Kind::Secret, "shop", name), version: Version(version) }
}

fn reading(generation: u64, reads: Vec<Read>) -> (ObjectKey, Option<Arc<Verdict>>) {
    let (key, verdict) = verdict("a", generation, vec![]);
    let mut verdict = Arc::unwrap_or_clone(verdict.unwrap());
    verdict.reads = reads;
    verdict.reads.push(Read { key: key.clone(), version: Version(generation) });
    (key, Some(Arc::new(verdict)))
}

fn secrets_at(version: u64) -> BTreeMap<Scope, Version> {
    BTreeMap::from([(Scope::Watch { kind: Kind::Secret, namespace: Some("shop".into()) }, Version(version))])
}

#[test]
fn what_was_read_and_removed_is_known_with_the_version_by_which_it_was_gone() {
    let board = Board::new();
    board.publish([reading(1, vec![secret("k", 5), secret("l", 6)])], secrets_at(6));
    assert_eq!(board.removed(&key("a")), []);
    board.publish([reading(1, vec![secret("l", 6)])], secrets_at(9));
    assert_eq!(board.removed(&key("a")), [secret("k", 9)]);
    board.publish([reading(1, vec![])], secrets_at(12));
    assert_eq!(board.removed(&key("a")), [secret("l", 12)], "who has passed this has passed the other");
    board.publish([reading(1, vec![secret("l", 13)])], secrets_at(13));
    assert_eq!(board.removed(&key("a")), [], "it is back, with a version of its own");
}

#[test]
fn what_is_not_read_any_more_because_of_an_edit_was_not_removed() {
    let board = Board::new();
    board.publish([reading(1, vec![secret("k", 5), secret("l", 6)])], secrets_at(6));
    board.publish([reading(2, vec![secret("l", 6)])], secrets_at(9));
    assert_eq!(board.removed(&key("a")), []);
    board.publish([reading(2, vec![])], BTreeMap::new());
    assert_eq!(board.removed(&key("a")), [], "nor what is not watched any more");
    board.publish([reading(2, vec![secret("l", 6)])], secrets_at(9));
    board.publish([reading(2, vec![])], secrets_at(10));
    board.publish([(key("a"), None)], secrets_at(11));
    assert_eq!(board.removed(&key("a")), [], "nor anything of an object that is gone itself");
}
