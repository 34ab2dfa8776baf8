//! How findings are ordered and written.

use super::{Code, FieldPath, Finding, Findings, did_you_mean, nearest};
use crate::name::{Kind, ObjectKey};

#[test]
fn a_path_is_written_as_a_user_would() {
    let path = FieldPath::spec().field("rules").index(0).field("backends").index(12).field("url");
    assert_eq!(path.to_string(), "spec.rules[0].backends[12].url");
    assert_eq!(FieldPath::root().to_string(), "");
}

#[test]
fn findings_come_in_the_order_of_the_file_and_once() {
    let route = ObjectKey::new(Kind::ApiRoute, "shop", "orders");
    let rules = FieldPath::spec().field("rules");
    let at = |index| Finding::error(&route, rules.index(index), Code::InvalidValue, "a", "b");
    let findings: Findings = [at(10), at(2), at(2)].into_iter().collect();
    assert_eq!(
        findings.iter().map(|finding| finding.field.to_string()).collect::<Vec<_>>(),
        ["spec.rules[2]", "spec.rules[10]"]
    );
    assert!(findings.has_errors());
}

#[test]
fn a_finding_is_one_line() {
    let route = ObjectKey::new(Kind::ApiRoute, "shop", "orders");
    let finding = Finding::warning(&route, FieldPath::spec(), Code::InvalidValue, "what happened", "what to do");
    assert_eq!(finding.to_string(), "warning[InvalidValue] ApiRoute shop/orders: spec: what happened; what to do");
}

#[test]
fn every_code_has_its_own_name_and_is_explained() {
    let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(!code.cause().is_empty() && !code.cure().is_empty(), "{code}");
    }
}

#[test]
fn a_mistyped_word_is_taken_for_the_nearest_known_one() {
    let known = ["hosts", "rules", "auth", "upstreams", "policyRef"];
    for (word, meant) in [
        ("host", Some("hosts")),
        ("hostss", Some("hosts")),
        ("ruels", Some("rules")),
        ("Auth", Some("auth")),
        ("policyref", Some("policyRef")),
        ("policy_ref", Some("policyRef")),
        ("backends", None),
        ("x", None),
        ("", None),
        ("hostile", None),
        ("polciyRfe", Some("policyRef")),
        ("poliyRe", Some("policyRef")),
        ("polRef", None),
    ] {
        assert_eq!(nearest(word, known), meant, "{word}");
    }
    assert_eq!(did_you_mean("host", known), "; did you mean hosts?");
    assert_eq!(did_you_mean("backends", known), "");
    assert_eq!(nearest(&"a".repeat(65), ["a".repeat(66).as_str()]), None, "too long to compare");
}
