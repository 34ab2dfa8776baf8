//! Claims as header fields.

use serde_json::{Value, json};

use crate::proxy::claims::text;

#[test]
fn a_claim_that_could_be_misread_in_a_header_is_none() {
    for claim in [
        Value::Null,
        json!({"a": 1}),
        json!([["a"]]),
        json!([{"a": 1}]),
        json!(["a", null]),
        json!(["a,b"]),
        json!(" admin"),
        json!("admin "),
        json!(["a", " admin"]),
        json!("a\r\nx-admin: yes"),
        json!("a\u{0}b"),
        json!("a\tb"),
        json!("a\u{7f}b"),
        json!("Bj\u{f6}rn"),
        json!(["a", "Bj\u{f6}rn"]),
        json!("a".repeat(1_025)),
        json!(["a".repeat(1_000), "b".repeat(24)]),
    ] {
        assert_eq!(text(&claim), None, "{claim}");
    }
}

#[test]
fn strings_numbers_booleans_and_lists_of_them_become_text() {
    for (claim, expected) in [
        (json!("alice"), "alice"),
        (json!("a, b; c=\"d\""), "a, b; c=\"d\""),
        (json!(""), ""),
        (json!(7), "7"),
        (json!(-1.5), "-1.5"),
        (json!(18_446_744_073_709_551_615_u64), "18446744073709551615"),
        (json!(true), "true"),
        (json!([]), ""),
        (json!(["a", "b c", 3, false]), "a,b c,3,false"),
    ] {
        assert_eq!(text(&claim).as_deref(), Some(expected), "{claim}");
    }
    let longest = "a".repeat(1_024);
    assert_eq!(text(&json!(longest)).as_deref(), Some(longest.as_str()));
}
