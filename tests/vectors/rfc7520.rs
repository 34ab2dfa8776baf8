//! RFC 7520: examples of protecting content.

use bearward::jose::{KeySet, SkipReason};

use super::{assert_refused, assert_verified, examples, text};

const DATA: &str = include_str!("rfc7520.json");

#[test]
fn sections_4_1_to_4_4_and_the_signature_of_section_6_verify() {
    let examples = examples(DATA, "verified");
    assert_eq!(
        examples.iter().map(|example| text(example, "section")).collect::<Vec<_>>(),
        ["4.1", "4.2", "4.3", "4.4", "6"]
    );
    examples.iter().for_each(assert_verified);
}

#[test]
fn sections_4_5_to_6_are_refused_in_every_form() {
    let examples = examples(DATA, "refused");
    assert_eq!(examples.len(), 45);
    examples.iter().for_each(assert_refused);
}

#[test]
fn section_3_public_keys_are_taken_and_others_are_not() {
    for example in examples(DATA, "keys") {
        let (keys, skipped) =
            KeySet::parse(serde_json::json!({"keys": [example["key"]]}).to_string().as_bytes()).unwrap();
        let reason = match example["skipped"].as_str() {
            None => None,
            Some("PrivateKey") => Some(SkipReason::PrivateKey),
            Some(name) => {
                assert_eq!(name, "SharedSecret");
                Some(SkipReason::SharedSecret)
            }
        };
        let section = text(&example, "section");
        assert_eq!(skipped.into_iter().map(|key| key.reason).next(), reason, "{section}");
        assert_eq!(keys.len(), usize::from(reason.is_none()), "{section}");
    }
}
