//! Which changes of a status are told as events.

use std::time::Duration;

use super::{route, verdict};
use crate::clock::{Tick, UnixTime};
use crate::finding::{Code, FieldPath, Finding};
use crate::operate::announcement::{Announcement, announcements};
use crate::operate::herald::{News, Recent};
use crate::operate::programmed::{Missing, Programmed};
use crate::operate::status::desired;

const NOW: UnixTime = UnixTime::from_secs(1_795_507_200);

fn error(code: Code, index: usize) -> Finding {
    Finding::error(&route("a"), FieldPath::spec().field("rules").index(index), code, "it is wrong", "mend it")
}

fn broken(findings: &[&Finding]) -> (Vec<Finding>, Programmed) {
    (findings.iter().copied().cloned().collect(), Programmed::Broken(findings[0].clone()))
}

fn told(before: Option<(Vec<Finding>, Programmed)>, after: (Vec<Finding>, Programmed)) -> Vec<Announcement> {
    let before = before.map(|(findings, programmed)| {
        desired(&route("a"), &verdict(1, findings, vec![]), &programmed, None, NOW).known
    });
    let (findings, programmed) = after;
    let verdict = verdict(2, findings, vec![]);
    announcements(before.as_ref(), &verdict, &desired(&route("a"), &verdict, &programmed, before.as_ref(), NOW))
}

fn words(all: &[Announcement]) -> Vec<String> {
    let word = |one: &Announcement| format!("{} {}", if one.is_warning { "Warning" } else { "Normal" }, one.reason);
    all.iter().map(word).collect()
}

#[test]
fn what_is_new_is_told_and_what_was_so_before_is_not() {
    let good = || (vec![], Programmed::Enforced);
    let behind = || (vec![], Programmed::Behind { replicas: vec!["b".into()], missing: Missing::Report });
    let (one, two) = (error(Code::NoAuth, 0), error(Code::BackendNotFound, 1));
    let warning = Finding::warning(&route("a"), FieldPath::spec(), Code::KeySkipped, "weak", "replace it");
    for (name, before, after, expected) in [
        ("nothing changed", Some(good()), good(), vec![]),
        ("the same error", Some(broken(&[&one])), broken(&[&one]), vec![]),
        ("one error of two is left", Some(broken(&[&one, &two])), broken(&[&two]), vec!["Normal Accepted"]),
        ("a warning", Some(good()), (vec![warning], Programmed::Enforced), vec![]),
        ("not comparable", Some(good()), (vec![], Programmed::NotComparable), vec![]),
        ("new and good", None, good(), vec!["Normal Enforced"]),
        ("new and broken", None, broken(&[&one]), vec!["Warning NoAuth"]),
        ("broken by an edit", Some(good()), broken(&[&one]), vec!["Warning NoAuth"]),
        ("another error", Some(broken(&[&one])), broken(&[&one, &two]), vec!["Warning BackendNotFound"]),
        (
            "the same in another place",
            Some(broken(&[&one])),
            broken(&[&error(Code::NoAuth, 3)]),
            vec!["Warning NoAuth"],
        ),
        ("behind", Some(good()), behind(), vec!["Warning ReplicaBehind"]),
        ("mended", Some(broken(&[&one])), good(), vec!["Normal Accepted", "Normal Enforced"]),
        ("caught up", Some(behind()), good(), vec!["Normal Enforced"]),
        (
            "what it refers to is broken",
            Some(good()),
            (vec![], Programmed::Broken(error(Code::WeakKey, 0))),
            vec!["Warning WeakKey"],
        ),
    ] {
        assert_eq!(words(&told(before, after)), expected, "{name}");
    }
}

#[test]
fn notes_say_where_why_and_what_to_do_and_are_bounded() {
    let all = told(None, broken(&[&error(Code::NoAuth, 0)]));
    assert_eq!(all[0].note, "spec.rules[0]: it is wrong. mend it");
    let long = Finding::error(&route("a"), FieldPath::spec(), Code::NoAuth, "é".repeat(2_000), "cure");
    let note = &told(None, broken(&[&long]))[0].note;
    assert!(note.len() <= 1_000 && note.len() > 990 && note.ends_with('…'), "{}", note.len());
    let many: Vec<Finding> = (0..100).map(|index| error(Code::NoAuth, index)).collect();
    assert_eq!(told(None, broken(&many.iter().collect::<Vec<_>>())).len(), 8);
}

#[test]
fn an_object_repeats_nothing_and_tells_twenty_things_in_ten_minutes() {
    let at = |seconds| Tick::from_start(Duration::from_secs(seconds));
    let news = |uid: &str, reason: &str, note: &str| News {
        key: route("a"),
        uid: uid.to_owned(),
        announcement: Announcement { is_warning: true, reason: reason.to_owned(), note: note.to_owned() },
    };
    let mut recent = Recent::default();
    for (uid, reason, note, seconds, is_told) in [
        ("1", "NoAuth", "rule 1", 0, true),
        ("1", "NoAuth", "rule 1", 1, false),
        ("1", "NoAuth", "rule 1", 599, false),
        ("1", "NoAuth", "rule 2", 599, true),
        ("1", "NoAuth", "rule 1", 599, true),
        ("2", "NoAuth", "rule 1", 599, true),
        ("1", "NoAuth", "rule 1", 600, true),
    ] {
        assert_eq!(recent.take(&news(uid, reason, note), at(seconds)), is_told, "{uid} {reason} {note} {seconds}");
    }
    let told = (0..100).filter(|number| recent.take(&news("1", "Flood", &number.to_string()), at(601))).count();
    assert_eq!(told, 19);
    let told = (3..3_000).filter(|number| recent.take(&news(&number.to_string(), "Many", ""), at(601))).count();
    assert_eq!(told, 1_024 - 2);
    assert!(recent.take(&news("later", "NoAuth", ""), at(1_300)));
}
