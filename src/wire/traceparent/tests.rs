//! Tables of Trace Context, section 3.2, refused rows first.

use http::{HeaderMap, HeaderValue};

use super::{RequestId, Sampled, TRACEPARENT, TRACESTATE, TraceParent};

const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn an_invalid_traceparent_is_no_trace() {
    for value in [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-010",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00x4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert_eq!(TraceParent::parse(value.as_bytes()), None, "{value}");
    }
}

#[test]
fn a_valid_traceparent_is_continued() {
    for (value, sent) in [
        (VALID, "00-4bf92f3577b34da6a3ce929d0e0e4736-0102030405060708-01"),
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0102030405060708-00",
        ),
        (
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-comes-later",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0102030405060708-01",
        ),
    ] {
        let parent = TraceParent::parse(value.as_bytes()).unwrap();
        assert_eq!(parent.child([1, 2, 3, 4, 5, 6, 7, 8]).to_value(), sent, "{value}");
    }
}

#[test]
fn a_new_trace_never_has_an_id_of_zeros() {
    let value = TraceParent::new([0; 16], [0; 8], Sampled::No).to_value();
    assert_eq!(value, "00-00000000000000000000000000000001-0000000000000001-00");
    assert!(TraceParent::parse(value.as_bytes()).is_some());
}

#[test]
fn tracestate_goes_with_its_traceparent() {
    for (values, kept) in [(&[VALID][..], true), (&[VALID, VALID], false), (&["garbage"], false), (&[], false)] {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_static(value));
        }
        headers.append(TRACESTATE, HeaderValue::from_static("a=b"));
        assert_eq!(TraceParent::of_request(&mut headers).is_some(), kept, "{values:?}");
        assert_eq!(headers.contains_key(TRACESTATE), kept, "{values:?}");
        assert_eq!(headers.contains_key(TRACEPARENT), kept, "{values:?}");
    }
}

#[test]
fn a_callers_request_id_is_plain_and_short() {
    let long = "a".repeat(129);
    for value in ["", "a b", "a\"b", "a;b", "a,b", "<a>", "$(a)", "a%0a", &long] {
        assert_eq!(RequestId::from_caller(&value.parse().unwrap()), None, "{value}");
    }
    assert_eq!(RequestId::from_caller(&HeaderValue::from_bytes(b"caf\xe9").unwrap()), None);
    for value in ["a", "7f1c1d8e-36d5-4c0f-9f9e-1c6b7c6c0a11", "1-67891233-abcdef012345678912345678", "a+/=@:~"] {
        let id = RequestId::from_caller(&HeaderValue::from_str(value).unwrap()).unwrap();
        assert_eq!(id.as_str(), value);
    }
    assert_eq!(RequestId::new([0xAB; 16]).to_string(), "ab".repeat(16));
}
