//! Paths on their way to the upstream.

use crate::proxy::transform::{push_path, strip_front};
use crate::snapshot::PathRewrite;

fn prefix(matched: &str, replacement: &str) -> PathRewrite {
    PathRewrite::Prefix { matched: matched.len(), replacement: replacement.into() }
}

#[test]
fn a_prefix_is_replaced_by_whole_segments() {
    for (matched, replacement, path, expected) in [
        ("/orders", "/v1", "/orders", "/v1"),
        ("/orders", "/v1", "/orders/", "/v1/"),
        ("/orders", "/v1", "/orders/7", "/v1/7"),
        ("/orders", "", "/orders", "/"),
        ("/orders", "", "/orders/", "/"),
        ("/orders", "", "/orders/7", "/7"),
        ("", "/v1", "/", "/v1/"),
        ("", "/v1", "/7", "/v1/7"),
        ("", "", "/", "/"),
    ] {
        let mut text = String::new();
        push_path(&mut text, Some(&prefix(matched, replacement)), path);
        assert_eq!(text, expected, "{matched} → {replacement}: {path}");
    }
}

#[test]
fn a_whole_path_is_replaced_or_none() {
    let mut text = "/base".to_owned();
    push_path(&mut text, Some(&PathRewrite::Full("/fixed".into())), "/orders/7");
    assert_eq!(text, "/base/fixed");
    let mut text = "/base".to_owned();
    push_path(&mut text, None, "/orders/7");
    assert_eq!(text, "/base/orders/7");
}

#[test]
fn a_front_is_taken_off_by_whole_segments() {
    for (base, front, path, expected) in [
        ("", "/v1", "/v10/chat", "/v10/chat"),
        ("", "/v1", "/v", "/v"),
        ("", "/v1", "/api/v1/chat", "/api/v1/chat"),
        ("/v1", "/v1", "/v2", "/v1/v2"),
        ("", "", "/chat", "/chat"),
        ("", "/v1", "/v1/chat", "/chat"),
        ("", "/v1", "/v1/", "/"),
        ("", "/v1", "/v1", "/"),
        ("/openai/v1", "/v1", "/v1/chat", "/openai/v1/chat"),
        ("/v1", "/v1", "/v1/v1", "/v1/v1"),
    ] {
        let mut text = format!("{base}{path}");
        strip_front(&mut text, base.len(), front);
        assert_eq!(text, expected, "{base} + {path} without {front}");
    }
}
